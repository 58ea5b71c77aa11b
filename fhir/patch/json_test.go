package patch_test

import (
	"strings"
	"testing"
)

// The examples of RFC 6902 appendix A, inside of a resource.
func TestExamplesOfRFC6902(t *testing.T) {
	in := func(members string) string { return `{"resourceType":"Basic",` + members + `}` }
	tests := []struct{ name, body, document, want string }{
		{"A.1", in(`"foo":"bar"`), `[{"op":"add","path":"/baz","value":"qux"}]`, in(`"foo":"bar","baz":"qux"`)},
		{"A.2", in(`"foo":["bar","baz"]`), `[{"op":"add","path":"/foo/1","value":"qux"}]`, in(`"foo":["bar","qux","baz"]`)},
		{"A.3", in(`"baz":"qux","foo":"bar"`), `[{"op":"remove","path":"/baz"}]`, in(`"foo":"bar"`)},
		{"A.4", in(`"foo":["bar","qux","baz"]`), `[{"op":"remove","path":"/foo/1"}]`, in(`"foo":["bar","baz"]`)},
		{"A.5", in(`"baz":"qux","foo":"bar"`), `[{"op":"replace","path":"/baz","value":"boo"}]`, in(`"baz":"boo","foo":"bar"`)},
		{"A.6", in(`"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}`), `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`,
			in(`"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}`)},
		{"A.7", in(`"foo":["all","grass","cows","eat"]`), `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, in(`"foo":["all","cows","eat","grass"]`)},
		{"A.8", in(`"baz":"qux","foo":["a",2,"c"]`), `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`,
			in(`"baz":"qux","foo":["a",2,"c"]`)},
		{"A.9", in(`"baz":"qux"`), `[{"op":"test","path":"/baz","value":"bar"}]`, "business-rule: operation[0] test: the resource has another value there"},
		{"A.10", in(`"foo":"bar"`), `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, in(`"foo":"bar","child":{"grandchild":{}}`)},
		{"A.11", in(`"foo":"bar"`), `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, in(`"foo":"bar","baz":"qux"`)},
		{"A.12", in(`"foo":"bar"`), `[{"op":"add","path":"/baz/bat","value":"qux"}]`, "value: operation[0] add: token 0 of the path: there is no such member"},
		{"A.13", in(`"foo":"bar"`), `[{"op":"add","path":"/baz","value":"qux","op":"remove"}]`, "document invalid: duplicate member near byte 40"},
		{"A.14", in(`"/":9,"~1":10`), `[{"op":"test","path":"/~01","value":10}]`, in(`"/":9,"~1":10`)},
		{"A.15", in(`"/":9,"~1":10`), `[{"op":"test","path":"/~01","value":"10"}]`, "business-rule: operation[0] test: the resource has another value there"},
		{"A.16", in(`"foo":["bar"]`), `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, in(`"foo":["bar",["abc","def"]]`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { check(t, test.want, applyJSON(test.body, test.document)) })
	}
}

func TestJSON(t *testing.T) {
	const body = ` { "resourceType" : "Observation", "id" : "o1",
  "meta": { "versionId": "3", "lastUpdated": "2026-11-22T12:00:00Z", "tag": [] },
  "valueQuantity": {"value": 1.50, "unit": "mg"}, "x": "\u00e9<&>", "_status": {"id": "a"}, "list": [1, 2.0, { }] } ` + "\n"
	replaced := func(from, to string) string {
		t.Helper()
		if strings.Count(body, from) != 1 {
			t.Fatalf("%q does not stand there once", from)
		}
		return strings.Replace(body, from, to, 1)
	}
	tests := []struct{ name, document, want string }{
		{"nothing", `[]`, body},
		{"a test alone", ` [ {"op": "test", "path": "/valueQuantity/value", "value": 1.5} ] `, body},
		{"a test of an object", `[{"op":"test","path":"/valueQuantity","value":{"unit":"mg","value":15e-1}}]`, body},
		{"a test of the string é", `[{"op":"test","path":"/x","value":"é\u003c&>"}]`, body},
		{"a test of a number as a string", `[{"op":"test","path":"/valueQuantity/value","value":"1.50"}]`, otherValue},
		{"a test of a longer array", `[{"op":"test","path":"/list","value":[1,2,{},null]}]`, otherValue},
		{"a test of nothing", `[{"op":"test","path":"/nothing","value":null}]`, "value: operation[0] test: token 0 of the path: there is nothing"},
		{"the same value", `[{"op":"replace","path":"/valueQuantity/value","value":1.50}]`, body},
		{"a decimal", `[{"op":"replace","path":"/valueQuantity/value","value":1.500}]`, replaced("1.50,", "1.500,")},
		{"a member as its neighbours", `[{"op":"add","path":"/valueQuantity/code","value":"mg"}]`, replaced(`"mg"}`, `"mg", "code": "mg"}`)},
		{"a member that is there", `[{"op":"add","path":"/x","value":{ "a":1}}]`, replaced(`"\u00e9<&>"`, `{ "a":1}`)},
		{"the last member", `[{"op":"remove","path":"/list"}]`, replaced(`, "list": [1, 2.0, { }]`, "")},
		{"the first element", `[{"op":"remove","path":"/list/0"}]`, replaced(`1, 2.0`, `2.0`)},
		{"all elements", `[{"op":"remove","path":"/list/0"},{"op":"remove","path":"/list/0"},{"op":"remove","path":"/list/0"}]`, replaced(`[1, 2.0, { }]`, `[]`)},
		{"into an empty array", `[{"op":"add","path":"/meta/tag/-","value":{}}]`, replaced(`"tag": []`, `"tag": [{}]`)},
		{"after the last", `[{"op":"add","path":"/list/3","value":4}]`, replaced(`{ }]`, `{ }, 4]`)},
		{"a name that needs quoting", `[{"op":"add","path":"/valueQuantity/a\"~1é","value":1}]`, replaced(`"mg"}`, `"mg", "a\"/é": 1}`)},
		{"move in place", `[{"op":"move","from":"/list","path":"/list"}]`, body},
		{"move", `[{"op":"move","from":"/list/2","path":"/list/0"}]`, replaced(`[1, 2.0, { }]`, `[{ },1, 2.0]`)},
		{"a copy is no alias", `[{"op":"copy","from":"/valueQuantity","path":"/list/0"},{"op":"remove","path":"/list/0/unit"}]`,
			replaced(`[1, 2.0, { }]`, `[{"value": 1.50},1, 2.0, { }]`)},
		{"meta as a whole", `[{"op":"remove","path":"/meta"},{"op":"add","path":"/meta","value":{"versionId":"9"}}]`, strings.Replace(replaced(
			"\n"+`  "meta": { "versionId": "3", "lastUpdated": "2026-11-22T12:00:00Z", "tag": [] },`, ""), `{ }] }`, `{ }], "meta": {"versionId":"9"} }`, 1)},
		{"the same id", `[{"op":"replace","path":"/id","value":"\u006f1"}]`, replaced(`"o1"`, `"\u006f1"`)},

		{"another id", `[{"op":"replace","path":"/id","value":"o2"}]`, changesID("replace")},
		{"no id", `[{"op":"remove","path":"/id"}]`, changesID("remove")},
		{"id moved away", `[{"op":"move","from":"/id","path":"/x"}]`, changesID("move")},
		{"id overwritten", `[{"op":"copy","from":"/x","path":"/id"}]`, changesID("copy")},
		{"another type", `[{"op":"add","path":"/resourceType","value":"Patient"}]`, "business-rule: operation[0] add: a patch cannot change the type of a resource"},
		{"another resource", `[{"op":"replace","path":"","value":{"resourceType":"Observation"}}]`, changesID("replace")},
		{"no resource", `[{"op":"add","path":"","value":null}]`, "business-rule: operation[0] add: a patch cannot change the type of a resource"},
		{"versionId", `[{"op":"replace","path":"/meta/versionId","value":"3"}]`, "business-rule: operation[0] replace: the server sets meta.versionId"},
		{"lastUpdated", `[{"op":"test","path":"/id","value":"o1"},{"op":"remove","path":"/meta/lastUpdated"}]`,
			"business-rule: operation[1] remove: the server sets meta.lastUpdated"},
		{"versionId moved away", `[{"op":"move","from":"/meta/versionId","path":"/x"}]`, "business-rule: operation[0] move: from: the server sets meta.versionId"},
		{"meta becomes a string", `[{"op":"replace","path":"/meta","value":"m"}]`, "structure: the patched resource: meta is a JSON object"},

		{"remove nothing", `[{"op":"remove","path":"/nothing"}]`, "value: operation[0] remove: token 0 of the path: there is nothing"},
		{"remove the resource", `[{"op":"remove","path":""}]`, "value: operation[0] remove: the path leads to the resource itself"},
		{"replace nothing", `[{"op":"replace","path":"/meta/profile","value":[]}]`, "value: operation[0] replace: token 1 of the path: there is nothing to replace"},
		{"replace after the last", `[{"op":"replace","path":"/list/-","value":1}]`, "value: operation[0] replace: token 1 of the path: there is nothing to replace"},
		{"in a string", `[{"op":"add","path":"/x/y","value":1}]`, "value: operation[0] add: token 1 of the path: what holds it is neither an object nor an array"},
		{"beyond the end", `[{"op":"add","path":"/list/4","value":1}]`,
			"value: operation[0] add: token 1 of the path: the index is beyond the end of the array, which has 3 elements"},
		{"far beyond the end", `[{"op":"add","path":"/list/99999999999999999999","value":1}]`, noIndex("add")},
		{"a negative index", `[{"op":"remove","path":"/list/-1"}]`, noIndex("remove")},
		{"a leading zero", `[{"op":"remove","path":"/list/01"}]`, noIndex("remove")},
		{"a sign", `[{"op":"remove","path":"/list/+1"}]`, noIndex("remove")},

		{"not JSON", `[{"op"]`, "document invalid: not well-formed JSON in UTF-8 near byte 6"},
		{"nothing at all", ``, "document invalid: not well-formed JSON in UTF-8 near byte 0"},
		{"two documents", `[] []`, "document invalid: more than one JSON value"},
		{"no array", `{"op":"remove","path":"/x"}`, "document structure: a JSON Patch is an array of operations"},
		{"no object", `[null]`, "document structure: operation[0]: an operation is a JSON object"},
		{"no op", `[{"op":"remove","path":"/x"},{"path":"/x"}]`, "document invalid: operation[1]: op is one of add, remove, replace, move, copy and test"},
		{"no path", `[{"op":"remove"}]`, "document required: operation[0] remove: it needs a path"},
		{"no from", `[{"op":"move","path":"/x"}]`, "document required: operation[0] move: it needs a from"},
		{"no value", `[{"op":"add","path":"/x"}]`, "document required: operation[0] add: it needs a value"},
		{"a path of null", `[{"op":"remove","path":null}]`, "document structure: operation[0] remove: path is a JSON string"},
		{"no slash", `[{"op":"remove","path":"x"}]`, "document invalid: operation[0] remove: path: a JSON Pointer is empty or begins with a slash"},
		{"a lone tilde", `[{"op":"remove","path":"/~2"}]`, "document invalid: operation[0] remove: path: a ~ in a JSON Pointer is written ~0, a slash ~1"},
		{"into itself", `[{"op":"move","from":"/meta","path":"/meta/tag/0"}]`, "document invalid: operation[0] move: a value cannot move into itself"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { check(t, test.want, applyJSON(body, test.document)) })
	}
}

const otherValue = "business-rule: operation[0] test: the resource has another value there"

func changesID(op string) string {
	return "business-rule: operation[0] " + op + ": a patch cannot change the id of a resource"
}

func noIndex(op string) string {
	return "value: operation[0] " + op + ": token 1 of the path: not an index of an array"
}

// Numbers are equal when their values are (RFC 6902 section 4.6), however many digits it takes to see that they are not.
func TestNumbersAreEqual(t *testing.T) {
	tests := []struct {
		a, b  string
		equal bool
	}{
		{"1.50", "1.5", true}, {"100", "1e2", true}, {"0.05", "5E-2", true}, {"-0", "0.000", true}, {"0e7", "0", true}, {"1e+2", "100.0", true},
		{"0.1", "0.1000000000000000055", false}, {"9007199254740993", "9007199254740992", false}, {"1", "-1", false}, {"10", "1", false},
		{"1e999999999", "1e999999998", false}, {"10e999999998", "1e999999999", true}, {"1e99999999999999999999", "1e99999999999999999999", true},
	}
	for _, test := range tests {
		body := `{"resourceType":"Basic","n":` + test.a + `}`
		want := otherValue
		if test.equal {
			want = body
		}
		check(t, want, applyJSON(body, `[{"op":"test","path":"/n","value":`+test.b+`}]`))
	}
}
