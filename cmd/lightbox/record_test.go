package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/conformance/validate"
	"lightbox/dicom"
	"lightbox/mapping"
)

// auditEvents searches as an auditor. Each that is found is valid and holds nothing of what was sent.
func (h servingHub) auditEvents(t *testing.T, query string) []gjson.Result {
	t.Helper()
	auditor, err := h.issuer.Token(map[string]any{"aud": h.origin + "/fhir", "sub": "a", "scope": "system/*.rs", "roles": []string{"auditor"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	status, body := fetch(t, h.origin+"/fhir/AuditEvent?_count=1000&"+query, auditor)
	if status != http.StatusOK {
		t.Fatalf("%s: %d\n%s", query, status, body)
	}
	list := gjson.GetBytes(body, "entry.#.resource").Array()
	check := validate.New()
	for _, e := range list {
		if issues := check([]byte(e.Raw)); len(issues) > 0 || strings.Contains(e.Raw, "CANARY") {
			t.Errorf("%v\n%s", issues, e.Raw)
		}
	}
	return list
}

// writeImage writes a CT image of a patient into a folder.
func writeImage(t *testing.T, dir, study, uid string) {
	t.Helper()
	ds := &dicom.Dataset{}
	for _, e := range [][3]string{
		{"SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2"}, {"SOPInstanceUID", "UI", uid}, {"StudyDate", "DA", "20250104"}, {"Modality", "CS", "CT"},
		{"PatientName", "PN", "CANARYNAME^Jane"}, {"PatientID", "LO", "CANARY-7"}, {"IssuerOfPatientID", "LO", "CITY"},
		{"StudyInstanceUID", "UI", study}, {"SeriesInstanceUID", "UI", study + ".1"},
	} {
		ds.Elements = append(ds.Elements, dicom.NewText(dicom.MustPath(e[0]).Tag(), dicom.VR(e[1]), e[2]))
	}
	var b bytes.Buffer
	err := dicom.WriteFile(&b, ds)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, uid), b.Bytes(), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What dcmtk sends, two studies on one association, an auditor finds by who sent it, and the patient in the own record; so does whoever is
// turned away.
func TestAssociationsInTheAuditRecord(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs dcmtk; run make test")
	}
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			database, address, images := start(t), freeAddress(t), t.TempDir()
			h, _ := startServe(t, "--database", database, "--archive", t.TempDir(), "--id-key", testKey,
				"--dimse", address, "--dimse-peer", "CT1=Organization/clinic")
			for _, uid := range []string{"1.2.3.1.1", "1.2.3.1.2", "1.2.4.1.1"} {
				writeImage(t, images, uid[:5], uid)
			}
			host, port, _ := net.SplitHostPort(address)
			send := func(title string) error {
				out, err := exec.CommandContext(t.Context(), "storescu", "-aet", title, "-aec", "LIGHTBOX", "+sd", host, port, images).CombinedOutput()
				t.Logf("%s: %v %s", title, err, out)
				return err
			}
			if err := send("CT1"); err != nil {
				t.Fatal(err)
			}
			if send("NOBODY") == nil {
				t.Error("who is not known may send")
			}
			by := "agent:identifier=" + url.QueryEscape("urn:lightbox:ae-title|CT1")
			sent := h.auditEvents(t, "type=110104&action=C&"+by)
			if len(sent) != 2 {
				t.Fatalf("%d events of two studies", len(sent))
			}
			patient := sent[0].Get(`entity.#(role.code=="1").what.reference`).Str
			for _, e := range sent {
				if org := e.Get(`agent.#(type.coding.0.code=="PROV").who.reference`).Str; org != "Organization/clinic" {
					t.Errorf("of %q", org)
				}
			}
			if got := h.auditEvents(t, "type=110113&outcome=8"); len(got) != 1 || got[0].Get("subtype.0.code").Str != "110126" {
				t.Errorf("who was turned away: %v", got)
			}
			own, err := h.issuer.Token(map[string]any{"aud": h.origin + "/fhir", "sub": "p", "scope": "patient/*.rs", "fhirUser": patient,
				"patient": strings.TrimPrefix(patient, "Patient/")}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if _, body := fetch(t, h.origin+"/fhir/AuditEvent?type=110104", own); gjson.GetBytes(body, "entry.#").Int() != 2 {
				t.Errorf("the patient sees %s", body)
			}
			if err := send("CT1"); err != nil { // once more
				t.Fatal(err)
			}
			if got := h.auditEvents(t, "type=110104&action=C&patient="+patient); len(got) != 4 {
				t.Errorf("%d events of two associations with two studies", len(got))
			}
			if exit, stdout, stderr := run(t, "audit", "verify", "--database", database); exit != exitOK {
				t.Errorf("exit %d, %s%s", exit, stdout, stderr)
			}
		})
	}
}

