package ingest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// A study is there at its first object and has few versions, however many come one by one; at the end all are in it.
func TestStudySettles(t *testing.T) {
	const count = 300
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t, open, t.TempDir())
			settling := &ingest.Settling{Quiet: 300 * time.Millisecond, Longest: 10 * time.Second}
			for n := range count {
				one := image(t, "1.2.70", fmt.Sprint("1.2.70.1.", n+1), "P")
				if err := p.Receive(t.Context(), files(t, one), ingest.Origin{Source: "test"}, func(ingest.Receipt) {}); err != nil {
					t.Fatal(err)
				}
				soon, err := p.BuildSettled(t.Context(), settling)
				if err != nil {
					t.Fatal(err)
				}
				if n == 0 && (soon != 0 || len(all(t, p.Store, "ImagingStudy")) != 1) {
					t.Error("the study is not there at its first object")
				}
				if n > 0 && soon == 0 {
					t.Fatal("nobody comes back for a study that waits")
				}
			}
			var soon time.Duration = 1
			for began := time.Now(); soon > 0 && time.Since(began) < 20*time.Second; time.Sleep(soon) {
				var err error
				if soon, err = p.BuildSettled(t.Context(), settling); err != nil {
					t.Fatal(err)
				}
			}
			study := all(t, p.Store, "ImagingStudy")[0]
			if got := gjson.Get(study, "numberOfInstances").Int(); got != count {
				t.Errorf("%d instances", got)
			}
			if version := gjson.Get(study, "meta.versionId").Int(); version > 10 {
				t.Errorf("%d versions", version)
			}
			t.Logf("version %s of %d objects one by one", gjson.Get(study, "meta.versionId").Str, count)
		})
	}
}

// A study whose sender says that it is whole is built without waiting.
func TestCompleteStudy(t *testing.T) {
	p := ingesttest.New(t, stores["sqlite"], t.TempDir())
	settling := &ingest.Settling{Quiet: time.Hour, Longest: time.Hour}
	receive := func(n int) {
		one := image(t, "1.2.70", fmt.Sprint("1.2.70.1.", n), "P")
		if err := p.Receive(t.Context(), files(t, one), ingest.Origin{Source: "test"}, func(ingest.Receipt) {}); err != nil {
			t.Fatal(err)
		}
	}
	build := func(want int64) {
		t.Helper()
		if _, err := p.BuildSettled(t.Context(), settling); err != nil {
			t.Fatal(err)
		}
		if got := gjson.Get(all(t, p.Store, "ImagingStudy")[0], "numberOfInstances").Int(); got != want {
			t.Errorf("%d instances, want %d", got, want)
		}
	}
	receive(1)
	build(1)
	receive(2)
	build(1)
	settling.Complete("1.2.70")
	build(2)
	receive(3)
	build(2)
}

// A study that cannot be built, since its report stays in an archive that does not answer, is not tried at every look, and at once when it changes.
func TestFailingStudyRests(t *testing.T) {
	p := ingesttest.New(t, stores["sqlite"], t.TempDir())
	tries := &unreachable{}
	p.Elsewhere = tries
	report := func(uid string) ingest.File {
		ds := dicom.NewDataset(
			dicom.NewText(dicom.MustPath("SOPClassUID").Tag(), "UI", "1.2.840.10008.5.1.4.1.1.88.11"), dicom.NewText(dicom.MustPath("SOPInstanceUID").Tag(), "UI", uid),
			dicom.NewText(dicom.MustPath("Modality").Tag(), "CS", "SR"), dicom.NewText(dicom.MustPath("PatientID").Tag(), "LO", "P"),
			dicom.NewText(dicom.MustPath("StudyInstanceUID").Tag(), "UI", "1.2.71"), dicom.NewText(dicom.MustPath("SeriesInstanceUID").Tag(), "UI", "1.2.71.1"))
		return ingest.File{Name: uid, Header: ds}
	}
	settling := &ingest.Settling{Quiet: time.Nanosecond}
	look := func(want int) {
		t.Helper()
		for range 20 {
			if _, err := p.BuildSettled(t.Context(), settling); err != nil {
				t.Fatal(err)
			}
		}
		if tries.n != want {
			t.Errorf("%d tries, want %d", tries.n, want)
		}
	}
	if _, err := p.Take(t.Context(), files(t, report("1.2.71.1.1")), ingest.Origin{Source: "pacs"}); err != nil {
		t.Fatal(err)
	}
	look(1)
	if _, err := p.Take(t.Context(), files(t, report("1.2.71.1.2")), ingest.Origin{Source: "pacs"}); err != nil {
		t.Fatal(err)
	}
	look(2)
}

// unreachable is an archive that does not answer.
type unreachable struct{ n int }

func (u *unreachable) Open(context.Context, archive.Instance) (archive.Object, error) {
	u.n++
	return nil, ingest.ErrUnreachable
}
