package patch_test

import (
	"strconv"
	"strings"
	"testing"
)

// op writes an operation: its type, its path, and the JSON of the other parts.
func op(kind, path string, parts ...string) string {
	all := append([]string{`{"name":"type","valueCode":"` + kind + `"}`, `{"name":"path","valueString":` + strconv.Quote(path) + `}`}, parts...)
	return `{"name":"operation","part":[` + strings.Join(all, ",") + `]}`
}

func called(name string) string { return `{"name":"name","valueString":"` + name + `"}` }

func number(name string, n int) string {
	return `{"name":"` + name + `","valueInteger":` + strconv.Itoa(n) + `}`
}

func value(datatype, json string) string {
	return `{"name":"value","value` + datatype + `":` + json + `}`
}

func anonymous(parts ...string) string {
	return `{"name":"value","part":[` + strings.Join(parts, ",") + `]}`
}

func parameters(operations ...string) string {
	if len(operations) == 0 {
		return `{"resourceType":"Parameters"}`
	}
	return `{"resourceType":"Parameters","parameter":[` + strings.Join(operations, ",") + `]}`
}

// The cases of HL7's test suite for FHIRPath Patch, in JSON, with the same names.
func TestSuiteOfHL7(t *testing.T) {
	const (
		empty   = `{"resourceType":"Patient"}`
		born    = `{"resourceType":"Patient","birthDate":"1920-01-01"}`
		contact = `{"resourceType":"Patient","contact":[{"name":{"text":"a name"},"gender":"male"}]}`
		married = `{"resourceType":"Patient","maritalStatus":{"id":"1","text":"married"}}`
	)
	list := func(values ...string) string {
		var all []string
		for _, v := range values {
			all = append(all, `{"system":"http://example.org","value":"`+v+`"}`)
		}
		return `{"resourceType":"Patient","identifier":[` + strings.Join(all, ",") + `]}`
	}
	identifier := func(v string) string {
		return value("Identifier", `{"system":"http://example.org","value":"`+v+`"}`)
	}
	move := func(from, to int) string {
		return op("move", "Patient.identifier", number("source", from), number("destination", to))
	}
	tests := []struct{ name, body, document, want string }{
		{"No Difference", born, parameters(), born},
		{"Replace Primitive", born, parameters(op("replace", "Patient.birthDate", value("Date", `"1930-01-01"`))),
			`{"resourceType":"Patient","birthDate":"1930-01-01"}`},
		{"Delete Primitive", born, parameters(op("delete", "Patient.birthDate")), empty},
		{"Add Primitive", empty, parameters(op("add", "Patient", called("birthDate"), value("Date", `"1930-01-01"`))),
			`{"resourceType":"Patient","birthDate":"1930-01-01"}`},
		{"Replace Nested Primitive #1", contact, parameters(op("replace", "Patient.contact[0].gender", value("Code", `"female"`))),
			`{"resourceType":"Patient","contact":[{"name":{"text":"a name"},"gender":"female"}]}`},
		{"Replace Nested Primitive #2", contact, parameters(op("replace", "Patient.contact[0].name.text", value("String", `"the name"`))),
			`{"resourceType":"Patient","contact":[{"name":{"text":"the name"},"gender":"male"}]}`},
		{"Delete Nested Primitive #1", contact, parameters(op("delete", "Patient.contact[0].gender")),
			`{"resourceType":"Patient","contact":[{"name":{"text":"a name"}}]}`},
		{"Delete Nested Primitive #2", contact, parameters(op("delete", "Patient.contact[0].name.text")),
			`{"resourceType":"Patient","contact":[{"gender":"male"}]}`},
		{"Add Nested Primitive", `{"resourceType":"Patient","contact":[{"name":{"text":"a name"}}]}`,
			parameters(op("add", "Patient.contact[0]", called("gender"), value("Code", `"male"`))), contact},
		{"Add Complex", empty, parameters(op("add", "Patient", called("maritalStatus"), value("CodeableConcept", `{"id":"1","text":"married"}`))), married},
		{"Replace Complex", married, parameters(op("replace", "Patient.maritalStatus", value("CodeableConcept", `{"id":"2","text":"not married"}`))),
			`{"resourceType":"Patient","maritalStatus":{"id":"2","text":"not married"}}`},
		{"Delete Complex", married, parameters(op("delete", "Patient.maritalStatus")), empty},
		{"Add Anonymous Type", empty, parameters(op("add", "Patient", called("contact"), anonymous(`{"name":"name","valueHumanName":{"text":"a name"}}`))),
			`{"resourceType":"Patient","contact":[{"name":{"text":"a name"}}]}`},
		{"Delete Anonymous Type", contact, parameters(op("delete", "Patient.contact[0]")), empty},
		{"List unchanged", list("1", "2"), parameters(), list("1", "2")},
		{"List unchanged, contents changed", list("1", "2"), parameters(
			op("replace", "Patient.identifier[0].value", value("String", `"2"`)),
			op("replace", "Patient.identifier[1].value", value("String", `"1"`))), list("2", "1")},
		{"Add to list", list("1", "2"), parameters(op("insert", "Patient.identifier", number("index", 2), identifier("3"))), list("1", "2", "3")},
		{"Insert in list #1", list("1", "2"), parameters(op("insert", "Patient.identifier", number("index", 1), identifier("3"))), list("1", "3", "2")},
		{"Insert in list #2", list("1", "2"), parameters(op("insert", "Patient.identifier", number("index", 0), identifier("3"))), list("3", "1", "2")},
		{"Delete from List #1", list("1", "2", "3"), parameters(op("delete", "Patient.identifier[0]")), list("2", "3")},
		{"Delete from List #2", list("1", "2", "3"), parameters(op("delete", "Patient.identifier[1]")), list("1", "3")},
		{"Delete from List #3", list("1", "2", "3"), parameters(op("delete", "Patient.identifier[2]")), list("1", "2")},
		{"Reorder List #1", list("1", "2", "3", "4"), parameters(move(3, 1)), list("1", "4", "2", "3")},
		{"Reorder List #2", list("1", "2", "3", "4"), parameters(move(3, 0)), list("4", "1", "2", "3")},
		{"Reorder List #3", list("1", "2", "3", "4"), parameters(move(3, 2)), list("1", "2", "4", "3")},
		{"Reorder List #4", list("1", "2", "3", "4"), parameters(move(0, 3)), list("2", "3", "4", "1")},
		{"Reorder List #5", list("1", "2", "3", "4"), parameters(move(1, 0), move(2, 1)), list("2", "3", "1", "4")},
		{"Reorder List #6", list("1", "2", "3", "4"), parameters(move(3, 0), move(3, 1), move(3, 2)), list("4", "3", "2", "1")},
		{"Operation on missing element", list("1"), parameters(
			op("add", "Patient.identifier.where(use = 'official').period", called("end"), value("Date", `"2021-12-01"`))),
			"value: operation[0] add: the path leads to nothing"},
		{"Operation on missing element #2", empty, parameters(op("add", "Patient", called("identifier"), identifier("3"))), list("3")},
		{"Full Resource", `{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div>a</div>"},"name":[{"family":"A"}]}`, parameters(
			op("replace", "Patient.text.div", value("String", `"<div>b</div>"`)), op("replace", "Patient.name[0].family", value("String", `"B"`))),
			`{"resourceType":"Patient","id":"p","text":{"status":"generated","div":"<div>b</div>"},"name":[{"family":"B"}]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { check(t, test.want, applyFHIRPath(test.body, test.document)) })
	}
}
