package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

var patientTable = compile("patient", []rule[patient]{
	{From: "PatientID", With: issuerAttributes + " TypeOfPatientID", To: "Patient.identifier", Ref: "PS3.3 C.7.1.1", Set: patientID},
	{From: "OtherPatientIDsSequence", To: "Patient.identifier", By: union, Ref: "PS3.3 C.7.1.1", Set: otherPatientIDs},
	{From: "OtherPatientIDs", To: "Patient.identifier", By: union, Ref: "PS3.3 C.7.1.1 (retired)", Set: retiredPatientIDs},
	{From: "PatientName", To: "Patient.name", Ref: "PS3.5 6.2.1", Set: patientName},
	{From: "OtherPatientNames", To: "Patient.name", Ref: "PS3.3 C.7.1.3", Set: otherNames},
	{From: "PatientBirthName", To: "Patient.name", Ref: "PS3.3 C.2.3", Set: birthName},
	{From: "PatientMotherBirthName", To: "Patient.extension", Ref: "FHIR R4 extension patient-mothersMaidenName", Set: mothersMaidenName},
	{From: "PatientSex", To: "Patient.gender", Ref: "PS3.3 C.7.1.1", Set: gender},
	{From: "PatientBirthDate", With: "PatientBirthTime", To: "Patient.birthDate", Ref: "PS3.3 C.7.1.1", Set: birthDate},
	{From: "PatientSpeciesCodeSequence PatientSpeciesDescription", With: "PatientBreedCodeSequence PatientBreedDescription PatientSexNeutered", To: "Patient.extension", Ref: "FHIR R4 extension patient-animal", Set: animal},
	{From: "ResponsiblePerson", With: "ResponsiblePersonRole ResponsibleOrganization", To: "Patient.contact", Ref: "PS3.3 C.7.1.1", Set: responsiblePerson},
})

// issuerAttributes tell who assigned PatientID.
const issuerAttributes = "IssuerOfPatientID IssuerOfPatientIDQualifiersSequence"

// patient is a Patient being built, with the members that the struct lacks.
type patient struct {
	r4.Patient
	birthTime string
}

var (
	pathPatientID    = dicom.MustPath("PatientID")
	pathPatientIssue = dicom.MustPath("IssuerOfPatientID")
	pathQualifiers   = dicom.MustPath("IssuerOfPatientIDQualifiersSequence")
	pathStudyUID     = dicom.MustPath("StudyInstanceUID")
)

// unidentified names the system of patients whom only a study identifies.
const unidentified = "unidentified patients"

// identity is whom one context is about.
type identity struct {
	reference  string // "Patient/<id>"
	id         string
	value      string // PatientID; "" for a patient whom only the study identifies
	hasIssuer  bool
	identifier r4.Identifier
}

// identity tells the patient of a context: by PatientID and its issuer, or by the Study Instance UID where the object names
// nobody, so that the nameless of two studies never become one person.
func (r *run) identity(context *dicom.Dataset) identity {
	if r.whose != context { // asked for by several rules in a row
		r.whose, r.who = context, r.identify(context)
	}
	return r.who
}

func (r *run) identify(context *dicom.Dataset) identity {
	p := identity{value: clean(context.Text(pathPatientID))}
	if p.value == "" {
		uid := context.Text(pathStudyUID)
		system := r.mapper.local("NamingSystem", unidentified)
		p.id = r.mapper.ID("Patient", system, uid)
		p.identifier = localIdentifier("unidentified: known by this study alone", "urn:oid:"+uid, issuer{system: system})
	} else {
		by := r.issuer(clean(context.Text(pathPatientIssue)), firstItem(items(context, context.Items(pathQualifiers))))
		p.hasIssuer = by.known
		p.id = r.mapper.ID("Patient", by.system, p.value)
		p.identifier = identifier("MR", p.value, by)
	}
	p.identifier.Use = new(r4.IdentifierUseUsual)
	p.reference = "Patient/" + p.id
	return p
}

// patient refers to the patient of a context.
func (r *run) patient(context *dicom.Dataset) *r4.Reference {
	who := r.identity(context)
	return r.refer("Patient", who.id, func() any { return r.buildPatient(context, who) })
}

func (r *run) buildPatient(context *dicom.Dataset, who identity) any {
	var p patient
	p.Id = &who.id
	if who.value == "" {
		p.Identifier = []r4.Identifier{who.identifier}
		p.Meta = &r4.Meta{Tag: []r4.Coding{tag("unidentified", "No PatientID")}}
		r.add(Issue{Severity: "warning", Code: "no-patient-id", Attribute: "PatientID", Element: "Patient.identifier",
			Detail: "no PatientID: a patient known by this study alone", Ref: "PS3.3 C.7.1.1"})
	}
	patientTable.apply(r, &p, whole(context))
	out := spliced{resource: r4.OtherPatient(p.Patient)}
	if p.birthTime != "" {
		out.members = []member{birthTimeOf(p.birthTime)}
	}
	return out
}

// birthTimeOf is the extension of birthDate for the time of birth.
func birthTimeOf(at string) member {
	url := "http://hl7.org/fhir/StructureDefinition/patient-birthTime"
	return member{"_birthDate", map[string]any{"extension": []r4.Extension{{Url: url, ValueDateTime: &at}}}}
}

func patientID(r *run, to *patient, v value) {
	who := r.identity(v.dataset)
	if !who.hasIssuer {
		r.remark("no-issuer", "no issuer: the identifier is in the system of this hub for such")
	}
	to.Identifier = append(to.Identifier, who.identifier)
}

