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
	Name string
	FS   fs.FS
}

// EmbeddedSchema is the Schema whose files a package embeds in its folder migrations.
func EmbeddedSchema(name string, files embed.FS) Schema {
	folder, err := fs.Sub(files, "migrations")
	if err != nil {
		panic(err) // the name is valid
	}
	return Schema{Name: name, FS: folder}
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
