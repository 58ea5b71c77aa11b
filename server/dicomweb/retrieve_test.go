package dicomweb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/dicom"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/server/dicomweb"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// stores are the databases that each test of visibility goes over.
var stores = map[string]ingesttest.Open{"sqlite": onSQLite, "postgres": onPostgres}

// take puts objects into the hub and builds what they make.
func (h hub) take(t *testing.T, from ingest.Origin, objects ...[]byte) {
	t.Helper()
	files := func(_ context.Context, yield func(ingest.File) bool) error {
		for _, one := range objects {
			if !yield(ingest.Bytes("object", one)) {
				break
			}
		}
		return nil
	}
	if _, err := h.pipeline.Run(t.Context(), files, from, nil); err != nil {
		t.Fatal(err)
	}
}

// get asks as one of callers.
func (h hub) get(t *testing.T, as, path string, accept ...string) (int, http.Header, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+as)
	for _, one := range accept {
		r.Header.Add("Accept", one)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(path, err)
	}
	return resp.StatusCode, resp.Header, body
}

// parts takes a multipart answer apart.
func parts(t *testing.T, header http.Header, body []byte) (list [][]byte, types []string) {
	t.Helper()
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || kind != "multipart/related" {
		t.Fatal(header.Get("Content-Type"), err)
	}
	r := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for {
		part, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return list, types
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		list, types = append(list, content), append(types, part.Header.Get("Content-Type"))
	}
}

// What was stored comes back byte for byte: a study, a series, an instance; and nobody else's.
func TestRetrieve(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dicomweb.Limits{})
			mine := [][]byte{image(t, "1.2.3", "1.2.3.1.1", 8), image(t, "1.2.3", "1.2.3.1.2", 8)}
			h.take(t, ingest.Origin{Owner: "Organization/clinic", Source: "stow"}, mine...)
			for _, path := range []string{"/studies/1.2.3", "/studies/1.2.3/series/1.2.3.1"} {
				status, header, body := h.get(t, "clinic", path)
				if status != http.StatusOK {
					t.Fatal(path, status, string(body))
				}
				got, types := parts(t, header, body)
				if len(got) != 2 || !bytes.Equal(got[0], mine[0]) || !bytes.Equal(got[1], mine[1]) || !strings.Contains(types[0], "transfer-syntax=1.2.840.10008.1.2.1") {
					t.Errorf("%s: %d parts, %v", path, len(got), types)
				}
			}
			const one = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.2"
			if status, header, body := h.get(t, "clinic", one, "application/dicom"); status != http.StatusOK || !bytes.Equal(body, mine[1]) || !strings.HasPrefix(header.Get("Content-Disposition"), "attachment") {
				t.Error(status, header)
			}
			for _, c := range []struct {
				as, path, accept string
				want             int
			}{
				{"other", "/studies/1.2.3", "", http.StatusNotFound},
				{"other", one + "/frames/1", "", http.StatusNotFound},
				{"other", one + "/metadata", "", http.StatusNotFound},
				{"nobody", "/studies/1.2.3", "", http.StatusUnauthorized},
				{"clinic", "/studies/1.2.9", "", http.StatusNotFound},
				{"clinic", "/studies/1.2.3/series/1.2.4", "", http.StatusNotFound},
				{"clinic", "/studies/1.2.3/series/1.2.3.1/instances/9", "", http.StatusNotFound},
				{"clinic", "/studies/..%2F..", "", http.StatusNotFound},
				{"clinic", "/studies/1.2.3", "image/png", http.StatusNotAcceptable},
				{"clinic", "/studies/1.2.3", `multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.50`, http.StatusNotAcceptable},
				{"clinic", "/studies/1.2.3", `multipart/related; type=application/dicom; transfer-syntax=*`, http.StatusOK},
				{"clinic", one + "/frames/0", "", http.StatusBadRequest},
				{"clinic", one + "/frames/x", "", http.StatusBadRequest},
				{"clinic", one + "/frames/2", "", http.StatusNotFound},
				{"clinic", one + "/bulkdata/PatientID.x", "", http.StatusNotFound},
				{"clinic", one + "/bulkdata/PixelData", "", http.StatusOK},
			} {
				if status, _, body := h.get(t, c.as, c.path, c.accept); status != c.want {
					t.Errorf("%s as %s, %q: %d, want %d: %s", c.path, c.as, c.accept, status, c.want, body)
				}
			}
		})
	}
}

// A report that is not released, and what a program found, are not read from their objects by who does not see them as FHIR.
func TestDocumentsAreHidden(t *testing.T) {
	callers["patient"] = scoped(auth.Principal{}, "patient/*.rs")
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dicomweb.Limits{})
			report := func(uid, verified string) []byte {
				return object(t, "1.2.840.10008.5.1.4.1.1.88.11", uid, dicom.NewText(dicom.MustPath("CompletionFlag").Tag(), "CS", "COMPLETE"),
					dicom.NewText(dicom.MustPath("VerificationFlag").Tag(), "CS", verified), dicom.NewText(dicom.MustPath("ValueType").Tag(), "CS", "CONTAINER"))
			}
			h.take(t, ingest.Origin{}, image(t, "1.2.3", "1.2.3.1.1", 8), report("1.2.3.1.2", "UNVERIFIED"), report("1.2.3.1.3", "VERIFIED"))
			who := callers["patient"]
			who.Patient = patientOf(t, h)
			callers["patient"] = who
			for as, want := range map[string]int{"emr": 3, "patient": 2} {
				status, header, body := h.get(t, as, "/studies/1.2.3")
				if status != http.StatusOK {
					t.Fatal(as, status, string(body))
				}
				if got, _ := parts(t, header, body); len(got) != want {
					t.Errorf("%s sees %d objects, want %d", as, len(got), want)
				}
			}
			if status, _, _ := h.get(t, "patient", "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.2/metadata"); status != http.StatusNotFound {
				t.Error("a patient reads a report that nobody has signed:", status)
			}
		})
	}
}

