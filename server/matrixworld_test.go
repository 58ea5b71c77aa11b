package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// party is whose a resource is: a column of the access matrix. Of each type every party has one resource, under the party's name as id.
type party struct {
	name         string
	patient      string // whose data, "" for nobody's
	organization string // that submitted it, "" for the hub itself
	other        string // the party that its resources point to
	deleted      bool
	labelled     bool // what is a patient's is of Confidentiality R or V
}

const (
	north, south, reading, east = "Organization/north", "Organization/south", "Organization/reading", "Organization/east"
	special                     = "Organization/special" // takes what is for radiology, and nothing else
)

// parties: Patient/self, a child, and Patient/mate are of north, Patient/other is of south. What a visit left is data of self made by south.
var parties = []party{
	{name: "self", patient: "Patient/self", organization: north, other: "other"},
	{name: "mate", patient: "Patient/mate", organization: north, other: "self"},
	{name: "other", patient: "Patient/other", organization: south, other: "self"},
	{name: "shared", other: "self"},
	{name: "deleted", patient: "Patient/self", organization: north, other: "other", deleted: true},
	{name: "visit", patient: "Patient/self", organization: south, other: "secret"},
	{name: "secret", patient: "Patient/self", organization: north, other: "other", labelled: true},
}

// Patient/denied is of east, and denies its care to it. Some of the data were made by north.
var (
	denied        = party{name: "denied", patient: "Patient/denied", organization: east, other: "self"}
	deniedToNorth = party{name: "denied", patient: "Patient/denied", organization: north, other: "self"}
)

// kept is one resource of the world, as the reference knows it.
type kept struct {
	Type, ID string
	of       party
	kind     class
	owner    string // "Organization/<id>" or ""
	versions []version
	deleted  bool
	mapped   bool
	asserted bool     // by a program alone
	codes    []string // of its labels
	decides  bool     // who sees what goes by it
	decided  string   // of a report: "released" or "kept back", by somebody
	handle   string
	links    map[string][]string // search parameter -> references of the current version
}

// version is what one version says, and of whom.
type version struct {
	body, canary string
	patient      string
}

func (k *kept) ref() string { return k.Type + "/" + k.ID }

func (k *kept) current() version { return k.versions[len(k.versions)-1] }

// patient is whose data it is now.
func (k *kept) patient() string { return k.current().patient }

// criteria is a search that finds the resource alone.
func (k *kept) criteria() string {
	if k.handle == "" {
		return "_id=" + k.ID
	}
	return "identifier=urn:x:handle%7C" + k.handle
}

// world is all that the hub of the matrix holds.
type world struct {
	all    map[string]*kept
	canary map[string]sighting
	dice   *rand.Rand

	delayed bool // patients see a report three days after it was issued
}

// sighting is what a canary stands in.
type sighting struct {
	of      *kept
	version int
}

func newWorld(seed uint64) *world {
	w := &world{all: map[string]*kept{}, canary: map[string]sighting{}, dice: rand.New(rand.NewPCG(seed, 1))}
	for _, m := range molds {
		for _, p := range parties {
			if p.name == "visit" && m.resourceType == "Patient" {
				continue
			}
			w.add(m, p, func(k *kept) {
				k.decides = k.Type == "Patient"
				if p.labelled && m.subject != "" {
					k.label(confidentiality, []string{"R", "V"}[len(m.resourceType)%2])
				}
			})
		}
	}
	w.addOthers()
	w.addRelatives()
	w.addReferred()
	w.addReports()
	return w
}

