package mapping

import (
	"strings"
	"unicode"
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
