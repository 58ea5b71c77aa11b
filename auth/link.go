package auth

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema returns the tables that the package keeps in the store's database.
func Schema() store.Schema { return store.EmbeddedSchema("auth", migrations) }

// Link records that a subject of an issuer is a resource here: the launch Patient, a person, or the Organization that it acts for.
type Link struct {
	Issuer, Subject string
	Reference       string // "Type/id"
	By              string // who recorded it
	At              time.Time
}

// ErrLinked is of a link for a subject that has another one of the type.
var ErrLinked = errors.New("auth: the subject is linked to another resource of the type")

// List returns the links of an issuer and a subject, in order; of all where either is empty.
func (p *People) List(ctx context.Context, of Link) (links []Link, err error) {
	err = p.store.View(ctx, func(tx store.SQL) error {
		links, err = listLinks(ctx, tx, of)
		return err
	})
	return links, err
}

func listLinks(ctx context.Context, tx store.SQL, of Link) (links []Link, err error) {
	const query = `SELECT issuer, subject, reference, made_by, made_at FROM auth_link
		WHERE ($1 = '' OR issuer = $1) AND ($2 = '' OR subject = $2) ORDER BY issuer, subject, type`
	err = tx.Query(ctx, query, []any{of.Issuer, of.Subject}, func(scan func(...any) error) error {
		var l Link
		var at int64
		err := scan(&l.Issuer, &l.Subject, &l.Reference, &l.By, &at)
		l.At = time.UnixMicro(at).UTC()
		links = append(links, l)
		return err
	})
	return links, err
}

// AddLink records a link to a resource that is there; added is false where it was recorded before. ErrLinked, ErrUnknown.
func AddLink(ctx context.Context, tx store.Tx, l Link) (added bool, err error) {
	if err := l.check(); err != nil {
		return false, err
	}
	resourceType, id, _ := strings.Cut(l.Reference, "/")
	switch r, err := tx.Get(ctx, resourceType, id); {
	case errors.Is(err, store.ErrNotFound), err == nil && r.Deleted:
		return false, fmt.Errorf("%w: %s", ErrUnknown, l.Reference)
	case err != nil:
		return false, err
	}
	links, err := listLinks(ctx, tx, l)
	if err != nil {
		return false, err
	}
	for _, old := range links {
		switch {
		case old.Reference == l.Reference:
			return false, nil
		case typeOf(old.Reference) == resourceType:
			return false, fmt.Errorf("%w: %s", ErrLinked, old.Reference)
		}
	}
	_, err = tx.Exec(ctx, "INSERT INTO auth_link (issuer, subject, type, reference, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6)",
		l.Issuer, l.Subject, resourceType, l.Reference, l.By, l.At.UnixMicro())
	return err == nil, err
}

// RemoveLink ends a link; removed is false where there was none.
func RemoveLink(ctx context.Context, tx store.Tx, l Link) (removed bool, err error) {
	if err := l.check(); err != nil {
		return false, err
	}
	n, err := tx.Exec(ctx, "DELETE FROM auth_link WHERE issuer = $1 AND subject = $2 AND reference = $3", l.Issuer, l.Subject, l.Reference)
	return n > 0, err
}

func (l Link) check() error {
	if err := checkIssuer(l.Issuer); err != nil {
		return err
	}
	resourceType, id, _ := strings.Cut(l.Reference, "/")
	switch {
	case l.Subject == "":
		return errors.New("auth: a link needs a subject")
	case !slices.Contains(identified(), resourceType) || !fhir.ValidID(id):
		return fmt.Errorf("auth: %q is not Type/id with a type of %s", l.Reference, strings.Join(identified(), ", "))
	}
	return nil
}
