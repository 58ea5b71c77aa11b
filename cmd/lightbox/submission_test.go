package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
)

// partner is a caller of a serving hub.
type partner struct {
	*victim
	token string
}

func (p partner) get(t *testing.T, path string) (int, gjson.Result) {
	t.Helper()
	status, body := fetch(t, p.origin+path, p.token)
	return status, gjson.ParseBytes(body)
}

func (p partner) send(t *testing.T, path, contentType string, body []byte) (int, gjson.Result) {
	t.Helper()
	response, answer := p.ask(t, path, contentType, body)
	return response.StatusCode, answer
}

func (p partner) ask(t *testing.T, path, contentType string, body []byte) (*http.Response, gjson.Result) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.origin+path, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", contentType)
	response, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, gjson.ParseBytes(answer)
}

// stow sends one object, and returns the Task that the answer names.
func (p partner) stow(t *testing.T, object []byte, want int) (link string) {
	t.Helper()
	response, answer := p.ask(t, "/dicom-web/studies", "application/dicom", object)
	if response.StatusCode != want {
		t.Errorf("STOW-RS is answered with %d, want %d: %s", response.StatusCode, want, answer.Raw)
	}
	return response.Header.Get("Link")
}

// task waits for the only Task of a caller that meets a condition.
func (p partner) task(t *testing.T, query string, ok func(task gjson.Result) bool) gjson.Result {
	t.Helper()
	var found gjson.Result
	for range 600 { // what a client wrote is looked at every five seconds
		_, found = p.get(t, "/fhir/Task?"+query)
		if task := found.Get("entry.0.resource"); found.Get("entry.#").Int() == 1 && ok(task) {
			return task
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("no such Task: %s", found.Raw)
	return gjson.Result{}
}

func has(path, value string) func(gjson.Result) bool {
	return func(task gjson.Result) bool { return task.Get(path).String() == value }
}

// objectOf is an object of a study, with so many bytes of pixels.
func objectOf(study, uid string, pixels int) []byte {
	ds := dicom.NewDataset(
		dicom.NewText(dicom.MustPath("SOPClassUID").Tag(), "UI", killedClass), dicom.NewText(dicom.MustPath("SOPInstanceUID").Tag(), "UI", uid),
		dicom.NewText(dicom.MustPath("Modality").Tag(), "CS", "CT"), dicom.NewText(dicom.MustPath("PatientID").Tag(), "LO", "P-"+study),
		dicom.NewText(dicom.MustPath("StudyInstanceUID").Tag(), "UI", study), dicom.NewText(dicom.MustPath("SeriesInstanceUID").Tag(), "UI", study+".1"),
		dicom.NewBytes(dicom.MustPath("PixelData").Tag(), "OW", make([]byte, pixels)))
	return fileOf(sending{class: killedClass, uid: uid, body: ds.Encode()})
}

// A partner sees what became of what it sent, and nobody else's; it takes it back, and sends it again.
func TestSubmissions(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, database(t))
			defer v.start(t)()
			const scope = "system/ImagingStudy.crus system/Task.rus system/Patient.rs"
			a := partner{v, v.tokenOf(t, map[string]any{"sub": "a", "client_id": "a", "scope": scope, "organization": "Organization/a"})}
			b := partner{v, v.tokenOf(t, map[string]any{"sub": "b", "client_id": "b", "scope": scope, "organization": "Organization/b"})}
			emr := partner{v, v.token}
			study := "ImagingStudy?identifier=urn:dicom:uid|urn:oid:1.2.5"
			a.stow(t, objectOf("1.2.5", "1.2.5.1.1", 64), http.StatusOK)
			task := a.task(t, "", has("businessStatus.coding.0.code", "published"))
			if task.Get("status").Str != "completed" || !strings.HasPrefix(task.Get("focus.reference").Str, "ImagingStudy/") || task.Get("requester.reference").Str != "Organization/a" ||
				task.Get("for").Exists() || task.Get(`output.#(type.coding.0.code=="published").valueUnsignedInt`).Int() != 1 {
				t.Errorf("%s", task.Raw)
			}
			path := "/fhir/Task/" + task.Get("id").Str
			if link := a.stow(t, objectOf("1.2.5", "1.2.5.1.1", 64), http.StatusOK); link != "<"+v.origin+path+`>; rel="status"` {
				t.Errorf("the answer names %q", link)
			}

			t.Run("refused objects are told", func(t *testing.T) {
				a.stow(t, objectOf("1.2.5", "1.2.5.1.1", 128), http.StatusConflict)
				task := a.task(t, "", func(task gjson.Result) bool { return task.Get("statusReason").Exists() })
				if told := task.Get(`output.#(type.coding.0.code=="refused").valueString`).Str; !strings.HasPrefix(told, "1.2.5.1.1 conflict:") || task.Get("status").Str != "completed" {
					t.Errorf("%s", task.Raw)
				}
				b.stow(t, []byte(strings.Repeat("no DICOM at all ", 20)), http.StatusConflict)
				b.task(t, "", has("status", "rejected"))
			})
			t.Run("nobody else sees them", func(t *testing.T) {
				if status, body := b.get(t, path); status != http.StatusNotFound {
					t.Errorf("%d %s", status, body.Raw)
				}
				if status, _ := b.send(t, path+"/$withdraw", "application/fhir+json", nil); status != http.StatusNotFound {
					t.Errorf("another partner's withdrawal: %d", status)
				}
				_, found := emr.get(t, "/fhir/"+study)
				patient := partner{v, v.tokenOf(t, map[string]any{"sub": "p", "client_id": "app", "scope": "launch/patient patient/*.rs",
					"patient": strings.TrimPrefix(found.Get("entry.0.resource.subject.reference").Str, "Patient/")})}
				if status, tasks := patient.get(t, "/fhir/Task"); status != http.StatusOK || tasks.Get("entry.#").Int() != 0 {
					t.Errorf("the patient: %d %s", status, tasks.Raw)
				}
			})
			t.Run("a Task is the hub's", func(t *testing.T) {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, v.origin+path, strings.NewReader(task.Raw))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+a.token)
				r.Header.Set("Content-Type", "application/fhir+json")
				response, err := v.client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				response.Body.Close()
				if response.StatusCode != http.StatusConflict {
					t.Errorf("%s", response.Status)
				}
			})
			t.Run("withdrawn and sent again", func(t *testing.T) {
				status, task := a.send(t, path+"/$withdraw", "application/fhir+json", nil)
				if status != http.StatusOK || task.Get("status").Str != "cancelled" || task.Get("focus").Exists() {
					t.Errorf("%d %s", status, task.Raw)
				}
				if _, found := emr.get(t, "/fhir/"+study); found.Get("entry.#").Int() != 0 {
					t.Errorf("what is withdrawn is served: %s", found.Raw)
				}
				if status, _ := emr.get(t, "/dicom-web/studies/1.2.5/series/1.2.5.1/instances/1.2.5.1.1"); status != http.StatusNotFound {
					t.Errorf("its object: %d", status)
				}
				if status, _ := a.send(t, path+"/$withdraw", "application/fhir+json", nil); status != http.StatusUnprocessableEntity {
					t.Errorf("withdrawn twice: %d", status)
				}
				a.stow(t, objectOf("1.2.5", "1.2.5.1.1", 64), http.StatusOK)
				a.task(t, "", has("status", "completed"))
				if _, found := emr.get(t, "/fhir/"+study); found.Get("entry.0.resource.numberOfInstances").Int() != 1 {
					t.Errorf("what is sent again is not served: %s", found.Raw)
				}
			})
			t.Run("an operator sees and undoes it", func(t *testing.T) {
				if status, _ := a.send(t, path+"/$withdraw", "application/fhir+json", nil); status != http.StatusOK {
					t.Fatalf("%d", status)
				}
				args := []string{"study", "1.2.5", "--id-key", testKey}
				for _, flag := range []string{"--database", "--archive"} {
					args = append(args, flag, v.args[slices.Index(v.args, flag)+1])
				}
				exit, told, stderr := run(t, args...)
				if exit != exitOK || !strings.Contains(told, "Organization/a") || !strings.Contains(told, ", withdrawn ") || !strings.Contains(told, "1 refused: 1.2.5.1.1 conflict") {
					t.Errorf("%d %s%s", exit, told, stderr)
				}
				if exit, told, stderr = run(t, append(args, "--restore", "Organization/a")...); exit != exitOK || strings.Contains(told, "withdrawn") {
					t.Errorf("%d %s%s", exit, told, stderr)
				}
				if exit, _, stderr = run(t, append(args, "--restore", "Organization/a")...); exit != exitFailure {
					t.Errorf("%d %s", exit, stderr)
				}
				a.task(t, "", has("status", "completed"))
			})
			t.Run("the part of another stays", func(t *testing.T) {
				emr.stow(t, objectOf("1.2.5", "1.2.5.1.2", 64), http.StatusOK)
				v.waitFor(t, "1.2.5", 2)
				if status, _ := emr.send(t, path+"/$withdraw", "application/fhir+json", nil); status != http.StatusOK {
					t.Errorf("by who may change everything: %d", status)
				}
				if _, found := emr.get(t, "/fhir/"+study); found.Get("entry.0.resource.numberOfInstances").Int() != 1 {
					t.Errorf("%s", found.Raw)
				}
				if _, found := a.get(t, "/fhir/"+study); found.Get("entry.#").Int() != 0 {
					t.Errorf("who took its part back sees the rest: %s", found.Raw)
				}
			})
		})
	}
}

