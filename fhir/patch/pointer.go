package patch

import (
	"strconv"
	"strings"

	"lightbox/fhir"
)

// pointer is a JSON Pointer (RFC 6901), one decoded token a level. The empty one is the whole document.
type pointer []string

// parsePointer reads the text of a pointer. No token of it goes into an error: it may be somebody's name.
func parsePointer(text string) (pointer, *fhir.Error) {
	if len(text) > MaxPath {
		return nil, fhir.NewError(fhir.TooLong, "longer than "+strconv.Itoa(MaxPath)+" bytes")
	}
	if text == "" {
		return nil, nil
	}
	if text[0] != '/' {
		return nil, fhir.NewError(fhir.Invalid, "a JSON Pointer is empty or begins with a slash")
	}
	tokens := pointer(strings.Split(text[1:], "/"))
	if len(tokens) > fhir.MaxDepth {
		return nil, fhir.NewError(fhir.TooLong, "deeper than "+strconv.Itoa(fhir.MaxDepth)+" levels")
	}
	for i, token := range tokens {
		if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(token), "~") {
			return nil, fhir.NewError(fhir.Invalid, "a ~ in a JSON Pointer is written ~0, a slash ~1")
		}
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
	}
	return tokens, nil
}

// within reports whether p points to something inside of what other points to.
func (p pointer) within(other pointer) bool {
	if len(p) <= len(other) {
		return false
	}
	for i, token := range other {
		if p[i] != token {
			return false
		}
	}
	return true
}

// place is where a pointer leads: a member of an object or an element of an array.
type place struct {
	parent *node
	name   string // in an object
	index  int    // -1 when the object has no such member; one past the end of an array for "-"
	exists bool
}

// follow walks to the place that p, which is not empty, leads to. Only its last token may lead to nothing.
func (t *tree) follow(p pointer) (place, *fhir.Error) {
	n := t.root
	for level, token := range p {
		at, err := t.descend(n, token)
		if err != nil {
			return place{}, atToken(level, err)
		}
		if level == len(p)-1 {
			return at, nil
		}
		if !at.exists {
			return place{}, atToken(level, notHere("there is no such member"))
		}
		n = at.value()
	}
	return place{}, notHere("the path leads to the resource itself")
}

func (at place) value() *node { return at.parent.members[at.index].value }

func (t *tree) descend(n *node, token string) (place, *fhir.Error) {
	switch {
	case n.isObject():
		i := t.find(n, token)
		return place{parent: n, name: token, index: i, exists: i >= 0}, nil
	case n.isArray():
		return arrayPlace(n, len(t.children(n)), token)
	}
	return place{}, notHere("what holds it is neither an object nor an array")
}

// arrayPlace reads an index: digits without a leading zero, or "-" for the place after the last (RFC 6901 section 4).
func arrayPlace(n *node, length int, token string) (place, *fhir.Error) {
	if token == "-" {
		return place{parent: n, index: length}, nil
	}
	i, err := strconv.ParseUint(token, 10, 31)
	if err != nil || strconv.FormatUint(i, 10) != token {
		return place{}, notHere("not an index of an array")
	}
	if int(i) > length {
		return place{}, notHere("the index is beyond the end of the array, which has " + strconv.Itoa(length) + " elements")
	}
	return place{parent: n, index: int(i), exists: int(i) < length}, nil
}

func atToken(level int, e *fhir.Error) *fhir.Error {
	return fhir.NewError(e.Type, "token "+strconv.Itoa(level)+" of the path: "+e.Detail)
}
