package conformance

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// Profile is what an implementation guide demands of a resource beyond R4 (https://hl7.org/fhir/R4/profiling.html), as rows. A resource
// names it in meta.profile only where Faults finds none.
type Profile struct {
	URL  string
	Type string
	Ref  string // guide
	Rows []ProfileRow
}

// ProfileRow constrains one element.
type ProfileRow struct {
	// Path is below the resource. A step may name a slice: identifier[system|code|display] are those of that type, partOf[ImagingStudy/]
	// those that refer to one, deviceName[model-name] those of that type.
	Path     string
	Min, Max int      // in each parent; Max 0 forbids the element, many does not bound it
	Code     string   // system|code|display that a coding of the element has
	Fixed    string   // value of a primitive
	Targets  []string // types that a reference may be to
	System   string   // with Codes: the binding, required
	When     string   // element without which the row does not count
	Codes    []string
}

const many = 1 << 30

// The profiles that resources of the mapping claim.
const (
	RadiationDoseSummary = "http://hl7.org/fhir/uv/radiation-dose-summary/StructureDefinition/radiation-dose-summary"
	ModalityDevice       = "http://hl7.org/fhir/uv/radiation-dose-summary/StructureDefinition/modality-device"
	PatientDocument      = "http://hl7.org/fhir/uv/ipa/StructureDefinition/ipa-documentreference"
	PatientAccess        = "http://hl7.org/fhir/uv/ipa/StructureDefinition/ipa-patient"
)

const (
	doseIdentifiers = "http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type|"
	v2Identifiers   = "http://terminology.hl7.org/CodeSystem/v2-0203|"
	dicomUIDs       = "urn:dicom:uid"
)

