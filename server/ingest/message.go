package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lightbox/auth/audit"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/mapping/hl7v2"
)

// Message takes one HL7 v2 message in. It returns once its bytes are in the archive and what it says is committed, so that it may be
// acknowledged; what it says is built soon after. A message that was taken before changes nothing. The error is a *Refusal where the message
// is at fault, and then its bytes are kept with the reason; any other error is a failure of ours, and the message is to be sent again.
func (p *Pipeline) Message(ctx context.Context, text []byte, from Origin) error {
	read := newReader(p.Mapper, newTally(nil))
	from.Visit = from.visit()
	read.objects, read.origin, read.now = p.Objects, from, time.Now
	object, err := read.letters(ctx, File{Name: "message"}, [][]byte{text})
	if refused, ok := asRefusal(err); ok {
		return errors.Join(err, p.setAside(ctx, text, from, refused))
	}
	if err == nil {
		err = p.commit(ctx, []taken{object}, read.tally)
	}
	if err == nil && p.Changed != nil {
		p.Changed()
	}
	return err
}

// setAside keeps a message that was refused, and puts that on record.
func (p *Pipeline) setAside(ctx context.Context, text []byte, from Origin, why Refusal) error {
	object, _, err := archive.Put(ctx, p.Objects, bytes.NewReader(text))
	if err != nil {
		return &keepError{err}
	}
	events := p.refusedMessage(text, from.Visit, why.Reason)
	err = p.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO ingest_refused (object, source, reason, detail, received) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
			object[:], from.Source, why.Reason, why.Detail, time.Now().Unix())
		if err != nil || len(events) == 0 {
			return err
		}
		return p.Audit.Append(ctx, tx, events...)
	})
	if err != nil {
		return &keepError{err}
	}
	return nil
}

// refusedMessage is the event of a message that was refused; none where too many are recorded at this time. It names no patient.
func (p *Pipeline) refusedMessage(text []byte, visit *Visit, reason string) []audit.Event {
	if p.Audit == nil {
		return nil
	}
	h := header{kind: audit.Message}
	if message, err := hl7v2.Parse(text, hl7v2.Options{}); err == nil {
		h = headerOf(message)
	}
	e := visit.message(h)
	e.Outcome, e.Reason = audit.Minor, reason
	return p.admitted(nil, e)
}

// keepError is that a refused message could not be kept either: it has to come again.
type keepError struct{ cause error }

func (e *keepError) Error() string { return fmt.Sprintf("keep a refused message: %v", e.cause) }
func (e *keepError) Unwrap() error { return e.cause }

// IsKept reports whether the error of Message is that of a message whose bytes are kept nevertheless, so that the sender may let go of it.
func IsKept(err error) bool {
	var refused *Refusal
	var lost *keepError
	return errors.As(err, &refused) && !errors.As(err, &lost)
}

// Refused is one message that was set aside.
type Refused struct {
	Object   archive.Digest
	Source   string
	Reason   string
	Detail   string
	Received time.Time
}

// Refused lists the messages that were set aside, the oldest first and at most limit.
func (p *Pipeline) Refused(ctx context.Context, limit int) (list []Refused, err error) {
	err = p.Store.View(ctx, func(tx store.SQL) error {
		list = nil
		query := "SELECT object, source, reason, detail, received FROM ingest_refused ORDER BY received, object LIMIT $1"
		return tx.Query(ctx, query, []any{limit}, func(scan func(...any) error) error {
			var one Refused
			var object []byte
			var received int64
			err := scan(&object, &one.Source, &one.Reason, &one.Detail, &received)
			copy(one.Object[:], object)
			one.Received = time.Unix(received, 0).UTC()
			list = append(list, one)
			return err
		})
	})
	return list, err
}

// Retry takes the messages that were set aside in once more, as after a change of the rules, and returns how many are taken now. Those that
// are refused again stay. by is who has it done, for the audit record.
func (p *Pipeline) Retry(ctx context.Context, by *audit.Caller) (taken int, err error) {
	list, err := p.Refused(ctx, maxRetried)
	if err != nil {
		return 0, err
	}
	for _, one := range list {
		text, err := p.Received(ctx, one.Object)
		if err != nil {
			return taken, err
		}
		if err := p.Message(ctx, text, Origin{Source: one.Source, Visit: NewVisit(audit.Event{By: by})}); err != nil {
			if IsKept(err) {
				continue
			}
			return taken, err
		}
		if err := p.discard(ctx, one.Object, nil); err != nil {
			return taken, err
		}
		taken++
	}
	return taken, nil
}

// maxRetried bounds one retry.
const maxRetried = 100_000

// Due counts what is still to be built.
func (p *Pipeline) Due(ctx context.Context) (n int64, err error) {
	err = p.Store.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT count(*) FROM ingest_dirty", nil, func(scan func(...any) error) error { return scan(&n) })
	})
	return n, err
}

// Received reads a message back from the archive, as it came.
func (p *Pipeline) Received(ctx context.Context, d archive.Digest) ([]byte, error) {
	object, err := p.Objects.Open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer object.Close()
	text := make([]byte, object.Size())
	_, err = object.ReadAt(text, 0)
	return text, err
}

// Discard takes a message off the list of those that were set aside, and puts that on record. Its bytes stay in the archive.
func (p *Pipeline) Discard(ctx context.Context, object archive.Digest, by *audit.Caller) error {
	return p.discard(ctx, object, &audit.Event{Kind: audit.Operation, By: by, Reason: "refused message " + object.String() + " taken off the list"})
}

func (p *Pipeline) discard(ctx context.Context, object archive.Digest, told *audit.Event) error {
	return p.Store.Write(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM ingest_refused WHERE object = $1", object[:])
		if err != nil || n == 0 || told == nil {
			return err
		}
		return p.recordIn(ctx, tx, *told)
	})
}

// Fault tells why a message is refused in the codes of HL7 table 0357, and whether for its kind, which the hub never takes (MSA-1 AR), rather
// than for what is in it (AE). What is no refusal is a failure of ours (207): the message is to be sent again.
func Fault(err error) (code string, rejected bool) {
	var refused *Refusal
	if !errors.As(err, &refused) || !IsKept(err) {
		return "207", false
	}
	why, known := faults[refused.Reason]
	if !known {
		return "207", false
	}
	return why.code, why.rejected
}

// FaultReasons are the reasons for which messages are refused, sorted.
func FaultReasons() []string { return slices.Sorted(maps.Keys(faults)) }

type fault struct {
	code     string
	rejected bool
}

// faults are the reasons for which messages are refused (HL7 v2.8.2 2.9.2).
var faults = map[string]fault{
	string(hl7v2.NotHL7): {"100", true}, string(hl7v2.Malformed): {"100", true}, string(hl7v2.Encoding): {"103", true},
	string(hl7v2.TooLarge): {"207", true}, "unsupported-message": {"200", true}, "no-patient": {"101", false},
}
