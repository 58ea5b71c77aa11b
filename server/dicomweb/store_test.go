package dicomweb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"path/filepath"
	"strings"
	"testing"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/dicom"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/server/dicomweb"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// callers are the tokens of the tests.
var callers = map[string]auth.Principal{
	"emr":    scoped(auth.Principal{}, "system/*.cruds"),
	"clinic": scoped(auth.Principal{Organization: "Organization/clinic"}, "system/ImagingStudy.crs"),
	"other":  scoped(auth.Principal{Organization: "Organization/other"}, "system/ImagingStudy.crs"),
	"reader": scoped(auth.Principal{}, "system/*.rs"),
}

func scoped(p auth.Principal, scope string) auth.Principal {
	scopes, err := auth.ParseScopes(scope)
	if err != nil {
		panic(err)
	}
	p.Scopes = scopes
	return p
}

// tokens verifies by name.
type tokens struct{}

func (tokens) Verify(_ context.Context, r *http.Request) (*auth.Principal, error) {
	p, ok := callers[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !ok {
		return nil, fhir.NewError(fhir.Login, "no token")
	}
	return &p, nil
}

// hub is a served hub.
type hub struct {
	pipeline *ingest.Pipeline
	url      string
	audit    *audit.Log
}

func start(t *testing.T, open ingesttest.Open, limits dicomweb.Limits) hub {
	t.Helper()
	p := ingesttest.New(t, open, t.TempDir())
	log, err := audit.Open(t.Context(), p.Store, "http://hub.example/fhir", p.Log)
	if err != nil {
		t.Fatal(err)
	}
	server := &dicomweb.Server{Hub: p, Verifier: tokens{}, Audit: log, Base: "http://hub.example/dicom-web", Limits: limits, Log: p.Log}
	listening := httptest.NewServer(server.Handler())
	t.Cleanup(listening.Close)
	return hub{p, listening.URL, log}
}

func onSQLite(t *testing.T, o store.Options) (store.Store, error) {
	return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), o)
}

func onPostgres(t *testing.T, o store.Options) (store.Store, error) {
	return postgres.Open(t.Context(), pgtest.Start(t), o)
}

// image is a CT instance; pixels makes it as large as wanted.
func image(t *testing.T, study, uid string, pixels int) []byte {
	t.Helper()
	ds := &dicom.Dataset{}
	for _, e := range [][3]string{
		{"SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2"}, {"SOPInstanceUID", "UI", uid}, {"StudyDate", "DA", "20250104"}, {"Modality", "CS", "CT"},
		{"PatientID", "LO", "P-1"}, {"IssuerOfPatientID", "LO", "CITY"}, {"StudyInstanceUID", "UI", study}, {"SeriesInstanceUID", "UI", study + ".1"},
	} {
		ds.Elements = append(ds.Elements, dicom.NewText(dicom.MustPath(e[0]).Tag(), dicom.VR(e[1]), e[2]))
	}
	if pixels > 0 {
		for keyword, n := range map[string]uint16{"Rows": 1, "Columns": uint16(min(pixels, 1<<15)), "SamplesPerPixel": 1, "BitsAllocated": 8} {
			ds.Elements = append(ds.Elements, dicom.NewUint16(dicom.MustPath(keyword).Tag(), n))
		}
		ds = dicom.NewDataset(ds.Elements...)
		ds.Elements = append(ds.Elements, dicom.NewBytes(dicom.MustPath("PixelData").Tag(), "OW", make([]byte, pixels)))
	}
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// related makes a multipart/related body of objects.
func related(t *testing.T, objects ...[]byte) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, one := range objects {
		part, err := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err == nil {
			_, err = part.Write(one)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return `multipart/related; type="application/dicom"; boundary=` + w.Boundary(), b.Bytes()
}

// sent is one request.
type sent struct {
	who, path, contentType, accept string
	body                           io.Reader
}

func (h hub) post(t *testing.T, s sent) (status int, header http.Header, body []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+s.path, s.body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.who)
	r.Header.Set("Content-Type", s.contentType)
	if s.accept != "" {
		r.Header.Set("Accept", s.accept)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, body
}

// told counts what an answer says: references, and failures by reason.
func told(t *testing.T, body []byte) string {
	t.Helper()
	var model map[string]struct {
		Value []map[string]struct{ Value []any }
	}
	var lines []string
	plain := bytes.ReplaceAll(body, []byte(`"00081190":{"vr":"UR","Value":["http`), []byte(`"00081190":{"vr":"UR","X":["http`))
	if err := json.Unmarshal(plain, &model); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for _, one := range model["00081199"].Value {
		lines = append(lines, fmt.Sprint("taken ", one["00081155"].Value[0]))
	}
	for _, tag := range []string{"00081198", "0008119A"} {
		for _, one := range model[tag].Value {
			lines = append(lines, fmt.Sprintf("failed %04X", int(one["00081197"].Value[0].(float64))))
		}
	}
	return strings.Join(lines, ", ")
}

func TestStore(t *testing.T) {
	first, second, changed := image(t, "1.2.3", "1.2.3.1.1", 0), image(t, "1.2.3", "1.2.3.1.2", 3<<20), image(t, "1.2.3", "1.2.3.1.1", 64)
	elsewhere := image(t, "1.2.4", "1.2.4.1.1", 0)
	for name, open := range map[string]ingesttest.Open{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dicomweb.Limits{})
			for _, c := range []struct {
				name    string
				who     string
				path    string
				objects [][]byte
				status  int
				want    string
			}{
				{"none", "clinic", "/studies", nil, http.StatusBadRequest, ""},
				{"may only read", "reader", "/studies", [][]byte{first}, http.StatusForbidden, ""},
				{"nobody", "", "/studies", [][]byte{first}, http.StatusUnauthorized, ""},
				{"two", "clinic", "/studies", [][]byte{first, second}, http.StatusOK, "taken 1.2.3.1.1, taken 1.2.3.1.2"},
				{"again", "clinic", "/studies/1.2.3", [][]byte{first}, http.StatusOK, "taken 1.2.3.1.1"},
				{"other bytes under a known UID", "clinic", "/studies", [][]byte{changed}, http.StatusConflict, "failed 0111"},
				{"to a study of another", "other", "/studies", [][]byte{image(t, "1.2.3", "1.2.3.1.9", 0), elsewhere}, http.StatusAccepted, "taken 1.2.4.1.1, failed 0124"},
				{"of another study than said", "clinic", "/studies/1.2.3", [][]byte{image(t, "1.2.5", "1.2.5.1.1", 0)}, http.StatusConflict, "failed A900"},
				{"no DICOM", "clinic", "/studies", [][]byte{[]byte("hello"), image(t, "1.2.3", "1.2.3.1.3", 0)}, http.StatusAccepted, "taken 1.2.3.1.3, failed C000"},
				{"an HL7 v2 message", "clinic", "/studies", [][]byte{[]byte("MSH|^~\\&|A|B|||20250101||ADT^A40|1|P|2.5\rPID|1||N^^^CITY^MR\rMRG|P-1^^^CITY^MR\r")}, http.StatusConflict, "failed C000"},
				{"traversal in a UID", "clinic", "/studies", [][]byte{image(t, "../../x", "1.2.3.1.4", 0)}, http.StatusConflict, "failed C000"},
			} {
				contentType, body := related(t, c.objects...)
				status, _, answer := h.post(t, sent{who: c.who, path: c.path, contentType: contentType, body: bytes.NewReader(body)})
				if status != c.status {
					t.Errorf("%s: %d, want %d: %s", c.name, status, c.status, answer)
				}
				if c.want == "" {
					continue
				}
				if got := told(t, answer); got != c.want {
					t.Errorf("%s: %q, want %q", c.name, got, c.want)
				}
			}
		})
	}
}

