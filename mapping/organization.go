package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// institutionAttributes say more of the organisation that InstitutionName names.
const institutionAttributes = "InstitutionCodeSequence InstitutionAddress"

var organizationTable = compile("organization", []rule[r4.Organization]{
	{From: "InstitutionName", To: "Organization.name", Ref: "PS3.3 C.7.5.1", Set: organizationName},
	{From: "InstitutionName", To: "Organization.identifier", Ref: "IHE RAD MADO (HL7 v2 XON)", Set: organizationXON},
	{From: "InstitutionCodeSequence", To: "Organization.identifier", Ref: "PS3.3 C.7.5.1", Set: organizationCode},
	{From: "InstitutionAddress", To: "Organization.address", Ref: "PS3.3 C.7.5.1", Set: organizationAddress},
})

var locationTable = compile("location", []rule[r4.Location]{
	{From: "InstitutionalDepartmentName PerformedLocation", To: "Location.name", Ref: "PS3.3 C.7.5.1", Set: move(func(l *r4.Location) **string { return &l.Name })},
	{From: "InstitutionalDepartmentTypeCodeSequence", To: "Location.type", Ref: "PS3.3 C.7.5.1", Set: concepts(func(l *r4.Location) *[]r4.CodeableConcept { return &l.Type })},
	{From: "InstitutionName", With: institutionAttributes, To: "Location.managingOrganization", Ref: "PS3.3 C.7.5.1", Set: locationOrganization},
})

var pathInstitution = dicom.MustPath("InstitutionName")

// Organization returns the reference of the organisation of an InstitutionName: who submits in its name.
func (m *Mapper) Organization(name string) string {
	return "Organization/" + m.organizationID(clean(name))
}

func (m *Mapper) organizationID(name string) string {
	return m.ID("Organization", "name", strings.ToUpper(strings.Join(strings.Fields(xonName(name)), " ")))
}

// institution refers to the organisation of an InstitutionName.
func (r *run) institution(v value) *r4.Reference {
	id := r.mapper.organizationID(v.text())
	one := r.refer("Organization", id, func() any {
		o := r4.Organization{Id: &id}
		organizationTable.apply(r, &o, whole(v.dataset))
		return r4.OtherOrganization(o)
	})
	one.Display = text(xonName(v.text()))
	return one
}

// organization refers to an organisation of which nothing but its name is told.
func (r *run) organization(name string) *r4.Reference {
	id := r.mapper.organizationID(name)
	one := r.refer("Organization", id, func() any {
		return r4.OtherOrganization(r4.Organization{Id: &id, Name: text(xonName(name))})
	})
	one.Display = text(xonName(name))
	return one
}

// xonName is the name of an InstitutionName that may be written as an HL7 v2 XON: name^^^^^authority^^^^id.
func xonName(s string) string {
	name, _, _ := strings.Cut(s, "^")
	if name = strings.TrimSpace(name); name != "" {
		return name
	}
	return s
}

func organizationName(_ *run, to *r4.Organization, v value) { to.Name = text(xonName(v.text())) }

func organizationXON(r *run, to *r4.Organization, v value) {
	parts := strings.Split(v.text(), "^")
	if len(parts) < 10 || parts[9] == "" {
		return
	}
	authority, universal, _ := strings.Cut(parts[5], "&")
	universal, kind, _ := strings.Cut(universal, "&")
	by := issuer{system: universalSystem(universal, kind), display: authority, known: true}
	if by.system == "" {
		by = r.issuer(authority, item{})
	}
	to.Identifier = append(to.Identifier, identifier("", parts[9], by))
}

func organizationCode(r *run, to *r4.Organization, v value) {
	to.Identifier = append(to.Identifier, r.identifiers(v.items())...)
}

func organizationAddress(_ *run, to *r4.Organization, v value) {
	to.Address = append(to.Address, r4.Address{Text: text(v.text())})
}

// location refers to a department, which is one within its institution only.
func (r *run) location(v value) *r4.Reference {
	institution := xonName(clean(v.dataset.Text(pathInstitution)))
	id := r.mapper.ID("Location", "department", strings.ToUpper(join(institution, v.text())))
	one := r.refer("Location", id, func() any {
		l := r4.Location{Id: &id, Status: new(r4.LocationStatusActive), Mode: new(r4.LocationModeInstance)}
		locationTable.apply(r, &l, whole(v.dataset))
		return r4.OtherLocation(l)
	})
	one.Display = text(v.text())
	return one
}

func locationOrganization(r *run, to *r4.Location, v value) {
	to.ManagingOrganization = r.institution(v)
}
