package conformance_test

import (
	"fmt"

	"lightbox/fhir/search"
)

// row is a line of SEARCH.md that no registry has the words for: what is asked, what it means, and what proves it. A proof is
// "folder TestName text", a test whose file has the text, or "conversation.txtar: title of a request" (see proof_test.go).
type row struct {
	name   string
	means  string
	proofs []string
}

const (
	matchPatient     = "fhir/search TestMatchPatient "
	matchStudy       = "fhir/search TestMatchImagingStudy "
	matchOurs        = "fhir/search TestMatchOurs "
	matchObservation = "fhir/search TestMatchObservation "
	parseRefuses     = "fhir/search TestParseRefuses "
	parseControls    = "fhir/search TestParseControls "
	everyParameter   = "fhir/store/storetest testParameters "
	included         = "fhir/store/storetest testInclude "
)

// interactionRows are by the codes of the CapabilityStatement.
var interactionRows = []row{
	{"read", "`GET Type/id`, `HEAD`; `If-None-Match` and `If-Modified-Since` give 304", []string{"read.txtar: the bytes that were written, stamped", "read.txtar: not modified, by ETag", "read.txtar: not modified, by date"}},
	{"vread", "`GET Type/id/_history/version`", []string{"read.txtar: a version", "update.txtar: an old version is there"}},
	{"update", "`PUT Type/id`; `If-Match`; makes the resource for a caller without a filter", []string{"update.txtar: a new version", "update.txtar: meant for a version that is no more", "update.txtar: update as create"}},
	{"patch", "`PATCH Type/id`, a JSON Patch or a FHIRPath Patch", []string{"patch.txtar: a JSON Patch", "patch.txtar: a FHIRPath Patch"}},
	{"delete", "`DELETE Type/id`; `If-Match`", []string{"update.txtar: delete", "update.txtar: gone", "update.txtar: a version that is no more is not deleted"}},
	{"history-instance", "`GET Type/id/_history`, with `_count`, `_since` and `_at`", []string{"update.txtar: a whole history", "update.txtar: in pages", "update.txtar: since when"}},
	{"history-type", "`GET Type/_history`, the same", []string{"history.txtar: of a type"}},
	{"history-system", "`GET _history`, the same", []string{"history.txtar: of everything", "history.txtar: current at a time"}},
	{"create", "`POST Type`", []string{"create.txtar: the server chooses the id"}},
	{"search-type", "`GET Type?...`, `POST Type/_search`", []string{"search.txtar: newest first", "search.txtar: by POST, from URL and form together"}},
	{"search-system", "`GET ?...`, `POST _search`: all types that the token lets search, or those of `_type`", []string{"wide.txtar: over all types that the token lets search", "wide.txtar: the same by POST", "wide.txtar: only what the token covers"}},
	{"transaction", "`POST` of a Bundle to the base, all or nothing", []string{"transaction.txtar: everything that a transaction takes", "transaction.txtar: an entry that fails fails all, with its status and its place"}},
	{"batch", "`POST` of a Bundle to the base, each entry by itself", []string{"batch.txtar: 200, whatever the entries come to"}},
}

// furtherRows are interactions that have no code.
var furtherRows = []row{
	{"conditional create", "`If-None-Exist: criteria`", []string{"conditional.txtar: create where none exists", "conditional.txtar: again, and nothing is made"}},
	{"conditional update", "`PUT Type?criteria`", []string{"conditional.txtar: update the one that matches", "conditional.txtar: no match makes one"}},
	{"conditional patch", "`PATCH Type?criteria`", []string{"patch.txtar: the one that matches"}},
	{"conditional delete", "`DELETE Type?criteria`, several with `_count`", []string{"conditional.txtar: one matches", "conditional.txtar: several match, and none is deleted", "conditional.txtar: as many as there are"}},
	{"search in a compartment", "`GET Owner/id/Type?...`, `GET Owner/id/*?...`, and by `POST .../_search`", []string{"wide.txtar: what belongs to a patient, of one type", "wide.txtar: of all types"}},
	{"$everything", "`GET Patient/id/$everything`, with `_type`, `_count`, `start` and `end`", []string{"wide.txtar: a patient's whole record", "wide.txtar: of some types, since a day"}},
	{"$match", "`POST Patient/$match`, with `onlyCertainMatches` and `count`", []string{"match.txtar: by name and date of birth", "match.txtar: only who is certain"}},
	{"a partner's transaction", "has a Task (`Link`), and what it sent before is known again by its identifiers", []string{"submission.txtar: its Task tells of each entry", "submission.txtar: the same again"}},
	{"$withdraw", "`POST Task/id/$withdraw`, of a submission", []string{"cmd/lightbox TestSubmissions"}},
	{"$release, $withhold", "`POST DiagnosticReport/id/$release`, `$withhold`: whether the patient sees a report", []string{"release.txtar: released at once", "release.txtar: kept back"}},
	{"$dose", "`GET Patient/id/$dose`, with `start` and `end`", []string{"dose.txtar: by year and kind of procedure", "dose.txtar: of some years"}},
	{"definitions", "`GET ConceptMap`, `GET ConceptMap/id`: the code tables by which the hub maps", []string{"definitions.txtar: the code tables", "definitions.txtar: one code table"}},
	{"definitions", "`GET SearchParameter`, `GET SearchParameter/id`: what Lightbox adds to R4", []string{"definitions.txtar: all of them", "definitions.txtar: one, where its URL says"}},
}

