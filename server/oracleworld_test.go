package server_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"sync"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// veil is whose data nobody who attacks may see: a patient of north, who denies their care to east, to which they were referred, and to
// the reading centre.
var veil = party{name: "veiled", patient: "Patient/veiled", organization: north, other: "self"}

// unused is a logical id that was never given, as long as that of veil.
const unused = "absent"

// secret is an attribute of a hidden resource: <name> in its body, which is one text in the one world and another in the other.
type secret struct {
	of, name string
	was, is  string
}

// hiddenBodies are the resources with secrets, by reference. Those that stand for whose data they are have veil's.
var hiddenBodies = sync.OnceValue(func() []mold {
	const subject, patient = `"subject":{"reference":"Patient/veiled"}`, `"patient":{"reference":"Patient/veiled"}`
	return []mold{
		{resourceType: "Patient", rest: `"active":<active>,"identifier":[{"system":"urn:x:handle","value":"HANDLE"},{"system":"urn:x:number","value":"<number>"}],` +
			`"name":[{"family":"<family>","given":["<given>"]}],"gender":"<gender>","birthDate":"<born>","deceasedBoolean":<deceased>,` +
			`"telecom":[{"system":"phone","value":"<phone>"},{"system":"email","value":"<email>"}],"maritalStatus":{"text":"<marital>"},` +
			`"address":[{"line":["<line>"],"city":"<city>","state":"<state>","postalCode":"<postal>","country":"<country>"}],` +
			`"communication":[{"language":{"coding":[{"code":"<language>"}]}}],"generalPractitioner":[{"reference":"Practitioner/<practitioner>"}],` +
			`"link":[{"other":{"reference":"Patient/<link>"},"type":"seealso"}]`},
		{resourceType: "Patient/mourned", rest: `"deceasedDateTime":"<died>","name":[{"text":"<wholename>"}]`},
		{resourceType: "ImagingStudy", rest: subject + `,"status":"<status>","started":"<started>","modality":[{"code":"<modalities>"}],` +
			`"identifier":[{"system":"urn:x:handle","value":"HANDLE"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]},"value":"<accession>"}],` +
			`"numberOfSeries":<series>,"numberOfInstances":<instances>,"description":"<description>","procedureCode":[{"coding":[{"code":"<procedure>"}]}],` +
			`"reasonCode":[{"coding":[{"code":"<reason>"}]}],"referrer":{"reference":"Practitioner/<referrer>"},"interpreter":[{"reference":"Practitioner/<interpreter>"}],` +
			`"endpoint":[{"reference":"Endpoint/<endpoint>"}],"encounter":{"reference":"Encounter/<encounter>"},"basedOn":[{"reference":"ServiceRequest/<order>"}],` +
			`"series":[{"uid":"<seriesuid>","modality":{"code":"<modality>"},"bodySite":{"code":"<site>"},"started":"<seriesstarted>",` +
			`"instance":[{"uid":"<uid>","sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:<class>"},"title":"<title>"}]}]`},
		{resourceType: "DiagnosticReport", rest: identified + `,` + subject + `,"status":"<status>","category":[{"coding":[{"code":"<category>"}]}],"code":{"coding":[{"code":"<code>"}]},` +
			`"effectiveDateTime":"<effective>","issued":"<issued>","conclusion":"<conclusion>","conclusionCode":[{"coding":[{"code":"<concluded>"}]}],` +
			`"performer":[{"reference":"Practitioner/<performer>"}],"result":[{"reference":"Observation/<result>"}],"imagingStudy":[{"reference":"ImagingStudy/<study>"}],` +
			`"presentedForm":[{"contentType":"text/plain","data":"<form>"}]`},
		{resourceType: "Observation", rest: identified + `,` + subject + `,"status":"<status>","code":{"coding":[{"code":"<code>"}]},"category":[{"coding":[{"code":"<category>"}]}],` +
			`"effectiveDateTime":"<effective>","valueQuantity":{"value":<quantity>,"unit":"mg"},"method":{"coding":[{"code":"<method>"}]},"interpretation":[{"text":"<interpretation>"}],` +
			`"performer":[{"reference":"Practitioner/<performer>"}],"device":{"reference":"Device/<device>"},"derivedFrom":[{"reference":"ImagingStudy/<study>"}],` +
			`"component":[{"code":{"coding":[{"code":"<componentcode>"}]},"valueQuantity":{"value":<component>}},{"code":{"text":"x"},"valueCodeableConcept":{"coding":[{"code":"<concept>"}]}}]`},
		{resourceType: "Observation/choice", rest: subject + `,"status":"final","code":{"text":"x"},"valueCodeableConcept":{"coding":[{"code":"<coded>"}]}`},
		{resourceType: "Observation/spoken", rest: subject + `,"status":"final","code":{"text":"x"},"valueString":"<worded>"`},
		{resourceType: "Observation/daytime", rest: subject + `,"status":"final","code":{"text":"x"},"valueDateTime":"<dated>"`},
		{resourceType: "Observation/lapsed", rest: subject + `,"status":"final","code":{"text":"x"},"dataAbsentReason":{"coding":[{"code":"<lacking>"}]}`},
		{resourceType: "ServiceRequest", rest: identified + `,` + subject + `,"status":"<status>","intent":"<intent>","priority":"<priority>","code":{"coding":[{"code":"<code>"}]},` +
			`"category":[{"coding":[{"code":"<category>"}]}],"occurrenceDateTime":"<occurrence>","authoredOn":"<authored>","requester":{"reference":"Practitioner/<requester>"},` +
			`"performer":[{"reference":"Practitioner/<performer>"}],"bodySite":[{"coding":[{"code":"<site>"}]}],"requisition":{"value":"<requisition>"},"reasonCode":[{"text":"<reason>"}]`},
		{resourceType: "Encounter", rest: identified + `,` + subject + `,"status":"<status>","class":{"code":"<class>"},"type":[{"coding":[{"code":"<type>"}]}],` +
			`"period":{"start":"<start>"},"reasonCode":[{"coding":[{"code":"<reason>"}]}],"location":[{"location":{"reference":"Location/<location>"}}],` +
			`"participant":[{"individual":{"reference":"Practitioner/<participant>"}}],"serviceProvider":{"reference":"Organization/<provider>"},"length":{"value":<length>}`},
		{resourceType: "Procedure", rest: identified + `,` + subject + `,"status":"<status>","code":{"coding":[{"code":"<code>"}]},"category":{"coding":[{"code":"<category>"}]},` +
			`"performedDateTime":"<performed>","performer":[{"actor":{"reference":"Practitioner/<performer>"}}],"reasonCode":[{"coding":[{"code":"<reason>"}]}],"outcome":{"text":"<outcome>"}`},
		{resourceType: "Condition", rest: identified + `,` + subject + `,"clinicalStatus":{"coding":[{"code":"<clinical>"}]},"verificationStatus":{"coding":[{"code":"<verification>"}]},` +
			`"code":{"coding":[{"code":"<code>"}]},"severity":{"coding":[{"code":"<severity>"}]},"bodySite":[{"coding":[{"code":"<site>"}]}],` +
			`"onsetDateTime":"<onset>","recordedDate":"<recorded>","asserter":{"reference":"Practitioner/<asserter>"},"note":[{"text":"<note>"}]`},
		{resourceType: "Task", rest: identified + `,"for":{"reference":"Patient/veiled"},"status":"<status>","intent":"<intent>","priority":"<priority>","code":{"coding":[{"code":"<code>"}]},` +
			`"businessStatus":{"coding":[{"code":"<business>"}]},"authoredOn":"<authored>","lastModified":"<modified>","description":"<description>","focus":{"reference":"ImagingStudy/<focus>"},` +
			`"performerType":[{"coding":[{"code":"<performer>"}]}],"owner":{"reference":"Practitioner/<owner>"}`},
		{resourceType: "Consent", rest: identified + `,` + patient + `,"status":"draft","scope":{"coding":[{"code":"<scope>"}]},"category":[{"coding":[{"code":"<category>"}]}],"dateTime":"<date>",` +
			`"policyRule":{"text":"x"},"organization":[{"reference":"Organization/<organization>"}],"provision":{"type":"permit","purpose":[{"code":"<purpose>"}],"actor":[{"role":{"text":"x"},` +
			`"reference":{"reference":"Practitioner/<actor>"}}]}`},
		{resourceType: "Media", rest: identified + `,` + subject + `,"status":"<status>","type":{"coding":[{"code":"<type>"}]},"modality":{"coding":[{"code":"<modality>"}]},` +
			`"view":{"coding":[{"code":"<view>"}]},"bodySite":{"coding":[{"code":"<site>"}]},"createdDateTime":"<created>","operator":{"reference":"Practitioner/<operator>"},` +
			`"content":{"contentType":"text/plain","data":"<content>"}`},
		{resourceType: "DocumentReference", rest: identified + `,` + subject + `,"status":"<status>","type":{"coding":[{"code":"<type>"}]},"category":[{"coding":[{"code":"<category>"}]}],` +
			`"date":"<date>","description":"<description>","author":[{"reference":"Practitioner/<author>"}],"content":[{"attachment":{"contentType":"<content>","language":"<language>",` +
			`"url":"https://elsewhere.example/<url>"},"format":{"code":"<format>"}}],"context":{"facilityType":{"coding":[{"code":"<facility>"}]}}`},
		{resourceType: "Specimen", rest: identified + `,` + subject + `,"status":"<status>","type":{"coding":[{"code":"<type>"}]},"accessionIdentifier":{"value":"<accession>"},` +
			`"collection":{"collector":{"reference":"Practitioner/<collector>"},"collectedDateTime":"<collected>","bodySite":{"coding":[{"code":"<site>"}]}},` +
			`"container":[{"identifier":[{"value":"<container>"}]}]`},
		{resourceType: "BodyStructure", rest: identified + `,` + patient + `,"morphology":{"coding":[{"code":"<morphology>"}]},"location":{"coding":[{"code":"<location>"}]},"description":"<description>"`},
		{resourceType: "List", rest: identified + `,` + subject + `,"status":"<status>","mode":"working","title":"<title>","code":{"coding":[{"code":"<code>"}]},"date":"<date>",` +
			`"note":[{"text":"<note>"}],"entry":[{"item":{"reference":"Observation/<item>"}}]`},
		{resourceType: "RelatedPerson", rest: identified + `,` + patient + `,"active":false,"name":[{"family":"<family>"}],"gender":"<gender>","birthDate":"<born>",` +
			`"telecom":[{"system":"phone","value":"<phone>"}],"relationship":[{"coding":[{"code":"<relationship>"}]}],"address":[{"city":"<city>"}]`},
		{resourceType: "Device", rest: identified + `,` + patient + `,"status":"<status>","manufacturer":"<manufacturer>","modelNumber":"<model>","serialNumber":"<serial>",` +
			`"type":{"coding":[{"code":"<type>"}]},"deviceName":[{"name":"<devicename>","type":"user-friendly-name"}],"location":{"reference":"Location/<location>"}`},
		{resourceType: "Binary", rest: `"securityContext":{"reference":"Patient/veiled"},"contentType":"<content>","data":"<data>"`},
		{resourceType: "AuditEvent", rest: `"type":{"code":"rest"},"action":"<action>","outcome":"<outcome>","recorded":"<recorded>","agent":[{"who":{"reference":"Practitioner/<agent>"},"requestor":true}],` +
			`"source":{"observer":{"display":"hub"}},"entity":[{"what":{"reference":"Patient/veiled"},"name":"<entity>","role":{"system":"http://terminology.hl7.org/CodeSystem/object-role","code":"1"}}]`},
		{resourceType: "Provenance", rest: `"target":[{"reference":"ImagingStudy/<target>"}],"recorded":"<recorded>","agent":[{"type":{"coding":[{"code":"<type>"}]},` +
			`"who":{"reference":"Practitioner/<agent>"}}],"entity":[{"role":"source","what":{"reference":"DocumentReference/<source>"}}]`},
		{resourceType: "Group", rest: identified + `,"type":"person","actual":true,"code":{"coding":[{"code":"<code>"}]},"name":"<groupname>","member":[{"entity":{"reference":"Patient/<member>"}}]`},
		{resourceType: "Person", rest: identified + `,"name":[{"family":"<family>"}],"gender":"<gender>","birthDate":"<born>","telecom":[{"system":"phone","value":"<phone>"}],` +
			`"address":[{"city":"<city>"}],"link":[{"target":{"reference":"Patient/<link>"}}]`},
	}
})

