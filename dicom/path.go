package dicom

import (
	"fmt"
	"strconv"
	"strings"
)

// Path names an attribute: keywords joined by dots, sequences with an optional [item] (default 0):
// "RequestAttributesSequence[1].AccessionNumber". An attribute without a keyword is named by its tag, "(0009,1010)". Compile
// once, read often.
type Path struct {
	text  string
	steps []step
}

type step struct {
	tag  Tag
	item int
}

// maxSteps is the deepest path; no scan goes deeper by default.
const maxSteps = 64

// ParsePath compiles a path.
func ParsePath(text string) (Path, error) {
	names := strings.Split(text, ".")
	if len(names) > maxSteps {
		return Path{}, fmt.Errorf("dicom: path of %d steps is too deep", len(names))
	}
	p := Path{text, make([]step, len(names))}
	for i, name := range names {
		var err error
		if p.steps[i], err = parseStep(name); err != nil {
			return Path{}, fmt.Errorf("dicom: path %q: %w", text, err)
		}
	}
	return p, nil
}

// MustPath is ParsePath for tables at start: it panics on a bad path.
func MustPath(text string) Path {
	p, err := ParsePath(text)
	if err != nil {
		panic(err)
	}
	return p
}

// String returns the path as it was written.
func (p Path) String() string { return p.text }

// Tag returns the tag of the attribute that the path ends at, 0 for the zero Path.
func (p Path) Tag() Tag {
	if len(p.steps) == 0 {
		return 0
	}
	return p.steps[len(p.steps)-1].tag
}

func parseStep(text string) (step, error) {
	name, index, indexed := strings.Cut(text, "[")
	var s step
	if indexed {
		n, err := strconv.ParseUint(strings.TrimSuffix(index, "]"), 10, 31)
		if err != nil || !strings.HasSuffix(index, "]") {
			return step{}, fmt.Errorf("%q has no item number in its brackets", text)
		}
		s.item = int(n)
	}
	if t, ok := TagOf(name); ok {
		s.tag = t
		return s, nil
	}
	t, err := ParseTag(name)
	if err != nil {
		return step{}, fmt.Errorf("%q is no keyword of PS3.6", name)
	}
	s.tag = t
	return s, nil
}

// stepName is how a path names a tag. Repeating groups share one keyword, which means the first of them; the others go by tag.
func stepName(t Tag) string {
	keyword := Keyword(t)
	if named, ok := TagOf(keyword); ok && named == t {
		return keyword
	}
	return t.String()
}
