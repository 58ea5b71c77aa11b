package patch_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"unicode/utf8"

	"lightbox/fhir"
	"lightbox/fhir/patch"
)

const fuzzed = `{ "resourceType":"Patient", "id":"p1", "meta":{"versionId":"1"},
  "contained":[{"resourceType":"Medication","id":"m","form":{"text":"x"}}],
  "name":[{"use":"official","given":["A",null,"C"],"_given":[null,{"id":"b","extension":[{"url":"u","valueDecimal":1.50}]},null]}, {"family":"F"}],
  "deceasedBoolean":false, "_birthDate":{"id":"x"}, "extension":[{"url":"a","valueQuantity":{"value":1.0e1}}], "multipleBirthInteger":2 }`

// maxFuzzed is far above what documents of a fuzzer's size can ask for, and far below what an unbounded copy would take.
const maxFuzzed = 192 << 20

// FuzzJSON: a JSON Patch is refused, or gives a resource of the same type and id, or nothing at all; within a memory bound.
func FuzzJSON(f *testing.F) {
	for _, document := range []string{
		`[]`, `[{"op":"add","path":"/name/0/given/-","value":"D"},{"op":"remove","path":"/name/1"}]`,
		`[{"op":"copy","from":"","path":"/a"},{"op":"copy","from":"","path":"/b"},{"op":"move","from":"/a/b","path":"/meta"}]`,
		`[{"op":"test","path":"/extension/0/valueQuantity/value","value":10},{"op":"replace","path":"","value":{"resourceType":"Patient","id":"p1"}}]`,
		`[{"op":"replace","path":"/meta/versionId","value":"2"}]`, `[{"op":"add","path":"/name/99999999999","value":1e999}]`,
	} {
		f.Add([]byte(fuzzed), []byte(document))
	}
	f.Fuzz(func(t *testing.T, body, document []byte) { law(t, patch.ParseJSON, body, document) })
}

// FuzzFHIRPath: the same of a FHIRPath Patch.
func FuzzFHIRPath(f *testing.F) {
	for _, document := range []string{
		parameters(op("add", "Patient.name[0]", called("given"), value("String", `"D"`)), op("delete", "Patient.name.given[1].extension")),
		parameters(op("insert", "Patient.name.where(use='official' and family.empty()).given", number("index", 1), value("String", `"D"`))),
		parameters(op("replace", "Patient.deceased", value("DateTime", `"2026"`)), op("replace", "Patient.multipleBirth.ofType(integer)", value("Boolean", `true`))),
		parameters(op("move", "Patient.name[0].given", number("source", 2), number("destination", 0)), op("add", "Patient.birthDate", called("id"), value("String", `"q"`))),
		parameters(op("add", "Patient", called("contact"), anonymous(`{"name":"name","valueHumanName":{"text":"t"}}`, `{"name":"telecom","part":[{"name":"rank","valuePositiveInt":1}]}`))),
		parameters(op("add", "Patient.contained[0]", called("ingredient"), anonymous(`{"name":"a","valueString":"1"}`, `{"name":"a","_valueString":{"id":"1"}}`))),
		parameters(op("replace", "(Patient.extension('a').value as Quantity).value", value("Decimal", `1.50`)), op("delete", "Patient.id")),
	} {
		f.Add([]byte(fuzzed), []byte(document))
	}
	f.Fuzz(func(t *testing.T, body, document []byte) { law(t, patch.ParseFHIRPath, body, document) })
}

// FuzzPath: the law holds for any path in each operation.
func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"Patient.name[0].given", "name.where(use='official' and family.empty() or given != 'A').given.last()", "Patient.contained[0].form.text",
		"(Patient.multipleBirth as integer)", "Patient.extension('a').value.ofType(FHIR.Quantity).value", "Patient.birthDate.id", "Patient.`meta`.versionId",
		"Patient.name.where(given.where($this = 'A').exists()).first()", "Patient.where(deceased = false and birthDate = @2026 or x = -1.50).name",
	} {
		f.Add(path, "given", uint8(1), `"valueString":"x"`)
		f.Add(path, "extension", uint8(0), `"part":[{"name":"url","valueUri":"u"},{"name":"value","valueQuantity":{"value":1.0}}]`)
	}
	f.Fuzz(func(t *testing.T, path, name string, i uint8, json string) {
		if !utf8.ValidString(path + name + json) {
			return
		}
		v, at := `{"name":"value",`+json+`}`, number("index", int(i))
		for _, o := range []string{op("delete", path), op("replace", path, v), op("insert", path, at, v),
			op("move", path, number("source", int(i)), number("destination", 0)), op("add", path, `{"name":"name","valueString":`+quote(name)+`}`, v)} {
			law(t, patch.ParseFHIRPath, []byte(fuzzed), []byte(parameters(o)))
			law(t, patch.ParseFHIRPath, []byte(fuzzed), []byte(parameters(o, o, op("delete", path))))
		}
	})
}

func law(t *testing.T, parse func([]byte) (*patch.Patch, error), body, document []byte) {
	if len(body)+len(document) > 1<<16 {
		return
	}
	var out []byte
	var err error
	kept := bytes.Clone(body)
	if n := allocated(func() { out, err = parseAndApply(parse, body, document) }); n > maxFuzzed {
		t.Errorf("%d bytes are patched with %d from the heap", len(body)+len(document), n)
	}
	if !bytes.Equal(kept, body) {
		t.Error("the body was written to")
	}
	var typed *fhir.Error
	switch {
	case err != nil && (out != nil || !errors.As(err, &typed)):
		t.Fatalf("%q beside %v", out, err)
	case err != nil:
		return
	}
	before, _ := fhir.Parse(body)
	after, err := fhir.Parse(out)
	if err != nil || after.Reference() != before.Reference() || len(out) > patch.MaxSize {
		t.Fatalf("%q: %v", out, err)
	}
}

func parseAndApply(parse func([]byte) (*patch.Patch, error), body, document []byte) ([]byte, error) {
	p, err := parse(document)
	if err != nil {
		return nil, err
	}
	return p.Apply(body)
}

// allocated returns the bytes that do takes from the heap.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}