var secretPlace = regexp.MustCompile(`<([a-z]+)>`)

// secrets are all attributes of hiddenBodies. What says nothing of its values here has made-up words.
var secrets = sync.OnceValue(func() (list []secret) {
	for n, m := range hiddenBodies() {
		ref := m.resourceType
		if !strings.Contains(ref, "/") {
			ref += "/" + veil.name
		}
		for i, found := range secretPlace.FindAllStringSubmatch(m.rest, -1) {
			s := secret{of: ref, name: found[1]}
			s.was, s.is = s.values(n*100 + i)
			list = append(list, s)
		}
	}
	return list
})

// values are those of the two worlds, of one length; n makes them the attribute's own.
func (s secret) values(n int) (was, is string) {
	if pair, named := valuesOf[s.of+" "+s.name]; named {
		return pair[0], pair[1]
	}
	if pair, named := valuesOf[s.name]; named {
		return pair[0], pair[1]
	}
	dice := rand.New(rand.NewPCG(uint64(n), 7)) //nolint:gosec // not a secret
	word := func() string {
		text := []byte("q")
		for range 9 {
			text = append(text, byte('a'+dice.IntN(26)))
		}
		return string(text)
	}
	return word(), word()
}

// valuesOf are the values that are no words, by attribute, or by resource and attribute.
var valuesOf = map[string][2]string{
	"active": {"true", "false"}, "deceased": {"true", "false"}, "gender": {"female", "male"}, "born": {"1961-04-12", "1974-09-23"}, "died": {"2021-02-03", "2023-11-17"},
	"language": {"bg", "eo"}, "phone": {"+1 555 0142", "+1 555 0187"}, "email": {"q1@veil.example", "z7@veil.example"},
	"practitioner": {"mate", "other"}, "referrer": {"mate", "other"}, "interpreter": {"other", "mate"}, "performer": {"other", "mate"}, "requester": {"other", "mate"},
	"participant": {"other", "mate"}, "asserter": {"other", "mate"}, "owner": {"other", "mate"}, "actor": {"other", "mate"}, "operator": {"other", "mate"},
	"author": {"other", "mate"}, "collector": {"other", "mate"}, "agent": {"other", "mate"}, "Task/veiled performer": {"qreaderaaa", "qscribeaaa"},
	"link": {"other", "denied"}, "member": {"other", "denied"}, "endpoint": {"mate", "other"}, "encounter": {"other", "veiled"}, "order": {"other", "veiled"},
	"result": {"choice", "spoken"}, "item": {"choice", "spoken"}, "study": {"other", "veiled"}, "focus": {"other", "veiled"}, "target": {"other", "veiled"}, "source": {"other", "veiled"},
	"device": {"other", "veiled"}, "provider": {"other", "north"}, "organization": {"other", "north"}, "Encounter/veiled location": {"other", "mate"}, "Device/veiled location": {"other", "mate"},
	"ImagingStudy/veiled status": {"available", "cancelled"}, "DiagnosticReport/veiled status": {"preliminary", "final"}, "Observation/veiled status": {"preliminary", "amended"},
	"ServiceRequest/veiled status": {"draft", "revoked"}, "intent": {"plan", "order"}, "priority": {"routine", "stat"}, "Encounter/veiled status": {"planned", "finished"},
	"Procedure/veiled status": {"completed", "not-done"}, "Task/veiled status": {"requested", "cancelled"}, "Media/veiled status": {"completed", "stopped"},
	"DocumentReference/veiled status": {"current", "superseded"}, "Specimen/veiled status": {"available", "unavailable"}, "List/veiled status": {"current", "retired"},
	"Device/veiled status": {"active", "inactive"}, "modalities": {"MG", "PT"}, "modality": {"MG", "PT"},
	"started": {"2022-03-04T10:11:12Z", "2024-08-09T20:21:22Z"}, "seriesstarted": {"2022-03-04T10:12:12Z", "2024-08-09T20:22:22Z"}, "series": {"4171", "5231"}, "instances": {"7177", "8237"},
	"seriesuid": {"1.2.826.11", "1.2.826.22"}, "uid": {"1.2.826.33", "1.2.826.44"}, "class": {"1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"}, "Encounter/veiled class": {"IMP", "EMER"},
	"effective": {"2022-05-06", "2024-07-08"}, "issued": {"2022-05-06T01:02:03Z", "2024-07-08T11:12:13Z"}, "occurrence": {"2022-09-10", "2024-11-12"}, "authored": {"2022-01-02", "2024-03-04"},
	"modified": {"2022-02-02", "2024-04-04"}, "start": {"2022-06-07", "2024-08-10"}, "performed": {"2022-07-08", "2024-09-10"}, "onset": {"2022-08-01", "2024-10-02"}, "recorded": {"2022-08-03T00:00:00Z", "2024-10-04T00:00:00Z"},
	"Condition/veiled recorded": {"2022-08-03", "2024-10-04"}, "date": {"2022-10-11T00:00:00Z", "2024-12-13T00:00:00Z"}, "created": {"2022-11-12", "2024-01-14"}, "collected": {"2022-12-13", "2024-02-15"}, "dated": {"2022-04-05", "2024-06-07"},
	"quantity": {"41.73", "52.39"}, "component": {"61.79", "72.31"}, "length": {"433", "521"}, "form": {"cWFhYWFh", "cWJiYmJi"}, "content": {"cWNjY2Nj", "cWRkZGRk"}, "data": {"cWVlZWVl", "cWZmZmZm"},
	"DocumentReference/veiled content": {"text/plain", "text/rtf"}, "Binary/veiled content": {"text/csv", "text/rtf"}, "action": {"R", "U"}, "AuditEvent/veiled outcome": {"4", "8"},
	"relationship": {"GRPRN", "CHILD"},
}

