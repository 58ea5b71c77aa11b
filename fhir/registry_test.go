package fhir_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
)

func TestRegistry(t *testing.T) {
	reg := fhir.R4()
	var names []string
	for _, rt := range reg.Types() {
		names = append(names, rt.Name)
		for _, name := range []string{"_id", "_lastUpdated", "_tag", "_security", "_profile", "_source"} {
			if p, ok := rt.Param(name); !ok || p.Type != rt.Name {
				t.Errorf("%s has no %s of its own", rt.Name, name)
			}
		}
		if !slices.IsSortedFunc(rt.Params(), func(a, b *fhir.SearchParameter) int { return strings.Compare(a.Name, b.Name) }) {
			t.Errorf("parameters of %s are not sorted", rt.Name)
		}
	}
	want := []string{"AuditEvent", "Binary", "BodyStructure", "Condition", "Consent", "Device", "DiagnosticReport", "DocumentReference", "Encounter",
		"Endpoint", "Group", "ImagingStudy", "List", "Location", "Media", "Observation", "Organization", "Patient", "Person",
		"Practitioner", "PractitionerRole", "Procedure", "Provenance", "RelatedPerson", "ServiceRequest", "Specimen", "Task"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if _, ok := reg.Type("patient"); ok {
		t.Error("type names are case sensitive")
	}
}

// TestRegistryIsR4 compares each row with R4's own definitions: every parameter is here, and states what R4 states.
func TestRegistryIsR4(t *testing.T) {
	table, err := os.ReadFile(filepath.Join("..", "..", "shared", "r4", "searchparameters.tsv"))
	if err != nil {
		t.Skip("left out: ../shared/r4 is not here")
	}
	for line := range strings.Lines(string(table)) {
		row := strings.Split(strings.TrimRight(line, "\n"), "\t")
		rt, ok := fhir.R4().Type(row[0])
		if !ok {
			continue
		}
		p, ok := rt.Param(row[1])
		if !ok {
			t.Errorf("%s has no %s", row[0], row[1])
			continue
		}
		if p.Expression != row[3] || p.Kind != fhir.Kind(row[2]) || !sameTargets(p, row[4]) {
			t.Errorf("%s.%s: got %s %s %v, want %v", row[0], row[1], p.Kind, p.Expression, p.Targets, row[2:])
		}
	}
}

// sameTargets: where the expression itself allows Patient alone, a bare id is a Patient's.
func sameTargets(p *fhir.SearchParameter, want string) bool {
	if strings.Contains(p.Expression, "resolve() is Patient") {
		want = "Patient"
	}
	return strings.Join(p.Targets, ",") == want
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		resourceType, param string
		want                []fhir.Path
	}{
		{"ImagingStudy", "endpoint", []fhir.Path{
			{Members: []string{"endpoint"}, Datatype: "Reference"}, {Members: []string{"series", "endpoint"}, Datatype: "Reference"}}},
		{"ImagingStudy", "patient", []fhir.Path{
			{Members: []string{"subject"}, Datatype: "Reference", Where: fhir.Condition{Resolves: "Patient"}}}},
		{"Patient", "phone", []fhir.Path{
			{Members: []string{"telecom"}, Datatype: "ContactPoint", Where: fhir.Condition{Member: "system", Equals: "phone"}}}},
		{"Consent", "source-reference", []fhir.Path{{Members: []string{"sourceReference"}, Datatype: "Reference"}}},
		{"Patient", "death-date", []fhir.Path{{Members: []string{"deceasedDateTime"}, Datatype: "dateTime"}}},
		{"Patient", "deceased", []fhir.Path{
			{Members: []string{"deceasedBoolean"}, Datatype: "boolean", Exists: true},
			{Members: []string{"deceasedDateTime"}, Datatype: "dateTime", Exists: true}}},
		{"DiagnosticReport", "date", []fhir.Path{
			{Members: []string{"effectiveDateTime"}, Datatype: "dateTime"}, {Members: []string{"effectivePeriod"}, Datatype: "Period"}}},
		{"Observation", "value-string", []fhir.Path{
			{Members: []string{"valueString"}, Datatype: "string"},
			{Members: []string{"valueCodeableConcept", "text"}, Datatype: "string"}}},
	} {
		t.Run(c.resourceType+"."+c.param, func(t *testing.T) {
			rt, _ := fhir.R4().Type(c.resourceType)
			p, ok := rt.Param(c.param)
			if !ok {
				t.Fatal("no such parameter")
			}
			if diff := cmp.Diff(c.want, p.Paths); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every path of every parameter, and of every component, leads through elements that there are, by the names that they have in JSON, to one
// of the type that the path says.
func TestPathsAreElements(t *testing.T) {
	known := readElements(t)
	for _, rt := range fhir.R4().Types() {
		for _, p := range rt.Params() {
			for _, path := range p.Paths { // of a composite, what its components are in: the resource itself, or an element
				if got := known.typeAt(rt.Name, path.Members); got != path.Datatype && !(p.Kind == fhir.KindComposite && len(path.Members) == 0) {
					t.Errorf("%s.%s: %v is %q, want %q", rt.Name, p.Name, path.Members, got, path.Datatype)
				}
				for _, c := range p.Components {
					for _, below := range c.Paths {
						if got := known.typeAt(rt.Name, slices.Concat(path.Members, below.Members)); got != below.Datatype {
							t.Errorf("%s.%s: component %s: %v below %v is %q, want %q", rt.Name, p.Name, c.Param.Name, below.Members, path.Members, got, below.Datatype)
						}
					}
				}
			}
		}
	}
}

// r4Elements are the types of elements, by the path of what they are in and their name in JSON. "#path" is the content of another element.
type r4Elements map[string]map[string]string

func readElements(t *testing.T) r4Elements {
	t.Helper()
	table, err := os.ReadFile(filepath.Join("patch", "r4elements.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	known := r4Elements{"Resource": {"id": "id"}} // which of data types is a string
	for _, line := range strings.Split(strings.TrimRight(string(table), "\n"), "\n")[1:] {
		row := strings.Split(line, "\t")
		dot := strings.LastIndexByte(row[0], '.')
		if dot < 0 { // a resource type
			continue
		}
		of, name := row[0][:dot], row[0][dot+1:]
		if known[of] == nil {
			known[of] = map[string]string{}
		}
		name, choice := strings.CutSuffix(name, "[x]")
		for datatype := range strings.SplitSeq(row[2], ",") {
			if choice {
				known[of][name+strings.ToUpper(datatype[:1])+datatype[1:]] = datatype
			} else {
				known[of][name] = datatype
			}
		}
	}
	return known
}

// first returns the first text that is not empty.
func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// typeAt returns the type of an element; "" for one that is not there.
func (known r4Elements) typeAt(of string, members []string) (datatype string) {
	for n, name := range members {
		datatype = first(known[of][name], known["*"][name])
		if n == 0 {
			datatype = first(known[of][name], known["Resource"][name], known["*"][name])
		}
		switch {
		case datatype == "":
			return ""
		case datatype == "BackboneElement" || datatype == "Element":
			of += "." + name
		case strings.HasPrefix(datatype, "#"):
			of = datatype[1:]
		default:
			of = datatype
		}
	}
	return datatype
}
