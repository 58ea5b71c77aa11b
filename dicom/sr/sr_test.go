package sr_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lightbox/dicom"
	"lightbox/dicom/sr"
)

const realFiles = "../../../shared/testdata/dicom"

// element makes an element by keyword: text, or a sequence of items.
func element(keyword string, value any) dicom.Element {
	tag, ok := dicom.TagOf(keyword)
	if !ok {
		panic(keyword)
	}
	switch v := value.(type) {
	case string:
		return dicom.NewText(tag, dicom.VROf(tag), v)
	case []uint32:
		return dicom.NewUint32(tag, v...)
	case []*dicom.Dataset:
		return dicom.NewSequence(tag, v...)
	}
	panic(value)
}

func items(all ...*dicom.Dataset) []*dicom.Dataset { return all }

func code(value, scheme, meaning string) []*dicom.Dataset {
	return items(dicom.NewDataset(
		element("CodeValue", value), element("CodingSchemeDesignator", scheme), element("CodeMeaning", meaning)))
}

func item(valueType string, more ...dicom.Element) *dicom.Dataset {
	return dicom.NewDataset(append(more, element("ValueType", valueType), element("RelationshipType", "CONTAINS"))...)
}

// report is a document with one item of each value type.
func report() *dicom.Dataset {
	sop := items(dicom.NewDataset(element("ReferencedSOPClassUID", "1.2.840.10008.5.1.4.1.1.2"),
		element("ReferencedSOPInstanceUID", "1.2.3"), element("ReferencedFrameNumber", `2\5`)))
	graphic := dicom.NewBytes(0x00700022, "FL", []byte{0, 0, 0x80, 0x3F, 0, 0, 0, 0x40})
	content := items(
		item("TEXT", element("ConceptNameCodeSequence", code("121071", "DCM", "Finding")), element("TextValue", "Без патологии.")),
		item("CODE", element("ConceptCodeSequence", items(dicom.NewDataset(
			element("LongCodeValue", "a-long-code-value-of-more-than-16"), element("CodingSchemeDesignator", "99X"))))),
		item("NUM", element("MeasuredValueSequence", items(dicom.NewDataset(
			element("NumericValue", "1.50"), element("MeasurementUnitsCodeSequence", code("mm", "UCUM", "millimeter")))))),
		item("NUM", element("NumericValueQualifierCodeSequence", code("114000", "DCM", "Not a number"))),
		item("PNAME", element("PersonName", "Иванов^Иван")),
		item("DATE", element("Date", "20260102")),
		item("UIDREF", element("UID", "1.2.3.4")),
		item("SCOORD", element("GraphicType", "POINT"), graphic,
			element("ContentSequence", items(item("IMAGE", element("ReferencedSOPSequence", sop))))),
	)
	study := items(dicom.NewDataset(element("StudyInstanceUID", "1.1"), element("ReferencedSeriesSequence", items(
		dicom.NewDataset(element("SeriesInstanceUID", "1.1.1"), element("ReferencedSOPSequence", sop))))))
	return dicom.NewDataset(
		element("SpecificCharacterSet", "ISO_IR 192"),
		element("ValueType", "CONTAINER"), element("ContinuityOfContent", "SEPARATE"),
		element("ConceptNameCodeSequence", code("18748-4", "LN", "Diagnostic Imaging Report")),
		element("ContentTemplateSequence", items(dicom.NewDataset(
			element("MappingResource", "DCMR"), element("TemplateIdentifier", "2000")))),
		element("CompletionFlag", "COMPLETE"), element("VerificationFlag", "VERIFIED"), element("PreliminaryFlag", "FINAL"),
		element("VerifyingObserverSequence", items(dicom.NewDataset(element("VerifyingObserverName", "Петрова^Ольга"),
			element("VerifyingOrganization", "Центр"), element("VerificationDateTime", "20260102030405")))),
		element("AuthorObserverSequence", items(dicom.NewDataset(element("ObserverType", "DEV"), element("DeviceUID", "1.9")))),
		element("PredecessorDocumentsSequence", study),
		element("CurrentRequestedProcedureEvidenceSequence", study),
		element("ContentSequence", content),
	)
}