// Systems of labels.
const (
	confidentiality  = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	observationValue = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue"
	actCode          = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

// label puts a label on all versions.
func (k *kept) label(system, code string) {
	for i := range k.versions {
		k.versions[i].label(system, code)
	}
}

func (v *version) label(system, code string) {
	security := `"security":[{"system":"` + system + `","code":"` + code + `"}]`
	if strings.Contains(v.body, `"meta":{`) {
		v.body = strings.Replace(v.body, `"meta":{`, `"meta":{`+security+`,`, 1)
		return
	}
	v.body = strings.Replace(v.body, "{", `{"meta":{`+security+`},`, 1)
}

// says replaces a text in all versions.
func (k *kept) says(instead, text string) {
	for i := range k.versions {
		if !strings.Contains(k.versions[i].body, instead) {
			panic(k.Type + " does not say " + instead)
		}
		k.versions[i].body = strings.Replace(k.versions[i].body, instead, text, 1)
	}
}

// addRelatives adds who acts, acted or would act for self, a child, and for mate, who is of age; what mate consented to; and what was labelled
// once, or is now.
func (w *world) addRelatives() {
	for _, one := range []struct {
		id, active, relationship string
		of                       party
	}{
		{"mother", "true", "MTH", parties[0]},
		{"revoked", "false", "MTH", parties[0]},
		{"grown", "true", "MTH", parties[1]}, // whose child came of age
		{"delegate", "true", "FRND", parties[1]},
		{"former", "true", "FRND", parties[1]},
	} {
		w.add(moldOf("RelatedPerson"), one.of, func(k *kept) {
			k.ID, k.decides = one.id, true
			k.says(`"name":`, `"active":`+one.active+`,"relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"`+one.relationship+`"}]}],"name":`)
		})
	}
	for n, id := range []string{"delegate", "former"} {
		w.add(moldOf("Consent"), parties[1], func(k *kept) {
			k.ID, k.decides = id, true
			k.says(`"status":"active"`, `"status":"`+[]string{"active", "inactive"}[n]+`"`)
			k.says(`,"data":[{"meaning":"instance","reference":{"reference":"Observation/self"}}]`, "") // all of the data
			k.says(`"reference":"Practitioner/mate"`, `"reference":"RelatedPerson/`+id+`"`)
		})
	}
	for n, id := range []string{"closed", "opened"} { // a label came, or went
		w.add(moldOf("ImagingStudy"), parties[0], func(k *kept) {
			k.ID = id
			k.versions[1-n].label(confidentiality, "R")
		})
	}
}

// addReferred adds the reading centres and whom a Task or an order refers there, by name or by specialty, and Patient/denied with what that
// patient denies.
func (w *world) addReferred() {
	for _, id := range []string{"reading", "east", "special"} {
		w.add(moldOf("Organization"), parties[3], func(k *kept) { k.ID = id })
	}
	w.add(moldOf("Task"), parties[0], func(k *kept) {
		k.ID, k.decides = "reading", true
		k.says(`"owner":{"reference":"Patient/other"}`, `"owner":{"reference":"`+reading+`"}`)
	})
	w.add(moldOf("Task"), denied, func(k *kept) {
		k.ID, k.owner, k.decides = "handed", "", true
		k.says(`"owner":{"reference":"Patient/self"}`, `"owner":{"reference":"`+reading+`"}`)
	})
	w.addAddressed()
	w.add(moldOf("Consent"), denied, func(k *kept) {
		k.owner, k.decides = "", true
		k.says(`"type":"permit"`, `"type":"deny"`)
		k.says(`"actor":[`, `"actor":[{"role":{"text":"x"},"reference":{"reference":"`+east+`"}},{"role":{"text":"x"},"reference":{"reference":"`+reading+`"}},`+
			`{"role":{"text":"x"},"reference":{"reference":"`+special+`"}},`)
	})
	w.add(moldOf("Patient"), denied, func(k *kept) { k.decides = true })
	for _, resourceType := range []string{"Binary", "Device", "DocumentReference", "ImagingStudy", "Observation"} {
		w.add(moldOf(resourceType), denied, nil)
		w.add(moldOf(resourceType), deniedToNorth, func(k *kept) { k.ID = "elsewhere" })
	}
}

// addAddressed adds orders and tasks for a specialty: of mate and of denied for radiology, which is the work of who reads that; of other for an
// organisation that does not, and for one that does, of another specialty.
func (w *world) addAddressed() {
	kind := func(code string) string {
		return `{"coding":[{"system":"http://snomed.info/sct","code":"` + code + `"}]}`
	}
	const radiology, nuclear = "394914008", "394649004"
	w.add(moldOf("ServiceRequest"), parties[1], func(k *kept) {
		k.ID, k.decides = "addressed", true
		k.says(`"requester":`, `"performerType":`+kind(radiology)+`,"requester":`)
	})
	for _, task := range []struct {
		id, owner, code string
		of              party
	}{
		{"addressed", "", radiology, denied},
		{"elsewhere", reading, radiology, parties[2]},
		{"nuclear", special, nuclear, parties[2]},
	} {
		w.add(moldOf("Task"), task.of, func(k *kept) {
			k.ID, k.owner, k.decides = task.id, "", true
			k.says(`"requester":`, `"performerType":[`+kind(task.code)+`],"requester":`)
			if task.owner != "" {
				k.says(`"owner":{"reference":"Patient/self"}`, `"owner":{"reference":"`+task.owner+`"}`)
			}
		})
	}
}

// addReports adds reports of self, each with a result, a form and a document: of long ago; not signed; one that is not for the patient; such a
// one that was released, and one that was kept back.
func (w *world) addReports() {
	for _, one := range []struct{ id, says, label, decided string }{
		{id: "past", says: `"issued":"2020-01-01T00:00:00Z",`},
		{id: "draft"},
		{id: "grave", label: "NOPAT"},
		{id: "freed", label: "NOPAT", decided: "released"},
		{id: "kept", says: `"issued":"2020-01-01T00:00:00Z",`, decided: "kept back"},
	} {
		parts := map[string]func(k *kept){
			"Observation": func(k *kept) { k.says(`"hasMember":[{"reference":"Observation/other"}],`, "") },
			"DocumentReference": func(k *kept) {
				k.says(`"related":[{"reference":"Observation/other"}]`, `"related":[{"reference":"DiagnosticReport/`+one.id+`"}]`)
			},
			"DiagnosticReport": func(k *kept) {
				k.decided = one.decided
				k.says(`"result":[{"reference":"Observation/self"},{"reference":"Observation/other"}],"media":[{"link":{"reference":"Media/other"}}]`,
					one.says+`"result":[{"reference":"Observation/`+one.id+`"}],"presentedForm":[{"url":"Binary/`+one.id+`"}]`)
				if one.id == "draft" {
					k.says(`"status":"final"`, `"status":"preliminary"`)
				}
			},
		}
		for _, resourceType := range []string{"Binary", "DiagnosticReport", "DocumentReference", "Observation"} {
			w.add(moldOf(resourceType), parties[0], func(k *kept) {
				k.ID, k.decides = one.id, true
				if change := parts[resourceType]; change != nil {
					change(k)
				}
				if one.label != "" {
					k.label(actCode, one.label)
				}
			})
		}
	}
}

// addOthers adds what the parties do not have: what a program asserts, also where it was deleted; what was another patient's before; what the
// hub mapped; and the organisations.
func (w *world) addOthers() {
	observation, task := moldOf("Observation"), moldOf("Task")
	for n, m := range []mold{observation, task, observation, task} {
		w.add(m, parties[0], func(k *kept) {
			k.ID, k.asserted, k.deleted = "asserted", true, n >= 2
			if k.deleted {
				k.ID = "erased"
			}
			k.label(observationValue, "AIAST")
		})
	}
	w.add(observation, parties[0], func(k *kept) { // was taken for another patient's at first
		k.ID, k.versions[0].patient = "moved", "Patient/other"
		k.versions[0].body = strings.Replace(k.versions[0].body, "Patient/self", "Patient/other", 1)
	})
	w.add(moldOf("ImagingStudy"), parties[0], func(k *kept) { k.ID, k.mapped = "mapped", true })
	for _, id := range []string{"north", "south"} {
		w.add(moldOf("Organization"), parties[3], func(k *kept) { k.ID = id })
	}
}

func moldOf(resourceType string) mold {
	return molds[slices.IndexFunc(molds, func(m mold) bool { return m.resourceType == resourceType })]
}

// add makes the resource of a party; change may make it another one.
func (w *world) add(m mold, p party, change func(*kept)) {
	k := &kept{Type: m.resourceType, ID: p.name, of: p, kind: classOf(m.resourceType), owner: p.organization, deleted: p.deleted}
	if k.kind == audited {
		k.owner, k.mapped = "", true
	}
	patient := p.patient
	switch {
	case k.Type == "Patient":
		patient = k.ref()
	case m.subject == "":
		patient = ""
	}
	for range 2 {
		k.versions = append(k.versions, version{canary: w.newCanary(), patient: patient})
	}
	for i := range k.versions {
		k.versions[i].body = m.cast(p, k.versions[i].canary, "HANDLE", true)
	}
	if change != nil {
		change(k)
	}
	if strings.Contains(m.rest, "HANDLE") {
		k.handle = strings.ToLower(k.Type) + "-" + k.ID
	}
	for i := range k.versions {
		v := &k.versions[i]
		v.body = strings.ReplaceAll(strings.Replace(v.body, "{", `{"id":"`+k.ID+`",`, 1), "HANDLE", k.handle)
		w.canary[v.canary] = sighting{k, i}
	}
	for _, code := range gjson.Get(k.current().body, "meta.security.#.code").Array() {
		k.codes = append(k.codes, code.Str)
	}
	k.links = m.linksOf(k.current().body)
	w.all[k.ref()] = k
}

// cast fills a mold for a party. Without cross it refers to no patient but the party's.
func (m mold) cast(p party, canary, handle string, cross bool) string {
	patient := strings.TrimPrefix(p.patient, "Patient/")
	parts := []string{`"resourceType":"` + m.resourceType + `"`}
	if p.patient != "" && m.subject != "" {
		parts = append(parts, m.subject)
	}
	if patient == "" {
		patient = p.name
	}
	parts = append(parts, m.rest)
	if cross && m.cross != "" {
		parts = append(parts, m.cross)
	}
	if cross && m.resourceType == "Patient" && (p.name == "other" || p.name == "mate") { // says to be the same person as self
		parts = append(parts, `"link":[{"other":{"reference":"Patient/self"},"type":"seealso"}]`)
	}
	organization := strings.TrimPrefix(p.organization, "Organization/")
	if organization == "" {
		organization = p.name
	}
	born := "1980-01-01"
	if p.name == "self" {
		born = "2015-07-01"
	}
	return strings.NewReplacer("BORN", born, "@p", patient, "@x", p.other, "@o", organization, "@", p.name, "CANARY", canary,
		"CODED", base64.StdEncoding.EncodeToString([]byte(canary)), "HANDLE", handle).Replace("{" + strings.Join(parts, ",") + "}")
}

// linksOf returns the references of a body by search parameter.
func (m mold) linksOf(body string) map[string][]string {
	links := map[string][]string{}
	for row := range strings.SplitSeq(m.links, "; ") {
		name, path, _ := strings.Cut(row, " ")
		for _, found := range gjson.Get(body, path).Array() {
			if found.Str != "" {
				links[name] = append(links[name], found.Str)
			}
		}
	}
	return links
}

func (w *world) newCanary() string {
	text := []byte("canary")
	for range 12 {
		text = append(text, byte('a'+w.dice.IntN(26)))
	}
	return string(text)
}

var (
	canaries = regexp.MustCompile(`canary[a-z]{12}`)
	encoded  = regexp.MustCompile(`"(?:data|query)":\s*"([A-Za-z0-9+/=]+)"`)
)

// spotted returns the canaries in a text, and in what it holds in base64.
func spotted(text string) []string {
	found := canaries.FindAllString(text, -1)
	for _, one := range encoded.FindAllStringSubmatch(text, -1) {
		if inner, err := base64.StdEncoding.DecodeString(one[1]); err == nil {
			found = append(found, canaries.FindAllString(string(inner), -1)...)
		}
	}
	return found
}

// sorted are the resources, always in the same order.
func (w *world) sorted() []*kept {
	list := make([]*kept, 0, len(w.all))
	for _, ref := range slices.Sorted(maps.Keys(w.all)) {
		list = append(list, w.all[ref])
	}
	return list
}

// settle puts the world into a store.
func (w *world) settle(t testing.TB, s store.Store) {
	t.Helper()
	w.restore(t, s, slices.Sorted(maps.Keys(w.all))...)
}

// restore makes resources again what they were; what the world does not have goes.
func (w *world) restore(t testing.TB, s store.Store, refs ...string) {
	t.Helper()
	ctx := context.Background()
	err := s.Write(ctx, func(tx store.Tx) error {
		for _, ref := range refs {
			resourceType, id, _ := strings.Cut(ref, "/")
			if _, err := tx.Get(ctx, resourceType, id); err == nil {
				if err := tx.Purge(ctx, resourceType, id); err != nil {
					return fmt.Errorf("%s: %w", ref, err)
				}
			}
			if k := w.all[ref]; k != nil {
				if err := k.put(ctx, tx); err != nil {
					return fmt.Errorf("%s: %w", ref, err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (k *kept) put(ctx context.Context, tx store.Tx) error {
	for _, v := range k.versions {
		res, err := fhir.Parse(bytes.TrimSpace([]byte(v.body)))
		if err != nil {
			return err
		}
		write := store.Write{Resource: res, Mapped: k.mapped}
		if k.owner != "" {
			write.Owners = []string{k.owner}
		}
		if _, _, err := tx.Put(ctx, write); err != nil {
			return err
		}
	}
	if k.decided != "" {
		if _, err := tx.Decide(ctx, store.Decision{Report: k.ID, Released: k.decided == "released", At: tx.Now()}); err != nil {
			return err
		}
	}
	if !k.deleted {
		return nil
	}
	_, err := tx.Delete(ctx, store.Delete{Type: k.Type, ID: k.ID, Mapped: k.mapped})
	return err
}
