package validate

import (
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// reporter collects the findings of google/fhir.
type reporter struct{ findings []*fhir.Error }

// ReportValidationError implements errorreporter.ErrorReporter.
func (r *reporter) ReportValidationError(_ string, err error) error {
	r.add(err)
	return nil
}

// ReportValidationWarning implements errorreporter.ErrorReporter. Warnings refuse nothing.
func (r *reporter) ReportValidationWarning(string, error) error { return nil }

// add takes an error apart. Its type is internal to google/fhir: a struct with the strings Path, Details and Diagnostics, or a
// list of them. Details are free of values by that module's own rule; Diagnostics quote them, so of those only the name of an unknown
// element is taken, which nothing else tells.
func (r *reporter) add(err error) {
	v := reflect.ValueOf(err)
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			if item, ok := v.Index(i).Interface().(error); ok {
				r.add(item)
			}
		}
		return
	}
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct || !v.Elem().FieldByName("Details").IsValid() {
		r.findings = append(r.findings, fhir.NewError(fhir.Structure, "the structure cannot be read").Because(err))
		return
	}
	details, path := v.Elem().FieldByName("Details").String(), v.Elem().FieldByName("Path").String()
	if details == "unknown field" {
		name, _ := strconv.Unquote(v.Elem().FieldByName("Diagnostics").String())
		details = "unknown element" + quotedName(name)
	}
	r.findings = append(r.findings, fhir.NewError(issueType(details), details).At(innerType.ReplaceAllString(path, "$1")))
}

// innerType is the name that google/fhir puts behind the element that holds a resource; no such element exists.
var innerType = regexp.MustCompile(`(\.resource)\.[A-Za-z]+`)

// issueType sorts google/fhir's texts into FHIR's issue types.
func issueType(details string) fhir.IssueType {
	if strings.HasPrefix(details, "missing required field") {
		return fhir.Required
	}
	for _, about := range []string{"unknown element", "unknown resource type", "invalid JSON", "expected array",
		"array length mismatch", "cannot accept multiple values", "invalid extension field", "invalid field", "field exceeded"} {
		if strings.HasPrefix(details, about) {
			return fhir.Structure
		}
	}
	return fhir.Value
}

// isElementName reports whether R4 could have an element, or extensions of one, of that name.
func isElementName(name string) bool {
	name = strings.TrimPrefix(name, "_")
	return isWord(name) && 'a' <= name[0] && name[0] <= 'z'
}

// quotedName shows a name that looks like one. Anything else that stands in the place of a name is withheld.
func quotedName(name string) string {
	if !isWord(strings.TrimPrefix(name, "_")) {
		return ""
	}
	return " " + strconv.Quote(name)
}

func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' && i > 0) {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 64
}
