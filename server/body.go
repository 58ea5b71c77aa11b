package server

import (
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"lightbox/fhir"
)

// body reads the request's body, of one of the media types, within the limits of bytes and time.
func (a *api) body(c *call, media ...string) ([]byte, error) {
	return a.bodyWithin(c, a.Limits.Body, media...)
}

func (a *api) bodyWithin(c *call, limit int64, media ...string) ([]byte, error) {
	if err := checkMedia(c.r.Header.Get("Content-Type"), media); err != nil {
		return nil, err
	}
	return a.anyBody(c, limit)
}

// anyBody reads the body whatever it is.
func (a *api) anyBody(c *call, limit int64) ([]byte, error) {
	if c.r.ContentLength > limit {
		return nil, errTooLong()
	}
	// The deadline stands only while the body is read: once it has been, the connection is watched for the client's leaving.
	conn := http.NewResponseController(c.w)
	_ = conn.SetReadDeadline(time.Now().Add(a.Limits.Timeout))
	body, err := decompress(c, limit)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}

func decompress(c *call, limit int64) ([]byte, error) {
	raw := http.MaxBytesReader(c.w, c.r.Body, limit)
	switch strings.ToLower(strings.TrimSpace(c.r.Header.Get("Content-Encoding"))) {
	case "", "identity":
		return readAll(raw, limit)
	case "gzip":
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, bodyError(err)
		}
		defer func() { _ = z.Close() }()
		return readAll(z, limit)
	}
	return nil, unsupportedMedia("Content-Encoding is gzip or none")
}

// readAll reads one byte beyond the limit to tell a body that fits from one that was cut.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, bodyError(err)
	}
	if int64(len(body)) > limit {
		return nil, errTooLong()
	}
	return body, nil
}

func bodyError(err error) error {
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return errTooLong()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &refusal{status: http.StatusRequestTimeout, err: fhir.NewError(fhir.Timeout, "the body did not arrive in time").Because(err)}
	}
	return fhir.NewError(fhir.Invalid, "the body cannot be read").Because(err)
}

func errTooLong() error {
	return fhir.NewError(fhir.TooLong, "the body is larger than this server takes")
}

// checkMedia holds Content-Type to the media types, in UTF-8, of R4.
func checkMedia(contentType string, media []string) error {
	got, params, err := mime.ParseMediaType(contentType)
	if err != nil || !slices.Contains(media, got) {
		return unsupportedMedia("Content-Type must be " + strings.Join(media, " or "))
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return unsupportedMedia("charset must be utf-8")
	}
	if m := (mediaRange{version: params["fhirversion"]}); !m.r4() {
		return unsupportedMedia("fhirVersion must be 4.0")
	}
	return nil
}
