package mapping_test

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"lightbox/dicom"
	"lightbox/mapping"
)

// narrativeAllows are the elements that a rendered CDA document may have, a part of those of FHIR R4 narrative.html.
var narrativeAllows = []string{"div", "h2", "p", "ul", "li", "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "sup", "sub", "span", "br"}

// FuzzCDA holds whatever a document says to a narrative that is well formed, has allowed elements and no attribute, and is of a bounded size.
func FuzzCDA(f *testing.F) {
	golden, err := os.ReadFile("testdata/cda.txtar")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add([]byte(`<ClinicalDocument><component><structuredBody><component><section><title>a</title><text><paragraph>b</paragraph></text></section></component></structuredBody></component></ClinicalDocument>`))
	f.Add([]byte(`<ClinicalDocument><section><text><p/><text>x</text><list><item/></list></text></section><title>t</title></ClinicalDocument>`))
	m, err := mapping.New(mapping.Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		ds := parseObject(t, "fuzz", `SOPClassUID UI "1.2.840.10008.5.1.4.1.1.104.2"
SOPInstanceUID UI "1.2.3.1.1"
Modality CS "DOC"
PatientID LO "P"
StudyInstanceUID UI "1.2.3"
SeriesInstanceUID UI "1.2.3.1"
MIMETypeOfEncapsulatedDocument LO "text/xml"
`)
		ds = dicom.NewDataset(append(ds.Elements, dicom.NewBytes(tagOf("EncapsulatedDocument"), "OB", document))...)
		got := mapAll(t, m, []*dicom.Dataset{ds})
		div := got.only(t, "DiagnosticReport").Get("text.div").Str
		if len(div) > 16<<20 {
			t.Fatalf("%d bytes", len(div))
		}
		checkNarrative(t, div)
	})
}

func checkNarrative(t *testing.T, div string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(div))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("not well formed: %v: %s", err, div)
		}
		start, ok := token.(xml.StartElement)
		if ok && (!slices.Contains(narrativeAllows, start.Name.Local) || slices.ContainsFunc(start.Attr, func(a xml.Attr) bool { return a.Name.Local != "xmlns" })) {
			t.Fatalf("<%s %v> in %s", start.Name.Local, start.Attr, div)
		}
	}
}
