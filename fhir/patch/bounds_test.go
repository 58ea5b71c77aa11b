package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"lightbox/fhir/patch"
)

// What a patch takes from the heap is bounded, whatever it asks for.
func TestBounds(t *testing.T) {
	const tooMuchRead = "too-costly: operation[%d] %s: copies and tests read more than 16777216 bytes"
	long := `{"resourceType":"Basic","a":"` + strings.Repeat("x", 5<<20) + `"}`
	study := imagingStudy(5000)
	tests := []struct {
		name  string
		parse func([]byte) (*patch.Patch, error)
		body  string
		patch string
		want  string
	}{
		{"copies that double", patch.ParseJSON, long, `[` + repeat(30, `{"op":"copy","from":"","path":"/b"}`) + `]`, fmt.Sprintf(tooMuchRead, 2, "copy")},
		{"small copies that double", patch.ParseJSON, `{"resourceType":"Basic","a":[1]}`,
			`[` + repeat(100, `{"op":"copy","from":"/a","path":"/a/-"}`) + `]`, fmt.Sprintf(tooMuchRead, 22, "copy")},
		{"tests of everything", patch.ParseJSON, long, `[` + repeat(30, `{"op":"test","path":"","value":`+strings.ReplaceAll(long, "x", "")+`}`) + `]`,
			"business-rule: operation[0] test: the resource has another value there"},
		{"a long result", patch.ParseJSON, long, `[` + repeat(5, `{"op":"copy","from":"/a","path":"/%d"}`) + `]`, fmt.Sprintf(tooMuchRead, 3, "copy")},
		{"white space that repeats", patch.ParseJSON, `{` + strings.Repeat(" ", 4<<20) + `"resourceType":"Basic"}`,
			`[` + repeat(1000, `{"op":"add","path":"/m%d","value":1}`) + `]`, ""},
		{"many operations", patch.ParseJSON, study, `[` + repeat(1001, `{"op":"test","path":"/id","value":"s"}`) + `]`, "document too-costly: more than 1000 operations"},
		{"many values", patch.ParseJSON, `{"resourceType":"Basic","a":[` + repeat(300_000, `0`) + `]}`, `[{"op":"remove","path":"/a/0"}]`,
			"too-costly: operation[0] remove: the patch touches more than 250000 values"},
		{"a deep result", patch.ParseJSON, `{"resourceType":"Basic","a":` + nested(40) + `,"b":` + nested(40) + `}`,
			`[{"op":"move","from":"/a","path":"` + strings.Repeat("/0", 40) + `"}]`, "value: operation[0] move: token 0 of the path: there is no such member"},
		{"deeper than a resource may be", patch.ParseJSON, `{"resourceType":"Basic","a":` + nested(40) + `,"b":` + nested(40) + `}`,
			`[{"op":"move","from":"/a","path":"/b` + strings.Repeat("/0", 39) + `/-"}]`, "structure: the patched resource: nested deeper than 64 levels near byte 92"},
		{"a long path", patch.ParseJSON, long, `[{"op":"remove","path":"/` + strings.Repeat("a", 2000) + `"}]`, "document too-long: operation[0] remove: path: longer than 2000 bytes"},
		{"a deep path", patch.ParseJSON, long, `[{"op":"remove","path":"` + strings.Repeat("/", 65) + `"}]`, "document too-long: operation[0] remove: path: deeper than 64 levels"},
		{"a hundred searches of a study", patch.ParseFHIRPath, study,
			parameters(repeat(100, op("replace", "ImagingStudy.series.instance.where(uid='1.2.49%d').number", `{"name":"value","valueUnsignedInt":7}`))), ""},
		{"a thousand searches of a study", patch.ParseFHIRPath, study,
			parameters(repeat(1000, op("replace", "ImagingStudy.series.instance.where(uid='1.2.4%d').number", `{"name":"value","valueUnsignedInt":7}`))),
			"too-costly: operation[290] replace: the paths of the patch look at too many elements"},
		{"a series in parts", patch.ParseFHIRPath, study,
			parameters(op("add", "ImagingStudy", called("series"), anonymous(repeat(5000, `{"name":"instance","part":[{"name":"uid","valueId":"1"}]}`)))), ""},
		{"too many parts", patch.ParseFHIRPath, study,
			parameters(op("add", "ImagingStudy", called("series"), anonymous(repeat(100_000, `{"name":"instance","part":[{"name":"uid","valueId":"1"}]}`)))),
			"document too-costly: the patch touches more than 250000 values"},
		{"a thousand instances", patch.ParseFHIRPath, study,
			parameters(repeat(1000, op("add", "ImagingStudy.series[0]", called("instance"), anonymous(`{"name":"uid","valueId":"1"}`)))), ""},
		{"extensions to primitives", patch.ParseFHIRPath, `{"resourceType":"Patient","name":[{"given":[` + repeat(100_000, `"A"`) + `]}]}`,
			parameters(repeat(3, op("add", "Patient.name[0].given[9999%d]", called("id"), `{"name":"value","valueString":"a"}`))), ""},
		{"a long condition", patch.ParseFHIRPath, study,
			parameters(op("delete", "ImagingStudy.series.instance.where("+strings.Repeat("uid='1' or ", 150)+"uid='2')")), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var err error
			n := allocated(func() { _, err = parseAndApply(test.parse, []byte(test.body), []byte(test.patch)) })
			if n > 512<<20 {
				t.Errorf("%d bytes from the heap", n)
			}
			got := ""
			if err != nil {
				got = describe(err)
			}
			if err != nil && !errors.Is(err, patch.ErrNotApplicable) {
				got = "document " + got
			}
			check(t, test.want, got)
		})
	}
}

// repeat joins n copies of text with commas; %d in it becomes the copy's number.
func repeat(n int, text string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.ReplaceAll(text, "%d", fmt.Sprint(i))
	}
	return strings.Join(all, ",")
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func imagingStudy(instances int) string {
	return `{"resourceType":"ImagingStudy","id":"s","series":[{"uid":"1.2","instance":[` +
		repeat(instances, `{"uid":"1.2.%d","number":1,"sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}}`) + `]}]}`
}
