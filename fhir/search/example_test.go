package search_test

import (
	"fmt"
	"net/url"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

func Example() {
	r, _ := fhir.Parse([]byte(`{"resourceType":"ImagingStudy","started":"2020-05-05","subject":{"reference":"Patient/1"},
		"series":[{"modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}}]}`))
	document, _ := search.Index(fhir.R4(), r)
	for _, text := range []string{"patient=1&modality=CT,MR&started=ge2020", "modality=US", "modality:not=US", "modality:in=US"} {
		params, _ := url.ParseQuery(text)
		q, err := search.Parse(fhir.R4(), "ImagingStudy", params, search.Options{})
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(q.Match(search.Indexed{Document: document}))
	}
	// Output:
	// true
	// false
	// true
	// not-supported: this modifier is not served on a token parameter at modality:in
}
