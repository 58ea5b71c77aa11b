package mapping

import (
	"slices"
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom/sr"
	"lightbox/fhir"
)

// maxMedia bounds the images that one document points to.
const maxMedia = 500

// media is an image that a document points to, and why.
type media struct {
	id      string
	comment string
	body    fhir.Resource
}

// imagesOf makes a Media of each image that a tree points to: one for each object and choice of frames. An image whose study and series the
// evidence of the document tells has its address at the WADO-RS endpoint, where there is one.
func (r *run) imagesOf(study Study, doc *sr.Document, of version) []media {
	w := imageWalk{run: r, study: study, doc: doc, of: of, seen: map[string]bool{}}
	w.walk(doc.Root, doc.Title.Meaning)
	return w.list
}

type imageWalk struct {
	*run
	study Study
	doc   *sr.Document
	of    version
	seen  map[string]bool
	list  []media
}

func (w *imageWalk) walk(i *sr.Item, above string) {
	for _, child := range i.Children {
		if child.ValueType == "IMAGE" {
			for _, ref := range child.References {
				w.add(ref, firstOf(child.Concept.Meaning, above))
			}
		}
		w.walk(child, firstOf(child.Concept.Meaning, above))
	}
}

// firstOf is the first of two texts that says something.
func firstOf(a, b string) string {
	if a = clean(a); a != "" {
		return a
	}
	return clean(b)
}

func (w *imageWalk) add(ref sr.Reference, comment string) {
	uid := clean(ref.SOPInstanceUID)
	key := join(uid, frameList(ref.Frames))
	switch {
	case !IsUID(uid):
		w.doubt("bad-uid", "an image without a UID: left out")
		return
	case w.seen[key]:
		return
	case len(w.list) >= maxMedia:
		w.doubt("too-many-values", "more images than any real document points to: the rest is left out")
		return
	}
	w.seen[key] = true
	id := w.mapper.ID("Media", uidSystem, join(w.of.uid, key))
	kind := coded(deviceIdentifiers, "sop-instance-uid", "SOP Instance UID")
	to := r4.Media{
		Id: &id, Status: r4.EventStatusCompleted, Identifier: []r4.Identifier{uidIdentifier(uid, &kind)},
		Type:    new(coded("http://terminology.hl7.org/CodeSystem/media-type", "image", "Image")),
		Subject: &r4.Reference{Reference: &w.study.Patient},
		Content: r4.Attachment{ContentType: new("application/dicom"), Title: text(comment), Url: text(w.address(ref))},
	}
	body, err := encode("Media", r4.OtherMedia(to))
	if err != nil {
		w.fail(err)
	}
	w.list = append(w.list, media{id, comment, fhir.Resource{Type: "Media", ID: id, Body: body}})
}

// address is where an image is retrieved; "" where there is no endpoint or nobody tells its series.
func (w *imageWalk) address(ref sr.Reference) string {
	if w.mapper.config.DICOMweb == "" {
		return ""
	}
	at := slices.IndexFunc(w.doc.Evidence, func(e sr.Reference) bool { return e.SOPInstanceUID == ref.SOPInstanceUID })
	if at < 0 || !IsUID(clean(w.doc.Evidence[at].SeriesInstanceUID)) || !IsUID(clean(w.doc.Evidence[at].StudyInstanceUID)) {
		return ""
	}
	e := w.doc.Evidence[at]
	address := strings.TrimRight(w.mapper.config.DICOMweb, "/") + "/studies/" + clean(e.StudyInstanceUID) + "/series/" + clean(e.SeriesInstanceUID) + "/instances/" + clean(e.SOPInstanceUID)
	if frames := frameList(ref.Frames); frames != "" {
		address += "/frames/" + frames
	}
	return address
}

func frameList(frames []int) string {
	var list []string
	for _, n := range frames {
		list = append(list, strconv.Itoa(n))
	}
	return strings.Join(list, ",")
}

// reportMedia lists the images that a report points to, and those that were selected for the one report of a study.
func reportMedia(r *run, to *report, _ value) {
	doc := to.version().sr
	if doc == nil {
		return
	}
	for _, one := range r.imagesOf(to.study, doc, to.version()) {
		to.Media = append(to.Media, one.link())
		to.images = append(to.images, one.body)
	}
}

func (m media) link() r4.DiagnosticReportMedia {
	return r4.DiagnosticReportMedia{Comment: text(m.comment), Link: r4.Reference{Reference: new("Media/" + m.id)}}
}

// keyTitles are the titles of key object selections that speak to a reader (PS3.16 CID 7010), and not to systems: of those, the ones that
// take objects back are in rejections, and manifests only list a study.
var keyTitles = []string{"113000", "113002", "113003", "113004", "113005", "113006", "113007", "113008", "113009", "113010", "113013", "113018", "113020", "113021"}

// keys maps selections of key objects: each image a Media, and the selection as a document that names them.
func (r *run) keys(study Study, documents []version) (list []fhir.Resource, selected []media) {
	for _, v := range documents {
		if v.sr == nil || study.rejected.isRejected(v.uid) || v.sr.Title.Scheme != "DCM" || !slices.Contains(keyTitles, v.sr.Title.Value) {
			continue
		}
		images := r.imagesOf(study, v.sr, v)
		if said := v.sr.Root.Child("113012", "DCM"); said != nil && clean(said.Text) != "" {
			for i := range images {
				images[i].comment = clean(said.Text)
			}
		}
		selected = append(selected, images...)
		for _, one := range images {
			list = append(list, one.body)
		}
		list = append(list, r.selection(study, v, images))
		if r.trace != nil {
			r.trace.trees = append(r.trace.trees, v.sr.Root)
		}
	}
	return list, selected
}

func (r *run) selection(study Study, v version, images []media) fhir.Resource {
	id := r.mapper.ID("DocumentReference", uidSystem, v.uid)
	kind := coded(deviceIdentifiers, "sop-instance-uid", "SOP Instance UID")
	to := r4.DocumentReference{
		Id: &id, Status: r4.DocumentReferenceStatusCurrent, Identifier: []r4.Identifier{uidIdentifier(v.uid, &kind)},
		Type:    new(coded(dcm, v.sr.Title.Value, clean(v.sr.Title.Meaning))),
		Subject: &r4.Reference{Reference: &study.Patient},
		Content: []r4.DocumentReferenceContent{{Attachment: r4.Attachment{ContentType: new("application/dicom"), Title: text(clean(v.sr.Title.Meaning))}}},
		Context: &r4.DocumentReferenceContext{Related: []r4.Reference{studyReference(study, v.Instance.StudyInstanceUID)}},
	}
	if said := v.sr.Root.Child("113012", "DCM"); said != nil {
		to.Description = text(clean(said.Text))
	}
	for _, one := range images {
		to.Context.Related = append(to.Context.Related, one.link().Link)
	}
	body, err := encode("DocumentReference", r4.OtherDocumentReference(to))
	if err != nil {
		r.fail(err)
	}
	return fhir.Resource{Type: "DocumentReference", ID: id, Body: body}
}
