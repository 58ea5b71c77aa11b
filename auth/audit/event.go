package audit

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"lightbox/fhir"
)

// Code systems of AuditEvents.
const (
	dcm           = "http://dicom.nema.org/resources/ontology/DCM"
	eventType     = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactions  = "http://hl7.org/fhir/restful-interaction"
	messageEvents = "http://terminology.hl7.org/CodeSystem/v2-0003"
	entityType    = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objectRole    = "http://terminology.hl7.org/CodeSystem/object-role"
	participation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	roleClass     = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
	actReason     = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	sourceType    = "http://terminology.hl7.org/CodeSystem/security-source-type"
	balpEntity    = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
	balpProfile   = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
	roleSystem    = "urn:lightbox:role" // roles are the words of each issuer
)

// kind is how events of one kind are told.
type kind struct {
	typ, subtype coding
	action       string
	profile      string // of BALP, without "Patient"; "" for none
	client, hub  string // agent types by DCM code: who sends what is asked for, and who gets it
	part         string // of the user, v3-ParticipationType
}

// kindOf follows BALP's profiles. What none is for is told in the same way.
func kindOf(name string) kind {
	rest, code := coding{eventType, "rest", "RESTful Operation"}, coding{interactions, name, name}
	const destination, source = "110152", "110153"
	switch name {
	case "read", "vread":
		return kind{rest, code, "R", "Read", destination, source, "IRCP"}
	case "history-instance", "history-type", "history-system":
		return kind{rest, code, "R", "", destination, source, "IRCP"}
	case "search-type", "search-system":
		return kind{rest, code, "E", "Query", source, destination, "IRCP"}
	case "create":
		return kind{rest, code, "C", "Create", source, destination, "AUT"}
	case "update", "patch":
		return kind{rest, code, "U", "Update", source, destination, "AUT"}
	case "delete":
		return kind{rest, code, "D", "Delete", "110150", "", "AUT"}
	case Retrieve:
		return kind{coding{dcm, "110104", "DICOM Instances Transferred"}, coding{}, "R", "", destination, source, "IRCP"}
	case Query:
		return kind{coding{dcm, "110112", "Query"}, coding{}, "E", "", source, destination, "IRCP"}
	case Submit, Fetch:
		return kind{coding{dcm, "110104", "DICOM Instances Transferred"}, coding{}, "C", "", source, destination, "AUT"}
	case Node:
		return kind{coding{dcm, "110113", "Security Alert"}, coding{dcm, "110126", "Node Authentication"}, "E", "", source, destination, "IRCP"}
	case Identity:
		return kind{coding{dcm, "110110", "Patient Record"}, coding{}, "U", "", source, destination, "AUT"}
	case Login:
		return kind{coding{dcm, "110114", "User Authentication"}, coding{dcm, "110122", "Login"}, "E", "", source, destination, "IRCP"}
	case Emergency:
		return kind{coding{dcm, "110113", "Security Alert"}, coding{dcm, "110127", "Emergency Override Started"}, "E", "", source, destination, "IRCP"}
	case Grant:
		return kind{coding{dcm, "110106", "Export"}, coding{}, "C", "", source, destination, "AUT"}
	}
	if message, event, ok := strings.Cut(name, "^"); ok || name == Message {
		return messageKind(message, event)
	}
	return kind{rest, coding{interactions, Operation, Operation}, "E", "", source, destination, "IRCP"}
}

// messageKind tells of a message of HL7 v2 as DICOM PS3.15 A.5.3 does of what it is about: BALP has no profile of messages. Whether what it says is
// new is not known before it is built, so that what may change a record that is there counts as a change.
func messageKind(message, event string) kind {
	k := kind{typ: coding{dcm, "110107", "Import"}, action: "C", client: "110153", hub: "110152", part: "AUT"}
	switch message {
	case "ADT":
		k.typ, k.action = coding{dcm, "110110", "Patient Record"}, "U"
	case "ORM", "OMI", "OMG":
		k.typ, k.action = coding{dcm, "110109", "Order Record"}, "U"
	}
	if event != "" {
		k.subtype = coding{messageEvents, event, message + "^" + event}
	}
	return k
}

