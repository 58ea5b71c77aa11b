package fhir_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ body, resourceType, id string }{
		"smallest":            {`{"resourceType":"Patient"}`, "Patient", ""},
		"with id":             {`{"resourceType":"Patient","id":"a-1.B"}`, "Patient", "a-1.B"},
		"type last":           {"\n { \"id\" : \"1\" , \"resourceType\" : \"Binary\" } \n", "Binary", "1"},
		"contained have own":  {`{"contained":[{"resourceType":"Organization","id":"o"}],"resourceType":"Patient"}`, "Patient", ""},
		"escaped member name": {`{"resource\u0054ype":"Patient"}`, "Patient", ""},
		"64 deep":             {`{"resourceType":"Patient","x":` + nested(63) + `}`, "Patient", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			want := fhir.Resource{Type: c.resourceType, ID: c.id, Body: []byte(c.body)}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func nested(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		body       string
		issue      fhir.IssueType
		expression string
	}{
		"nothing":             {"", fhir.Invalid, ""},
		"space":               {" \n", fhir.Invalid, ""},
		"null":                {"null", fhir.Structure, ""},
		"array":               {"[]", fhir.Structure, ""},
		"byte order mark":     {"\ufeff{}", fhir.Invalid, ""},
		"empty object":        {"{}", fhir.Required, "resourceType"},
		"cut short":           {`{"resourceType":"Patient"`, fhir.Invalid, ""},
		"two values":          {`{"resourceType":"Patient"}{}`, fhir.Invalid, ""},
		"not UTF-8":           {"{\"resourceType\":\"Patient\",\"x\":\"\xff\"}", fhir.Invalid, ""},
		"half a surrogate":    {`{"resourceType":"Patient","x":"\ud800"}`, fhir.Invalid, ""},
		"control character":   {"{\"resourceType\":\"Patient\",\"x\":\"\r\"}", fhir.Invalid, ""},
		"duplicate member":    {`{"resourceType":"Patient","a":1,"a":1}`, fhir.Invalid, ""},
		"duplicate escaped":   {`{"resourceType":"Patient","a":{"b":1,"\u0062":1}}`, fhir.Invalid, ""},
		"65 deep":             {`{"resourceType":"Patient","x":` + nested(64) + `}`, fhir.Structure, ""},
		"a million deep":      {`{"resourceType":"Patient","x":` + nested(1e6) + `}`, fhir.Structure, ""},
		"type a number":       {`{"resourceType":1}`, fhir.Structure, "resourceType"},
		"type empty":          {`{"resourceType":""}`, fhir.Value, "resourceType"},
		"type a path":         {`{"resourceType":"Patient/1"}`, fhir.Value, "resourceType"},
		"id null":             {`{"resourceType":"Patient","id":null}`, fhir.Structure, "id"},
		"id empty":            {`{"resourceType":"Patient","id":""}`, fhir.Value, "id"},
		"id with a slash":     {`{"resourceType":"Patient","id":"a/b"}`, fhir.Value, "id"},
		"id with a line feed": {`{"resourceType":"Patient","id":"a\n"}`, fhir.Value, "id"},
		"id of 65":            {`{"resourceType":"Patient","id":"` + strings.Repeat("a", 65) + `"}`, fhir.Value, "id"},
		"meta a string":       {`{"resourceType":"Patient","meta":"x"}`, fhir.Structure, "meta"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			var e *fhir.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, %v", r, err)
			}
			if e.Type != c.issue || e.Expression != c.expression {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(fhir.Resource{}, r); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestParseTellsNothing: an error names a place, never what stands there.
func TestParseTellsNothing(t *testing.T) {
	_, err := fhir.Parse([]byte(`{"resourceType":"Patient","id":"Ivanova Maria"}`))
	if err == nil || strings.Contains(err.Error(), "Ivanova") {
		t.Errorf("got %v", err)
	}
}

// examples calls f with each real resource of ../shared/testdata/fhir that parses.
func examples(t testing.TB, f func(path string, r fhir.Resource)) {
	t.Helper()
	root := filepath.Join("..", "..", "shared", "testdata", "fhir")
	if _, err := os.Stat(root); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if r, err := fhir.Parse(body); err == nil {
			f(path, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
