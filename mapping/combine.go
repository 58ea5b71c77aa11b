package mapping

import (
	"math"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// The combinators below make the Set of a row that only moves a value.

// move sets a string.
func move[T any](at func(*T) **string) func(*run, *T, value) {
	return func(_ *run, to *T, v value) { *at(to) = text(v.text()) }
}

// number sets an unsignedInt; what does not fit is left out.
func number[T any](at func(*T) **int) func(*run, *T, value) {
	return func(r *run, to *T, v value) {
		n, ok := v.int()
		if !ok || n < 0 || n > math.MaxInt32 {
			r.doubt("bad-number", "not an unsigned integer: left out")
			return
		}
		*at(to) = new(int(n))
	}
}

// concepts appends one CodeableConcept for each item of a code sequence, or one of text alone.
func concepts[T any](at func(*T) *[]r4.CodeableConcept) func(*run, *T, value) {
	return func(r *run, to *T, v value) { *at(to) = append(*at(to), r.concepts(v)...) }
}

// moment sets a dateTime of the date at From and the time in With.
func moment[T any](time string, at func(*T) **string) func(*run, *T, value) {
	return func(r *run, to *T, v value) { *at(to) = text(r.dateTime(v, v.of(time))) }
}