// pointers are what an attacker sees and what refers to what they do not: of each type one resource, whose references lead to veil's.
var pointers = []party{
	{name: "topoint", patient: "Patient/other", organization: south, other: veil.name},
	{name: "bypoint", patient: "Patient/self", organization: north, other: veil.name},
	{name: "atpoint", patient: "Patient/denied", organization: east, other: veil.name},
}

// newOracleWorld is the world of the matrix with secrets, and what leads to them. In the one that is turned they are other ones.
func newOracleWorld(turned bool) *world {
	w := newWorld(matrixSeed)
	for _, m := range hiddenBodies() {
		kind, id, named := strings.Cut(m.resourceType, "/")
		if m.resourceType = kind; !named {
			id = veil.name
		}
		w.add(m, veil, func(k *kept) { k.veil(id, turned) })
	}
	for _, p := range pointers {
		w.addPointers(p)
	}
	w.addDenial()
	w.addShapes(turned)
	return w
}

// shapes are secrets that are no attribute: whether a resource is there, is deleted, how often it was changed, whether its sources own it, and
// how it is labelled. They are of the last resources of a world, so that what is older is as old in both.
var shapes = []secret{
	{of: "Task/zz-busy", name: "versions"}, {of: "Task/zz-gone", name: "deletion"}, {of: "Task/zz-labelled", name: "label", was: `"N"`, is: `"V"`},
	{of: "Task/zz-mapped", name: "source"}, {of: "Task/zz-surplus", name: "existence"},
}

