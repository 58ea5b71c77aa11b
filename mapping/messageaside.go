package mapping

import (
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/mapping/hl7v2"
)

// asides maps what a message tells of the patient or of an order beside it, such as weight and allergies: each OBX of scope becomes an
// Observation known by key, or an issue says why not (v2-to-FHIR ADT_A01, ORM_O01). What a newer message says of the same goes before.
func (r *run) asides(l *letter, scope []hl7v2.Segment, key string) []r4.Reference {
	var list []r4.Reference
	outer, attribute := r.rule, r.attribute
	defer func() { r.rule, r.attribute = outer, attribute }()
	for n, s := range scope {
		if s.Name != "OBX" {
			continue
		}
		r.rule = &Rule{Table: "v2-observation", Field: "OBX-5", To: "Observation", Ref: "HL7 v2.8.2 7.4.2.5"}
		r.attribute = "OBX[" + strconv.Itoa(n) + "]"
		o := r4.Observation{Subject: &r4.Reference{Reference: &l.patient}}
		if !r.asideValue(&o, s) {
			continue
		}
		one, ok := r.part(l, s, o)
		if !ok {
			r.doubt("empty-code", "nothing says what was observed: left out")
			continue
		}
		one.Category = nil // not of an image
		id := r.partID(key, s, l.asides)
		one.Id = &id
		list = append(list, *r.refer("Observation", id, func() any { return r4.OtherObservation(one) }))
	}
	return list
}

// asideValue sets the value of an OBX that is of no report; false where there is none, and an issue says so.
func (r *run) asideValue(o *r4.Observation, s hl7v2.Segment) bool {
	switch kind := strings.ToUpper(clean(s.Field(2).Text())); {
	case isStudyUID(s) || kind == "HD" || kind == "UI":
		r.remark("identifier-only", "a UID that the images themselves tell: left out")
		return false
	case s.Field(5).Raw() == "":
		reason, ok := notObserved[strings.ToUpper(clean(s.Field(11).Text()))]
		if !ok {
			r.remark("no-value", "an observation without a value: nothing to say")
		}
		o.DataAbsentReason = &reason
		return ok
	case kind == "ED":
		r.doubt("left-out", "a document that is of no report: left out")
		return false
	case r.observedValue(o, s, kind):
		return true
	}
	if o.ValueString = text(strings.Join(spoken(s), "\n")); o.ValueString == nil {
		r.remark("no-value", "an observation without a value: nothing to say")
	}
	return o.ValueString != nil
}
