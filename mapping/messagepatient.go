package mapping

import (
	"cmp"
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/mapping/hl7v2"
)

// pidTable reads who a message is about (HL7 v2.8.2 3.4.2; v2-to-FHIR PID).
var pidTable = compileMessage("v2-patient", []messageRule[patient]{
	{From: "PID-3 PID-2", To: "Patient.identifier", Ref: "HL7 v2.8.2 3.4.2.3", Set: pidIdentifiers},
	{From: "PID-4", To: "Patient.identifier", Ref: "HL7 v2.8.2 3.4.2.4 (withdrawn)", Set: pidMoreIdentifiers("")},
	{From: "PID-18", To: "Patient.identifier", Ref: "HL7 v2.8.2 3.4.2.18; HL7 0203 AN", Set: pidMoreIdentifiers("AN")},
	{From: "PID-19", To: "Patient.identifier", Ref: "HL7 v2.8.2 3.4.2.19; HL7 0203 SS", Set: pidSocialSecurity},
	{From: "PID-5", To: "Patient.name", Ref: "HL7 v2.8.2 3.4.2.5", Set: pidNames},
	{From: "PID-6", To: "Patient.extension", Ref: "FHIR R4 extension patient-mothersMaidenName", Set: pidMother},
	{From: "PID-7", To: "Patient.birthDate", Ref: "HL7 v2.8.2 3.4.2.7", Set: pidBirthDate},
	{From: "PID-8", To: "Patient.gender", Ref: "HL7 0001", Set: pidSex},
	{From: "PID-11", To: "Patient.address", Ref: "HL7 v2.8.2 3.4.2.11", Set: pidAddresses},
	{From: "PID-13", To: "Patient.telecom", Ref: "HL7 v2.8.2 3.4.2.13", Set: pidTelecoms(r4.ContactPointUseHome)},
	{From: "PID-14", To: "Patient.telecom", Ref: "HL7 v2.8.2 3.4.2.14", Set: pidTelecoms(r4.ContactPointUseWork)},
	{From: "PID-40", To: "Patient.telecom", Ref: "HL7 v2.8.2 3.4.2.40", Set: pidTelecoms(noUse)},
	{From: "PID-15", To: "Patient.communication", Ref: "HL7 v2.8.2 3.4.2.15", Set: pidLanguage},
	{From: "PID-16", To: "Patient.maritalStatus", Ref: "HL7 0002", Set: pidMaritalStatus},
	{From: "PID-25", To: "Patient.multipleBirthInteger", Ref: "HL7 v2.8.2 3.4.2.25", Set: pidBirthOrder},
	{From: "PID-24", To: "Patient.multipleBirthBoolean", Ref: "HL7 0136", Set: pidMultipleBirth},
	{From: "PID-29", To: "Patient.deceasedDateTime", Ref: "HL7 v2.8.2 3.4.2.29", Set: pidDeath},
	{From: "PID-30", To: "Patient.deceasedBoolean", Ref: "HL7 0136", Set: pidDeathIndicator},
	{From: "PID-35", To: "Patient.extension", Ref: "FHIR R4 extension patient-animal", Set: pidAnimal},
})

// messagePatient maps the patient. A message about nobody is refused: nothing in it could be found again.
func (r *run) messagePatient(l *letter) error {
	main, ok := mainIdentifier(l.segments)
	if !ok {
		return &Refusal{Reason: "no-patient", Detail: "PID-3 names no patient"}
	}
	by := r.hierarchic(main.Component(4))
	id := r.mapper.ID("Patient", by.system, main.Component(1).Text())
	l.patient = *r.refer("Patient", id, func() any {
		p := patient{}
		p.Id = &id
		pidTable.apply(r, &p, l.segments)
		out := spliced{resource: r4.OtherPatient(p.Patient)}
		if p.birthTime != "" {
			out.members = []member{birthTimeOf(p.birthTime)}
		}
		return out
	}).Reference
	return nil
}

// patientFields name the patient, the list of numbers before the old field for one.
var patientFields = fieldPaths("PID-3 PID-2")

// mainIdentifier is the medical record number among those of PID-3, else the first.
func mainIdentifier(scope []hl7v2.Segment) (hl7v2.Repetition, bool) {
	return firstIdentifier(scope, patientFields)
}

