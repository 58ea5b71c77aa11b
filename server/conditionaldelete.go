package server

import (
	"context"
	"net/http"
	"strconv"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// maxDeleted bounds how many resources one request deletes.
const maxDeleted = 100

// planConditionalDelete deletes the one resource that matches the query; with _count=n, all that match where they are at most
// n. R4 lets a server delete all matches or answer 412, but not a part of them. https://hl7.org/fhir/R4/http.html#3.1.0.7.1
func planConditionalDelete(a *api, q request) (work, error) {
	d := deletionWhere{reach: q.reach}
	var err error
	if d.version, err = ifMatch(q.ifMatch); err != nil {
		return nil, err
	}
	d.criteria, d.limit, err = a.deleteCriteria(q.reach, q.query)
	return d, err
}

// deletionWhere is the work of a conditional delete.
type deletionWhere struct {
	reach
	criteria search.Query
	limit    int   // 0: one match is meant
	version  int64 // of If-Match
}

// run deletes what matches. No match is no error: what was to be away is away.
func (d deletionWhere) run(ctx context.Context, tx store.Tx) (answer, error) {
	got := answer{status: http.StatusNoContent, counted: d.limit > 0}
	most := max(d.limit, 1)
	found, err := d.matches(ctx, tx, d.criteria, most+1)
	if err != nil {
		return got, err
	}
	if len(found) > most {
		return got, severalMatch()
	}
	for _, res := range found {
		if err := d.changeable(ctx, tx, res.ID); err != nil {
			return got, err
		}
		if got.res, err = tx.Delete(ctx, store.Delete{Type: res.Type, ID: res.ID, IfVersion: d.version}); err != nil {
			return got, err
		}
		got.removed = append(got.removed, res.Reference())
	}
	if got.counted {
		got.res = fhir.Resource{}
	}
	return got, nil
}

// deleteCriteria reads the query of a conditional delete; limit is 0 where one match is meant.
func (a *api) deleteCriteria(to reach, text string) (q search.Query, limit int, err error) {
	params, err := parseQuery(text)
	if err != nil {
		return q, 0, err
	}
	params = asked(params)
	if counts, ok := params["_count"]; ok {
		limit, err = strconv.Atoi(counts[0])
		if err != nil || limit < 1 || limit > maxDeleted || len(counts) > 1 {
			return q, 0, fhir.NewError(fhir.Value, "how many may be deleted: 1 to "+strconv.Itoa(maxDeleted)).At("_count")
		}
		delete(params, "_count")
	}
	q, err = a.selection(to, params)
	if fhir.IssueTypeOf(err) == fhir.Required && err != nil { // R4 is silent, and other servers answer so
		err = &refusal{status: http.StatusPreconditionFailed, err: err}
	}
	return q, limit, err
}
