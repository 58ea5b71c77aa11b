package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// A backend service that is bound to an organisation, a partner, submits: of each of its transactions there is a Task, the organisation's alone,
// which tells what became of each entry, or why all were refused; and what it creates with a number that a resource of its own has already is
// that resource (conformance/DIVERGENCES.md).

// submission is the Task of a transaction; without an owner the caller submits nothing.
type submission struct{ id, owner string }

func newSubmission(by *auth.Principal) (s submission, err error) {
	if s.owner = by.Submits(); s.owner != "" {
		s.id, err = newID()
	}
	return s, err
}

// taken records what became of a transaction, in the same transaction of the store.
func (s submission) taken(ctx context.Context, tx store.Tx, run *transactionRun) error {
	if s.owner == "" {
		return nil
	}
	return s.put(ctx, tx, mapping.TransactionTask{Entries: run.results()})
}

// refused records why nothing of a transaction was stored. What is no fault of its sender is not recorded.
func (s submission) refused(ctx context.Context, to store.Store, why error) error {
	all := issues(why)
	if s.owner == "" || status(why, all) >= http.StatusInternalServerError {
		return nil
	}
	var t mapping.TransactionTask
	for _, one := range all {
		text := string(one.Type) + ": " + one.Detail
		if one.Expression != "" {
			text = one.Expression + " " + text
		}
		t.Refusals = append(t.Refusals, text)
	}
	return to.Write(ctx, func(tx store.Tx) error { return s.put(ctx, tx, t) })
}

func (s submission) put(ctx context.Context, tx store.Tx, t mapping.TransactionTask) error {
	t.ID, t.Owner, t.At = s.id, s.owner, tx.Now()
	task, err := t.Task()
	if err != nil {
		return err
	}
	_, _, err = tx.Put(ctx, store.Write{Resource: task, Owners: []string{s.owner}, Mapped: true, MustBeNew: true})
	return err
}

// name tells the client where the Task is (RFC 8631).
func (s submission) name(h http.Header, base string) {
	if s.owner != "" {
		h.Add("Link", "<"+base+"/Task/"+s.id+`>; rel="status"`)
	}
}

// results tell what became of each entry that writes.
func (r *transactionRun) results() (list []mapping.EntryResult) {
	for i, a := range r.answers {
		for _, reference := range a.removed {
			list = append(list, mapping.EntryResult{Code: mapping.EntryDeleted, Reference: reference})
		}
		code := mapping.EntryUpdated
		switch {
		case phaseOf(r.steps[i].entry.method) == reading || a.res.ID == "" || len(a.removed) > 0:
			continue
		case a.found:
			code = mapping.EntryKnown
		case a.status == http.StatusCreated:
			code = mapping.EntryCreated
		}
		list = append(list, mapping.EntryResult{Code: code, Reference: a.res.Reference()})
	}
	return list
}

// numbered are the types that a partner submits and that are known by their numbers.
var numbered = []string{"DiagnosticReport", "ImagingStudy", "Patient", "ServiceRequest"}

// accessionType is of numbers that several resources may have.
const accessionType = "ACSN"

// ownNumbers are the criteria by which a resource that a partner creates is known again, "" for none.
func ownNumbers(by *auth.Principal, res fhir.Resource) string {
	if by.Submits() == "" || !slices.Contains(numbered, res.Type) || len(by.Matches(res.Type).Grants) == 0 {
		return ""
	}
	var all, uids []string
	for _, one := range gjson.GetBytes(res.Body, "identifier").Array() {
		system, value := one.Get("system").Str, one.Get("value").Str
		shared := slices.ContainsFunc(one.Get("type.coding.#.code").Array(), func(code gjson.Result) bool { return code.Str == accessionType })
		if system == "" || value == "" || shared || one.Get("use").Str == "old" {
			continue
		}
		token := search.EscapeToken(system) + "|" + search.EscapeToken(value)
		if all = append(all, token); system == "urn:dicom:uid" {
			uids = append(uids, token)
		}
	}
	if res.Type == "ImagingStudy" && len(uids) > 0 {
		all = uids
	}
	if len(all) == 0 {
		return ""
	}
	return url.Values{"identifier": {strings.Join(all, ",")}}.Encode()
}

// isKnown decides the create of a partner: what it sent before is answered with that, what it sent otherwise is to be corrected, not created. What the
// hub mapped from objects is beside the point: a difference is told by the Task of the objects.
func isKnown(a *api, q request, criteria string) (decision, error) {
	parsed, err := a.criteria(q.reach, criteria)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
		found, err := w.matches(ctx, tx, parsed, maxSameNumber)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			stored, err := tx.Get(ctx, one.Type, one.ID)
			if err != nil {
				return nil, err
			}
			if stored.Mapped {
				continue
			}
			if !sameContent(w.text(), one.Body) {
				return nil, fhir.NewError(fhir.Conflict, "a resource of yours has this identifier and says otherwise: correct that one by PUT with If-Match").At(one.Type + ".identifier")
			}
			return &answer{status: http.StatusOK, res: one, located: true, found: true}, nil
		}
		return nil, nil
	}, nil
}

// maxSameNumber bounds the resources with one number that are looked at.
const maxSameNumber = 20

// sameContent compares two resources but for what the server sets, and where references lead, which in a transaction is not known yet.
func sameContent(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	return reflect.DeepEqual(bare(x, true), bare(y, true))
}

// bare leaves out id and meta of a resource, and all references.
func bare(v any, top bool) any {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if name == "reference" || top && (name == "id" || name == "meta") {
				delete(v, name)
				continue
			}
			v[name] = bare(value, false)
		}
	case []any:
		for i := range v {
			v[i] = bare(v[i], false)
		}
	}
	return v
}
