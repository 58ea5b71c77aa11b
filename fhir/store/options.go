package store

import (
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"lightbox/fhir"
)

// Options is what every store is opened with.
type Options struct {
	Registry *fhir.Registry   // nil: fhir.R4()
	Log      *slog.Logger     // nil: none
	Clock    func() time.Time // nil: time.Now
	Schemas  []Schema         // of packages that keep tables of their own; migrated after the store's
}

// Schema is the migrations of one package, as goose reads them: NNN_name.sql, in SQL that both databases take. Their state
// is kept in a version table of their own, goose_<Name>.
type Schema struct {
	Name   string
	FS     fs.FS
	Ledger fs.FS // of its tables in the Ledger, whose state is in goose_<Name>_ledger; nil: it has none
}

// EmbeddedSchema is the Schema whose files a package embeds in its folder migrations, and those of the ledger in migrations/ledger.
func EmbeddedSchema(name string, files embed.FS) Schema {
	s := Schema{Name: name, FS: folder(files, "migrations")}
	if _, err := fs.Stat(files, "migrations/ledger"); err == nil {
		s.Ledger = folder(files, "migrations/ledger")
	}
	return s
}

func folder(files embed.FS, name string) fs.FS {
	f, err := fs.Sub(files, name)
	if err != nil {
		panic(err) // the name is valid
	}
	return f
}

// WithDefaults returns o with every nil field set.
func (o Options) WithDefaults() Options {
	if o.Registry == nil {
		o.Registry = fhir.R4()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return o
}
