package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"lightbox/fhir/store"
)

// Verified is what Verify found.
type Verified struct {
	Events int64
	// Head names the last record of each chain by number and hash, "changes:8:9f86...,accesses:812:60f1...", to be kept elsewhere: later
	// chains must hold them.
	Head   string
	Broken string // the first record that does not follow from the one before, "accesses:5"; "": none
}

// verifyBatch is how many records are read at once.
const verifyBatch = 1000

// Verify walks the chains. progress, when given, is called now and then with the number of events so far.
func (l *Log) Verify(ctx context.Context, progress func(events int64)) (v Verified, err error) {
	var heads []string
	for _, c := range l.chains {
		at, err := c.verify(ctx, func(events int64) {
			if v.Events += events; progress != nil {
				progress(v.Events)
			}
		})
		var broken errBrokenAt
		if errors.As(err, &broken) {
			v.Broken = fmt.Sprintf("%s:%d", c.name, int64(broken))
			return v, nil
		}
		if err != nil {
			return v, err
		}
		heads = append(heads, fmt.Sprintf("%s:%d:%x", c.name, at.seq, at.hash))
	}
	v.Head = strings.Join(heads, ",")
	return v, nil
}

// errBrokenAt is the number of a record that does not follow from the one before.
type errBrokenAt int64

func (e errBrokenAt) Error() string {
	return "audit: broken at record " + strconv.FormatInt(int64(e), 10)
}

// verify walks the chain and returns its end.
func (c chain) verify(ctx context.Context, walked func(events int64)) (at link, err error) {
	for {
		list, _, err := c.records(ctx, at.seq, verifyBatch)
		if err != nil || len(list) == 0 {
			return at, err
		}
		events := int64(0)
		for _, r := range list {
			if at = at.next(r.body); at.seq != r.seq || !bytes.Equal(at.hash, r.hash) {
				return at, errBrokenAt(at.seq)
			}
			events += int64(eventsIn(r.body))
		}
		walked(events)
	}
}

// Holds reports whether the chains have the records that a Head of an earlier Verify names. One of before there was a chain of accesses
// is a number and a hash alone, and names a change.
func (l *Log) Holds(ctx context.Context, head string) (bool, error) {
	for one := range strings.SplitSeq(head, ",") {
		held, err := l.holds(ctx, strings.Split(one, ":"))
		if !held || err != nil {
			return false, err
		}
	}
	return true, nil
}

// ErrHead is of a text that is no head.
var ErrHead = errors.New("audit: not a head as Verify tells it")

func (l *Log) holds(ctx context.Context, parts []string) (bool, error) {
	if len(parts) == 2 {
		parts = append([]string{l.chains[0].name}, parts...)
	}
	if len(parts) != 3 {
		return false, ErrHead
	}
	seq, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return false, ErrHead
	}
	for _, c := range l.chains {
		if c.name == parts[0] {
			hash, err := c.hashAt(ctx, seq)
			return hash == parts[2], err
		}
	}
	return false, ErrHead
}

// hashAt returns the hash that a record has; "" where there is none of the number.
func (c chain) hashAt(ctx context.Context, seq int64) (hash string, err error) {
	err = c.view(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT hash FROM "+c.table+" WHERE seq = $1", []any{seq}, func(scan func(...any) error) error {
			var b []byte
			err := scan(&b)
			hash = fmt.Sprintf("%x", b)
			return err
		})
	})
	return hash, err
}
