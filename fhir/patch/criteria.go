package patch

import "slices"

// criterion is the condition of a where().
type criterion func(t *tree, e element) bool

// criteria = all { 'or' all }; all = term { 'and' term }
func (p *parser) criteria() criterion {
	either := []criterion{p.all()}
	for p.takeWord("or") {
		either = append(either, p.all())
	}
	return func(t *tree, e element) bool {
		return slices.ContainsFunc(either, func(c criterion) bool { return c(t, e) })
	}
}

func (p *parser) all() criterion {
	all := []criterion{p.term()}
	for p.takeWord("and") {
		all = append(all, p.term())
	}
	return func(t *tree, e element) bool {
		return !slices.ContainsFunc(all, func(c criterion) bool { return !c(t, e) })
	}
}

// term = '(' criteria ')' | path ( '.exists()' | '.empty()' | '=' literal | '!=' literal )
func (p *parser) term() criterion {
	if p.take("(") {
		p.enter()
		c := p.criteria()
		p.leave()
		p.expect(")")
		return c
	}
	left := p.path()
	switch {
	case p.take("."):
		return p.existence(left)
	case p.take("="):
		return comparison(left, p.literal(), true)
	case p.take("!="):
		return comparison(left, p.literal(), false)
	}
	p.unsupported("exists(), empty(), = or !=")
	return never
}

func never(*tree, element) bool { return false }

// tests are the functions that end a term of a where().
var tests = []string{"exists", "empty"}

// atTest reports whether one of the tests follows the dot.
func (p *parser) atTest() bool {
	s := p.scanner
	s.next()
	return s.kind == aName && !s.quoted && slices.Contains(tests, s.word) && s.peek('(')
}

func (p *parser) existence(left path) criterion {
	exists := p.name() == "exists"
	p.expect("(")
	p.expect(")")
	return func(t *tree, e element) bool { return (len(left.from(t, []element{e})) > 0) == exists }
}

// comparison compares as FHIRPath 2.0 section 6.1 says: no element compares to nothing, so neither operator holds; several
// elements are not equal to one literal.
func comparison(left path, equals func(*node) bool, want bool) criterion {
	return func(t *tree, e element) bool {
		found := left.from(t, []element{e})
		switch len(found) {
		case 0:
			return false
		case 1:
			return (found[0].value != nil && equals(found[0].value)) == want
		}
		return !want
	}
}

// literal reads what a member is compared to.
func (p *parser) literal() func(*node) bool {
	kind, word := p.kind, p.word
	switch {
	case kind == aString, kind == aDate:
		p.next()
		return func(n *node) bool { return n.isString() && text(n) == word }
	case kind == anInteger, kind == aDecimal:
		p.next()
		return func(n *node) bool { return isNumber(n) && sameNumber(string(n.text), word) }
	case p.takeWord("true"), p.takeWord("false"):
		return func(n *node) bool { return string(n.text) == word }
	}
	p.unsupported("a string, number, date, true or false")
	return func(*node) bool { return false }
}

func isNumber(n *node) bool { return isDigit(n.text[0]) || n.text[0] == '-' }
