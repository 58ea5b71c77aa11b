package mapping

import (
	"regexp"
	"strings"

	"github.com/google/uuid"
	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

const (
	identifierTypes = "http://terminology.hl7.org/CodeSystem/v2-0203"
	uidSystem       = "urn:dicom:uid" // FHIR R4 imagingstudy.html#notes
)

// issuer is the assigning authority of an identifier: the system that stands for it, and its own words.
type issuer struct {
	system, display string
	known           bool // stated by the object or configured
}

var (
	pathUniversalID    = dicom.MustPath("UniversalEntityID")
	pathUniversalType  = dicom.MustPath("UniversalEntityIDType")
	pathLocalNamespace = dicom.MustPath("LocalNamespaceEntityID")
	pathIdentifierType = dicom.MustPath("IdentifierTypeCode")
)

// issuer settles the system of an identifier, best source first: the universal id of its qualifiers (PS3.3 table 10-18 HL7v2
// Hierarchic Designator), the configured system of its text, the configured system of identifiers without an issuer, a system
// of this hub's own. It is never empty, and text never becomes an OID.
func (r *run) issuer(text string, qualifiers item) issuer {
	if namespace := qualifiers.text(pathLocalNamespace); namespace != "" {
		text = namespace
	}
	return r.authority(text, qualifiers.text(pathUniversalID), qualifiers.text(pathUniversalType))
}

// authority settles the system of the three parts of a hierarchic designator, as DICOM has it and HL7 v2.
func (r *run) authority(text, universal, kind string) issuer {
	if system := universalSystem(universal, kind); system != "" {
		return issuer{system, text, true}
	}
	for _, name := range []string{text, universal} {
		if system := r.mapper.config.Systems[name]; system != "" {
			return issuer{system, name, true}
		}
		if system := selfEvident(name); system != "" {
			return issuer{system, "", true}
		}
	}
	if text == "" {
		text = universal
	}
	return issuer{r.mapper.local("NamingSystem", text), text, text != ""}
}

// universalSystem makes a URI of a universal entity id (PS3.3 10.14, HL7 table 0301).
func universalSystem(id, kind string) string {
	switch strings.ToUpper(kind) {
	case "ISO":
		if isOID(id) {
			return "urn:oid:" + id
		}
	case "UUID":
		if u, err := uuid.Parse(id); err == nil {
			return "urn:uuid:" + u.String()
		}
	case "URI":
		if isURI(id) {
			return id
		}
	}
	return ""
}

// selfEvident returns the system of an issuer's text that is a URI or an OID in full.
func selfEvident(text string) string {
	switch {
	case isURI(text):
		return text
	case isOID(text) && strings.Count(text, ".") >= 4:
		return "urn:oid:" + text
	}
	return ""
}

var (
	oidPattern = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)
	uriPattern = regexp.MustCompile(`^(https?://|urn:[a-z0-9][a-z0-9-]{1,31}:)[!-~]+$`)
)

func isOID(s string) bool {
	return len(s) <= 128 && strings.Contains(s, ".") && oidPattern.MatchString(s)
}
func isURI(s string) bool {
	return strings.Contains(s, ":") && uriPattern.MatchString(s) && !strings.ContainsAny(s, `"<>\^{|}`+"`")
}

// IsUID holds for what can stand as a FHIR id; leading zeros in components, which PS3.5 9.1 forbids, do no harm.
func IsUID(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool { return c != '.' && (c < '0' || c > '9') })
}

// identifier makes an Identifier with a type of HL7 table 0203.
func identifier(kind, value string, by issuer) r4.Identifier {
	one := r4.Identifier{System: &by.system, Value: &value}
	if kind != "" {
		one.Type = identifierType(kind)
	}
	if by.display != "" {
		one.Assigner = &r4.Reference{Display: &by.display}
	}
	return one
}

func identifierType(code string) *r4.CodeableConcept {
	one := r4.Coding{System: new(identifierTypes), Code: &code}
	one.Display = text(identifierTypeDisplays[code])
	return &r4.CodeableConcept{Coding: []r4.Coding{one}}
}

var identifierTypeDisplays = map[string]string{
	"ACSN": "Accession ID", "FILL": "Filler Identifier", "MR": "Medical record number",
	"PLAC": "Placer Identifier", "SNO": "Serial Number", "VN": "Visit number",
}

// localIdentifier is one whose type no standard code names: an identifier with a type of text.
func localIdentifier(kind, value string, by issuer) r4.Identifier {
	one := identifier("", value, by)
	one.Type = &r4.CodeableConcept{Text: &kind}
	return one
}

// uidIdentifier is a DICOM UID as an Identifier (FHIR R4 imagingstudy.html#notes).
func uidIdentifier(uid string, kind *r4.CodeableConcept) r4.Identifier {
	return r4.Identifier{Type: kind, System: new(uidSystem), Value: new("urn:oid:" + uid)}
}

// studyIdentifier is a Study Instance UID.
func studyIdentifier(uid string) r4.Identifier {
	return uidIdentifier(uid, new(coded(dcm, "110180", "Study Instance UID")))
}

// sameIdentifier reports whether two identifiers have one system and value.
func sameIdentifier(a, b r4.Identifier) bool {
	return deref(a.System) == deref(b.System) && deref(a.Value) == deref(b.Value)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
