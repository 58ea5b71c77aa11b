package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/mapping/hl7v2"
)

// request is the ServiceRequest of one ORC and OBR.
type request struct {
	r4.ServiceRequest
	*letter
	silent bool // on its status
}

// requestTable reads an order (HL7 v2.8.2 4.5; IHE RAD-2, RAD-4; v2-to-FHIR ORM_O01).
var requestTable = compileMessage("v2-order", []messageRule[request]{
	{From: "IPC-1 OBR-18", To: "ServiceRequest.identifier", Ref: "HL7 v2.8.2 4.5.6.1; IHE RAD-4; HL7 0203 ACSN", Set: requestNumber("ACSN")},
	{From: "OBR-2 ORC-2", To: "ServiceRequest.identifier", Ref: "HL7 v2.8.2 4.5.3.2; HL7 0203 PLAC", Set: requestNumber("PLAC")},
	{From: "OBR-3 ORC-3", To: "ServiceRequest.identifier", Ref: "HL7 v2.8.2 4.5.3.3; HL7 0203 FILL", Set: requestNumber("FILL")},
	{From: "IPC-2 OBR-19", To: "ServiceRequest.identifier", Ref: "HL7 v2.8.2 4.5.6.2; IHE RAD-4", Set: requestedID},
	{From: "ORC-1", To: "ServiceRequest.status", Ref: "HL7 0119, 0038", Set: requestStatus},
	{From: "ORC-4", To: "ServiceRequest.requisition", Ref: "HL7 v2.8.2 4.5.1.4; HL7 0203 PGN", Set: requestGroup},
	{From: "OBR-4", To: "ServiceRequest.code", Need: required, Ref: "HL7 v2.8.2 4.5.3.4", Set: requestCode},
	{From: "OBR-44", To: "ServiceRequest.code", Ref: "HL7 v2.8.2 4.5.3.44", Set: requestProcedure},
	{From: "IPC-6", To: "ServiceRequest.orderDetail", Ref: "HL7 v2.8.2 4.5.6.6", Set: requestProtocols},
	{From: "TQ1-9", To: "ServiceRequest.priority", Ref: "HL7 0485", Set: requestPriority(1)},
	{From: "ORC-7 OBR-27", To: "ServiceRequest.priority", Ref: "HL7 v2.5 2.A.81 (TQ); HL7 0485", Set: requestPriority(6)},
	{From: "OBR-16 ORC-12", To: "ServiceRequest.requester", Ref: "HL7 v2.8.2 4.5.3.16", Set: requestRequester},
	{From: "ORC-9 OBR-6", To: "ServiceRequest.authoredOn", Ref: "HL7 v2.8.2 4.5.1.9", Set: requestAuthored},
	{From: "TQ1-7 OBR-36", To: "ServiceRequest.occurrenceDateTime", Ref: "HL7 v2.8.2 4.5.4.7", Set: requestOccurrence},
	{From: "OBR-31", To: "ServiceRequest.reasonCode", Ref: "HL7 v2.8.2 4.5.3.31", Set: requestReasons},
	{From: "PV1-19", To: "ServiceRequest.encounter", Ref: "HL7 v2.8.2 3.4.3.19; HL7 0203 VN", Set: requestVisit},
	{From: "NTE-3", To: "ServiceRequest.note", Ref: "HL7 v2.8.2 2.4.10", Set: requestNote},
})

// orders maps every order of a message. One without a number is no order that anybody could name again.
func (r *run) orders(l *letter) {
	r.asides(l, beforeOrders(l.segments), l.patient)
	scopes, ids, beside := orderScopes(l.segments), []string{}, map[string][]r4.Reference{}
	for _, scope := range scopes {
		id, about := "", l.patient
		if system, number := r.orderKey(l, scope); number != "" {
			id = r.mapper.ID("ServiceRequest", system, number)
			about = id
		}
		beside[id] = append(beside[id], r.asides(l, scope, about)...)
		ids = append(ids, id)
	}
	told := map[string]bool{}
	for i, id := range ids {
		switch {
		case id == "":
			r.add(Issue{Severity: "warning", Code: "order-without-number", Attribute: "ORC-2 ORC-3 OBR-18", Element: "ServiceRequest",
				Detail: "an order without accession, placer or filler number is no order by itself: left out", Ref: "HL7 v2.8.2 4.5.1"})
		case told[id]:
			r.add(Issue{Severity: "warning", Code: "order-twice", Attribute: "ORC-2 ORC-3 OBR-18", Element: "ServiceRequest",
				Detail: "the message tells of one order twice: the first is taken", Ref: "HL7 v2.8.2 4.5.1"})
		default:
			told[id] = true
			r.request(l, id, scopes[i], beside[id])
		}
	}
}

