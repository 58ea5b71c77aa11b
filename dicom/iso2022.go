package dicom

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// graphicSet is one code element of ISO 2022: a set of characters for the lower half of the bytes (G0) or the upper one (G1).
type graphicSet struct {
	ir     string // registration number, "87"
	escape string // what follows ESC to switch to it
	high   bool   // in G1
	width  int    // bytes of a character
	one    func(byte) rune
	many   encoding.Encoding // of two-byte characters with the high bits set,
	prefix byte              // each behind this byte, if any
}

// The sets that more than the table refers to.
var (
	ascii  = graphicSet{ir: "6", escape: "(B", width: 1, one: func(b byte) rune { return rune(b) }}
	romaji = graphicSet{ir: "14", escape: "(J", width: 1, one: func(b byte) rune {
		switch b {
		case '\\':
			return '¥'
		case '~':
			return '‾'
		}
		return rune(b)
	}}
	katakana = graphicSet{ir: "13", escape: ")I", high: true, width: 1, one: func(b byte) rune {
		if b < 0xA1 || b > 0xDF {
			return utf8.RuneError
		}
		return 0xFF61 + rune(b-0xA1)
	}}
)

// graphicSets are those of PS3.3 tables C.12-2 to C.12-4.
var graphicSets = [...]*graphicSet{
	&ascii, &romaji, &katakana,
	upperHalf("100", "-A", charmap.ISO8859_1),
	upperHalf("101", "-B", charmap.ISO8859_2),
	upperHalf("109", "-C", charmap.ISO8859_3),
	upperHalf("110", "-D", charmap.ISO8859_4),
	upperHalf("144", "-L", charmap.ISO8859_5),
	upperHalf("127", "-G", charmap.ISO8859_6),
	upperHalf("126", "-F", charmap.ISO8859_7),
	upperHalf("138", "-H", charmap.ISO8859_8),
	upperHalf("148", "-M", charmap.ISO8859_9),
	upperHalf("203", "-b", charmap.ISO8859_15),
	upperHalf("166", "-T", charmap.Windows874), // TIS 620 and a few signs below 0xA0, which are refused
	{ir: "87", escape: "$B", width: 2, many: japanese.EUCJP},
	{ir: "87", escape: "$@", width: 2, many: japanese.EUCJP}, // its edition of 1978
	{ir: "159", escape: "$(D", width: 2, many: japanese.EUCJP, prefix: 0x8F},
	{ir: "149", escape: "$)C", high: true, width: 2, many: korean.EUCKR},
	{ir: "58", escape: "$)A", high: true, width: 2, many: simplifiedchinese.GBK},
}

func upperHalf(ir, escape string, m *charmap.Charmap) *graphicSet {
	return &graphicSet{ir: ir, escape: escape, high: true, width: 1, one: func(b byte) rune {
		if b < 0xA0 {
			return utf8.RuneError // a control character, which no text has
		}
		return m.DecodeByte(b)
	}}
}

func graphicSetOf(ir string) *graphicSet {
	for _, set := range graphicSets {
		if set.ir == ir {
			return set
		}
	}
	return nil
}

// switcher decodes one value by ISO 2022, as far as PS3.5 6.1.2.5 admits it.
type switcher struct {
	*charset
	rule   *vrRule
	g0, g1 *graphicSet // in force
	out    []byte
	run    []byte      // characters of a two-byte set that are not decoded yet,
	runSet *graphicSet // which is this one
	ok     bool        // every byte had a meaning so far
}

const esc = 0x1B

func (s *switcher) decode(b []byte) string {
	for len(b) > 0 {
		b = b[s.step(b):]
	}
	s.flush()
	return string(s.out)
}

// step decodes what b starts with and returns its length.
func (s *switcher) step(b []byte) int {
	switch c := b[0]; {
	case c == esc:
		return s.escape(b)
	case c < 0x20 || c == 0x7F:
		s.reset()
		if !control(rune(c)) {
			s.write(rune(c))
		}
		return 1
	case c == ' ':
		s.write(' ')
		return 1
	case c < 0x80:
		if s.g0.width == 1 && s.delimits(c) {
			s.reset()
			s.write(rune(c))
			return 1
		}
		return s.character(b, s.g0)
	default:
		if s.g1 == nil && s.spare != nil {
			s.g1, s.ok = s.spare, false
		}
		return s.character(b, s.g1)
	}
}

// escape switches sets. An unknown sequence loses its ESC and stays as text.
func (s *switcher) escape(b []byte) int {
	for _, set := range graphicSets {
		if strings.HasPrefix(string(b[1:min(len(b), 4)]), set.escape) {
			if set.high {
				s.g1 = set
			} else {
				s.g0 = set
			}
			return 1 + len(set.escape)
		}
	}
	s.ok = false
	return 1
}

// delimits reports whether the sets of value 1 are in force again after c (PS3.5 6.1.2.5.3).
func (s *switcher) delimits(c byte) bool {
	return c == '\\' && !s.rule.single || s.rule.vr == "PN" && (c == '^' || c == '=')
}

// reset puts the sets of value 1 in force. Where that has none for the upper half the last one stays: systems forget to switch
// again, and nothing else could be meant.
func (s *switcher) reset() {
	s.g0 = s.charset.g0
	if s.charset.g1 != nil {
		s.g1 = s.charset.g1
	}
}

func (s *switcher) write(r rune) {
	s.flush()
	s.out = utf8.AppendRune(s.out, r)
}

// lost marks a byte that has no meaning.
func (s *switcher) lost() int {
	s.ok = false
	s.write(utf8.RuneError)
	return 1
}

// character decodes one character of a set and returns its length.
func (s *switcher) character(b []byte, set *graphicSet) int {
	if set == nil {
		return s.lost()
	}
	if set.width == 1 {
		r := set.one(b[0])
		s.ok = s.ok && r != utf8.RuneError
		s.write(r)
		return 1
	}
	if len(b) < 2 || (b[0]^b[1])&0x80 != 0 || b[0]&0x7F <= 0x20 || b[1]&0x7F <= 0x20 || b[0]&0x7F == 0x7F || b[1]&0x7F == 0x7F {
		return s.lost()
	}
	if s.runSet != set {
		s.flush()
		s.runSet = set
	}
	if set.prefix != 0 {
		s.run = append(s.run, set.prefix)
	}
	s.run = append(s.run, b[0]|0x80, b[1]|0x80)
	return 2
}

// flush decodes the characters that were gathered.
func (s *switcher) flush() {
	if len(s.run) == 0 {
		return
	}
	text, ok := convert(s.runSet.many, s.run)
	s.out = append(s.out, text...)
	s.ok = s.ok && ok
	s.run = s.run[:0]
}