func (s secret) isShape() bool { return strings.HasPrefix(s.of, "Task/zz-") }

// addShapes adds the resources of shapes.
func (w *world) addShapes(turned bool) {
	for _, s := range shapes {
		if s.name == "existence" && !turned {
			continue
		}
		w.add(moldOf("Task"), veil, func(k *kept) {
			k.ID, k.kind = strings.TrimPrefix(s.of, "Task/"), clinical
			switch {
			case s.name == "label" && turned:
				k.label(confidentiality, "V")
			case s.name == "label":
				k.label(confidentiality, "N")
			case turned:
				k.deleted, k.mapped = s.name == "deletion", s.name == "source"
			}
			if turned && s.name == "versions" {
				k.versions = append(k.versions, k.versions[0])
			}
		})
	}
}

// veil fills the secrets of a resource in.
func (k *kept) veil(id string, turned bool) {
	k.ID = id
	var fill []string
	for _, s := range secrets() {
		if s.of == k.ref() && turned {
			fill = append(fill, "<"+s.name+">", s.is)
		} else if s.of == k.ref() {
			fill = append(fill, "<"+s.name+">", s.was)
		}
	}
	for i := range k.versions {
		v := &k.versions[i]
		v.body = strings.NewReplacer(fill...).Replace(v.body)
		v.patient = "Patient/veiled"
		if k.kind == workings {
			v.patient = ""
		}
	}
}