// Profiles are all that have rows.
var Profiles = []Profile{
	{URL: RadiationDoseSummary, Type: "Observation", Ref: "HL7 Radiation Dose Summary 1.0.0", Rows: []ProfileRow{
		{Path: "identifier[" + doseIdentifiers + "sop-instance-uid|SOP Instance UID].system", Min: 1, Max: 1, Fixed: dicomUIDs},
		{Path: "identifier[" + doseIdentifiers + "sop-instance-uid|SOP Instance UID].value", Min: 1, Max: 1},
		{Path: "partOf[ImagingStudy/]", Min: 1, Max: 1},
		{Path: "partOf[ImagingStudy/].identifier.type", Min: 1, Max: 1, Code: doseIdentifiers + "study-instance-uid|Study Instance UID"},
		{Path: "partOf[ImagingStudy/].identifier.system", Min: 1, Max: 1, Fixed: dicomUIDs},
		{Path: "partOf[ImagingStudy/].identifier.value", Min: 1, Max: 1},
		{Path: "basedOn[ServiceRequest/]", Max: 1},
		{Path: "basedOn[ServiceRequest/].identifier.type", Min: 1, Max: 1, Code: v2Identifiers + "ACSN|Accession ID"},
		{Path: "basedOn[ServiceRequest/].identifier.value", Min: 1, Max: 1},
		{Path: "code", Min: 1, Max: 1, Code: "http://loinc.org|73569-6|Radiation exposure and protection information [Description] Document Diagnostic imaging"},
		{Path: "subject", Min: 1, Max: 1, Targets: []string{"Patient"}},
		{Path: "focus", Min: 1, Max: 1, Targets: []string{"ImagingStudy"}},
		{Path: "effectiveDateTime", Min: 1, Max: 1},
		{Path: "valueString", Min: 1, Max: 1},
		{Path: "dataAbsentReason"},
		{Path: "specimen"},
		{Path: "performer", Min: 1, Max: 1, Targets: []string{"Practitioner"}},
		{Path: "device", Max: 1, Targets: []string{"Device"}},
	}},
	{URL: ModalityDevice, Type: "Device", Ref: "HL7 Radiation Dose Summary 1.0.0", Rows: []ProfileRow{
		{Path: "identifier[" + v2Identifiers + "SNO|Serial Number]", Max: 1},
		{Path: "identifier[" + v2Identifiers + "SNO|Serial Number].value", Min: 1, Max: 1},
		{Path: "identifier[" + doseIdentifiers + "application-entity|Application Entity]", Min: 1, Max: 1},
		{Path: "identifier[" + doseIdentifiers + "application-entity|Application Entity].value", Min: 1, Max: 1},
		{Path: "identifier[" + doseIdentifiers + "device-uid|Device UID]", Max: 1},
		{Path: "identifier[" + doseIdentifiers + "device-uid|Device UID].system", Min: 1, Max: 1, Fixed: dicomUIDs},
		{Path: "identifier[" + doseIdentifiers + "device-uid|Device UID].value", Min: 1, Max: 1},
		{Path: "identifier[" + doseIdentifiers + "device-id|Device ID]", Max: 1},
		{Path: "identifier[" + doseIdentifiers + "device-id|Device ID].value", Min: 1, Max: 1},
		{Path: "type", Min: 1, Max: 1, System: "http://dicom.nema.org/resources/ontology/DCM", Codes: strings.Fields(modalities)},
		{Path: "deviceName[manufacturer-name]", Max: 1},
		{Path: "deviceName[model-name]", Max: 1},
	}},
	{URL: PatientDocument, Type: "DocumentReference", Ref: "HL7 International Patient Access 1.0.0", Rows: []ProfileRow{
		{Path: "subject", Min: 1, Max: 1, Targets: []string{"Patient"}},
		{Path: "author", Max: many, Targets: []string{"Practitioner", "PractitionerRole", "Patient"}},
		{Path: "content", Min: 1, Max: many},
		{Path: "content.attachment", Min: 1, Max: 1},
		{Path: "content.attachment.contentType", Min: 1, Max: 1},
		{Path: "content.attachment.url", Min: 1, Max: 1}, // ipa-doc-1: it, or data, which nothing here has
		{Path: "context.encounter", Max: 1},
	}},
	{URL: PatientAccess, Type: "Patient", Ref: "HL7 International Patient Access 1.0.0", Rows: []ProfileRow{
		{Path: "identifier", Min: 1, Max: many},
		{Path: "identifier.value", Min: 1, Max: 1},
		{Path: "identifier.system", Min: 1, Max: 1},    // ipa-pat-1: it, a type or an assigner
		{Path: "name.text", Min: 1, Max: 1},            // ipa-pat-2 and 3
		{Path: "active", When: "link", Min: 1, Max: 1}, // ipa-pat-4
	}},
}

// modalities are CID 33 (PS3.16), to which the type of a Modality Device is bound.
const modalities = `
ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM HC HD IO IOL IVOCT IVUS
KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT PA PLAN POS PR PT PX REG RESP RF RG RTDOSE
RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA
XAPROTOCOL XC
`

// supportedProfiles are those of a type.
func supportedProfiles(resourceType string) []string {
	var list []string
	for _, p := range Profiles {
		if p.Type == resourceType {
			list = append(list, p.URL)
		}
	}
	return list
}

// Faults returns what a resource, in JSON, breaks of a profile, in the order of its rows; none when it conforms. A profile without rows
// is broken by everything.
func Faults(url string, body []byte) []*fhir.Error {
	at := slices.IndexFunc(Profiles, func(p Profile) bool { return p.URL == url })
	if at < 0 {
		return []*fhir.Error{fhir.NewError(fhir.NotSupported, "nothing is known of the profile "+url)}
	}
	p, resource := Profiles[at], gjson.ParseBytes(body)
	if resource.Get("resourceType").Str != p.Type {
		return []*fhir.Error{fhir.NewError(fhir.Structure, "the profile is of "+p.Type)}
	}
	var list []*fhir.Error
	for _, row := range p.Rows {
		if row.When == "" || resource.Get(row.When).Exists() {
			list = append(list, row.faults(p.Type, resource)...)
		}
	}
	return list
}

