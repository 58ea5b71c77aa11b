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
	{From: "AccessionNumber", With: "IssuerOfAccessionNumberSequence", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.12; HL7 0203 ACSN", Set: placedNumber("ACSN", "IssuerOfAccessionNumberSequence")},
	{From: "PlacerOrderNumberImagingServiceRequest", With: "OrderPlacerIdentifierSequence", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.12; HL7 0203 PLAC", Set: placedNumber("PLAC", "OrderPlacerIdentifierSequence")},
	{From: "FillerOrderNumberImagingServiceRequest", With: "OrderFillerIdentifierSequence", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.12; HL7 0203 FILL", Set: placedNumber("FILL", "OrderFillerIdentifierSequence")},
	{From: "RequestedProcedureID", To: "ServiceRequest.identifier", By: nearest, Ref: "PS3.3 C.4.11", Set: requestedProcedureID},
	{From: "RequestedProcedureCodeSequence RequestedProcedureDescription", With: "RequestedProcedureDescription", To: "ServiceRequest.code", By: nearest, Ref: "PS3.3 C.4.11", Set: orderCode},
	{From: "ScheduledProtocolCodeSequence ScheduledProcedureStepDescription", To: "ServiceRequest.orderDetail", By: nearest, Ref: "PS3.3 C.4.10", Set: concepts(func(o *r4.ServiceRequest) *[]r4.CodeableConcept { return &o.OrderDetail })},
	{From: "ReasonForRequestedProcedureCodeSequence ReasonForTheRequestedProcedure ReasonForStudy", To: "ServiceRequest.reasonCode", By: nearest, Ref: "PS3.3 C.4.11", Set: concepts(func(o *r4.ServiceRequest) *[]r4.CodeableConcept { return &o.ReasonCode })},
	{From: "RequestedProcedurePriority", To: "ServiceRequest.priority", By: nearest, Ref: "PS3.3 C.4.11", Set: orderPriority},
	{From: "RequestingPhysician", With: "RequestingPhysicianIdentificationSequence", To: "ServiceRequest.requester", By: nearest, Ref: "PS3.3 C.4.12", Set: requester},
	{From: "IssueDateOfImagingServiceRequest", With: "IssueTimeOfImagingServiceRequest", To: "ServiceRequest.authoredOn", By: nearest, Ref: "PS3.3 C.4.12", Set: moment("IssueTimeOfImagingServiceRequest", func(o *r4.ServiceRequest) **string { return &o.AuthoredOn })},
	{From: "ImagingServiceRequestComments", To: "ServiceRequest.note", By: nearest, Ref: "PS3.3 C.4.12", Set: orderNote},
	{From: "RequestedProcedureComments", To: "ServiceRequest.note", By: nearest, Ref: "PS3.3 C.4.11", Set: orderNote},
	{From: "ScheduledProcedureStepStartDate", With: "ScheduledProcedureStepStartTime", To: "ServiceRequest.occurrenceDateTime", By: nearest, Ref: "PS3.3 C.4.10", Set: moment("ScheduledProcedureStepStartTime", func(o *r4.ServiceRequest) **string { return &o.OccurrenceDateTime })},
})

var (
	pathAccession = dicom.MustPath("AccessionNumber")
	pathRequests  = dicom.MustPath("RequestAttributesSequence")
)

// orderNumber is a number by which an order is known, and who gave it.
type orderNumber struct {
	r4.Identifier
	by issuer
}

// orderNumber reads the number that identifies an order: the accession number, else that of the placer, else that of the filler.
func (r *run) orderNumber(i item) (orderNumber, bool) {
	for _, one := range orderNumbers {
		if number := i.text(one.number); number != "" {
			by := r.issuer("", firstItem(i.items(one.issuer)))
			if !by.known {
				by.system = r.mapper.local("NamingSystem", one.kind)
			}
			return orderNumber{identifier(one.kind, number, by), by}, true
		}
	}
	return orderNumber{}, false
}

var orderNumbers = []struct {
	kind           string // HL7 table 0203
	number, issuer dicom.Path
}{
	{"ACSN", pathAccession, dicom.MustPath("IssuerOfAccessionNumberSequence")},
	{"PLAC", dicom.MustPath("PlacerOrderNumberImagingServiceRequest"), dicom.MustPath("OrderPlacerIdentifierSequence")},
	{"FILL", dicom.MustPath("FillerOrderNumberImagingServiceRequest"), dicom.MustPath("OrderFillerIdentifierSequence")},
}

// order refers to the ServiceRequest of a number. near holds the data sets that describe it, the nearest first.
func (r *run) order(root *dicom.Dataset, number orderNumber, near []item) *r4.Reference {
	system := *number.System
	if !number.by.known { // nobody says whose number it is: one order never is two patients'
		system = join(system, r.identity(root).id)
	}
	id := r.mapper.ID("ServiceRequest", system, *number.Value)
	one := r.refer("ServiceRequest", id, func() any { return r.serviceRequest(id, root, near) })
	one.Type, one.Identifier = new("ServiceRequest"), &number.Identifier
	return one
}

func (r *run) serviceRequest(id string, root *dicom.Dataset, near []item) any {
	o := r4.ServiceRequest{
		Id: &id, Status: r4.RequestStatusCompleted, Intent: r4.RequestIntentOrder,
		Meta:     &r4.Meta{Tag: []r4.Coding{tag("stub", "Made from image headers")}},
		Category: []r4.CodeableConcept{coded(sct, "363679005", "Imaging")},
		Subject:  *r.patient(root),
	}
	sources := make([]source, len(near))
	for i, one := range near {
		sources[i] = source{root: one.root, dataset: one.dataset}
	}
	orderTable.apply(r, &o, sources...)
	return r4.OtherServiceRequest(o)
}

// ownOrder refers to the order of the data set's own accession number, described by the request items of that number too, or by
// the only one.
func (r *run) ownOrder(root *dicom.Dataset) *r4.Reference {
	whole := item{root, root}
	number, _ := r.orderNumber(whole)
	var near []item
	for _, path := range requestPaths {
		list := items(root, root.Items(path))
		for _, i := range list {
			if text := i.text(pathAccession); text == *number.Value || text == "" && len(list) == 1 {
				near = append(near, i)
				break
			}
		}
	}
	return r.order(root, number, append(near, whole))
}

var requestPaths = []dicom.Path{pathRequests, dicom.MustPath("ReferencedRequestSequence")}

// addRequests adds a reference to the order of each item of a request sequence, but for those that are the data set's own: one
// study may serve several orders (PS3.3 10.6).
func (r *run) addRequests(list []r4.Reference, v value) []r4.Reference {
	own := clean(v.dataset.Text(pathAccession))
	for _, i := range v.items() {
		accession := i.text(pathAccession)
		if own != "" && (accession == own || accession == "" && len(v.items()) == 1) {
			continue
		}
		if number, ok := r.orderNumber(i); ok {
			list = addOrder(list, r.order(v.dataset, number, []item{i}))
		} else {
			r.remark("order-without-number", "a request without accession, placer or filler number is no order by itself")
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

func placedNumber(kind, issuerSequence string) func(*run, *r4.ServiceRequest, value) {
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

// dicomPriorities are the defined terms of Requested Procedure Priority.
var dicomPriorities = enumTable(codeTable[r4.RequestPriority]{
	name: "requested-procedure-priority", title: "Requested Procedure Priority (PS3.3 0040,1003) to ServiceRequest.priority", target: "http://hl7.org/fhir/request-priority",
	rows: map[string]r4.RequestPriority{
		"STAT": r4.RequestPriorityStat, "HIGH": r4.RequestPriorityUrgent, "ROUTINE": r4.RequestPriorityRoutine,
		"MEDIUM": r4.RequestPriorityRoutine, "LOW": r4.RequestPriorityRoutine,
	},
})

func orderPriority(r *run, to *r4.ServiceRequest, v value) {
	p, ok := translate(r.mapper, dicomPriorities, strings.ToUpper(v.text()))
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

func orderNote(_ *run, to *r4.ServiceRequest, v value) {
	to.Note = append(to.Note, r4.Annotation{Text: v.text()})
}

func studyOrder(r *run, to *r4.ImagingStudy, v value) {
	to.BasedOn = addOrder(to.BasedOn, r.ownOrder(v.dataset))
}

func requestedOrders(r *run, to *r4.ImagingStudy, v value) { to.BasedOn = r.addRequests(to.BasedOn, v) }

// accessionIdentifier repeats the accession number among the study's identifiers, where R4 clients look for it.
func accessionIdentifier(r *run, to *r4.ImagingStudy, v value) {
	number, _ := r.orderNumber(item{v.dataset, v.dataset})
	if !number.by.known {
		r.remark("no-issuer", "no issuer: the accession number is in the system of this hub for such")
	}
	to.Identifier = append(to.Identifier, number.Identifier)
}