func patientOf(t *testing.T, h hub) string {
	t.Helper()
	list := h.resources(t, "Patient")
	if len(list) != 1 {
		t.Fatal(len(list), "patients")
	}
	return list[0].Reference()
}

// resources are all of a type.
func (h hub) resources(t *testing.T, resourceType string) (list []fhir.Resource) {
	t.Helper()
	q, err := search.Parse(fhir.R4(), resourceType, url.Values{"_count": {"200"}}, search.Options{Strict: true})
	for more := true; more && err == nil; {
		var page store.Result
		page, err = h.pipeline.Store.Search(t.Context(), q, store.Caller{Access: func(string) search.Filter { return search.Everything() }})
		list = append(list, page.Matches...)
		q.Page, more = page.Next, page.Next != ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// object is one of a study, with elements of its own.
func object(t *testing.T, class, uid string, more ...dicom.Element) []byte {
	t.Helper()
	of := map[string]string{"SOPClassUID": class, "SOPInstanceUID": uid, "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.2"}
	for keyword, value := range of {
		more = append(more, dicom.NewText(dicom.MustPath(keyword).Tag(), "UI", value))
	}
	more = append(more, dicom.NewText(dicom.MustPath("Modality").Tag(), "CS", "SR"), dicom.NewText(dicom.MustPath("PatientID").Tag(), "LO", "P-1"),
		dicom.NewText(dicom.MustPath("IssuerOfPatientID").Tag(), "LO", "CITY"))
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, dicom.NewDataset(more...)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Every real object that the hub takes comes back as it came, its metadata are JSON, and its frames are had or refused with a reason.
func TestRetrieveRealObjects(t *testing.T) {
	const root = "../../../shared/testdata/dicom"
	if _, err := os.Stat(root); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	h := start(t, onSQLite, dicomweb.Limits{})
	kept := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			kept[path] = content
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, content := range kept {
		all = append(all, content)
	}
	h.take(t, ingest.Origin{}, all...)
	objects, frames, refused := 0, 0, map[int]int{}
	for _, study := range h.resources(t, "ImagingStudy") {
		uid := strings.TrimPrefix(gjson.GetBytes(study.Body, `identifier.#(system=="urn:dicom:uid").value`).Str, "urn:oid:")
		status, _, body := h.get(t, "emr", "/studies/"+uid+"/metadata")
		if status != http.StatusOK || !json.Valid(body) {
			t.Errorf("%s: metadata %d", uid, status)
			continue
		}
		for _, one := range gjson.ParseBytes(body).Array() {
			address := "/studies/" + uid + "/series/" + one.Get("0020000E.Value.0").Str + "/instances/" + one.Get("00080018.Value.0").Str
			status, _, content := h.get(t, "emr", address, "application/dicom")
			if status != http.StatusOK || !isOneOf(kept, content) {
				t.Errorf("%s: %d, %d bytes that nobody sent", address, status, len(content))
			}
			objects++
			if !one.Get("7FE00010").Exists() {
				continue
			}
			status, _, _ = h.get(t, "emr", address+"/frames/1", "multipart/related; type=application/octet-stream; transfer-syntax=*")
			if refused[status]++; status == http.StatusOK {
				frames++
			} else if status != http.StatusNotAcceptable && status != http.StatusNotFound {
				t.Errorf("%s: frames %d", address, status)
			}
		}
	}
	t.Logf("%d objects came back, frames of %d; answers: %v", objects, frames, refused)
	if objects < 100 || frames < 100 {
		t.Error("too few")
	}
}

// isOneOf holds for bytes that are those of a file, but for the preamble and meta information that a bare one is given.
func isOneOf(files map[string][]byte, content []byte) bool {
	for _, one := range files {
		if bytes.HasSuffix(content, one) || len(one) > 132 && len(content) > 132 && bytes.Equal(one[128:], content[128:]) {
			return true
		}
	}
	return false
}

// What could run is not handed on: a preamble is empty, but for that of TIFF.
func TestPreambleIsInert(t *testing.T) {
	h := start(t, onSQLite, dicomweb.Limits{})
	for i, c := range []struct {
		start string
		kept  bool
	}{{"MZ\x90\x00", false}, {"\x7fELF", false}, {"#!/b", false}, {"PK\x03\x04", false}, {"II*\x00", true}} {
		uid := "1.2.5." + string(rune('1'+i))
		object := image(t, uid, uid+".1", 8)
		copy(object, c.start)
		status, _, body := h.post(t, sent{who: "emr", path: "/studies", contentType: "application/dicom", body: bytes.NewReader(object)})
		if status != http.StatusOK {
			t.Fatalf("%q: %d %s", c.start, status, body)
		}
		if err := h.pipeline.Build(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		_, _, got := h.get(t, "emr", "/studies/"+uid+"/series/"+uid+".1/instances/"+uid+".1", "application/dicom")
		if len(got) != len(object) || bytes.HasPrefix(got, []byte(c.start)) != c.kept || !bytes.Equal(got[128:], object[128:]) {
			t.Errorf("%q: % x", c.start, got[:min(8, len(got))])
		}
	}
}
