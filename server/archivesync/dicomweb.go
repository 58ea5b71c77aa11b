package archivesync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strconv"
	"strings"

	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// dicomweb is read by QIDO-RS and WADO-RS. There is no feed of changes: each run goes over the studies, and looks into those whose number of
// instances is not the hub's. Nothing but UIDs and numbers is taken from searches: text is read from the objects.
type dicomweb struct {
	*client
	hub *ingest.Pipeline
}

// studyPage and instancePage are how many are asked for at a time.
const (
	studyPage    = 50
	instancePage = 1000
)

// model is a data set in the DICOM JSON model, as far as UIDs and numbers go.
type model map[string]struct{ Value []any }

func (m model) text(tag string) string {
	if values := m[tag].Value; len(values) > 0 {
		return fmt.Sprint(values[0])
	}
	return ""
}

// Positions are offsets into the list of studies; a run that came to its end begins anew.
func (d *dicomweb) Next(ctx context.Context, position string) (Batch, error) {
	offset, err := strconv.Atoi(position)
	if position == "" {
		offset, err = 0, nil
	}
	if err != nil {
		return Batch{}, fmt.Errorf("position %q: %w", position, err)
	}
	var studies []model
	query := url.Values{"limit": {strconv.Itoa(studyPage)}, "offset": {strconv.Itoa(offset)}, "includefield": {"00201208"}}
	if err := d.json(ctx, "/studies", query, &studies); err != nil {
		return Batch{}, err
	}
	b := Batch{Position: strconv.Itoa(offset + len(studies))}
	if len(studies) < studyPage {
		b.Position, b.Done = "0", true
	}
	for _, study := range studies {
		objects, err := d.missing(ctx, study.text("0020000D"), study.text("00201208"))
		if err != nil {
			return Batch{}, err
		}
		b.Objects = append(b.Objects, objects...)
	}
	return b, nil
}

// missing are the instances of a study that the hub has not, as "study/series/instance".
func (d *dicomweb) missing(ctx context.Context, study, count string) (list []string, err error) {
	if study == "" {
		return nil, errors.New("a study without a UID in the answer to a search")
	}
	known := map[string]bool{}
	err = d.hub.Store.View(ctx, func(tx store.SQL) error {
		for _, read := range []func(context.Context, archive.SQL, string) ([]archive.Instance, error){archive.Study, archive.Conflicts} {
			instances, err := read(ctx, tx, study)
			if err != nil {
				return err
			}
			for _, i := range instances {
				known[i.SOPInstanceUID] = true
			}
		}
		return nil
	})
	if err != nil || count == strconv.Itoa(len(known)) {
		return nil, err
	}
	for offset := 0; ; offset += instancePage {
		var instances []model
		query := url.Values{"limit": {strconv.Itoa(instancePage)}, "offset": {strconv.Itoa(offset)}}
		if err := d.json(ctx, "/studies/"+url.PathEscape(study)+"/instances", query, &instances); err != nil {
			return nil, err
		}
		for _, i := range instances {
			if uid := i.text("00080018"); !known[uid] && uid != "" {
				known[uid] = true
				list = append(list, study+"/"+i.text("0020000E")+"/"+uid)
			}
		}
		if len(instances) < instancePage {
			return list, nil
		}
	}
}

func (d *dicomweb) Fetch(ctx context.Context, object string) (io.ReadCloser, error) {
	parts := strings.SplitN(object, "/", 3)
	path := "/studies/" + url.PathEscape(parts[0]) + "/series/" + url.PathEscape(parts[1]) + "/instances/" + url.PathEscape(parts[2])
	response, err := d.get(ctx, path, nil, `multipart/related; type="application/dicom"; transfer-syntax=*`)
	body, err := bodyOf(response, err)
	if err != nil {
		return nil, err
	}
	kind, params, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err == nil && kind == "application/dicom" {
		return body, nil
	}
	if err != nil || params["boundary"] == "" {
		return nil, errors.Join(fmt.Errorf("an object comes as %q", response.Header.Get("Content-Type")), body.Close())
	}
	part, err := multipart.NewReader(body, params["boundary"]).NextRawPart()
	if err != nil {
		return nil, errors.Join(err, body.Close())
	}
	return partBody{part, body}, nil
}

// partBody is a part of a body that goes with it.
type partBody struct {
	io.Reader
	body io.Closer
}

func (p partBody) Close() error { return p.body.Close() }
