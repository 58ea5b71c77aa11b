package mapping_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/mapping"
)

// study maps one object and reads its ImagingStudy.
func study(t *testing.T, m *mapping.Mapper, ds *dicom.Dataset, into any) mapping.Study {
	t.Helper()
	i, err := m.Index(ds)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Study([]archive.Instance{i}, "", mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(s.Resource.Body, into); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStarted(t *testing.T) {
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, date, time, offset string
		zone                     *time.Location
		want                     string
	}{
		{"own offset", "20260504", "101112.5", "+0530", moscow, "2026-05-04T10:11:12.5+05:30"},
		{"offset without a clock", "20260504", "", "+0300", nil, "2026-05-04"},
		{"zone of the source", "20260504", "1011", "", moscow, "2026-05-04T10:11:00+03:00"},
		{"zone of the source in summer time", "20100704", "101112", "", moscow, "2010-07-04T10:11:12+04:00"},
		{"no zone", "20260504", "101112", "", nil, "2026-05-04"},
		{"hours alone", "20260504", "10", "+0300", nil, "2026-05-04"},
		{"leap second", "20261231", "235960", "+0000", nil, "2026-12-31T23:59:59+00:00"},
		{"old form", "2026.05.04", "10:11:12", "-0330", nil, "2026-05-04T10:11:12-03:30"},
		{"year and month", "202605", "101112", "+0300", nil, "2026-05"},
		{"year padded with zeros", "20260000", "101112", "+0300", nil, "2026"},
		{"no such day", "20260230", "101112", "+0300", nil, ""},
		{"minus zero", "20260504", "101112", "-0000", nil, "2026-05-04"},
		{"offset out of range", "20260504", "101112", "+1500", nil, "2026-05-04"},
		{"not a clock", "20260504", "2561", "+0300", nil, "2026-05-04"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := mapping.New(mapping.Config{Zone: tt.zone})
			if err != nil {
				t.Fatal(err)
			}
			ds := ctImage(1, 1)
			for keyword, set := range map[string][2]string{
				"StudyDate": {"DA", tt.date}, "StudyTime": {"TM", tt.time}, "TimezoneOffsetFromUTC": {"SH", tt.offset},
				"SeriesDate": {"DA", ""}, "AcquisitionDate": {"DA", ""},
			} {
				ds = altered(ds, keyword, set[0], set[1])
			}
			var got struct{ Started string }
			study(t, m, ds, &got)
			if got.Started != tt.want {
				t.Errorf("started %q, want %q", got.Started, tt.want)
			}
		})
	}
}

func TestIssuer(t *testing.T) {
	m, err := mapping.New(mapping.Config{Systems: map[string]string{"CITY": "https://city.example/id", "hospital.example": "https://hospital.example/id"}})
	if err != nil {
		t.Fatal(err)
	}
	local := func(text string) string { return "urn:uuid:" + m.ID("NamingSystem", "", text) }
	tests := []struct {
		name, text, id, kind string
		want                 string
	}{
		{"universal id wins", "CITY", "1.2.643.5", "ISO", "urn:oid:1.2.643.5"},
		{"uuid", "", "E8F1C2A0-0000-4000-8000-000000000001", "UUID", "urn:uuid:e8f1c2a0-0000-4000-8000-000000000001"},
		{"uri", "", "https://a.example/x", "URI", "https://a.example/x"},
		{"configured text", "CITY", "", "", "https://city.example/id"},
		{"configured domain name", "", "hospital.example", "DNS", "https://hospital.example/id"},
		{"text that is an OID in full", "1.2.643.5.1.13.1", "", "", "urn:oid:1.2.643.5.1.13.1"},
		{"text that only looks like one", "1.2", "", "", local("1.2")},
		{"unknown text", "Hospital & Sons", "", "", local("Hospital & Sons")},
		{"ISO that is no OID", "", "12.x", "ISO", local("12.x")},
		{"none", "", "", "", local("")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ds := altered(ctImage(1, 1), "IssuerOfPatientID", "LO", tt.text)
			qualifiers := dicom.NewDataset(
				dicom.NewText(dicom.MustPath("UniversalEntityID").Tag(), "UT", tt.id),
				dicom.NewText(dicom.MustPath("UniversalEntityIDType").Tag(), "CS", tt.kind))
			sequence := dicom.NewSequence(dicom.MustPath("IssuerOfPatientIDQualifiersSequence").Tag(), qualifiers)
			var got struct {
				Subject struct{ Identifier struct{ System string } }
			}
			study(t, m, dicom.NewDataset(append([]dicom.Element{sequence}, ds.Elements...)...), &got)
			if got.Subject.Identifier.System != tt.want {
				t.Errorf("system %q, want %q", got.Subject.Identifier.System, tt.want)
			}
		})
	}
}

func TestReportStatus(t *testing.T) {
	tests := []struct {
		name, completion, verification, preliminary string
		want                                        string
		issues                                      []string
	}{
		{"in the making", "PARTIAL", "UNVERIFIED", "", "partial", nil},
		{"partial cannot be verified", "PARTIAL", "VERIFIED", "", "preliminary", []string{"illegal-status"}},
		{"whole, nobody has signed", "COMPLETE", "UNVERIFIED", "", "preliminary", nil},
		{"whole, not even a flag", "COMPLETE", "", "", "preliminary", nil},
		{"signed as preliminary", "COMPLETE", "VERIFIED", "PRELIMINARY", "preliminary", nil},
		{"signed as final", "COMPLETE", "VERIFIED", "FINAL", "final", nil},
		{"signed", "COMPLETE", "VERIFIED", "", "final", nil},
		{"nothing said", "", "", "", "unknown", []string{"missing"}},
		{"nonsense", "DONE", "", "", "unknown", []string{"unknown-code"}},
	}
	m := mapper(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ds := altered(ctImage(1, 1), "SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.88.11")
			for keyword, flag := range map[string]string{
				"CompletionFlag": tt.completion, "VerificationFlag": tt.verification, "PreliminaryFlag": tt.preliminary,
			} {
				ds = altered(ds, keyword, "CS", flag)
			}
			ds = altered(ds, "DocumentTitle", "ST", "Report")
			var got struct{ Status string }
			issues := onlyReport(t, m, ds, &got)
			if got.Status != tt.want {
				t.Errorf("status %q, want %q", got.Status, tt.want)
			}
			if diff := cmp.Diff(tt.issues, issues); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// onlyReport maps one report object, reads its DiagnosticReport and returns the codes of the issues.
func onlyReport(t *testing.T, m *mapping.Mapper, ds *dicom.Dataset, into any) []string {
	t.Helper()
	i, err := m.Index(ds)
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Study([]archive.Instance{i}, "", mapping.Links{})
	if err != nil {
		t.Fatal(err)
	}
	told, err := m.Documents(s, []mapping.Document{{Instance: i, Dataset: ds}})
	if err != nil || len(told.Resources) != 1 {
		t.Fatalf("%d resources, %v", len(told.Resources), err)
	}
	if err := json.Unmarshal(told.Resources[0].Body, into); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for _, one := range told.Issues {
		codes = append(codes, one.Code)
	}
	return codes
}
