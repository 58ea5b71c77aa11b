package hl7v2

import (
	"bytes"
	"slices"
	"strings"
)

// Options tell how a message is read.
type Options struct {
	Limits Limits
	// Charset is what a message without MSH-18 is in, as HL7 table 0211 names it; "" is UTF-8 where that is valid, else Windows-1252.
	Charset string
}

// Parse reads one message, with or without its MLLP frame. Segments end with a carriage return, as the standard has it, or as files
// have it with a line feed or both. The error is an *Error.
func Parse(data []byte, o Options) (*Message, error) {
	limits := o.Limits.withDefaults()
	if len(data) > limits.Bytes {
		return nil, fail(TooLarge, "more than %d bytes", limits.Bytes)
	}
	data = unframed(data)
	d, err := delimitersOf(data)
	if err != nil {
		return nil, err
	}
	m := &Message{}
	text, err := m.decode(data, d, o.Charset)
	if err != nil {
		return nil, err
	}
	if err := m.split(text, d, limits.Segments); err != nil {
		return nil, err
	}
	return m, nil
}

// Split cuts a file into its messages: each begins with a line that begins with MSH. Headers and trailers of batches and files are left
// out.
func Split(data []byte) [][]byte {
	var list [][]byte
	var at int
	inside := false
	end := func(to int) {
		if one := bytes.Trim(data[at:to], "\r\n\x0B\x1C"); inside && len(one) > 0 {
			list = append(list, one)
		}
		inside = false
	}
	for start := 0; start < len(data); {
		next := len(data)
		if i := bytes.IndexAny(data[start:], "\r\n"); i >= 0 {
			next = start + i + 1
		}
		switch line := bytes.TrimLeft(data[start:next], "\x0B\x1C\xEF\xBB\xBF"); {
		case bytes.HasPrefix(line, []byte("MSH")):
			end(start)
			at, inside = start, true
		case slices.ContainsFunc([]string{"FHS", "BHS", "BTS", "FTS"}, func(name string) bool { return isNamed(line, name) }):
			end(start)
		}
		start = next
	}
	end(len(data))
	return list
}

// Begins reports whether data begins as a message does, or a batch or file of them.
func Begins(data []byte) bool {
	data = bytes.TrimPrefix(bytes.TrimLeft(data, "\x0B\r\n"), []byte("\xEF\xBB\xBF"))
	return slices.ContainsFunc([]string{"MSH", "FHS", "BHS"}, func(name string) bool { return isNamed(data, name) })
}

func isNamed(line []byte, name string) bool {
	return bytes.HasPrefix(line, []byte(name)) && len(line) > 3 && !isNameCharacter(line[3])
}

// unframed takes the MLLP frame and a byte order mark away.
func unframed(data []byte) []byte {
	data = bytes.TrimLeft(data, "\x0B\r\n")
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	return bytes.TrimRight(data, "\x1C\r\n")
}

// delimitersOf reads MSH-1 and MSH-2 (HL7 v2.8.2 2.5.4): of the second the escape and the subcomponent may be left out.
func delimitersOf(data []byte) (delimiters, error) {
	if len(data) < 5 || string(data[:3]) != "MSH" {
		return delimiters{}, fail(NotHL7, "it does not begin with MSH")
	}
	d := delimiters{field: data[3]}
	stated := data[4:]
	if i := bytes.IndexAny(stated, string(d.field)+"\r\n"); i >= 0 {
		stated = stated[:i]
	}
	if !isDelimiter(d.field) || len(stated) == 0 || len(stated) > 5 {
		return d, fail(Malformed, "MSH-1 and MSH-2 state no delimiters")
	}
	for i, to := range []*byte{&d.component, &d.repetition, &d.escape, &d.subcomponent} {
		if i >= len(stated) {
			break
		}
		if !isDelimiter(stated[i]) || stated[i] == d.field || bytes.IndexByte(stated[:i], stated[i]) >= 0 {
			return d, fail(Malformed, "MSH-2 states a delimiter twice, or one that is none")
		}
		*to = stated[i]
	}
	return d, nil
}

// isDelimiter holds for printable ASCII that is no letter, digit or space.
func isDelimiter(c byte) bool { return c > ' ' && c < 0x7F && !isNameCharacter(c) }

func isNameCharacter(c byte) bool {
	return 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
}

// split cuts the text into segments. A line that begins with no name of a segment goes on where the one before it ended: senders put
// line breaks into texts.
func (m *Message) split(text string, d delimiters, most int) error {
	for text != "" {
		line := text
		if i := strings.IndexAny(text, "\r\n"); i >= 0 {
			line, text = text[:i], text[i+1:]
		} else {
			text = ""
		}
		switch name, ok := segmentName(line, d.field); {
		case strings.Trim(line, " \x1C\x0B") == "":
		case ok && len(m.Segments) >= most:
			return fail(TooLarge, "more than %d segments", most)
		case ok:
			m.Segments = append(m.Segments, Segment{Name: name, text: strings.TrimPrefix(line[3:], string(d.field)), d: &d})
		default:
			m.remark("a line that begins with no segment was taken as the rest of the one before it")
			last := &m.Segments[len(m.Segments)-1] // the first line is MSH
			last.text += "\n" + line
		}
	}
	return nil
}

// segmentName returns the name that a line begins with: a letter and two letters or digits, and then a field or nothing.
func segmentName(line string, field byte) (name string, ok bool) {
	if len(line) < 3 || len(line) > 3 && line[3] != field {
		return "", false
	}
	for i := range 3 {
		if c := line[i]; !(c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return "", false
		}
	}
	return line[:3], true
}

func (m *Message) remark(text string) {
	if !slices.Contains(m.Remarks, text) {
		m.Remarks = append(m.Remarks, text)
	}
}
