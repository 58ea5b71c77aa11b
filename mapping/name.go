package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

const nameRepresentation = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"

// personName is a PN value with its text cleaned.
type personName = dicom.PersonName

func personNames(list []dicom.PersonName) []personName {
	for i := range list {
		for _, group := range groups(&list[i]) {
			for c := range group.components {
				group.components[c] = clean(group.components[c])
			}
		}
	}
	return list
}

// group is one component group of a name (PS3.5 6.2.1.1) and the code of its representation.
type group struct {
	code       string
	components *[5]string
}

func groups(n *personName) []group {
	return []group{{"ABC", &n.Alphabetic}, {"IDE", &n.Ideographic}, {"SYL", &n.Phonetic}}
}

// humanNames makes one HumanName of each component group: they are one name in several scripts.
func humanNames(n personName, use *r4.NameUse) []r4.HumanName {
	var list []r4.HumanName
	for _, g := range groups(&n) {
		if isNoName(*g.components) {
			continue
		}
		one := humanName(*g.components, g.code == "ABC")
		one.Use = use
		one.Extension = []r4.Extension{{Url: nameRepresentation, ValueCode: new(g.code)}}
		list = append(list, one)
	}
	return list
}

// display is how a name is said in its first script, "" when there is none.
func display(n personName) string {
	for _, g := range groups(&n) {
		if !isNoName(*g.components) {
			return nameText(*g.components, g.code == "ABC")
		}
	}
	return ""
}

func humanName(c [5]string, alphabetic bool) r4.HumanName {
	given := slices.Concat(strings.Fields(c[1]), strings.Fields(c[2]))
	one := r4.HumanName{Family: text(c[0]), Given: given, Text: text(nameText(c, alphabetic))}
	if c[3] != "" {
		one.Prefix = []string{c[3]}
	}
	if c[4] != "" {
		one.Suffix = []string{c[4]}
	}
	return one
}

// nameText is how the name is said: "prefix given middle family, suffix"; family first in ideographic and phonetic groups.
func nameText(c [5]string, alphabetic bool) string {
	if !alphabetic {
		return strings.Join(cleaned([]string{c[0], c[1], c[2]}), " ")
	}
	s := strings.Join(cleaned([]string{c[3], c[1], c[2], c[0]}), " ")
	if c[4] != "" {
		s += ", " + c[4]
	}
	return s
}

// isNoName holds for an empty group and for the words that stand for no name.
func isNoName(c [5]string) bool {
	switch strings.ToUpper(strings.TrimSpace(strings.Join(c[:], " "))) {
	case "", "UNKNOWN", "ANONYMOUS", "ANONYMIZED", "NONAME", "NO NAME", "^^^^":
		return true
	}
	return false
}

// normalName is the form by which two spellings of one name at one source count as the same.
func normalName(n personName) string {
	var parts []string
	for _, g := range groups(&n) {
		parts = append(parts, strings.ToUpper(strings.Join(g.components[:], "^")))
	}
	return strings.Join(parts, "=")
}
