package storetest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// city draws studies as a city's hospitals make them, the same for the same seed.
type city struct {
	rand     *rand.Rand
	patients int
}

func newCity(seed uint64, patients int) *city {
	return &city{rand: rand.New(rand.NewPCG(seed, seed)), patients: patients} //nolint:gosec // not a secret
}

// The modality mix of a city's departments, in per cent, with a SOP class and body site each.
var modalities = []struct {
	code, sopClass, site string
	share                int
}{
	{"DX", "1.2.840.10008.5.1.4.1.1.1.1", "51185008", 45},
	{"US", "1.2.840.10008.5.1.4.1.1.6.1", "818983003", 25},
	{"CT", "1.2.840.10008.5.1.4.1.1.2", "69536005", 12},
	{"MG", "1.2.840.10008.5.1.4.1.1.1.2", "76752008", 8},
	{"MR", "1.2.840.10008.5.1.4.1.1.4", "421060004", 7},
	{"XA", "1.2.840.10008.5.1.4.1.1.12.1", "80891009", 3},
}

func (c *city) modality() int {
	n := c.rand.IntN(100)
	for i, m := range modalities {
		if n -= m.share; n < 0 {
			return i
		}
	}
	return 0
}

// uid draws a DICOM UID made of a UUID (PS3.5 B.2).
func (c *city) uid() string {
	return fmt.Sprintf("2.25.%d%018d", c.rand.Uint64(), c.rand.Uint64()%1e18)
}

func (c *city) uuid() string {
	a, b := c.rand.Uint64(), c.rand.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>48&0xfff, b&0xffffffffffff)
}

// firstDay is when the city began to keep studies.
var firstDay = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

func patientID(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }

func organization(n int) string { return fmt.Sprintf("Organization/facility-%d", n) }

// study draws one ImagingStudy, with its owner.
func (c *city) study() (body, owner string) {
	m := modalities[c.modality()]
	started := firstDay.Add(time.Duration(c.rand.IntN(730*24*3600)) * time.Second)
	facility := c.rand.IntN(155)
	body = fmt.Sprintf(`{"resourceType":"ImagingStudy","id":%q,"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:%s"},`+
		`{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]},"system":"https://facility-%d.example/accession","value":"A%09d"}],`+
		`"status":"available","modality":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":%q}],`+
		`"subject":{"reference":"Patient/%s"},"started":%q,"basedOn":[{"reference":"ServiceRequest/%s"}],"referrer":{"reference":"Practitioner/%s"},`+
		`"endpoint":[{"reference":"Endpoint/wado-rs"}],"numberOfSeries":2,"numberOfInstances":4,`+
		`"procedureCode":[{"coding":[{"system":"http://snomed.info/sct","code":"%d"}],"text":"Routine %s examination of the region in question"}],`+
		`"description":"%s routine","series":[%s,%s]}`,
		c.uuid(), c.uid(), facility, c.rand.IntN(1e9), m.code, patientID(c.rand.IntN(c.patients)), started.Format(time.RFC3339),
		c.uuid(), patientID(c.rand.IntN(4000)), 100000000+c.rand.IntN(300)*7, m.code, m.code,
		c.series(1, m.code, m.sopClass, m.site), c.series(2, m.code, m.sopClass, m.site))
	return body, organization(facility)
}

func (c *city) series(number int, modality, sopClass, site string) string {
	var instances []string
	for n := range 2 {
		instances = append(instances, fmt.Sprintf(`{"uid":%q,"sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:%s"},"number":%d}`, c.uid(), sopClass, n+1))
	}
	return fmt.Sprintf(`{"uid":%q,"number":%d,"modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":%q},"description":"Series %d",`+
		`"numberOfInstances":2,"bodySite":{"system":"http://snomed.info/sct","code":%q},"started":"2024-05-06T07:08:09+03:00",`+
		`"performer":[{"actor":{"reference":"Device/device-%d"}}],"instance":[%s]}`,
		c.uid(), number, modality, number, site, c.rand.IntN(1300), strings.Join(instances, ","))
}
