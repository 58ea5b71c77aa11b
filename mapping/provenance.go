package mapping

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir"
	"lightbox/mapping/hl7v2"
)

// RulesVersion names the rules of this program: a hash over all tables, as MAPPING.md prints them.
var RulesVersion = sync.OnceValue(func() string {
	h := sha256.New()
	_ = json.NewEncoder(h).Encode(Rules()) // a hash takes everything
	return hex.EncodeToString(h.Sum(nil)[:6])
})

// origin is where resources come from.
type origin struct {
	name     string // what it is
	sources  []r4.Identifier
	targets  []string  // references
	recorded time.Time // when the last of it was received
}

// provenance tells that resources were made of an origin by the rules of this program (FHIR R4 provenance.html). It is of the newest
// state alone: earlier versions tell of earlier ones.
func (r *run) provenance(id string, o origin) fhir.Resource {
	activity := coded(lifecycle, "transform", "Transform/Translate Record Lifecycle Event")
	to := r4.Provenance{Id: &id, Recorded: instant(o.recorded), Activity: &activity, Agent: []r4.ProvenanceAgent{rulesAgent()}}
	for _, target := range o.targets {
		to.Target = append(to.Target, r4.Reference{Reference: &target})
	}
	for _, source := range o.sources {
		to.Entity = append(to.Entity, r4.ProvenanceEntity{Role: r4.ProvenanceEntityRoleSource, What: r4.Reference{Identifier: &source, Display: &o.name}})
	}
	if len(o.sources) == 0 {
		to.Entity = []r4.ProvenanceEntity{{Role: r4.ProvenanceEntityRoleSource, What: r4.Reference{Display: &o.name}}}
	}
	body, err := encode("Provenance", r4.OtherProvenance(to))
	if err != nil {
		r.fail(err)
	}
	return fhir.Resource{Type: "Provenance", ID: id, Body: body}
}

const lifecycle = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"

func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// MergeProvenance records that what is a patient's own was led from one record to another: a merge, or, back to its own, the undoing of one.
func (m *Mapper) MergeProvenance(patient string, way [2]string, at time.Time) (fhir.Resource, error) {
	activity := coded(lifecycle, "merge", "Merge Record Lifecycle Event")
	if way[1] == patient {
		activity = coded(lifecycle, "unmerge", "Unmerge Record Lifecycle Event")
	}
	id := m.ID("Provenance", "merge", join(patient, way[0], way[1], at.UTC().Format(time.RFC3339Nano)))
	to := r4.Provenance{Id: &id, Recorded: instant(at), Activity: &activity, Agent: []r4.ProvenanceAgent{rulesAgent()}}
	for _, one := range slices.Compact(slices.Sorted(slices.Values([]string{patient, way[0], way[1]}))) {
		to.Target = append(to.Target, r4.Reference{Reference: &one})
	}
	body, err := encode("Provenance", r4.OtherProvenance(to))
	return fhir.Resource{Type: "Provenance", ID: id, Body: body}, err
}

// rulesSystem is of versions of the rules.
const rulesSystem = "urn:uuid:5f0f5f3c-6a1e-8b0d-9c55-3d2c1b7e4a92"

func rulesAgent() r4.ProvenanceAgent {
	return r4.ProvenanceAgent{
		Type: new(coded("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "assembler", "Assembler")),
		Who: r4.Reference{
			Type:       new("Device"),
			Identifier: &r4.Identifier{System: new(rulesSystem), Value: new(RulesVersion())},
			Display:    new("Lightbox mapping rules " + RulesVersion()),
		},
	}
}

// ofStudy tells what a study, and what it refers to, were made of.
func (r *run) ofStudy(s *Study, objects []object) {
	var last time.Time
	for _, o := range objects {
		if o.Received.After(last) {
			last = o.Received
		}
	}
	if last.IsZero() {
		return
	}
	uid := objects[0].StudyInstanceUID
	kind := coded(dcm, "110180", "Study Instance UID")
	s.provenance = r.provenance(r.mapper.ID("Provenance", uidSystem, uid), origin{
		name: "DICOM study", sources: []r4.Identifier{uidIdentifier(uid, &kind)},
		targets: append([]string{s.Resource.Reference()}, r.mentionedBy(objects)...), recorded: last,
	})
}

// mentionedBy are the references of what the contexts of objects mention, but for what is of the configuration and of no source.
func (r *run) mentionedBy(objects []object) []string {
	m := &mentions{made: map[string]bool{}}
	quiet := &run{mapper: r.mapper, mentions: m}
	seen := map[*context]bool{}
	for _, o := range objects {
		if !seen[o.context] {
			seen[o.context] = true
			quiet.mention(o.context.dataset)
		}
	}
	var list []string
	for _, one := range m.list {
		if one.Type != "Endpoint" {
			list = append(list, one.Type+"/"+one.ID)
		}
	}
	slices.Sort(list)
	return list
}

// traced adds to what documents were mapped to where it comes from, when it is known when they were received.
func (r *run) traced(list []fhir.Resource, from ...version) []fhir.Resource {
	o := origin{name: "DICOM document"}
	for _, v := range from {
		kind := coded(deviceIdentifiers, "sop-instance-uid", "SOP Instance UID")
		o.sources = append(o.sources, uidIdentifier(v.uid, &kind))
		if v.Instance.Received.After(o.recorded) {
			o.recorded = v.Instance.Received
		}
	}
	if o.recorded.IsZero() || len(list) == 0 {
		return list
	}
	for _, one := range list {
		o.targets = append(o.targets, one.Reference())
	}
	if r.content != nil {
		for _, one := range r.content.list[r.content.traced:] {
			o.targets = append(o.targets, one.Type+"/"+one.ID)
		}
		r.content.traced = len(r.content.list)
	}
	return append(list, r.provenance(r.mapper.ID("Provenance", uidSystem, join(from[0].uid, "document")), o))
}

// MessageProvenance tells what a message was mapped to. It is a mention of its own: nothing else tells of it.
func (m *Mapper) MessageProvenance(message *hl7v2.Message, t Translation, recorded time.Time) (Mention, error) {
	r := &run{mapper: m}
	header, _ := message.First("MSH")
	sender := join(header.Field(3).Text(), header.Field(4).Text())
	control := clean(header.Field(10).Text())
	kind, event := clean(header.Field(9).Text()), clean(header.Field(9).First().Component(2).Text())
	o := origin{name: strings.TrimSuffix("HL7 v2 message "+kind+"^"+event, "^"), recorded: recorded}
	if control != "" {
		o.sources = []r4.Identifier{localIdentifier("MSH-10", control, issuer{system: m.local("NamingSystem", join("message", sender))})}
	}
	for _, one := range t.Mentions {
		o.targets = append(o.targets, one.Type+"/"+one.ID)
	}
	for _, report := range t.Reports {
		for _, one := range report.Resources {
			o.targets = append(o.targets, one.Reference())
		}
	}
	// Not every sender numbers its messages: two of one number are two all the same.
	id := m.ID("Provenance", join("message", sender), join(append([]string{control, header.Field(7).Raw()}, o.targets...)...))
	return Mention{Type: "Provenance", ID: id, Body: r.provenance(id, o).Body}, r.err
}
