// Package mapping is where DICOM meets FHIR: rule tables, and the runner that walks them. Every rule names its source
// attribute, its target element and the clause it follows; nothing is dropped silently.
package mapping

import (
	"time"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
)

// Config is what the mapping depends on beside its input. The zero value works, with the published key.
type Config struct {
	Key      []byte            // of logical ids; nil: the published key of map and demo
	Systems  map[string]string // issuer or assigning authority text -> URI
	Zone     *time.Location    // of sources that state no offset; nil: dates only
	DICOMweb string            // base URL of the WADO-RS endpoint that studies name; "" for none
}

// Mapper maps. It is safe for concurrent use.
type Mapper struct{ config Config }

// New checks the tables and returns a Mapper.
func New(config Config) (*Mapper, error) { panic("mapping.New") }

// ID returns the logical id of a resource type and business identifier (system, value): a UUID from an HMAC.
func (m *Mapper) ID(resourceType, system, value string) string { panic("mapping.ID") }

// Issue is a finding about one input: what was not mapped, or was mapped with a doubt.
type Issue struct {
	Severity  string // "error", "warning", "information"
	Code      string // short word that summaries count by: "unknown-code", "bad-date", "conflict", ...
	Attribute string // DICOM path
	Element   string // FHIR path
	Detail    string // no patient data
	Ref       string // clause
}

// Index takes from a scanned object what the instance index keeps (all but Object, Size, Owner, Source). The error is a
// *dicom.Error-like refusal with a Reason when the object is not an instance of a study (DICOMDIR, no SOP Instance UID, bad UID).
func (m *Mapper) Index(ds *dicom.Dataset) (archive.Instance, error) { panic("mapping.Index") }

// Mention is one shared resource (Patient, Device, Practitioner, Organization, Location, ServiceRequest, Endpoint) as one
// context tells it. Many studies mention the same one; Merge settles them.
type Mention struct {
	Type, ID string
	Date     string // StudyDate YYYYMMDD or ""
	Body     []byte // JSON of the resource
}

// Mentions maps the shared resources of one Context.
func (m *Mapper) Mentions(context []byte) ([]Mention, []Issue, error) { panic("mapping.Mentions") }

// Merge settles the mentions of one resource by content, never by order: the newest Date wins, ties by bytes; identifiers of
// a Patient are united.
func Merge(mentions []Mention) (fhir.Resource, []Issue, error) { panic("mapping.Merge") }

// Study is one mapped study.
type Study struct {
	Resource fhir.Resource      // the ImagingStudy
	Patient  string             // "Patient/<id>" it was linked to
	Owners   []string           // of its instances, sorted
	Held     []archive.Instance // instances of another patient, left out
	Issues   []Issue
}

// Study maps the instances of one study, in any order, to its ImagingStudy. patient is the recorded link, "" when none is
// recorded: then the majority decides, ties by id.
func (m *Mapper) Study(instances []archive.Instance, patient string) (Study, error) {
	panic("mapping.Study")
}

// Document is one report object with its whole data set.
type Document struct {
	Instance archive.Instance
	Dataset  *dicom.Dataset
}

// IsReport reports whether objects of a SOP class become a DiagnosticReport, so that their whole data set is needed.
func IsReport(sopClassUID string) bool { panic("mapping.IsReport") }

// Reports maps the report objects of one study to DiagnosticReports (one for each chain of versions) and their Binaries.
func (m *Mapper) Reports(study Study, documents []Document) ([]fhir.Resource, []Issue, error) {
	panic("mapping.Reports")
}
