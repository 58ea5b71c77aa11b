package mapping

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir"
)

// ByRule is when what a rule of matching finds is said: before every other word, since what anybody says of the same two records goes before it.
const ByRule = "0"

// PatientLink is what somebody says of two records of one person: that Prior goes on as Survivor or, Undone, that it does not.
type PatientLink struct {
	Prior, Survivor string // "Patient/<id>"
	Sent            string // when: YYYYMMDDHHMMSS, as MSH-7 has it
	Undone          bool
}

// Links tells which Patient stands for which others. The zero value links nobody.
type Links struct{ survivors map[string]string } // one step each

// SettleLinks decides what counts of all that was said, in any order: of a prior record the newest word. A link that would close a
// circle with newer ones is left out, and told.
func SettleLinks(said []PatientLink) (Links, []Issue) {
	l := Links{survivors: map[string]string{}}
	var issues []Issue
	for _, one := range newestOfPairs(said) {
		switch {
		case one.Undone, l.survivors[one.Prior] != "":
		case l.Survivor(one.Survivor) == one.Prior:
			issues = append(issues, Issue{Severity: "warning", Code: "circular-merge", Attribute: "MRG-1", Element: "Patient.link",
				Detail: "two records are each said to go on as the other: the newer word counts", Ref: "HL7 v2.8.2 3.6.2"})
		default:
			l.survivors[one.Prior] = one.Survivor
		}
	}
	return l, issues
}

