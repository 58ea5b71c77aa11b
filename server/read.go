package server

import (
	"net/http"
	"strings"
	"time"

	"lightbox/fhir"
)

// read returns the current version of a resource. https://hl7.org/fhir/R4/http.html#read
func (a *api) read(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	part, err := partOf(a.Registry, c.kind.Name, c.query)
	if err != nil {
		return err
	}
	res, err := a.Store.Read(c.ctx(), c.visible, c.kind.Name, id)
	if err != nil {
		return gone(err, res)
	}
	return c.sendVersion(part.of(res))
}

// sendVersion answers read and vread: 304 when the client has this version, else its bytes.
func (c *call) sendVersion(res fhir.Resource) error {
	c.discloses(res)
	stamp(c.w.Header(), res)
	if notModified(c.r.Header, res) {
		setPrivate(c.w.Header())
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	if c.kind.Name == "Binary" && !c.accept.names() {
		return c.sendBinary(res)
	}
	return c.send(http.StatusOK, res.Body)
}

// notModified evaluates If-None-Match, and If-Modified-Since only without it (RFC 9110 13.2.2).
func notModified(h http.Header, res fhir.Resource) bool {
	if tags := h.Values("If-None-Match"); len(tags) > 0 {
		return matchesTag(strings.Join(tags, ","), res.Version)
	}
	text := h.Get("If-Modified-Since")
	if text == "" {
		return false
	}
	since, err := http.ParseTime(text)
	return err == nil && !res.LastUpdated.Truncate(time.Second).After(since)
}

func matchesTag(list string, version int64) bool {
	want := strings.TrimPrefix(etag(version), "W/")
	for _, tag := range strings.Split(list, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == want {
			return true
		}
	}
	return false
}
