// Package validate checks the structure of FHIR R4 resources as they enter: required and unknown elements, the formats of
// primitives, codes of required bindings, types of reference targets, and what R4's JSON form itself forbids. It knows no
// profiles, no invariants and no terminology, and never re-encodes what is stored.
//
// The work is done by github.com/google/fhir on a copy of the resource. That module is 30 MB of generated code and takes more
// than a minute to compile, so this is the one package that imports it, and only cmd imports this one.
// https://hl7.org/fhir/R4/validation.html
package validate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/fhir/go/fhirversion"
	"github.com/google/fhir/go/jsonformat"
	"google.golang.org/protobuf/proto"

	"lightbox/fhir"
)

// Limits of one resource. A client needs the first findings to mend it, not ten thousand.
const (
	maxDepth    = 64
	maxFindings = 50
)

// New returns a check of one resource in JSON. It gives a finding per fault, in the order of their expressions, at most fifty,
// and none when the structure holds. Details name elements and types, never a value. The check is safe for concurrent use.
func New() func(body []byte) []*fhir.Error {
	u, err := jsonformat.NewUnmarshaller("UTC", fhirversion.R4)
	if err != nil {
		panic("validate: " + err.Error()) // a fault of the program, found at start
	}
	u.MaxNestingDepth = maxDepth
	return func(body []byte) []*fhir.Error { return tidy(check(u, body)) }
}

// check validates a resource and the resources that it contains: google/fhir looks for required elements in the outer one only.
func check(u *jsonformat.Unmarshaller, body []byte) []*fhir.Error {
	tree, err := decode(body)
	if err != nil {
		return []*fhir.Error{fhir.NewError(fhir.Invalid, "the body is not one JSON object").Because(err)}
	}
	name, _ := tree["resourceType"].(string)
	s := &shape{moved: map[string]string{}}
	s.object(name, tree, 0)
	if len(s.findings) > 0 {
		return s.findings
	}
	dropStamps(tree)
	findings := s.rename(checkOne(u, withoutContained(tree)))
	inside, _ := tree["contained"].([]any)
	for i, c := range inside {
		at := fmt.Sprintf("%s.contained[%d]", name, i)
		resource, ok := c.(map[string]any)
		if !ok {
			findings = append(findings, fhir.NewError(fhir.Structure, "a contained resource must be an object").At(at))
			continue
		}
		inner, _ := resource["resourceType"].(string)
		findings = append(findings, s.rename(relocate(checkOne(u, resource), inner, at))...)
	}
	return findings
}

// decode keeps numbers as text: decimals must not pass through float64 before they are checked.
func decode(body []byte) (map[string]any, error) {
	var tree map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	if tree == nil || d.More() {
		return nil, fmt.Errorf("not one object")
	}
	return tree, nil
}

// dropStamps leaves out what a server sets itself whatever a client sends (http.html#create).
func dropStamps(tree map[string]any) {
	if meta, ok := tree["meta"].(map[string]any); ok {
		delete(meta, "versionId")
		delete(meta, "lastUpdated")
	}
}

func withoutContained(tree map[string]any) map[string]any {
	if _, ok := tree["contained"].([]any); !ok {
		return tree
	}
	rest := make(map[string]any, len(tree))
	for name, value := range tree {
		if name != "contained" {
			rest[name] = value
		}
	}
	return rest
}

// relocate moves the findings of an inner resource to where it is.
func relocate(findings []*fhir.Error, inner, at string) []*fhir.Error {
	var moved []*fhir.Error
	for _, f := range findings {
		moved = append(moved, f.At(at+strings.TrimPrefix(f.Expression, inner)))
	}
	return moved
}

// checkOne runs google/fhir on one resource. A panic in it is a finding, not the end of the process.
func checkOne(u *jsonformat.Unmarshaller, tree map[string]any) (findings []*fhir.Error) {
	defer func() {
		if fault := recover(); fault != nil {
			findings = append(findings, fhir.NewError(fhir.Structure, "the structure cannot be checked").Because(fmt.Errorf("panic: %v", fault)))
		}
	}()
	text, err := json.Marshal(tree)
	if err != nil {
		return []*fhir.Error{fhir.NewError(fhir.Structure, "the structure cannot be checked").Because(err)}
	}
	var r reporter
	var message proto.Message
	message, err = u.UnmarshalWithErrorReporter(text, &r)
	if err != nil {
		r.add(err)
		return r.findings
	}
	return append(r.findings, wrongCase(message.ProtoReflect(), tree)...)
}

// tidy sorts the findings, drops those said twice and bounds their number. The order of google/fhir's is that of a Go map.
func tidy(findings []*fhir.Error) []*fhir.Error {
	slices.SortFunc(findings, func(a, b *fhir.Error) int {
		return cmp.Or(cmp.Compare(a.Expression, b.Expression), cmp.Compare(a.Detail, b.Detail))
	})
	findings = slices.CompactFunc(findings, func(a, b *fhir.Error) bool {
		return a.Expression == b.Expression && a.Detail == b.Detail
	})
	return findings[:min(len(findings), maxFindings)]
}
