// Package fhir holds the nouns of HL7 FHIR R4 that the rest of Lightbox speaks in: a resource as the bytes that were
// written, a reference, a date with its precision, a typed error, and the one registry of resource types and search
// parameters. It knows no DICOM, no HTTP and no SQL. https://hl7.org/fhir/R4/
package fhir
