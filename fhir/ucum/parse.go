package ucum

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// Bounds of the text of a unit.
const (
	maxUnit    = 256 // bytes, of the text and of its dimension
	maxNesting = 16  // parentheses within parentheses
)

// Parse reads a unit by the grammar of UCUM (sections 3 to 12, exhibit 1) and its table of atoms. The error is a *fhir.Error that
// tells what is wrong and at which byte, and quotes nothing.
//
//	unit       = [ "/" ] term
//	term       = component { ( "." | "/" ) component }     from left to right: a/b.c is (a/b).c
//	component  = ( atom [ exponent ] | number [ sign exponent ] | "(" term ")" ) [ annotation ] | annotation
//	atom       = [ prefix ] symbol                         a prefix with metric symbols only
//	exponent   = [ sign ] digits                           sign is "+" or "-"
//	annotation = "{" graphic ASCII without braces "}"
func Parse(code string) (Unit, error) { return embedded().parse(code) }

func (t *table) parse(code string) (Unit, error) {
	if len(code) > maxUnit {
		return Unit{}, fhir.NewError(fhir.TooLong, fmt.Sprintf("a unit of more than %d bytes", maxUnit))
	}
	p := &parser{table: t, text: code}
	u, err := p.term(true)
	if err != nil {
		return Unit{}, err
	}
	if p.pos < len(p.text) {
		return Unit{}, p.fail("'.' or '/' is missing")
	}
	if len(u.Dimension()) > maxUnit {
		return Unit{}, fhir.NewError(fhir.TooLong, fmt.Sprintf("a unit with a dimension of more than %d bytes", maxUnit))
	}
	return u, nil
}

// parser reads one unit from left to right.
type parser struct {
	table *table
	text  string
	pos   int
	depth int
}

// term reads components. Only the whole unit may start with a slash (UCUM section 7).
func (p *parser) term(whole bool) (Unit, error) {
	var product Unit
	divide := whole && p.take('/')
	for {
		start := p.pos
		u, err := p.component()
		if err != nil {
			return Unit{}, err
		}
		if divide {
			product, err = product.over(u)
		} else {
			product, err = product.times(u)
		}
		if err != nil {
			return Unit{}, located(err, start)
		}
		if divide = p.take('/'); !divide && !p.take('.') {
			return product, nil
		}
	}
}

// component reads one factor of a term. UCUM's grammar has annotations after atoms alone; its own list of common units has
// /100{WBC} and (8.h){shift} too.
func (p *parser) component() (u Unit, err error) {
	switch {
	case p.next() == '{':
		return Unit{}, p.annotation()
	case p.next() == '(':
		u, err = p.parenthesis()
	case isDigit(p.next()) && !isTen(p.text[p.pos:]):
		u, err = p.number()
	default:
		u, err = p.atom()
	}
	if err == nil && p.next() == '{' {
		err = p.annotation()
	}
	return u, err
}

func (p *parser) parenthesis() (Unit, error) {
	start := p.pos
	if p.depth++; p.depth > maxNesting {
		return Unit{}, p.failAs(fhir.TooCostly, fmt.Sprintf("more than %d parentheses within each other", maxNesting))
	}
	p.take('(')
	u, err := p.term(false)
	if err != nil {
		return Unit{}, err
	}
	if !p.take(')') {
		p.pos = start
		return Unit{}, p.fail("the parenthesis is not closed")
	}
	p.depth--
	return u, nil
}

// annotation skips what is in braces: it has no meaning (UCUM section 6).
func (p *parser) annotation() error {
	start := p.pos
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case c == '}':
			p.pos++
			return nil
		case c <= ' ' || c > '~' || c == '{':
			return p.fail("an annotation holds graphic ASCII characters without braces")
		}
	}
	p.pos = start
	return p.fail("the annotation is not closed")
}

// number reads an integer factor, with a power if a sign tells where its exponent starts: 2+10 is 1024 (UCUM sections 8 and 9).
// 0 is none (section 8): nothing divides by it.
func (p *parser) number() (Unit, error) {
	start := p.pos
	u := number(p.digits())
	if u.factor.Sign() == 0 {
		p.pos = start
		return Unit{}, p.fail("the factor is 0")
	}
	return p.raised(u, start)
}

// atom reads a symbol, with or without prefix and exponent.
func (p *parser) atom() (Unit, error) {
	start := p.pos
	length, closed := symbolLength(p.text[p.pos:])
	switch {
	case !closed:
		return Unit{}, p.fail("the bracket is not closed")
	case length == 0:
		return Unit{}, p.fail("a unit is missing")
	}
	u, ok := p.table.lookup(p.text[p.pos : p.pos+length])
	if !ok {
		return Unit{}, p.fail("no such unit")
	}
	p.pos += length
	return p.raised(u, start)
}

// raised raises what started at start to the exponent that follows.
func (p *parser) raised(u Unit, start int) (Unit, error) {
	e, err := p.exponent()
	if err != nil {
		return Unit{}, err
	}
	if u, err = u.power(e); err != nil {
		return Unit{}, located(err, start)
	}
	return u, nil
}

// exponent reads an exponent, 1 where there is none.
func (p *parser) exponent() (int, error) {
	start := p.pos
	negative := p.take('-')
	signed := negative || p.take('+')
	digits := p.digits()
	switch {
	case digits == "" && signed:
		return 0, p.fail("the exponent has no digits")
	case digits == "":
		return 1, nil
	}
	e, err := strconv.Atoi(digits)
	if err != nil || e > maxExponent {
		return 0, located(errExponent, start)
	}
	if negative {
		e = -e
	}
	return e, nil
}

// digits takes the digits that follow.
func (p *parser) digits() string {
	start := p.pos
	for isDigit(p.next()) {
		p.pos++
	}
	return p.text[start:p.pos]
}

// next returns the next byte, and 0, which no unit holds, at the end.
func (p *parser) next() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.pos++
	return true
}

func (p *parser) fail(reason string) error { return p.failAs(fhir.Value, reason) }

func (p *parser) failAs(t fhir.IssueType, reason string) error {
	return located(fhir.NewError(t, reason), p.pos)
}

// located adds to an error at which byte of the unit, from 1, it is.
func located(err error, pos int) error {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return err
	}
	return fhir.NewError(e.Type, fmt.Sprintf("%s, at byte %d of the unit", e.Detail, pos+1))
}

// symbolLength returns how many bytes of text are a symbol. In square brackets (UCUM section 5) anything is part of it.
func symbolLength(text string) (length int, closed bool) {
	if isTen(text) {
		return len("10*"), true
	}
	for length < len(text) && !isDigit(text[length]) && strings.IndexByte("./(){}+-]", text[length]) < 0 {
		if text[length] == '[' {
			bracket := strings.IndexByte(text[length:], ']')
			if bracket < 0 {
				return length, false
			}
			length += bracket
		}
		length++
	}
	return length, true
}

// isTen reports whether text starts with one of the atoms 10* and 10^, the only ones that start with a digit.
func isTen(text string) bool { return strings.HasPrefix(text, "10*") || strings.HasPrefix(text, "10^") }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
