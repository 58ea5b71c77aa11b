package naive

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/gofhir/fhirpath"
	"github.com/gofhir/fhirpath/types"
	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// element is one value that the expression of a parameter selects.
type element struct {
	datatype string // as FHIR spells it: CodeableConcept, dateTime
	json     gjson.Result
}

// selected returns the values that a resource has for a parameter.
func (d *document) selected(s scope, p *fhir.SearchParameter) []element {
	if p.Name == "_lastUpdated" {
		return []element{{"instant", str(d.LastUpdated.UTC().Format("2006-01-02T15:04:05.000000Z"))}}
	}
	if p.Name == "_id" {
		return []element{{"id", str(d.id)}}
	}
	read := s.look(d)
	if _, ok := read.values[p]; !ok {
		read.values[p] = evaluate(source{read.body, s}, p.Expression, p)
	}
	return read.values[p]
}

// source is the JSON that an expression is evaluated on, and what resolve() knows.
type source struct {
	body  []byte
	scope scope
}

// expressions are compiled once.
var expressions sync.Map

func compiled(expression string) *fhirpath.Expression {
	if known, ok := expressions.Load(expression); ok {
		return known.(*fhirpath.Expression)
	}
	e := fhirpath.MustCompile(resolvable(expression))
	expressions.Store(expression, e)
	return e
}

// resolvable lets "resolve() is Patient" hold for a reference that states its type and no more, as one by identifier may
// (FHIR R4 references.html#Reference: type is "the expected type of the target"): resolve() itself gives nothing there.
func resolvable(expression string) string {
	return regexp.MustCompile(`resolve\(\) is ([A-Za-z]+)`).ReplaceAllString(expression, "(resolve() is $1) or (type = '$1')")
}

// evaluate returns the elements that an expression selects for a parameter.
func evaluate(from source, expression string, p *fhir.SearchParameter) []element {
	found, err := compiled(expression).EvaluateWithOptions(keepDates(from.body), fhirpath.WithModel(asWritten{}),
		fhirpath.WithResolver(resolver(from)))
	if err != nil {
		panic(fmt.Sprintf("naive: %s on %s: %v", expression, from.body, err)) // a fault of the test's own means
	}
	var all []element
	for _, v := range found {
		all = append(all, elementOf(p, v))
	}
	return all
}

// elementOf tells the data type by the parameter or, where that has a choice, by the name of the element.
func elementOf(p *fhir.SearchParameter, v types.Value) element {
	e := element{v.Type(), gjson.Parse(v.String())}
	for _, t := range p.Datatypes {
		if len(p.Datatypes) == 1 || strings.EqualFold(t, e.datatype) {
			e.datatype = t
		}
	}
	if text, ok := v.(types.String); ok {
		e.json = str(text.Value())
	}
	if kept := e.json.Get(keptDate); kept.Exists() {
		e.json = kept
	}
	return e
}

func str(text string) gjson.Result { return gjson.Result{Type: gjson.String, Str: text} }

// keptDate is the member by which keepDates keeps a date as it is written.
const keptDate = "asWritten"

var choiceOfDate = regexp.MustCompile(`"([a-z][A-Za-z]*(?:DateTime|Instant))"\s*:\s*("[^"\\]*")`)

// keepDates makes an object of a choice that is a dateTime or instant: the library would read it to the millisecond, and
// forget which of the two it was.
func keepDates(body []byte) []byte {
	return choiceOfDate.ReplaceAll(body, []byte(`"$1":{"`+keptDate+`":$2}`))
}

// asWritten is the library's model of FHIR. It names the type of an element by its path, so that no text is taken for a date
// because it looks like one; choices are told by their names, and conversions between types are of no use to a search.
type asWritten struct{}

func (asWritten) ChoiceTypes(string) []string      { return nil }
func (asWritten) TypeOf(path string) string        { return path }
func (asWritten) ReferenceTargets(string) []string { return nil }
func (asWritten) ParentType(string) string         { return "" }
func (asWritten) ResolvePath(path string) string   { return path }

// IsSubtype: every resource is a Resource ("Resource.meta.lastUpdated").
func (a asWritten) IsSubtype(child, parent string) bool {
	return child == parent || parent == "Resource" && a.IsResource(child)
}

func (asWritten) IsResource(name string) bool {
	_, ok := fhir.R4().Type(name)
	return ok
}

// resolver answers resolve(): of a reference by its own text, for who asks "resolve() is Patient" wants the type that it
// names, whether that resource exists or not; of a contained resource by the resource.
type resolver source

func (r resolver) Resolve(_ context.Context, text string) ([]byte, error) {
	if id, ok := strings.CutPrefix(text, "#"); ok {
		contained := gjson.GetBytes(r.body, `contained.#(id=="`+id+`")`)
		return []byte(contained.Raw), nil
	}
	ref := parseReference(text, r.scope.Base)
	return fmt.Appendf(nil, `{"resourceType":%q}`, ref.resourceType), nil
}
