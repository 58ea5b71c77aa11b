package patch_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// op writes an operation: its type, its path, and the JSON of the other parts.
func op(kind, path string, parts ...string) string {
	all := append([]string{`{"name":"type","valueCode":"` + kind + `"}`, `{"name":"path","valueString":` + quote(path) + `}`}, parts...)
	return `{"name":"operation","part":[` + strings.Join(all, ",") + `]}`
}

func quote(s string) string {
	text, err := jsontext.AppendQuote(nil, s)
	if err != nil {
		panic(err)
	}
	return string(text)
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

func TestFHIRPath(t *testing.T) {
	const (
		patient = `{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"name":[{"use":"official","family":"A","given":["B","C"]},{"use":"usual","given":["D"]}],` +
			`"birthDate":"1970-03-30","_birthDate":{"extension":[{"url":"urn:time","valueDateTime":"1970-03-30T12:00:00Z"}]}}`
		measured = `{"resourceType":"Observation","id":"o","valueQuantity":{"value":1.50,"unit":"mg"},"component":[{"valueInteger":1}]}`
		partners = `{"resourceType":"Patient","name":[{"given":["B",null,"D"],"_given":[null,{"id":"c"},null]}]}`
		holds    = `{"resourceType":"Patient","contained":[{"resourceType":"Medication","id":"m","form":{"text":"x"}}]}`
	)
	in := func(body, from, to string) string {
		t.Helper()
		if strings.Count(body, from) != 1 {
			t.Fatalf("%q does not stand there once", from)
		}
		return strings.Replace(body, from, to, 1)
	}
	text := func(s string) string { return value("String", `"`+s+`"`) }
	tests := []struct{ name, body, document, want string }{
		{"path without a type", patient, parameters(op("replace", "name[0].family", text("Z"))), in(patient, `"A"`, `"Z"`)},
		{"path from Resource", patient, parameters(op("delete", "Resource.name[1]")), in(patient, `,{"use":"usual","given":["D"]}`, "")},
		{"where and first()", patient, parameters(op("replace", "Patient.name.where(use = 'usual').given.first()", text("Z"))), in(patient, `"D"`, `"Z"`)},
		{"last()", patient, parameters(op("replace", "Patient.name.last().given", text("Z"))), in(patient, `"D"`, `"Z"`)},
		{"single()", patient, parameters(op("replace", "Patient.name.single()", value("HumanName", `{"text":"Z"}`))), fails("value", "replace", "single() finds more than one element")},
		{"where $this", patient, parameters(op("delete", "Patient.name.given.where($this = 'C')")), in(patient, `,"C"`, "")},
		{"where or", patient, parameters(op("delete", "Patient.name.where(use='old' or (family.exists() and given='D') or family.empty() and given='D')")),
			in(patient, `,{"use":"usual","given":["D"]}`, "")},
		{"where !=", patient, parameters(op("delete", "Patient.name.where(family != 'Z')")), in(patient, `{"use":"official","family":"A","given":["B","C"]},`, "")},
		{"where on a date", patient, parameters(op("replace", "Patient.where(birthDate = @1970-03-30).name[0].use", value("Code", `"old"`))), in(patient, `official`, `old`)},
		{"where on a number", measured, parameters(op("replace", "Observation.value.where(value = 1.5).unit", text("g"))), in(measured, `mg`, `g`)},
		{"backticks", patient, parameters(op("replace", "Patient.`name`[0].`use`", value("Code", `"old"`))), in(patient, `official`, `old`)},
		{"by extension", patient, parameters(op("replace", "Patient.birthDate.extension('urn:time').value", value("DateTime", `"1970"`))),
			in(patient, `1970-03-30T12:00:00Z`, `1970`)},

		{"choice", measured, parameters(op("replace", "Observation.value.unit", text("g"))), in(measured, `mg`, `g`)},
		{"choice of a type", measured, parameters(op("replace", "Observation.value.ofType(Quantity).value", value("Decimal", `2.500`))), in(measured, `1.50`, `2.500`)},
		{"choice with a negative value", `{"resourceType":"Observation","valueInteger":-10}`, parameters(op("delete", "Observation.where(value.ofType(FHIR.integer) = -10.0).value")),
			`{"resourceType":"Observation"}`},
		{"choice as a type", measured, parameters(op("delete", "(Observation.value as Quantity).unit")), in(measured, `,"unit":"mg"`, ``)},
		{"choice of another type", measured, parameters(op("delete", "Observation.value as string")), measured},
		{"choice changes its type in place", measured, parameters(op("replace", "Observation.value", text("much"))),
			in(measured, `"valueQuantity":{"value":1.50,"unit":"mg"}`, `"valueString":"much"`)},
		{"choice by its member", measured, parameters(op("replace", "Observation.valueQuantity", text("much"))),
			in(measured, `"valueQuantity":{"value":1.50,"unit":"mg"}`, `"valueString":"much"`)},
		{"choice is added", patient, parameters(op("add", "Patient", called("deceased"), value("Boolean", `true`))), in(patient, `]}}`, `]},"deceasedBoolean":true}`)},
		{"choice is there with another type", measured, parameters(op("add", "Observation", called("value"), text("x"))),
			fails("value", "add", "there is one already, and it does not repeat: replace it")},
		{"choice without that type", patient, parameters(op("add", "Patient", called("deceased"), text("x"))),
			fails("value", "add", "value: its element does not take that type")},

		{"primitive loses its extension", patient, parameters(op("delete", "Patient.birthDate.extension[0]")),
			in(patient, `,"_birthDate":{"extension":[{"url":"urn:time","valueDateTime":"1970-03-30T12:00:00Z"}]}`, "")},
		{"primitive goes with its extension", patient, parameters(op("delete", "Patient.birthDate")),
			in(patient, `,"birthDate":"1970-03-30","_birthDate":{"extension":[{"url":"urn:time","valueDateTime":"1970-03-30T12:00:00Z"}]}`, "")},
		{"primitive gets an extension", patient, parameters(op("add", "Patient.name[0].family", called("extension"), anonymous(`{"name":"url","valueUri":"u"}`, `{"name":"value","valueDecimal":1.0}`))),
			in(patient, `["B","C"]`, `["B","C"],"_family":{"extension":[{"url":"u","valueDecimal":1.0}]}`)},
		{"primitive of a list gets an id", patient, parameters(op("add", "Patient.name[0].given[1]", called("id"), text("c"))),
			in(patient, `["B","C"]`, `["B","C"],"_given":[null,{"id":"c"}]`)},
		{"primitive with an extension alone", patient, parameters(op("add", "Patient", called("gender"), `{"name":"value","_valueCode":{"extension":[{"url":"u"}]}}`)),
			in(patient, `]}}`, `]},"_gender":{"extension":[{"url":"u"}]}}`)},
		{"primitives stay in step: add", partners, parameters(op("add", "Patient.name[0]", called("given"), text("E"))),
			in(in(partners, `"D"]`, `"D","E"]`), `},null]`, `},null,null]`)},
		{"primitives stay in step: insert", partners, parameters(op("insert", "Patient.name[0].given", number("index", 1), `{"name":"value","_valueString":{"id":"x"}}`)),
			in(in(partners, `"B",null`, `"B",null,null`), `[null,{`, `[null,{"id":"x"},{`)},
		{"primitives stay in step: delete", partners, parameters(op("delete", "Patient.name.given[0]")), in(in(partners, `"B",`, ``), `[null,{`, `[{`)},
		{"primitives stay in step: replace", partners, parameters(op("replace", "Patient.name.given[1]", text("C"))),
			in(in(partners, `,"_given":[null,{"id":"c"},null]`, ``), `null`, `"C"`)},
		{"primitives stay in step: move", partners, parameters(op("move", "Patient.name.given", number("source", 1), number("destination", 0))),
			in(in(partners, `"B",null`, `null,"B"`), `null,{"id":"c"}`, `{"id":"c"},null`)},
		{"partner is emptied", partners, parameters(op("delete", "Patient.name.given[1].id")), in(partners, `,"_given":[null,{"id":"c"},null]`, ``)},

		{"emptied and filled again", holds, parameters(op("delete", "Patient.contained[0].form.text"), op("add", "Patient.contained[0].form", called("text"), text("y"))), in(holds, `"x"`, `"y"`)},
		{"unknown type: list by its usual kind", holds, parameters(op("add", "Patient.contained[0]", called("identifier"), value("Identifier", `{"value":"1"}`))),
			in(holds, `"x"}`, `"x"},"identifier":[{"value":"1"}]`)},
		{"unknown type: parts that repeat", holds, parameters(op("add", "Patient.contained[0]", called("batch"), anonymous(`{"name":"a","valueString":"1"}`, `{"name":"a","valueString":"2"}`))),
			in(holds, `"x"}`, `"x"},"batch":{"a":["1","2"]}`)},
		{"contained resource", patient, parameters(op("add", "Patient", called("contained"), `{"name":"value","resource":{"resourceType":"Device","id":"d"}}`)),
			in(patient, `]}}`, `]},"contained":[{"resourceType":"Device","id":"d"}]}`)},
		{"nested parts", measured, parameters(op("add", "Observation", called("component"), anonymous(
			`{"name":"code","part":[{"name":"coding","valueCoding":{"code":"a"}},{"name":"coding","valueCoding":{"code":"b"}}]}`,
			`{"name":"value","valueQuantity":{"value":2.0}}`, `{"name":"referenceRange","part":[{"name":"text","valueString":"r"}]}`))),
			in(measured, `1}]`, `1},{"code":{"coding":[{"code":"a"},{"code":"b"}]},"valueQuantity":{"value":2.0},"referenceRange":[{"text":"r"}]}]`)},
		{"parts of a singleton that repeat", measured, parameters(op("add", "Observation", called("component"), anonymous(
			`{"name":"value","valueString":"a"}`, `{"name":"value","valueInteger":1}`))),
			fails("value", "add", "value: part[1]: there is one already, and it does not repeat: replace it")},
		{"parts for a primitive", patient, parameters(op("add", "Patient", called("gender"), anonymous(`{"name":"code","valueCode":"male"}`))),
			fails("value", "add", "value: its element has a type that is given as value[x], not in parts")},
		{"parts with a wrong name", patient, parameters(op("add", "Patient", called("contact"), anonymous(`{"name":"birthDate","valueDate":"2000"}`))),
			fails("value", "add", "value: part[0]: no element of the type has that name")},
		{"content of another element", `{"resourceType":"Consent","provision":{"type":"deny"}}`, parameters(
			op("add", "Consent.provision", called("provision"), anonymous(`{"name":"type","valueCode":"permit"}`)),
			op("add", "Consent.provision.provision[0]", called("class"), value("Coding", `{"code":"c"}`))),
			`{"resourceType":"Consent","provision":{"type":"deny","provision":[{"type":"permit","class":[{"code":"c"}]}]}}`},
		{"a partner that is no array", `{"resourceType":"Patient","name":[{"given":["B"],"_given":{"id":"x"}}]}`, parameters(op("add", "Patient.name[0]", called("given"), text("C"))),
			fails("value", "add", "the JSON of the element is no array")},
		{"a list that is no array", `{"resourceType":"Patient","name":{"text":"A"}}`, parameters(op("add", "Patient", called("name"), value("HumanName", `{"text":"Z"}`))),
			fails("value", "add", "there is one already, and it does not repeat: replace it")},
		{"meta as a whole", patient, parameters(op("delete", "Patient.meta")), in(patient, `"meta":{"versionId":"1"},`, ``)},
		{"delete nothing", patient, parameters(op("delete", "Patient.name.where(use='old')"), op("delete", "Patient.telecom[0].value")), patient},

		{"delete several", patient, parameters(op("delete", "Patient.name")), fails("value", "delete", "the path leads to more than one element")},
		{"replace nothing", patient, parameters(op("replace", "Patient.gender", value("Code", `"male"`))), fails("value", "replace", "the path leads to nothing")},
		{"insert into nothing", patient, parameters(op("insert", "Patient.telecom", number("index", 0), value("ContactPoint", `{"rank":1}`))),
			fails("value", "insert", "the path leads to nothing")},
		{"insert beyond the end", patient, parameters(op("insert", "Patient.name", number("index", 3), value("HumanName", `{"text":"Z"}`))),
			fails("value", "insert", "the index is beyond the end of the list")},
		{"insert into a part of a list", patient, parameters(op("insert", "Patient.name[0]", number("index", 0), value("HumanName", `{"text":"Z"}`))),
			fails("value", "insert", "the path does not lead to one whole list")},
		{"insert into two lists", patient, parameters(op("insert", "Patient.name.given", number("index", 0), text("Z"))),
			fails("value", "insert", "the path does not lead to one whole list")},
		{"insert into no list", patient, parameters(op("insert", "Patient.birthDate", number("index", 0), text("Z"))),
			fails("value", "insert", "the path leads to an element that is no list")},
		{"move beyond the end", patient, parameters(op("move", "Patient.name", number("source", 0), number("destination", 2))),
			fails("value", "move", "source or destination is beyond the end of the list")},
		{"add what is there", patient, parameters(op("add", "Patient", called("birthDate"), text("2000"))),
			fails("value", "add", "there is one already, and it does not repeat: replace it")},
		{"add an element that is none", patient, parameters(op("add", "Patient", called("colour"), text("red"))),
			fails("value", "add", "name is no element of what the path leads to")},
		{"add to a primitive", patient, parameters(op("add", "Patient.birthDate", called("time"), text("12:00"))),
			fails("value", "add", "the path leads to a primitive, which has no elements but id and extension")},
		{"add a wrong type", patient, parameters(op("add", "Patient", called("name"), text("A"))),
			fails("value", "add", "value: its element does not take that type")},
		{"a slip in a path", patient, parameters(op("delete", "Patient.brithDate")),
			fails("value", "delete", "the path names an element that its type does not have")},
		{"another type's path", patient, parameters(op("delete", "Observation.value")),
			fails("value", "delete", "the path begins with the type of another resource")},
		{"the resource itself", patient, parameters(op("delete", "Patient")), fails("value", "delete", "the path leads to the resource itself")},
		{"another id", patient, parameters(op("replace", "Patient.id", value("Id", `"q"`))), fails("business-rule", "replace", "a patch cannot change the id of a resource")},
		{"no id", patient, parameters(op("delete", "Patient.id")), fails("business-rule", "delete", "a patch cannot change the id of a resource")},
		{"a first id", holds, parameters(op("add", "Patient", called("id"), text("q"))), fails("business-rule", "add", "a patch cannot change the id of a resource")},
		{"another type", patient, parameters(op("replace", "Patient.resourceType", text("Person"))),
			fails("business-rule", "replace", "a patch cannot change the type of a resource")},
		{"versionId", patient, parameters(op("replace", "Patient.meta.versionId", value("Id", `"2"`))), fails("business-rule", "replace", "the server sets meta.versionId")},
		{"lastUpdated", patient, parameters(op("add", "Patient.meta", called("lastUpdated"), value("Instant", `"2026-11-22T12:00:00Z"`))),
			fails("business-rule", "add", "the server sets meta.lastUpdated")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { check(t, test.want, applyFHIRPath(test.body, test.document)) })
	}
}

func fails(kind, op, detail string) string { return kind + ": operation[0] " + op + ": " + detail }

func TestMalformedFHIRPath(t *testing.T) {
	broken := func(detail string) string { return "document " + detail }
	part := func(json string) string { return parameters(`{"name":"operation","part":[` + json + `]}`) }
	tests := []struct{ name, document, want string }{
		{"not JSON", `{"resourceType"`, broken("invalid: JSON ends too early near byte 15")},
		{"another resource", `{"resourceType":"Bundle"}`, broken("structure: a FHIRPath Patch is a Parameters resource")},
		{"no list", `{"resourceType":"Parameters","parameter":{}}`, broken("structure: parameter is a list")},
		{"no object", parameters(`1`), broken("structure: operation[0]: a parameter or part is a JSON object")},
		{"another parameter", parameters(op("delete", "Patient.name"), `{"name":"patch"}`), broken("structure: operation[1]: each parameter is called operation")},
		{"no type", part(`{"name":"path","valueString":"Patient"}`), broken("required: operation[0]: it needs a type")},
		{"no path", part(`{"name":"type","valueCode":"delete"}`), broken("required: operation[0] delete: it needs a path")},
		{"no value", parameters(op("replace", "Patient.gender")), broken("required: operation[0] replace: it needs a value")},
		{"no name", parameters(op("add", "Patient", value("Code", `"a"`))), broken("required: operation[0] add: it needs a name")},
		{"no destination", parameters(op("move", "Patient.name", number("source", 0))), broken("required: operation[0] move: it needs a destination")},
		{"an unknown type", parameters(op("upsert", "Patient.name")), broken("value: operation[0]: part[0]: type is one of add, insert, delete, replace and move")},
		{"an unknown part", parameters(op("delete", "Patient.name", number("count", 0))),
			broken("structure: operation[0] delete: part[2]: a part is called type, path, name, value, index, source or destination")},
		{"a part twice", parameters(op("delete", "Patient.name", `{"name":"path","valueString":"Patient.gender"}`)), broken("structure: operation[0] delete: a part stands twice")},
		{"a path of a wrong type", part(`{"name":"path","valueInteger":1}`), broken("structure: operation[0]: part[0]: path is a valueString or valueCode")},
		{"a negative index", parameters(op("insert", "Patient.name", number("index", -1))), broken("value: operation[0] insert: part[2]: index is a valueInteger, 0 or more")},
		{"an index as a string", parameters(op("insert", "Patient.name", `{"name":"index","valueString":"1"}`)),
			broken("value: operation[0] insert: part[2]: index is a valueInteger, 0 or more")},
		{"a name that is none", parameters(op("add", "Patient", called("_birthDate"))), broken("value: operation[0] add: part[2]: name is the name of an element")},
		{"an empty value", parameters(op("replace", "Patient.gender", `{"name":"value"}`)), broken("required: operation[0] replace: part[2]: a value has a value[x] or parts")},
		{"an empty object", parameters(op("replace", "Patient.name", value("HumanName", `{}`))), broken("structure: operation[0]: part[2]: the JSON of a value is not that of its type")},
		{"a number as a string", parameters(op("replace", "Patient.name", value("Decimal", `"1.5"`))), broken("structure: operation[0]: part[2]: the JSON of a value is not that of its type")},
		{"an unknown value type", parameters(op("replace", "Patient.name", value("Name", `{"a":1}`))), broken("structure: operation[0]: part[2]: no type of R4 that a parameter may have")},
		{"two values", parameters(op("replace", "Patient.name", `{"name":"value","valueString":"a","valueCode":"b"}`)), broken("structure: operation[0]: part[2]: a part has one value")},
		{"a value and parts", parameters(op("replace", "Patient.name", `{"name":"value","valueString":"a","part":[{"name":"a","valueCode":"b"}]}`)),
			broken("structure: operation[0]: part[2]: a part has a value or parts, not both")},
		{"an empty nested part", parameters(op("add", "Patient", called("contact"), anonymous(`{"name":"name"}`))), broken("required: operation[0] add: part[3]: part[0]: a value has a value[x] or parts")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { check(t, test.want, applyFHIRPath(`{"resourceType":"Patient"}`, test.document)) })
	}
}

// Paths that are not understood say where, and never repeat what they hold.
func TestUnsupportedPaths(t *testing.T) {
	functions := "a path may call first, last, single, where, ofType, as and extension at character "
	expected := "not a path that is supported: expected "
	tests := []struct{ path, want string }{
		{"", expected + "a name at character 0"},
		{".name", expected + "a name at character 0"},
		{"Patient.", expected + "a name at character 8"},
		{"Patient..name", expected + "a name at character 8"},
		{"Patient name", expected + "the end of the path at character 8"},
		{"Patient.name[-1]", expected + "an index of at most six digits at character 13"},
		{"Patient.name[x]", expected + "an index of at most six digits at character 13"},
		{"Patient.name[9999999]", expected + "an index of at most six digits at character 13"},
		{"Patient.name[0", expected + "']' at character 14"},
		{"Patient.name | Patient.contact.name", "not a path that is supported: a character or operator it cannot have at character 13"},
		{"Patient.children()", functions + "17"},
		{"Patient.subject.resolve()", functions + "24"},
		{"Patient.name.exists()", expected + "the end of the path at character 12"},
		{"Patient.name.where()", expected + "a name at character 19"},
		{"Patient.name.where(use)", expected + "exists(), empty(), = or != at character 22"},
		{"Patient.name.where(use = family)", expected + "a string, number, date, true or false at character 25"},
		{"Patient.name.where(use > 'a')", "not a path that is supported: a character or operator it cannot have at character 23"},
		{"Patient.name.where(use.exists(1))", expected + "')' at character 30"},
		{"Patient.name.where(use = 'Smith", "a quote that is not closed at character 25"},
		{`Patient.name.where(use = '\u0041')`, "an escape that is not supported at character 25"},
		{"Patient.``", "an empty name at character 8"},
		{"%resource.name", "not a path that is supported: a character or operator it cannot have at character 0"},
		{"Patient.extension(url)", expected + "a string at character 18"},
		{strings.Repeat("(", 9) + "name" + strings.Repeat(")", 9), "parentheses deeper than 8 levels"},
		{"a" + strings.Repeat(".a", 65), "more than 64 steps"},
		{strings.Repeat("a", 2001), "longer than 2000 bytes"},
	}
	for _, test := range tests {
		t.Run(test.path[:min(len(test.path), 40)], func(t *testing.T) {
			_, got, _ := strings.Cut(applyFHIRPath(`{"resourceType":"Patient"}`, parameters(op("delete", test.path))), "part[1]: ")
			check(t, test.want, got)
		})
	}
}
