package archivesync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/server/archivesync"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
	"lightbox/server/orthanctest"
)

var stores = map[string]ingesttest.Open{
	"sqlite": func(t *testing.T, o store.Options) (store.Store, error) {
		return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), o)
	},
	"postgres": func(t *testing.T, o store.Options) (store.Store, error) {
		return postgres.Open(t.Context(), pgtest.Start(t), o)
	},
}

// object is a CT image with a name that a list in another character set would lose.
func object(t *testing.T, study, uid string) []byte {
	t.Helper()
	ds := dicom.NewDataset()
	for _, e := range [][3]string{
		{"SpecificCharacterSet", "CS", "ISO_IR 192"}, {"SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2"}, {"SOPInstanceUID", "UI", uid}, {"StudyDate", "DA", "20250104"},
		{"Modality", "CS", "CT"}, {"PatientName", "PN", "山田^太郎"}, {"PatientID", "LO", "P-" + study}, {"StudyInstanceUID", "UI", study}, {"SeriesInstanceUID", "UI", study + ".1"},
	} {
		ds.Elements = append(ds.Elements, dicom.NewText(dicom.MustPath(e[0]).Tag(), dicom.VR(e[1]), e[2]))
	}
	ds = dicom.NewDataset(ds.Elements...)
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An Orthanc is read whole, then what is new, by its own API and as DICOMweb; what was read before is not read again, and nothing is lost of
// what its searches mangle.
func TestOrthanc(t *testing.T) {
	pacs := orthanctest.Start(t, nil)
	address := pacs.URL
	want := map[string][]byte{}
	add := func(study string, n int) {
		uid := fmt.Sprint(study, ".1.", n)
		want[uid] = object(t, study, uid)
		pacs.Put(t, want[uid])
	}
	for n := range 210 { // more than a page of its list
		add(fmt.Sprint("1.2.3.", n/10), n)
	}
	for _, root := range []string{"", "/dicom-web"} {
		p := ingesttest.New(t, stores["sqlite"], t.TempDir())
		at := archivesync.Address{Name: "pacs", URL: address + root}
		s := &archivesync.Sync{Hub: p, Address: at, Copy: true, Origin: ingest.Origin{Source: "pacs"}}
		first, err := s.Run(t.Context())
		if err != nil || first.Instances != len(want) || first.Refused != 0 {
			t.Fatalf("%s: %+v %v", root, first, err)
		}
		add("1.2.3.0", len(want))
		add("1.2.4.0", len(want))
		second, err := s.Run(t.Context())
		if err != nil || second.Instances != 2 || second.Listed > 3 {
			t.Fatalf("%s: the second run: %+v %v", root, second, err)
		}
		third, err := s.Run(t.Context())
		if err != nil || third.Listed != 0 {
			t.Fatalf("%s: the third run: %+v %v", root, third, err)
		}
		s.Again = true
		if again, err := s.Run(t.Context()); err != nil || again.Instances != 0 {
			t.Errorf("%s: from the beginning: %+v %v", root, again, err)
		}
		check(t, p, want)
	}
}

// check compares what the hub has with what was sent.
func check(t *testing.T, p *ingest.Pipeline, want map[string][]byte) {
	t.Helper()
	for uid, content := range want {
		study := uid[:strings.LastIndex(uid, ".1.")]
		var found []archive.Instance
		err := p.Store.View(t.Context(), func(tx store.SQL) (err error) {
			found, err = archive.Study(t.Context(), tx, study)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range found {
			if i.SOPInstanceUID != uid {
				continue
			}
			o, err := p.Objects.Open(t.Context(), i.Object)
			if err != nil {
				t.Fatal(err)
			}
			ds, err := dicom.Scan(o, o.Size(), dicom.Limits{})
			if err != nil || ds.Text(dicom.MustPath("PatientName")) != "山田^太郎" {
				t.Errorf("%s: %v", uid, err)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
			content = nil
		}
		if content != nil {
			t.Errorf("%s is not here", uid)
		}
	}
}

// An archive that fails in between is gone on with where it was, one that is busy is asked again, and one that redirects elsewhere is not
// followed.
func TestInterruptedSync(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			fails, busy, fetched := true, 2, map[string]int{}
			elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(object(t, "9", "9.1.1")) }))
			defer elsewhere.Close()
			mux := http.NewServeMux()
			mux.HandleFunc("GET /system", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"Name":"x","Version":"1.10.1"}`)
			})
			mux.HandleFunc("GET /changes", func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, `{"Changes":[],"Done":true,"Last":7}`)
			})
			mux.HandleFunc("GET /instances", func(w http.ResponseWriter, r *http.Request) {
				if busy--; busy > 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				var ids []string
				for n := range 201 {
					ids = append(ids, fmt.Sprint(n))
				}
				ids = append(ids, "gone", "redirected")
				since, _ := strconv.Atoi(r.URL.Query().Get("since"))
				_ = json.NewEncoder(w).Encode(ids[since:min(since+200, len(ids))])
			})
			mux.HandleFunc("GET /instances/{id}/file", func(w http.ResponseWriter, r *http.Request) {
				id := r.PathValue("id")
				switch {
				case id == "gone":
					w.WriteHeader(http.StatusNotFound)
				case id == "redirected" && fails:
					http.Redirect(w, r, elsewhere.URL, http.StatusFound)
				default:
					fetched[id]++
					_, _ = w.Write(object(t, "1.2.3", "1.2.3.1."+strings.Replace(id, "redirected", "999", 1)))
				}
			})
			archive := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if user, password, _ := r.BasicAuth(); user != "u" || password != "p" {
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				mux.ServeHTTP(w, r)
			}))
			defer archive.Close()
			p := ingesttest.New(t, open, t.TempDir())
			at := archivesync.Address{Name: "pacs", URL: archive.URL}
			if _, err := archivesync.Open(t.Context(), at, p); err == nil {
				t.Error("an archive that asks for a password is read without")
			}
			at.Credentials = archivesync.Credentials{User: "u", Password: "p"}
			s := &archivesync.Sync{Hub: p, Address: at, Copy: true, At: 1, Origin: ingest.Origin{Source: "pacs"}}
			if done, err := s.Run(t.Context()); err == nil || done.Instances < 200 {
				t.Fatalf("%+v %v", done, err)
			}
			fails = false
			done, err := s.Run(t.Context())
			if err != nil || done.Gone != 1 || fetched["0"] != 1 || fetched["199"] != 1 {
				t.Errorf("%+v %v; the first object was read %d times", done, err, fetched["0"])
			}
			told := ingesttest.AuditEvents(t, p) // of each run one, for the one study that it brought something of
			for _, r := range told {
				e := gjson.ParseBytes(r.Body)
				from, asked := e.Get(`agent.#(who.identifier.value=="pacs")`), e.Get(`agent.#(requestor==true).type.coding.0.code`).Str
				if from.Get("network.address").Str != "127.0.0.1" || asked != "110152" || e.Get("action").Str != "C" {
					t.Errorf("%s", r.Body)
				}
			}
			if len(told) != 2 {
				t.Errorf("%d events of two runs", len(told))
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			s.Again = true
			if _, err := s.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}
