package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/mapping/hl7v2"
)

// v2Schemes are names of coding systems in messages (HL7 table 0396, and what senders write) that DICOM calls otherwise.
var v2Schemes = map[string]string{"LOINC": "LN", "SNOMED-CT": "SCT", "CPT4": "C4", "CPT": "C4", "ISO639": "RFC5646", "ISO639-1": "RFC5646"}

// codedElement makes a CodeableConcept of a CE, CWE or CNE (HL7 v2.8.2 2A.2.13): the code, its alternate, and the words that were first.
func (r *run) codedElement(one hl7v2.Repetition) (concept r4.CodeableConcept, ok bool) {
	at := func(n int) string { return clean(one.Component(n).Text()) }
	for _, first := range []int{1, 4} {
		value, display, scheme := code(at(first)), at(first+1), at(first+2)
		switch {
		case value != "" && scheme != "":
			if known := v2Schemes[strings.ToUpper(scheme)]; known != "" {
				scheme = known
			}
			concept.Coding = append(concept.Coding, codingOf(r.codeSystem(scheme, nil), value, display))
		case value != "" && display == "":
			concept.Text = text(firstText(concept.Text, value))
		}
		concept.Text = text(firstText(concept.Text, display))
	}
	if original := at(9); original != "" {
		concept.Text = &original
	}
	return concept, concept.Text != nil || len(concept.Coding) > 0
}

func firstText(have *string, more string) string {
	if have != nil {
		return *have
	}
	return more
}

// person refers to who is named in an XCN: a number and a name, and who assigned the number (HL7 v2.8.2 2A.2.88).
func (r *run) person(l *letter, one hl7v2.Repetition) *r4.Reference {
	number := clean(one.Component(1).Text())
	name, named := r.extendedName(one, 1)
	by := r.hierarchic(one.Component(9))
	return r.practitionerOf(l, number, by, name, named)
}

// signer refers to who is named in an NDL: a name in subcomponents (HL7 v2.8.2 2A.2.46). Many senders write an XCN there.
func (r *run) signer(l *letter, one hl7v2.Repetition) *r4.Reference {
	c := one.Component(1)
	if c.Subcomponent(2) == "" && one.Component(2).Text() != "" {
		return r.person(l, one)
	}
	at := func(n int) string { return clean(c.Subcomponent(n)) }
	parts := [5]string{at(2), at(3), at(4), at(6), at(5)}
	named := !isNoName(parts)
	return r.practitionerOf(l, at(1), r.authority(at(9), at(10), at(11)), humanName(parts, true), named)
}

func (r *run) practitionerOf(l *letter, number string, by issuer, name r4.HumanName, named bool) *r4.Reference {
	var id string
	var identifiers []r4.Identifier
	switch {
	case number != "":
		if !by.known {
			by.system = r.mapper.local("NamingSystem", join("staff", l.sender))
		}
		identifiers = []r4.Identifier{identifier("", number, by)}
		id = r.mapper.ID("Practitioner", by.system, number)
	case named:
		id = r.mapper.ID("Practitioner", "name", join(l.sender, strings.ToUpper(deref(name.Text))))
	default:
		return nil
	}
	one := r.refer("Practitioner", id, func() any {
		p := r4.Practitioner{Id: &id, Identifier: identifiers}
		if named {
			p.Name = []r4.HumanName{name}
		}
		return r4.OtherPractitioner(p)
	})
	if named {
		one.Display = name.Text
	}
	return one
}

// entityIdentifier is an EI: a number and who assigned it (HL7 v2.8.2 2A.2.28). ok is false where there is no number.
func (r *run) entityIdentifier(kind string, f hl7v2.Field) (i r4.Identifier, ok bool) {
	one := f.First()
	at := func(n int) string { return clean(one.Component(n).Text()) }
	if at(1) == "" {
		r.doubt("no-number", "an authority without a number: left out")
		return i, false
	}
	by := r.authority(at(2), at(3), at(4))
	if !by.known {
		by.system = r.mapper.local("NamingSystem", kind) // as of an image that names it
	}
	return identifier(kind, at(1), by), true
}
