package dicomweb

import (
	"cmp"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/mapping"
	"lightbox/server/ingest"
)

// store takes objects in (STOW-RS, PS3.18 10.5): as parts of a multipart/related body, or one as the body. What the answer refers to is
// durable; the rest is named with its reason.
func (s *Server) store(c *call) error {
	from, err := s.origin(c)
	if err != nil {
		return err
	}
	parts, err := s.parts(c)
	if err != nil {
		return err
	}
	var receipts []ingest.Receipt
	err = s.Hub.Receive(c.ctx(), parts.files, from, func(r ingest.Receipt) { receipts = append(receipts, r) })
	if broken := parts.broken; broken != nil {
		return broken
	}
	if err != nil {
		return err
	}
	if len(receipts) == 0 {
		return &problem{http.StatusBadRequest, "no DICOM object in the request"}
	}
	// Several are taken at a time; the answer is in the order sent: "part 2" comes before "part 10".
	slices.SortFunc(receipts, func(a, b ingest.Receipt) int {
		return cmp.Or(cmp.Compare(len(a.File), len(b.File)), cmp.Compare(a.File, b.File))
	})
	s.nameTasks(c, from, receipts)
	return s.sendReceipts(c, receipts)
}

// maxTasks bounds the Tasks that one answer names.
const maxTasks = 20

// nameTasks tells an organisation where it sees what becomes of each study that it sent (Link, RFC 8631).
func (s *Server) nameTasks(c *call, from ingest.Origin, receipts []ingest.Receipt) {
	named := map[string]bool{}
	for _, r := range receipts {
		study := r.Instance.StudyInstanceUID
		if from.Owner == "" || s.FHIR == "" || named[study] || len(named) == maxTasks || !mapping.IsUID(study) {
			continue
		}
		named[study] = true
		c.w.Header().Add("Link", "<"+s.FHIR+"/Task/"+s.Hub.Mapper.SubmissionID(study, from.Owner)+`>; rel="status"`)
	}
}

// origin is who sends, and may.
func (s *Server) origin(c *call) (ingest.Origin, error) {
	grants := c.by.Visible(auth.Create, "ImagingStudy").Grants
	if len(grants) == 0 {
		return ingest.Origin{}, errForbidden
	}
	for _, g := range grants {
		if len(g.Where) > 0 { // what an object will be is not known before it is mapped
			return ingest.Origin{}, &problem{http.StatusForbidden, "a scope with conditions does not allow objects to be stored"}
		}
	}
	from := ingest.Origin{Source: "stow", Study: chi.URLParam(c.r, "study"), Visit: ingest.NewVisit(c.event(audit.Submit))}
	if owners := c.by.Owners(); len(owners) > 0 {
		from.Owner, from.Bound = owners[0], true
	}
	return from, nil
}

// parts are the objects of a request.
type parts struct {
	files  ingest.Files
	broken error // what ended the request before its end
}

func (s *Server) parts(c *call) (*parts, error) {
	if encoding := c.r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &problem{http.StatusUnsupportedMediaType, "Content-Encoding " + strconv.Quote(encoding) + " is not taken: DICOM has compression of its own"}
	}
	limits := s.Limits.withDefaults()
	body := &patientReader{c.r.Body, http.NewResponseController(c.w)}
	switch m := parseMediaType(c.r.Header.Get("Content-Type")); {
	case m.name == "application/dicom":
		return s.single(body, limits), nil
	case m.name == "multipart/related" && m.params["boundary"] != "" && (m.params["type"] == "" || m.params["type"] == "application/dicom"):
		return s.multi(multipart.NewReader(body, m.params["boundary"]), limits), nil
	}
	return nil, &problem{http.StatusUnsupportedMediaType, `objects come as multipart/related; type="application/dicom" or as application/dicom`}
}

func (s *Server) single(body io.Reader, limits Limits) *parts {
	p := &parts{}
	p.files = func(ctx context.Context, yield func(ingest.File) bool) error {
		file, err := s.Hub.Incoming(ctx, "the body", body, limits.Part)
		if err != nil {
			p.broken = brokenBy(err)
			return err
		}
		if file.Size == 0 {
			return drop(file)
		}
		yield(file)
		return nil
	}
	return p
}

// drop gives up what came in.
func drop(file ingest.File) error {
	content, err := file.Open()
	if err == nil {
		err = content.Close()
	}
	return err
}

func (s *Server) multi(r *multipart.Reader, limits Limits) *parts {
	p := &parts{}
	p.files = func(ctx context.Context, yield func(ingest.File) bool) error {
		for n := 1; ; n++ {
			part, err := r.NextRawPart()
			if errors.Is(err, io.EOF) {
				return nil
			}
			var file ingest.File
			if err == nil && n > limits.Parts {
				err = errTooMany
			}
			if err == nil {
				file, err = s.Hub.Incoming(ctx, "part "+strconv.Itoa(n), part, limits.Part)
			}
			if err != nil {
				p.broken = brokenBy(err)
				return err
			}
			if !yield(file) {
				return nil
			}
		}
	}
	return p
}

var errTooMany = errors.New("too many objects in one request")

