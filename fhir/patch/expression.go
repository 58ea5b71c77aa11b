package patch

import (
	"strconv"

	"lightbox/fhir"
)

// The bounds of one path beside MaxPath.
const (
	maxSteps  = 64 // steps that follow one another
	maxNested = 8  // where() and parentheses inside one another
)

// path is a compiled FHIRPath expression of the subset that names elements of the resource itself: members, [n], first(),
// last(), single(), where() with comparisons to literals, ofType(), as, extension(). Each of them selects among elements that
// stand in the resource; what computes something new could not be patched.
type path []step

// parsePath compiles the text of a path.
func parsePath(text string) (path, *fhir.Error) {
	if len(text) > MaxPath {
		return nil, fhir.NewError(fhir.TooLong, "longer than "+strconv.Itoa(MaxPath)+" bytes")
	}
	p := parser{scanner: scanner{text: text}}
	p.next()
	steps := p.path()
	if p.kind != endOfText {
		p.unsupported("the end of the path")
	}
	return steps, p.err
}

func (steps path) from(t *tree, start []element) []element {
	found := start
	for _, s := range steps {
		if found = s(t, found); t.fault != nil {
			return nil
		}
	}
	return found
}

// parser reads an expression by recursive descent. The first error stays; after it all tokens are ends.
type parser struct {
	scanner
	nested int
}

// path = ( '(' path ')' | ['$this' | type | name] ) { '.' name | '.' function | '[' digits ']' } [ 'as' type ]
func (p *parser) path() path {
	var steps path
	switch {
	case p.take("("):
		p.enter()
		steps = p.path()
		p.expect(")")
		p.leave()
	case p.take("$this"):
	case p.kind == aName:
		steps = append(steps, p.first())
	default:
		p.unsupported("a name")
	}
	for p.err == nil && (p.is(".") && !p.atTest() || p.is("[")) {
		steps = append(steps, p.step())
		if len(steps) > maxSteps {
			p.fail(fhir.TooLong, "more than "+strconv.Itoa(maxSteps)+" steps")
		}
	}
	if p.takeWord("as") {
		steps = append(steps, ofType(p.typeName()))
	}
	return steps
}

// first reads the first name: of a type when it is capitalised, else of an element.
func (p *parser) first() step {
	if !p.quoted && p.word[0] >= 'A' && p.word[0] <= 'Z' {
		return ofResource(p.name())
	}
	if p.peek('(') {
		return p.function(p.name())
	}
	return child(p.name())
}

func (p *parser) step() step {
	if p.take("[") {
		n := p.digits()
		p.expect("]")
		return index(n)
	}
	p.expect(".")
	quoted, word := p.quoted, p.name()
	if !quoted && p.is("(") {
		return p.function(word)
	}
	return child(word)
}

func (p *parser) function(called string) step {
	p.expect("(")
	p.enter()
	var s step
	switch called {
	case "first":
		s = index(0)
	case "last":
		s = last
	case "single":
		s = single
	case "where":
		s = where(p.criteria())
	case "ofType", "as":
		s = ofType(p.typeName())
	case "extension":
		s = extension(p.string())
	default:
		p.fail(fhir.NotSupported, "a path may call first, last, single, where, ofType, as and extension"+p.at())
	}
	p.leave()
	p.expect(")")
	return s
}

func (p *parser) enter() {
	if p.nested++; p.nested > maxNested {
		p.fail(fhir.TooLong, "parentheses deeper than "+strconv.Itoa(maxNested)+" levels")
	}
}

func (p *parser) leave() { p.nested-- }

// digits reads an index. Beyond a million there is nothing to be found.
func (p *parser) digits() int {
	if p.kind != anInteger || len(p.word) > 6 || p.word[0] == '-' {
		p.unsupported("an index of at most six digits")
		return 0
	}
	n, _ := strconv.Atoi(p.word)
	p.next()
	return n
}

func (p *parser) name() string {
	word := p.word
	if p.kind != aName {
		p.unsupported("a name")
		return ""
	}
	p.next()
	return word
}

// typeName reads Quantity or FHIR.Quantity.
func (p *parser) typeName() string {
	if p.takeWord("FHIR") {
		p.expect(".")
	}
	return p.name()
}

func (p *parser) string() string {
	word := p.word
	if p.kind != aString {
		p.unsupported("a string")
		return ""
	}
	p.next()
	return word
}

// is, take and takeWord look at a token that is punctuation or a keyword.
func (p *parser) is(mark string) bool { return p.kind == aMark && p.word == mark }

func (p *parser) take(mark string) bool {
	if !p.is(mark) {
		return false
	}
	p.next()
	return true
}

func (p *parser) takeWord(word string) bool {
	if p.kind != aName || p.quoted || p.word != word {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(mark string) {
	if !p.take(mark) {
		p.unsupported("'" + mark + "'")
	}
}

// unsupported tells what would be understood, not what was written: that may hold somebody's name.
func (p *parser) unsupported(expected string) {
	p.fail(fhir.NotSupported, "not a path that is supported: expected "+expected+p.at())
}

func (s *scanner) at() string { return " at character " + strconv.Itoa(s.start) }
