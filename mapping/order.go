package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// orderTable makes a ServiceRequest of what an image header says of its order. Its paths are those of one item of
// RequestAttributesSequence, or of the data set itself.
var orderTable = compile("servicerequest", []rule[r4.ServiceRequest]{
	{From: "AccessionNumber", With: "IssuerOfAccessionNumberSequence", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.12; HL7 0203 ACSN", Set: orderAccession},
	{From: "PlacerOrderNumberImagingServiceRequest", With: "OrderPlacerIdentifierSequence", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.12; HL7 0203 PLAC", Set: orderNumber("PLAC", "OrderPlacerIdentifierSequence")},
	{From: "FillerOrderNumberImagingServiceRequest", With: "OrderFillerIdentifierSequence", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.12; HL7 0203 FILL", Set: orderNumber("FILL", "OrderFillerIdentifierSequence")},
	{From: "RequestedProcedureID", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.11", Set: requestedProcedureID},
	{From: "RequestedProcedureCodeSequence RequestedProcedureDescription", With: "RequestedProcedureDescription", To: "ServiceRequest.code", By: nearest, Ref: "PS3.3 C.4.11", Set: orderCode},
	{From: "ScheduledProtocolCodeSequence ScheduledProcedureStepDescription", To: "ServiceRequest.orderDetail", By: nearest, Ref: "PS3.3 C.4.10", Set: concepts(func(o *r4.ServiceRequest) *[]r4.CodeableConcept { return &o.OrderDetail })},
	{From: "ReasonForRequestedProcedureCodeSequence ReasonForTheRequestedProcedure ReasonForStudy", To: "ServiceRequest.reasonCode", By: nearest, Ref: "PS3.3 C.4.11", Set: concepts(func(o *r4.ServiceRequest) *[]r4.CodeableConcept { return &o.ReasonCode })},
	{From: "RequestedProcedurePriority", To: "ServiceRequest.priority", By: nearest, Ref: "PS3.3 C.4.11", Set: orderPriority},
	{From: "RequestingPhysician", With: "RequestingPhysicianIdentificationSequence", To: "ServiceRequest.requester", By: nearest, Ref: "PS3.3 C.4.12", Set: requester},
	{From: "IssueDateOfImagingServiceRequest", With: "IssueTimeOfImagingServiceRequest", To: "ServiceRequest.authoredOn", By: nearest, Ref: "PS3.3 C.4.12", Set: moment("IssueTimeOfImagingServiceRequest", func(o *r4.ServiceRequest) **string { return &o.AuthoredOn })},
	{From: "ScheduledProcedureStepStartDate", With: "ScheduledProcedureStepStartTime", To: "ServiceRequest.occurrenceDateTime", By: nearest, Ref: "PS3.3 C.4.10", Set: moment("ScheduledProcedureStepStartTime", func(o *r4.ServiceRequest) **string { return &o.OccurrenceDateTime })},
})

var (
	pathAccession       = dicom.MustPath("AccessionNumber")
	pathAccessionIssuer = dicom.MustPath("IssuerOfAccessionNumberSequence")
	pathRequests        = dicom.MustPath("RequestAttributesSequence")
)

// accession is an accession number with who gave it. The number alone is not unique (PS3.3 C.7.2.1).
func (r *run) accession(i item) (r4.Identifier, issuer) {
	by := r.issuer("", firstItem(i.items(pathAccessionIssuer)))
	if !by.known {
		by.system = r.mapper.local("NamingSystem", "AccessionNumber")
	}
	return identifier("ACSN", i.text(pathAccession), by), by
}

// order refers to the ServiceRequest of an accession number. near holds the data sets that describe it, the nearest first.
func (r *run) order(root *dicom.Dataset, near ...item) *r4.Reference {
	number, by := r.accession(near[0])
	system := by.system
	if !by.known { // nobody says whose number it is: one order never is two patients'
		system = join(system, r.identity(root).id)
	}
	return r.serviceRequest(root, r.mapper.ID("ServiceRequest", system, *number.Value), number, near)
}

func (r *run) serviceRequest(root *dicom.Dataset, id string, number r4.Identifier, near []item) *r4.Reference {
	one := r.refer("ServiceRequest", id, func() any {
		o := r4.ServiceRequest{
			Id: &id, Status: r4.RequestStatusCompleted, Intent: r4.RequestIntentOrder,
			Meta:     &r4.Meta{Tag: []r4.Coding{tag("stub", "Made from image headers")}},
			Category: []r4.CodeableConcept{coded(sct, "363679005", "Imaging")},
			Subject:  *r.patient(root),
		}
		sources := make([]source, len(near))
		for i, one := range near {
			sources[i] = source{dataset: one.dataset}
		}
		orderTable.apply(r, &o, sources...)
		return r4.OtherServiceRequest(o)
	})
	one.Type, one.Identifier = new("ServiceRequest"), &number
	return one
}

// requests pairs each item of a request sequence with the data set that may describe it too: only where there is one request,
// for of several nobody knows which the data set means.
func requests(v value) [][]item {
	list := v.items()
	out := make([][]item, len(list))
	for n, i := range list {
		out[n] = []item{i}
		if len(list) == 1 {
			out[n] = append(out[n], item{v.dataset, v.dataset})
		}
	}
	return out
}

// orderOf returns what describes the order of the data set's own accession number.
func orderOf(root *dicom.Dataset) []item {
	near := []item{{root, root}}
	if list := items(root, root.Items(pathRequests)); len(list) == 1 {
		near = append(near, list[0])
	}
	return near
}

func orderAccession(r *run, to *r4.ServiceRequest, v value) {
	number, _ := r.accession(item{v.dataset, v.dataset})
	to.Identifier = append(to.Identifier, number)
}

func orderNumber(kind, issuerSequence string) func(*run, *r4.ServiceRequest, value) {
	return func(r *run, to *r4.ServiceRequest, v value) {
		by := r.issuer("", v.of(issuerSequence).first())
		if !by.known {
			by.system = r.mapper.local("NamingSystem", kind)
		}
		to.Identifier = append(to.Identifier, identifier(kind, v.text(), by))
	}
}

func requestedProcedureID(r *run, to *r4.ServiceRequest, v value) {
	by := issuer{system: r.mapper.local("NamingSystem", "RequestedProcedureID")}
	to.Identifier = append(to.Identifier, localIdentifier("Requested Procedure ID", v.text(), by))
}

// orderCode joins the code of the requested procedure and the words for it.
func orderCode(r *run, to *r4.ServiceRequest, v value) {
	list := r.concepts(v)
	if len(list) == 0 {
		return
	}
	to.Code = &list[0]
	for _, more := range list[1:] {
		to.Code.Coding = append(to.Code.Coding, more.Coding...)
	}
	if words := v.of("RequestedProcedureDescription").text(); words != "" {
		to.Code.Text = &words
	}
}

func orderPriority(r *run, to *r4.ServiceRequest, v value) {
	priorities := map[string]r4.RequestPriority{
		"STAT": r4.RequestPriorityStat, "HIGH": r4.RequestPriorityUrgent, "ROUTINE": r4.RequestPriorityRoutine,
		"MEDIUM": r4.RequestPriorityRoutine, "LOW": r4.RequestPriorityRoutine,
	}
	p, ok := priorities[strings.ToUpper(v.text())]
	if !ok {
		r.doubt("unknown-code", "not a defined term of priority: left out")
		return
	}
	to.Priority = &p
}

func requester(r *run, to *r4.ServiceRequest, v value) {
	list := r.practitioners(v, v.of("RequestingPhysicianIdentificationSequence"))
	if len(list) > 0 {
		to.Requester = &list[0]
	}
}

// studyOrder refers to the order of the study's own accession number.
func studyOrder(r *run, to *r4.ImagingStudy, v value) {
	to.BasedOn = addOrder(to.BasedOn, r.order(v.dataset, orderOf(v.dataset)...))
}

// requestedOrders refers to each order that the objects were made for: one study may serve several (PS3.3 10.6).
func requestedOrders(r *run, to *r4.ImagingStudy, v value) {
	to.BasedOn = r.addRequests(to.BasedOn, v)
}

func (r *run) addRequests(list []r4.Reference, v value) []r4.Reference {
	for _, near := range requests(v) {
		if near[0].text(pathAccession) != "" {
			list = addOrder(list, r.order(v.dataset, near...))
		}
	}
	return list
}

func addOrder(list []r4.Reference, one *r4.Reference) []r4.Reference {
	same := func(o r4.Reference) bool { return sameIdentifier(*o.Identifier, *one.Identifier) }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, *one)
}

// accessionIdentifier repeats the accession number among the study's identifiers, where R4 clients look for it.
func accessionIdentifier(r *run, to *r4.ImagingStudy, v value) {
	number, by := r.accession(item{v.dataset, v.dataset})
	if !by.known {
		r.remark("no-issuer", "no issuer: the accession number is in the system of this hub for such")
	}
	to.Identifier = append(to.Identifier, number)
}
