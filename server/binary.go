package server

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"

	"lightbox/fhir"
)

// sendBinary answers a read that does not name FHIR JSON with the content itself, in its own type, where the client takes
// that. https://hl7.org/fhir/R4/binary.html#rest
func (c *call) sendBinary(res fhir.Resource) error {
	media, content, ok := contentOf(res)
	switch {
	case c.accept.format && c.accept.fhir():
		return c.send(http.StatusOK, res.Body)
	case ok && c.accept.quality(media) > 0:
		return c.sendContent(res, media, content)
	case c.accept.fhir():
		return c.send(http.StatusOK, res.Body)
	}
	return notAcceptable()
}

// contentOf returns what a Binary holds; not ok when a client stored one whose elements are not what R4 says.
func contentOf(res fhir.Resource) (media string, content []byte, ok bool) {
	var b struct {
		ContentType string `json:"contentType"`
		Data        []byte `json:"data"` // base64
	}
	if err := json.Unmarshal(res.Body, &b); err != nil {
		return "", nil, false
	}
	return contentType(b.ContentType), b.Data, true
}

// sendContent writes bytes that someone else made, or the range of them that is asked for: a browser must neither guess their
// type nor run them in our origin.
func (c *call) sendContent(res fhir.Resource, media string, content []byte) error {
	h, status := c.w.Header(), http.StatusOK
	size := int64(len(content))
	part, partial, err := rangeOf(c.r, res, size)
	if err != nil {
		h.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		return err
	}
	if partial {
		status, content = http.StatusPartialContent, content[part.start:part.end]
		h.Set("Content-Range", part.of(size))
	}
	h.Set("Accept-Ranges", "bytes")
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(content)))
	h.Set("Content-Disposition", "attachment")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	setPrivate(h)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(content)
	return nil
}

// contentType returns the type that the resource states when it is one, so that no other header can be written through it.
func contentType(stated string) string {
	media, params, err := mime.ParseMediaType(stated)
	if err != nil || media == "" {
		return "application/octet-stream"
	}
	if text := mime.FormatMediaType(media, params); text != "" {
		return text
	}
	return "application/octet-stream"
}
