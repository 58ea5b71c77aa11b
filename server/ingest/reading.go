package ingest

import (
	"context"
	"math/rand/v2"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// A study's reading has a priority and an end where rules turn findings into priorities (mapping.PriorityRule). Both depend on what other
// sources say: its orders, and reports that are signed elsewhere. Without rules nothing here does anything.

// aboutReading reads what others say of a study's reading.
func (p *Pipeline) aboutReading(ctx context.Context, s *mapping.Study) error {
	if !p.Mapper.Prioritizes() {
		return nil
	}
	err := p.Store.View(ctx, func(tx store.SQL) error {
		s.Ordered = nil
		for _, order := range s.Orders() {
			mentions, err := mentionsOf(ctx, tx, due{Type: "ServiceRequest", ID: strings.TrimPrefix(order, "ServiceRequest/")})
			if err != nil {
				return err
			}
			if settled, _, err := mapping.Merge(mentions); err == nil {
				s.Ordered = append(s.Ordered, mapping.PriorityOf(settled))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Reported, err = p.reported(ctx, s)
	return err
}

// reported reports whether a message told of a report that is signed of a study, or of an order of it.
func (p *Pipeline) reported(ctx context.Context, s *mapping.Study) (bool, error) {
	where := []url.Values{{"imaging-study": {s.Resource.Reference()}}}
	for _, order := range s.Orders() {
		where = append(where, url.Values{"based-on": {order}})
	}
	for _, params := range where {
		params.Set("status", signed)
		q, err := search.Parse(fhir.R4(), reportType, params, search.Options{Strict: true})
		if err != nil {
			return false, err
		}
		found, err := p.Store.Search(ctx, q, anyone)
		if err != nil {
			return false, err
		}
		for _, report := range found.Matches {
			if !mapping.IsOfObjects(report) { // those the study itself tells
				return true, nil
			}
		}
	}
	return false, nil
}

// signed are the statuses of reports that somebody answers for.
const signed = "final,amended,corrected,appended"

// anyone is who asks for the hub itself.
var anyone = store.Caller{Access: func(string) search.Filter { return search.Everything() }}

// noteReported has studies built again of which messages told a report.
func (p *Pipeline) noteReported(ctx context.Context, tx store.Tx, results []built) error {
	if !p.Mapper.Prioritizes() {
		return nil
	}
	dirty, generation := newRows(3), rand.Int64()
	for _, b := range results {
		if b.due.Type != reportType || b.failure != nil || len(b.writes) == 0 {
			continue
		}
		for _, identifier := range mapping.ReportedOn(b.writes[0].Resource) {
			uids, err := studiesWhere(ctx, tx, "identifier", identifier)
			if err != nil {
				return err
			}
			for _, uid := range uids {
				dirty.add(uid, studyType, uid, generation)
			}
		}
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// noteOrdered has studies built again whose orders changed: what was ordered may be more urgent than what a finding makes of it.
func (p *Pipeline) noteOrdered(ctx context.Context, tx store.Tx, mentions []mapping.Mention) error {
	if !p.Mapper.Prioritizes() {
		return nil
	}
	dirty, generation := newRows(3), rand.Int64()
	for _, m := range mentions {
		if m.Type != "ServiceRequest" {
			continue
		}
		uids, err := studiesWhere(ctx, tx, "basedon", "ServiceRequest/"+m.ID)
		if err != nil {
			return err
		}
		for _, uid := range uids {
			dirty.add(uid, studyType, uid, generation)
		}
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// studiesWhere returns the UIDs of the studies that a search parameter finds.
func studiesWhere(ctx context.Context, tx store.Tx, name, value string) (uids []string, err error) {
	q, err := search.Parse(fhir.R4(), studyType, url.Values{name: {escaped.Replace(value)}}, search.Options{Strict: true})
	if err != nil {
		return nil, err
	}
	found, err := tx.Find(ctx, q, anyone, maxBatch)
	for _, study := range found {
		uids = append(uids, strings.TrimPrefix(gjson.GetBytes(study.Body, `identifier.#(system=="urn:dicom:uid").value`).Str, "urn:oid:"))
	}
	return uids, err
}

// escaped keeps what a value says from being read as a list (FHIR R4 search.html#escaping). The bar between system and value is one.
var escaped = strings.NewReplacer(`,`, `\,`, `$`, `\$`)
