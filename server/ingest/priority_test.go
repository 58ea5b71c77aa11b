package ingest_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/mapping"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

func textOf(keyword, vr, value string) dicom.Element {
	return dicom.NewText(dicom.MustPath(keyword).Tag(), dicom.VR(vr), value)
}

func codeOf(keyword, code, scheme string) dicom.Element {
	return dicom.NewSequence(dicom.MustPath(keyword).Tag(), dicom.NewDataset(
		textOf("CodeValue", "SH", code), textOf("CodingSchemeDesignator", "SH", scheme), textOf("CodeMeaning", "LO", "x")))
}

func item(relationship, kind string, more ...dicom.Element) *dicom.Dataset {
	return dicom.NewDataset(append(more, textOf("RelationshipType", "CS", relationship), textOf("ValueType", "CS", kind))...)
}

// finding is a report of a program that found a haemorrhage in a study with an order.
func finding(t *testing.T) ingest.File {
	t.Helper()
	content := dicom.MustPath("ContentSequence").Tag()
	group := item("CONTAINS", "CONTAINER", codeOf("ConceptNameCodeSequence", "125007", "DCM"), dicom.NewSequence(content,
		item("HAS OBS CONTEXT", "TEXT", codeOf("ConceptNameCodeSequence", "111001", "DCM"), textOf("TextValue", "UT", "BleedFinder")),
		item("CONTAINS", "CODE", codeOf("ConceptNameCodeSequence", "121071", "DCM"), codeOf("ConceptCodeSequence", "50960005", "SCT"))))
	ds := dicom.NewDataset(
		textOf("SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.88.34"), textOf("SOPInstanceUID", "UI", "1.2.61.1.1"), textOf("Modality", "CS", "SR"),
		textOf("StudyDate", "DA", "20250104"), textOf("PatientID", "LO", "OLD-1"), textOf("IssuerOfPatientID", "LO", "CITY"),
		textOf("AccessionNumber", "SH", "A-1"), dicom.NewSequence(dicom.MustPath("IssuerOfAccessionNumberSequence").Tag(), dicom.NewDataset(textOf("LocalNamespaceEntityID", "UT", "RIS"))),
		textOf("StudyInstanceUID", "UI", "1.2.61"), textOf("SeriesInstanceUID", "UI", "1.2.61.1"), textOf("ValueType", "CS", "CONTAINER"),
		codeOf("ConceptNameCodeSequence", "126000", "DCM"), textOf("CompletionFlag", "CS", "COMPLETE"), textOf("VerificationFlag", "CS", "UNVERIFIED"),
		dicom.NewSequence(content, item("CONTAINS", "CONTAINER", codeOf("ConceptNameCodeSequence", "126010", "DCM"), dicom.NewSequence(content, group))))
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds); err != nil {
		t.Fatal(err)
	}
	return ingest.Bytes("finding", b.Bytes())
}

// hastening is a hub where a finding makes the reading urgent.
func hastening(t *testing.T, open ingesttest.Open) *ingest.Pipeline {
	t.Helper()
	p := ingesttest.New(t, open, t.TempDir())
	m, err := mapping.New(mapping.Config{Priorities: []mapping.PriorityRule{{Finding: "http://snomed.info/sct|50960005", Priority: "urgent"}}})
	if err != nil {
		t.Fatal(err)
	}
	p.Mapper = m
	return p
}

// A finding hastens the reading as far as its rule says and never below what was ordered, whichever of the two comes first.
func TestOrderedPriority(t *testing.T) {
	order := header("ORM^O01", "M1", "20250101100000") + oldPID + "ORC|NW|P-1^RIS|F-1^RIS\rTQ1|1||||||||S\rOBR|1|P-1^RIS|F-1^RIS|CT1^Head^L||||||||||||||A-1^RIS\r"
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			both := []ingest.File{finding(t), message(order)}
			for range both {
				p := hastening(t, open)
				for _, one := range both {
					mustRun(t, p, files(t, one))
				}
				tasks := all(t, p.Store, "Task")
				if len(tasks) != 1 || gjson.Get(tasks[0], "priority").Str != "stat" {
					t.Errorf("%v", tasks)
				}
				isAlgorithm := func(body string) bool { return gjson.Get(body, "deviceName.0.name").Str == "BleedFinder" }
				if !slices.ContainsFunc(all(t, p.Store, "Device"), isAlgorithm) {
					t.Error("the algorithm is no Device")
				}
				slices.Reverse(both)
			}
		})
	}
}

// The reading is done when a report is signed, also one that a message tells, whichever of the two comes first; one that is not signed ends
// nothing.
func TestReadingEndsWithAReport(t *testing.T) {
	report := func(id, sent, status string) string {
		return header("ORU^R01", id, sent) + oldPID + "OBR|1|P-1^RIS|F-1^RIS|CT1^Head^L||||||||||||||A-1^RIS|||||||" + status + "\rOBX|1|TX|||Seen.||||||" + status + "\r"
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct{ sent, want string }{{"P", "ready"}, {"F", "completed"}} {
				both := []ingest.File{finding(t), message(report("M1", "20250101100000", c.sent))}
				for range both {
					p := hastening(t, open)
					for _, one := range both {
						mustRun(t, p, files(t, one))
					}
					tasks := all(t, p.Store, "Task")
					if len(tasks) != 1 || gjson.Get(tasks[0], "status").Str != c.want {
						t.Errorf("%s: %v", c.sent, tasks)
					}
					slices.Reverse(both)
				}
			}
		})
	}
}
