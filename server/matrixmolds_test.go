package server_test

// mold is the smallest resource of a type that points to others. In it stand
//
//	@    the id of the resource, and of those of its party
//	@p   the id of the patient of its party
//	@x   the id of those of another party, whose data it must not give away by pointing to it
//	@o   the id of the organisation of its party
//	CANARY  a text that no other resource has, CODED the same in base64
//	HANDLE  the value of an identifier
//	BORN    the date of birth of its party
type mold struct {
	resourceType string
	subject      string // whose data it is: left out where it is nobody's
	rest         string
	cross        string // what points to patients who are hidden from some who may see it; what is written anew is without
	links        string // search parameters of references with gjson's paths to them
}

const identified = `"identifier":[{"system":"urn:x:handle","value":"HANDLE"}]`

const subjectOf = `"subject":{"reference":"Patient/@p"}`

// molds has a row for each type that is served; a test holds it to the registry.
var molds = []mold{
	{"AuditEvent",
		`"entity":[{"what":{"reference":"Patient/@p"},"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"1"}},` +
			`{"what":{"reference":"Observation/@x"},"role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"4"}}]`,
		`"type":{"system":"http://terminology.hl7.org/CodeSystem/audit-event-type","code":"rest"},"action":"R","recorded":"2026-01-01T00:00:00Z",` +
			`"outcome":"0","outcomeDesc":"CANARY","agent":[{"who":{"reference":"Practitioner/@"},"requestor":true}],"source":{"observer":{"display":"hub"}}`, ``,
		`patient entity.#(role.code=="1").what.reference; entity entity.#.what.reference; agent agent.#.who.reference`},
	{"Binary",
		`"securityContext":{"reference":"Patient/@p"}`,
		`"meta":{"tag":[{"system":"urn:x:tag","code":"t","display":"CANARY"}]},"contentType":"text/plain","data":"CODED"`, ``, ``},
	{"BodyStructure", `"patient":{"reference":"Patient/@p"}`, identified + `,"description":"CANARY"`, ``,
		`patient patient.reference`},
	{"Condition", subjectOf,
		identified + `,"code":{"text":"CANARY"},"encounter":{"reference":"Encounter/@"},"evidence":[{"detail":[{"reference":"Observation/@x"}]}]`, ``,
		`patient subject.reference; subject subject.reference; encounter encounter.reference; evidence-detail evidence.#.detail.0.reference`},
	{"Consent", `"patient":{"reference":"Patient/@p"}`,
		identified + `,"status":"active","scope":{"text":"x"},"category":[{"text":"CANARY"}],"policyRule":{"text":"x"},"organization":[{"reference":"Organization/@"}],` +
			`"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"Practitioner/@"}}],` +
			`"data":[{"meaning":"instance","reference":{"reference":"Observation/@x"}}]}`, ``,
		`patient patient.reference; organization organization.#.reference; actor provision.actor.#.reference.reference; ` +
			`data provision.data.#.reference.reference`},
	{"Device", `"patient":{"reference":"Patient/@p"}`,
		identified + `,"status":"active","deviceName":[{"name":"CANARY","type":"user-friendly-name"}],"owner":{"reference":"Organization/@"},` +
			`"location":{"reference":"Location/@x"}`, ``,
		`patient patient.reference; organization owner.reference; location location.reference`},
	{"DiagnosticReport", subjectOf,
		identified + `,"status":"final","code":{"text":"CANARY"},"basedOn":[{"reference":"ServiceRequest/@x"}],"encounter":{"reference":"Encounter/@"},` +
			`"result":[{"reference":"Observation/@"},{"reference":"Observation/@x"}],"media":[{"link":{"reference":"Media/@x"}}],` +
			`"specimen":[{"reference":"Specimen/@x"}],"imagingStudy":[{"reference":"ImagingStudy/@"}],"performer":[{"reference":"Practitioner/@"}]`, ``,
		`patient subject.reference; subject subject.reference; based-on basedOn.#.reference; encounter encounter.reference; result result.#.reference; ` +
			`media media.#.link.reference; specimen specimen.#.reference; imaging-study imagingStudy.#.reference; performer performer.#.reference`},
	{"DocumentReference", subjectOf,
		identified + `,"status":"current","description":"CANARY","content":[{"attachment":{"title":"a"}}],` +
			`"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/@x"}}],` +
			`"context":{"encounter":[{"reference":"Encounter/@"}],"related":[{"reference":"Observation/@x"}]}`,
		`"author":[{"reference":"Patient/@x"}]`,
		`patient subject.reference; subject subject.reference; author author.#.reference; relatesto relatesTo.#.target.reference; ` +
			`encounter context.encounter.#.reference; related context.related.#.reference`},
	{"Encounter", subjectOf,
		identified + `,"status":"finished","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"type":[{"text":"CANARY"}],` +
			`"basedOn":[{"reference":"ServiceRequest/@x"}],"diagnosis":[{"condition":{"reference":"Condition/@x"}}],"partOf":{"reference":"Encounter/@x"},` +
			`"location":[{"location":{"reference":"Location/@"}}],"serviceProvider":{"reference":"Organization/@"},` +
			`"participant":[{"individual":{"reference":"Practitioner/@"}}]`, ``,
		`patient subject.reference; subject subject.reference; based-on basedOn.#.reference; diagnosis diagnosis.#.condition.reference; ` +
			`part-of partOf.reference; location location.#.location.reference; service-provider serviceProvider.reference; ` +
			`participant participant.#.individual.reference; practitioner participant.#.individual.reference`},
	{"Endpoint", ``,
		identified + `,"status":"active","connectionType":{"system":"http://terminology.hl7.org/CodeSystem/endpoint-connection-type","code":"dicom-wado-rs"},` +
			`"name":"CANARY","payloadType":[{"text":"DICOM"}],"address":"https://pacs.example","managingOrganization":{"reference":"Organization/@"}`, ``,
		`organization managingOrganization.reference`},
	{"Group", ``,
		identified + `,"type":"person","actual":true,"name":"CANARY","managingEntity":{"reference":"Organization/@"},` +
			`"member":[{"entity":{"reference":"Patient/@p"}},{"entity":{"reference":"Practitioner/@x"}}]`, ``,
		`member member.#.entity.reference; managing-entity managingEntity.reference`},
	{"ImagingStudy", subjectOf,
		identified + `,"status":"available","description":"CANARY","basedOn":[{"reference":"ServiceRequest/@x"}],"encounter":{"reference":"Encounter/@x"},` +
			`"endpoint":[{"reference":"Endpoint/@"}],"interpreter":[{"reference":"Practitioner/@"}],` +
			`"series":[{"uid":"1.2.3","modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"},` +
			`"performer":[{"actor":{"reference":"Device/@x"}}]}]`, ``,
		`patient subject.reference; subject subject.reference; basedon basedOn.#.reference; encounter encounter.reference; endpoint endpoint.#.reference; ` +
			`interpreter interpreter.#.reference; performer series.0.performer.#.actor.reference`},
	{"List", subjectOf,
		identified + `,"status":"current","mode":"working","title":"CANARY","encounter":{"reference":"Encounter/@"},` +
			`"entry":[{"item":{"reference":"Observation/@"}},{"item":{"reference":"Observation/@x"}}]`,
		`"source":{"reference":"Patient/@x"}`,
		`patient subject.reference; subject subject.reference; source source.reference; item entry.#.item.reference; encounter encounter.reference`},
	{"Location", ``,
		identified + `,"name":"CANARY","managingOrganization":{"reference":"Organization/@"},"partOf":{"reference":"Location/@x"}`, ``,
		`organization managingOrganization.reference; partof partOf.reference`},
	{"Media", subjectOf,
		identified + `,"status":"completed","content":{"title":"CANARY"},"basedOn":[{"reference":"ServiceRequest/@x"}],"encounter":{"reference":"Encounter/@"},` +
			`"device":{"reference":"Device/@x"},"operator":{"reference":"Practitioner/@"}`, ``,
		`patient subject.reference; subject subject.reference; based-on basedOn.#.reference; encounter encounter.reference; device device.reference; ` +
			`operator operator.reference`},
	{"Observation", subjectOf,
		identified + `,"status":"final","code":{"text":"CANARY"},"hasMember":[{"reference":"Observation/@x"}],"derivedFrom":[{"reference":"ImagingStudy/@x"}],` +
			`"basedOn":[{"reference":"ServiceRequest/@"}],"device":{"reference":"Device/@"},"encounter":{"reference":"Encounter/@"},` +
			`"specimen":{"reference":"Specimen/@x"},"partOf":[{"reference":"Procedure/@x"}]`,
		`"performer":[{"reference":"Patient/@x"}],"focus":[{"reference":"Patient/@x"}]`,
		`patient subject.reference; subject subject.reference; performer performer.#.reference; focus focus.#.reference; has-member hasMember.#.reference; ` +
			`derived-from derivedFrom.#.reference; based-on basedOn.#.reference; device device.reference; encounter encounter.reference; ` +
			`specimen specimen.reference; part-of partOf.#.reference`},
	{"Organization", ``, identified + `,"name":"CANARY","partOf":{"reference":"Organization/@x"},"endpoint":[{"reference":"Endpoint/@"}]`, ``,
		`partof partOf.reference; endpoint endpoint.#.reference`},
	{"Patient", ``,
		identified + `,"name":[{"family":"CANARY","given":["G"]}],"gender":"female","birthDate":"BORN",` +
			`"generalPractitioner":[{"reference":"Practitioner/@"}],"managingOrganization":{"reference":"Organization/@x"}`, ``,
		`link link.#.other.reference; general-practitioner generalPractitioner.#.reference; organization managingOrganization.reference`},
	{"Person", ``,
		identified + `,"name":[{"family":"CANARY"}],"managingOrganization":{"reference":"Organization/@"},"link":[{"target":{"reference":"Patient/@p"}}]`, ``,
		`link link.#.target.reference; patient link.#.target.reference; organization managingOrganization.reference`},
	{"Practitioner", ``, identified + `,"name":[{"family":"CANARY"}]`, ``, ``},
	{"PractitionerRole", ``,
		identified + `,"practitioner":{"reference":"Practitioner/@"},"organization":{"reference":"Organization/@x"},"location":[{"reference":"Location/@x"}],` +
			`"specialty":[{"text":"CANARY"}]`, ``,
		`practitioner practitioner.reference; organization organization.reference; location location.#.reference`},
	{"Procedure", subjectOf,
		identified + `,"status":"completed","code":{"text":"CANARY"},"basedOn":[{"reference":"ServiceRequest/@x"}],"partOf":[{"reference":"Procedure/@x"}],` +
			`"performer":[{"actor":{"reference":"Practitioner/@"}}],"reasonReference":[{"reference":"Observation/@x"}],"encounter":{"reference":"Encounter/@"},` +
			`"location":{"reference":"Location/@"}`, ``,
		`patient subject.reference; subject subject.reference; based-on basedOn.#.reference; part-of partOf.#.reference; ` +
			`performer performer.#.actor.reference; reason-reference reasonReference.#.reference; encounter encounter.reference; location location.reference`},
	{"Provenance", ``,
		`"target":[{"reference":"Observation/@"},{"reference":"ImagingStudy/@x"}],"recorded":"2026-01-01T00:00:00Z","reason":[{"text":"CANARY"}],` +
			`"agent":[{"who":{"reference":"Practitioner/@"}}],"entity":[{"role":"source","what":{"reference":"DocumentReference/@x"}}]`, ``,
		`target target.#.reference; agent agent.#.who.reference; entity entity.#.what.reference`},
	{"RelatedPerson", `"patient":{"reference":"Patient/@p"}`, identified + `,"name":[{"family":"CANARY"}]`, ``,
		`patient patient.reference`},
	{"ServiceRequest", subjectOf,
		identified + `,"status":"active","intent":"order","code":{"text":"CANARY"},"requester":{"reference":"Practitioner/@"},` +
			`"basedOn":[{"reference":"ServiceRequest/@x"}],"encounter":{"reference":"Encounter/@"},"specimen":[{"reference":"Specimen/@x"}]`,
		`"performer":[{"reference":"Patient/@x"}]`,
		`patient subject.reference; subject subject.reference; requester requester.reference; based-on basedOn.#.reference; encounter encounter.reference; ` +
			`specimen specimen.#.reference; performer performer.#.reference`},
	{"Specimen", subjectOf,
		identified + `,"type":{"text":"CANARY"},"parent":[{"reference":"Specimen/@x"}],"collection":{"collector":{"reference":"Practitioner/@"}}`, ``,
		`patient subject.reference; subject subject.reference; parent parent.#.reference; collector collection.collector.reference`},
	{"Task", `"for":{"reference":"Patient/@p"}`,
		identified + `,"status":"requested","intent":"order","description":"CANARY","requester":{"reference":"Organization/@o"},` +
			`"focus":{"reference":"ImagingStudy/@x"},"basedOn":[{"reference":"ServiceRequest/@"}],"partOf":[{"reference":"Task/@x"}],` +
			`"encounter":{"reference":"Encounter/@"}`,
		`"owner":{"reference":"Patient/@x"}`,
		`patient for.reference; subject for.reference; requester requester.reference; focus focus.reference; based-on basedOn.#.reference; ` +
			`part-of partOf.#.reference; encounter encounter.reference; owner owner.reference`},
}
