package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

const (
	oldPID = "PID|1||OLD-1^^^CITY^MR||Doe^Jane\r"
	newPID = "PID|1||NEW-1^^^CITY^MR||Doe^Jane||19700101|F\r"
)

var (
	orderOld  = header("ORM^O01", "M1", "20250101100000") + oldPID + "ORC|NW|P-1^RIS|F-1^RIS\rOBR|1|P-1^RIS|F-1^RIS|CT1^Head^L\r"
	resultOld = header("ORU^R01", "M2", "20250102100000") + oldPID + "OBR|1|P-1^RIS|F-1^RIS|CT1^Head^L|||||||||||||||||||||F\rOBX|1|TX|IMP^Impression^L||Nothing found.||||||F\r"
	mergeA40  = header("ADT^A40^ADT_A39", "M3", "20250103100000") + newPID + "MRG|OLD-1^^^CITY^MR\r"
	unlinkA37 = header("ADT^A37^ADT_A37", "M4", "20250105100000") + newPID + strings.Replace(oldPID, "PID|1", "PID|2", 1)
	againA40  = header("ADT^A40^ADT_A39", "M5", "20250106100000") + newPID + "MRG|OLD-1^^^CITY^MR\r"
)

func header(kind, id, sent string) string {
	return `MSH|^~\&|HIS|CITY|HUB|CITY|` + sent + "+0000||" + kind + "|" + id + "|P|2.5\r"
}

// image is a CT instance of a patient.
func image(t *testing.T, study, uid, patient string) ingest.File {
	t.Helper()
	var b bytes.Buffer
	ds := &dicom.Dataset{}
	for _, e := range [][3]string{
		{"SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2"}, {"SOPInstanceUID", "UI", uid}, {"StudyDate", "DA", "20250104"}, {"Modality", "CS", "CT"},
		{"PatientName", "PN", "Doe^Jane"}, {"PatientID", "LO", patient}, {"IssuerOfPatientID", "LO", "CITY"},
		{"StudyInstanceUID", "UI", study}, {"SeriesInstanceUID", "UI", study + ".1"},
	} {
		ds.Elements = append(ds.Elements, dicom.NewText(dicom.MustPath(e[0]).Tag(), dicom.VR(e[1]), e[2]))
	}
	if err := dicom.WriteFile(&b, ds); err != nil {
		t.Fatal(err)
	}
	return ingest.Bytes(uid, b.Bytes())
}

func message(text string) ingest.File { return ingest.Bytes("message.hl7", []byte(text)) }

func files(t *testing.T, all ...ingest.File) ingest.Files {
	t.Helper()
	return func(_ context.Context, yield func(ingest.File) bool) error {
		for _, f := range all {
			if !yield(f) {
				return nil
			}
		}
		return nil
	}
}

// TestCase6LateImageUnderTheOldNumber merges two records (A40), takes that back (A37) and does it again. All that refers to the one is
// led to the other each time, also what others wrote and what comes late.
func TestCase6LateImageUnderTheOldNumber(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t, open, t.TempDir())
			mustRun(t, p, files(t, image(t, "1.2.3", "1.2.3.1.1", "OLD-1"), message(orderOld), message(resultOld)))
			before := patientNumbered(t, p, "OLD-1")
			write(t, p.Store, `{"resourceType":"Condition","id":"c","subject":{"reference":"`+before+`"}}`)
			write(t, p.Store, `{"resourceType":"Person","id":"p","link":[{"target":{"reference":"`+before+`"}}]}`)
			of := []string{"ImagingStudy", "ServiceRequest", "DiagnosticReport", "DocumentReference", "Binary", "Condition", "Person"}
			hold(t, p.Store, before, of...)

			mustRun(t, p, files(t, message(mergeA40)))
			after := patientNumbered(t, p, "NEW-1")
			hold(t, p.Store, after, of...)
			mustRun(t, p, files(t, image(t, "1.2.3", "1.2.3.1.2", "OLD-1"), image(t, "1.2.3", "1.2.3.1.3", "NEW-1"), image(t, "1.2.4", "1.2.4.1.1", "OLD-1")))
			hold(t, p.Store, after, of...)
			if got := total(t, p.Store); got != 4 {
				t.Errorf("merged: %d instances, want 4", got)
			}
			old := one(t, p.Store, before)
			if old.Get("active").Raw != "false" || old.Get("link.0.type").Str != "replaced-by" || old.Get("link.0.other.reference").Str != after {
				t.Errorf("the prior record: %s", old.Raw)
			}
			survivor := one(t, p.Store, after)
			if survivor.Get(`identifier.#(value=="OLD-1").use`).Str != "old" || survivor.Get("link.0.type").Str != "replaces" {
				t.Errorf("the survivor: %s", survivor.Raw)
			}

			if got := acts(t, p.Store); got != "merge:1" {
				t.Errorf("acts on record: %s", got)
			}
			mustRun(t, p, files(t, message(unlinkA37)))
			hold(t, p.Store, before, of...)
			if got := total(t, p.Store); got != 3 { // the image under the new number is another patient's again
				t.Errorf("taken back: %d instances, want 3", got)
			}
			for _, record := range []string{before, after} {
				if got := one(t, p.Store, record); got.Get("link").Exists() || got.Get("active").Exists() {
					t.Errorf("a record after all is taken back: %s", got.Raw)
				}
			}

			mustRun(t, p, files(t, message(againA40)))
			hold(t, p.Store, after, of...)
			if got := acts(t, p.Store); got != "merge:2 unmerge:1" {
				t.Errorf("acts on record: %s", got)
			}
			versions := version(t, p.Store)
			mustRun(t, p, files(t, message(againA40), message(mergeA40)))
			if diff := gocmp.Diff(versions, version(t, p.Store)); diff != "" {
				t.Errorf("the same messages changed something (-before +after):\n%s", diff)
			}
		})
	}
}

