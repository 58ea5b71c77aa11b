// Package hl7v2 reads HL7 v2 messages in the pipe and caret encoding (ER7, HL7 v2.8.2 chapter 2) of any version from 2.1 on: their own
// delimiters, repetitions, escapes and character sets. It knows no segment but MSH: what a field means is for the mapping to say.
//
// A message is kept as the text that came, and cut where it is asked for, so that no count of delimiters makes it larger. What does not
// follow the standard and can be read all the same is read, and told by Remarks.
package hl7v2

import (
	"fmt"
	"strings"
)

// Error says why a message cannot be read. Its text holds nothing of the message.
type Error struct {
	Reason Reason
	Detail string
}

// Reason is a word that summaries count by.
type Reason string

// The reasons.
const (
	NotHL7    Reason = "not-hl7"   // does not begin with MSH and its delimiters
	TooLarge  Reason = "too-large" // beyond a bound
	Malformed Reason = "malformed" // MSH is there and makes no sense
	Encoding  Reason = "encoding"  // a character set that is not read
)

func (e *Error) Error() string { return string(e.Reason) + ": " + e.Detail }

func fail(r Reason, format string, args ...any) error { return &Error{r, fmt.Sprintf(format, args...)} }

// Limits bound a message. The zero value means the defaults.
type Limits struct {
	Bytes    int // default 64 MiB
	Segments int // default 100,000
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Segments <= 0 {
		l.Segments = 100_000
	}
	return l
}

// delimiters are those that a message states for itself in MSH-1 and MSH-2. A zero byte stands in no text, and so for none.
type delimiters struct{ field, component, repetition, escape, subcomponent byte }

// Message is one message.
type Message struct {
	Segments []Segment
	// Remarks are what was read though it is not as the standard has it, each once.
	Remarks []string
}

// Segment is one segment: three characters of a name, and fields.
type Segment struct {
	Name string
	text string // after the name and a delimiter
	d    *delimiters
}

// Field is one field with all of its repetitions.
type Field struct {
	text string
	d    *delimiters
}

// Repetition is one repetition of a field: its components.
type Repetition struct {
	text string
	d    *delimiters
}

// Component is one component: its subcomponents.
type Component struct {
	text string
	d    *delimiters
}

// First returns the first segment of a name, and whether there is one.
func (m *Message) First(name string) (Segment, bool) {
	for _, s := range m.Segments {
		if s.Name == name {
			return s, true
		}
	}
	return Segment{}, false
}

// Field returns the field of a number, counted from 1 as the standard counts; an absent one is empty. MSH-1 is the delimiter itself, and
// MSH-2 the others.
func (s Segment) Field(n int) Field {
	if s.d == nil || n < 1 {
		return Field{}
	}
	if isHeader(s.Name) {
		switch n {
		case 1:
			return Field{text: string(s.d.field), d: &delimiters{}}
		case 2:
			return Field{text: cut(s.text, s.d.field, 0), d: &delimiters{}}
		}
		n--
	}
	return Field{text: cut(s.text, s.d.field, n-1), d: s.d}
}

// Fields is how many fields a segment has, up to the last delimiter.
func (s Segment) Fields() int {
	n := 0
	if s.text != "" {
		n = 1 + count(s.text, s.d.field)
	}
	if isHeader(s.Name) {
		n++
	}
	return n
}

// isHeader holds for the segments that state delimiters: of a message, a batch and a file.
func isHeader(name string) bool { return name == "MSH" || name == "BHS" || name == "FHS" }

// maxRepetitions bounds what one field gives. Real ones have a handful.
const maxRepetitions = 1000

// Repetitions returns the repetitions of a field: none of an empty one, and at most the first 1,000.
func (f Field) Repetitions() []Repetition {
	if f.text == "" {
		return nil
	}
	list := make([]Repetition, min(maxRepetitions, 1+count(f.text, f.d.repetition)))
	rest := f.text
	for i := range list {
		var one string
		one, rest = head(rest, f.d.repetition)
		list[i] = Repetition{one, f.d}
	}
	return list
}

// First is the first repetition.
func (f Field) First() Repetition {
	if f.d == nil {
		return Repetition{}
	}
	one, _ := head(f.text, f.d.repetition)
	return Repetition{one, f.d}
}

// Text is the first component of the first repetition.
func (f Field) Text() string { return f.First().Component(1).Text() }

// Raw is the field as it came, with its delimiters and escapes.
func (f Field) Raw() string { return f.text }

// IsNull reports whether a field is the null value "": delete what is there (HL7 v2.8.2 2.5.3.1).
func (f Field) IsNull() bool { return f.text == `""` }

// Component returns the component of a number, counted from 1.
func (r Repetition) Component(n int) Component {
	if r.d == nil || n < 1 {
		return Component{}
	}
	return Component{cut(r.text, r.d.component, n-1), r.d}
}

// Whole is the text of a repetition without its escapes, delimiters of components among it: in running text they are characters.
func (r Repetition) Whole() string {
	if r.d == nil || r.text == `""` {
		return ""
	}
	return unescape(r.text, r.d)
}

// Raw is the repetition as it came.
func (r Repetition) Raw() string { return r.text }

// Text is the first subcomponent without its escapes, "" for the null value.
func (c Component) Text() string { return c.Subcomponent(1) }

// Subcomponent returns the text of a subcomponent, counted from 1.
func (c Component) Subcomponent(n int) string {
	if c.d == nil || n < 1 {
		return ""
	}
	text := cut(c.text, c.d.subcomponent, n-1)
	if text == `""` {
		return ""
	}
	return unescape(text, c.d)
}

// Raw is the component as it came: of encapsulated data, where escapes do not apply.
func (c Component) Raw() string { return c.text }

// head cuts text at the first delimiter.
func head(text string, delimiter byte) (first, rest string) {
	if delimiter == 0 {
		return text, ""
	}
	if i := strings.IndexByte(text, delimiter); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// cut returns the n-th part between delimiters, counted from 0.
func cut(text string, delimiter byte, n int) string {
	for ; n > 0; n-- {
		i := -1
		if delimiter != 0 {
			i = strings.IndexByte(text, delimiter)
		}
		if i < 0 {
			return ""
		}
		text = text[i+1:]
	}
	first, _ := head(text, delimiter)
	return first
}

func count(text string, delimiter byte) int {
	if delimiter == 0 {
		return 0
	}
	return strings.Count(text, string(delimiter))
}
