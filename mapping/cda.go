package mapping

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// clinical is what a person reads of a CDA document (HL7 CDA R2 4.3): its title and the text of its sections as XHTML of allowed elements, or a
// body that is not XML.
type clinical struct {
	title string
	page  string
	body  []byte // of nonXMLBody
}

// Bounds on a CDA document: real ones have a few sections.
const (
	maxCDADepth  = 100
	maxCDATokens = 500_000
	maxCDAPage   = 2 << 20
)

var (
	errNoCDA      = errors.New("not a CDA document")
	errTooMuchCDA = errors.New("deeper or longer than any real document")
)

// narrativeElements are the elements of a CDA narrative block (CDA R2 4.3.5) in those of a FHIR narrative. What is not here gives its text
// alone: no attribute, address, style or script of a document ever comes through.
var narrativeElements = map[string]string{
	"paragraph": "p", "list": "ul", "item": "li", "table": "table", "thead": "thead", "tbody": "tbody", "tfoot": "tfoot", "tr": "tr", "th": "th",
	"td": "td", "caption": "caption", "sup": "sup", "sub": "sub", "content": "span",
}

// readCDA reads a CDA document. The decoder knows no entities but those of XML itself, so that none can grow or be fetched.
func readCDA(content []byte) (clinical, error) {
	d := xml.NewDecoder(bytes.NewReader(content))
	d.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(input), nil
	}
	w := cdaWalk{}
	for range maxCDATokens {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return w.finish()
		}
		if err != nil {
			return clinical{}, err
		}
		if err := w.take(token); err != nil {
			return clinical{}, err
		}
	}
	return clinical{}, errTooMuchCDA
}

// cdaWalk is a document being read.
type cdaWalk struct {
	path    []string // local names of the open elements
	inside  int      // depth at which the narrative block began; 0: in none
	title   strings.Builder
	page    strings.Builder
	encoded strings.Builder // of nonXMLBody
}

func (w *cdaWalk) take(token xml.Token) error {
	switch t := token.(type) {
	case xml.StartElement:
		w.path = append(w.path, t.Name.Local)
		if len(w.path) > maxCDADepth {
			return errTooMuchCDA
		}
		if w.path[0] != "ClinicalDocument" {
			return errNoCDA
		}
		w.start(t.Name.Local)
	case xml.EndElement:
		w.end()
		w.path = w.path[:len(w.path)-1]
	case xml.CharData:
		w.say(string(t))
	case xml.Directive:
		return errors.New("a document type definition, which CDA does not have")
	}
	if w.page.Len() > maxCDAPage {
		return errTooMuchCDA
	}
	return nil
}

// at reports whether the open elements end so.
func (w *cdaWalk) at(names ...string) bool {
	n := len(w.path) - len(names)
	return n >= 0 && slices.Equal(w.path[n:], names)
}

// element is what the innermost open element is in a FHIR narrative; "" for nothing. What captions an image is a paragraph.
func (w *cdaWalk) element() string {
	if w.at("caption") && !w.at("table", "caption") {
		return "p"
	}
	return narrativeElements[w.path[len(w.path)-1]]
}

func (w *cdaWalk) start(name string) {
	switch {
	case w.inside > 0 && name == "br":
		w.page.WriteString("<br/>")
	case w.inside > 0 && w.element() != "":
		w.page.WriteString("<" + w.element() + ">")
	case w.inside == 0 && w.at("section", "title"):
		w.page.WriteString("<h2>")
	case w.inside == 0 && w.at("section", "text"):
		w.inside = len(w.path)
		w.page.WriteString("<div>")
	}
}

func (w *cdaWalk) end() {
	switch {
	case w.inside == len(w.path):
		w.inside = 0
		w.page.WriteString("</div>")
	case w.inside > 0 && w.element() != "":
		w.page.WriteString("</" + w.element() + ">")
	case w.inside == 0 && w.at("section", "title"):
		w.page.WriteString("</h2>")
	}
}

func (w *cdaWalk) say(words string) {
	switch {
	case slices.Contains(w.path, "script"), slices.Contains(w.path, "style"): // for no reader
	case w.inside > 0, w.at("section", "title"):
		w.page.WriteString(escape(words))
	case len(w.path) == 2 && w.at("title"):
		w.title.WriteString(words)
	case w.at("nonXMLBody", "text"):
		w.encoded.WriteString(words)
	}
}

func (w *cdaWalk) finish() (clinical, error) {
	if len(w.path) > 0 || w.page.Len() == 0 && w.title.Len() == 0 && w.encoded.Len() == 0 {
		return clinical{}, errNoCDA
	}
	c := clinical{title: clean(w.title.String())}
	if w.page.Len() > 0 {
		c.page = w.page.String()
	}
	if w.encoded.Len() > 0 {
		body, err := base64.StdEncoding.DecodeString(breaks.Replace(w.encoded.String()))
		if err != nil { // it is text as it stands
			body = []byte(w.encoded.String())
		}
		c.body = body
	}
	return c, nil
}

// isCDA holds for XML that begins as a CDA document.
func isCDA(contentType string, content []byte) bool {
	return contentType == "text/xml" && bytes.Contains(content[:min(len(content), 4096)], []byte("ClinicalDocument"))
}

// clinical reads a document where it is of CDA; ok only where there is something to read in it.
func (r *run) clinical(contentType string, content []byte) (c clinical, ok bool) {
	if !isCDA(contentType, content) {
		return c, false
	}
	c, err := readCDA(content)
	if err != nil {
		r.doubt("unreadable-cda", "a CDA document that cannot be read: kept as it is, not shown")
		return c, false
	}
	return c, c.page != "" || c.body != nil
}
