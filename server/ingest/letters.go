package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// maxMessages is the size of the largest file of HL7 v2 messages that is read.
const maxMessages = 256 << 20

// Messages returns the HL7 v2 messages of a file that begins as such, alone or in a batch; nil for any other file.
func Messages(content io.ReaderAt, size int64) ([][]byte, error) {
	start := make([]byte, 16)
	n, _ := content.ReadAt(start, 0) // a short file, or one that cannot be read, is for others to refuse
	if !hl7v2.Begins(start[:n]) {
		return nil, nil
	}
	if size > maxMessages {
		return nil, &hl7v2.Error{Reason: hl7v2.TooLarge, Detail: "more than 256 MiB of messages in one file"}
	}
	data, err := io.ReadAll(io.NewSectionReader(content, 0, size))
	if err != nil {
		return nil, err
	}
	return hl7v2.Split(data), nil
}

// MessageName names the n-th message of a file, counted from 0, where it has several.
func MessageName(file string, n, of int) string {
	if of == 1 {
		return file
	}
	return file + "#" + strconv.Itoa(n+1)
}

// letter is a message that was taken.
type letter struct {
	mapping.Translation
	object archive.Digest // of its bytes, where they are kept
	owner  string
	source string
	header header
	visit  *Visit
}

// letters maps the messages of a file. One that is refused does not hold up the others; a file of none but such is refused itself.
func (r *reader) letters(ctx context.Context, f File, messages [][]byte) (taken, error) {
	object := taken{file: f, letters: []letter{}}
	for n, text := range messages {
		one, err := r.letter(text)
		switch {
		case err != nil && len(messages) == 1:
			return taken{}, refusal(f, err)
		case err != nil:
			reason, detail := Reason(err)
			r.tally.refuse(Refusal{File: MessageName(f.Name, n, len(messages)), Reason: reason, Detail: detail})
			continue
		case r.objects != nil:
			if one.object, _, err = archive.Put(ctx, r.objects, bytes.NewReader(text)); err != nil {
				return taken{}, fmt.Errorf("archive %s: %w", f.Name, err)
			}
		}
		object.letters = append(object.letters, one)
	}
	return object, nil
}

func (r *reader) letter(text []byte) (letter, error) {
	message, err := hl7v2.Parse(text, hl7v2.Options{})
	if err != nil {
		return letter{}, err
	}
	one := letter{owner: r.origin.Owner, source: r.origin.Source, header: headerOf(message), visit: r.origin.Visit}
	one.Translation, err = r.mapper.Message(message)
	r.tally.issues(one.Issues)
	if err == nil && r.now != nil {
		var trace mapping.Mention
		trace, err = r.mapper.MessageProvenance(message, one.Translation, r.now())
		one.Mentions = append(one.Mentions, trace)
	}
	if one.owner == "" {
		one.owner = institution(one.Mentions)
	}
	return one, err
}

// deliver puts into the index what messages say that were not taken before, with the notes of what has to be built, and counts them.
func (p *Pipeline) deliver(ctx context.Context, tx store.Tx, letters []letter) (int, error) {
	letters, err := newLetters(ctx, tx, letters)
	if err != nil {
		return 0, err
	}
	taken, told, said := newRows(3), newRows(6), newSayings()
	var links []mapping.PatientLink
	var mentions []mapping.Mention
	for _, one := range letters {
		mentions = append(mentions, one.Mentions...)
		taken.add(string(one.object[:]), one.object[:], one.owner, one.source)
		said.add(one.Mentions, one.owner)
		links = append(links, one.Links...)
		for _, report := range one.Reports {
			body := bodiesOf(report.Resources)
			hash := contentHash(body)
			told.newest(fmt.Sprint(report.ID, hash), report.Sent, report.ID, hash, report.Sent, report.Status.Code(), flag(report.Bare), body)
			said.dirty.add(reportType+"\x00"+report.ID, reportType, report.ID, said.generation)
			if one.owner != "" {
				said.owners.add(reportType+"\x00"+report.ID+"\x00"+one.owner, reportType, report.ID, one.owner)
			}
		}
	}
	if err := taken.insert(ctx, tx, "ingest_message (object, owner, source)", "DO NOTHING"); err != nil {
		return 0, err
	}
	err = told.insert(ctx, tx, "ingest_told (id, hash, latest, status, bare, body)",
		"(id, hash) DO UPDATE SET latest = excluded.latest, status = excluded.status WHERE ingest_told.latest < excluded.latest")
	if err != nil {
		return 0, err
	}
	if err := said.insert(ctx, tx); err != nil {
		return 0, err
	}
	if err := p.noteOrdered(ctx, tx, mentions); err != nil {
		return 0, err
	}
	if err := p.relink(ctx, tx, links); err != nil {
		return 0, err
	}
	return len(letters), p.recordLetters(ctx, tx, letters)
}

// newLetters leaves out the messages that were taken before: another copy says nothing new.
func newLetters(ctx context.Context, tx store.SQL, letters []letter) ([]letter, error) {
	known := map[archive.Digest]bool{}
	for some := range slices.Chunk(letters, maxRows) {
		var args []any
		for _, one := range some {
			args = append(args, one.object[:])
		}
		query := "SELECT object FROM ingest_message WHERE object IN " + placeholders(1, len(some))
		err := tx.Query(ctx, query, args, func(scan func(...any) error) error {
			var object []byte
			err := scan(&object)
			known[archive.Digest(object)] = true
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(letters), func(one letter) bool {
		before := known[one.object]
		known[one.object] = true
		return before
	}), nil
}

// flag is a truth value as both databases keep one.
func flag(v bool) int {
	if v {
		return 1
	}
	return 0
}

// bodiesOf writes resources as one JSON array.
func bodiesOf(resources []fhir.Resource) []byte {
	b := []byte{'['}
	for i, r := range resources {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r.Body...)
	}
	return append(b, ']')
}

// resourcesOf reads what bodiesOf wrote.
func resourcesOf(bodies []byte) []fhir.Resource {
	var list []fhir.Resource
	for _, one := range gjson.ParseBytes(bodies).Array() {
		list = append(list, fhir.Resource{Type: one.Get("resourceType").Str, ID: one.Get("id").Str, Body: []byte(one.Raw)})
	}
	return list
}

// report settles what messages told of one report.
func (p *Pipeline) report(ctx context.Context, n due) (built, error) {
	var told []mapping.Told
	var owners []string
	err := p.Store.View(ctx, func(tx store.SQL) error {
		told = nil
		query := "SELECT latest, status, bare, body FROM ingest_told WHERE id = $1 ORDER BY hash"
		err := tx.Query(ctx, query, []any{n.ID}, func(scan func(...any) error) error {
			one := mapping.Told{ID: n.ID}
			var status string
			var bare int64
			var body []byte
			err := errors.Join(scan(&one.Sent, &status, &bare, &body), json.Unmarshal([]byte(strconv.Quote(status)), &one.Status))
			one.Resources, one.Bare = resourcesOf(body), bare != 0
			told = append(told, one)
			return err
		})
		if err != nil {
			return err
		}
		owners, err = ownersOf(ctx, tx, n)
		return err
	})
	if err != nil || len(told) == 0 {
		return built{due: n}, err
	}
	counts, issues, failure := p.Mapper.Prevailing(told)
	if failure != nil {
		return built{due: n, failure: failure}, nil
	}
	out := built{due: n, group: reportType + "/" + n.ID, issues: issues}
	for _, r := range counts.Resources {
		out.writes = append(out.writes, mapped(r, owners))
	}
	return out, nil
}
