package naive

import (
	"encoding/json"

	"pgregory.net/rapid"
)

// shapes are the types by their elements.
var shapes = map[string][]member{
	"Patient": {
		{name: "identifier", value: listOf(identifier)},
		{name: "active", value: boolean},
		{name: "name", value: listOf(humanName)},
		{name: "telecom", value: listOf(contactPoint)},
		{name: "gender", value: code("Patient.gender")},
		{name: "birthDate", value: text(days)},
		{name: "deceased", value: choose(values{"Boolean": boolean, "DateTime": text(dateTimes)}, "Boolean", "DateTime")},
		{name: "address", value: listOf(address)},
		{name: "communication", value: listOf(shape(member{"language", concept, true}))},
		{name: "generalPractitioner", value: listOf(referTo("Practitioner"))},
		{name: "managingOrganization", value: referTo("Organization")},
		{name: "link", value: listOf(shape(member{"other", referTo("Patient"), true}, member{"type", text([]string{"seealso"}), true}))},
	},
	"Person": {
		{name: "identifier", value: listOf(identifier)},
		{name: "name", value: listOf(humanName)},
		{name: "telecom", value: listOf(contactPoint)},
		{name: "gender", value: code("Person.gender")},
		{name: "birthDate", value: text(days)},
		{name: "address", value: listOf(address)},
		{name: "managingOrganization", value: referTo("Organization")},
		{name: "link", value: listOf(shape(member{"target", referTo("Patient", "Practitioner", "Person", "RelatedPerson"), true}))},
	},
	"Practitioner": {
		{name: "identifier", value: listOf(identifier)},
		{name: "active", value: boolean},
		{name: "name", value: listOf(humanName)},
		{name: "telecom", value: listOf(contactPoint)},
		{name: "gender", value: code("Practitioner.gender")},
		{name: "address", value: listOf(address)},
		{name: "communication", value: listOf(concept)},
	},
	"ImagingStudy": {
		{name: "identifier", value: listOf(identifier)},
		{name: "status", value: code("ImagingStudy.status"), required: true},
		{name: "modality", value: listOf(codingOf)},
		{name: "subject", value: referTo("Patient", "Device", "Group"), required: true},
		{name: "encounter", value: referTo("Encounter")},
		{name: "started", value: text(dateTimes)},
		{name: "basedOn", value: listOf(referTo("ServiceRequest"))},
		{name: "referrer", value: referTo("Practitioner")},
		{name: "interpreter", value: listOf(referTo("Practitioner"))},
		{name: "endpoint", value: listOf(referTo("Endpoint"))},
		{name: "numberOfInstances", value: number(counts)},
		{name: "reasonCode", value: listOf(concept)},
		{name: "description", value: text(sayings)},
		{name: "series", value: listOf(series)},
	},
	"DiagnosticReport": {
		{name: "identifier", value: listOf(identifier)},
		{name: "basedOn", value: listOf(referTo("ServiceRequest"))},
		{name: "status", value: code("DiagnosticReport.status"), required: true},
		{name: "category", value: listOf(concept)},
		{name: "code", value: concept, required: true},
		{name: "subject", value: referTo("Patient", "Group", "Device", "Location")},
		{name: "encounter", value: referTo("Encounter")},
		{name: "effective", value: choose(values{"DateTime": text(dateTimes), "Period": period}, "DateTime", "Period")},
		{name: "issued", value: text(instants)},
		{name: "performer", value: listOf(referTo("Practitioner", "Organization"))},
		{name: "resultsInterpreter", value: listOf(referTo("Practitioner"))},
		{name: "specimen", value: listOf(referTo("Specimen"))},
		{name: "result", value: listOf(referTo("Observation"))},
		{name: "imagingStudy", value: listOf(referTo("ImagingStudy"))},
		{name: "media", value: listOf(shape(member{"link", referTo("Media"), true}))},
		{name: "conclusionCode", value: listOf(concept)},
	},
	"Observation": {
		{name: "identifier", value: listOf(identifier)},
		{name: "basedOn", value: listOf(referTo("ServiceRequest"))},
		{name: "partOf", value: listOf(referTo("ImagingStudy", "Procedure"))},
		{name: "status", value: code("Observation.status"), required: true},
		{name: "category", value: listOf(concept)},
		{name: "code", value: measured, required: true},
		{name: "subject", value: referTo("Patient", "Group", "Device", "Location")},
		{name: "focus", value: listOf(referTo("ImagingStudy", "Condition"))},
		{name: "encounter", value: referTo("Encounter")},
		{name: "effective", value: choose(values{"DateTime": text(dateTimes), "Period": period, "Timing": timing, "Instant": text(instants)},
			"DateTime", "Period", "Timing", "Instant")},
		{name: "issued", value: text(instants)},
		{name: "performer", value: listOf(referTo("Practitioner", "Patient"))},
		{name: "value", value: observed},
		{name: "dataAbsentReason", value: concept},
		{name: "method", value: concept},
		{name: "specimen", value: referTo("Specimen")},
		{name: "device", value: referTo("Device")},
		{name: "hasMember", value: listOf(referTo("Observation"))},
		{name: "derivedFrom", value: listOf(referTo("Observation", "DocumentReference", "ImagingStudy"))},
		{name: "component", value: listOf(shape(member{"code", measured, true}, member{"value", component, false},
			member{"dataAbsentReason", concept, false}))},
	},
	"ServiceRequest": {
		{name: "identifier", value: listOf(identifier)},
		{name: "instantiatesCanonical", value: listOf(text(versions))},
		{name: "instantiatesUri", value: listOf(text(uris))},
		{name: "basedOn", value: listOf(referTo("ServiceRequest"))},
		{name: "replaces", value: listOf(referTo("ServiceRequest"))},
		{name: "requisition", value: identifier},
		{name: "status", value: code("ServiceRequest.status"), required: true},
		{name: "intent", value: code("ServiceRequest.intent"), required: true},
		{name: "category", value: listOf(concept)},
		{name: "priority", value: code("ServiceRequest.priority")},
		{name: "code", value: concept},
		{name: "subject", value: referTo("Patient", "Group", "Device", "Location"), required: true},
		{name: "encounter", value: referTo("Encounter")},
		{name: "occurrence", value: choose(values{"DateTime": text(dateTimes), "Period": period, "Timing": timing},
			"DateTime", "Period", "Timing")},
		{name: "authoredOn", value: text(dateTimes)},
		{name: "requester", value: referTo("Practitioner", "Patient", "Device")},
		{name: "performerType", value: concept},
		{name: "performer", value: listOf(referTo("Practitioner", "Device"))},
		{name: "specimen", value: listOf(referTo("Specimen"))},
		{name: "bodySite", value: listOf(concept)},
	},
	"Encounter": {
		{name: "identifier", value: listOf(identifier)},
		{name: "status", value: code("Encounter.status"), required: true},
		{name: "class", value: codingOf, required: true},
		{name: "type", value: listOf(concept)},
		{name: "subject", value: referTo("Patient", "Group")},
		{name: "episodeOfCare", value: listOf(referTo("EpisodeOfCare"))},
		{name: "basedOn", value: listOf(referTo("ServiceRequest"))},
		{name: "participant", value: listOf(shape(member{"type", listOf(concept), true}, member{"individual", referTo("Practitioner"), false}))},
		{name: "appointment", value: listOf(referTo("Appointment"))},
		{name: "period", value: period},
		{name: "length", value: age},
		{name: "reasonCode", value: listOf(concept)},
		{name: "reasonReference", value: listOf(referTo("Condition", "Observation"))},
		{name: "diagnosis", value: listOf(shape(member{"condition", referTo("Condition"), true}))},
		{name: "account", value: listOf(referTo("Account"))},
		{name: "hospitalization", value: shape(member{"specialArrangement", listOf(concept), true})},
		{name: "location", value: listOf(shape(member{"location", referTo("Location"), true}, member{"period", period, false}))},
		{name: "serviceProvider", value: referTo("Organization")},
		{name: "partOf", value: referTo("Encounter")},
	},
	"Device": {
		{name: "identifier", value: listOf(identifier)},
		{name: "udiCarrier", value: listOf(shape(member{"deviceIdentifier", text(uids), true}, member{"carrierHRF", text(sayings), false}))},
		{name: "status", value: code("Device.status")},
		{name: "manufacturer", value: text(sayings)},
		{name: "deviceName", value: listOf(shape(member{"name", text(sayings), true}, member{"type", text([]string{"model-name"}), true}))},
		{name: "modelNumber", value: text(sayings)},
		{name: "type", value: concept},
		{name: "patient", value: referTo("Patient")},
		{name: "owner", value: referTo("Organization")},
		{name: "location", value: referTo("Location")},
		{name: "url", value: text(uris)},
	},
	"Group": {
		{name: "identifier", value: listOf(identifier)},
		{name: "type", value: code("Group.type"), required: true},
		{name: "actual", value: boolean, required: true},
		{name: "code", value: concept},
		{name: "managingEntity", value: referTo("Practitioner", "Organization")},
		{name: "characteristic", value: listOf(shape(member{"code", concept, true}, member{"value", choose(values{"CodeableConcept": concept,
			"Boolean": boolean, "Range": rangeOf}, "CodeableConcept", "Boolean", "Range"), true}, member{"exclude", boolean, true}))},
		{name: "member", value: listOf(shape(member{"entity", referTo("Patient", "Practitioner", "Device", "Group"), true}))},
	},
	"List": {
		{name: "identifier", value: listOf(identifier)},
		{name: "status", value: code("List.status"), required: true},
		{name: "mode", value: text([]string{"working"}), required: true},
		{name: "title", value: text(sayings)},
		{name: "code", value: concept},
		{name: "subject", value: referTo("Patient", "Group", "Device", "Location")},
		{name: "encounter", value: referTo("Encounter")},
		{name: "date", value: text(dateTimes)},
		{name: "source", value: referTo("Practitioner", "Patient", "Device")},
		{name: "note", value: listOf(shape(member{"text", text(sayings), true}))},
		{name: "entry", value: entries},
		{name: "emptyReason", value: concept},
	},
	"Location": {
		{name: "identifier", value: listOf(identifier)},
		{name: "status", value: code("Location.status")},
		{name: "operationalStatus", value: codingOf},
		{name: "name", value: text(sayings)},
		{name: "alias", value: listOf(text(sayings))},
		{name: "type", value: listOf(concept)},
		{name: "address", value: address},
		{name: "position", value: position},
		{name: "managingOrganization", value: referTo("Organization")},
		{name: "partOf", value: referTo("Location")},
		{name: "endpoint", value: listOf(referTo("Endpoint"))},
	},
	"DocumentReference": {
		{name: "masterIdentifier", value: identifier},
		{name: "identifier", value: listOf(identifier)},
		{name: "status", value: code("DocumentReference.status"), required: true},
		{name: "type", value: concept},
		{name: "category", value: listOf(concept)},
		{name: "subject", value: referTo("Patient", "Practitioner", "Group", "Device")},
		{name: "date", value: text(instants)},
		{name: "author", value: listOf(referTo("Practitioner", "Patient", "Device"))},
		{name: "authenticator", value: referTo("Practitioner")},
		{name: "custodian", value: referTo("Organization")},
		{name: "relatesTo", value: listOf(shape(member{"code", code("DocumentReference.relation"), true},
			member{"target", referTo("DocumentReference"), true}))},
		{name: "description", value: text(sayings)},
		{name: "securityLabel", value: listOf(concept)},
		{name: "content", value: listOf(shape(member{"attachment", attachment, true}, member{"format", codingOf, false})), required: true},
		{name: "context", value: shape(member{"period", period, false}, member{"encounter", listOf(referTo("Encounter")), false},
			member{"event", listOf(concept), false}, member{"facilityType", concept, false}, member{"practiceSetting", concept, false},
			member{"related", listOf(referTo("ImagingStudy", "ServiceRequest")), false})},
	},
	"Condition": {
		{name: "identifier", value: listOf(identifier)},
		{name: "clinicalStatus", value: oneOf(clinicalStatus)},
		{name: "verificationStatus", value: oneOf(verificationStatus)},
		{name: "category", value: listOf(concept)},
		{name: "severity", value: concept},
		{name: "code", value: concept},
		{name: "bodySite", value: listOf(concept)},
		{name: "subject", value: referTo("Patient", "Group"), required: true},
		{name: "encounter", value: referTo("Encounter")},
		{name: "onset", value: aged},
		{name: "abatement", value: aged},
		{name: "recordedDate", value: text(dateTimes)},
		{name: "asserter", value: referTo("Practitioner", "Patient")},
		{name: "stage", value: listOf(shape(member{"summary", concept, true}))},
		{name: "evidence", value: listOf(shape(member{"code", listOf(concept), false}, member{"detail", listOf(referTo("Observation")), false}))},
	},
}