// request refers to an order as a message tells it, with what it tells beside it.
func (r *run) request(l *letter, id string, scope []hl7v2.Segment, beside []r4.Reference) {
	r.refer("ServiceRequest", id, func() any {
		to := request{letter: l}
		to.Id, to.Intent, to.Status = &id, r4.RequestIntentOrder, r4.RequestStatusActive
		to.Category = []r4.CodeableConcept{coded(sct, "363679005", "Imaging")}
		to.Subject = r4.Reference{Reference: &l.patient}
		to.SupportingInfo = beside
		requestTable.apply(r, &to, scope)
		out := spliced{resource: r4.OtherServiceRequest(to.ServiceRequest)}
		if to.silent {
			out.without = "status"
		}
		return out
	})
}

// orderFields hold the numbers of an order, the one that images name first.
var orderFields = []struct {
	kind  string // HL7 table 0203
	paths []fieldPath
}{
	{"ACSN", fieldPaths("IPC-1 OBR-18")}, {"PLAC", fieldPaths("OBR-2 ORC-2")}, {"FILL", fieldPaths("OBR-3 ORC-3")},
}

// orderKey is the number that identifies an order, and its system: as of an image that names it, so that both mean one resource.
func (r *run) orderKey(l *letter, scope []hl7v2.Segment) (system, number string) {
	for _, one := range orderFields {
		for _, path := range one.paths {
			f := fieldAt(scope, path).First()
			number := clean(f.Component(1).Text())
			if number == "" {
				continue
			}
			by := r.authority(clean(f.Component(2).Text()), clean(f.Component(3).Text()), clean(f.Component(4).Text()))
			if !by.known { // nobody says whose number it is: one order never is two patients'
				by.system = join(r.mapper.local("NamingSystem", one.kind), strings.TrimPrefix(l.patient, "Patient/"))
			}
			return by.system, number
		}
	}
	return "", ""
}

func requestNumber(kind string) func(*run, *request, fieldValue) {
	return func(r *run, to *request, v fieldValue) {
		if one, ok := r.entityIdentifier(kind, v.Field); ok {
			to.Identifier = append(to.Identifier, one)
		}
	}
}

func requestedID(r *run, to *request, v fieldValue) {
	if value := clean(v.Text()); value != "" {
		by := issuer{system: r.mapper.local("NamingSystem", "RequestedProcedureID")}
		to.Identifier = append(to.Identifier, localIdentifier("Requested Procedure ID", value, by))
	}
}

// orderControls are the codes of HL7 table 0119 that tell how far an order is. A request to cancel or to discontinue leaves it active.
var orderControls = enumTable(codeTable[r4.RequestStatus]{
	name: "order-control", title: "Order control (HL7 0119) to ServiceRequest.status", source: "http://terminology.hl7.org/CodeSystem/v2-0119", target: "http://hl7.org/fhir/request-status",
	rows: map[string]r4.RequestStatus{
		"NW": r4.RequestStatusActive, "OK": r4.RequestStatusActive, "RO": r4.RequestStatusActive, "RL": r4.RequestStatusActive,
		"RQ": r4.RequestStatusActive, "AF": r4.RequestStatusActive, "PR": r4.RequestStatusActive, "PY": r4.RequestStatusActive,
		"CA": r4.RequestStatusActive, "DC": r4.RequestStatusActive, "HD": r4.RequestStatusActive,
		"CR": r4.RequestStatusRevoked, "OC": r4.RequestStatusRevoked, "OD": r4.RequestStatusRevoked, "DR": r4.RequestStatusRevoked,
		"HR": r4.RequestStatusOnHold, "OH": r4.RequestStatusOnHold, "FU": r4.RequestStatusCompleted, "RE": r4.RequestStatusCompleted,
	},
})

// silentControls change an order, or give it a number, and leave it as far as it is.
var silentControls = []string{"XO", "XX", "NA", "SN", "RU"}

