package server

import (
	"net/http"
	"strings"

	"lightbox/fhir"
)

// prefer is the Prefer header, FHIR R4 http.html#ops and search.html#errors. What is not known is left out, as RFC 7240 2 demands:
// fhirclient asks each patch for return=presentation. A handling that is not known is a mistake worth telling: who means strict and
// gets lenient takes a wider answer for a narrower.
type prefer struct {
	result string // minimal, representation, OperationOutcome
	strict bool   // handling=strict
}

func parsePrefer(h http.Header) (prefer, error) {
	p := prefer{result: "representation"}
	for _, pref := range strings.FieldsFunc(strings.Join(h.Values("Prefer"), ","), isListSeparator) {
		name, value, _ := strings.Cut(pref, "=")
		value = strings.Trim(strings.TrimSpace(value), `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "return":
			if value == "minimal" || value == "representation" || value == "OperationOutcome" {
				p.result = value
			}
		case "handling":
			if value != "strict" && value != "lenient" {
				return p, fhir.NewError(fhir.Value, "Prefer: handling is strict or lenient")
			}
			p.strict = value == "strict"
		}
	}
	return p, nil
}

// ofBundle is what holds for the entries of a Bundle. Without a preference they are answered in the least form: what they would
// give back is mostly what just came.
func (p prefer) ofBundle(h http.Header) prefer {
	for _, pref := range strings.FieldsFunc(strings.Join(h.Values("Prefer"), ","), isListSeparator) {
		if name, _, _ := strings.Cut(pref, "="); strings.EqualFold(strings.TrimSpace(name), "return") {
			return p
		}
	}
	p.result = "minimal"
	return p
}

func isListSeparator(r rune) bool { return r == ',' || r == ';' }
