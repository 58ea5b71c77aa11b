package patch

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/fhir"
)

// The work that one patch may cause. A study of five thousand instances, searched by a hundred operations, stays far below.
const (
	maxNodes  = 250_000    // values read from the resource and the patch
	maxLooked = 32_000_000 // members looked at in search of a name
	lookCost  = 4          // what a look-up costs beside the members it passes
	maxIndent = 256        // bytes of a neighbour's white space that a new member repeats
)

// tree is a JSON document that is read only where somebody looks and written back byte for byte where nobody wrote.
type tree struct {
	root        *node
	lead, trail []byte // white space around the root

	nodes, looked, copied int
	fault                 *fhir.Error // the first bound that was passed; everything after it is void
	decoder               jsontext.Decoder
}

// node is one JSON value. Its text counts until it has members; those are read from the text when first asked for.
type node struct {
	text    []byte // without white space around; shared with others, so never written to
	members []member
	opened  bool
	emptied bool // its last member was taken out by the patch
}

// member is a member of an object or an element of an array, with all that stands around its value.
type member struct {
	head  []byte // from the comma or bracket before it to its value: white space, and in an object name and colon
	name  string // decoded; empty in an array
	value *node
	trail []byte // white space up to the comma or bracket after it
}

func newTree(document []byte) *tree {
	inner := bytes.TrimLeft(document, whiteSpace)
	lead := document[:len(document)-len(inner)]
	inner = bytes.TrimRight(inner, whiteSpace)
	return &tree{root: &node{text: inner}, lead: lead, trail: document[len(lead)+len(inner):]}
}

const whiteSpace = " \t\r\n"

func (n *node) isObject() bool { return n != nil && n.text[0] == '{' }
func (n *node) isArray() bool  { return n != nil && n.text[0] == '[' }
func (n *node) isString() bool { return n != nil && n.text[0] == '"' }
func (n *node) isNull() bool   { return n != nil && n.text[0] == 'n' }

// text returns the string that n holds, and "" when it holds something else.
func text(n *node) string {
	if !n.isString() {
		return ""
	}
	s, err := jsontext.AppendUnquote(nil, n.text)
	if err != nil {
		return ""
	}
	return string(s)
}

