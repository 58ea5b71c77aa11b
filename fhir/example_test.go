package fhir_test

import (
	"fmt"
	"time"

	"lightbox/fhir"
)

func Example() {
	r, err := fhir.Parse([]byte(`{"resourceType":"Observation","valueQuantity":{"value":1.50},"_status":{"id":"a"}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	stored := r.WithID("o1").Stamp(1, time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	fmt.Println(stored.Reference())
	fmt.Println(string(stored.Body))
	// Output:
	// Observation/o1
	// {"resourceType":"Observation","id":"o1","meta":{"versionId":"1","lastUpdated":"2026-11-22T12:00:00.000000Z"},"valueQuantity":{"value":1.50},"_status":{"id":"a"}}
}
