package dicom

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// Attribute is an element where it stands.
type Attribute struct {
	Path    string // ParsePath reads it: "RequestAttributesSequence[1].AccessionNumber"
	Dataset *Dataset
	Element *Element
}

// Display renders the value for people, shortened.
func (a Attribute) Display() string { return a.Dataset.Display(a.Element) }

// Attributes walks every element of d in order: a sequence, then what is in its items.
func (d *Dataset) Attributes() iter.Seq[Attribute] {
	return func(yield func(Attribute) bool) { d.walk("", yield) }
}

// All walks every element of d with its path, in the order of Attributes.
func (d *Dataset) All() iter.Seq2[string, *Element] {
	return func(yield func(string, *Element) bool) {
		d.walk("", func(a Attribute) bool { return yield(a.Path, a.Element) })
	}
}

func (d *Dataset) walk(prefix string, yield func(Attribute) bool) bool {
	for i := range d.Elements {
		e := &d.Elements[i]
		path := prefix + stepName(e.Tag)
		if !yield(Attribute{path, d, e}) {
			return false
		}
		for n, item := range e.Items {
			if !item.walk(fmt.Sprintf("%s[%d].", path, n), yield) {
				return false
			}
		}
	}
	return true
}

// displayLength bounds what Display shows, in characters.
const displayLength = 80

// Display renders the value of an element of d for people: values parted by backslashes, sequences and bulk data as their size,
// control characters as spaces, shortened to about 80 characters.
func (d *Dataset) Display(e *Element) string {
	switch {
	case e.VR == "SQ":
		return fmt.Sprintf("(%d items)", len(e.Items))
	case e.Bulk && e.Length < 0:
		return "(encapsulated)"
	case e.Bulk:
		return fmt.Sprintf("(%d bytes)", e.Length)
	}
	r := meaning(e).rule()
	head := *e
	head.Value = e.Value[:min(len(e.Value), displayLength*8)]
	values := d.texts(&head)
	if b := bytes.TrimRight(head.Value, " \x00"); r.vr == "UN" && plain(b, nil) {
		values = []string{string(b)} // private text, most likely
	}
	if values == nil && len(e.Value) > 0 && !r.text() {
		return fmt.Sprintf("(%d bytes)", len(e.Value))
	}
	return shorten(strings.Join(values, `\`))
}

// shorten makes text fit a line.
func shorten(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < 0x20 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, text)
	n := 0
	for i := range text {
		if n++; n > displayLength {
			return text[:i] + "..."
		}
	}
	return text
}

// Doubt is a text whose character set is not what the object declares, so that it may read wrong.
type Doubt struct {
	Path   string
	Detail string // without the text
}

// maxDoubts is where Doubts stops: the first few tell the story.
const maxDoubts = 100

// Doubts lists the texts of d and its items that were decoded by a guess, and terms of Specific Character Set that nobody
// defined.
func (d *Dataset) Doubts() []Doubt {
	var doubts []Doubt
	for a := range d.Attributes() {
		detail := ""
		if r := meaning(a.Element).rule(); r.text() && !a.Element.Bulk {
			_, detail = a.Dataset.charset.decode(a.Element.Value, r)
		}
		if c := a.Dataset.charset; a.Element.Tag == tagSpecificCharacterSet && c != nil && c.unknown != "" {
			detail = "unknown character set " + c.unknown
		}
		if detail != "" {
			doubts = append(doubts, Doubt{a.Path, detail})
		}
		if len(doubts) == maxDoubts {
			break
		}
	}
	return doubts
}