func firstIdentifier(scope []hl7v2.Segment, fields []fieldPath) (hl7v2.Repetition, bool) {
	for _, path := range fields {
		var first *hl7v2.Repetition
		for _, one := range fieldAt(scope, path).Repetitions() {
			if one.Component(1).Text() == "" {
				continue
			}
			if kind := one.Component(5).Text(); kind == "MR" {
				return one, true
			}
			if first == nil {
				first = &one
			}
		}
		if first != nil {
			return *first, true
		}
	}
	return hl7v2.Repetition{}, false
}

// hierarchic is the assigning authority of an HD: namespace, universal id and its type (HL7 v2.8.2 2A.2.33).
func (r *run) hierarchic(c hl7v2.Component) issuer {
	return r.authority(clean(c.Subcomponent(1)), clean(c.Subcomponent(2)), clean(c.Subcomponent(3)))
}

func pidIdentifiers(r *run, to *patient, v fieldValue) {
	main, _ := mainIdentifier(v.scope)
	to.identify(r, main, v)
}

// identify adds the numbers of a list, main the one that the patient is known by.
func (p *patient) identify(r *run, main hl7v2.Repetition, v fieldValue) {
	for _, one := range v.Repetitions() {
		value := clean(one.Component(1).Text())
		if value == "" {
			continue
		}
		kind := clean(one.Component(5).Text())
		is := one.Raw() == main.Raw()
		if kind == "" && is {
			kind = "MR"
		}
		identified := identifier(kind, value, r.hierarchic(one.Component(4)))
		if is {
			identified.Use = new(r4.IdentifierUseUsual)
		}
		p.addIdentifier(identified)
	}
}

// pidMoreIdentifiers are numbers that the patient is known by too; kind is theirs where the field says none (HL7 table 0203).
func pidMoreIdentifiers(kind string) func(*run, *patient, fieldValue) {
	return func(r *run, to *patient, v fieldValue) {
		for _, one := range v.Repetitions() {
			if value := clean(one.Component(1).Text()); value != "" {
				by := r.hierarchic(one.Component(4))
				if !by.known {
					by.system = r.mapper.local("NamingSystem", cmp.Or(kind, "PID-4"))
				}
				to.addIdentifier(identifier(cmp.Or(clean(one.Component(5).Text()), kind), value, by))
			}
		}
	}
}

func pidSocialSecurity(r *run, to *patient, v fieldValue) {
	to.addIdentifier(identifier("SS", clean(v.Text()), issuer{system: r.mapper.local("NamingSystem", "PID-19")}))
}

// nameUses are the name types of HL7 table 0200 that say what a name is used for.
var nameUses = enumTable(codeTable[r4.NameUse]{
	name: "name-type", title: "Name type (HL7 0200) to HumanName.use", source: "http://terminology.hl7.org/CodeSystem/v2-0200", target: "http://hl7.org/fhir/name-use",
	rows: map[string]r4.NameUse{
		"L": r4.NameUseOfficial, "R": r4.NameUseOfficial, "D": r4.NameUseUsual, "M": r4.NameUseMaiden, "N": r4.NameUseNickname,
		"MSK": r4.NameUseAnonymous, "BAD": r4.NameUseOld, "TEMP": r4.NameUseTemp,
	},
})

// nameScripts are the representations of HL7 table 4000.
var nameScripts = map[string]string{"A": "ABC", "I": "IDE", "P": "SYL"}

func pidNames(r *run, to *patient, v fieldValue) {
	for _, one := range v.Repetitions() {
		if name, ok := r.extendedName(one, 0); ok {
			to.Name = append(to.Name, name)
		}
	}
}

// extendedName makes a HumanName of an XPN, or of an XCN whose name begins after its number (HL7 v2.8.2 2A.2.88 and 2A.2.89).
func (r *run) extendedName(one hl7v2.Repetition, after int) (r4.HumanName, bool) {
	at := func(n int) string { return clean(one.Component(after + n).Text()) }
	parts := [5]string{at(1), at(2), at(3), at(5), at(4)}
	if isNoName(parts) {
		return r4.HumanName{}, false
	}
	script := nameScripts[at(8)]
	name := humanName(parts, script == "" || script == "ABC")
	if use, ok := translate(r.mapper, nameUses, at(7)); ok && after == 0 {
		name.Use = &use
	}
	if script != "" && after == 0 {
		name.Extension = []r4.Extension{{Url: nameRepresentation, ValueCode: &script}}
	}
	return name, true
}

