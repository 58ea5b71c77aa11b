package mapping

import (
	"cmp"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/mapping/hl7v2"
)

// pidTable reads who a message is about (HL7 v2.8.2 3.4.2; v2-to-FHIR PID).
var pidTable = compileMessage("v2-patient", []messageRule[patient]{
	{From: "PID-3 PID-2", To: "Patient.identifier", Ref: "HL7 v2.8.2 3.4.2.3", Set: pidIdentifiers},
	{From: "PID-19", To: "Patient.identifier", Ref: "HL7 v2.8.2 3.4.2.19; HL7 0203 SS", Set: pidSocialSecurity},
	{From: "PID-5", To: "Patient.name", Ref: "HL7 v2.8.2 3.4.2.5", Set: pidNames},
	{From: "PID-6", To: "Patient.extension", Ref: "FHIR R4 extension patient-mothersMaidenName", Set: pidMother},
	{From: "PID-7", To: "Patient.birthDate", Ref: "HL7 v2.8.2 3.4.2.7", Set: pidBirthDate},
	{From: "PID-8", To: "Patient.gender", Ref: "HL7 0001", Set: pidSex},
	{From: "PID-11", To: "Patient.address", Ref: "HL7 v2.8.2 3.4.2.11", Set: pidAddresses},
	{From: "PID-13 PID-14", To: "Patient.telecom", Ref: "HL7 v2.8.2 3.4.2.13", Set: pidTelecoms},
	{From: "PID-29", To: "Patient.deceasedDateTime", Ref: "HL7 v2.8.2 3.4.2.29", Set: pidDeath},
	{From: "PID-30", To: "Patient.deceasedBoolean", Ref: "HL7 0136", Set: pidDeathIndicator},
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

// pidTelecoms reads an XTN: the whole number in its first component, or in parts.
func pidTelecoms(_ *run, to *patient, v fieldValue) {
	for _, path := range []string{"PID-13", "PID-14"} {
		for _, one := range v.at(path).Repetitions() {
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
			if contact.Value != nil {
				to.Telecom = append(to.Telecom, contact)
			}
		}
	}
}

func pidDeath(r *run, to *patient, v fieldValue) {
	to.DeceasedDateTime = text(r.pointInTime(nil, clean(v.Text())))
}

// pidDeathIndicator gives way to the time of death: R4 has one or the other.
func pidDeathIndicator(r *run, to *patient, v fieldValue) {
	if to.DeceasedDateTime != nil {
		return
	}
	switch strings.ToUpper(clean(v.Text())) {
	case "Y":
		to.DeceasedBoolean = new(true)
	case "N":
		to.DeceasedBoolean = new(false)
	default:
		r.doubt("unknown-code", "not a code of HL7 table 0136: left out")
	}
}
