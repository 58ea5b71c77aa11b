package conformance

import (
	"encoding/json"

	"lightbox/fhir"
)

// ours are the operations that R4 does not define, by the logical id of their definition.
var ours = []operationDefinition{{
	ID: "Patient-dose", Name: "Dose", Code: "dose", Resource: []string{"Patient"},
	Title: "Radiation exposure of a patient",
	Description: "A collection Bundle with one Observation for each year and kind of procedure, which adds up what may be added up of the " +
		"patient's radiation dose documents (LOINC 73569-6) and is derived from them, and an OperationOutcome that names what was left out and why.",
	Parameter: []operationParameter{
		{Name: "start", Use: "in", Max: "1", Type: "date", Documentation: "The first day."},
		{Name: "end", Use: "in", Max: "1", Type: "date", Documentation: "The last day."},
		{Name: "return", Use: "out", Min: 1, Max: "1", Type: "Bundle", Documentation: "The sums."},
	},
}, {
	ID: "Patient-break-glass", Name: "BreakGlass", Code: "break-glass", Resource: []string{"Patient"}, AffectsState: true, onType: true,
	Title: "Access in an emergency",
	Description: "Lets a clinician whose token has the purpose of use BTG or ETREAT read one patient's data for four hours beyond what is theirs. It is on record before it holds, " +
		"for auditors and for the patient, with the reason. It opens no writes, links or exports. The patient is named by an identifier, or by a reference that is known.",
	Parameter: []operationParameter{
		{Name: "reason", Use: "in", Min: 1, Max: "1", Type: "string", Documentation: "Why, in words: 10 to 500 characters."},
		{Name: "identifier", Use: "in", Max: "1", Type: "string", Documentation: "system|value of the patient, exactly."},
		{Name: "patient", Use: "in", Max: "1", Type: "string", Documentation: "Patient/[id], in place of the identifier."},
		{Name: "patient", Use: "out", Min: 1, Max: "1", Type: "string", Documentation: "Patient/[id]."},
		{Name: "until", Use: "out", Min: 1, Max: "1", Type: "instant", Documentation: "When it ends."},
	},
}, {
	ID: "DiagnosticReport-release", Name: "Release", Code: "release", Resource: []string{"DiagnosticReport"}, AffectsState: true,
	Title: "Release of a report to its patient",
	Description: "Shows a signed report to its patient, and who acts for the patient, at once, with its results, images, forms and documents: whatever the hub's rule of release " +
		"says, and though it is labelled NOPAT (HL7 v3 ActCode). It holds for later versions too. A clinician whose organisation owns the report or has the patient in care, " +
		"and a program, may; a report that nobody has signed is answered with 422.",
	Parameter: decision,
}, {
	ID: "DiagnosticReport-withhold", Name: "Withhold", Code: "withhold", Resource: []string{"DiagnosticReport"}, AffectsState: true,
	Title:       "Keeping a report from its patient",
	Description: "Keeps a report, with what belongs to it alone, from its patient and who acts for the patient until it is released by $release. Who may release it may.",
	Parameter:   decision,
}, {
	ID: "ImagingStudy-link", Name: "Link", Code: "link", Resource: []string{"ImagingStudy"}, AffectsState: true,
	Title: "Link to the images of a study",
	Description: "Makes a link by which anybody who has it downloads the images of the study that the caller may see, as a ZIP with a DICOM File-set (DICOMDIR), with ranges, " +
		"or looks at them on a page in a browser, which hands out no files. " +
		"It ends after some days, when it is revoked, when a passcode was wrong too often, and when the caller may no longer see the study. Its URL is told this once; ask again for another.",
	Parameter: []operationParameter{
		{Name: "purpose", Use: "in", Max: "1", Type: "code", Documentation: "download, which is the default, or view."},
		{Name: "passcode", Use: "in", Max: "1", Type: "string", Documentation: "What has to be entered to use the link: 4 to 64 bytes."},
		{Name: "id", Use: "out", Min: 1, Max: "1", Type: "id", Documentation: "The link, for $links and $revoke-link."},
		{Name: "url", Use: "out", Min: 1, Max: "1", Type: "url", Documentation: "The link itself."},
		{Name: "expires", Use: "out", Min: 1, Max: "1", Type: "instant", Documentation: "When it ends."},
	},
}, {
	ID: "ImagingStudy-links", Name: "Links", Code: "links", Resource: []string{"ImagingStudy"},
	Title:       "Links to the images of a study",
	Description: "The links that the caller has asked for, newest first; all of them to who sees everything. Their URLs are not told.",
	Parameter: []operationParameter{{Name: "link", Use: "out", Max: "*", Type: "Element",
		Documentation: "Parts: id, purpose, created, expires, passcode (whether it takes one), uses, revoked."}},
}, {
	ID: "ImagingStudy-revoke-link", Name: "RevokeLink", Code: "revoke-link", Resource: []string{"ImagingStudy"}, AffectsState: true,
	Title:       "End of a link",
	Description: "Ends a link that the caller has asked for, or any to who sees everything.",
	Parameter: []operationParameter{
		{Name: "id", Use: "in", Min: 1, Max: "1", Type: "id", Documentation: "Of the link."},
		{Name: "id", Use: "out", Min: 1, Max: "1", Type: "id", Documentation: "Of the link."},
		{Name: "revoked", Use: "out", Min: 1, Max: "1", Type: "instant", Documentation: "Since when it does not hold."},
	},
}, {
	ID: "Task-withdraw", Name: "Withdraw", Code: "withdraw", Resource: []string{"Task"}, AffectsState: true,
	Title: "Withdrawal of a submission",
	Description: "Takes back what an organisation sent of a study, whose Task is called: none of its objects is served any more, unless another organisation " +
		"sent them too. What is sent of the study again takes the withdrawal back. A Task that is no submission, or was withdrawn before, is answered with 422.",
	Parameter: []operationParameter{{Name: "return", Use: "out", Min: 1, Max: "1", Type: "Task", Documentation: "The submission, cancelled."}},
}}