// resources returns the AuditEvents of a record: of each event one for each patient, one where no patient is concerned.
func (l *Log) resources(c chain, r record) (list []fhir.Resource, err error) {
	for line := range bytes.SplitSeq(r.body, []byte{'\n'}) {
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, err
		}
		patients := e.Patients
		if len(patients) == 0 {
			patients = []string{""}
		}
		if e.Query != "" && len(e.Patients) > 0 && !e.ownQuery() {
			patients = append(patients, "")
		}
		for _, patient := range patients {
			told := e
			if patient != "" && !e.ownQuery() {
				told.Query = ""
			}
			a := l.event(told, patient)
			a.ID = l.id(c, r.seq, len(list))
			text, err := json.Marshal(a)
			if err != nil {
				return nil, err
			}
			list = append(list, fhir.Resource{Type: "AuditEvent", ID: a.ID, Body: text})
		}
	}
	return list, nil
}

// ownQuery reports whether whoever sees the patient's record may see what was asked: the patient asked. Others may have asked for several
// at once, by what names them, so that a query of theirs is in an AuditEvent of its own, for auditors.
func (e Event) ownQuery() bool {
	return len(e.Patients) == 1 && e.By != nil && (e.By.User == e.Patients[0] || e.By.User == "" && e.By.Patient == e.Patients[0])
}

// id is the same for a record each time. Those of changes were there before there was another chain.
func (l *Log) id(c chain, seq int64, n int) string {
	h := hmac.New(sha256.New, l.key)
	if c.name != l.changes().name {
		h.Write([]byte(c.name))
	}
	h.Write(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, uint64(seq)), uint64(n))) //nolint:gosec // both count up
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80 // RFC 9562 version 8
	return id.String()
}

func (l *Log) event(e Event, patient string) auditEvent {
	k := kindOf(e.Kind)
	a := auditEvent{ResourceType: "AuditEvent", Type: k.typ, Action: k.action, Recorded: e.At.Format(time.RFC3339Nano), Outcome: "0",
		OutcomeDesc: e.Reason, Agent: l.agents(e, k), Source: l.source()}
	if k.subtype != (coding{}) {
		a.Subtype = []coding{k.subtype}
	}
	if e.Outcome != Success {
		a.Outcome = string(e.Outcome)
	}
	if e.Repeated > 0 {
		a.OutcomeDesc += "; " + strconv.Itoa(e.Repeated) + " more of the same were not recorded on their own"
	}
	if k.profile != "" && e.Outcome == Success && e.Address != "" && (k.profile != "Query" || e.Query != "") {
		name := k.profile
		if patient != "" {
			name = "Patient" + name
		}
		a.Meta = &meta{[]string{balpProfile + name}}
	}
	a.Entity = entities(e, patient)
	return a
}

func (l *Log) source() source {
	return source{Observer: reference{Display: l.host()}, Type: []coding{{sourceType, "4", "Application Server"}}}
}

func (l *Log) host() string {
	if u, err := url.Parse(l.base); err == nil && u.Host != "" {
		return u.Host
	}
	return "lightbox"
}

// agents are client, hub, the person who asks, and the organisation that they ask for.
func (l *Log) agents(e Event, k kind) []agent {
	hub := agent{Type: concept(coding{dcm, k.hub, ""}), Who: &reference{Display: l.host()}, Network: &network{l.base, "5"}}
	if k.hub == "" {
		hub.Type = concept(coding{"http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian"})
	}
	client := agent{Type: concept(coding{dcm, k.client, ""}), Who: &reference{Display: "unknown"}, Network: address(e.Address), Requestor: true}
	by := e.By
	if by == nil {
		return []agent{client, hub}
	}
	if by.Client != "" {
		client.Who = &reference{Identifier: &identifier{cmp.Or(by.System, by.Issuer), by.Client}}
	}
	user := agent{Type: concept(coding{participation, k.part, ""}), Who: whoOf(by), Requestor: true}
	if by.User == "" && (by.Subject == "" || by.Subject == by.Client) { // a program on its own behalf
		user.Who = nil
	}
	said := &client
	if user.Who != nil {
		said, client.Requestor = &user, false
	}
	said.say(by)
	if e.Kind == Fetch && user.Who == nil { // nobody asked but the hub itself
		client.Requestor, hub.Requestor = false, true
	}
	all := []agent{client, hub}
	if user.Who != nil {
		all = append(all, user)
	}
	if by.Organization != "" {
		all = append(all, agent{Type: concept(coding{roleClass, "PROV", "healthcare provider"}), Who: &reference{Reference: by.Organization}})
	}
	return all
}

