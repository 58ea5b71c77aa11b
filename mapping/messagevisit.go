package mapping

import (
	"cmp"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir"
	"lightbox/mapping/hl7v2"
)

// stay is the Encounter of a message about a patient's movements.
type stay struct {
	r4.Encounter
	*letter
}

// visitTable reads a visit (HL7 v2.8.2 3.4.3; v2-to-FHIR PV1).
var visitTable = compileMessage("v2-visit", []messageRule[stay]{
	{From: "PV1-19", To: "Encounter.identifier", Need: required, Ref: "HL7 v2.8.2 3.4.3.19; HL7 0203 VN", Set: stayNumber},
	{From: "PV1-50", To: "Encounter.identifier", Ref: "HL7 v2.8.2 3.4.3.50", Set: stayAlternate},
	{From: "PV1-2", To: "Encounter.class", Need: required, Ref: "HL7 0004; v2-to-FHIR", Set: stayClass},
	{From: "PV1-3", To: "Encounter.location", Ref: "HL7 v2.8.2 3.4.3.3", Set: stayPlace(r4.EncounterLocationStatusActive)},
	{From: "PV1-6", To: "Encounter.location", Ref: "HL7 v2.8.2 3.4.3.6", Set: stayPlace(r4.EncounterLocationStatusCompleted)},
	{From: "PV1-7", To: "Encounter.participant", Ref: "HL7 v2.8.2 3.4.3.7", Set: stayPerson("ATND", "attender")},
	{From: "PV1-8", To: "Encounter.participant", Ref: "HL7 v2.8.2 3.4.3.8", Set: stayPerson("REF", "referrer")},
	{From: "PV1-9", To: "Encounter.participant", Ref: "HL7 v2.8.2 3.4.3.9", Set: stayPerson("CON", "consultant")},
	{From: "PV1-17", To: "Encounter.participant", Ref: "HL7 v2.8.2 3.4.3.17", Set: stayPerson("ADM", "admitter")},
	{From: "PV1-44", To: "Encounter.period", Ref: "HL7 v2.8.2 3.4.3.44", Set: stayStart},
	{From: "PV1-45", To: "Encounter.period", Ref: "HL7 v2.8.2 3.4.3.45", Set: stayEnd},
	{From: "PV2-3", To: "Encounter.reasonCode", Ref: "HL7 v2.8.2 3.4.4.3", Set: stayReason},
})

// stayStatuses are what an event makes of a visit (HL7 0003).
var stayStatuses = enumTable(codeTable[r4.EncounterStatus]{
	name: "visit-event", title: "Event of patient administration (HL7 0003) to Encounter.status", source: "http://terminology.hl7.org/CodeSystem/v2-0003", target: "http://hl7.org/fhir/encounter-status",
	rows: map[string]r4.EncounterStatus{
		"A01": r4.EncounterStatusInProgress, "A02": r4.EncounterStatusInProgress, "A04": r4.EncounterStatusInProgress,
		"A06": r4.EncounterStatusInProgress, "A07": r4.EncounterStatusInProgress, "A12": r4.EncounterStatusInProgress,
		"A13": r4.EncounterStatusInProgress, "A03": r4.EncounterStatusFinished, "A05": r4.EncounterStatusPlanned,
		"A11": r4.EncounterStatusCancelled,
	},
})

// visitEvents are the events of ADT that are mapped: those that tell of a visit, and those that tell of the patient alone.
var visitEvents = []string{"A01", "A02", "A03", "A04", "A05", "A06", "A07", "A08", "A11", "A12", "A13", "A28", "A31"}

var visitNumber = newFieldPath("PV1-19")

// movement maps the visit that a message tells of, where it names one.
func (r *run) movement(l *letter, event string) {
	f := fieldAt(l.segments, visitNumber)
	number := clean(f.Text())
	if number == "" {
		return
	}
	by := r.visitIssuer(f)
	id := r.mapper.ID("Encounter", by.system, number)
	r.refer("Encounter", id, func() any {
		to := stay{letter: l}
		to.Id, to.Subject = &id, &r4.Reference{Reference: &l.patient}
		to.Status = r4.EncounterStatusUnknown
		to.Class = codingOf(actCodes, "AMB", "ambulatory")
		visitTable.apply(r, &to, l.segments)
		if status, ok := translate(r.mapper, stayStatuses, event); ok {
			to.Status = status
		} else if to.Period != nil && to.Period.End != nil {
			to.Status = r4.EncounterStatusFinished
		}
		return r4.OtherEncounter(to.Encounter)
	})
}

const actCodes = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

func stayNumber(r *run, to *stay, v fieldValue) {
	to.Identifier = append(to.Identifier, identifier("VN", clean(v.Text()), r.visitIssuer(v.Field)))
}

