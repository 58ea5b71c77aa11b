package dicomweb_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/server/archivesync"
	"lightbox/server/dicomweb"
	"lightbox/server/ingest"
	"lightbox/server/orthanctest"
)

// What stays in another archive is retrieved through the hub, under its visibility; while that archive is down the hub says so.
func TestRetrieveFromElsewhere(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			pacs := orthanctest.Start(t, nil)
			h := start(t, open, dicomweb.Limits{})
			object := image(t, "1.2.3", "1.2.3.1.1", 2<<20)
			pacs.Put(t, object)
			at := archivesync.Address{Name: "pacs", URL: pacs.URL}
			archives := &archivesync.Archives{Hub: h.pipeline}
			archives.Add(at)
			h.pipeline.Elsewhere = archives
			s := archivesync.Sync{Hub: h.pipeline, Address: at, Origin: ingest.Origin{Source: "pacs"}}
			if done, err := s.Run(t.Context()); err != nil || done.Instances != 1 {
				t.Fatalf("%+v %v", done, err)
			}
			if err := h.pipeline.Build(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			const instance = "/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
			if status, _, body := h.get(t, "emr", instance, "application/dicom"); status != http.StatusOK || !bytes.Equal(body, object) {
				t.Errorf("%d: %d bytes", status, len(body))
			}
			status, header, body := h.get(t, "emr", instance+"/frames/1", "*/*")
			if list, _ := parts(t, header, body); status != http.StatusOK || len(list) != 1 || len(list[0]) != 1<<15 {
				t.Errorf("frames: %d", status)
			}
			status, _, body = h.get(t, "emr", "/studies/1.2.3/metadata", "*/*")
			if status != http.StatusOK || !strings.HasSuffix(gjson.GetBytes(body, "0.7FE00010.BulkDataURI").Str, "/bulkdata/PixelData") {
				t.Errorf("metadata: %d %s", status, body)
			}
			if status, _, _ := h.get(t, "other", instance, "application/dicom"); status != http.StatusNotFound {
				t.Errorf("who does not see the study: %d", status)
			}
			pacs.Stop()
			if status, _, body := h.get(t, "emr", instance, "application/dicom"); status != http.StatusBadGateway || !strings.Contains(string(body), "archive") {
				t.Errorf("an archive that is down: %d %s", status, body)
			}
			if status, _, body := h.get(t, "emr", "/studies?StudyInstanceUID=1.2.3", "*/*"); status != http.StatusOK || !strings.Contains(string(body), "1.2.3") {
				t.Errorf("search while it is down: %d %s", status, body)
			}
		})
	}
}
