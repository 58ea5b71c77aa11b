package match

import (
	"slices"
	"strings"
	"unicode"

	"github.com/tidwall/gjson"

	"lightbox/fhir/search"
)

// Person is what is compared of a Patient resource.
type Person struct {
	Identifiers []Identifier
	Names       []Name
	BirthDate   string // as FHIR writes it, of any precision
	Gender      string // "male" or "female"; others tell nothing
	PostalCodes []string
	Telecoms    []string // digits of telephones, addresses of mail in lower case
	BirthOrder  int64    // Patient.multipleBirthInteger
}

// Identifier is a number of a person.
type Identifier struct{ System, Value string }

// Name is a name in one script, folded as search.Fold does.
type Name struct {
	Family string
	Given  []string
}

// ofEvents are kinds of numbers (HL7 table 0203) that are of a visit, an account or an order: a mother and her newborn may share one.
var ofEvents = []string{"AN", "VN", "ACSN", "PLAC", "FILL", "BSN"}

// Of reads a Patient. What is old, or somebody's temporarily, does not count.
func Of(body []byte) (Person, error) {
	p := gjson.ParseBytes(body)
	var o Person
	for _, one := range p.Get("identifier").Array() {
		value := strings.TrimSpace(one.Get("value").Str)
		kinds := one.Get("type.coding.#.code").Array()
		isEvents := slices.ContainsFunc(kinds, func(kind gjson.Result) bool { return slices.Contains(ofEvents, kind.Str) })
		if use := one.Get("use").Str; value != "" && use != "old" && use != "temp" && !isEvents {
			o.Identifiers = append(o.Identifiers, Identifier{one.Get("system").Str, value})
		}
	}
	for _, one := range p.Get("name").Array() {
		if n := nameOf(one); n.Family != "" || len(n.Given) > 0 {
			o.Names = append(o.Names, n)
		}
	}
	o.BirthDate, o.BirthOrder = p.Get("birthDate").Str, p.Get("multipleBirthInteger").Int()
	if g := p.Get("gender").Str; g == "male" || g == "female" {
		o.Gender = g
	}
	for _, one := range p.Get("address.#.postalCode").Array() {
		o.PostalCodes = append(o.PostalCodes, search.Fold(one.Str))
	}
	for _, one := range p.Get("telecom").Array() {
		if text := telecom(one.Get("system").Str, one.Get("value").Str); text != "" {
			o.Telecoms = append(o.Telecoms, text)
		}
	}
	if len(o.Identifiers)+len(o.Names)+len(o.Telecoms) == 0 && o.BirthDate == "" {
		return o, ErrNothing
	}
	return o, nil
}

func nameOf(name gjson.Result) Name {
	n := Name{Family: search.Fold(name.Get("family").Str)}
	for _, one := range name.Get("given").Array() {
		n.Given = append(n.Given, strings.Fields(search.Fold(one.Str))...)
	}
	if n.Family == "" && len(n.Given) == 0 { // a name in one piece: which part is which nobody knows
		n.Given = strings.Fields(search.Fold(name.Get("text").Str))
	}
	return n
}

// phoneDigits is how many digits of a telephone number tell it from others, without what is dialled before it abroad.
const phoneDigits = 9

func telecom(system, value string) string {
	if system == "email" {
		return strings.ToLower(strings.TrimSpace(value))
	}
	digits := strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, value)
	if len(digits) < phoneDigits {
		return ""
	}
	return digits[len(digits)-phoneDigits:]
}

// identifiers are the values of a system.
func (p Person) identifiers(system string) (values []string) {
	for _, one := range p.Identifiers {
		if one.System == system {
			values = append(values, one.Value)
		}
	}
	return values
}

// tokens are all parts of a name, sorted: some write the family last.
func (n Name) tokens() []string {
	list := append(strings.Fields(n.Family), n.Given...)
	slices.Sort(list)
	return list
}

// script is that of a name's first letter: names of two scripts are not compared, as nothing here transliterates.
func (n Name) script() string {
	for _, r := range n.Family + strings.Join(n.Given, "") {
		for _, name := range []string{"Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Han", "Hangul", "Hiragana", "Katakana", "Thai"} {
			if unicode.Is(unicode.Scripts[name], r) {
				return name
			}
		}
	}
	return ""
}
