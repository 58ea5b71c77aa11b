package server

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/search"
)

// doseCode is that of an Observation which sums up one document of dose (HL7 Radiation Dose Summary).
const doseCode = "http://loinc.org|73569-6"

// maxDoses bounds the Observations that one $dose reads.
const maxDoses = 5000

// addable are the quantities of which a sum over examinations means something, by their DICOM code (PS3.16 CID 10012 and others): what
// entered the body, and for how long. Doses at a reference point are of different places and do not add up.
var addable = []string{
	"113812", // Total Number of Irradiation Events
	"113813", // CT Dose Length Product Total
	"113814", // CT Effective Dose Total
	"113722", // Dose Area Product Total
	"113726", // Fluoro Dose Area Product Total
	"113727", // Acquisition Dose Area Product Total
	"113730", // Total Fluoro Time
	"113855", // Total Acquisition Time
	"113731", // Total Number of Radiographic Frames
	"111637", // Accumulated Average Glandular Dose, of one breast
}

// Codes of components that decide about a sum.
const (
	procedureReported = "121058"
	accumulationScope = "113705"
	wholeStudy        = "113014"
)

// dose sums up a patient's exposure: a collection with one Observation for each year and kind of procedure, and an OperationOutcome
// that names what was left out and why. start and end limit the years by days, as those of $everything.
func (a *api) dose(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	visible := c.by.Visible(auth.Read, "Patient")
	if len(visible.Grants) == 0 || !c.by.Allows(auth.Search, "Observation") {
		return errForbidden()
	}
	patient, err := a.Store.Read(c.ctx(), visible, "Patient", id)
	if err != nil {
		return gone(err, patient)
	}
	q, err := a.parseDose(c, append([]string{id}, sameAs(patient)...))
	if err != nil {
		return err
	}
	documents, err := a.all(c, q, maxDoses)
	if err != nil {
		return err
	}
	c.disclosesAll(audit.Operation, patient.Reference(), []fhir.Resource{patient}, documents)
	sums := exposure{patient: id, studies: map[string]string{}}
	for _, one := range newestFirst(documents) {
		sums.take(one)
	}
	return a.sendBundle(c, "collection", func(b *bundle) {
		for _, body := range sums.observations() {
			b.own(body)
		}
		if notes := sums.notes(); len(notes) > 0 {
			b.own(outcome("information", notes, ""))
		}
	})
}

// all walks a search to its end. More than most is too costly.
func (a *api) all(c *call, q search.Query, most int) ([]fhir.Resource, error) {
	var list []fhir.Resource
	for {
		found, err := a.Store.Search(c.ctx(), q, c.by.Caller())
		if err != nil {
			return nil, err
		}
		list = append(list, found.Matches...)
		switch {
		case found.Next == "":
			return list, nil
		case len(list) >= most:
			return nil, fhir.NewError(fhir.TooCostly, fmt.Sprintf("more than %d resources to read: narrow the dates", most))
		}
		q.Page = found.Next
	}
}

// newestFirst orders documents by when they were issued: the last one of a study holds what those before it held.
func newestFirst(documents []fhir.Resource) []fhir.Resource {
	issued := func(r fhir.Resource) int64 { return gjson.GetBytes(r.Body, "issued").Time().UnixMicro() }
	return slices.SortedStableFunc(slices.Values(documents), func(a, b fhir.Resource) int { return cmp.Compare(issued(b), issued(a)) })
}

// parseDose reads start and end into a search for the documents of dose of patients who are the same person.
func (a *api) parseDose(c *call, patients []string) (search.Query, error) {
	given, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return search.Query{}, err
	}
	for name := range given {
		if !slices.Contains([]string{"start", "end", "_format", "_pretty"}, name) {
			return search.Query{}, fhir.NewError(fhir.NotSupported, "the parameters are start and end").At(name)
		}
	}
	subjects := make([]string, len(patients))
	for i, id := range patients {
		subjects[i] = "Patient/" + id
	}
	params := url.Values{"code": {doseCode}, "patient": {strings.Join(subjects, ",")}, "_count": {"200"}}
	q, err := a.parse(c, scope{types: []string{"Observation"}}, params, true)
	if err != nil {
		return q, err
	}
	return q, limitDates(a.Registry, &q, given)
}

// exposure is what a patient got.
type exposure struct {
	patient string
	sums    []*exposed
	studies map[string]string // study and device of a document that holds the whole of it, with the document
	left    []leftOut
}

// exposed is the sum of one year and kind of procedure.
type exposed struct {
	year, procedure string
	code            json.RawMessage // of the procedure
	amounts         []*amount
	from            []string // references
}

// amount is a quantity that was added up.
type amount struct {
	name, unit string
	code       json.RawMessage
	sum        *big.Rat
}

type leftOut struct{ reference, why string }

// take adds a document of dose, the newest first: of several of one device that each hold the whole study it counts.
func (e *exposure) take(one fhir.Resource) {
	o := gjson.ParseBytes(one.Body)
	if why := e.refuses(o, one.Reference()); why != "" {
		e.left = append(e.left, leftOut{one.Reference(), why})
		return
	}
	sum := e.of(o)
	sum.from = append(sum.from, one.Reference())
	for _, c := range o.Get("component").Array() {
		quantity := c.Get("valueQuantity")
		if quantity.Exists() && slices.Contains(addable, dicomCode(c)) {
			sum.add(c.Get("code"), quantity)
		}
	}
}

