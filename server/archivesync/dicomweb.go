package archivesync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// dicomweb is read by QIDO-RS and WADO-RS. There is no feed of changes: each run goes over the studies, and looks into those whose number of
// instances is not the hub's. Nothing but UIDs and numbers is taken from searches: text is read from the objects.
type dicomweb struct {
	*client
	name string // that the archive has here
	hub  *ingest.Pipeline
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
		if study.text("0020000D") == "" {
			b.Nameless++
			continue
		}
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
	known := map[string]bool{}
	err = d.hub.Store.View(ctx, func(tx store.SQL) error {
		clear(known)
		return knownOf(ctx, tx, studyAt{d.name, study}, known)
	})
	if err != nil || count == strconv.Itoa(len(known)) {
		return nil, err
	}
	err = d.instances(ctx, study, func(i model) {
		if uid := i.text("00080018"); !known[uid] && uid != "" {
			known[uid] = true
			list = append(list, study+"/"+i.text("0020000E")+"/"+uid)
		}
	})
	return list, err
}

// instances searches all instances of a study.
func (d *dicomweb) instances(ctx context.Context, study string, found func(model)) error {
	for offset := 0; ; offset += instancePage {
		var page []model
		query := url.Values{"limit": {strconv.Itoa(instancePage)}, "offset": {strconv.Itoa(offset)}}
		err := d.json(ctx, "/studies/"+url.PathEscape(study)+"/instances", query, &page)
		var answered *statusError
		if errors.As(err, &answered) && answered.status == http.StatusNotFound {
			return nil
		}
		if err != nil {
			return err
		}
		for _, i := range page {
			found(i)
		}
		if len(page) < instancePage {
			return nil
		}
	}
}

func (d *dicomweb) Instances(ctx context.Context, study string) (uids []string, err error) {
	err = d.instances(ctx, study, func(i model) { uids = append(uids, i.text("00080018")) })
	return uids, err
}

// Fewer searches the studies by a list of their UIDs (PS3.18 8.3.4.1). What an archive that knows no lists does not find is looked into.
func (d *dicomweb) Fewer(ctx context.Context, studies map[string]int) ([]string, error) {
	if len(studies) == 0 {
		return nil, nil
	}
	uids := slices.Sorted(maps.Keys(studies))
	var found []model
	query := url.Values{"StudyInstanceUID": {strings.Join(uids, ",")}, "includefield": {"00201208"}, "limit": {strconv.Itoa(len(uids))}}
	if err := d.json(ctx, "/studies", query, &found); err != nil {
		return nil, err
	}
	there := map[string]int{}
	for _, study := range found {
		n, err := strconv.Atoi(study.text("00201208"))
		if err == nil {
			there[study.text("0020000D")] += n
		}
	}
	return slices.DeleteFunc(uids, func(uid string) bool { return there[uid] >= studies[uid] }), nil
}

// Group: the headers of a series are read together.
func (d *dicomweb) Group(object string) string { return object[:strings.LastIndex(object, "/")] }

// fewInstances is how many of a series are asked for one by one.
const fewInstances = 8

// Headers reads metadata (PS3.18 10.4.1.1.2), those of the whole series where many of it are wanted. What was deleted meanwhile is told of as
// what nobody can have: the next look at its study finds it gone.
func (d *dicomweb) Headers(ctx context.Context, objects []string, yield func(string, *dicom.Dataset, error)) error {
	wanted := map[string]bool{}
	for _, object := range objects {
		wanted[object] = true
	}
	if len(objects) > fewInstances {
		if err := d.metadata(ctx, seriesPath(objects[0]), wanted, yield); err != nil {
			return err
		}
	}
	for _, object := range slices.Sorted(maps.Keys(wanted)) {
		if err := d.metadata(ctx, instancePath(object), wanted, yield); err != nil {
			return err
		}
	}
	for object := range wanted {
		yield(object, nil, errUntold)
	}
	return nil
}

// errUntold is of what a search finds and nobody can have: seen where two patients have one UID.
var errUntold = &dicom.Error{Reason: "untold", Detail: "the archive lists the object and tells nothing of it"}

func seriesPath(object string) string {
	parts := strings.SplitN(object, "/", 3)
	return "/studies/" + url.PathEscape(parts[0]) + "/series/" + url.PathEscape(parts[1])
}

func instancePath(object string) string {
	return seriesPath(object) + "/instances/" + url.PathEscape(object[strings.LastIndex(object, "/")+1:])
}

// metadata yields those of wanted that an answer tells of, one after the other: the list may be long.
func (d *dicomweb) metadata(ctx context.Context, path string, wanted map[string]bool, yield func(string, *dicom.Dataset, error)) error {
	body, _, err := d.body(ctx, path+"/metadata", "application/dicom+json")
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer body.Close()
	bounded := &allowance{body, maxHeader}
	list := json.NewDecoder(bounded)
	if start, err := list.Token(); err != nil || start != json.Delim('[') {
		return fmt.Errorf("%s/metadata is no list: %w", path, errors.Join(err, errMetadata))
	}
	for list.More() {
		var one json.RawMessage
		bounded.left = maxHeader
		if err := list.Decode(&one); err != nil {
			return fmt.Errorf("%s/metadata: %w", path, err)
		}
		header, err := dicom.ParseJSON(one, dicom.Limits{})
		uid := func(tag string) string { return gjson.GetBytes(one, tag+".Value.0").String() }
		if object := uid("0020000D") + "/" + uid("0020000E") + "/" + uid("00080018"); wanted[object] {
			delete(wanted, object)
			yield(object, header, err)
		}
	}
	return nil
}

var errMetadata = errors.New("not the DICOM JSON model")

// maxHeader bounds the metadata of one object.
const maxHeader = 128 << 20

// allowance is a reader that gives up after so many bytes, which are allowed anew for each part.
type allowance struct {
	io.Reader
	left int
}

func (a *allowance) Read(b []byte) (int, error) {
	if a.left <= 0 {
		return 0, errors.New("metadata of one object beyond every reasonable size")
	}
	n, err := a.Reader.Read(b[:min(len(b), a.left)])
	a.left -= n
	return n, err
}

func (d *dicomweb) Find(_ context.Context, i archive.Instance) (string, error) {
	return i.StudyInstanceUID + "/" + i.SeriesInstanceUID + "/" + i.SOPInstanceUID, nil
}

func (d *dicomweb) Fetch(ctx context.Context, object string) (Body, error) {
	body, contentType, err := d.body(ctx, instancePath(object), `multipart/related; type="application/dicom"; transfer-syntax=*`)
	if err != nil {
		return Body{}, err
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "application/dicom" {
		return body, nil
	}
	if err != nil || params["boundary"] == "" {
		return Body{}, errors.Join(fmt.Errorf("an object comes as %q", contentType), body.Close())
	}
	part, err := multipart.NewReader(body, params["boundary"]).NextRawPart()
	if err != nil {
		return Body{}, errors.Join(err, body.Close())
	}
	size, err := strconv.ParseInt(part.Header.Get("Content-Length"), 10, 64)
	if err != nil || size <= 0 || size > maxObject {
		size = -1
	}
	return Body{partBody{part, body}, size}, nil
}

// partBody is a part of a body that goes with it.
type partBody struct {
	io.Reader
	body io.Closer
}

func (p partBody) Close() error { return p.body.Close() }
