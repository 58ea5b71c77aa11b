package naive

// The pools that documents and queries are drawn from: small, so that they meet, and with the neighbours that a wrong comparison
// would take for each other.
var (
	families = []string{"Weber", "Wéber", "Webern", "Ёлкин", "Елкина", "von der Heide", "Heide", "O'Brien", "Йодль", "-"}
	givens   = []string{"Anna", "Anna-Marie", "Ánna", "Пётр", "Петр", "Jørgen"}
	fullName = []string{"Peter James Weber", "Ёлкин Пётр", "Dr Heide"}
	cities   = []string{"Évry", "Evry", "Орёл", "Orel", "St. Gallen"}
	sayings  = []string{"Stable", "stable, no change", "Без изменений", "Изменённый", "Left | right", "50$ note", `back\slash`}
	phones   = []string{"+7 1", "555", "a@b.org", "A@B.org"}

	days      = []string{"1980", "1980-05", "1980-05-06", "1980-12-31", "1990-01-01", "1990"}
	dateTimes = []string{"2020", "2020-05", "2020-05-06", "2020-05-06T10:00:00Z", "2020-05-06T13:00:00+03:00",
		"2020-05-06T10:00:00.5Z", "2020-05-06T10:00:00.123456Z", "2020-05-06T23:30:00-05:00", "2021-01-01T00:00:00Z"}
	instants   = dateTimes[3:]
	askedTimes = append([]string{"2020-05-06T10:00", "2020-05-06T10:00:00", "2020-05-07", "2019"}, dateTimes...)
	periods    = [][2]string{{"2020-05-06", "2020-05-06"}, {"2020-05-06T10:00:00Z", "2020-05-07"}, {"2019", "2020"}, {"2020-05", ""},
		{"2020-05-06T10:00:00Z", ""}, {"", "2020-05-06"}, {"", "2019-12-31T23:59:59Z"}}

	decimals = []string{"5.4", "5.40", "5.44", "5", "0.0054", "5400", "-1", "120", "1.2e2"}
	counts   = []string{"0", "1", "99", "100", "101"}
	uris     = []string{"http://a.org/x", "http://a.org/x/y", "http://a.org/x/yz", "http://a.org/X", "urn:oid:1.2.3"}
	versions = []string{"http://a.org/x|1.0", "http://a.org/x|2.0", "http://a.org/x"}
	uids     = []string{"1.2.3", "1.2.3.4", "1.2.4"}
)

// coding is a code with its system and display; each may be absent.
type coding struct{ system, code, display string }

const dicom = "http://dicom.nema.org/resources/ontology/DCM"

// measuredCodes are the first of codings, of which an Observation has its code.
const measuredCodes = 3

var codings = []coding{
	{"http://loinc.org", "8480-6", "Systolic pressure"}, {"http://loinc.org", "8462-4", "Diastolic pressure"},
	{dicom, "CT", "Computed Tomography"}, {"urn:local", "ct", "КТ, сердце"}, {"", "CT", "CT of the heart"},
	{"urn:local", "", "a local thing"}, {"urn:local", "a|b", ""}, {"http://loinc.org", "urn:oid:1.2.3", ""},
}

// The codings of a Condition's state, whose bindings are required.
var (
	clinicalStatus     = []coding{{conditionStates + "clinical", "active", ""}, {conditionStates + "clinical", "resolved", ""}}
	verificationStatus = []coding{{conditionStates + "ver-status", "confirmed", ""}, {conditionStates + "ver-status", "refuted", ""}}
)

const conditionStates = "http://terminology.hl7.org/CodeSystem/condition-"

var (
	conceptTexts      = []string{"Pressure, systolic", "Сердце", "CT"}
	identifierSystems = []string{"urn:mrn", "urn:ris", ""}
	identifierValues  = []string{"1", "2", "A|B", "a|b", "X", "x", "urn:oid:1.2.3", "1.2.3"}
	identifierTypes   = []coding{{v2Identifiers, "MR", ""}, {v2Identifiers, "ACSN", ""}}
	typeTexts         = []string{"Medical record number", "Accession, local"}
)

const v2Identifiers = "http://terminology.hl7.org/CodeSystem/v2-0203"

// units are what quantities are measured in: system, code, unit.
var measures = [][3]string{{unitsOfMeasure, "mg", "mg"}, {unitsOfMeasure, "g", "g"}, {unitsOfMeasure, "ug", "µg"}, {unitsOfMeasure, "mm[Hg]", "mmHg"}, {"", "", "mg"},
	{"urn:units", "mg", "milligram"}, {"", "", ""}}

// codePools are the codes of elements with a required binding, by type and parameter.
var codePools = map[string][]string{
	"Patient.gender": genders, "Person.gender": genders, "Practitioner.gender": genders,
	"Patient.address-use": uses, "Person.address-use": uses, "Practitioner.address-use": uses, "Location.address-use": uses,
	"ImagingStudy.status": {"available", "registered"}, "DiagnosticReport.status": {"final", "preliminary"},
	"Observation.status": {"final", "amended"}, "ServiceRequest.status": {"active", "completed"},
	"ServiceRequest.intent": {"order", "plan"}, "ServiceRequest.priority": {"routine", "stat"},
	"Encounter.status": {"finished", "in-progress"}, "Device.status": {"active", "inactive"}, "Group.type": {"person", "device"},
	"List.status": {"current", "retired"}, "Location.status": {"active", "suspended"},
	"DocumentReference.status": {"current", "superseded"}, "DocumentReference.relation": {"replaces", "appends"},
	"DocumentReference.contenttype": {"text/html", "application/pdf"}, "DocumentReference.language": {"ru", "en-GB"},
}

var (
	genders = []string{"male", "female", "other"}
	uses    = []string{"home", "work"}
)

// places are pairs of latitude and longitude: two in one town, one some 70 km away, one on the other side of the date line.
var places = [][2]string{{"52.52", "13.40"}, {"52.53", "13.41"}, {"52.40", "12.40"}, {"-17.0", "179.9"}, {"-17.0", "-179.9"}}
