package bench

import (
	"math/rand/v2"
	"time"
)

// Systems of the city's identifiers: all of them below 2.25, which anyone may use.
const (
	patientSystem   = "urn:oid:2.25.171717171717171717171717171717"
	accessionSystem = "urn:oid:2.25.171717171717171717171717171719"
	codeSystem      = "urn:oid:2.25.171717171717171717171717171718"
	serialSystem    = "urn:uuid:f20d2541-aa8b-891c-b1a7-d328bb4f0641"
	placerSystem    = "urn:uuid:ed315e68-4107-8dac-aad8-6c4bbc8753a9"
)

// Directory calls yield with everything that is nobody's data: organizations, locations, practitioners and devices.
func (c City) Directory(yield func(Resource) bool) {
	for f := range facilities {
		for _, r := range c.place(f) {
			if !yield(r) {
				return
			}
		}
	}
}

// place is one facility with its department, people and machines.
func (c City) place(f int) []Resource {
	owners := []string{"Organization/" + c.id(ofOrganization, f)}
	all := []Resource{
		c.resource("Organization", ofOrganization, f, c.organization(f), owners),
		c.resource("Location", ofLocation, f, c.location(f), owners),
	}
	for n := range practitionersPerPlace {
		i := f*practitionersPerPlace + n
		all = append(all, c.resource("Practitioner", ofPractitioner, i, c.practitioner(i), owners))
	}
	for m, kind := range modalities {
		for n := range kind.devices(f) {
			i := deviceNumber(f, m) + n
			all = append(all, c.resource("Device", ofDevice, i, c.device(f, i, kind), owners))
		}
	}
	return all
}

func facilityName(f int) string { return "Городская больница № " + number(f+1) }

func (c City) organization(f int) (t text) {
	t.add(`{"resourceType":"Organization","id":"`, c.id(ofOrganization, f), `","name":"`, facilityName(f),
		`","address":[{"text":"ул. Садовая, `, number(f+1), `"}]}`)
	return t
}

const department = "Отделение лучевой диагностики"

func (c City) location(f int) (t text) {
	t.add(`{"resourceType":"Location","id":"`, c.id(ofLocation, f), `","status":"active","name":"`, department,
		`","mode":"instance","managingOrganization":`, c.facilityReference(f), `}`)
	return t
}

func (c City) facilityReference(f int) string {
	return `{"reference":"Organization/` + c.id(ofOrganization, f) + `","display":"` + facilityName(f) + `"}`
}

func (c City) practitioner(i int) (t text) {
	t.add(`{"resourceType":"Practitioner","id":"`, c.id(ofPractitioner, i), `","name":[`, c.practitionerName(i).json(), `]}`)
	return t
}

func (c City) practitionerName(i int) personName {
	r := draws(c.Seed, ofPractitioner, i)
	return drawName(r, r.IntN(2))
}

func (c City) practitionerReference(i int) string {
	return `{"reference":"Practitioner/` + c.id(ofPractitioner, i) + `","display":"` + c.practitionerName(i).text() + `"}`
}

func (c City) device(f, i int, kind modality) (t text) {
	maker, serial := one(draws(c.Seed, ofDevice, i), makers), kind.code+"-"+padded(i, 6)
	t.add(`{"resourceType":"Device","id":"`, c.id(ofDevice, i), `","identifier":[{"type":`, identifierType("SNO", "Serial Number"),
		`,"system":"`, serialSystem, `","value":"`, serial, `","assigner":{"display":"`, maker, `"}}],"status":"active","manufacturer":"`, maker,
		`","serialNumber":"`, serial, `","deviceName":[{"name":"`, maker, `","type":"manufacturer-name"},{"name":"`, kind.device,
		`","type":"model-name"},{"name":"`, kind.code, number(i%maxDevices+1), `","type":"user-friendly-name"}],"modelNumber":"`, kind.device,
		`","type":{"coding":[`, kind.coding(), `]},"version":[{"value":"5.2.1"}],"owner":`, c.facilityReference(f), `}`)
	return t
}

var makers = []string{"Orbita Medical", "Polyus Imaging", "Kometa X-Ray", "Brightwave"}

// Patient is the p-th patient.
func (c City) Patient(p int) Resource {
	r := draws(c.Seed, ofPatient, p)
	sex := r.IntN(2)
	var t text
	t.add(`{"resourceType":"Patient","id":"`, c.id(ofPatient, p), `","identifier":[`, c.patientIdentifier(p), `],"name":[`,
		drawName(r, sex).json(), `],"gender":"`, []string{"male", "female"}[sex], `","birthDate":"`, c.birthDate(p), `"}`)
	var owners []string
	for _, f := range c.homes(p) {
		owners = append(owners, "Organization/"+c.id(ofOrganization, f))
	}
	if owners[0] == owners[1] {
		owners = owners[:1]
	}
	return c.resource("Patient", ofPatient, p, t, owners)
}

func (c City) birthDate(p int) string {
	days := draws(c.Seed^1, ofPatient, p).IntN(95 * 365)
	return time.Date(1928, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, days).Format(time.DateOnly)
}

// medicalRecordNumber differs between patients and tells nothing of their order.
func (c City) medicalRecordNumber(p int) string { return padded(p*7919%1e9, 9) }

func (c City) patientIdentifier(p int) string {
	return `{"use":"usual","type":` + identifierType("MR", "Medical record number") + `,"system":"` + patientSystem + `","value":"` +
		c.medicalRecordNumber(p) + `","assigner":{"display":"CITY"}}`
}

func identifierType(code, display string) string {
	return `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"` + code + `","display":"` + display + `"}]}`
}

type personName struct{ family, given, father string }

// drawName draws the name of a man (0) or woman (1).
func drawName(r *rand.Rand, sex int) personName {
	return personName{one(r, surnames)[sex], one(r, givenNames)[sex], one(r, fatherNames)[sex]}
}

func (n personName) text() string { return n.given + " " + n.father + " " + n.family }

func (n personName) json() string {
	return `{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation","valueCode":"ABC"}],"use":"usual","text":"` +
		n.text() + `","family":"` + n.family + `","given":["` + n.given + `","` + n.father + `"]}`
}
