package dicom

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// charset is what a value of Specific Character Set (0008,0005) means (PS3.3 C.12.1.1.2). The nil charset is the default
// repertoire, ASCII. Value 1 is in force when a text starts; the others may be switched to by escape sequences (ISO 2022).
type charset struct {
	declared string
	unknown  string            // the first term that nobody defined
	whole    encoding.Encoding // of a set that knows no switching: GB18030, GBK
	utf8     bool              // ISO_IR 192
	g0, g1   *graphicSet       // in force at the start, for bytes below and above 0x80
	spare    *graphicSet       // for the upper half when nothing was switched to, though it should have been
}

// maxTerms is more than there are character sets.
const maxTerms = 32

// newCharset reads the terms of Specific Character Set.
func newCharset(value string) *charset {
	c := &charset{declared: strings.Trim(value, " \x00"), g0: &ascii}
	for i, term := range strings.SplitN(value, `\`, maxTerms) {
		c.add(i, strings.Trim(term, " \x00"))
	}
	return c
}

func (c *charset) add(i int, term string) {
	name := canonical(term)
	set := graphicSetOf(name)
	switch {
	case name == "192":
		c.utf8 = true
	case name == "GB18030":
		c.whole = simplifiedchinese.GB18030
	case name == "GBK":
		c.whole = simplifiedchinese.GBK
	case set == nil && c.unknown == "":
		c.unknown = printable(term)
	case set == nil || set == &ascii:
	case i == 0:
		c.start(set)
	case set.high && c.spare == nil:
		c.spare = set
	}
}

// start puts the set of value 1 in force. A two-byte set for the lower half cannot stand there, and is switched to by escapes.
func (c *charset) start(set *graphicSet) {
	switch {
	case set.high:
		c.g1 = set
	case set.width == 1:
		c.g0 = set
	}
	if set == &katakana {
		c.g0 = &romaji // JIS X 0201 is both (PS3.3 table C.12-2)
	}
}

// canonical brings the spellings of a term that are seen to one: "ISO_IR 100", "ISO 2022 IR 100", "ISO-IR 100" and
// "ISO8859-1" are all "100".
func canonical(term string) string {
	name := strings.Map(func(r rune) rune {
		if r == ' ' || r == '_' || r == '-' {
			return -1
		}
		return unicode.ToUpper(r)
	}, term)
	switch name {
	case "":
		return "6"
	case "UTF8":
		return "192"
	case "ISO88591", "LATIN1":
		return "100"
	case "GB2312", "ISO2022GB2312":
		return "58"
	case "ISO2022GBK":
		return "GBK"
	}
	name = strings.TrimPrefix(name, "ISO2022")
	name = strings.TrimPrefix(name, "ISO")
	return strings.TrimPrefix(name, "IR")
}

// decode turns a value into UTF-8. The doubt tells, without quoting the text, why it may not be what was meant; "" when the
// declared character set explains every byte. Control characters other than those of PS3.5 6.1.3 are dropped.
func (c *charset) decode(b []byte, r *vrRule) (text, doubt string) {
	b = bytes.TrimRight(b, " \x00")
	switch {
	case plain(b, c):
		return string(b), ""
	case !r.charset && sevenBit(b):
		return clean(string(b)), ""
	case !r.charset:
		return guess(b, nil), "text outside ASCII in a value that has to be ASCII"
	}
	switch {
	case c == nil && sevenBit(b):
		return clean(string(b)), ""
	case c == nil:
		c, doubt = &charset{g0: &ascii}, "text outside ASCII, and no character set is declared"
	case c.unknown != "":
		doubt = "unknown character set " + c.unknown
	default:
		doubt = "text that is not in the declared character set " + printable(c.declared)
	}
	text, ok := c.transform(b, r)
	if ok && c.unknown == "" {
		return text, ""
	}
	if !ok {
		text = guess(b, c)
	}
	return text, doubt
}

// transform decodes by the declared sets alone; it reports whether they explain every byte.
func (c *charset) transform(b []byte, r *vrRule) (string, bool) {
	switch {
	case c.utf8:
		return clean(string(b)), utf8.Valid(b)
	case c.whole != nil:
		text, ok := convert(c.whole, b)
		return clean(text), ok
	}
	s := switcher{charset: c, rule: r, g0: c.g0, g1: c.g1, out: make([]byte, 0, len(b)*2), ok: true}
	return s.decode(b), s.ok
}

// plain reports whether b is printable ASCII that every set reads alike.
func plain(b []byte, c *charset) bool {
	yen := c != nil && c.g0 == &romaji
	for _, ch := range b {
		if ch < 0x20 || ch >= 0x7F || yen && (ch == '\\' || ch == '~') {
			return false
		}
	}
	return true
}

func sevenBit(b []byte) bool {
	for _, ch := range b {
		if ch >= 0x80 || ch == esc {
			return false
		}
	}
	return true
}

// guess decodes what the declared sets do not explain: as UTF-8 if it is that (a character cut off at the end is dropped), by
// the multi-byte set that was declared with marks where it does not fit, else as Windows-1252, the Latin-1 that is written.
func guess(b []byte, c *charset) string {
	if whole := chop(b); utf8.Valid(whole) {
		return clean(string(whole))
	}
	switch {
	case c == nil:
	case c.g1 == &katakana: // seen: Shift-JIS declared as its half-width part
		if text, ok := convert(japanese.ShiftJIS, b); ok {
			return clean(text)
		}
	case c.whole != nil:
		text, _ := convert(c.whole, b)
		return clean(text)
	case c.g1 != nil && c.g1.width == 2 || c.spare != nil && c.spare.width == 2:
		s := switcher{charset: c, rule: VR("LT").rule(), g0: c.g0, g1: c.g1}
		return s.decode(b)
	}
	text, _ := convert(charmap.Windows1252, b)
	return clean(text)
}

// chop cuts a UTF-8 sequence off the end of b that was begun and not finished: values are cut to the length of their VR by
// systems that count bytes.
func chop(b []byte) []byte {
	for i := 1; i <= min(3, len(b)); i++ {
		if tail := b[len(b)-i:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

// convert decodes b whole; it reports whether every byte had a meaning.
func convert(e encoding.Encoding, b []byte) (string, bool) {
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD"), false
	}
	return string(out), !strings.ContainsRune(string(out), utf8.RuneError)
}

// clean drops control characters that no text has (PS3.5 6.1.3), and makes sure of UTF-8.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if control(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// control reports whether r is a control character other than TAB, LF, FF and CR.
func control(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\f' && r != '\r' || 0x7F <= r && r < 0xA0
}

// printable makes a declared term safe to show.
func printable(term string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7F {
			return '?'
		}
		return r
	}, term[:min(len(term), 64)])
}
