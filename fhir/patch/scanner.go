package patch

import (
	"strings"

	"lightbox/fhir"
)

// tokenKind is a kind of token of FHIRPath (FHIRPath 2.0 section 2, lexical elements).
type tokenKind int

const (
	endOfText tokenKind = iota
	aName               // an identifier, or one between backticks
	anInteger           // 0, 12, -1
	aDecimal            // 1.50
	aString             // between apostrophes
	aDate               // @2026-11-22, without the @
	aMark               // . [ ] ( ) = != $this
)

// scanner cuts an expression into tokens, one at a time.
type scanner struct {
	text  string
	start int // of the token
	end   int

	kind   tokenKind
	word   string // the token, or what stands between its quotes, decoded
	quoted bool   // between backticks: never a keyword, a type or a function
	err    *fhir.Error
}

func (s *scanner) fail(kind fhir.IssueType, detail string) {
	if s.err == nil {
		s.err = fhir.NewError(kind, detail)
	}
	s.kind, s.word, s.end = endOfText, "", len(s.text)
}

// next moves to the next token.
func (s *scanner) next() {
	for s.end < len(s.text) && strings.IndexByte(whiteSpace, s.text[s.end]) >= 0 {
		s.end++
	}
	s.start, s.quoted = s.end, false
	if s.end == len(s.text) {
		s.kind, s.word = endOfText, ""
		return
	}
	switch c := s.text[s.end]; {
	case isLetter(c):
		s.run(aName, 0, func(c byte) bool { return isLetter(c) || isDigit(c) })
	case isDigit(c), c == '-' && s.end+1 < len(s.text) && isDigit(s.text[s.end+1]):
		s.number()
	case c == '@':
		s.run(aDate, 1, func(c byte) bool { return isDigit(c) || strings.IndexByte("-:.TZ+", c) >= 0 })
	case c == '\'':
		s.between(aString, c)
	case c == '`':
		s.between(aName, c)
		s.quoted = true
	default:
		s.mark()
	}
}

func (s *scanner) run(kind tokenKind, skip int, in func(byte) bool) {
	s.end += skip
	for s.end < len(s.text) && in(s.text[s.end]) {
		s.end++
	}
	s.kind, s.word = kind, s.text[s.start+skip:s.end]
}

func (s *scanner) number() {
	if s.text[s.end] == '-' {
		s.end++
	}
	s.run(anInteger, 0, isDigit)
	if s.end+1 < len(s.text) && s.text[s.end] == '.' && isDigit(s.text[s.end+1]) {
		s.end++
		s.run(aDecimal, 0, isDigit)
	}
}

func (s *scanner) mark() {
	for _, mark := range []string{"$this", "!=", ".", "[", "]", "(", ")", "="} {
		if strings.HasPrefix(s.text[s.end:], mark) {
			s.kind, s.word = aMark, mark
			s.end += len(mark)
			return
		}
	}
	s.fail(fhir.NotSupported, "not a path that is supported: a character or operator it cannot have"+s.at())
}

// between reads what stands between two quotes, with the escapes of FHIRPath 2.0 section 4.1.2 but \u.
func (s *scanner) between(kind tokenKind, quote byte) {
	var b strings.Builder
	for i := s.end + 1; i < len(s.text); i++ {
		c := s.text[i]
		switch {
		case c == quote && kind == aName && b.Len() == 0:
			s.fail(fhir.Invalid, "an empty name"+s.at())
			return
		case c == quote:
			s.kind, s.word, s.end = kind, b.String(), i+1
			return
		case c == '\\' && i+1 < len(s.text):
			i++
			at := strings.IndexByte("'\"`\\/rntf", s.text[i])
			if at < 0 {
				s.fail(fhir.NotSupported, "an escape that is not supported"+s.at())
				return
			}
			c = "'\"`\\/\r\n\t\f"[at]
		}
		b.WriteByte(c)
	}
	s.fail(fhir.Invalid, "a quote that is not closed"+s.at())
}

// peek reports whether the text after the token begins with c.
func (s *scanner) peek(c byte) bool {
	rest := strings.TrimLeft(s.text[s.end:], whiteSpace)
	return rest != "" && rest[0] == c
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
