package archivesync

import (
	"context"
	"strings"
	"time"

	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// Refused is one object of another archive that the hub cannot take. Its bytes are there.
type Refused struct {
	Archive  string
	Object   string // as the archive names it
	Reason   string
	Detail   string
	Received time.Time
}

// refuse keeps what is refused: it is not read again until all is.
func (s *Sync) refuse(ctx context.Context, list []ingest.Refusal) error {
	if len(list) == 0 {
		return nil
	}
	return s.Hub.Store.Write(ctx, func(tx store.Tx) error {
		for _, one := range list {
			object := strings.TrimPrefix(one.File, s.fileName(""))
			study, _, _ := strings.Cut(object, "/")
			_, err := tx.Exec(ctx, `INSERT INTO sync_refused (name, object, study, reason, detail, received) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (name, object) DO UPDATE SET reason = excluded.reason, detail = excluded.detail, received = excluded.received`,
				s.Name, object, study, one.Reason, one.Detail, tx.Now().Unix())
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// forgive takes the archive's objects off the list: they are read again.
func (s *Sync) forgive(ctx context.Context) error {
	return s.Hub.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM sync_refused WHERE name = $1", s.Name)
		return err
	})
}

// refusedOf lists what is refused of a study of an archive.
func refusedOf(ctx context.Context, tx store.SQL, name, study string) (list []string, err error) {
	err = tx.Query(ctx, "SELECT object FROM sync_refused WHERE name = $1 AND study = $2", []any{name, study}, func(scan func(...any) error) error {
		var object string
		err := scan(&object)
		list = append(list, object)
		return err
	})
	return list, err
}

// ListRefused lists what other archives have that the hub cannot take, the oldest first and at most limit.
func ListRefused(ctx context.Context, s store.Store, limit int) (list []Refused, err error) {
	err = s.View(ctx, func(tx store.SQL) error {
		list = nil
		query := "SELECT name, object, reason, detail, received FROM sync_refused ORDER BY received, name, object LIMIT $1"
		return tx.Query(ctx, query, []any{limit}, func(scan func(...any) error) error {
			var one Refused
			var received int64
			err := scan(&one.Archive, &one.Object, &one.Reason, &one.Detail, &received)
			one.Received = time.Unix(received, 0).UTC()
			list = append(list, one)
			return err
		})
	})
	return list, err
}