// say adds what the token says of who asks.
func (a *agent) say(by *Caller) {
	for _, role := range by.Roles {
		a.Role = append(a.Role, concept(coding{roleSystem, role, ""}))
	}
	for _, purpose := range by.Purpose {
		a.PurposeOfUse = append(a.PurposeOfUse, concept(coding{actReason, purpose, ""}))
	}
	if by.Token != "" {
		a.Policy = []string{by.Token}
	}
}

// whoOf names a person: by the resource here where AuditEvent.agent.who may refer to its type, else as the issuer does.
func whoOf(by *Caller) *reference {
	switch t, _, _ := strings.Cut(by.User, "/"); t {
	case "Patient", "Practitioner", "PractitionerRole", "RelatedPerson":
		return &reference{Reference: by.User}
	}
	return &reference{Identifier: &identifier{by.Issuer, by.Subject}}
}

func address(client string) *network {
	if client == "" {
		return nil
	}
	if ip, err := netip.ParseAddr(client); err == nil {
		return &network{ip.String(), "2"}
	}
	return &network{client, "1"}
}

// entities are the patient, what was read or written, the query, and the request's id.
func entities(e Event, patient string) []entity {
	var all []entity
	person, object := &coding{entityType, "1", "Person"}, &coding{entityType, "2", "System Object"}
	if patient != "" {
		all = append(all, entity{What: &reference{Reference: patient}, Type: person, Role: &coding{objectRole, "1", "Patient"}})
	}
	if e.Data != "" {
		all = append(all, entity{What: &reference{Reference: e.Data}, Type: object, Role: &coding{objectRole, "4", "Domain Resource"}})
	}
	if e.Query != "" {
		all = append(all, entity{Type: object, Role: &coding{objectRole, "24", "Query"}, Query: base64.StdEncoding.EncodeToString([]byte(e.Query))})
	}
	if e.Request != "" && e.Kind != "delete" { // BALP's profile of a deletion has no place for it
		all = append(all, entity{What: &reference{Identifier: &identifier{"", e.Request}}, Type: &coding{balpEntity, "XrequestId", ""}})
	}
	return all
}

// auditEvent is the shape of FHIR R4 auditevent.html as far as it is filled. (The structs of fhir-models turn absent booleans
// into nothing, and requestor is required.)
type auditEvent struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id"`
	Meta         *meta    `json:"meta,omitempty"`
	Type         coding   `json:"type"`
	Subtype      []coding `json:"subtype,omitempty"`
	Action       string   `json:"action"`
	Recorded     string   `json:"recorded"`
	Outcome      string   `json:"outcome"`
	OutcomeDesc  string   `json:"outcomeDesc,omitempty"`
	Agent        []agent  `json:"agent"`
	Source       source   `json:"source"`
	Entity       []entity `json:"entity,omitempty"`
}

type meta struct {
	Profile []string `json:"profile"`
}

type coding struct {
	System  string `json:"system"`
	Code    string `json:"code"`
	Display string `json:"display,omitempty"`
}

type codeableConcept struct {
	Coding []coding `json:"coding"`
}

func concept(c coding) *codeableConcept { return &codeableConcept{[]coding{c}} }

type identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value"`
}

type reference struct {
	Reference  string      `json:"reference,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

type agent struct {
	Type         *codeableConcept   `json:"type"`
	Role         []*codeableConcept `json:"role,omitempty"`
	Who          *reference         `json:"who,omitempty"`
	Requestor    bool               `json:"requestor"`
	Policy       []string           `json:"policy,omitempty"`
	Network      *network           `json:"network,omitempty"`
	PurposeOfUse []*codeableConcept `json:"purposeOfUse,omitempty"`
}

type network struct {
	Address string `json:"address,omitempty"`
	Type    string `json:"type"`
}

type source struct {
	Observer reference `json:"observer"`
	Type     []coding  `json:"type"`
}

type entity struct {
	What  *reference `json:"what,omitempty"`
	Type  *coding    `json:"type,omitempty"`
	Role  *coding    `json:"role,omitempty"`
	Query string     `json:"query,omitempty"`
}