var selfReference = regexp.MustCompile(`"reference":"([A-Za-z]+)/(?:to|by|at)point"`)

// addPointers adds one resource of each type whose every reference to what is one's own is to what is veil's.
func (w *world) addPointers(p party) {
	for _, m := range molds {
		if m.resourceType == "Patient" {
			continue
		}
		w.add(m, p, func(k *kept) {
			for i := range k.versions {
				k.versions[i].body = selfReference.ReplaceAllStringFunc(k.versions[i].body, func(found string) string {
					kind := selfReference.FindStringSubmatch(found)[1]
					if w.all[kind+"/"+veil.name] == nil {
						return strings.Replace(found, p.name, "self", 1)
					}
					return strings.Replace(found, p.name, veil.name, 1)
				})
				k.versions[i].body = strings.Replace(k.versions[i].body, `"partOf":[{"reference":"Task/veiled"}`, `"partOf":[{"reference":"Task/zz-surplus"},{"reference":"Task/zz-gone"}`+
					`,{"reference":"Task/zz-busy"},{"reference":"Task/veiled"}`, 1)
			}
		})
	}
}

// addDenial adds why east and the reading centre do not see veil, the record that says to be the same person's, and one result that is open
// to who sees open ones.
func (w *world) addDenial() {
	other := w.all["Patient/other"]
	other.says(`"link":[{"other":{"reference":"Patient/self"}`, `"link":[{"other":{"reference":"Patient/veiled"},"type":"seealso"},{"other":{"reference":"Patient/self"}`)
	other.links = moldOf("Patient").linksOf(other.current().body)
	for _, to := range []string{east, reading} {
		w.add(moldOf("Task"), veil, func(k *kept) {
			k.ID, k.decides = "refers-"+strings.TrimPrefix(to, "Organization/"), true
			k.says(`"owner":{"reference":"Patient/self"}`, `"owner":{"reference":"`+to+`"}`)
		})
	}
	w.add(moldOf("Consent"), veil, func(k *kept) {
		k.ID, k.decides = "denies", true
		k.says(`"type":"permit"`, `"type":"deny"`)
		k.says(`"actor":[`, `"actor":[{"role":{"text":"x"},"reference":{"reference":"`+east+`"}},{"role":{"text":"x"},"reference":{"reference":"`+reading+`"}},`)
	})
	open := veil
	open.other = veil.name
	w.add(moldOf("Observation"), open, func(k *kept) {
		k.ID = "opened"
		k.says(`"code":{"text":`, `"code":{"coding":[{"code":"open"}],"text":`)
	})
}