// TestAnyOrder takes images and messages in any order and grouping: the hub ends up the same.
func TestAnyOrder(t *testing.T) {
	all := []ingest.File{image(t, "1.2.3", "1.2.3.1.1", "OLD-1"), image(t, "1.2.5", "1.2.5.1.1", "NEW-1"), image(t, "1.2.4", "1.2.4.1.1", "OLD-1"),
		message(orderOld), message(resultOld), message(mergeA40), message(unlinkA37), message(againA40)}
	var want []string
	random := rand.New(rand.NewPCG(1, 2))
	for n := range 12 {
		p := ingesttest.New(t, stores["sqlite"], t.TempDir())
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for rest := all; len(rest) > 0; {
			size := 1 + random.IntN(len(rest))
			mustRun(t, p, files(t, rest[:size]...))
			rest = rest[size:]
		}
		got := bodies(t, p.Store)
		if n == 0 {
			want = got
			continue
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatalf("order %d (-want +got):\n%s", n, diff)
		}
	}
}

// patientNumbered finds the Patient whose usual number is value.
func patientNumbered(t *testing.T, p *ingest.Pipeline, value string) string {
	t.Helper()
	for _, body := range all(t, p.Store, "Patient") {
		if gjson.Get(body, `identifier.#(use=="usual").value`).Str == value {
			return "Patient/" + gjson.Get(body, "id").Str
		}
	}
	t.Fatalf("no patient %s", value)
	return ""
}

// hold fails unless there are resources of each type and all refer to one patient alone.
func hold(t *testing.T, s store.Store, patient string, types ...string) {
	t.Helper()
	for _, one := range types {
		bodies := all(t, s, one)
		if len(bodies) == 0 {
			t.Errorf("no %s", one)
		}
		for _, body := range bodies {
			if diff := gocmp.Diff([]string{patient}, mapping.PatientsOf([]byte(body))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", one, diff)
			}
		}
	}
}

// write puts a resource as a caller would.
func write(t *testing.T, s store.Store, body string) {
	t.Helper()
	r := fhir.Resource{Type: gjson.Get(body, "resourceType").Str, ID: gjson.Get(body, "id").Str, Body: []byte(body)}
	err := s.Write(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Put(t.Context(), store.Write{Resource: r, Owners: []string{}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func one(t *testing.T, s store.Store, reference string) gjson.Result {
	t.Helper()
	resourceType, id, _ := strings.Cut(reference, "/")
	r, err := s.Read(t.Context(), search.Everything(), resourceType, id)
	if err != nil {
		t.Fatal(err)
	}
	return gjson.ParseBytes(r.Body)
}

// total counts the instances of all studies.
func total(t *testing.T, s store.Store) (n int64) {
	for _, body := range all(t, s, "ImagingStudy") {
		n += gjson.Get(body, "numberOfInstances").Int()
	}
	return n
}

// bodies returns all that a store has, without what a version adds; but Provenance, which tells when things came.
func bodies(t *testing.T, s store.Store) (list []string) {
	for _, resourceType := range fhir.R4().Types() {
		if resourceType.Name == "Provenance" {
			continue
		}
		for _, body := range all(t, s, resourceType.Name) {
			list = append(list, stampless(body))
		}
	}
	slices.Sort(list)
	return list
}

// stampless cuts meta, which begins a stamped body, to what the mapping said.
func stampless(body string) string {
	stamp := gjson.Get(body, "meta")
	return strings.Replace(strings.Replace(body, stamp.Get("versionId").Raw, "", 1), stamp.Get("lastUpdated").Raw, "", 1)
}

// version tells how many versions each resource has.
func version(t *testing.T, s store.Store) (list []string) {
	for _, resourceType := range fhir.R4().Types() {
		for _, body := range all(t, s, resourceType.Name) {
			list = append(list, resourceType.Name+"/"+gjson.Get(body, "id").Str+" "+gjson.Get(body, "meta.versionId").Str)
		}
	}
	slices.Sort(list)
	return list
}

// acts counts what Provenance records of merges.
func acts(t *testing.T, s store.Store) string {
	t.Helper()
	var counts []string
	for _, activity := range []string{"merge", "unmerge"} {
		n := 0
		for _, body := range all(t, s, "Provenance") {
			if gjson.Get(body, "activity.coding.0.code").Str == activity {
				n++
			}
		}
		if n > 0 {
			counts = append(counts, fmt.Sprint(activity, ":", n))
		}
	}
	return strings.Join(counts, " ")
}
