// Package schema brings a database to the present layout: the store's own migrations, then those of the packages that keep
// tables of their own. Whoever calls it holds a lock, so that several processes may start together.
package schema

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"lightbox/fhir/store"
)

// Migrator knows every migration of one database.
type Migrator struct {
	dialect goose.Dialect
	schemas []store.Schema
	log     *slog.Logger
}

// New returns the migrator of the store's tables and of those that packages keep beside them.
func New(dialect goose.Dialect, own fs.FS, o store.Options) (*Migrator, error) {
	return migrator(dialect, append([]store.Schema{{Name: "store", FS: own}}, o.Schemas...), o)
}

// Ledger returns the migrator of the tables that packages keep in the ledger; nil where there are none.
func Ledger(dialect goose.Dialect, o store.Options) (*Migrator, error) {
	var schemas []store.Schema
	for _, s := range o.Schemas {
		if s.Ledger != nil {
			schemas = append(schemas, store.Schema{Name: s.Name + "_ledger", FS: s.Ledger})
		}
	}
	if schemas == nil {
		return nil, nil
	}
	return migrator(dialect, schemas, o)
}

// migrator checks that names can stand in the name of a table.
func migrator(dialect goose.Dialect, schemas []store.Schema, o store.Options) (*Migrator, error) {
	m := &Migrator{dialect: dialect, schemas: schemas, log: o.Log}
	for _, s := range m.schemas {
		if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`).MatchString(s.Name) {
			return nil, fmt.Errorf("schema name %q is not made of small letters, digits and _", s.Name)
		}
	}
	return m, nil
}

func versionTable(s store.Schema) string { return "goose_" + s.Name }

func (m *Migrator) provider(db *sql.DB, s store.Schema) (*goose.Provider, error) {
	versions, err := database.NewStore(m.dialect, versionTable(s))
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider("", db, s.FS, goose.WithStore(versions), goose.WithDisableGlobalRegistry(true), goose.WithSlog(m.log))
	if err != nil {
		return nil, fmt.Errorf("migrations of %s: %w", s.Name, err)
	}
	return p, nil
}

// Up applies what is missing.
func (m *Migrator) Up(ctx context.Context, db *sql.DB) error {
	for _, s := range m.schemas {
		p, err := m.provider(db, s)
		if err != nil {
			return err
		}
		if _, err := p.Up(ctx); err != nil {
			return fmt.Errorf("migrations of %s: %w", s.Name, err)
		}
	}
	return nil
}

// Current reports whether nothing is missing. It only reads.
func (m *Migrator) Current(ctx context.Context, db *sql.DB) (bool, error) {
	for _, s := range m.schemas {
		p, err := m.provider(db, s)
		if err != nil {
			return false, err
		}
		sources := p.ListSources()
		var version int64
		err = db.QueryRowContext(ctx, "SELECT MAX(version_id) FROM "+versionTable(s)).Scan(&version)
		if err != nil || version < sources[len(sources)-1].Version {
			return false, ctx.Err() // no such table: nothing was applied yet
		}
	}
	return true, nil
}