func stayAlternate(r *run, to *stay, v fieldValue) {
	for _, one := range v.Repetitions() {
		if number := clean(one.Component(1).Text()); number != "" {
			to.Identifier = append(to.Identifier, identifier(cmp.Or(clean(one.Component(5).Text()), "VN"), number, r.hierarchic(one.Component(4))))
		}
	}
}

// stayPlace is where the patient is, or was before.
func stayPlace(status r4.EncounterLocationStatus) func(*run, *stay, fieldValue) {
	return func(r *run, to *stay, v fieldValue) {
		if where := r.whereabouts(to.letter, v.First()); where != nil {
			to.Location = append(to.Location, r4.EncounterLocation{Location: *where, Status: &status})
		}
	}
}

// physicalTypes are what the parts of a PL are, the narrowest first (HL7 v2.8.2 2A.2.51), as Location.physicalType.
var physicalTypes = []struct {
	component     int
	code, display string
}{
	{3, "bd", "Bed"}, {2, "ro", "Room"}, {1, "wa", "Ward"}, {8, "lvl", "Level"}, {7, "bu", "Building"}, {4, "si", "Site"},
}

// whereabouts refers to the place that a PL names: within its facility, or that of the sender, the same words mean the same place.
func (r *run) whereabouts(l *letter, one hl7v2.Repetition) *r4.Reference {
	at := func(n int) string { return clean(one.Component(n).Subcomponent(1)) }
	facility := cmp.Or(at(4), l.sender)
	words := cleaned([]string{at(4), at(7), at(8), at(1), at(2), at(3)})
	if len(words) == 0 {
		return nil
	}
	name := strings.Join(words, ", ")
	id := r.mapper.ID("Location", "hl7v2", strings.ToUpper(join(facility, name)))
	where := r.refer("Location", id, func() any {
		to := r4.Location{Id: &id, Status: new(r4.LocationStatusActive), Mode: new(r4.LocationModeInstance), Name: &name}
		for _, kind := range physicalTypes {
			if at(kind.component) != "" {
				to.PhysicalType = new(coded("http://terminology.hl7.org/CodeSystem/location-physical-type", kind.code, kind.display))
				break
			}
		}
		return r4.OtherLocation(to)
	})
	where.Display = &name
	return where
}

// stayClasses are HL7 table 0004 as v2-to-FHIR has it.
var stayClasses = codingTable(codeTable[r4.Coding]{
	name: "patient-class", title: "Patient class (HL7 0004) to Encounter.class", source: "http://terminology.hl7.org/CodeSystem/v2-0004", target: actCodes,
	rows: map[string]r4.Coding{
		"E": codingOf(actCodes, "EMER", "emergency"), "I": codingOf(actCodes, "IMP", "inpatient encounter"),
		"O": codingOf(actCodes, "AMB", "ambulatory"), "P": codingOf(actCodes, "PRENC", "pre-admission"),
	},
})

func stayClass(r *run, to *stay, v fieldValue) {
	stated := strings.ToUpper(code(v.Text()))
	class, ok := translate(r.mapper, stayClasses, stated)
	switch {
	case ok:
		to.Class = class
	case stated != "":
		to.Class = codingOf("http://terminology.hl7.org/CodeSystem/v2-0004", stated, "")
	}
}

func stayPerson(role, display string) func(*run, *stay, fieldValue) {
	return func(r *run, to *stay, v fieldValue) {
		for _, one := range v.Repetitions() {
			if who := r.person(to.letter, one); who != nil {
				kind := coded("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", role, display)
				to.Participant = append(to.Participant, r4.EncounterParticipant{Type: []r4.CodeableConcept{kind}, Individual: who})
			}
		}
	}
}

func stayStart(r *run, to *stay, v fieldValue) {
	if at := r.pointInTime(nil, clean(v.Text())); at != "" {
		to.Period = &r4.Period{Start: &at}
	}
}

func stayEnd(r *run, to *stay, v fieldValue) {
	at := r.pointInTime(nil, clean(v.Text()))
	if at == "" {
		return
	}
	if to.Period == nil {
		to.Period = &r4.Period{}
	}
	if isAfter(deref(to.Period.Start), at) {
		r.doubt("bad-date", "the end is before the start: left out")
		return
	}
	to.Period.End = &at
}

// isAfter reports whether all of one date or time, as FHIR writes them, is after all of another; "" is neither.
func isAfter(one, other string) bool {
	a, err := fhir.ParseDate(one)
	b, otherErr := fhir.ParseDate(other)
	if err != nil || otherErr != nil {
		return false
	}
	first, _ := a.Interval()
	_, last := b.Interval()
	return first > last
}

func stayReason(r *run, to *stay, v fieldValue) {
	if reason, ok := r.codedElement(v.First()); ok {
		to.ReasonCode = append(to.ReasonCode, reason)
	}
}