// params are the search parameters that a secret decides: those whose entries in the index it changes, with what they are a component of.
func (s secret) params() (list []*fhir.SearchParameter) {
	if s.isShape() {
		return nil
	}
	resourceType, _, _ := strings.Cut(s.of, "/")
	kind, _ := fhir.R4().Type(resourceType)
	before, after := s.entries(s.was), s.entries(s.is)
	for _, p := range kind.Params() {
		if !slices.Equal(before[p.Name], after[p.Name]) || slices.ContainsFunc(p.Components, func(c fhir.Component) bool {
			return c.Param != nil && !slices.Equal(before[c.Param.Name], after[c.Param.Name])
		}) {
			list = append(list, p)
		}
	}
	return list
}

// entries are what the index has of the resource with a value of the secret, by parameter.
func (s secret) entries(value string) map[string][]string {
	fill := []string{"<" + s.name + ">", value, "HANDLE", "handle"}
	for _, other := range secrets() {
		if other.of == s.of && other.name != s.name {
			fill = append(fill, "<"+other.name+">", other.was)
		}
	}
	resourceType, id, _ := strings.Cut(s.of, "/")
	body := strings.NewReplacer(fill...).Replace(`{"resourceType":"` + resourceType + `","id":"` + id + `",` + hiddenBody(s.of) + "}")
	d := must(search.Index(fhir.R4(), must(fhir.Parse([]byte(body)))))
	found := map[string][]string{}
	for _, e := range d.Entries {
		found[e.Param.Name] = append(found[e.Param.Name], fmt.Sprint(e.Hash, e.System, e.Text, e.Low, e.High, e.Number))
	}
	return found
}

func hiddenBody(ref string) string {
	for _, m := range hiddenBodies() {
		if m.resourceType == ref || m.resourceType+"/"+veil.name == ref {
			return m.rest
		}
	}
	panic("nothing hidden is " + ref)
}

// oraclePerson is the Patient of veil as one world has it, without an id.
func oraclePerson(turned bool) string {
	body := hiddenBody("Patient/" + veil.name)
	for _, s := range secrets() {
		if s.of == "Patient/"+veil.name && turned {
			body = strings.ReplaceAll(body, "<"+s.name+">", s.is)
		} else if s.of == "Patient/"+veil.name {
			body = strings.ReplaceAll(body, "<"+s.name+">", s.was)
		}
	}
	return `{"resourceType":"Patient",` + strings.ReplaceAll(body, "HANDLE", "patient-"+veil.name) + "}"
}
