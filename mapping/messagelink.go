package mapping

import (
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/mapping/hl7v2"
)

// prior is a record of a patient that a message says goes on as another.
type prior struct{ patient }

// mergeTable reads the record that another one takes the place of (HL7 v2.8.2 3.4.9).
var mergeTable = compileMessage("v2-merge", []messageRule[prior]{
	{From: "MRG-1", To: "Patient.identifier", Need: required, Ref: "HL7 v2.8.2 3.4.9.1", Set: priorIdentifiers},
	{From: "MRG-7", To: "Patient.name", Ref: "HL7 v2.8.2 3.4.9.7", Set: priorNames},
})

// mergeEvents of ADT say that one record goes on as another: A40, A47 and what came before them. A37 takes that back.
var (
	mergeEvents  = []string{"A18", "A30", "A34", "A36", "A39", "A40", "A46", "A47"}
	unmergeEvent = "A37"
)

// merges maps each group of a PID and the MRG after it.
func (r *run) merges(l *letter) {
	for _, group := range patientGroups(l.segments) {
		if !slices.ContainsFunc(group, func(s hl7v2.Segment) bool { return s.Name == "MRG" }) {
			r.add(Issue{Severity: "error", Code: "missing", Attribute: "MRG", Element: "Patient.link",
				Detail: "a merge without the record that is merged: only the patient is mapped", Ref: "HL7 v2.8.2 3.3.40"})
			continue
		}
		one := *l
		one.segments = group
		if r.messagePatient(&one) != nil {
			r.add(Issue{Severity: "error", Code: "no-patient", Attribute: "PID-3", Element: "Patient.link",
				Detail: "a merge into nobody: left out", Ref: "HL7 v2.8.2 3.3.40"})
			continue
		}
		r.merge(&one)
		l.links = one.links
	}
}

// merge maps the prior record of a group: a Patient that may have been unknown till now, so that what comes late under its number finds
// the survivor.
func (r *run) merge(l *letter) {
	main, ok := firstIdentifier(l.segments, mergeFields)
	if !ok {
		r.add(Issue{Severity: "error", Code: "missing", Attribute: "MRG-1", Element: "Patient.link",
			Detail: "a merge that does not name the record that is merged: only the patient is mapped", Ref: "HL7 v2.8.2 3.4.9.1"})
		return
	}
	id := r.mapper.ID("Patient", r.hierarchic(main.Component(4)).system, main.Component(1).Text())
	if "Patient/"+id == l.patient {
		r.add(Issue{Severity: "warning", Code: "same-patient", Attribute: "MRG-1", Element: "Patient.link",
			Detail: "a record is said to go on as itself: left as it is", Ref: "HL7 v2.8.2 3.3.40"})
		return
	}
	p := prior{}
	p.Id = &id
	mergeTable.apply(r, &p, l.segments)
	before := r.refer("Patient", id, func() any { return r4.OtherPatient(p.Patient) })
	l.links = append(l.links, PatientLink{Prior: *before.Reference, Survivor: l.patient, Sent: l.at})
}

var mergeFields = fieldPaths("MRG-1")

// patientGroups cuts a message at its PIDs, each with the header before it and what stands after it.
func patientGroups(all []hl7v2.Segment) [][]hl7v2.Segment {
	var list [][]hl7v2.Segment
	for _, s := range all {
		switch {
		case s.Name == "PID":
			list = append(list, []hl7v2.Segment{all[0], s})
		case len(list) > 0:
			list[len(list)-1] = append(list[len(list)-1], s)
		}
	}
	return list
}

func priorIdentifiers(r *run, to *prior, v fieldValue) {
	main, _ := firstIdentifier(v.scope, mergeFields)
	to.patient.identify(r, main, v)
}

func priorNames(r *run, to *prior, v fieldValue) { pidNames(r, &to.patient, v) }

// unmerge takes back what was said of the two records of a message, whichever way it was said.
func (r *run) unmerge(l *letter) {
	var both []string
	for _, group := range patientGroups(l.segments) {
		one := *l
		one.segments = group
		if r.messagePatient(&one) == nil {
			both = append(both, one.patient)
		}
	}
	if len(both) != 2 {
		r.add(Issue{Severity: "error", Code: "missing", Attribute: "PID-3", Element: "Patient.link",
			Detail: "an unlink names two patients: left out", Ref: "HL7 v2.8.2 3.3.37"})
		return
	}
	l.links = append(l.links,
		PatientLink{Prior: both[0], Survivor: both[1], Sent: l.at, Undone: true},
		PatientLink{Prior: both[1], Survivor: both[0], Sent: l.at, Undone: true})
}