// What operators do by command is on record by their account, for each patient concerned.
func TestCommandsInTheAuditRecord(t *testing.T) {
	const text = "MSH|^~\\&|HIS|CITY|HUB|CITY|20250101||ADT^A28|1|P|2.5\rPID|1||CANARY-A^^^CITY^MR||CANARYNAME^Jane\r" +
		"MSH|^~\\&|HIS|CITY|HUB|CITY|20250101||ADT^A01|2|P|2.5\rPID|1||CANARY-B^^^CITY^MR\rPV1|1|I|||||||||||||||||CANARY-V^^^CITY\r" +
		"MSH|^~\\&|HIS|CITY|HUB|CITY|20250101||ORU^R01|3|P|2.5\rOBR|1|CANARYTEXT\r"
	m, err := mapping.New(mapping.Config{Key: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	city := "urn:uuid:" + m.ID("NamingSystem", "", "CITY")
	a, b := "Patient/"+m.ID("Patient", city, "CANARY-A"), "Patient/"+m.ID("Patient", city, "CANARY-B")
	visit := "Encounter/" + m.ID("Encounter", city, "CANARY-V")
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			dir, database := t.TempDir(), start(t)
			file := filepath.Join(dir, "feed.hl7")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			writeImage(t, dir, "1.2.3", "1.2.3.1.1")
			hub := []string{"--database", database, "--archive", filepath.Join(dir, "objects"), "--id-key", "00"}
			command := func(want int, args ...string) {
				t.Helper()
				if exit, stdout, stderr := run(t, append(args, hub...)...); exit != want {
					t.Errorf("%v: exit %d, %s%s", args, exit, stdout, stderr)
				}
			}
			command(exitRefused, "ingest", file, filepath.Join(dir, "1.2.3.1.1"))
			command(exitOK, "merge", b, a)
			command(exitOK, "merge", "--undo", b, a)
			command(exitOK, "matches", "reject", a, b)
			if exit, _, stderr := run(t, "purge", "--database", database, visit); exit != exitFailure { // only listed
				t.Error(stderr)
			}
			if exit, _, stderr := run(t, "purge", "--database", database, "--yes", visit); exit != exitOK {
				t.Error(stderr)
			}
			h, _ := startServe(t, hub...)
			said := map[string]int{}
			for _, one := range []string{a, b} {
				for _, e := range h.auditEvents(t, "patient="+one) {
					if who := e.Get(`agent.#(requestor==true).who.identifier.value`).Str; who != account() {
						t.Errorf("by %q, not %q: %s", who, account(), e.Raw)
					}
					said[fmt.Sprint(e.Get("type.code").Str, " ", e.Get("action").Str, " ", e.Get("outcomeDesc").Str)]++
				}
			}
			for want, n := range map[string]int{
				"110110 U ":                                 2, // the messages
				"110110 U " + b + " goes on as " + a:        2,
				"110110 U " + b + " does not go on as " + a: 4,
				"rest D removed for good":                   1,
			} {
				if said[want] != n {
					t.Errorf("%q is there %d times, want %d: %v", want, said[want], n, said)
				}
			}
			if got := h.auditEvents(t, "type=110104&action=C&outcome=0"); len(got) != 1 {
				t.Errorf("%d events of the study", len(got))
			}
			if got := h.auditEvents(t, "outcome=4"); len(got) != 1 || got[0].Get("outcomeDesc").Str != "no-patient" {
				t.Errorf("refused: %v", got)
			}
		})
	}
}
