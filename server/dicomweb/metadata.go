package dicomweb

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// metadata answers with the data sets of a study, a series or an instance without their long values (PS3.18 10.4.1.1.2): each of those has an
// address. They are read from the objects themselves, so that nothing that an index keeps otherwise comes between.
func (s *Server) metadata(c *call) error {
	list, err := s.asked(c)
	if err != nil {
		return err
	}
	asXML, err := c.wantsXML()
	if err != nil {
		return err
	}
	if asXML {
		return s.metadataXML(c, list)
	}
	c.w.Header().Set("Content-Type", dicomJSON)
	out := c.patient()
	for n, i := range list {
		before := ","
		if n == 0 {
			before = "["
		}
		o, err := s.open(c.ctx(), i)
		if err != nil {
			return s.unsent(n, err)
		}
		body := o.header.AppendJSON([]byte(before), s.bulkOf(i))
		_, err = out.Write(body)
		if err := errors.Join(err, o.Close()); err != nil {
			return s.brokenOff(err)
		}
	}
	_, err = io.WriteString(out, "]")
	return s.brokenOff(err)
}

// unsent is an error before the first byte of an answer, which can be told as any; later the answer breaks off.
func (s *Server) unsent(sent int, err error) error {
	if sent == 0 {
		return err
	}
	return s.brokenOff(err)
}

func (s *Server) metadataXML(c *call, list []archive.Instance) error {
	out := c.multipart(dicomXML)
	for n, i := range list {
		o, err := s.open(c.ctx(), i)
		if err != nil {
			return s.unsent(n, err)
		}
		part, err := out.CreatePart(textproto.MIMEHeader{"Content-Type": {dicomXML}})
		if err == nil {
			_, err = part.Write(o.header.AppendXML(nil, s.bulkOf(i)))
		}
		if err := errors.Join(err, o.Close()); err != nil {
			return s.brokenOff(err)
		}
	}
	return s.brokenOff(out.Close())
}

// bulkOf gives the address of a long value of an instance.
func (s *Server) bulkOf(i archive.Instance) func(string) string {
	return func(path string) string { return s.address(i) + "/bulkdata/" + url.PathEscape(path) }
}

const (
	dicomJSON = "application/dicom+json"
	dicomXML  = "application/dicom+xml"
)

// wantsXML tells whether the client prefers XML to JSON.
func (c *call) wantsXML() (bool, error) {
	for _, m := range parseAccept(c.r.Header.Values("Accept")) {
		switch {
		case m.quality() == 0:
		case m.name == dicomXML, m.name == related && m.params["type"] == dicomXML:
			return true, nil
		case m.name == "*/*", m.name == "application/*", m.name == dicomJSON, m.name == "application/json":
			return false, nil
		}
	}
	return false, &problem{http.StatusNotAcceptable, `data sets go out as application/dicom+json, or as multipart/related; type="application/dicom+xml"`}
}

// bulkData answers with one long value, as it is stored (PS3.18 10.4.1.1.5).
func (s *Server) bulkData(c *call) error {
	list, err := s.asked(c)
	if err != nil {
		return err
	}
	text, err := url.PathUnescape(chi.URLParam(c.r, "path"))
	if err != nil {
		return errNoStudy
	}
	path, err := dicom.ParsePath(text)
	if err != nil {
		return errNoStudy
	}
	object, err := s.Hub.Open(c.ctx(), list[0])
	if err != nil {
		return err
	}
	defer object.Close()
	value, err := bulkAt(object, text, path)
	if err != nil {
		return err
	}
	if accepts(c, "application/octet-stream") && !prefersParts(c) {
		c.w.Header().Set("Content-Type", "application/octet-stream")
		c.w.Header().Set("Content-Length", strconv.FormatInt(value.Size(), 10))
		c.bulky()
		_, err = io.Copy(c.patient(), value)
		return s.brokenOff(err)
	}
	out := c.multipart("application/octet-stream")
	part, err := out.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/octet-stream"}, "Content-Location": {s.bulkOf(list[0])(text)}})
	if err == nil {
		_, err = io.Copy(part, value)
	}
	return s.brokenOff(errors.Join(err, out.Close()))
}

// bulkAt finds a value that metadata gave an address.
func bulkAt(object archive.Object, text string, path dicom.Path) (*io.SectionReader, error) {
	if text == "PixelData" {
		_, pixels, err := dicom.ScanPixels(object, object.Size(), dicom.Limits{Value: inlined})
		switch {
		case err != nil && !errors.Is(err, dicom.ErrFrames) && !errors.Is(err, dicom.ErrNoPixels):
			return nil, err
		case err != nil, pixels.IsEncapsulated():
			return nil, &problem{http.StatusNotAcceptable, "pixel data of this kind are had by frames"}
		}
		return io.NewSectionReader(pixels.Source(), pixels.Native.Offset, pixels.Native.Length), nil
	}
	ds, err := dicom.Scan(object, object.Size(), dicom.Limits{Value: 1 << 30, Bytes: 1 << 30})
	if err != nil {
		return nil, err
	}
	e, _, ok := ds.Find(path)
	if !ok || len(e.Value) == 0 {
		return nil, errNoStudy
	}
	return io.NewSectionReader(bytesAt(e.Value), 0, int64(len(e.Value))), nil
}
