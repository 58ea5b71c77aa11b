package bench_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/bench"
	"lightbox/fhir"
)

var small = bench.City{Seed: 1, Studies: 300, Instances: 2}

// Every resource is the same whenever and in whatever order it is made.
func TestCitySameBytes(t *testing.T) {
	first := map[string][]byte{}
	for i := range small.Studies {
		for _, r := range small.Study(i) {
			first[r.Reference()] = r.Body
		}
	}
	seen := 0
	for j := range small.Studies {
		for _, r := range small.Study(small.Shuffled(j)) {
			seen++
			if !bytes.Equal(first[r.Reference()], r.Body) {
				t.Errorf("%s differs:\n%s\n%s", r.Reference(), first[r.Reference()], r.Body)
			}
		}
	}
	if seen != len(first) {
		t.Errorf("shuffled: %d resources, in order: %d", seen, len(first))
	}
	for p := range small.Patients() {
		if !bytes.Equal(small.Patient(p).Body, small.Patient(p).Body) {
			t.Errorf("patient %d differs", p)
		}
	}
}

func TestCityShuffledIsAPermutation(t *testing.T) {
	for _, n := range []int{1, 2, 10, 300, 1009} {
		c := bench.City{Seed: 1, Studies: n}
		seen := make([]bool, n)
		for j := range n {
			seen[c.Shuffled(j)] = true
		}
		if slices.Contains(seen, false) {
			t.Errorf("of %d studies some never come", n)
		}
	}
}

// Another seed, or a later variant, shares no study.
func TestCitySeedsDiffer(t *testing.T) {
	ids := map[string]bool{}
	for _, c := range []bench.City{{Seed: 1, Studies: 50}, {Seed: 2, Studies: 50}, {Seed: 1, Studies: 50, Variant: 1}} {
		for i := range 50 {
			r := c.Study(i)[1]
			if ids[r.ID] {
				t.Errorf("%+v: %s is another city's", c, r.Reference())
			}
			ids[r.ID] = true
		}
	}
}

// everything is the whole of a city by reference.
func everything(c bench.City) map[string]bench.Resource {
	all := map[string]bench.Resource{}
	for r := range c.Directory {
		all[r.Reference()] = r
	}
	for p := range c.Patients() {
		all[c.Patient(p).Reference()] = c.Patient(p)
	}
	for i := range c.Studies {
		for _, r := range c.Study(i) {
			all[r.Reference()] = r
		}
	}
	return all
}

var reference = regexp.MustCompile(`"reference":"([^"]+)"`)

func TestCityHoldsWhatItRefersTo(t *testing.T) {
	all := everything(small)
	for name, r := range all {
		if !json.Valid(r.Body) {
			t.Fatalf("%s is no JSON:\n%s", name, r.Body)
		}
		parsed, err := fhir.Parse(r.Body)
		if err != nil || parsed.Reference() != name {
			t.Errorf("%s parses as %s, %v", name, parsed.Reference(), err)
		}
		for _, m := range reference.FindAllSubmatch(r.Body, -1) {
			if _, ok := all[string(m[1])]; !ok {
				t.Errorf("%s refers to %s, which is not there", name, m[1])
			}
		}
		for _, owner := range r.Owners {
			if _, ok := all[owner]; !ok {
				t.Errorf("%s belongs to %s, which is not there", name, owner)
			}
		}
	}
}

func TestCityDirectory(t *testing.T) {
	counts := map[string]int{}
	for r := range small.Directory {
		counts[r.Type]++
	}
	want := map[string]int{"Organization": 155, "Location": 155, "Practitioner": 3100, "Device": 1298}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Error(diff)
	}
}

// The mix is a city's: every modality, one patient with the most, studies in the order of time.
func TestCityMix(t *testing.T) {
	c := bench.City{Seed: 1, Studies: 5000}
	kinds, resources, most := map[string]int{}, map[string]int{}, map[string]int{}
	var last string
	for i := range c.Studies {
		for _, r := range c.Study(i) {
			resources[r.Type]++
			most[subject(t, r)]++
			if r.Type == "ImagingStudy" {
				var s struct {
					Started  string
					Modality []struct{ Code string }
				}
				if err := json.Unmarshal(r.Body, &s); err != nil {
					t.Fatal(err)
				}
				kinds[s.Modality[0].Code]++
				if s.Started[:10] < last {
					t.Errorf("study %d is of %s, after one of %s", i, s.Started, last)
				}
				last = s.Started[:10]
			}
		}
	}
	for _, m := range []string{"DX", "US", "CT", "MG", "MR", "XA", "NM"} {
		if kinds[m] == 0 {
			t.Errorf("no %s among %v", m, kinds)
		}
	}
	if resources["DiagnosticReport"] < c.Studies*8/10 || resources["Observation"] < c.Studies/5 {
		t.Errorf("%v", resources)
	}
	if first := most[c.Patient(0).Reference()]; first < 400 {
		t.Errorf("the patient with the most has %d resources", first)
	}
	for patient, n := range most {
		if n > most[c.Patient(0).Reference()] {
			t.Errorf("%s has %d", patient, n)
		}
	}
}

func subject(t *testing.T, r bench.Resource) string {
	t.Helper()
	var s struct{ Subject struct{ Reference string } }
	if err := json.Unmarshal(r.Body, &s); err != nil {
		t.Fatal(err)
	}
	return s.Subject.Reference
}

func BenchmarkCity(b *testing.B) {
	c := bench.City{Seed: 1, Studies: 1_000_000}
	for i := 0; b.Loop(); i++ {
		n := 0
		for _, r := range c.Study(i % c.Studies) {
			n += len(r.Body)
		}
		b.SetBytes(int64(n))
	}
}