// brokenBy is what to answer when a request ended before its end. What came before is kept all the same: the sender sends all of it again.
func brokenBy(err error) error {
	switch {
	case errors.Is(err, ingest.ErrTooLarge), errors.Is(err, errTooMany):
		return &problem{http.StatusRequestEntityTooLarge, err.Error()}
	case errors.Is(err, ingest.ErrArchive):
		return err
	}
	return &problem{http.StatusBadRequest, "the body ended before it should, or is not what its Content-Type says"}
}

// patientReader waits for more of a body as long as some comes.
type patientReader struct {
	io.Reader
	connection *http.ResponseController
}

// betweenReads is how long a sender may be silent within a body.
const betweenReads = 30 * time.Second

func (r *patientReader) Read(p []byte) (int, error) {
	_ = r.connection.SetReadDeadline(time.Now().Add(betweenReads)) // where there is no connection, there is no waiting
	return r.Reader.Read(p)
}

// Failure reasons of PS3.18 table 10.5.3-1 and PS3.7 annex C.
const (
	processingFailure = 0x0110
	duplicateInstance = 0x0111
	classNotSupported = 0x0122
	notAuthorized     = 0x0124
	outOfResources    = 0xA700
	otherDataSet      = 0xA900
	cannotUnderstand  = 0xC000
)

var failureReasons = map[string]uint16{
	ingest.Conflict: duplicateInstance, ingest.Foreign: notAuthorized, ingest.OtherStudy: otherDataSet,
	"dicomdir": classNotSupported, "worklist": classNotSupported, "not-in-study": classNotSupported,
	"over-budget": outOfResources,
	"not-dicom":   cannotUnderstand, "truncated": cannotUnderstand, "malformed": cannotUnderstand, "no-uid": cannotUnderstand, "bad-uid": cannotUnderstand,
}

var (
	tagReferencedClass    = dicom.MustPath("ReferencedSOPClassUID").Tag()
	tagReferencedInstance = dicom.MustPath("ReferencedSOPInstanceUID").Tag()
	tagRetrieveURL        = dicom.MustPath("RetrieveURL").Tag()
	tagFailureReason      = dicom.MustPath("FailureReason").Tag()
	tagReferenced         = dicom.MustPath("ReferencedSOPSequence").Tag()
	tagFailed             = dicom.MustPath("FailedSOPSequence").Tag()
	tagOtherFailures      = dicom.MustPath("OtherFailuresSequence").Tag()
)

// sendReceipts answers what became of each object (PS3.18 10.5.3): 200 where all were taken, 202 where some were, 409 where none was.
func (s *Server) sendReceipts(c *call, receipts []ingest.Receipt) error {
	var taken, failed, other []*dicom.Dataset
	studies := map[string]bool{}
	for _, r := range receipts {
		i := r.Instance
		reference := []dicom.Element{dicom.NewText(tagReferencedClass, "UI", i.SOPClassUID), dicom.NewText(tagReferencedInstance, "UI", i.SOPInstanceUID)}
		switch {
		case r.Refusal == nil:
			studies[i.StudyInstanceUID] = true
			taken = append(taken, dicom.NewDataset(append(reference, dicom.NewText(tagRetrieveURL, "UR", s.address(i)))...))
		case i.SOPInstanceUID == "":
			other = append(other, dicom.NewDataset(reason(r)))
		default:
			failed = append(failed, dicom.NewDataset(append(reference, reason(r))...))
		}
	}
	var answer []dicom.Element
	for uid := range studies {
		if len(studies) == 1 {
			answer = append(answer, dicom.NewText(tagRetrieveURL, "UR", s.Base+"/studies/"+uid))
		}
	}
	for tag, items := range map[dicom.Tag][]*dicom.Dataset{tagReferenced: taken, tagFailed: failed, tagOtherFailures: other} {
		if len(items) > 0 {
			answer = append(answer, dicom.NewSequence(tag, items...))
		}
	}
	status := http.StatusOK
	switch {
	case len(taken) == 0:
		status = http.StatusConflict
	case len(failed)+len(other) > 0:
		status = http.StatusAccepted
	}
	return c.sendDataset(status, dicom.NewDataset(answer...))
}

func reason(r ingest.Receipt) dicom.Element {
	code, known := failureReasons[r.Refusal.Reason]
	if !known {
		code = processingFailure
	}
	return dicom.NewUint16(tagFailureReason, code)
}

// address is where an instance is retrieved.
func (s *Server) address(i archive.Instance) string {
	return s.Base + "/studies/" + i.StudyInstanceUID + "/series/" + i.SeriesInstanceUID + "/instances/" + i.SOPInstanceUID
}

// sendDataset answers with one data set in the model that the client takes: JSON where it does not say.
func (c *call) sendDataset(status int, d *dicom.Dataset) error {
	for _, m := range parseAccept(c.r.Header.Values("Accept")) {
		switch {
		case m.quality() == 0:
			continue
		case m.name == "application/dicom+xml", m.name == "multipart/related" && m.params["type"] == "application/dicom+xml":
			return c.send(status, "application/dicom+xml", d.AppendXML(nil, nil))
		case m.name == "*/*", m.name == "application/*", m.name == "application/dicom+json", m.name == "application/json":
			return c.send(status, "application/dicom+json", d.AppendJSON(nil, nil))
		}
	}
	return c.send(status, "application/dicom+json", d.AppendJSON(nil, nil)) // what was done is told in any case
}

func (c *call) send(status int, contentType string, body []byte) error {
	c.w.Header().Set("Content-Type", contentType)
	c.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that went away is nobody's error
	return nil
}
