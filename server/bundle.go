package server

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/fhir"
)

// bundleBuffer holds a usual page, so that it leaves in one write.
const bundleBuffer = 64 << 10

// bundle writes a Bundle to the client as it goes: the resources' bytes are copied between the members of their entries.
// https://hl7.org/fhir/R4/bundle.html
type bundle struct {
	out     *bufio.Writer
	base    string // our base URL as the inside of a JSON string
	links   int
	entries int
}

// sendBundle writes the headers of a Bundle, then lets fill write links and entries.
func (a *api) sendBundle(c *call, kind string, fill func(b *bundle)) error {
	if c.pretty {
		var whole bytes.Buffer
		a.writeBundle(&whole, kind, fill)
		return c.send(http.StatusOK, whole.Bytes())
	}
	c.w.Header().Set("Content-Type", fhirJSON)
	setPrivate(c.w.Header())
	c.w.WriteHeader(http.StatusOK)
	a.writeBundle(c.w, kind, fill)
	return nil
}

func (a *api) writeBundle(w io.Writer, kind string, fill func(b *bundle)) {
	out := a.buffers.Get().(*bufio.Writer)
	defer a.buffers.Put(out)
	out.Reset(w)
	b := &bundle{out: out, base: inside(a.Base)}
	b.text(`{"resourceType":"Bundle","type":"` + kind + `"`)
	fill(b)
	b.closeList()
	b.text("}")
	_ = out.Flush() // a client that went away is nobody's error
	out.Reset(nil)
}

func (b *bundle) text(s string) { _, _ = b.out.WriteString(s) }

func (b *bundle) total(n int64) { b.text(`,"total":` + strconv.FormatInt(n, 10)) }

// link adds one of Bundle.link; all links come before the first entry.
func (b *bundle) link(relation, url string) {
	b.text(next(b.links, `,"link":[`))
	b.links++
	b.text(`{"relation":"` + relation + `","url":` + quote(url) + `}`)
}

// entry opens the next entry with its resource, up to the members that follow it.
func (b *bundle) entry(res fhir.Resource) {
	b.next()
	b.text(`{"fullUrl":"` + b.base + `/` + res.Type + `/` + res.ID + `"`)
	if len(res.Body) > 0 {
		b.text(`,"resource":`)
		_, _ = b.out.Write(res.Body)
	}
}

// found adds a resource of a searchset; mode is match or include.
func (b *bundle) found(res fhir.Resource, mode string) {
	b.entry(res)
	b.text(`,"search":{"mode":"` + mode + `"}}`)
}

// own adds a resource that was made for this answer and has no place of its own.
func (b *bundle) own(body []byte) {
	b.next()
	b.text(`{"resource":`)
	_, _ = b.out.Write(body)
	b.text("}")
}

// outcome adds an OperationOutcome about the search itself.
func (b *bundle) outcome(body []byte) {
	b.next()
	b.text(`{"resource":`)
	_, _ = b.out.Write(body)
	b.text(`,"search":{"mode":"outcome"}}`)
}

func (b *bundle) next() {
	if b.entries == 0 {
		b.closeLinks()
	}
	b.text(next(b.entries, `,"entry":[`))
	b.entries++
}

func (b *bundle) closeLinks() {
	if b.links > 0 {
		b.text("]")
		b.links = 0
	}
}

// closeList ends whichever list is open; FHIR JSON has no empty arrays.
func (b *bundle) closeList() {
	b.closeLinks()
	if b.entries > 0 {
		b.text("]")
	}
}

// next returns what stands before the n-th element of a list.
func next(n int, open string) string {
	if n == 0 {
		return open
	}
	return ","
}

// quote returns s as a JSON string.
func quote(s string) string {
	b, _ := jsontext.AppendQuote(nil, s) // invalid UTF-8 becomes the replacement character
	return string(b)
}

func inside(s string) string {
	q := quote(s)
	return q[1 : len(q)-1]
}