// modifierRows are by kind and modifier; the kind alone is a search without one.
var modifierRows = []row{
	{"token", "`code`, `system|code`, `system|`, `|code`. Codes in any case, identifiers as they are", []string{matchPatient + "gender=FEMALE", matchPatient + "identifier=urn:mrn|", matchPatient + "identifier=|bare"}},
	{"token missing", "whether there is a value: `true` or `false`", []string{matchPatient + "deceased:missing=true", everyParameter + "search.Missing"}},
	{"token not", "resources without such a code, those without any among them", []string{matchPatient + "gender:not=male", everyParameter + "search.Not"}},
	{"token text", "the start of a word of text, display or the identifier's type. Candidates are looked at", []string{matchPatient + "language:text=rus", matchObservation + "code:text=pressure", everyParameter + "search.Text"}},
	{"token of-type", "`system|code|value`: the identifier's type and value. Candidates are looked at", []string{matchOurs + "identifier:of-type=", everyParameter + "search.OfType"}},
	{"reference", "`id`, `Type/id`, a URL; of a canonical the URL, with or without its version", []string{matchPatient + "organization=Organization/o", matchPatient + "general-practitioner=http://other/fhir/Practitioner/9", everyParameter + "targetOf"}},
	{"reference missing", "as above", []string{matchPatient + "organization:missing=true", everyParameter + "search.Missing"}},
	{"reference identifier", "the identifier that stands in the reference", []string{matchPatient + "general-practitioner:identifier=x", everyParameter + "search.Identifier"}},
	{"string", "the start, without regard to case, accents and punctuation; of a family name each word's", []string{matchPatient + "family=carreno", matchPatient + "address=lodz"}},
	{"string missing", "as above", []string{matchPatient + "address-country:missing=true", everyParameter + "search.Missing"}},
	{"string exact", "the whole, letter for letter", []string{matchPatient + "given:exact=Zoë", everyParameter + "search.Exact"}},
	{"string contains", "any part", []string{matchPatient + "name:contains=ria", everyParameter + "search.Contains"}},
	{"date", "a date of any precision, with a prefix", []string{matchPatient + "birthdate=1990", "fhir/search TestMatchOpenPeriods from 21 January on"}},
	{"date missing", "as above", []string{matchPatient + "death-date:missing=true", everyParameter + "search.Missing"}},
	{"number", "a decimal, with a prefix; its precision counts", []string{matchOurs + "instance-count=1.2e2", matchOurs + "instance-count=100.0"}},
	{"number missing", "as above", []string{everyParameter + "search.Missing"}},
	{"quantity", "`number`, `number|system|code`, `number||unit`, with a prefix. UCUM units are converted; of others candidates are looked at", []string{matchObservation + "value-quantity=0.0054|http://unitsofmeasure.org|g", matchObservation + "value-quantity=5.4||milligram"}},
	{"quantity missing", "as above", []string{everyParameter + "search.Missing"}},
	{"uri", "the whole, letter for letter", []string{matchPatient + "_source=urn:s"}},
	{"uri missing", "as above", []string{everyParameter + "search.Missing"}},
	{"uri above", "what the value begins with", []string{matchPatient + "_profile:above=http://p/x", "fhir/search/naive TestReferences uri: :above", everyParameter + "search.Above"}},
	{"uri below", "what begins with the value. Candidates are looked at", []string{matchPatient + "_profile:below=http://p", everyParameter + "search.Below"}},
	{"composite", "the components with `$` between them, all of one element. Candidates are looked at", []string{matchObservation + "component-code-value-quantity=sys$140", everyParameter + "fhir.KindComposite"}},
	{"special", "`near=latitude|longitude|distance|units`. Candidates are looked at", []string{"fhir/search TestMatchNear near=55.7558|37.6173"}},
	{"special missing", "as above", []string{everyParameter + "search.Missing"}},
}