// decision is what $release and $withhold answer.
var decision = []operationParameter{
	{Name: "report", Use: "out", Min: 1, Max: "1", Type: "string", Documentation: "DiagnosticReport/[id]."},
	{Name: "released", Use: "out", Min: 1, Max: "1", Type: "boolean", Documentation: "What is decided."},
	{Name: "changed", Use: "out", Min: 1, Max: "1", Type: "boolean", Documentation: "Whether it was decided otherwise, or not at all, before."},
}

type operationDefinition struct {
	ResourceType string               `json:"resourceType"`
	ID           string               `json:"id"`
	URL          string               `json:"url"`
	Name         string               `json:"name"`
	Title        string               `json:"title"`
	Status       string               `json:"status"`
	Kind         string               `json:"kind"`
	Description  string               `json:"description"`
	AffectsState bool                 `json:"affectsState"`
	Code         string               `json:"code"`
	Resource     []string             `json:"resource"`
	System       bool                 `json:"system"`
	Type         bool                 `json:"type"`
	Instance     bool                 `json:"instance"`
	Parameter    []operationParameter `json:"parameter"`

	onType bool // it is called on the type, and not on an instance
}

type operationParameter struct {
	Name          string `json:"name"`
	Use           string `json:"use"`
	Min           int    `json:"min"`
	Max           string `json:"max"`
	Documentation string `json:"documentation"`
	Type          string `json:"type"`
}

// OperationDefinitions returns the operations that Lightbox adds to R4's, as resources of a server at base.
func OperationDefinitions(base string) ([]fhir.Resource, error) {
	var list []fhir.Resource
	for _, one := range ours {
		one.ResourceType, one.URL, one.Status, one.Kind, one.Instance = "OperationDefinition", definitionURL(base, one.ID), "active", "operation", !one.onType
		one.Type = one.onType
		body, err := json.Marshal(one)
		if err != nil {
			return nil, err
		}
		list = append(list, fhir.Resource{Type: "OperationDefinition", ID: one.ID, Body: body})
	}
	return list, nil
}

func definitionURL(base, id string) string { return base + "/OperationDefinition/" + id }
