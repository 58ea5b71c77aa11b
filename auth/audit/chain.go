package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"lightbox/fhir/store"
)

// chain is a table of records, each with a hash over the one before. Changes are appended to theirs in the transaction of what they tell of.
// What is disclosed is in no transaction of the store: its chain is in the ledger, where a read waits for no writer.
type chain struct {
	name    string // in what Verify tells
	table   string
	indexed string // table with the number of the last record of which the AuditEvents are made
	view    func(ctx context.Context, fn func(tx store.SQL) error) error
}

func chainsOf(st store.Store) []chain {
	return []chain{
		{"changes", "audit_record", "audit_indexed", st.View},
		{"accesses", "audit_access", "audit_access_indexed", st.Ledger().View},
	}
}

// link is one place in a chain; the zero link stands before the first.
type link struct {
	seq  int64
	hash []byte
}

// next is the place of a record that follows.
func (k link) next(body []byte) link {
	h := sha256.New()
	h.Write(k.hash)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(k.seq+1))) //nolint:gosec // counts from 1
	h.Write(body)
	return link{k.seq + 1, h.Sum(nil)}
}

// insert is the statement for a record.
func (c chain) insert() string {
	return "INSERT INTO " + c.table + " (seq, hash, body) VALUES ($1, $2, $3)"
}

// last returns the end of the chain.
func (c chain) last(ctx context.Context, tx store.SQL) (end link, err error) {
	err = tx.Query(ctx, "SELECT seq, hash FROM "+c.table+" ORDER BY seq DESC LIMIT 1", nil, func(scan func(...any) error) error {
		return scan(&end.seq, &end.hash)
	})
	return end, err
}

// record is one that is stored.
type record struct {
	link
	body []byte
}

// errEnough ends a query of which no more rows are needed.
var errEnough = errors.New("enough")

// records reads those after a number: at most limit, and none after as many events. more: there may be further ones.
func (c chain) records(ctx context.Context, after int64, limit int) (list []record, more bool, err error) {
	events := 0
	err = c.view(ctx, func(tx store.SQL) error {
		query := "SELECT seq, hash, body FROM " + c.table + " WHERE seq > $1 ORDER BY seq LIMIT $2"
		return tx.Query(ctx, query, []any{after, limit}, func(scan func(...any) error) error {
			var r record
			if err := scan(&r.seq, &r.hash, &r.body); err != nil {
				return err
			}
			list = append(list, r)
			if events += eventsIn(r.body); events >= limit {
				return errEnough
			}
			return nil
		})
	})
	if errors.Is(err, errEnough) {
		return list, true, nil
	}
	return list, false, err
}

// maxBody bounds one record, in bytes, unless a single event is longer.
const maxBody = 256 << 10

// bodies puts events together that are committed together, each on a line of its own: a row costs more than the events in it.
func bodies(events [][]byte) (all [][]byte) {
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && (n == 0 || size+len(events[n]) <= maxBody) {
			size += len(events[n]) + 1
			n++
		}
		all = append(all, bytes.Join(events[:n], []byte{'\n'}))
		events = events[n:]
	}
	return all
}

func eventsIn(body []byte) int { return bytes.Count(body, []byte{'\n'}) + 1 }
