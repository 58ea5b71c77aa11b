package server

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// Media types of FHIR R4 http.html#mime-type. XML and Turtle are not served.
const (
	fhirJSON   = "application/fhir+json; charset=utf-8"
	mediaFHIR  = "application/fhir+json"
	mediaJSON  = "application/json"
	mediaForm  = "application/x-www-form-urlencoded"
	maxAccepts = 32 // ranges of one Accept header that are read
)

// accept is what a client is ready to receive: _format when given, else the Accept header.
type accept struct {
	ranges []mediaRange
	format bool // stated by _format
}

type mediaRange struct {
	media   string
	version string // fhirVersion
	q       float64
}

// negotiate reads _format, Accept and _pretty, and refuses a client that takes no FHIR JSON. A Binary may answer in its own
// type, so that its read looks at accept again.
func (c *call) negotiate(params url.Values) error {
	if err := c.readPretty(params); err != nil {
		return err
	}
	a, err := parseAccept(c.r.Header, params)
	if err != nil {
		return err
	}
	c.accept = a
	if c.kind != nil && c.kind.Name == "Binary" || a.fhir() {
		return nil
	}
	return notAcceptable()
}

func (c *call) readPretty(params url.Values) error {
	if !params.Has("_pretty") {
		return nil
	}
	switch params.Get("_pretty") {
	case "true":
		c.pretty = true
	case "false":
		c.pretty = false
	default:
		return fhir.NewError(fhir.Value, "the values are true and false").At("_pretty")
	}
	return nil
}

func parseAccept(h http.Header, params url.Values) (accept, error) {
	if params.Has("_format") {
		media, err := formatMedia(params.Get("_format"))
		return accept{ranges: []mediaRange{{media: media, q: 1}}, format: true}, err
	}
	header := strings.Join(h.Values("Accept"), ",")
	if strings.TrimSpace(header) == "" {
		return accept{ranges: []mediaRange{{media: "*/*", q: 1}}}, nil
	}
	var a accept
	for i, part := range strings.Split(header, ",") {
		if i == maxAccepts {
			break
		}
		if m, ok := parseRange(part); ok {
			a.ranges = append(a.ranges, m)
		}
	}
	return a, nil
}

// formatMedia reads _format, FHIR R4 http.html#parameters. A "+" that was not escaped arrives as a space.
func formatMedia(value string) (string, error) {
	media, _, _ := strings.Cut(strings.ReplaceAll(value, " ", "+"), ";")
	switch strings.ToLower(media) {
	case "json", "text/json", mediaJSON, mediaFHIR:
		return mediaFHIR, nil
	}
	return "", notAcceptable()
}

func parseRange(text string) (mediaRange, bool) {
	media, params, err := mime.ParseMediaType(text)
	if err != nil {
		return mediaRange{}, false
	}
	m := mediaRange{media: media, version: params["fhirversion"], q: 1}
	if q, ok := params["q"]; ok {
		if m.q, err = strconv.ParseFloat(q, 64); err != nil || m.q < 0 || m.q > 1 {
			return mediaRange{}, false
		}
	}
	return m, true
}

// fhir reports whether FHIR JSON of R4 is welcome in any spelling.
func (a accept) fhir() bool { return a.quality(mediaFHIR) > 0 || a.quality(mediaJSON) > 0 }

// names reports whether the client asked for FHIR JSON by its own name.
func (a accept) names() bool {
	for _, m := range a.ranges {
		if m.media == mediaFHIR && m.q > 0 && m.r4() {
			return true
		}
	}
	return false
}

// quality is the weight of a media type; the most specific range that matches decides (RFC 9110 12.5.1).
func (a accept) quality(media string) float64 {
	media, _, _ = strings.Cut(strings.ToLower(media), ";")
	media = strings.TrimSpace(media)
	group, _, _ := strings.Cut(media, "/")
	for _, pattern := range []string{media, group + "/*", "*/*"} {
		for _, m := range a.ranges {
			if m.media == pattern && m.r4() {
				return m.q
			}
		}
	}
	return 0
}

func (m mediaRange) r4() bool {
	return m.version == "" || m.version == "4.0" || strings.HasPrefix(m.version, "4.0.")
}
