package patch_test

import "testing"

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
