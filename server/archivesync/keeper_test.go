package archivesync_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/dicom/archive"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/server/archivesync"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
	"lightbox/server/orthanctest"
)

// kept is a hub that reads an archive whose objects stay there.
type kept struct {
	*ingest.Pipeline
	sync *archivesync.Sync
}

func keep(t *testing.T, open ingesttest.Open, url string) kept {
	t.Helper()
	p := ingesttest.New(t, open, t.TempDir())
	at := archivesync.Address{Name: "pacs", URL: url}
	archives := &archivesync.Archives{Hub: p}
	archives.Add(at)
	p.Elsewhere = archives
	return kept{p, &archivesync.Sync{Hub: p, Address: at, Origin: ingest.Origin{Source: "pacs"}}}
}

// run reads what there is and builds.
func (k kept) run(t *testing.T) archivesync.Progress {
	t.Helper()
	done, err := k.sync.Run(t.Context())
	if err == nil {
		err = k.Build(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// study is the ImagingStudy of a UID, "" where there is none.
func (k kept) study(t *testing.T, uid string) string {
	t.Helper()
	r, err := k.Store.Read(t.Context(), search.Everything(), "ImagingStudy", k.Mapper.StudyID(uid))
	if errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrNotFound) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(r.Body)
}

// bytesOf reads the object of an instance, wherever it is.
func (k kept) bytesOf(t *testing.T, study, uid string) []byte {
	t.Helper()
	var list []archive.Instance
	err := k.Store.View(t.Context(), func(tx store.SQL) (err error) {
		list, err = archive.Study(t.Context(), tx, study)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range list {
		if i.SOPInstanceUID != uid {
			continue
		}
		o, err := k.Open(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	t.Fatalf("%s is not in the index", uid)
	return nil
}

// What stays in an Orthanc is mapped as if it had been copied, is read from there, follows what is deleted and changed there, and gives way
// to what is sent here.
func TestObjectsStay(t *testing.T) {
	for name, open := range stores {
		for _, root := range []string{"", "/dicom-web"} {
			t.Run(name+root, func(t *testing.T) {
				pacs := orthanctest.Start(t, map[string]any{"OverwriteInstances": true})
				ids, want := map[string]string{}, map[string][]byte{}
				for n := range 30 {
					study := fmt.Sprint("1.2.3.", n/10)
					uid := fmt.Sprint(study, ".1.", n)
					want[uid] = object(t, study, uid)
					ids[uid] = pacs.Put(t, want[uid])
				}
				k := keep(t, open, pacs.URL+root)
				if done := k.run(t); done.Instances != 30 || done.Refused != 0 {
					t.Fatalf("%+v", done)
				}
				before := k.study(t, "1.2.3.1")
				if got := k.bytesOf(t, "1.2.3.1", "1.2.3.1.1.11"); !bytes.Equal(got, want["1.2.3.1.1.11"]) {
					t.Error("the object is not what it is there")
				}
				if done := k.run(t); done.Listed != 0 || done.Forgotten != 0 {
					t.Errorf("nothing changed: %+v", done)
				}
				copied := keep(t, open, pacs.URL)
				copied.sync.Copy = true
				copied.run(t)
				if diff := cmp.Diff(withoutMeta(copied.study(t, "1.2.3.1")), withoutMeta(before)); diff != "" {
					t.Errorf("a study that stays is not what it is as a copy (-copy +stays): %s", diff)
				}
				for n := range 10 { // a whole study, and one of another
					pacs.Delete(t, "/instances/"+ids[fmt.Sprint("1.2.3.0.1.", n)])
				}
				pacs.Delete(t, "/instances/"+ids["1.2.3.1.1.11"])
				if done := k.run(t); done.Forgotten != 11 {
					t.Errorf("%+v", done)
				}
				if k.study(t, "1.2.3.0") != "" || strings.Contains(k.study(t, "1.2.3.1"), "1.2.3.1.1.11") || !strings.Contains(k.study(t, "1.2.3.1"), "1.2.3.1.1.12") {
					t.Error("what is deleted is still served, or what is not is gone")
				}
				local := append(object(t, "1.2.3.2", "1.2.3.2.1.20"), 0, 0) // other bytes with the same meaning
				if _, err := k.Run(t.Context(), one(local), ingest.Origin{Source: "AE"}, nil); err != nil {
					t.Fatal(err)
				}
				if got := k.bytesOf(t, "1.2.3.2", "1.2.3.2.1.20"); !bytes.Equal(got, local) {
					t.Error("what is here does not go before what is elsewhere")
				}
				if life, err := k.Life(t.Context(), "1.2.3.2"); err != nil || len(life.Objects) != 10 {
					t.Errorf("%d objects, %v", len(life.Objects), err)
				}
			})
		}
	}
}

func one(b []byte) ingest.Files {
	return func(_ context.Context, yield func(ingest.File) bool) error {
		yield(ingest.Bytes("one", b))
		return nil
	}
}

// withoutMeta leaves out of a resource what differs between two hubs that hold the same.
func withoutMeta(body string) string {
	return strings.Replace(body, gjson.Get(body, "meta").Raw, "", 1)
}

// What an archive replaced under the same UID is read anew, and is no conflict.
func TestReplacedElsewhere(t *testing.T) {
	pacs := orthanctest.Start(t, map[string]any{"OverwriteInstances": true})
	pacs.Put(t, object(t, "1.2.3", "1.2.3.1.1"))
	k := keep(t, stores["sqlite"], pacs.URL)
	k.run(t)
	other := bytes.Replace(object(t, "1.2.3", "1.2.3.1.1"), []byte("20250104"), []byte("20240203"), 1)
	pacs.Put(t, other)
	if done := k.run(t); done.Refused != 0 || done.Instances != 1 {
		t.Errorf("%+v", done)
	}
	if started := gjson.Get(k.study(t, "1.2.3"), "started").Str; started != "2024-02-03" {
		t.Errorf("started %s", started)
	}
}

// An archive that does not answer keeps nothing from being served but its objects, and says so.
func TestArchiveIsDown(t *testing.T) {
	pacs := orthanctest.Start(t, nil)
	pacs.Put(t, object(t, "1.2.3", "1.2.3.1.1"))
	k := keep(t, stores["sqlite"], pacs.URL)
	k.run(t)
	var list []archive.Instance
	err := k.Store.View(t.Context(), func(tx store.SQL) (err error) {
		list, err = archive.Study(t.Context(), tx, "1.2.3")
		return err
	})
	if err != nil || len(list) != 1 {
		t.Fatal(len(list), err)
	}
	pacs.Stop()
	if _, err := k.Open(t.Context(), list[0]); !errors.Is(err, ingest.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if _, err := k.sync.Run(t.Context()); err == nil {
		t.Error("an archive that is down is read")
	}
	if k.study(t, "1.2.3") == "" {
		t.Error("an archive that is down loses its study")
	}
	k.Elsewhere = &archivesync.Archives{}
	if _, err := k.Open(t.Context(), list[0]); !errors.Is(err, ingest.ErrUnreachable) {
		t.Errorf("%v", err)
	}
}

// What the hub cannot take is listed, and is not read again until that is asked for.
func TestRefusedElsewhere(t *testing.T) {
	pacs := orthanctest.Start(t, nil)
	bad := bytes.ReplaceAll(object(t, "1.2.3", "1.2.3.1.1"), []byte("1.2.3.1"), []byte("1.2.x.1"))
	pacs.Put(t, bad)
	pacs.Put(t, object(t, "1.2.3", "1.2.3.1.2"))
	k := keep(t, stores["sqlite"], pacs.URL+"/dicom-web")
	if done := k.run(t); done.Refused != 1 || done.Instances != 1 {
		t.Fatalf("%+v", done)
	}
	list, err := archivesync.ListRefused(t.Context(), k.Store, 10)
	if err != nil || len(list) != 1 || list[0].Archive != "pacs" || list[0].Reason != "bad-uid" {
		t.Errorf("%+v %v", list, err)
	}
	if done := k.run(t); done.Listed != 0 {
		t.Errorf("%+v", done)
	}
	k.sync.Again = true
	if done := k.run(t); done.Refused != 1 {
		t.Errorf("%+v", done)
	}
}