func TestStoreForms(t *testing.T) {
	h := start(t, onSQLite, dicomweb.Limits{Part: 4 << 20, Parts: 3})
	one := image(t, "1.2.3", "1.2.3.1.1", 0)
	_, body := related(t, one)
	boundary := string(body[2:bytes.IndexByte(body, '\r')])
	for _, c := range []struct {
		name, contentType, accept string
		body                      []byte
		status                    int
		answer                    string // Content-Type
	}{
		{"one alone", "application/dicom", "", one, 200, "application/dicom+json"},
		{"type without quotes", "multipart/related; type=application/dicom; boundary=" + boundary, "*/*", body, 200, "application/dicom+json"},
		{"XML", "application/dicom", "application/dicom+xml", one, 200, "application/dicom+xml"},
		{"XML less than JSON", "application/dicom", "application/dicom+xml;q=0.5, application/dicom+json", one, 200, "application/dicom+json"},
		{"JSON metadata", "application/dicom+json", "", []byte("[]"), 415, "text/plain; charset=utf-8"},
		{"no boundary", "multipart/related; type=application/dicom", "", body, 415, "text/plain; charset=utf-8"},
		{"cut short", "multipart/related; type=application/dicom; boundary=" + boundary, "", body[:len(body)-8], 400, "text/plain; charset=utf-8"},
		{"an object beyond the limit", "application/dicom", "", image(t, "1.2.3", "1.2.3.1.5", 5<<20), 413, "text/plain; charset=utf-8"},
	} {
		status, header, answer := h.post(t, sent{who: "emr", path: "/studies", contentType: c.contentType, accept: c.accept, body: bytes.NewReader(c.body)})
		if status != c.status || header.Get("Content-Type") != c.answer {
			t.Errorf("%s: %d %s, want %d %s: %s", c.name, status, header.Get("Content-Type"), c.status, c.answer, answer)
		}
	}
	contentType, body := related(t, one, one, one, one)
	if status, _, _ := h.post(t, sent{who: "emr", path: "/studies", contentType: contentType, body: bytes.NewReader(body)}); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too many objects: %d", status)
	}
}

// A body that ends in the middle leaves nothing half done: what was whole is kept, and the sender is told to send again.
func TestStoreBrokenOff(t *testing.T) {
	h := start(t, onSQLite, dicomweb.Limits{})
	contentType, body := related(t, image(t, "1.2.3", "1.2.3.1.1", 0), image(t, "1.2.3", "1.2.3.1.2", 2<<20))
	broken := io.MultiReader(bytes.NewReader(body[:len(body)/2]), failing{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.url+"/studies", broken)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer emr")
	r.Header.Set("Content-Type", contentType)
	if answer, err := http.DefaultClient.Do(r); err == nil {
		defer answer.Body.Close()
		t.Errorf("answered %d", answer.StatusCode)
	}
	if status, _, answer := h.post(t, sent{who: "emr", path: "/studies", contentType: contentType, body: bytes.NewReader(body)}); status != http.StatusOK {
		t.Errorf("sent again: %d %s", status, answer)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("gone") }
