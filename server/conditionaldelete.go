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

// conditionalDelete deletes the one resource that matches the query; with _count=n, all that match where they are at most n. R4
// lets a server delete all matches or answer 412, but not a part of them. https://hl7.org/fhir/R4/http.html#3.1.0.7.1
func (a *api) conditionalDelete(c *call) error {
	q, limit, err := a.deleteCriteria(c.reach, c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	version, err := ifMatch(c.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	got, err := a.commit(c.ctx(), c.deletionWhere(q, limit, version))
	if err != nil {
		return err
	}
	return a.sendAnswer(c, got, prefer{})
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

// deletionWhere deletes what matches. No match is no error: what was to be away is away.
func (r reach) deletionWhere(q search.Query, limit int, version int64) operation {
	return func(ctx context.Context, tx store.Tx) (answer, error) {
		got := answer{status: http.StatusNoContent}
		found, err := r.matches(ctx, tx, q, max(limit, 1)+1)
		if err != nil {
			return got, err
		}
		if len(found) > max(limit, 1) {
			return got, severalMatch()
		}
		for _, res := range found {
			if err := r.changeable(ctx, tx, res.ID); err != nil {
				return got, err
			}
			if got.res, err = tx.Delete(ctx, store.Delete{Type: res.Type, ID: res.ID, IfVersion: version}); err != nil {
				return got, err
			}
		}
		if limit > 0 {
			got.res, got.deleted = fhir.Resource{}, len(found)
		}
		return got, nil
	}
}
