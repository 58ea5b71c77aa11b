package mapping

import (
	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

var pathPersonCode = dicom.MustPath("PersonIdentificationCodeSequence")

// practitioner refers to a person by the codes that identify one (PS3.3 table 10-1), else by name; nil when there is neither. A
// name alone identifies within its source only, so that namesakes elsewhere stay apart.
func (r *run) practitioner(root *dicom.Dataset, n personName, codes []r4.Identifier) *r4.Reference {
	said := display(n)
	var id string
	switch {
	case len(codes) > 0:
		id = r.mapper.ID("Practitioner", *codes[0].System, *codes[0].Value)
	case said != "":
		id = r.mapper.ID("Practitioner", "name", join(r.place(root), normalName(n)))
	default:
		return nil
	}
	one := r.refer("Practitioner", id, func() any {
		return r4.OtherPractitioner(r4.Practitioner{Id: &id, Identifier: codes, Name: humanNames(n, new(r4.NameUseUsual))})
	})
	one.Display = text(said)
	return one
}

// place is the source within which a name alone tells one person: the institution, else the issuer of patient numbers, else this
// study.
func (r *run) place(root *dicom.Dataset) string {
	if name := clean(root.Text(pathInstitution)); name != "" {
		return r.mapper.organizationID(name)
	}
	if name := clean(root.Text(pathPatientIssue)); name != "" {
		return name
	}
	return root.Text(pathStudyUID)
}

// identifiers reads codes as identifiers, in the system of their scheme.
func (r *run) identifiers(codes []item) []r4.Identifier {
	var list []r4.Identifier
	for _, i := range atMost(r, codes) {
		if c, ok := r.coding(i); ok {
			list = append(list, r4.Identifier{System: c.System, Value: c.Code})
		}
	}
	return list
}

// practitioners refers to each person of a PN attribute, with its identification sequence beside it, item by item.
func (r *run) practitioners(v, identification value) []r4.Reference {
	var people []item
	if identification.isPresent() {
		people = identification.items()
	}
	names := v.names()
	if len(people) != 0 && len(people) != len(names) {
		r.doubt("unmatched-identification", "as many names as identification items are needed to tell which is whose: codes left out")
		people = nil
	}
	var list []r4.Reference
	for i, n := range names {
		var codes []r4.Identifier
		if people != nil {
			codes = r.identifiers(people[i].items(pathPersonCode))
		}
		one := r.practitioner(v.root, n, codes)
		if one != nil && people != nil {
			one = r.practitionerRole(*one, people[i].text(pathInstitution))
		}
		if one != nil {
			list = append(list, *one)
		}
	}
	return list
}

// practitionerRole refers to a person as one of an organisation, which the item that identifies the person names (PS3.3 table 10-1); to
// the person alone where none is named.
func (r *run) practitionerRole(person r4.Reference, institution string) *r4.Reference {
	if institution == "" {
		return &person
	}
	id := r.mapper.ID("PractitionerRole", r.mapper.organizationID(institution), *person.Reference)
	one := r.refer("PractitionerRole", id, func() any {
		return r4.OtherPractitionerRole(r4.PractitionerRole{Id: &id, Practitioner: &person, Organization: r.organization(institution)})
	})
	one.Display = person.Display
	return one
}