// What a partner states of a study over FHIR and its objects say otherwise is told by the Task of the objects, whichever came first; both stand.
func TestStatedAndSent(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, database(t))
			defer v.start(t)()
			a := partner{v, v.tokenOf(t, map[string]any{"sub": "a", "client_id": "a", "scope": "system/*.cruds", "organization": "Organization/a"})}
			state := func(study string) {
				body := `{"resourceType":"ImagingStudy","identifier":[{"system":"urn:dicom:uid","value":"urn:oid:` + study + `"}],"status":"available","subject":{"display":"A patient"},` +
					`"numberOfInstances":5,"modality":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"MR"}]}`
				if status, answer := a.send(t, "/fhir/ImagingStudy", "application/fhir+json", []byte(body)); status != http.StatusCreated {
					t.Fatalf("%d %s", status, answer.Raw)
				}
			}
			state("1.2.6")
			a.stow(t, objectOf("1.2.6", "1.2.6.1.1", 64), http.StatusOK)
			a.stow(t, objectOf("1.2.7", "1.2.7.1.1", 64), http.StatusOK)
			a.task(t, "group-identifier=urn:oid:1.2.7", has("status", "completed"))
			state("1.2.7")
			var told []string
			for _, study := range []string{"1.2.6", "1.2.7"} {
				const conflicts = `output.#(type.coding.0.code=="conflict")#.valueString`
				task := a.task(t, "group-identifier=urn:oid:"+study, func(task gjson.Result) bool { return task.Get(conflicts+"|#").Int() == 2 })
				_, after, _ := strings.Cut(task.Get(conflicts).Raw, ": ")
				_, second, _ := strings.Cut(after, `","`)
				told = append(told, strings.Split(after, `"`)[0]+second[strings.Index(second, ": "):])
				if _, found := a.get(t, "/fhir/ImagingStudy?identifier=urn:dicom:uid|urn:oid:"+study); found.Get("entry.#").Int() != 2 {
					t.Errorf("%d ImagingStudies", found.Get("entry.#").Int())
				}
			}
			if told[0] != told[1] || !strings.Contains(told[0], "numberOfInstances: stated 5, the objects say 1") || !strings.Contains(told[0], "modality: stated MR, the objects say CT") {
				t.Errorf("%q", told)
			}
		})
	}
}