// prefixRows hold for dates, numbers and quantities.
var prefixRows = []row{
	{"eq", "the value lies within what is asked; the default", []string{matchPatient + "birthdate=eq1990", matchOurs + "instance-count=eq100", matchObservation + "value-quantity=eq5.4"}},
	{"ne", "it does not", []string{matchPatient + "birthdate=ne1990", matchOurs + "instance-count=ne100", matchObservation + "value-quantity=ne5.4"}},
	{"gt", "it reaches above", []string{matchPatient + "birthdate=gt1990", matchOurs + "instance-count=gt99", matchObservation + "value-quantity=gt0.005"}},
	{"lt", "it reaches below", []string{matchPatient + "birthdate=lt1990", matchOurs + "instance-count=lt100", matchObservation + "value-quantity=lt0.005"}},
	{"ge", "`gt` or `eq`", []string{matchPatient + "birthdate=ge1990", matchOurs + "instance-count=ge100", matchObservation + "value-quantity=ge5.4"}},
	{"le", "`lt` or `eq`", []string{matchPatient + "birthdate=le1990", matchOurs + "instance-count=le100", matchObservation + "value-quantity=le5.4"}},
	{"sa", "it lies above as a whole", []string{matchPatient + "birthdate=sa1990", matchOurs + "instance-count=sa99", matchObservation + "value-quantity=sa5"}},
	{"eb", "it lies below as a whole", []string{matchPatient + "birthdate=eb1990", matchOurs + "instance-count=eb101", matchObservation + "value-quantity=eb6"}},
	{"ap", "a date overlaps; a number is within a tenth", []string{matchPatient + "birthdate=ap1990", matchOurs + "instance-count=ap109", matchObservation + "value-quantity=ap5"}},
}

// alongRows are the forms of a name that lead to other resources.
var alongRows = []row{
	{"`reference:Type=id`", "a reference to that type alone", []string{matchStudy + "subject:Patient=p1", everyParameter + "targetOf"}},
	{"`reference.parameter`, `reference:Type.parameter`", fmt.Sprintf("a chain, of up to %d references, each seen as its caller sees it", search.MaxChain), []string{"wide.txtar: along a reference", "wide.txtar: along two", "wide.txtar: nobody looks through a reference at what is hidden"}},
	{"`_has:Type:reference:parameter`", "what is referred to by a resource that answers; in chains too", []string{"wide.txtar: against a reference", "wide.txtar: against two", "wide.txtar: what counts is seen"}},
	{"`_list=id`", "the members of Lists", []string{"wide.txtar: its members of a type", "wide.txtar: a List that no scope covers"}},
	{"a comma between values", "any of them", []string{matchPatient + "gender=male,female"}},
	{"a name again", "all of them", []string{matchPatient + "identifier=bare&identifier=urn:mrn|", matchStudy + "modality=CT&modality=SR"}},
	{"`\\,` `\\|` `\\$` `\\\\`", "the character itself", []string{"fhir/search TestEscapes"}},
}