// refuses says why a document is not counted, "" if it is.
func (e *exposure) refuses(o gjson.Result, reference string) string {
	switch status := o.Get("status").Str; {
	case !slices.Contains([]string{"final", "amended", "corrected"}, status):
		return "its status is " + status
	case !o.Get("effectiveDateTime").Exists():
		return "it tells no date"
	case !slices.ContainsFunc(o.Get("component").Array(), func(c gjson.Result) bool { return slices.Contains(addable, dicomCode(c)) }):
		return "it holds no quantity that may be added up"
	}
	scope := ""
	for _, c := range o.Get("component").Array() {
		if dicomCode(c) == accumulationScope {
			scope = c.Get("valueCodeableConcept.coding.0.code").Str
		}
	}
	if scope != wholeStudy {
		return ""
	}
	key := o.Get("partOf.0.reference").Str + " " + cmp.Or(o.Get("device.reference").Str, o.Get("device.display").Str)
	if counted := e.studies[key]; counted != "" {
		return counted + " holds the whole study of the same device"
	}
	e.studies[key] = reference
	return ""
}

func dicomCode(c gjson.Result) string {
	for _, one := range c.Get("code.coding").Array() {
		if one.Get("system").Str == "http://dicom.nema.org/resources/ontology/DCM" {
			return one.Get("code").Str
		}
	}
	return ""
}

// of returns the sum that a document belongs to.
func (e *exposure) of(o gjson.Result) *exposed {
	year := o.Get("effectiveDateTime").Str[:4]
	procedure, code := "", json.RawMessage(nil)
	for _, c := range o.Get("component").Array() {
		if dicomCode(c) == procedureReported {
			value := c.Get("valueCodeableConcept")
			procedure, code = value.Get("coding.0.system").Str+"|"+value.Get("coding.0.code").Str, json.RawMessage(value.Raw)
		}
	}
	for _, have := range e.sums {
		if have.year == year && have.procedure == procedure {
			return have
		}
	}
	one := &exposed{year: year, procedure: procedure, code: code}
	e.sums = append(e.sums, one)
	return one
}

// add adds a quantity to what was got of it in the same unit.
func (e *exposed) add(code, quantity gjson.Result) {
	value, ok := new(big.Rat).SetString(quantity.Get("value").Raw)
	if !ok {
		return
	}
	name := cmp.Or(code.Get("text").Str, code.Get("coding.0.display").Str)
	for _, have := range e.amounts {
		if have.name == name && have.unit == quantity.Get("code").Str {
			have.sum.Add(have.sum, value)
			return
		}
	}
	e.amounts = append(e.amounts, &amount{name, quantity.Get("code").Str, json.RawMessage(code.Raw), value})
}

// observations are the sums, newest first.
func (e *exposure) observations() [][]byte {
	slices.SortFunc(e.sums, func(a, b *exposed) int {
		return cmp.Or(cmp.Compare(b.year, a.year), cmp.Compare(a.procedure, b.procedure))
	})
	bodies := make([][]byte, len(e.sums))
	for i, one := range e.sums {
		bodies[i] = one.observation(e.patient)
	}
	return bodies
}

type doseObservation struct {
	ResourceType    string          `json:"resourceType"`
	Status          string          `json:"status"`
	Category        json.RawMessage `json:"category"`
	Code            json.RawMessage `json:"code"`
	Subject         doseReference   `json:"subject"`
	EffectivePeriod dosePeriod      `json:"effectivePeriod"`
	DerivedFrom     []doseReference `json:"derivedFrom"`
	Component       []doseComponent `json:"component"`
}

type doseReference struct {
	Reference string `json:"reference"`
}

type dosePeriod struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

type doseComponent struct {
	Code            json.RawMessage `json:"code"`
	Quantity        *doseQuantity   `json:"valueQuantity,omitempty"`
	CodeableConcept json.RawMessage `json:"valueCodeableConcept,omitempty"`
}

type doseQuantity struct {
	Value  json.Number `json:"value"`
	Unit   string      `json:"unit"`
	System string      `json:"system"`
	Code   string      `json:"code"`
}

const (
	imagingCategory = `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"imaging","display":"Imaging"}]}]`
	exposureCode    = `{"coding":[{"system":"http://loinc.org","code":"73569-6",` +
		`"display":"Radiation exposure and protection information [Description] Document Diagnostic imaging"}]}`
	procedureCode = `{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"121058","display":"Procedure reported"}]}`
)

func (e *exposed) observation(patient string) []byte {
	o := doseObservation{
		ResourceType: "Observation", Status: "final", Category: json.RawMessage(imagingCategory), Code: json.RawMessage(exposureCode),
		Subject: doseReference{"Patient/" + patient}, EffectivePeriod: dosePeriod{e.year, e.year},
	}
	for _, reference := range e.from {
		o.DerivedFrom = append(o.DerivedFrom, doseReference{reference})
	}
	if e.code != nil {
		o.Component = append(o.Component, doseComponent{Code: json.RawMessage(procedureCode), CodeableConcept: e.code})
	}
	for _, a := range e.amounts {
		digits, _ := a.sum.FloatPrec()
		q := doseQuantity{json.Number(a.sum.FloatString(digits)), a.unit, "http://unitsofmeasure.org", a.unit}
		o.Component = append(o.Component, doseComponent{Code: a.code, Quantity: &q})
	}
	return encode(o)
}

// notes tell what was left out.
func (e *exposure) notes() []*fhir.Error {
	all := make([]*fhir.Error, len(e.left))
	for i, one := range e.left {
		all[i] = fhir.NewError("informational", one.reference+" is left out: "+one.why)
	}
	return all
}