// otherPatientIDs reads each item's own issuer (PS3.3 C.7.1.1); its identifier has no use, for nothing tells one.
func otherPatientIDs(r *run, to *patient, v value) {
	for _, i := range v.items() {
		id := i.text(pathPatientID)
		if id == "" {
			continue
		}
		qualifiers := firstItem(i.items(pathQualifiers))
		kind := qualifiers.text(pathIdentifierType)
		if kind == "" {
			kind = "MR"
		}
		to.addIdentifier(identifier(kind, id, r.issuer(i.text(pathPatientIssue), qualifiers)))
	}
}

// retiredPatientIDs have no issuer and may be of any, so not of the one of PatientID.
func retiredPatientIDs(r *run, to *patient, v value) {
	for _, id := range v.texts() {
		to.addIdentifier(identifier("", id, issuer{system: r.mapper.local("NamingSystem", "OtherPatientIDs")}))
	}
}

func (p *patient) addIdentifier(one r4.Identifier) {
	for _, have := range p.Identifier {
		if sameIdentifier(have, one) {
			return
		}
	}
	p.Identifier = append(p.Identifier, one)
}

func patientName(r *run, to *patient, v value) {
	names := v.names()
	if len(names) == 0 {
		return
	}
	list := humanNames(names[0], new(r4.NameUseUsual))
	if len(list) == 0 {
		r.remark("no-name", "a word that stands for no name: left out")
	}
	to.Name = append(to.Name, list...)
}

// otherNames have no use: they may be former, adopted or misspelt.
func otherNames(_ *run, to *patient, v value) {
	for _, n := range v.names() {
		to.Name = append(to.Name, humanNames(n, nil)...)
	}
}

func birthName(_ *run, to *patient, v value) {
	for _, n := range v.names() {
		to.Name = append(to.Name, humanNames(n, new(r4.NameUseMaiden))...)
	}
}

func mothersMaidenName(_ *run, to *patient, v value) {
	for _, n := range v.names() {
		for _, name := range humanNames(n, nil) {
			url := "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
			to.Extension = append(to.Extension, r4.Extension{Url: url, ValueString: name.Text})
			return // the extension is single: the first group
		}
	}
}

// patientSexes are the enumerated values of Patient's Sex.
var patientSexes = enumTable(codeTable[r4.AdministrativeGender]{
	name: "patient-sex", title: "Patient's Sex (PS3.3 0010,0040) to Patient.gender", target: "http://hl7.org/fhir/administrative-gender",
	rows: map[string]r4.AdministrativeGender{
		"M": r4.AdministrativeGenderMale, "F": r4.AdministrativeGenderFemale, "O": r4.AdministrativeGenderOther,
	},
})

// gender follows administrative sex; an absent one stays absent, which "unknown" would not.
func gender(r *run, to *patient, v value) {
	sex, ok := translate(r.mapper, patientSexes, strings.ToUpper(v.text()))
	if !ok {
		r.doubt("unknown-code", "PatientSex is not M, F or O: left out")
		return
	}
	to.Gender = &sex
}

// birthDate never has a zone; the time of birth is kept only where one is known, as the extension's dateTime needs it.
func birthDate(r *run, to *patient, v value) {
	to.BirthDate = text(r.date(v.text()))
	if clock := v.of("PatientBirthTime").text(); clock != "" {
		if at := r.moment(v.root, v.text(), clock); strings.Contains(at, "T") {
			to.birthTime = at
		}
	}
}

// animal is the extension for patients who are not human; it needs a species.
func animal(r *run, to *patient, v value) {
	parts := []r4.Extension{}
	add := func(url string, list []r4.CodeableConcept) {
		if len(list) > 0 {
			parts = append(parts, r4.Extension{Url: url, ValueCodeableConcept: &list[0]})
		}
	}
	add("species", r.concepts(v))
	if breed := v.of("PatientBreedCodeSequence"); breed.isPresent() {
		add("breed", r.concepts(breed))
	} else {
		add("breed", r.concepts(v.of("PatientBreedDescription")))
	}
	switch neutered := v.of("PatientSexNeutered").text(); neutered {
	case "ALTERED":
		add("genderStatus", []r4.CodeableConcept{coded("http://hl7.org/fhir/animal-genderstatus", "neutered", "Neutered")})
	case "UNALTERED":
		add("genderStatus", []r4.CodeableConcept{coded("http://hl7.org/fhir/animal-genderstatus", "intact", "Intact")})
	case "":
	default:
		r.doubt("unknown-code", "PatientSexNeutered is not a defined term: left out")
	}
	url := "http://hl7.org/fhir/StructureDefinition/patient-animal"
	to.Extension = append(to.Extension, r4.Extension{Url: url, Extension: parts})
}

func responsiblePerson(_ *run, to *patient, v value) {
	contact := r4.PatientContact{}
	for _, n := range v.names() {
		if list := humanNames(n, nil); len(list) > 0 {
			contact.Name = &list[0]
			break
		}
	}
	if role := v.of("ResponsiblePersonRole").text(); role != "" {
		contact.Relationship = []r4.CodeableConcept{{Text: &role}}
	}
	if org := v.of("ResponsibleOrganization").text(); org != "" {
		contact.Organization = &r4.Reference{Type: new("Organization"), Display: &org}
	}
	if contact.Name != nil || contact.Organization != nil { // R4 pat-1
		to.Contact = append(to.Contact, contact)
	}
}