// resultRows are by the names of search.ResultParameters, with what a header or the form of the answer adds.
var resultRows = []row{
	{"_contained", "refused", []string{parseRefuses + "_contained=true"}},
	{"_containedType", "refused", []string{parseRefuses + "_containedType=a"}},
	{"_content", "refused", []string{parseRefuses + "_content=a"}},
	{"_count", fmt.Sprintf("the size of a page, at most %d; 0 counts alone", search.MaxCount), []string{"search.txtar: in pages", "wide.txtar: a page that is larger than any", parseControls + "_count=0"}},
	{"_elements", "these elements and those that must be there", []string{"wide.txtar: some elements", "fhir TestSubset"}},
	{"_filter", "refused", []string{parseRefuses + "_filter=a"}},
	{"_include", "`Type:reference`, `Type:reference:Target`, `Type:*`, `*`", []string{included + "_include=ImagingStudy:patient", included + "_include=*", parseControls + "_include=ImagingStudy:*"}},
	{"_include:iterate", "goes on from what is included", []string{"wide.txtar: what is included leads on", "wide.txtar: but not through what is hidden"}},
	{"_query", "refused", []string{parseRefuses + "_query=a"}},
	{"_revinclude", "what refers to the matches: `Type:reference`, `Type:*`, `*`", []string{included + "_revinclude=ImagingStudy:patient", "wide.txtar: everything that refers to it"}},
	{"_revinclude:iterate", "goes on from what is included", []string{"wide.txtar: what refers to what refers to it"}},
	{"_sort", fmt.Sprintf("up to %d keys, `-` downwards; what has no value comes last. Without it the newest clinical time comes first", search.MaxSort), []string{"fhir/search TestCompare _sort=-birthdate,_id", "wide.txtar: sorted by a code", everyParameter + "_sort=-", "search.txtar: newest first"}},
	{"_summary", "`true`, `text`, `data`, `count`, `false`", []string{"wide.txtar: the summary", "search.txtar: nothing but a count", "fhir TestSubset"}},
	{"_text", "refused", []string{parseRefuses + "_text=a"}},
	{"_total", "`none` (the default), `estimate`, `accurate`", []string{"search.txtar: a count", "fhir/store/storetest testSearch _total=accurate"}},
	{"_type", "the types of a search over several", []string{"wide.txtar: over some types, in pages", "wide.txtar: a type that the token does not cover"}},
}

var formRows = []row{
	{"links `next`, `previous`, `first`", "pages in both directions, for their caller and query alone; what is written meanwhile moves nothing", []string{"search.txtar: the next page", "search.txtar: and back", "search.txtar: a page is of one caller", "fhir/store/storetest testPaging while others write"}},
	{"`_format`", "FHIR JSON, whatever `Accept` says", []string{"read.txtar: _format goes before Accept", "read.txtar: _format=xml"}},
	{"`_pretty`", "indented", []string{"search.txtar: _pretty"}},
	{"`Prefer: handling=`", "`strict` refuses unknown parameters, `lenient` (the default) leaves them out and says so", []string{"search.txtar: or refused", "search.txtar: an unknown parameter is left out, and that is told"}},
	{"`Prefer: return=`", "`representation` (the default), `minimal`, `OperationOutcome`: of writes", []string{"create.txtar: return=minimal", "create.txtar: return=OperationOutcome"}},
}

// refusalRows tell what is answered instead of a result.
var refusalRows = []row{
	{"a modifier that the parameter does not take, `:in`, `:not-in`, `:above` and `:below` of codes", "400 not-supported", []string{parseRefuses + "gender:in=a", parseRefuses + "gender:above=a", parseRefuses + "name:foo=a"}},
	{"a value that the kind does not have, an empty one included", "400 value", []string{"search.txtar: a date that is none", parseRefuses + "birthdate=1973-02-30", parseRefuses + "active=yes"}},
	{"an unknown parameter with `handling=strict`", "400 not-supported", []string{"search.txtar: or refused", "fhir/search TestParseUnknown"}},
	{fmt.Sprintf("a chain of more than %d references, more than %d parameters, %d alternatives, %d keys of `_sort`", search.MaxChain, search.MaxParameters,
		search.MaxAlternatives, search.MaxSort), "400 too-costly", []string{parseRefuses + "organization.partof", parseRefuses + "search.MaxAlternatives", parseRefuses + "search.MaxParameters"}},
	{fmt.Sprintf("a value of more than %d bytes", search.MaxValue), "413 too-long", []string{parseRefuses + "search.MaxValue"}},
	{"a type that no scope lets search, also at the end of a chain", "403 forbidden", []string{"access.txtar: r does not search", "wide.txtar: nor at a type that the token does not cover"}},
	{"a cursor of another caller or query, or made up", "400", []string{"search.txtar: a page is of one query", "search.txtar: a page that was made up"}},
	{"`_elements` with `_summary`", "400 invalid", []string{"wide.txtar: not both"}},
	{"a search that takes longer than it may", "503 timeout", []string{"fhir/store/storetest testSearch deadline", "server TestFaults ErrTimeout"}},
}
