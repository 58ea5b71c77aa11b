// Package naive answers FHIR R4 searches on plain documents, one document after the other, for tests alone: what a store
// answers from its index must be what this package answers without one. It shares with the index nothing but the registry's
// facts (kind, expression, targets, implicit system of a parameter) and search.Fold, which is the definition of folding. The
// expressions are evaluated as FHIRPath, and the query string is read by code that follows the text of the specification.
// Where that leaves a choice, the reading stands in a comment with its clause.
//
// It refuses what the specification does not define: an unknown parameter, modifier or type is an error, never ignored.
// Parameters that shape the answer (_count, _include, _summary, ...) are passed over. It draws random documents and queries
// as well, from small pools, so that they meet.
// https://hl7.org/fhir/R4/search.html
package naive