func pidMother(r *run, to *patient, v fieldValue) {
	if name, ok := r.extendedName(v.First(), 0); ok {
		url := "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
		to.Extension = append(to.Extension, r4.Extension{Url: url, ValueString: name.Family})
	}
}

func pidBirthDate(r *run, to *patient, v fieldValue) {
	at := clean(v.Text())
	to.BirthDate = text(r.date(at[:min(8, len(at))]))
	if len(at) > 8 && to.BirthDate != nil {
		if moment := r.pointInTime(nil, at); strings.Contains(moment, "T") {
			to.birthTime = moment
		}
	}
}

// sexes are the codes of HL7 table 0001.
var sexes = enumTable(codeTable[r4.AdministrativeGender]{
	name: "administrative-sex", title: "Administrative sex (HL7 0001) to Patient.gender", source: "http://terminology.hl7.org/CodeSystem/v2-0001", target: "http://hl7.org/fhir/administrative-gender",
	rows: map[string]r4.AdministrativeGender{
		"M": r4.AdministrativeGenderMale, "F": r4.AdministrativeGenderFemale, "O": r4.AdministrativeGenderOther,
		"A": r4.AdministrativeGenderOther, "N": r4.AdministrativeGenderOther, "U": r4.AdministrativeGenderUnknown,
	},
})

func pidSex(r *run, to *patient, v fieldValue) {
	sex, ok := translate(r.mapper, sexes, strings.ToUpper(clean(v.Text())))
	if !ok {
		r.doubt("unknown-code", "not a code of HL7 table 0001: left out")
		return
	}
	to.Gender = &sex
}

func pidAddresses(_ *run, to *patient, v fieldValue) {
	for _, one := range v.Repetitions() {
		at := func(n int) string { return clean(one.Component(n).Text()) }
		a := r4.Address{Line: cleaned([]string{at(1), at(2)}), City: text(at(3)), State: text(at(4)), PostalCode: text(at(5)), Country: text(at(6)), District: text(at(9))}
		if a.Line != nil || a.City != nil || a.PostalCode != nil || a.State != nil || a.Country != nil {
			to.Address = append(to.Address, a)
		}
	}
}

// telecomUses are codes of HL7 table 0201 that say what a number is used for.
var telecomUses = enumTable(codeTable[r4.ContactPointUse]{
	name: "telecommunication-use", title: "Telecommunication use (HL7 0201) to ContactPoint.use", source: "http://terminology.hl7.org/CodeSystem/v2-0201", target: "http://hl7.org/fhir/contact-point-use",
	rows: map[string]r4.ContactPointUse{
		"PRN": r4.ContactPointUseHome, "ORN": r4.ContactPointUseHome, "VHN": r4.ContactPointUseHome, "WPN": r4.ContactPointUseWork, "PRS": r4.ContactPointUseMobile,
	},
})

// noUse is of a field that does not say what its numbers are used for.
const noUse r4.ContactPointUse = -1

// pidTelecoms reads an XTN: the whole number in its first component, or in parts. field is what a number is used for that does not say it.
func pidTelecoms(field r4.ContactPointUse) func(*run, *patient, fieldValue) {
	return func(r *run, to *patient, v fieldValue) {
		for _, one := range v.Repetitions() {
			at := func(n int) string { return clean(one.Component(n).Text()) }
			contact := r4.ContactPoint{System: new(r4.ContactPointSystemPhone)}
			switch whole := cmp.Or(at(12), at(1)); {
			case at(4) != "":
				contact.System, contact.Value = new(r4.ContactPointSystemEmail), text(at(4))
			case whole != "":
				contact.Value = &whole
			default:
				contact.Value = text(strings.Join(cleaned([]string{at(5), at(6), at(7)}), " "))
			}
			if use, ok := translate(r.mapper, telecomUses, strings.ToUpper(at(2))); ok {
				contact.Use = &use
			} else if field != noUse && contact.System != nil && *contact.System == r4.ContactPointSystemPhone {
				contact.Use = &field
			}
			if strings.EqualFold(at(3), "CP") {
				contact.Use = new(r4.ContactPointUseMobile)
			}
			if contact.Value != nil {
				to.Telecom = append(to.Telecom, contact)
			}
		}
	}
}

