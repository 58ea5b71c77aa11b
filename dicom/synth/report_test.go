package synth_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
)

const reportSR, radiationDoseSR = "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.5.1.4.1.1.88.67"

// Every version follows one that exists; amended ones follow a verified one.
func TestReportVersions(t *testing.T) {
	list, states := headers(t), map[string]int{}
	byUID := map[string]*dicom.Dataset{}
	for _, d := range list {
		byUID[value(d, "SOPInstanceUID")] = d
	}
	for _, d := range where(list, "SOPClassUID", reportSR) {
		state := value(d, "CompletionFlag") + " " + value(d, "VerificationFlag")
		if before := value(d, "PredecessorDocumentsSequence.ReferencedSeriesSequence.ReferencedSOPSequence.ReferencedSOPInstanceUID"); before != "" {
			state += " after " + value(byUID[before], "VerificationFlag")
			if value(byUID[before], "StudyInstanceUID") != value(d, "StudyInstanceUID") {
				t.Errorf("%s follows a report of another study", value(d, "SOPInstanceUID"))
			}
		}
		states[state]++
		verified := value(d, "VerificationFlag") == "VERIFIED"
		if named := value(d, "VerifyingObserverSequence.VerifyingObserverName") != ""; named != verified {
			t.Errorf("%s: verifying observer named: %t", state, named)
		}
	}
	for _, want := range []string{
		"COMPLETE UNVERIFIED", "COMPLETE VERIFIED", "COMPLETE VERIFIED after UNVERIFIED", "COMPLETE VERIFIED after VERIFIED",
	} {
		if states[want] < 2 {
			t.Errorf("%d reports are %s", states[want], want)
		}
		delete(states, want)
	}
	if len(states) > 0 {
		t.Errorf("unforeseen: %v", states)
	}
}

func TestReportLanguages(t *testing.T) {
	reports := where(headers(t), "SOPClassUID", reportSR)
	if diff := cmp.Diff([]string{"en", "ru"}, distinct(reports, "ContentSequence.ConceptCodeSequence.CodeValue")); diff != "" {
		t.Error(diff)
	}
	for _, section := range []string{"121070", "121072"} {
		for _, d := range reports {
			if len(texts(d, section)) == 0 {
				t.Errorf("%s has no text in %s", value(d, "SOPInstanceUID"), section)
			}
		}
	}
}

// texts of the items directly below the section of a report.
func texts(d *dicom.Dataset, section string) (found []string) {
	for i := range d.Items(dicom.MustPath("ContentSequence")) {
		at := fmt.Sprintf("ContentSequence[%d]", i)
		if value(d, at+".ConceptNameCodeSequence.CodeValue") == section {
			found = append(found, value(d, at+".ContentSequence.TextValue"))
		}
	}
	return found
}

// The totals are the sums of the events, and the events are those that the images name.
func TestDoseReports(t *testing.T) {
	list := headers(t)
	images := map[string]bool{}
	for _, uid := range distinct(list, "IrradiationEventUID") {
		images[uid] = true
	}
	kinds := map[string]int{}
	for _, d := range where(list, "SOPClassUID", radiationDoseSR) {
		numbers, events := map[string][]float64{}, []string{}
		walk(d, func(item *dicom.Dataset) {
			concept := value(item, "ConceptNameCodeSequence.CodeValue")
			if n, err := strconv.ParseFloat(value(item, "MeasuredValueSequence.NumericValue"), 64); err == nil {
				numbers[concept] = append(numbers[concept], n)
			}
			if concept == "113769" {
				events = append(events, value(item, "UID"))
			}
		})
		for _, uid := range events {
			if !images[uid] {
				t.Errorf("no image of irradiation event %s", uid)
			}
		}
		total, parts := numbers["113813"], numbers["113838"]
		kind := "CT"
		if len(total) == 0 {
			kind, total, parts = "MG", numbers["111637"], numbers["111631"]
		}
		if kinds[kind]++; len(parts) < 1 || abs(sum(total)-sum(parts)) > 0.01 {
			t.Errorf("%s: total %v of %v", kind, total, parts)
		}
	}
	if kinds["CT"] < 2 || kinds["MG"] < 2 {
		t.Errorf("dose reports %v", kinds)
	}
}

func walk(d *dicom.Dataset, visit func(*dicom.Dataset)) {
	visit(d)
	for _, item := range d.Items(dicom.MustPath("ContentSequence")) {
		walk(item, visit)
	}
}

func sum(list []float64) (total float64) {
	for _, v := range list {
		total += v
	}
	return total
}

func abs(v float64) float64 { return max(v, -v) }

func TestEncapsulatedPDF(t *testing.T) {
	documents := where(headers(t), "Modality", "DOC")
	if len(documents) != 1 {
		t.Fatalf("%d documents", len(documents))
	}
	e, _, found := documents[0].Find(dicom.MustPath("EncapsulatedDocument"))
	if !found || !bytes.HasPrefix(e.Value, []byte("%PDF-1.4\n")) {
		t.Fatal("no PDF")
	}
	length, _ := documents[0].Int(dicom.MustPath("EncapsulatedDocumentLength"))
	body := e.Value[:length]
	_, after, _ := bytes.Cut(body, []byte("startxref\n"))
	at, err := strconv.Atoi(strings.TrimSuffix(string(after), "\n%%EOF\n"))
	if err != nil || !bytes.HasPrefix(body[at:], []byte("xref\n")) {
		t.Errorf("startxref %q", after)
	}
}

// What dcmtk makes of the files: it parses all, draws all pixels and renders all reports.
func TestWithDCMTK(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs dcmtk; run make test")
	}
	c, dir := made(t), t.TempDir()
	if err := c.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	for i, d := range headers(t) {
		path := filepath.Join(dir, c.Files[i].Path)
		run(t, "dcmdump", "-q", path)
		switch _, _, image := d.Find(dicom.MustPath("Rows")); {
		case image:
			run(t, "dcmj2pnm", "+on", "+Fa", path, filepath.Join(dir, "picture"))
		case value(d, "Modality") == "SR":
			run(t, "dsrdump", path)
		}
	}
}

func run(t *testing.T, tool string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(tool); err != nil {
		t.Fatalf("%s is not on PATH: install the package dcmtk", tool)
	}
	out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput()
	if err != nil || bytes.Contains(out, []byte("E: ")) {
		t.Errorf("%s %v: %v\n%.300s", tool, args, err, out)
	}
}