// ClaimFaults returns what a resource breaks of the profiles that its meta.profile names.
func ClaimFaults(body []byte) []*fhir.Error {
	var list []*fhir.Error
	for _, claim := range gjson.GetBytes(body, "meta.profile").Array() {
		list = append(list, Faults(claim.Str, body)...)
	}
	return list
}

func (row ProfileRow) faults(resourceType string, resource gjson.Result) []*fhir.Error {
	steps := splitPath(row.Path)
	parents := []gjson.Result{resource}
	for _, s := range steps[:len(steps)-1] {
		var inner []gjson.Result
		for _, parent := range parents {
			inner = append(inner, s.of(parent)...)
		}
		parents = inner
	}
	var list []*fhir.Error
	fault := func(t fhir.IssueType, detail string) {
		list = append(list, fhir.NewError(t, detail).At(resourceType+"."+row.Path))
	}
	for _, parent := range parents {
		found := steps[len(steps)-1].of(parent)
		switch {
		case len(found) < row.Min:
			fault(fhir.Required, fmt.Sprintf("%d are needed, %d are there", row.Min, len(found)))
		case len(found) > row.Max:
			fault(fhir.Structure, fmt.Sprintf("%d are allowed, %d are there", row.Max, len(found)))
		}
		for _, one := range found {
			if detail := row.breach(one); detail != "" {
				fault(fhir.Value, detail)
			}
		}
	}
	return list
}

// breach tells what is wrong with one value, "" when nothing is.
func (row ProfileRow) breach(one gjson.Result) string {
	switch {
	case row.Fixed != "" && one.Str != row.Fixed:
		return "the value is fixed"
	case row.Code != "" && !hasCoding(one, row.Code):
		return "no coding is " + row.Code
	case row.Targets != nil && !slices.ContainsFunc(row.Targets, func(t string) bool { return refersTo(one, t) }):
		return "not a reference to " + strings.Join(row.Targets, " or ")
	case row.Codes != nil && !slices.ContainsFunc(row.Codes, func(c string) bool { return hasCoding(one, row.System+"|"+c) }):
		return "no coding of the required value set"
	}
	return ""
}

// step is an element of a path, and the slice of it.
type step struct{ name, slice string }

// splitPath cuts at the dots outside of brackets.
func splitPath(path string) []step {
	var list []step
	for path != "" {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			return append(list, step{name: path})
		}
		one := step{name: path[:end]}
		rest := path[end:]
		if rest[0] == '[' {
			one.slice, rest, _ = strings.Cut(rest[1:], "]")
		}
		list, path = append(list, one), strings.TrimPrefix(rest, ".")
	}
	return list
}

// of returns the values of a step in parent.
func (s step) of(parent gjson.Result) []gjson.Result {
	value := parent.Get(s.name)
	if !value.Exists() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(value.Array()), func(one gjson.Result) bool { return !s.holds(one) })
}

func (s step) holds(one gjson.Result) bool {
	target, isReference := strings.CutSuffix(s.slice, "/")
	switch {
	case s.slice == "":
		return true
	case isReference:
		return refersTo(one, target)
	case strings.Contains(s.slice, "|"):
		return hasCoding(one.Get("type"), s.slice)
	}
	return one.Get("type").Str == s.slice
}

// hasCoding holds for a CodeableConcept with a coding system|code, or system|code|display where the display counts too.
func hasCoding(concept gjson.Result, want string) bool {
	return slices.ContainsFunc(concept.Get("coding").Array(), func(c gjson.Result) bool {
		said := c.Get("system").Str + "|" + c.Get("code").Str
		return said == want || said+"|"+c.Get("display").Str == want
	})
}

func refersTo(reference gjson.Result, resourceType string) bool {
	return reference.Get("type").Str == resourceType || strings.HasPrefix(reference.Get("reference").Str, resourceType+"/")
}
