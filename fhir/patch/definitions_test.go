package patch_test

import (
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"lightbox/fhir"
	"lightbox/fhir/patch"
)

// Each row of the table is kept: an element that repeats becomes a list and grows, one that does not is set once; a choice has
// its type in its name.
func TestEveryElement(t *testing.T) {
	for _, row := range elements(t) {
		of, name, ok := strings.Cut(row[0], ".")
		if _, served := fhir.R4().Type(of); !ok || !served || strings.Contains(name, ".") {
			continue
		}
		for datatype := range strings.SplitSeq(row[2], ",") {
			json, ok := sample(datatype)
			if !ok {
				continue
			}
			t.Run(row[0]+" "+datatype, func(t *testing.T) {
				name, choice := strings.CutSuffix(name, "[x]")
				capital := strings.ToUpper(datatype[:1]) + datatype[1:]
				add := op("add", of, called(name), value(capital, json))
				if choice {
					name += capital
				}
				once, twice := json, "value: operation[1] add: there is one already, and it does not repeat: replace it"
				if row[1] == "*" {
					once, twice = `[`+json+`]`, `{"resourceType":"`+of+`","`+name+`":[`+json+`,`+json+`]}`
				}
				body := `{"resourceType":"` + of + `"}`
				check(t, `{"resourceType":"`+of+`","`+name+`":`+once+`}`, applyFHIRPath(body, parameters(add)))
				check(t, twice, applyFHIRPath(body, parameters(add, add)))
			})
		}
	}
}

// Each type that a row names has rows of its own or is a primitive, each resource type has some, and each content of another element is there.
func TestElementTypes(t *testing.T) {
	rows := elements(t)
	known := map[string]bool{"any": true, "BackboneElement": true, "Element": true, "Resource": true, "xhtml": true}
	for _, row := range rows {
		known[row[0]] = true
		known[row[0][:max(strings.LastIndexByte(row[0], '.'), 0)]] = true
	}
	for _, row := range rows {
		for datatype := range strings.SplitSeq(row[2], ",") {
			if primitive := primitiveType.MatchString(datatype); !primitive && !known[strings.TrimPrefix(datatype, "#")] {
				t.Errorf("%s: nothing is known of its type %s", row[0], datatype)
			}
		}
	}
	for _, resource := range fhir.R4().Types() {
		if !known[resource.Name] {
			t.Errorf("%s has no row", resource.Name)
		}
	}
}

func elements(t *testing.T) (rows [][]string) {
	t.Helper()
	table, err := os.ReadFile("r4elements.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimRight(string(table), "\n"), "\n")[1:] {
		rows = append(rows, strings.Split(line, "\t"))
	}
	return rows
}

var primitiveType = regexp.MustCompile(`^[a-z]`)

// sample returns the JSON of a value of a type that value[x] may have.
func sample(datatype string) (string, bool) {
	switch datatype {
	case "BackboneElement", "Element", "Resource", "Narrative", "Extension", "xhtml", "any":
		return "", false
	case "boolean":
		return "true", true
	case "decimal", "integer", "positiveInt", "unsignedInt":
		return "1", true
	}
	if strings.HasPrefix(datatype, "#") {
		return "", false
	}
	if !primitiveType.MatchString(datatype) {
		return `{"id":"1"}`, true
	}
	return `"1"`, true
}

// A patch is shared: what one application does is not seen by another.
func TestConcurrentApply(t *testing.T) {
	p, err := patch.ParseFHIRPath([]byte(parameters(op("add", "Patient", called("name"), value("HumanName", `{"given":["A"]}`)),
		op("add", "Patient.name[0]", called("given"), value("String", `"B"`)))))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			out, err := p.Apply([]byte(`{"resourceType":"Patient"}`))
			if want := `{"resourceType":"Patient","name":[{"given":["A","B"]}]}`; err != nil || string(out) != want {
				t.Errorf("%s, %v", out, err)
			}
		})
	}
	all.Wait()
}
