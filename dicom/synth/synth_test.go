package synth_test

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/dicom/synth"
)

// city is the one that most tests look at.
var city = sync.OnceValues(func() (synth.City, error) { return synth.Make(1) })

func made(tb testing.TB) synth.City {
	tb.Helper()
	c, err := city()
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// headers scans every file of the city.
func headers(tb testing.TB) []*dicom.Dataset {
	tb.Helper()
	var list []*dicom.Dataset
	for _, f := range made(tb).Files {
		d, err := dicom.Scan(bytes.NewReader(f.Bytes), int64(len(f.Bytes)), dicom.Limits{Bulk: true})
		if err != nil {
			tb.Fatalf("%s: %v", f.Path, err)
		}
		list = append(list, d)
	}
	return list
}

func value(d *dicom.Dataset, path string) string { return d.Text(dicom.MustPath(path)) }

// distinct collects what the headers say at paths, joined, without the empty.
func distinct(list []*dicom.Dataset, paths ...string) []string {
	seen := map[string]bool{}
	for _, d := range list {
		var parts []string
		for _, p := range paths {
			parts = append(parts, value(d, p))
		}
		if text := strings.Join(parts, "|"); strings.Trim(text, "|") != "" {
			seen[text] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

func where(list []*dicom.Dataset, path, is string) (found []*dicom.Dataset) {
	for _, d := range list {
		if value(d, path) == is {
			found = append(found, d)
		}
	}
	return found
}

func digest(c synth.City) [sha256.Size]byte {
	sum := sha256.New()
	for _, f := range c.Files {
		sum.Write([]byte(f.Path))
		sum.Write(f.Bytes)
	}
	return [sha256.Size]byte(sum.Sum(nil))
}

func TestSameSeedSameBytes(t *testing.T) {
	again, err := synth.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	if digest(made(t)) != digest(again) {
		t.Error("two runs of seed 1 differ")
	}
	other, err := synth.Make(-7)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range made(t).Files {
		if bytes.Equal(f.Bytes, other.Files[i].Bytes) {
			t.Errorf("%s is the same with another seed", f.Path)
		}
	}
}

func TestPeople(t *testing.T) {
	c := made(t)
	ids, roles, same := map[string]bool{}, map[string]string{}, map[string]int{}
	for _, p := range c.Patients {
		ids[p.ID] = true
		roles[p.Role] = p.ID
		same[p.Name+p.BirthDate]++
	}
	if len(c.Patients) < 12 || len(ids) != len(c.Patients) {
		t.Errorf("%d patients with %d ids", len(c.Patients), len(ids))
	}
	if roles["patient"] == "" || roles["child"] == "" || c.Parent.PatientID != roles["child"] || c.Parent.Name == "" {
		t.Errorf("roles %v, parent of %s", roles, c.Parent.PatientID)
	}
	if twins := slices.Max(slices.Collect(maps.Values(same))); twins != 2 {
		t.Errorf("%d patients share name and birth date, want 2", twins)
	}
	if got := distinct(headers(t), "PatientID"); len(got) != len(c.Patients) {
		t.Errorf("the files name %d patients of %d", len(got), len(c.Patients))
	}
}

func TestNamesAreReadableInEveryCharacterSet(t *testing.T) {
	want := map[string]synth.Patient{}
	for _, p := range made(t).Patients {
		want[p.ID] = p
	}
	list := headers(t)
	for _, d := range list {
		if p := want[value(d, "PatientID")]; value(d, "PatientName") != p.Name || value(d, "PatientBirthDate") != p.BirthDate ||
			value(d, "PatientSex") != p.Sex || value(d, "IssuerOfPatientID") != p.Issuer {
			t.Fatalf("PatientName %q, want %+v", value(d, "PatientName"), p)
		}
	}
	if diff := cmp.Diff([]string{"ISO_IR 144", "ISO_IR 192"}, distinct(list, "SpecificCharacterSet")); diff != "" {
		t.Error(diff)
	}
}

func TestStudies(t *testing.T) {
	list := headers(t)
	if studies := distinct(list, "StudyInstanceUID"); len(studies) < 25 {
		t.Errorf("%d studies", len(studies))
	}
	if diff := cmp.Diff([]string{"CR", "CT", "DOC", "DX", "MG", "MR", "SR", "US"}, distinct(list, "Modality")); diff != "" {
		t.Error(diff)
	}
	if uids := distinct(list, "SOPInstanceUID"); len(uids) != len(list) {
		t.Errorf("%d SOP Instance UIDs in %d files", len(uids), len(list))
	}
	if numbers := distinct(list, "AccessionNumber"); len(numbers) != len(distinct(list, "StudyInstanceUID")) {
		t.Errorf("%d accession numbers", len(numbers))
	}
	if fluorography := distinct(where(list, "ProcedureCodeSequence.CodeValue", "ФЛГ"), "StudyInstanceUID"); len(fluorography) < 4 {
		t.Errorf("%d fluorographies", len(fluorography))
	}
	zones := distinct(list, "TimezoneOffsetFromUTC")
	without := where(list, "TimezoneOffsetFromUTC", "")
	if len(zones) != 1 || zones[0] != "+0300" || len(without) == 0 || 2*len(without) > len(list) {
		t.Errorf("zones %v, %d of %d files without", zones, len(without), len(list))
	}
	if len(distinct(list, "AdmissionID")) < 2 || len(distinct(where(list, "Modality", "MG"), "ImageLaterality")) != 2 {
		t.Error("admissions or lateralities are missing")
	}
}

// A reader compares: the same patient, the same region, another year.
func TestPriors(t *testing.T) {
	years := map[string]map[string]bool{}
	for _, d := range headers(t) {
		if region := value(d, "BodyPartExamined"); region != "" {
			key := value(d, "PatientID") + region
			if years[key] == nil {
				years[key] = map[string]bool{}
			}
			years[key][value(d, "StudyDate")[:4]] = true
		}
	}
	priors := 0
	for _, y := range years {
		if len(y) > 1 {
			priors++
		}
	}
	if priors < 5 {
		t.Errorf("%d patients and regions with a prior of another year", priors)
	}
}

func TestFacilitiesAndDevices(t *testing.T) {
	c, list := made(t), headers(t)
	var names []string
	for _, f := range c.Facilities {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, distinct(list, "InstitutionName")); diff != "" {
		t.Error(diff)
	}
	for i, f := range c.Files {
		if f.Facility != value(list[i], "InstitutionName") {
			t.Errorf("%s: facility %s", f.Path, f.Facility)
		}
	}
	if got := distinct(list, "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber"); len(got) != 6 {
		t.Errorf("devices %q", got)
	}
	if issuers := distinct(list, "IssuerOfAccessionNumberSequence.LocalNamespaceEntityID"); len(issuers) != 2 {
		t.Errorf("accession issuers %q", issuers)
	}
}

func TestPixels(t *testing.T) {
	list := headers(t)
	for modality, bits := range map[string]string{"CT": "16", "MR": "16", "DX": "16", "MG": "16", "CR": "16", "US": "8"} {
		if diff := cmp.Diff([]string{bits}, distinct(where(list, "Modality", modality), "BitsAllocated")); diff != "" {
			t.Errorf("%s: %s", modality, diff)
		}
	}
	ultrasound := where(list, "Modality", "US")
	if diff := cmp.Diff([]string{"MONOCHROME2", "RGB"}, distinct(ultrasound, "PhotometricInterpretation")); diff != "" {
		t.Error(diff)
	}
	if frames := distinct(ultrasound, "NumberOfFrames"); len(frames) == 0 {
		t.Error("no multi-frame")
	}
	size := 0
	for _, f := range made(t).Files {
		size += len(f.Bytes)
	}
	if size > 15<<20 {
		t.Errorf("%d bytes", size)
	}
}

func TestWriteTo(t *testing.T) {
	c, dir := made(t), t.TempDir()
	if err := c.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	for _, f := range c.Files {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err != nil || !bytes.Equal(got, f.Bytes) {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
}

func BenchmarkMake(b *testing.B) {
	for b.Loop() {
		if _, err := synth.Make(1); err != nil {
			b.Fatal(err)
		}
	}
}
