package bench

import (
	"math/rand/v2"
	"time"
)

func coding(system, code, display string) string {
	return `{"system":"` + system + `","code":"` + code + `","display":"` + display + `"}`
}

const (
	dcm    = "http://dicom.nema.org/resources/ontology/DCM"
	snomed = "http://snomed.info/sct"
)

func (m modality) coding() string { return coding(dcm, m.code, m.display) }

func (p procedure) concept() string {
	return `{"coding":[` + coding(codeSystem, p.code, p.name) + `],"text":"` + p.name + `"}`
}

func (v visit) accessionIdentifier() string {
	return `{"type":` + identifierType("ACSN", "Accession ID") + `,"system":"` + accessionSystem + `","value":"` + v.accession +
		`","assigner":{"display":"CITY-RIS"}}`
}

// time is a moment of the visit, minutes after its start.
func (v visit) time(minutes int) string {
	return v.started.Add(time.Duration(minutes) * time.Minute).Format(time.RFC3339)
}

// orderReference is how everything of a visit names what was ordered.
func (c City) orderReference(v visit) string {
	return `[{"reference":"ServiceRequest/` + c.id(ofOrder, v.index) + `","type":"ServiceRequest","identifier":` + v.accessionIdentifier() + `}]`
}

func (c City) patientReference(v visit) string { return "Patient/" + c.id(ofPatient, v.patient) }

func (c City) order(v visit) (t text) {
	t.add(`{"resourceType":"ServiceRequest","id":"`, c.id(ofOrder, v.index),
		`","meta":{"tag":[{"system":"urn:uuid:6c1b7d52-40b6-8c4e-9d0b-2f5d3a8e7b10","code":"stub","display":"Made from image headers"}]},"identifier":[`,
		v.accessionIdentifier(), `,{"type":`, identifierType("PLAC", "Placer Identifier"), `,"system":"`, placerSystem, `","value":"P`, v.accession,
		`"}],"status":"completed","intent":"order","category":[{"coding":[`, coding(snomed, "363679005", "Imaging"), `]}],"code":`,
		v.procedure.concept(), `,"orderDetail":[{"text":"`, v.procedure.name, `"}],"subject":{"reference":"`, c.patientReference(v),
		`"},"authoredOn":"`, v.time(-26*60), `","requester":`, c.practitionerReference(c.referrer(v)), `,"reasonCode":[{"text":"`, v.reason, `"}]}`)
	return t
}

// Roles of a facility's practitioners, by their number there.
const (
	radiologists  = 6
	technologists = 6
)

func (c City) interpreter(v visit) int {
	return v.facility*practitionersPerPlace + v.index%radiologists
}

func (c City) technologist(v visit) int {
	return v.facility*practitionersPerPlace + radiologists + v.index%technologists
}

func (c City) referrer(v visit) int {
	rest := practitionersPerPlace - radiologists - technologists
	return v.facility*practitionersPerPlace + radiologists + technologists + v.index%rest
}

func (c City) study(v visit) (t text) {
	r := draws(c.studySeed(), ofStudy, v.index)
	series, count, instances := c.allSeries(v, r)
	t.add(`{"resourceType":"ImagingStudy","id":"`, c.id(ofStudy, v.index), `","identifier":[{"use":"official","type":{"coding":[`, studyUIDType, `]},"system":"urn:dicom:uid","value":"`,
		c.studyUID(v), `"},`, v.accessionIdentifier(), `],"status":"available","modality":[`, v.modality.coding(), `],"subject":{"reference":"`,
		c.patientReference(v), `","identifier":`, c.patientIdentifier(v.patient), `},"started":"`, v.time(0), `","basedOn":`, c.orderReference(v),
		`,"referrer":`, c.practitionerReference(c.referrer(v)), `,"interpreter":[`, c.practitionerReference(c.interpreter(v)),
		`],"numberOfSeries":`, number(count), `,"numberOfInstances":`, number(instances), `,"procedureCode":[`, v.procedure.concept(),
		`],"location":{"reference":"Location/`, c.id(ofLocation, v.facility), `","display":"`, department, `"},"reasonCode":[{"text":"`, v.reason,
		`"}],"description":"`, v.procedure.name, `","series":[`)
	t.add(string(series), `]}`)
	return t
}

const studyUIDType = `{"system":"` + dcm + `","code":"110180","display":"Study Instance UID"}`

func (c City) studyUID(v visit) string {
	return "urn:oid:" + uid(draws(c.studySeed()^1, ofStudy, v.index))
}

// series is one series being written.
type series struct {
	number, instances   int
	modality, sopClass  string // modality is a Coding
	description, middle string // middle: what only images have
}

// allSeries writes the series of the images, of the dose report and of the report, and counts them and their instances.
func (c City) allSeries(v visit, r *rand.Rand) (t text, count, instances int) {
	for _, s := range c.seriesOf(v, r) {
		if count++; count > 1 {
			t.add(",")
		}
		instances += s.instances
		c.series(&t, v, s, r)
	}
	return t, count, instances
}

func (c City) seriesOf(v visit, r *rand.Rand) (all []series) {
	for _, about := range v.modality.series {
		n := about
		if about > 4 {
			n = about/2 + r.IntN(about)
		}
		all = append(all, series{
			instances: n, modality: v.modality.coding(), sopClass: v.modality.sopClass, description: v.procedure.siteName + " " + number(len(all)+1),
			middle: `"bodySite":` + coding(snomed, v.procedure.site, v.procedure.siteName) + `,`,
		})
	}
	document := coding(dcm, "SR", "SR Document")
	if len(v.modality.dose) > 0 {
		all = append(all, series{instances: 1, modality: document, sopClass: v.modality.doseClass, description: "Dose Report"})
	}
	if v.reported {
		all = append(all, series{instances: 1, modality: document, sopClass: "1.2.840.10008.5.1.4.1.1.88.11", description: "Report"})
	}
	for n := range all {
		all[n].number = n + 1
	}
	return all
}

func (c City) series(t *text, v visit, s series, r *rand.Rand) {
	t.add(`{"uid":"`, uid(r), `","number":`, number(s.number), `,"modality":`, s.modality, `,"description":"`, s.description,
		`","numberOfInstances":`, number(s.instances), `,`, s.middle, `"started":"`, v.time(s.number), `","performer":[`)
	if s.middle != "" {
		t.add(performer("SPRF", "secondary performer", c.practitionerReference(c.technologist(v))), `,`)
	}
	t.add(performer("DEV", "device", `{"reference":"Device/`+c.id(ofDevice, v.device)+`"}`), `,`,
		performer("LOC", "location", c.facilityReference(v.facility)), `]`)
	c.instances(t, s, r)
	t.add(`}`)
}

func performer(code, display, actor string) string {
	return `{"function":{"coding":[` + coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", code, display) + `]},"actor":` + actor + `}`
}

func (c City) instances(t *text, s series, r *rand.Rand) {
	for n := range min(s.instances, c.Instances) {
		if n == 0 {
			t.add(`,"instance":[`)
		} else {
			t.add(`,`)
		}
		t.add(`{"uid":"`, uid(r), `","sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:`, s.sopClass, `"},"number":`, number(n+1),
			`,"title":"ORIGINAL\\PRIMARY"}`)
	}
	if c.Instances > 0 {
		t.add(`]`)
	}
}
