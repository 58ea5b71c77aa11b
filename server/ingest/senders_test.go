package ingest_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/dicom/synth"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// TestEightSendersAtOnce has eight senders send all objects and messages at once, each in an order of its own: the state is that of one
// sender who sends them one after the other.
func TestEightSendersAtOnce(t *testing.T) {
	sent := []ingest.File{image(t, "1.2.3", "1.2.3.1.1", "OLD-1"), image(t, "1.2.4", "1.2.4.1.1", "NEW-1"),
		message(orderOld), message(resultOld), message(mergeA40), message(unlinkA37), message(againA40)}
	city, err := synth.Make(20)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range city.Files {
		sent = append(sent, ingest.Bytes(f.Path, f.Bytes))
	}
	sent = append(sent, realMessages(t)...)

	orderly := ingesttest.New(t, stores["sqlite"], t.TempDir())
	var taken []ingest.File
	for _, f := range sent {
		s, err := orderly.Run(t.Context(), files(t, f), ingest.Origin{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if s.Refused == 0 {
			taken = append(taken, f)
		}
	}
	t.Logf("%d of %d files are taken", len(taken), len(sent))
	want := resources(t, orderly.Store)

	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t, open, t.TempDir())
			var senders sync.WaitGroup
			for n := range 8 {
				mine := append([]ingest.File(nil), taken...)
				random := rand.New(rand.NewPCG(uint64(n), 1))
				random.Shuffle(len(mine), func(i, j int) { mine[i], mine[j] = mine[j], mine[i] })
				senders.Go(func() {
					s, err := p.Run(context.WithoutCancel(t.Context()), files(t, mine...), ingest.Origin{}, nil)
					if err != nil || s.Refused > 0 {
						t.Errorf("sender %d: %+v, %v", n, s, err)
					}
				})
			}
			senders.Wait()
			if err := p.Build(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			got := resources(t, p.Store)
			for reference, body := range want {
				if diff := gocmp.Diff(body, got[reference]); diff != "" {
					t.Errorf("%s (-orderly +eight at once):\n%s", reference, diff)
				}
				delete(got, reference)
			}
			for reference := range got {
				t.Errorf("%s is there and should not be", reference)
			}
		})
	}
}

// realMessages are the messages of other makers, where they are present.
func realMessages(t *testing.T) (list []ingest.File) {
	const root = "../../../shared/testdata/hl7v2"
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".hl7") {
			return err
		}
		content, err := os.ReadFile(path)
		list = append(list, ingest.Bytes(path, content))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Log("left out: ../shared/testdata is not here, the synthetic city alone is used")
	} else if err != nil {
		t.Fatal(err)
	}
	return list
}

// resources returns what bodies does, by reference.
func resources(t *testing.T, s store.Store) map[string]string {
	m := map[string]string{}
	for _, body := range bodies(t, s) {
		m[gjson.Get(body, "resourceType").Str+"/"+gjson.Get(body, "id").Str] = body
	}
	return m
}
