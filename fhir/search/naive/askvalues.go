package naive

import (
	"strings"

	"pgregory.net/rapid"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

var escaper = strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`)

// alternative returns what draws one value of a parameter, escaped.
func (g generator) alternative(p *fhir.SearchParameter, modifier string) func() string {
	switch p.Kind {
	case fhir.KindToken:
		return func() string { return g.token(p, modifier) }
	case fhir.KindReference:
		return func() string { return g.reference(p, modifier) }
	case fhir.KindString:
		return func() string { return escaper.Replace(g.words(p, modifier)) }
	case fhir.KindURI:
		return func() string { return escaper.Replace(g.uri(p, modifier)) }
	case fhir.KindDate:
		return func() string { return g.prefix() + pick(g, timesOf(p)) }
	case fhir.KindNumber:
		return func() string { return g.prefix() + pick(g, []string{"0", "1", "99", "100", "100.0", "1.0e2", "55"}) }
	case fhir.KindQuantity:
		return g.amount
	case fhir.KindComposite:
		return func() string { return g.composite(p) }
	}
	return g.near
}

func (g generator) prefix() string { return pick(g, append([]string{"", ""}, prefixes...)) }

// timesOf: days for what people are born on; what was updated was so in our time.
func timesOf(p *fhir.SearchParameter) []string {
	switch p.Name {
	case "birthdate":
		return days
	case "_lastUpdated":
		return []string{"2020", "2100"}
	}
	return askedTimes
}

// token draws code, system|code, system| or |code, in another case at times.
func (g generator) token(p *fhir.SearchParameter, modifier string) string {
	if p.Name == "_id" {
		return g.idsOf(p.Type)()
	}
	switch p.Datatypes[0] {
	case "Identifier":
		return g.identifierToken(modifier)
	case "ContactPoint":
		return pick(g, phones)
	case "boolean":
		return pick(g, []string{"true", "false"})
	case "id":
		return pick(g, append(uids[:len(uids):len(uids)], "urn:oid:1.2.3"))
	case "code":
		code := pick(g, codePools[p.Type+"."+p.Name])
		if p.System != "" && g.oneIn(4) {
			return p.System + "|" + pick(g, []string{code, ""})
		}
		return pick(g, []string{code, code, strings.ToUpper(code)})
	}
	c := pick(g, codingsOf(p))
	if modifier == "text" {
		return escaper.Replace(g.start(pick(g, append(conceptTexts[:len(conceptTexts):len(conceptTexts)], "heart", "pressure", c.display+"x"))))
	}
	return g.systemAndCode(c.system, c.code)
}

func codingsOf(p *fhir.SearchParameter) []coding {
	switch p.Name {
	case "clinical-status":
		return clinicalStatus
	case "verification-status":
		return verificationStatus
	}
	return codings
}

func (g generator) systemAndCode(system, code string) string {
	code, system = escaper.Replace(code), escaper.Replace(system)
	switch rapid.IntRange(0, 5).Draw(g.t, "form") {
	case 0:
		if system != "" {
			return system + "|"
		}
	case 1:
		if code != "" {
			return "|" + code
		}
	case 2:
		if code != "" {
			return pick(g, []string{strings.ToUpper(code), code})
		}
	}
	if code == "" || system != "" && g.oneIn(2) {
		return system + "|" + code
	}
	return code
}

func (g generator) identifierToken(modifier string) string {
	switch value := pick(g, identifierValues); modifier {
	case "of-type":
		c := pick(g, identifierTypes)
		return c.system + "|" + c.code + "|" + escaper.Replace(value)
	case "text":
		return escaper.Replace(g.start(pick(g, append(typeTexts[:len(typeTexts):len(typeTexts)], "record", "local"))))
	default:
		return g.systemAndCode(pick(g, identifierSystems), value)
	}
}

// start draws the beginning of a text that has a letter or digit in it.
func (g generator) start(text string) string {
	runes := []rune(text)
	start := string(runes[:rapid.IntRange(1, len(runes)).Draw(g.t, "length")])
	if search.Fold(start) == "" {
		return text
	}
	return start
}

// words draws a string as its parameter's elements have it, or a part of one.
func (g generator) words(p *fhir.SearchParameter, modifier string) string {
	pool := sayings
	switch {
	case p.Name == "family", p.Name == "name" && p.Datatypes[0] == "HumanName", p.Name == "phonetic":
		pool = append(append(families[:len(families)-1:len(families)-1], fullName...), "james")
	case p.Name == "given":
		pool = givens
	case strings.HasPrefix(p.Name, "address"):
		pool = append(append(cities[:len(cities):len(cities)], sayings...), "DE", "101")
	case p.Name == "device-name", p.Name == "value-string":
		pool = append(append(sayings[:len(sayings):len(sayings)], conceptTexts...), "Systolic pressure", "КТ")
	case p.Name == "udi-di":
		pool = uids
	}
	text := pick(g, pool)
	switch modifier {
	case "exact":
		return text
	case "contains":
		return g.middle(text)
	}
	return pick(g, []string{text, strings.ToUpper(g.start(text)), g.start(text)})
}

// middle draws what stands somewhere in a text, with a letter or digit in it.
func (g generator) middle(text string) string {
	runes := []rune(text)
	middle := string(runes[rapid.IntRange(0, len(runes)-1).Draw(g.t, "from"):])
	if search.Fold(middle) == "" {
		return text
	}
	return g.start(middle)
}

func (g generator) uri(p *fhir.SearchParameter, modifier string) string {
	pool := uris
	if p.Datatypes[0] == "canonical" {
		pool = versions
	}
	if modifier != "" {
		return pick(g, []string{"http://a.org/", "http://a.org/x", "http://a.org/x/y", "http://a.org/x/yz/1"})
	}
	return pick(g, pool)
}

// amount draws a quantity with or without a unit.
func (g generator) amount() string {
	value := g.prefix() + pick(g, append([]string{"0.0054", "1", "45"}, decimals...))
	m := pick(g, measures)
	switch rapid.IntRange(0, 3).Draw(g.t, "unit") {
	case 0:
		return value
	case 1:
		if code := m[1] + m[2]; code != "" {
			return value + "||" + pick(g, []string{"mg", "g", "mmHg"})
		}
		return value
	}
	if m[1] == "" {
		return value
	}
	return value + "|" + m[0] + "|" + m[1]
}

// reference draws an id, Type/id, URL, or for :identifier a token.
func (g generator) reference(p *fhir.SearchParameter, modifier string) string {
	if p.Datatypes[0] == "canonical" {
		return escaper.Replace(pick(g, versions))
	}
	if modifier == "identifier" {
		return g.identifierToken("")
	}
	targets := targetsOf(p)
	if modifier != "" {
		targets = []string{modifier}
	}
	if len(targets) == 0 {
		return "gone"
	}
	target := pick(g, targets)
	id := g.idsOf(target)()
	switch rapid.IntRange(0, 5).Draw(g.t, "form") {
	case 0:
		return "http://other.example/fhir/" + target + "/a"
	case 1:
		return target + "/" + id + "/_history/2"
	case 2, 3:
		return target + "/" + id
	}
	return id
}

func targetsOf(p *fhir.SearchParameter) []string {
	var all []string
	for _, t := range Types {
		if p.MayTarget(t) {
			all = append(all, t)
		}
	}
	return all
}

// composite draws two values joined by $, the first with a code that is often there.
func (g generator) composite(p *fhir.SearchParameter) string {
	one := g.alternative(p.Components[0].Param, "")()
	if p.Type == "Observation" && !g.oneIn(4) {
		c := pick(g, codings[:measuredCodes])
		one = pick(g, []string{c.code, c.system + "|" + c.code, c.system + "|"})
	}
	return one + "$" + g.alternative(p.Components[1].Param, "")()
}

func (g generator) near() string {
	at := pick(g, places)
	far := pick(g, []string{"10", "50|km", "200|km", "5000|m", "100|[mi_i]"})
	return at[0] + "|" + at[1] + "|" + far
}
