package mapping

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/conformance"
	"lightbox/fhir"
)

// Mention is one shared resource (Patient, Device, Practitioner, Organization, Location, ServiceRequest, Endpoint) as one
// context tells it. Many studies mention the same one; Merge settles them.
type Mention struct {
	Type, ID string
	Date     string // StudyDate, YYYYMMDD; of a message m and when it was sent, mYYYYMMDDHHMMSS: it comes after every study
	Body     []byte // JSON of the resource; a member that is null says that older mentions of it do not hold
}

var errNoMentions = errors.New("a resource without mentions")

// Merge settles the mentions of one resource by content, never by order: the newest Date wins, then the one that says most, then the
// lower bytes. Elements that it lacks are filled from the next; identifiers of a Patient are united.
func Merge(mentions []Mention) (fhir.Resource, []Issue, error) {
	if len(mentions) == 0 {
		return fhir.Resource{}, nil, errNoMentions
	}
	mentions = withoutStubs(mentions)
	slices.SortFunc(mentions, func(a, b Mention) int {
		return cmp.Or(cmp.Compare(b.Date, a.Date), cmp.Compare(len(b.Body), len(a.Body)), bytes.Compare(a.Body, b.Body))
	})
	best := mentions[0]
	var to overlay
	last := []byte(nil)
	for _, m := range mentions {
		if bytes.Equal(m.Body, last) {
			continue
		}
		last = m.Body
		if err := to.fill(m); err != nil {
			return fhir.Resource{}, nil, fmt.Errorf("mention of %s/%s: %w", m.Type, m.ID, err)
		}
	}
	if best.Type == "ServiceRequest" && to.values["status"] == nil { // no message told how far it is
		to.set("status", json.RawMessage(`"active"`))
	}
	return fhir.Resource{Type: best.Type, ID: best.ID, Body: to.claimed(best.Type)}, to.issues, nil
}

// claimed is the settled resource; of equipment that meets the demands of RDS with its profile.
func (o *overlay) claimed(resourceType string) []byte {
	body := o.bytes()
	if resourceType != "Device" || o.values["meta"] != nil || len(conformance.Faults(conformance.ModalityDevice, body)) > 0 {
		return body
	}
	o.set("meta", json.RawMessage(`{"profile":["`+conformance.ModalityDevice+`"]}`))
	o.names = slices.Insert(o.names[:len(o.names)-1], 2, "meta") // behind resourceType and id
	return o.bytes()
}

// stub is the tag of what was made from image headers in place of an order.
var stub = []byte(`"system":"` + hubTag + `","code":"stub"`)

// withoutStubs leaves out what was made from image headers where an order itself is known.
func withoutStubs(mentions []Mention) []Mention {
	isStub := func(m Mention) bool { return m.Type == "ServiceRequest" && bytes.Contains(m.Body, stub) }
	if real := slices.DeleteFunc(slices.Clone(mentions), isStub); len(real) > 0 {
		return real
	}
	return slices.Clone(mentions)
}

// overlay is a resource being settled: its members in the order of the best mention.
type overlay struct {
	names  []string
	values map[string]json.RawMessage
	issues []Issue
}

func (o *overlay) fill(m Mention) error {
	names, values, err := members(m.Body)
	if err != nil {
		return err
	}
	if o.values == nil {
		o.names, o.values = names, values
		return nil
	}
	for _, name := range names {
		have, ok := o.values[name]
		switch {
		case !ok && !o.isTaken(name):
			o.names = append(o.names, name)
			o.values[name] = values[name]
		case isNull(have), isNull(values[name]):
		case name == "period" && m.Type == "Encounter":
			if o.values[name], err = fillPeriod(have, values[name]); err != nil {
				return err
			}
		case name == "identifier" && m.Type == "Patient":
			if o.values[name], err = unite(have, values[name]); err != nil {
				return err
			}
		case ok && (name == "birthDate" || name == "gender") && !bytes.Equal(have, values[name]):
			o.conflict(m.Type + "." + name)
		}
	}
	return nil
}

// isTaken holds for the companion of a primitive that a better mention has: _birthDate goes with its birthDate.
func (o *overlay) isTaken(name string) bool {
	primitive, ok := strings.CutPrefix(name, "_")
	return ok && o.values[primitive] != nil
}

func (o *overlay) conflict(element string) {
	issue := Issue{Severity: "warning", Code: "conflict", Element: element, Detail: "mentions disagree: messages come before images, then the newest decides"}
	if !slices.Contains(o.issues, issue) {
		o.issues = append(o.issues, issue)
	}
}

func (o *overlay) bytes() []byte {
	b := []byte{'{'}
	for _, name := range o.names {
		if isNull(o.values[name]) {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, `"`+name+`":`...)
		b = append(b, o.values[name]...)
	}
	return append(b, '}')
}

// isNull holds for what a mention says is no more.
func isNull(value json.RawMessage) bool { return string(value) == "null" }

// fillPeriod takes from an older period what the newer one leaves open: one message tells of an admission, another of the discharge.
func fillPeriod(newer, older json.RawMessage) (json.RawMessage, error) {
	var to, from r4.Period
	if err := errors.Join(json.Unmarshal(newer, &to), json.Unmarshal(older, &from)); err != nil {
		return nil, err
	}
	if to.Start == nil && !isAfter(deref(from.Start), deref(to.End)) {
		to.Start = from.Start
	}
	if to.End == nil && !isAfter(deref(to.Start), deref(from.End)) {
		to.End = from.End
	}
	return json.Marshal(to)
}

// members splits a JSON object, in order.
func members(body []byte) ([]string, map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	var names []string
	values := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
		key, ok := name.(string)
		if !ok {
			return nil, nil, errors.New("not an object")
		}
		names = append(names, key)
		values[key] = value
	}
	return names, values, nil
}

// unite appends the identifiers of b that a lacks, by system and value.
func unite(a, b json.RawMessage) (json.RawMessage, error) {
	var first, second []json.RawMessage
	if err := errors.Join(json.Unmarshal(a, &first), json.Unmarshal(b, &second)); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, one := range first {
		seen[businessKey(one)] = true
	}
	for _, one := range second {
		if key := businessKey(one); !seen[key] {
			seen[key] = true
			first = append(first, one)
		}
	}
	return json.Marshal(first)
}

func businessKey(identifier json.RawMessage) string {
	var one struct{ System, Value string }
	if json.Unmarshal(identifier, &one) != nil {
		return string(identifier)
	}
	return join(one.System, one.Value)
}
