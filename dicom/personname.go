package dicom

import "strings"

// PersonName is a PN value: three component groups of family, given, middle, prefix, suffix (PS3.5 6.2.1).
type PersonName struct {
	Alphabetic, Ideographic, Phonetic [5]string
}

// Names returns the person names at a path. Empty values are left out.
func (d *Dataset) Names(p Path) []PersonName {
	var names []PersonName
	for _, text := range d.Texts(p) {
		if n := parsePersonName(text); n != (PersonName{}) {
			names = append(names, n)
		}
	}
	return names
}

func parsePersonName(text string) (n PersonName) {
	groups := strings.SplitN(text, "=", 4)
	for i, group := range []*[5]string{&n.Alphabetic, &n.Ideographic, &n.Phonetic} {
		if i < len(groups) {
			*group = components(groups[i])
		}
	}
	return n
}

// components parts a group at its carets. What stands after the fifth component belongs to none and is dropped.
func components(group string) (c [5]string) {
	for i, part := range strings.SplitN(group, "^", 6) {
		if i < len(c) {
			c[i] = strings.Trim(part, " \x00")
		}
	}
	return c
}
