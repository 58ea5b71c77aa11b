package mapping_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// threeSeries are 200 instances of 3 series whose headers disagree here and there.
func threeSeries(t *testing.T, m *mapping.Mapper) []archive.Instance {
	t.Helper()
	var instances []archive.Instance
	for n := range 200 {
		ds := ctImage(n%3+1, n/2) // numbers repeat
		if n%7 == 0 {
			ds = altered(ds, "StudyDescription", "LO", "CT Abdomen")
		}
		if n%11 == 0 {
			ds = altered(ds, "OperatorsName", "PN", "Petrova^B")
		}
		if n%50 == 0 {
			ds = altered(ds, "PatientID", "LO", "P-2")
		}
		i, err := m.Index(altered(ds, "SOPInstanceUID", "UI", fmt.Sprint("1.2.3.4.9.", 999-n)))
		if err != nil {
			t.Fatal(err)
		}
		instances = append(instances, i)
	}
	return instances
}

func altered(ds *dicom.Dataset, keyword, vr, value string) *dicom.Dataset {
	e := dicom.NewText(dicom.MustPath(keyword).Tag(), dicom.VR(vr), value)
	return dicom.NewDataset(append([]dicom.Element{e}, ds.Elements...)...)
}

func TestStudyDoesNotDependOnOrder(t *testing.T) {
	m := mapper(t)
	instances := threeSeries(t, m)
	want, err := m.Study(instances, "", mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Held) != 4 {
		t.Errorf("held %d instances of the other patient, want 4", len(want.Held))
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		r.Shuffle(len(instances), func(i, j int) { instances[i], instances[j] = instances[j], instances[i] })
		doubled := append(slices.Clone(instances), instances[:20]...)
		got, err := m.Study(doubled, "", mapping.Links{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got.Resource.Body, want.Resource.Body) {
			t.Fatal(cmp.Diff(string(want.Resource.Body), string(got.Resource.Body)))
		}
		if diff := cmp.Diff(want.Issues, got.Issues); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestGoldensInAnyOrder: what many objects become does not depend on which came first.
func TestGoldensInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, g := range goldens(t) {
		for range 10 {
			r.Shuffle(len(g.objects), func(i, j int) { g.objects[i], g.objects[j] = g.objects[j], g.objects[i] })
			r.Shuffle(len(g.messages), func(i, j int) { g.messages[i], g.messages[j] = g.messages[j], g.messages[i] })
			got := mapAll(t, g.mapper, g.objects, g.messages...)
			if diff := cmp.Diff(section(g.archive, "fhir"), got.fhir(t)); diff != "" {
				t.Fatalf("%s (-want +got):\n%s", g.path, diff)
			}
		}
	}
}

// TestPredecessorsInACircle: documents that each claim to follow the other are one report.
func TestPredecessorsInACircle(t *testing.T) {
	document := func(uid, before string) *dicom.Dataset {
		ds := altered(altered(ctImage(1, 1), "SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.88.11"), "SOPInstanceUID", "UI", uid)
		tag := tagOf
		sop := dicom.NewDataset(dicom.NewText(tag("ReferencedSOPInstanceUID"), "UI", before))
		series := dicom.NewDataset(dicom.NewSequence(tag("ReferencedSOPSequence"), sop))
		study := dicom.NewDataset(dicom.NewSequence(tag("ReferencedSeriesSequence"), series))
		content := dicom.NewDataset(dicom.NewText(tag("ValueType"), "CS", "TEXT"), dicom.NewText(tag("TextValue"), "UT", "x"))
		return dicom.NewDataset(append([]dicom.Element{
			dicom.NewSequence(tag("PredecessorDocumentsSequence"), study), dicom.NewSequence(tag("ContentSequence"), content),
		}, ds.Elements...)...)
	}
	got := mapAll(t, mapper(t), []*dicom.Dataset{document("1.2.1", "1.2.2"), document("1.2.2", "1.2.1"), document("1.2.3", "1.2.3")})
	reports := 0
	for _, one := range got.resources {
		if one.Type == "DiagnosticReport" {
			reports++
		}
	}
	if reports != 2 {
		t.Errorf("%d reports, want one of the circle and one that follows itself", reports)
	}
}

func TestRecordedLinkStands(t *testing.T) {
	m := mapper(t)
	instances := threeSeries(t, m)
	minority, err := m.Study(instances, "Patient/"+m.ID("Patient", systemOf(t, m, instances), "P-2"), mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	if len(minority.Held) != 196 {
		t.Errorf("held %d, want the 196 of the other patient", len(minority.Held))
	}
}

// systemOf reads the identifier system of the patient of a study.
func systemOf(t *testing.T, m *mapping.Mapper, instances []archive.Instance) string {
	t.Helper()
	study, err := m.Study(instances, "", mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	var resource struct {
		Subject struct{ Identifier struct{ System string } }
	}
	if err := json.Unmarshal(study.Resource.Body, &resource); err != nil {
		t.Fatal(err)
	}
	return resource.Subject.Identifier.System
}

func TestPlaceholderGivesWayToANamedPatient(t *testing.T) {
	m := mapper(t)
	nameless, err := m.Index(altered(ctImage(1, 1), "PatientID", "LO", ""))
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Study([]archive.Instance{nameless}, "", mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	named, err := m.Index(ctImage(1, 2))
	if err != nil {
		t.Fatal(err)
	}
	both, err := m.Study([]archive.Instance{nameless, named}, first.Patient, mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	if both.Patient == first.Patient || len(both.Held) > 0 {
		t.Errorf("linked to %s, held %d; want the named patient and nothing held", both.Patient, len(both.Held))
	}
}

func TestMergeDoesNotDependOnOrder(t *testing.T) {
	mentions := []mapping.Mention{
		{Type: "Patient", ID: "1", Date: "20250101", Body: []byte(`{"resourceType":"Patient","id":"1","identifier":[{"system":"a","value":"1"}],"birthDate":"1970"}`)},
		{Type: "Patient", ID: "1", Date: "20260101", Body: []byte(`{"resourceType":"Patient","id":"1","identifier":[{"system":"b","value":"2"}],"gender":"male"}`)},
		{Type: "Patient", ID: "1", Date: "", Body: []byte(`{"resourceType":"Patient","id":"1","gender":"female","birthDate":"1971","_birthDate":{"id":"x"}}`)},
	}
	want := `{"resourceType":"Patient","id":"1","identifier":[{"system":"b","value":"2"},{"system":"a","value":"1"}],"gender":"male","birthDate":"1970"}`
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		r.Shuffle(len(mentions), func(i, j int) { mentions[i], mentions[j] = mentions[j], mentions[i] })
		got, issues, err := mapping.Merge(mentions)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, string(got.Body)); diff != "" {
			t.Fatal(diff)
		}
		if len(issues) != 2 {
			t.Fatalf("got %d issues, want those of gender and birthDate", len(issues))
		}
	}
}

func TestIDIsKeyed(t *testing.T) {
	secret, err := mapping.New(mapping.Config{Key: []byte("secret")})
	if err != nil {
		t.Fatal(err)
	}
	published := mapper(t)
	if published.ID("Patient", "a", "b") == secret.ID("Patient", "a", "b") {
		t.Error("ids do not depend on the key")
	}
	if published.ID("Patient", "a", "bc") == published.ID("Patient", "ab", "c") {
		t.Error("system and value run into each other")
	}
}

// TestRealFiles holds every real file to the laws of any: refused with a reason, or resources that parse and refer to each other.
func TestRealFiles(t *testing.T) {
	m := mapper(t)
	for _, content := range objects(t) {
		ds, err := dicom.Scan(bytes.NewReader(content), int64(len(content)), dicom.Limits{Bulk: true})
		if err != nil {
			continue
		}
		checkLaws(t, m, ds)
	}
}

func checkLaws(t *testing.T, m *mapping.Mapper, ds *dicom.Dataset) {
	t.Helper()
	got := mapAll(t, m, []*dicom.Dataset{ds})
	known := map[string]bool{}
	for _, one := range got.resources {
		if _, err := fhir.Parse(one.Body); err != nil {
			t.Errorf("%s: %v", one.Type, err)
		}
		known[one.Reference()] = true
	}
	for _, one := range got.resources {
		for _, reference := range references(t, one.Body) {
			if !known[reference] {
				t.Errorf("%s refers to %s, which is not mapped", one.Type, reference)
			}
		}
	}
	if _, err := m.Explain(ds); err != nil && len(got.refusals) == 0 {
		t.Errorf("mapped, but not explained: %v", err)
	}
}

// FuzzMap: whatever a data set holds, it is refused or becomes resources that parse; nothing panics.
func FuzzMap(f *testing.F) {
	f.Add(ctImage(1, 1).Encode())
	for _, g := range goldens(f) {
		for _, ds := range g.objects {
			f.Add(ds.Encode())
		}
	}
	m := mapper(f)
	f.Fuzz(func(t *testing.T, encoded []byte) {
		ds, err := dicom.Decode(encoded)
		if err != nil {
			return
		}
		checkLaws(t, m, ds)
	})
}

// FuzzMessage: whatever a message holds, it is refused or becomes resources that parse and refer to each other; nothing panics.
func FuzzMessage(f *testing.F) {
	for _, g := range goldens(f) {
		for _, text := range hl7v2.Split([]byte(section(g.archive, "messages"))) {
			f.Add(text)
		}
	}
	m := mapper(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		message, err := hl7v2.Parse(text, hl7v2.Options{})
		if err != nil {
			return
		}
		got := mapAll(t, m, nil, message)
		for _, one := range got.resources {
			if _, err := fhir.Parse(one.Body); err != nil {
				t.Errorf("%s: %v", one.Type, err)
			}
		}
		if _, err := m.ExplainMessage(message); err != nil && len(got.refusals) == 0 {
			t.Errorf("mapped, but not explained: %v", err)
		}
	})
}
