package mapping

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// clean makes a FHIR string of DICOM text: control characters but tab and line breaks are dropped, padding is trimmed
// (FHIR R4 datatypes.html#string).
func clean(s string) string { return strings.TrimSpace(cleanLines(s)) }

// cleanLines is clean for text whose lines are laid out with spaces.
func cleanLines(s string) string {
	if !strings.ContainsFunc(s, isControl) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\r' || c == '\f':
			return '\n'
		case isControl(c) && c != '\n' && c != '\t':
			return -1
		}
		return c
	}, s)
}

func isControl(c rune) bool { return unicode.IsControl(c) }

// isDoubleEncoded holds for UTF-8 that somebody took for Windows-1252 or Latin-1 and encoded once more: every character is of that set, and
// their bytes are UTF-8 with characters of several bytes, which no real text in that set is.
func isDoubleEncoded(s string) bool {
	bytes, wide := make([]byte, 0, 64), false
	for _, c := range s {
		b, ok := charmap.Windows1252.EncodeRune(c)
		if !ok && c < 0x100 {
			b, ok = byte(c), true
		}
		if !ok {
			return false
		}
		bytes, wide = append(bytes, b), wide || b >= 0x80
	}
	return wide && utf8.Valid(bytes)
}

// cleaned cleans several values and drops the empty ones.
func cleaned(texts []string) []string {
	var list []string
	for _, s := range texts {
		if s = clean(s); s != "" {
			list = append(list, s)
		}
	}
	return list
}

// code makes a FHIR code: single blanks inside only (FHIR R4 datatypes.html#code).
func code(s string) string { return strings.Join(strings.Fields(s), " ") }

// text returns a pointer for a FHIR element, nil for the empty string.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
