package server

import (
	"net/http"
	"strconv"

	"lightbox/fhir"
)

// answer is what a write came to, before it takes the form of a response or of an entry of one.
type answer struct {
	status  int
	res     fhir.Resource // stored or found; of a delete the deletion, when it made one
	located bool          // Location names the version
	found   bool          // nothing was stored: res was there
	removed []string      // "Type/id" of what a delete is about
	counted bool          // the client is told how many those are
}

// sendAnswer answers a write. https://hl7.org/fhir/R4/http.html#ops
func (a *api) sendAnswer(c *call, got answer, pref prefer) error {
	h := c.w.Header()
	a.answerHeaders(h, got)
	switch {
	case got.status == http.StatusNoContent, pref.result == "minimal", !c.accept.fhir(): // a Binary's client may take no FHIR
		setPrivate(h)
		c.w.WriteHeader(got.status)
		return nil
	case pref.result == "OperationOutcome":
		return c.send(got.status, success(got.told()))
	}
	return c.send(got.status, got.res.Body)
}

func (a *api) answerHeaders(h http.Header, got answer) {
	switch {
	case got.res.Deleted: // R4 gives a deletion's version, and no time
		h.Set("ETag", etag(got.res.Version))
	case got.res.Version > 0:
		stamp(h, got.res)
	}
	if got.located {
		h.Set("Location", a.versionURL(got.res))
	}
	if got.counted {
		h.Set("Items-Deleted", strconv.Itoa(len(got.removed)))
	}
}

func (g answer) told() string {
	switch {
	case g.status == http.StatusNoContent:
		return "nothing is left to delete"
	case g.found:
		return "the resource exists, and nothing was changed"
	}
	return "the resource was stored"
}

// versionURL names one version: [base]/Type/id/_history/1.
func (a *api) versionURL(res fhir.Resource) string {
	return a.Base + "/" + res.Reference() + "/_history/" + strconv.FormatInt(res.Version, 10)
}