func TestParse(t *testing.T) {
	doc, err := sr.Parse(report())
	if err != nil {
		t.Fatal(err)
	}
	if doc.Title != (sr.Code{Value: "18748-4", Scheme: "LN", Meaning: "Diagnostic Imaging Report"}) || doc.TemplateID != "2000" ||
		doc.CompletionFlag != "COMPLETE" || doc.VerificationFlag != "VERIFIED" || doc.PreliminaryFlag != "FINAL" {
		t.Errorf("document = %+v", doc)
	}
	if v := doc.Verifiers; len(v) != 1 || v[0].Name.Alphabetic[0] != "Петрова" || v[0].Organization != "Центр" || v[0].DateTime != "20260102030405" {
		t.Errorf("verifiers = %+v", v)
	}
	if a := doc.Authors; len(a) != 1 || a[0].Type != "DEV" || a[0].DeviceUID != "1.9" {
		t.Errorf("authors = %+v", a)
	}
	want := []sr.Reference{{StudyInstanceUID: "1.1", SeriesInstanceUID: "1.1.1", SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
		SOPInstanceUID: "1.2.3", Frames: []int{2, 5}}}
	if diff := cmp.Diff(want, doc.Predecessors); diff != "" {
		t.Errorf("predecessors -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want, doc.Evidence); diff != "" {
		t.Errorf("evidence -want +got:\n%s", diff)
	}
}

func TestParseItems(t *testing.T) {
	doc, err := sr.Parse(report())
	if err != nil {
		t.Fatal(err)
	}
	want := []sr.Item{
		{ValueType: "TEXT", Concept: sr.Code{Value: "121071", Scheme: "DCM", Meaning: "Finding"}, Text: "Без патологии."},
		{ValueType: "CODE", Code: sr.Code{Value: "a-long-code-value-of-more-than-16", Scheme: "99X"}},
		{ValueType: "NUM", Number: &sr.Number{Value: "1.50", Unit: sr.Code{Value: "mm", Scheme: "UCUM", Meaning: "millimeter"}}},
		{ValueType: "NUM", Number: &sr.Number{Qualifier: sr.Code{Value: "114000", Scheme: "DCM", Meaning: "Not a number"}}},
		{ValueType: "PNAME", Name: dicom.PersonName{Alphabetic: [5]string{"Иванов", "Иван"}}},
		{ValueType: "DATE", Text: "20260102"},
		{ValueType: "UIDREF", Text: "1.2.3.4"},
		{ValueType: "SCOORD", Coordinates: &sr.Coordinates{Type: "POINT", Points: []float64{1, 2}}},
	}
	for i, child := range doc.Root.Children {
		got := *child
		if got.Relationship != "CONTAINS" || got.Position != "1."+string(rune('1'+i)) {
			t.Errorf("item %d: %q at %q", i, got.Relationship, got.Position)
		}
		got.Relationship, got.Position, got.Dataset, got.Children = "", "", nil, nil
		if diff := cmp.Diff(want[i], got); diff != "" {
			t.Errorf("item %d -want +got:\n%s", i, diff)
		}
	}
	below := doc.Root.Children[7].Children
	if len(below) != 1 || below[0].Position != "1.8.1" || len(below[0].References) != 1 {
		t.Errorf("below SCOORD: %+v", below)
	}
	if got := doc.Root.Child("121071", "DCM"); got != doc.Root.Children[0] {
		t.Errorf("Child = %+v", got)
	}
}

func TestByReferenceNeverGoesRound(t *testing.T) {
	reference := func(position ...uint32) *dicom.Dataset {
		return dicom.NewDataset(element("RelationshipType", "INFERRED FROM"), element("ReferencedContentItemIdentifier", position))
	}
	container := func(content ...*dicom.Dataset) *dicom.Dataset {
		return item("CONTAINER", element("ContentSequence", items(content...)))
	}
	ds := container(
		container(reference(1, 3), reference(1), reference(1, 1), reference(1, 2), reference(9, 9)),
		container(reference(1, 1), reference(1, 3, 1)),
		container(item("TEXT", element("TextValue", "leaf"))),
	)
	doc, err := sr.Parse(ds)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i := range doc.Root.All() {
		if i.TargetPosition != "" {
			got[i.Position] = i.TargetPosition
			if i.Target != nil {
				got[i.Position] += " found at " + i.Target.Position
			}
		}
	}
	want := map[string]string{
		"1.1.1": "1.3 found at 1.3", "1.1.2": "1", "1.1.3": "1.1", "1.1.4": "1.2", "1.1.5": "9.9",
		"1.2.1": "1.1", "1.2.2": "1.3.1 found at 1.3.1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseRefuses(t *testing.T) {
	deep := item("CONTAINER")
	for range 100 {
		deep = item("CONTAINER", element("ContentSequence", items(deep)))
	}
	wide := dicom.NewDataset()
	for name, tt := range map[string]struct {
		ds   *dicom.Dataset
		want dicom.Reason
	}{
		"an image":  {dicom.NewDataset(element("Modality", "CT")), dicom.Malformed},
		"too deep":  {deep, dicom.TooLarge},
		"too large": {item("CONTAINER", element("ContentSequence", slices.Repeat(items(wide), 200_001))), dicom.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := sr.Parse(tt.ds)
			var refused *dicom.Error
			if !errors.As(err, &refused) || refused.Reason != tt.want || doc != nil {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// Every real report gives a tree, and real dose reports give the concepts that they must have.
func TestParseRealFiles(t *testing.T) {
	if _, err := os.Stat(realFiles); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	documents, dose := 0, 0
	err := filepath.WalkDir(realFiles, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		ds, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{})
		if err != nil || len(ds.Items(dicom.MustPath("ContentSequence"))) == 0 {
			return nil
		}
		doc, err := sr.Parse(ds)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return nil
		}
		documents++
		if doc.Title.Is("113701", "DCM") {
			dose++
			checkDose(t, filepath.Base(path), doc)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d documents, %d of them dose reports", documents, dose)
}

// checkDose looks for what TID 10001 and 10011 require.
func checkDose(t *testing.T, name string, doc *sr.Document) {
	t.Helper()
	numbers := 0
	for i := range doc.Root.All() {
		if i.ValueType == "NUM" && i.Number.Value != "" {
			numbers++
			if i.Concept.Value == "" || i.Number.Unit.Value == "" {
				t.Errorf("%s: %s has a number without concept or unit", name, i.Position)
			}
		}
	}
	if !strings.HasPrefix(doc.TemplateID, "100") || numbers == 0 || doc.Root.Child("121058", "DCM") == nil {
		t.Errorf("%s: template %q, %d numbers", name, doc.TemplateID, numbers)
	}
}

// FuzzParse: what scans parses or is refused, targets always come to an end, and a tree has no more items than its data set.
func FuzzParse(f *testing.F) {
	f.Add(report().Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		ds, err := dicom.Decode(b)
		if err != nil {
			return
		}
		doc, err := sr.Parse(ds)
		if (err == nil) == (doc == nil) {
			t.Fatal("neither a document nor an error, or both")
		}
		if err != nil {
			return
		}
		n := 0
		for i := range doc.Root.All() {
			n++
			if i.Target == nil {
				continue
			}
			for below := range i.Target.All() {
				if below.Target != nil || below == i {
					t.Fatalf("the target of %s leads on", i.Position)
				}
			}
		}
		if n > len(b) {
			t.Fatalf("%d items from %d bytes", n, len(b))
		}
	})
}
