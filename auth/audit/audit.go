// Package audit keeps who saw and did what: each disclosure, change and refusal is a record that is durable before the last byte of
// its answer, in a chain of hashes that shows what was taken out or changed afterwards. From the records it makes AuditEvents after
// IHE's Basic Audit Log Patterns, one for each patient concerned, which auditors search, and patients for their own record.
//
// A record is written at once, that of a change in its transaction, that of a disclosure in the store's ledger, together with those of the requests that wait at the same time; AuditEvents are made of it soon
// after, since their index costs more than the reads that they tell of. It knows no HTTP.
//
// https://profiles.ihe.net/ITI/BALP/ and FHIR R4 auditevent.html
package audit

import (
	"embed"
	"encoding/json"
	"net"
	"strings"
	"time"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

//go:embed migrations/*.sql migrations/ledger/*.sql
var migrations embed.FS

// Schema returns the tables that the package keeps in the store's database.
func Schema() store.Schema { return store.EmbeddedSchema("audit", migrations) }

// Outcome of an event, as http://terminology.hl7.org/CodeSystem/audit-event-outcome codes it.
type Outcome string

const (
	Success Outcome = ""  // "0"
	Minor   Outcome = "4" // what was asked for is not there, or not for this caller
	Serious Outcome = "8" // no token that holds, or no right to ask
)

// Event is one thing that a caller did or was refused.
type Event struct {
	At time.Time `json:"at"`
	// Kind is the interaction by its code of http://hl7.org/fhir/restful-interaction ("read", "search-type"), one of the Kinds below, or of a
	// message of HL7 v2 its MSH-9 ("ADT^A08").
	Kind     string   `json:"kind"`
	Outcome  Outcome  `json:"outcome,omitempty"`
	Reason   string   `json:"reason,omitempty"`   // of a refusal: the issue type
	By       *Caller  `json:"by,omitempty"`       // nil: nobody who is known
	Address  string   `json:"address,omitempty"`  // IP address of the client
	Request  string   `json:"request,omitempty"`  // X-Request-Id
	Query    string   `json:"query,omitempty"`    // of a search: method and URL below the base, as they came
	Data     string   `json:"data,omitempty"`     // the one resource concerned: "Type/id" or "Type/id/_history/1"
	Patients []string `json:"patients,omitempty"` // "Patient/id" of each whose data is concerned
	Repeated int      `json:"repeated,omitempty"` // how many more of its kind were not recorded on their own
}

// Kinds of events that are no RESTful interaction of FHIR.
const (
	Operation = "operation"   // a FHIR operation
	Retrieve  = "retrieve"    // objects by WADO-RS, or by a link
	Query     = "query"       // by QIDO-RS
	Submit    = "submit"      // objects by whatever way in
	Fetch     = "fetch"       // objects that the hub itself reads from another archive
	Message   = "message"     // of HL7 v2, whose type cannot be read
	Node      = "node"        // a system that may not send here wants to
	Identity  = "identity"    // whose a record is: two are one person's, or are not
	Login     = "login"       // a token that does not hold
	Emergency = "break-glass" // a clinician goes beyond what is theirs, and says why
	Grant     = "grant"       // a link to images, or what is granted a person
)

// Caller is what is kept of who did it.
type Caller struct {
	Issuer       string   `json:"iss,omitempty"`
	Subject      string   `json:"sub,omitempty"`
	Client       string   `json:"client,omitempty"`
	System       string   `json:"system,omitempty"` // in which Client is named, where that is not the issuer: one of the Systems below
	Token        string   `json:"jti,omitempty"`
	User         string   `json:"user,omitempty"`    // fhirUser
	Patient      string   `json:"patient,omitempty"` // of the launch
	Organization string   `json:"org,omitempty"`
	Roles        []string `json:"roles,omitempty"`
	Purpose      []string `json:"purpose,omitempty"` // codes of v3-ActReason
}

// Systems in which those are named who come without a token.
const (
	AETitle    = "urn:lightbox:ae-title"     // application entity titles of DICOM
	HL7Sender  = "urn:lightbox:hl7v2-sender" // MSH-4 and MSH-3 with a | between, as IHE ITI-8 names the source of a message
	OtherStore = "urn:lightbox:archive"      // archives that the operator has named
)

// callerOf returns what is kept of a verified caller.
func callerOf(p *auth.Principal) *Caller {
	return &Caller{Issuer: p.Issuer, Subject: p.Subject, Client: p.Client, Token: p.TokenID, User: p.FHIRUser, Patient: p.Patient, Organization: p.Organization,
		Roles: p.Roles, Purpose: p.Purpose}
}

// Begin returns an event of now that a request tells of: by is nil where nobody is known, remote is its http.Request.RemoteAddr.
func Begin(kind string, by *auth.Principal, remote, request string) Event {
	e := Event{At: time.Now(), Kind: kind, Address: remote, Request: request}
	if host, _, err := net.SplitHostPort(remote); err == nil {
		e.Address = host
	}
	if by != nil {
		e.By = callerOf(by)
	}
	return e
}

// PatientsOf returns those whose data resources are, each once.
func PatientsOf(list ...fhir.Resource) (found []string) {
	seen := map[string]bool{}
	for _, res := range list {
		if strings.HasPrefix(res.Patient, "Patient/") && !seen[res.Patient] {
			seen[res.Patient] = true
			found = append(found, res.Patient)
		}
	}
	return found
}

func (e Event) encode() ([]byte, error) {
	e.At = e.At.UTC().Truncate(time.Microsecond)
	return json.Marshal(e)
}
