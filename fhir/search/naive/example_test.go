package naive_test

import (
	"fmt"
	"net/url"

	"lightbox/fhir/search/naive"
)

func Example() {
	d := naive.New()
	d.Put("Patient/1", naive.Document{Body: []byte(`{"resourceType":"Patient","id":"1","name":[{"family":"Ёлкин"}]}`)})
	d.Put("ImagingStudy/7", naive.Document{Body: []byte(`{"resourceType":"ImagingStudy","id":"7","subject":{"reference":"Patient/1"}}`)})

	refs, err := d.Search("ImagingStudy", url.Values{"patient.family": {"елк"}}, nil)
	fmt.Println(refs, err)
	// Output: [ImagingStudy/7] <nil>
}
