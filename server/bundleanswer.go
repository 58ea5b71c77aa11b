package server

import (
	"bytes"
	"net/http"
	"strconv"
)

// entryAnswer is Bundle.entry.response with the resource beside it.
type entryAnswer struct {
	status       int
	location     string
	etag         string
	lastModified string // an instant
	resource     []byte
	outcome      []byte
}

// sendAnswers answers a batch or transaction: one entry each, in the order of the request.
func (a *api) sendAnswers(c *call, kind string, answers []entryAnswer) error {
	return a.sendBundle(c, kind, func(b *bundle) {
		for _, got := range answers {
			b.answer(got)
		}
	})
}

// answer adds what an entry came to.
func (b *bundle) answer(got entryAnswer) {
	b.next()
	b.text("{")
	if len(got.resource) > 0 {
		b.text(`"resource":`)
		_, _ = b.out.Write(got.resource)
		b.text(",")
	}
	b.text(`"response":{"status":` + quote(strconv.Itoa(got.status)+" "+http.StatusText(got.status)))
	for _, member := range []struct{ name, value string }{
		{"location", got.location}, {"etag", got.etag}, {"lastModified", got.lastModified},
	} {
		if member.value != "" {
			b.text(`,"` + member.name + `":` + quote(member.value))
		}
	}
	if len(got.outcome) > 0 {
		b.text(`,"outcome":`)
		_, _ = b.out.Write(got.outcome)
	}
	b.text("}}")
}

// isOutcome reports whether a body that we rendered is an OperationOutcome.
func isOutcome(body []byte) bool {
	return bytes.HasPrefix(body, []byte(`{"resourceType":"OperationOutcome"`))
}