// orderStatuses are HL7 table 0038, by which a change of status (SC) says what it changed to.
var orderStatuses = enumTable(codeTable[r4.RequestStatus]{
	name: "order-status", title: "Order status (HL7 0038) to ServiceRequest.status", source: "http://terminology.hl7.org/CodeSystem/v2-0038", target: "http://hl7.org/fhir/request-status",
	rows: map[string]r4.RequestStatus{
		"A": r4.RequestStatusCompleted, "CM": r4.RequestStatusCompleted, "CA": r4.RequestStatusRevoked, "DC": r4.RequestStatusRevoked,
		"RP": r4.RequestStatusRevoked, "IP": r4.RequestStatusActive, "SC": r4.RequestStatusActive, "HD": r4.RequestStatusOnHold,
		"ER": r4.RequestStatusEnteredInError,
	},
})

func requestStatus(r *run, to *request, v fieldValue) {
	control := strings.ToUpper(clean(v.Text()))
	status, ok := translate(r.mapper, orderControls, control)
	if control == "SC" {
		status, ok = translate(r.mapper, orderStatuses, strings.ToUpper(clean(v.at("ORC-5").Text())))
	}
	if !ok && slices.Contains(silentControls, control) {
		to.silent = true
		return
	}
	if !ok {
		r.doubt("unknown-code", "neither HL7 table 0119 nor 0038 gives it a status: taken as active")
		return
	}
	to.Status = status
}

func requestCode(r *run, to *request, v fieldValue) {
	if one, ok := r.codedElement(v.First()); ok {
		to.Code = &one
	}
}

// requestGroup is the number that the orders of one requisition share.
func requestGroup(r *run, to *request, v fieldValue) {
	if one, ok := r.entityIdentifier("PGN", v.Field); ok {
		to.Requisition = &one
	}
}

// requestProcedure adds the code of the procedure to that of the service.
func requestProcedure(r *run, to *request, v fieldValue) {
	one, ok := r.codedElement(v.First())
	switch {
	case !ok:
	case to.Code == nil:
		to.Code = &one
	default:
		to.Code.Coding = append(to.Code.Coding, one.Coding...)
	}
}

// requestProtocols are the codes by which the images are to be made.
func requestProtocols(r *run, to *request, v fieldValue) {
	for _, one := range v.Repetitions() {
		if protocol, ok := r.codedElement(one); ok {
			to.OrderDetail = append(to.OrderDetail, protocol)
		}
	}
}

// requestPriorities are HL7 table 0485.
var requestPriorities = enumTable(codeTable[r4.RequestPriority]{
	name: "order-priority", title: "Priority (HL7 0485) to ServiceRequest.priority", source: "http://terminology.hl7.org/CodeSystem/v2-0485", target: "http://hl7.org/fhir/request-priority",
	rows: map[string]r4.RequestPriority{
		"S": r4.RequestPriorityStat, "A": r4.RequestPriorityAsap, "R": r4.RequestPriorityRoutine, "U": r4.RequestPriorityUrgent,
		"T": r4.RequestPriorityRoutine, "P": r4.RequestPriorityRoutine, "C": r4.RequestPriorityRoutine,
	},
})

// requestPriority reads a component; what TQ1 said stands.
func requestPriority(component int) func(*run, *request, fieldValue) {
	return func(r *run, to *request, v fieldValue) {
		stated := strings.ToUpper(clean(v.First().Component(component).Text()))
		if stated == "" || to.Priority != nil {
			return
		}
		if priority, ok := translate(r.mapper, requestPriorities, stated); ok {
			to.Priority = &priority
			return
		}
		r.doubt("unknown-code", "not a priority of HL7 table 0485: left out")
	}
}

func requestRequester(r *run, to *request, v fieldValue) {
	to.Requester = r.person(to.letter, v.First())
}

func requestAuthored(r *run, to *request, v fieldValue) {
	to.AuthoredOn = text(r.pointInTime(nil, clean(v.Text())))
}

func requestOccurrence(r *run, to *request, v fieldValue) {
	to.OccurrenceDateTime = text(r.pointInTime(nil, clean(v.Text())))
}

func requestReasons(r *run, to *request, v fieldValue) {
	for _, one := range v.Repetitions() {
		if reason, ok := r.codedElement(one); ok {
			to.ReasonCode = append(to.ReasonCode, reason)
		}
	}
}

func requestVisit(r *run, to *request, v fieldValue) { to.Encounter = r.visitOf(v) }

func requestNote(_ *run, to *request, v fieldValue) {
	for _, one := range v.Repetitions() {
		if words := trimmed(one.Whole()); words != "" {
			to.Note = append(to.Note, r4.Annotation{Text: words})
		}
	}
}
