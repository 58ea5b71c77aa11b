package dicomweb

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// maxFrames bounds the frames of one request.
const maxFrames = 10_000

// frames answers with frames of an instance as they are stored (PS3.18 10.4.1.1.6): native ones are bytes, compressed ones are of the media
// type of their compression, unless the client asks for bytes. Nothing is decoded.
func (s *Server) frames(c *call) error {
	numbers, err := frameNumbers(chi.URLParam(c.r, "frames"))
	if err != nil {
		return err
	}
	list, err := s.asked(c)
	if err != nil {
		return err
	}
	object, err := s.pictured(c.ctx(), list[0])
	if err != nil {
		return err
	}
	defer object.Close()
	all := make([][]dicom.Span, len(numbers))
	for i, n := range numbers {
		if all[i], err = object.pixels.Frame(n); err != nil {
			return noFrames(err)
		}
	}
	kind, syntax, err := frameType(c, object.header.TransferSyntax, object.pixels.IsEncapsulated())
	if err != nil {
		return err
	}
	out := c.multipart(kind)
	address := s.address(list[0]) + "/frames/"
	for i, spans := range all {
		if err := sendFrame(out, object.pixels.Source(), spans, textproto.MIMEHeader{
			"Content-Type":     {kind + "; transfer-syntax=" + syntax},
			"Content-Location": {address + strconv.Itoa(numbers[i])},
		}); err != nil {
			return s.brokenOff(err)
		}
	}
	return s.brokenOff(out.Close())
}

// pictured is an object with its pixel data.
type pictured struct {
	opened
	pixels *dicom.Pixels
}

// pictured finds the pixel data of an object.
func (s *Server) pictured(ctx context.Context, i archive.Instance) (pictured, error) {
	object, err := s.Hub.Open(ctx, i)
	if err != nil {
		return pictured{}, err
	}
	header, pixels, err := dicom.ScanPixels(object, object.Size(), dicom.Limits{Value: inlined})
	if err != nil {
		return pictured{}, errors.Join(noFrames(err), object.Close())
	}
	return pictured{opened{object, header}, pixels}, nil
}

func sendFrame(out *multipart.Writer, object io.ReaderAt, spans []dicom.Span, header textproto.MIMEHeader) error {
	content, size := spanned(object, spans)
	header.Set("Content-Length", strconv.FormatInt(size, 10))
	part, err := out.CreatePart(header)
	if err == nil {
		_, err = io.Copy(part, content)
	}
	return err
}

// spanned is what stretches of an object hold, and how much that is.
func spanned(object io.ReaderAt, spans []dicom.Span) (content io.Reader, size int64) {
	parts := make([]io.Reader, len(spans))
	for i, span := range spans {
		parts[i] = io.NewSectionReader(object, span.Offset, span.Length)
		size += span.Length
	}
	return io.MultiReader(parts...), size
}

func noFrames(err error) error {
	switch {
	case errors.Is(err, dicom.ErrNoFrame), errors.Is(err, dicom.ErrNoPixels):
		return &problem{http.StatusNotFound, "no such frame"}
	case errors.Is(err, dicom.ErrFrames):
		return &problem{http.StatusNotAcceptable, "the frames of this object cannot be told apart without decoding it"}
	}
	return err
}

// frameNumbers reads "1,2,3".
func frameNumbers(text string) ([]int, error) {
	var list []int
	for one := range strings.SplitSeq(strings.ReplaceAll(text, "%2C", ","), ",") {
		n, err := strconv.Atoi(one)
		if err != nil || n < 1 || len(list) >= maxFrames {
			return nil, &problem{http.StatusBadRequest, "frames are numbers from 1, separated by commas"}
		}
		list = append(list, n)
	}
	return list, nil
}

const octets = "application/octet-stream"

// compressed are the media types of frames by transfer syntax (PS3.18 8.7.3.3).
var compressed = map[string]string{
	"1.2.840.10008.1.2.4.50": "image/jpeg", "1.2.840.10008.1.2.4.51": "image/jpeg", "1.2.840.10008.1.2.4.57": "image/jpeg", "1.2.840.10008.1.2.4.70": "image/jpeg",
	"1.2.840.10008.1.2.4.80": "image/jls", "1.2.840.10008.1.2.4.81": "image/jls",
	"1.2.840.10008.1.2.4.90": "image/jp2", "1.2.840.10008.1.2.4.91": "image/jp2", "1.2.840.10008.1.2.4.92": "image/jpx", "1.2.840.10008.1.2.4.93": "image/jpx",
	"1.2.840.10008.1.2.4.110": "image/jxl", "1.2.840.10008.1.2.4.111": "image/jxl", "1.2.840.10008.1.2.4.112": "image/jxl",
	"1.2.840.10008.1.2.4.201": "image/jphc", "1.2.840.10008.1.2.4.202": "image/jphc", "1.2.840.10008.1.2.4.203": "image/jphc",
	"1.2.840.10008.1.2.5": "image/dicom-rle",
}

// nativeSyntax is that of native frames on their way: their bytes are little endian whatever the data set around them.
const nativeSyntax = "1.2.840.10008.1.2.1"

const bigEndian = "1.2.840.10008.1.2.2"

// frameType chooses the media type of frames, and tells the transfer syntax that they are in.
func frameType(c *call, syntax string, encapsulated bool) (kind, of string, err error) {
	own := octets
	switch {
	case syntax == bigEndian:
		return "", "", &problem{http.StatusNotAcceptable, "frames of a big endian object are had with the object"}
	case !encapsulated:
		syntax = nativeSyntax
	case compressed[syntax] != "":
		own = compressed[syntax]
	}
	for _, m := range parseAccept(c.r.Header.Values("Accept")) {
		if m.quality() == 0 {
			continue
		}
		if m.name == related {
			m.name = m.params["type"]
		}
		if want := m.params["transfer-syntax"]; want != "" && want != "*" && want != syntax {
			continue
		}
		switch m.name {
		case own, "", "*/*", "image/*", "multipart/*":
			return own, syntax, nil
		case octets:
			return octets, syntax, nil
		}
	}
	return "", "", &problem{http.StatusNotAcceptable, "the frames are " + own + " in transfer syntax " + syntax + ", and nothing is transcoded"}
}

// accepts reports whether the client takes a media type by itself.
func accepts(c *call, name string) bool {
	for _, m := range parseAccept(c.r.Header.Values("Accept")) {
		if m.quality() > 0 && (m.name == name || m.name == "*/*" || m.name == "application/*") {
			return true
		}
	}
	return false
}

// prefersParts reports whether the client would rather have a multipart body.
func prefersParts(c *call) bool { return parseAccept(c.r.Header.Values("Accept"))[0].name == related }

func bytesAt(b []byte) io.ReaderAt { return bytes.NewReader(b) }
