package patch_test

import (
	"errors"
	"fmt"

	"lightbox/fhir/patch"
)

func Example() {
	body := []byte(`{"resourceType":"Observation","id":"o1","status":"preliminary","valueQuantity":{"value":1.50,"unit":"mg"}}`)
	p, err := patch.ParseJSON([]byte(`[
		{"op":"test","path":"/status","value":"preliminary"},
		{"op":"replace","path":"/status","value":"final"}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	final, err := p.Apply(body)
	fmt.Println(string(final), err)
	_, err = p.Apply(final)
	fmt.Println(errors.Is(err, patch.ErrNotApplicable), err)
	// Output:
	// {"resourceType":"Observation","id":"o1","status":"final","valueQuantity":{"value":1.50,"unit":"mg"}} <nil>
	// true business-rule: operation[0] test: the resource has another value there: the patch does not apply to this resource
}

func ExampleParseFHIRPath() {
	p, err := patch.ParseFHIRPath([]byte(`{"resourceType":"Parameters","parameter":[{"name":"operation","part":[
		{"name":"type","valueCode":"add"},
		{"name":"path","valueString":"Patient.name.where(use = 'official')"},
		{"name":"name","valueString":"given"},
		{"name":"value","valueString":"Maria"}]}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := p.Apply([]byte(`{"resourceType":"Patient","name":[{"use":"official","family":"Rossi"}]}`))
	fmt.Println(string(body), err)
	// Output:
	// {"resourceType":"Patient","name":[{"use":"official","family":"Rossi","given":["Maria"]}]} <nil>
}