// children returns the members of an object or array, and none for any other value or after a fault.
func (t *tree) children(n *node) []member {
	if n.opened || !n.isObject() && !n.isArray() {
		return n.members
	}
	n.opened = true
	t.decoder.Reset(bytes.NewBuffer(n.text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := t.decoder.ReadToken(); err != nil {
		t.fail(fhir.Invalid, "not well-formed JSON")
	}
	for at := 1; t.fault == nil && !closing(t.decoder.PeekKind()); {
		var m member
		if m, at = t.readMember(n, at); t.fault == nil {
			n.members = append(n.members, m)
			t.spend(1)
		}
	}
	return n.members
}

func closing(k jsontext.Kind) bool { return k == '}' || k == ']' || k == 0 }

// readMember reads the member whose head begins at start and returns where the next one's does.
func (t *tree) readMember(n *node, start int) (m member, next int) {
	if n.isObject() {
		name, err := t.decoder.ReadToken()
		if err != nil {
			t.fail(fhir.Invalid, "not well-formed JSON")
			return m, start
		}
		m.name = name.String()
	}
	value, err := t.decoder.ReadValue()
	if err != nil {
		t.fail(fhir.Structure, "JSON is nested too deeply")
		return m, start
	}
	end := int(t.decoder.InputOffset())
	begin := end - len(value)
	rest := n.text[end:]
	m.trail = rest[:len(rest)-len(bytes.TrimLeft(rest, whiteSpace))]
	m.head, m.value = n.text[start:begin:begin], &node{text: n.text[begin:end:end]}
	return m, end + len(m.trail) + 1
}

// find returns the index of the member called name, and -1 when there is none.
func (t *tree) find(n *node, name string) int {
	if !n.isObject() {
		return -1
	}
	members := t.children(n)
	t.look(len(members))
	for i := range members {
		if members[i].name == name {
			return i
		}
	}
	return -1
}

// get returns the value of the member called name, and nil when there is none.
func (t *tree) get(n *node, name string) *node {
	i := t.find(n, name)
	if i < 0 {
		return nil
	}
	return n.members[i].value
}

// set gives the member called name a value: in its place when there is one, else as the last.
func (t *tree) set(n *node, name string, value *node) {
	if i := t.find(n, name); i >= 0 {
		n.members[i].value = value
		return
	}
	t.insert(n, len(n.members), name, value)
}

// insert puts a value before the i-th, spaced as its neighbour is. The name counts in objects alone.
func (t *tree) insert(n *node, i int, name string, value *node) {
	m := member{name: name, value: value}
	lead, colon := spacing(t.children(n), i)
	m.head = slices.Clone(lead)
	if n.isObject() {
		m.head, _ = jsontext.AppendQuote(m.head, name) // a name that came out of JSON is valid UTF-8
		m.head = append(m.head, colon...)
	}
	if i > 0 && i == len(n.members) {
		m.trail, n.members[i-1].trail = n.members[i-1].trail, nil
	}
	n.members = slices.Insert(n.members, i, m)
	t.spend(1)
}

// spacing returns the white space before a new i-th member and what it puts between name and value.
func spacing(members []member, i int) (lead, colon []byte) {
	colon = []byte(":")
	if len(members) == 0 {
		return nil, colon
	}
	head := members[max(i-1, 0)].head
	if len(head) > maxIndent {
		return nil, colon
	}
	if last := bytes.LastIndexByte(head, '"'); last >= 0 {
		colon = head[last+1:]
	}
	return head[:len(head)-len(bytes.TrimLeft(head, whiteSpace))], colon
}

// remove takes the i-th member out; its neighbour takes over the space to the bracket.
func (t *tree) remove(n *node, i int) *node {
	gone := t.children(n)[i]
	n.members = slices.Delete(n.members, i, i+1)
	switch {
	case len(n.members) == 0:
		n.text, n.emptied = slices.Concat(n.text[:1], n.text[len(n.text)-1:]), true
	case i == 0 && n.isArray():
		n.members[0].head = gone.head
	case i == len(n.members):
		n.members[i-1].trail = gone.trail
	}
	return gone.value
}

// size returns how many bytes n is written in.
func (n *node) size() int {
	if len(n.members) == 0 {
		return len(n.text)
	}
	size := 1 + len(n.members) // brackets and commas
	for _, m := range n.members {
		size += len(m.head) + m.value.size() + len(m.trail)
	}
	return size
}

func (n *node) append(to []byte) []byte {
	if len(n.members) == 0 {
		return append(to, n.text...)
	}
	to = append(to, n.text[0])
	for i, m := range n.members {
		if i > 0 {
			to = append(to, ',')
		}
		to = m.value.append(append(to, m.head...))
		to = append(to, m.trail...)
	}
	return append(to, n.text[len(n.text)-1])
}

// bytes writes the whole document.
func (t *tree) bytes() []byte {
	to := make([]byte, 0, len(t.lead)+t.root.size()+len(t.trail))
	return append(t.root.append(append(to, t.lead...)), t.trail...)
}

// clone returns a copy of n that shares no member with it.
func (t *tree) clone(n *node) *node {
	size := n.size()
	t.charge(size)
	if t.fault != nil {
		return n
	}
	return &node{text: n.append(make([]byte, 0, size))}
}

func (t *tree) fail(kind fhir.IssueType, detail string) {
	if t.fault == nil {
		t.fault = fhir.NewError(kind, detail)
	}
}

// spend counts values that were read or made.
func (t *tree) spend(nodes int) {
	if t.nodes += nodes; t.nodes > maxNodes {
		t.fail(fhir.TooCostly, "the patch touches more than "+strconv.Itoa(maxNodes)+" values")
	}
}

// look counts a look-up among so many members.
func (t *tree) look(members int) {
	if t.looked += members + lookCost; t.looked > maxLooked {
		t.fail(fhir.TooCostly, "the paths of the patch look at too many elements")
	}
}

// charge counts bytes that a copy or a test reads: twenty copies of a value into itself are a million of it.
func (t *tree) charge(size int) {
	if t.copied += size; t.copied > MaxSize {
		t.fail(fhir.TooCostly, "copies and tests read more than "+strconv.Itoa(MaxSize)+" bytes")
	}
}
