package bench

import (
	"math/rand/v2"
	"time"

	"lightbox/fhir"
)

// City is a synthetic city as the hub has mapped it: no file is read and no person in it exists. Each of its resources is a
// function of the city and the resource's number, so that any part of it can be made at any time, in any order, with the same
// bytes, and a city of ten million studies takes no more memory than one study.
type City struct {
	Seed    uint64
	Studies int
	// Instances is how many instances a series lists at most. With none, what is measured is the hub's work for a study: listed
	// instances make every body longer, and with it every plain copy of it that the hub is compared with.
	Instances int
	// Variant tells apart studies that are made later for the same people: 0 is the city itself.
	Variant uint64
}

// The city's size beside its studies.
const (
	facilities            = 155
	studiesPerPatient     = 4
	practitionersPerPlace = 20
	resourcesPerStudy     = 4 // at most
)

// Patients is how many the city has.
func (c City) Patients() int { return max(1, c.Studies/studiesPerPatient) }

// The city's studies are spread over three years.
var firstDay = time.Date(2023, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3*3600))

const spread = 3 * 365 // days

// visit is what is settled of a study before any of its resources is written.
type visit struct {
	index     int // of the study
	patient   int
	facility  int
	modality  modality
	procedure procedure
	device    int
	started   time.Time
	reported  bool
	reason    string
	accession string
}

// studySeed is of what differs between variants.
func (c City) studySeed() uint64 {
	if c.Variant == 0 {
		return c.Seed
	}
	return c.Seed ^ mix(c.Variant)
}

func (c City) visit(i int) visit {
	r := draws(c.studySeed(), ofVisit, i)
	v := visit{index: i, patient: c.patientOf(i, r), reported: r.IntN(100) < 88}
	m := modalityAt(r.IntN(100))
	v.modality, v.procedure = modalities[m], one(r, modalities[m].procedures)
	v.reason = one(r, v.procedure.reasons)
	v.facility = c.facilityOf(v.patient, r)
	for v.modality.devices(v.facility) == 0 {
		v.facility-- // the first facility has everything
	}
	v.device = deviceNumber(v.facility, m) + r.IntN(v.modality.devices(v.facility))
	v.started = c.startOf(i, r)
	v.accession = v.started.Format("06") + v.modality.code + number(1e8+r.IntN(9e8))
	return v
}

// patientOf spreads studies with a long tail: most people come now and then, one in ten often, one in a hundred all the time, and
// the first patient has the most: some 140 studies in a city of more than 1,400.
func (c City) patientOf(i int, r *rand.Rand) int {
	kind, n := r.IntN(10), c.Patients()
	if i%max(10, c.Studies/140) == 0 {
		return 0
	}
	switch {
	case kind < 6:
		return r.IntN(n)
	case kind < 9:
		return r.IntN(max(1, n/10))
	}
	return r.IntN(max(1, n/100))
}

func modalityAt(percent int) int {
	for m := range modalities {
		if percent -= modalities[m].share; percent < 0 {
			return m
		}
	}
	return 0
}

// homes are the two facilities where a patient is treated; large ones have more patients than small ones.
func (c City) homes(patient int) [2]int {
	r := draws(c.Seed, ofPatient, patient)
	place := func() int { u := r.Float64(); return int(u * u * facilities) }
	return [2]int{place(), place()}
}

func (c City) facilityOf(patient int, r *rand.Rand) int {
	homes := c.homes(patient)
	if r.IntN(5) == 0 {
		return homes[1]
	}
	return homes[0]
}

// startOf gives studies times in the order of their numbers, give or take a day, mostly in working hours.
func (c City) startOf(i int, r *rand.Rand) time.Time {
	day := firstDay.AddDate(0, 0, spread*(i%c.Studies)/c.Studies)
	hour := 8 + r.IntN(12)
	if r.IntN(10) == 0 {
		hour = r.IntN(24)
	}
	return day.Add(time.Duration(hour*60+r.IntN(60)) * time.Minute)
}

// deviceNumber is the number of a facility's first device of a modality.
func deviceNumber(facility, m int) int { return (facility*len(modalities) + m) * maxDevices }

// maxDevices is how many of one modality a facility has at most.
const maxDevices = 3

// Resource is one resource of the city with its owners.
type Resource struct {
	fhir.Resource
	Owners []string
}

func (c City) resource(kind string, of subject, i int, body text, owners []string) Resource {
	return Resource{fhir.Resource{Type: kind, ID: c.id(of, i), Body: body}, owners}
}

// id is that of a subject's i-th. What belongs to a study differs between variants.
func (c City) id(of subject, i int) string {
	if of >= ofVisit {
		return id(c.studySeed(), of, i)
	}
	return id(c.Seed, of, i)
}

// Study returns the resources of study i: order, ImagingStudy, report and dose as far as it has them.
func (c City) Study(i int) []Resource {
	v := c.visit(i)
	owners := []string{"Organization/" + c.id(ofOrganization, v.facility)}
	all := make([]Resource, 0, resourcesPerStudy)
	all = append(all,
		c.resource("ServiceRequest", ofOrder, i, c.order(v), owners),
		c.resource("ImagingStudy", ofStudy, i, c.study(v), owners))
	if v.reported {
		all = append(all, c.resource("DiagnosticReport", ofReport, i, c.report(v), owners))
	}
	if len(v.modality.dose) > 0 {
		all = append(all, c.resource("Observation", ofDose, i, c.dose(v), owners))
	}
	return all
}

// Shuffled is the j-th study of an order in which neighbours are far apart in time.
func (c City) Shuffled(j int) int {
	step := int(float64(c.Studies)*0.6180339887) | 1
	for gcd(step, c.Studies) != 1 {
		step += 2
	}
	return int(uint64(j) * uint64(step) % uint64(c.Studies)) //nolint:gosec // neither is negative
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
