package dicomweb

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// retrieve answers with objects as they are stored (WADO-RS, PS3.18 10.4): a study, a series, or one instance.
func (s *Server) retrieve(c *call) error {
	list, err := s.asked(c)
	if err != nil {
		return err
	}
	how, err := objectsAs(c, len(list) == 1 && chi.URLParam(c.r, "instance") != "")
	if err != nil {
		return err
	}
	if err := s.offer(c, list, how); err != nil {
		return err
	}
	if how.name == applicationDICOM {
		return s.sendOne(c, list[0])
	}
	out := c.multipart("application/dicom")
	for _, i := range list {
		if err := s.sendPart(c, out, i); err != nil {
			return s.brokenOff(err)
		}
	}
	return s.brokenOff(out.Close())
}

// asked are the instances that a request names and its caller sees, which is on record then.
func (s *Server) asked(c *call) ([]archive.Instance, error) {
	v, err := s.look(c, chi.URLParam(c.r, "study"), chi.URLParam(c.r, "instance"))
	if err != nil {
		return nil, err
	}
	list := v.within(chi.URLParam(c.r, "series"), chi.URLParam(c.r, "instance"))
	if len(list) == 0 {
		return nil, errNoStudy
	}
	return list, s.disclose(c, v.study)
}

const (
	applicationDICOM = "application/dicom"
	related          = "multipart/related"
)

// objectsAs chooses how objects go out. One instance may go by itself.
func objectsAs(c *call, alone bool) (mediaType, error) {
	for _, m := range parseAccept(c.r.Header.Values("Accept")) {
		switch {
		case m.quality() == 0:
		case m.name == related && (m.params["type"] == "" || m.params["type"] == applicationDICOM), m.name == "*/*", m.name == "multipart/*":
			m.name = related
			return m, nil
		case m.name == applicationDICOM && alone, m.name == "application/*" && alone:
			m.name = applicationDICOM
			return m, nil
		}
	}
	return mediaType{}, &problem{http.StatusNotAcceptable, `objects go out as multipart/related; type="application/dicom"; one instance as application/dicom too`}
}

// offer refuses where a transfer syntax is asked for that an object is not in: nothing is transcoded.
func (s *Server) offer(c *call, list []archive.Instance, how mediaType) error {
	want := how.params["transfer-syntax"]
	if want == "" || want == "*" {
		return nil
	}
	for _, i := range list {
		o, err := s.open(c.ctx(), i)
		if err != nil {
			return err
		}
		syntax := o.header.TransferSyntax
		if err := o.Close(); err != nil {
			return err
		}
		if syntax != want {
			return &problem{http.StatusNotAcceptable, "an object is in another transfer syntax, and nothing is transcoded: ask for transfer-syntax=*"}
		}
	}
	return nil
}

func (s *Server) sendOne(c *call, i archive.Instance) error {
	o, err := s.open(c.ctx(), i)
	if err != nil {
		return err
	}
	defer o.Close()
	body, size := o.file()
	c.w.Header().Set("Content-Type", applicationDICOM+"; transfer-syntax="+o.header.TransferSyntax)
	c.w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	c.w.Header().Set("Content-Disposition", `attachment; filename="`+i.SOPInstanceUID+`.dcm"`)
	c.bulky()
	_, err = io.Copy(c.patient(), body)
	return s.brokenOff(err)
}

func (s *Server) sendPart(c *call, out *multipart.Writer, i archive.Instance) error {
	o, err := s.open(c.ctx(), i)
	if err != nil {
		return err
	}
	defer o.Close()
	body, size := o.file()
	part, err := out.CreatePart(textproto.MIMEHeader{
		"Content-Type":     {applicationDICOM + "; transfer-syntax=" + o.header.TransferSyntax},
		"Content-Length":   {strconv.FormatInt(size, 10)},
		"Content-Location": {s.address(i)},
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(part, body)
	return err
}

// file is the object as a Part 10 file. Its preamble, which no reader of DICOM looks at and which may be a program (PS3.10 7.1), is
// empty, but for that of a TIFF file; an object that came without preamble or meta information has them.
func (o opened) file() (io.Reader, int64) {
	size := o.Size()
	body := io.NewSectionReader(o, 0, size)
	var start [dicom.PreambleSize + 4]byte
	n, err := o.ReadAt(start[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return failing{err}, size
	}
	switch prefix := []byte("DICM"); {
	case bytes.HasSuffix(start[:n], prefix) && n == len(start):
		if !isTIFF(start[:]) {
			clear(start[:dicom.PreambleSize])
		}
		if _, err := io.CopyN(io.Discard, body, int64(n)); err != nil { // the digest is checked over what is read in order
			return failing{err}, size
		}
		return io.MultiReader(bytes.NewReader(start[:]), body), size
	case bytes.HasPrefix(start[:n], prefix):
		return prefixed(make([]byte, dicom.PreambleSize), body, size)
	case o.header.Meta != nil:
		return prefixed(append(make([]byte, dicom.PreambleSize), prefix...), body, size)
	}
	return prefixed(dicom.FileStart(o.header), body, size)
}

func prefixed(before []byte, body io.Reader, size int64) (io.Reader, int64) {
	return io.MultiReader(bytes.NewReader(before), body), size + int64(len(before))
}

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// isTIFF holds for a file that is both DICOM and TIFF, as of whole slides.
func isTIFF(b []byte) bool {
	start := string(b[:4])
	return start == "II*\x00" || start == "MM\x00*" || start == "II+\x00" || start == "MM\x00+"
}

// multipart begins an answer of parts.
func (c *call) multipart(kind string) *multipart.Writer {
	c.bulky()
	out := multipart.NewWriter(c.patient())
	c.w.Header().Set("Content-Type", `multipart/related; type="`+kind+`"; boundary=`+out.Boundary())
	return out
}

// bulky says that compressing the answer is not worth it.
func (c *call) bulky() { c.w.Header().Set("No-Gzip-Compression", "1") }

// patient writes as long as the client takes something.
func (c *call) patient() io.Writer { return patientWriter{c.w, http.NewResponseController(c.w)} }

type patientWriter struct {
	io.Writer
	connection *http.ResponseController
}

func (w patientWriter) Write(p []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(betweenReads)) // where there is no connection, there is no waiting
	return w.Writer.Write(p)
}

// brokenOff ends an answer that cannot be finished so that its reader sees that: what was sent cannot be taken back.
func (s *Server) brokenOff(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, archive.ErrDamaged) || errors.Is(err, archive.ErrAbsent) {
		s.Log.Error("dicomweb: an object cannot be read", "cause", err)
	}
	panic(http.ErrAbortHandler)
}