func pidLanguage(r *run, to *patient, v fieldValue) {
	if language, ok := r.codedElement(v.First()); ok {
		to.Communication = append(to.Communication, r4.PatientCommunication{Language: language})
	}
}

const maritalStatuses = "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus"

// maritals are HL7 table 0002 as v2-to-FHIR has it.
var maritals = codingTable(codeTable[r4.Coding]{
	name: "marital-status", title: "Marital status (HL7 0002) to Patient.maritalStatus", source: "http://terminology.hl7.org/CodeSystem/v2-0002", target: maritalStatuses,
	rows: map[string]r4.Coding{
		"A": codingOf(maritalStatuses, "L", "Legally Separated"), "E": codingOf(maritalStatuses, "L", "Legally Separated"),
		"B": codingOf(maritalStatuses, "U", "unmarried"), "C": codingOf(maritalStatuses, "C", "Common Law"),
		"D": codingOf(maritalStatuses, "D", "Divorced"), "G": codingOf(maritalStatuses, "T", "Domestic partner"),
		"I": codingOf(maritalStatuses, "I", "Interlocutory"), "M": codingOf(maritalStatuses, "M", "Married"),
		"N": codingOf(maritalStatuses, "A", "Annulled"), "P": codingOf(maritalStatuses, "T", "Domestic partner"),
		"R": codingOf(maritalStatuses, "T", "Domestic partner"), "S": codingOf(maritalStatuses, "S", "Never Married"),
		"W": codingOf(maritalStatuses, "W", "Widowed"),
	},
})

// pidMaritalStatus keeps a code that is not of the table in the words of the sender.
func pidMaritalStatus(r *run, to *patient, v fieldValue) {
	if known, ok := translate(r.mapper, maritals, strings.ToUpper(code(v.Text()))); ok {
		to.MaritalStatus = &r4.CodeableConcept{Coding: []r4.Coding{known}, Text: text(clean(v.First().Component(2).Text()))}
	} else if stated, ok := r.codedElement(v.First()); ok {
		to.MaritalStatus = &stated
	}
}

func pidBirthOrder(r *run, to *patient, v fieldValue) {
	order, err := strconv.ParseUint(clean(v.Text()), 10, 16)
	if err != nil || order == 0 {
		r.doubt("bad-number", "not the order of a birth: left out")
		return
	}
	to.MultipleBirthInteger = new(int(order))
}

// pidMultipleBirth gives way to the order of birth: R4 has one or the other.
func pidMultipleBirth(r *run, to *patient, v fieldValue) {
	if to.MultipleBirthInteger == nil {
		to.MultipleBirthBoolean = r.yesOrNo(v)
	}
}

// yesOrNo reads an indicator of HL7 table 0136, nil where it is none.
func (r *run) yesOrNo(v fieldValue) *bool {
	switch strings.ToUpper(clean(v.Text())) {
	case "Y":
		return new(true)
	case "N":
		return new(false)
	}
	r.doubt("unknown-code", "not a code of HL7 table 0136: left out")
	return nil
}

// pidAnimal is the extension for patients who are not human: species and breed.
func pidAnimal(r *run, to *patient, v fieldValue) {
	var parts []r4.Extension
	for _, part := range []struct{ url, field string }{{"species", "PID-35"}, {"breed", "PID-36"}} {
		if one, ok := r.codedElement(v.at(part.field).First()); ok {
			parts = append(parts, r4.Extension{Url: part.url, ValueCodeableConcept: &one})
		}
	}
	to.Extension = append(to.Extension, r4.Extension{Url: "http://hl7.org/fhir/StructureDefinition/patient-animal", Extension: parts})
}

func pidDeath(r *run, to *patient, v fieldValue) {
	to.DeceasedDateTime = text(r.pointInTime(nil, clean(v.Text())))
}

// pidDeathIndicator gives way to the time of death: R4 has one or the other.
func pidDeathIndicator(r *run, to *patient, v fieldValue) {
	if to.DeceasedDateTime == nil {
		to.DeceasedBoolean = r.yesOrNo(v)
	}
}