type values map[string]func(generator) any

var observed = choose(values{"Quantity": quantity, "CodeableConcept": concept, "String": text(sayings), "DateTime": text(dateTimes),
	"Period": period, "SampledData": sampled},
	"Quantity", "CodeableConcept", "String", "DateTime", "Period", "SampledData")

var component = choose(values{"Quantity": quantity, "CodeableConcept": concept, "String": text(sayings)},
	"Quantity", "CodeableConcept", "Quantity", "String")

var aged = choose(values{"DateTime": text(dateTimes), "Period": period, "Age": age, "Range": rangeOf, "String": text(sayings)},
	"DateTime", "Period", "Age", "Range", "String")

var meta = shape(member{"tag", listOf(codingOf), false}, member{"security", listOf(codingOf), false},
	member{"profile", listOf(text(versions)), false}, member{"source", text(uris), false})

var humanName = shape(member{"family", text(families), false}, member{"given", listOf(text(givens)), false},
	member{"text", text(fullName), false}, member{"prefix", listOf(text([]string{"Dr"})), false})

var address = shape(member{"city", text(cities), false}, member{"line", listOf(text(sayings)), false},
	member{"postalCode", text([]string{"10115", "101"}), false}, member{"state", text(cities), false},
	member{"country", text([]string{"DE", "РФ"}), false}, member{"use", text(uses), false})

var contactPoint = shape(member{"value", text(phones), true}, member{"system", text([]string{"phone", "email"}), true})

var attachment = shape(member{"contentType", code("DocumentReference.contenttype"), true},
	member{"language", code("DocumentReference.language"), false}, member{"url", text(uris), false})

var series = shape(member{"uid", text(uids), true}, member{"modality", codingOf, true}, member{"bodySite", codingOf, false},
	member{"endpoint", listOf(referTo("Endpoint")), false},
	member{"performer", listOf(shape(member{"actor", referTo("Practitioner", "Device", "Organization"), true})), false},
	member{"instance", listOf(shape(member{"uid", text(uids), true}, member{"sopClass", codingOf, true})), false})

// entries are as many as make it likely that a List has a resource of any type.
func entries(g generator) any {
	all := []any{}
	for range rapid.IntRange(1, 12).Draw(g.t, "entries") {
		all = append(all, object{"item": referTo(evenly(g, Types))(g)})
	}
	return all
}

func position(g generator) any {
	at := pick(g, places)
	return object{"latitude": json.Number(at[0]), "longitude": json.Number(at[1])}
}
