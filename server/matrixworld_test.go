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
}

const north, south = "Organization/north", "Organization/south"

// parties: Patient/self and Patient/mate are of north, Patient/other is of south. What a visit left is data of self made by south.
var parties = []party{
	{name: "self", patient: "Patient/self", organization: north, other: "other"},
	{name: "mate", patient: "Patient/mate", organization: north, other: "self"},
	{name: "other", patient: "Patient/other", organization: south, other: "self"},
	{name: "shared", other: "self"},
	{name: "deleted", patient: "Patient/self", organization: north, other: "other", deleted: true},
	{name: "visit", patient: "Patient/self", organization: south, other: "other"},
}

// kept is one resource of the world, as the reference knows it.
type kept struct {
	Type, ID string
	kind     class
	owner    string // "Organization/<id>" or ""
	versions []version
	deleted  bool
	mapped   bool
	asserted bool // by a program alone
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
			w.add(m, p, nil)
		}
	}
	w.addOthers()
	return w
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
			for i := range k.versions {
				k.versions[i].body = strings.Replace(k.versions[i].body, `"status"`,
					`"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"AIAST"}]},"status"`, 1)
			}
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
	k := &kept{Type: m.resourceType, ID: p.name, kind: classOf(m.resourceType), owner: p.organization, deleted: p.deleted}
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
	return strings.NewReplacer("@p", patient, "@x", p.other, "@o", organization, "@", p.name, "CANARY", canary,
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
	if !k.deleted {
		return nil
	}
	_, err := tx.Delete(ctx, store.Delete{Type: k.Type, ID: k.ID, Mapped: k.mapped})
	return err
}
