package patch_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/patch"
)

// applyJSON and applyFHIRPath return the patched body, or what the error says in place of it: "value: ...", or "document
// structure: ..." when the document does not parse.
func applyJSON(body, document string) string { return outcome(patch.ParseJSON, body, document) }

func applyFHIRPath(body, document string) string { return outcome(patch.ParseFHIRPath, body, document) }

func outcome(parse func([]byte) (*patch.Patch, error), body, document string) string {
	p, err := parse([]byte(document))
	if err != nil {
		if p != nil || errors.Is(err, patch.ErrNotApplicable) {
			return fmt.Sprintf("a malformed document gives %v, %v", p, err)
		}
		return "document " + describe(err)
	}
	before := strings.Clone(body)
	out, err := p.Apply([]byte(body))
	if err != nil {
		if out != nil || !errors.Is(err, patch.ErrNotApplicable) {
			return fmt.Sprintf("a patch that does not apply gives %q, %v", out, err)
		}
		return describe(err)
	}
	again, err := p.Apply([]byte(body))
	if err != nil || string(again) != string(out) || before != body {
		return fmt.Sprintf("the second time gives %q, %v", again, err)
	}
	return string(out)
}

func describe(err error) string {
	var e *fhir.Error
	if !errors.As(err, &e) {
		return "not an fhir.Error: " + err.Error()
	}
	return string(e.Type) + ": " + e.Detail
}

func check(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