// Apart are the pairs of records of which somebody's newest word is that they are two persons'.
func Apart(said []PatientLink) (pairs [][2]string) {
	newest := map[[2]string]PatientLink{}
	for _, one := range said {
		if one.Sent == ByRule {
			continue
		}
		pair := [2]string{min(one.Prior, one.Survivor), max(one.Prior, one.Survivor)}
		if before, known := newest[pair]; !known || before.Sent < one.Sent || before.Sent == one.Sent && one.Undone {
			newest[pair] = one
		}
	}
	for pair, one := range newest {
		if one.Undone {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// newestOfPairs keeps the newest word on each two records, newest first.
func newestOfPairs(said []PatientLink) []PatientLink {
	said = withoutRules(said)
	slices.SortFunc(said, func(a, b PatientLink) int {
		return cmp.Or(cmp.Compare(b.Sent, a.Sent), cmp.Compare(undone(b), undone(a)), cmp.Compare(a.Prior, b.Prior), cmp.Compare(a.Survivor, b.Survivor))
	})
	seen := map[[2]string]bool{}
	return slices.DeleteFunc(said, func(one PatientLink) bool {
		pair := [2]string{one.Prior, one.Survivor}
		before := seen[pair]
		seen[pair] = true
		return before || one.Prior == one.Survivor
	})
}

// withoutRules leaves out what rules found of two records of which somebody has said something, which way ever.
func withoutRules(said []PatientLink) []PatientLink {
	spoken := map[[2]string]bool{}
	for _, one := range said {
		if one.Sent != ByRule {
			spoken[[2]string{one.Prior, one.Survivor}], spoken[[2]string{one.Survivor, one.Prior}] = true, true
		}
	}
	return slices.DeleteFunc(slices.Clone(said), func(one PatientLink) bool {
		return one.Sent == ByRule && spoken[[2]string{one.Prior, one.Survivor}]
	})
}

func undone(l PatientLink) int {
	if l.Undone {
		return 1
	}
	return 0
}

// Survivor is the Patient that a reference leads to in the end: itself where nothing is linked.
func (l Links) Survivor(patient string) string {
	for next := l.survivors[patient]; next != ""; next = l.survivors[patient] {
		patient = next
	}
	return patient
}

// Priors are the Patients that lead to one, in order.
func (l Links) Priors(patient string) []string {
	var list []string
	for prior := range l.survivors {
		if prior != patient && l.Survivor(prior) == patient {
			list = append(list, prior)
		}
	}
	slices.Sort(list)
	return list
}

// PatientsOf returns the Patients that a body refers to, each once, in order.
func PatientsOf(body []byte) []string {
	var list []string
	for rest := body; ; {
		_, after, found := bytes.Cut(rest, patientReference)
		if !found {
			break
		}
		id, _, _ := bytes.Cut(after, []byte{'"'})
		list = append(list, "Patient/"+string(id))
		rest = after
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// patientReference is how a resource of the hub's own begins to refer to a Patient.
var patientReference = []byte(`"reference":"Patient/`)

// Redirect returns a body with every reference to a Patient led to the one that survives, and whether there was any. A Patient tells its
// links itself, and what records an act keeps whom it was done to.
func (l Links) Redirect(r fhir.Resource) (fhir.Resource, bool) {
	if len(l.survivors) == 0 || r.Type == "Patient" || r.Type == "Provenance" || r.Type == "AuditEvent" {
		return r, false
	}
	changed := false
	for _, patient := range PatientsOf(r.Body) {
		if to := l.Survivor(patient); to != patient {
			r.Body, changed = RedirectPatient(r.Body, patient, to), true
		}
	}
	return r, changed
}

// RedirectPatient returns a body in which references to one Patient lead to another.
func RedirectPatient(body []byte, from, to string) []byte {
	return bytes.ReplaceAll(body, []byte(`"reference":"`+from+`"`), []byte(`"reference":"`+to+`"`))
}

// Apply brings settled resources, all that there are, into line with links.
func (l Links) Apply(all []fhir.Resource) error {
	at := map[string]int{}
	for i, one := range all {
		at[one.Reference()] = i
	}
	before := slices.Clone(all)
	known := func(reference string) (fhir.Resource, bool) {
		i, ok := at[reference]
		if !ok {
			return fhir.Resource{}, false
		}
		return before[i], true
	}
	var err error
	for i := range all {
		all[i], _ = l.Redirect(all[i])
		if all[i], err = l.Link(all[i], known); err != nil {
			return err
		}
	}
	return nil
}

// Link returns a settled Patient with what links make of it (IHE ITI PMIR): one that goes on as another is not active and says which; the
// other says whom it replaces, and is found by their identifiers, as old ones. prior gives the settled Patients that it replaces; one
// that is not known is not named.
func (l Links) Link(p fhir.Resource, prior func(reference string) (fhir.Resource, bool)) (fhir.Resource, error) {
	if len(l.survivors) == 0 || p.Type != "Patient" {
		return p, nil
	}
	names, values, err := members(p.Body)
	if err != nil {
		return p, fmt.Errorf("link %s: %w", p.Reference(), err)
	}
	to := overlay{names: names, values: values}
	if err := l.link(&to, p.Reference(), prior); err != nil {
		return p, fmt.Errorf("link %s: %w", p.Reference(), err)
	}
	p.Body = to.bytes()
	return p, nil
}

func (l Links) link(to *overlay, reference string, prior func(reference string) (fhir.Resource, bool)) error {
	var links []r4.PatientLink
	if survivor := l.Survivor(reference); survivor != reference {
		to.set("active", json.RawMessage("false"))
		links = append(links, r4.PatientLink{Other: r4.Reference{Reference: &survivor}, Type: r4.LinkTypeReplacedBy})
	}
	for _, one := range l.Priors(reference) {
		before, known := prior(one)
		if !known {
			continue
		}
		links = append(links, r4.PatientLink{Other: r4.Reference{Reference: &one}, Type: r4.LinkTypeReplaces})
		old, err := oldIdentifiers(before.Body)
		if err != nil {
			return err
		}
		have := cmp.Or(string(to.values["identifier"]), "[]")
		united, err := unite(json.RawMessage(have), old)
		if err != nil {
			return err
		}
		to.set("identifier", united)
	}
	if len(links) == 0 {
		return nil
	}
	if to.values["active"] == nil { // International Patient Access: what has links says whether it is in use
		to.set("active", json.RawMessage("true"))
	}
	all, err := json.Marshal(links)
	to.set("link", all)
	return err
}

// set gives a member its value, at the end where it is new.
func (o *overlay) set(name string, value json.RawMessage) {
	if o.values[name] == nil {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

// drop takes a member away.
func (o *overlay) drop(name string) {
	o.names = slices.DeleteFunc(o.names, func(have string) bool { return have == name })
	delete(o.values, name)
}

// oldIdentifiers are the identifiers of a Patient, as of a record that is one no more.
func oldIdentifiers(body []byte) (json.RawMessage, error) {
	var p struct {
		Identifier []r4.Identifier `json:"identifier"`
	}
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, err
	}
	for i := range p.Identifier {
		p.Identifier[i].Use = new(r4.IdentifierUseOld)
	}
	return json.Marshal(p.Identifier)
}
