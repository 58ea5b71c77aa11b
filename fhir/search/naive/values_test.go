package naive_test

import "testing"

func TestTokens(t *testing.T) {
	examples{
		documents: []string{
			`Patient/a {"identifier":[{"system":"http://acme.org/patient","value":"2345"}],"gender":"male","active":true}`,
			`Patient/b {"identifier":[{"value":"2345"},{"type":{"text":"Medical record number","coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"system":"urn:x","value":"446053"}],"gender":"female"}`,
			`Patient/c {"deceasedDateTime":"2020-01-01T10:00:00Z","telecom":[{"system":"phone","value":"+7 1"},{"system":"email","value":"A@B.org"}]}`,
			`Patient/d {"deceasedBoolean":false}`,
			`Condition/a {"code":{"text":"Sinus Headache","coding":[{"system":"http://acme.org/conditions/codes","code":"ha125","display":"Headache, chronic"}]}}`,
			`Condition/b {"code":{"coding":[{"code":"HA125"},{"system":"urn:only"}]}}`,
			`ImagingStudy/a {"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]},"value":"77"}]}`,
			`Group/a {"actual":true,"characteristic":[{"code":{"coding":[{"code":"x"}]},"valueBoolean":true,"exclude":false}]}`,
			`Group/b {"actual":false,"characteristic":[{"code":{"coding":[{"code":"x"}]},"valueCodeableConcept":{"coding":[{"code":"y"}]},"exclude":false}]}`,
		},
		asks: []ask{
			{"token: system|code", "Patient?identifier=http://acme.org/patient|2345", "a"},
			{"token: code irrespective of system", "Patient?identifier=2345", "a b"},
			{"token: |code has no system", "Patient?identifier=|2345", "b"},
			{"token: system| any code", "Patient?identifier=urn:x|", "b"},
			{"token: code", "Patient?gender=male", "a"},
			{"token: implicit system of a code", "Patient?gender=http://hl7.org/fhir/administrative-gender|MALE", "a"},
			{"token: |code of a code that has a system", "Patient?gender=|male", ""},
			{"token: :not, and no value at all", "Patient?gender:not=male,female", "c d"},
			{"token: :not", "Patient?gender:not=male", "b c d"},
			{"token: boolean", "Patient?active=true", "a"},
			{"token: system|code of a Coding", "Condition?code=http://acme.org/conditions/codes|ha125", "a"},
			{"token: code folds case", "Condition?code=ha125", "a b"},
			{"token: system alone", "Condition?code=urn:only|", "b"},
			{"token: :text", "Condition?code:text=headache", "a"},
			{"token: :text of the display", "Condition?code:text=CHRON", "a"},
			{"token: :text is not the code", "Condition?code:text=ha1", ""},
			{"token: :text of an identifier's type", "Patient?identifier:text=record", "b"},
			{"token: :of-type", "Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|446053", "b"},
			{"token: :of-type needs all three", "Patient?identifier:of-type=|MR|446053", "error"},
			{"token: :of-type, another's value", "Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|2345", ""},
			{"token: ContactPoint", "Patient?telecom=a@b.ORG", "c"},
			{"token: expression with where", "Patient?phone=%2B7 1", "c"},
			{"token: expression with where", "Patient?email=%2B7 1", ""},
			{"token: a test, of a date", "Patient?deceased=true", "c"},
			{"token: a test, of false and of nothing", "Patient?deceased=false", "a b d"},
			{"token: OID with and without urn:oid:", "ImagingStudy?identifier=1.2.3", "a"},
			{"token: condition on the type", "ImagingStudy?accession=77", "a"},
			{"token: condition on the type", "ImagingStudy?accession=1.2.3", ""},
			{"token: choice of CodeableConcept and boolean", "Group?value=true", "a"},
			{"token: choice of CodeableConcept and boolean", "Group?value=Y", "b"},
			{"composite", "Group?characteristic-value=x$true", "a"},
			{"composite", "Group?characteristic-value=x$y,x$true", "a b"},
			{"modifiers: what is not defined", "Patient?gender:above=male", "error"},
		},
	}.run(t)
}

func TestStrings(t *testing.T) {
	examples{
		documents: []string{
			`Patient/a {"name":[{"family":"Carreno Quinones","given":["Eve","Marie-Louise"],"prefix":["Dr"]}]}`,
			`Patient/b {"name":[{"text":"Peter James Chalmers","given":["Severine"]}],"address":[{"line":["Pleasant St 534"],"city":"Évry"}]}`,
			`Patient/c {"name":[{"family":"Ёлкин","given":["EVE"]}]}`,
			`Observation/a {"valueString":"see, note|2$"}`,
			`Observation/b {"valueCodeableConcept":{"text":"See note"}}`,
		},
		asks: []ask{
			{"string: starts with", "Patient?given=eve", "a c"},
			{"string: :contains", "Patient?given:contains=eve", "a b c"},
			{"string: :exact", "Patient?given:exact=Eve", "a"},
			{"string: parts of a family name", "Patient?family=quinones", "a"},
			{"string: no such words of given names", "Patient?given=louise", ""},
			{"string: :exact is the whole of a part", "Patient?family:exact=Quinones", ""},
			{"string: accents", "Patient?family=елк", "c"},
			{"string: name, its parts", "Patient?name=dr", "a"},
			{"string: name, words of its text", "Patient?name=chalm", "b"},
			{"string: address", "Patient?address=evry", "b"},
			{"string: address, from its start", "Patient?address=534", ""},
			{"string: of a choice", "Observation?value-string=see", "a b"},
			{"escaping", `Observation?value-string:exact=see\, note\|2\$`, "a"},
			{"escaping: an OR list", `Observation?value-string:exact=see, note|2$`, ""},
			{"modifiers: :missing", "Patient?address:missing=true", "a c"},
			{"modifiers: :missing", "Patient?address:missing=false", "b"},
			{"combining: AND", "Patient?given=eve&family=Elk", ""},
			{"combining: AND of one parameter", "Patient?given=eve&given=marie", "a"},
			{"combining: OR", "Patient?given=sev,marie", "a b"},
		},
	}.run(t)
}

func TestDates(t *testing.T) {
	examples{
		documents: []string{
			`Observation/day {"effectiveDateTime":"2013-01-14"}`,
			`Observation/time {"effectiveDateTime":"2013-01-14T10:00:00.5Z"}`,
			`Observation/instant {"effectiveInstant":"2013-01-14T10:00:00Z"}`,
			`Observation/from {"effectivePeriod":{"start":"2013-03-14"}}`,
			`Observation/to {"effectivePeriod":{"end":"2013-01-01T01:00:00+03:00"}}`,
			`Observation/timing {"effectiveTiming":{"repeat":{"boundsPeriod":{"start":"2013-01-31","end":"2013-03-24"}}}}`,
			`Observation/events {"effectiveTiming":{"event":["2013-02-01","2013-04-01"]}}`,
			`Observation/none {"effectiveTiming":{"code":{"text":"daily"}}}`,
		},
		asks: []ask{
			{"prefix: eq", "Observation?date=eq2013-01-14", "day time instant"},
			{"prefix: ne", "Observation?date=ne2013-01-14", "from to timing events"},
			{"prefix: lt", "Observation?date=lt2013-01-14T10:00", "day to"},
			{"prefix: gt", "Observation?date=gt2013-01-14T10:00", "day from timing events"},
			{"prefix: ge", "Observation?date=ge2013-03-14", "from timing events"},
			{"prefix: le", "Observation?date=le2013-01-14", "day time instant to"},
			{"prefix: sa", "Observation?date=sa2013-03-13", "from"},
			{"prefix: eb", "Observation?date=eb2013-03-14", "day time instant to"},
			{"prefix: ap", "Observation?date=ap2013-01", "day time instant timing"},
			{"date: outer limits of a Timing", "Observation?date=ap2013-02-02", "timing events"},
			{"date: a second is not a point", "Observation?date=2013-01-14T10:00:00", "time instant"},
			{"date: precision of the value", "Observation?date=2013-01-14T10:00:00.00Z", "instant"},
			{"date: open periods", "Observation?date=gt2100", "from"},
			{"date: zone", "Observation?date=eb2013", "to"},
			{"date: the + of a zone as a space", "Observation?date=lt2013-01-01T01:30:00+03:00", "to"},
			{"date: present without a time", "Observation?date:missing=true", ""},
			{"sort: by start, the open one first, none last", "Observation?_sort=date", "to day instant time timing events from none"},
			{"sort: down", "Observation?_sort=-date", "from events timing time instant day to none"},
		},
	}.run(t)
}

func TestNumbers(t *testing.T) {
	examples{
		documents: []string{
			`ImagingStudy/a {"numberOfInstances":100}`, `ImagingStudy/b {"numberOfInstances":99}`, `ImagingStudy/c {"numberOfInstances":8}`,
			`ImagingStudy/d {"modality":[]}`,
		},
		asks: []ask{
			{"number: eq", "ImagingStudy?instance-count=100", "a"},
			{"number: lt", "ImagingStudy?instance-count=lt100", "b c"},
			{"number: le", "ImagingStudy?instance-count=le100", "a b c"},
			{"number: ne", "ImagingStudy?instance-count=ne100", "b c"},
			{"number: ap, a tenth", "ImagingStudy?instance-count=ap110", "a b"},
			{"number: precision", "ImagingStudy?instance-count=100.0", "a"},
			{"number: 95 to 105", "ImagingStudy?instance-count=1.0e2", "a b"},
			{"sort: by number", "ImagingStudy?_sort=instance-count", "c b a d"},
			{"sort: down, none last", "ImagingStudy?_sort=-instance-count", "a b c d"},
		},
	}.run(t)
}

func TestQuantities(t *testing.T) {
	quantity := func(id, members string) string { return `Observation/` + id + ` {"valueQuantity":{` + members + `}}` }
	examples{
		documents: []string{
			quantity("mg", `"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"`),
			quantity("g", `"value":0.0054,"system":"http://unitsofmeasure.org","code":"g"`),
			quantity("own", `"value":5.44,"unit":"mg"`),
			quantity("below", `"value":5.4,"comparator":"<","system":"http://unitsofmeasure.org","code":"mg"`),
			quantity("kPa", `"value":16,"system":"http://unitsofmeasure.org","code":"kPa"`),
			`Observation/sampled {"valueSampledData":{"origin":{"value":5.4},"period":1,"dimensions":1}}`,
			`Condition/age {"onsetAge":{"value":45,"system":"http://unitsofmeasure.org","code":"a"}}`,
			`Condition/range {"onsetRange":{"low":{"value":40,"unit":"a"},"high":{"value":50,"unit":"a"}}}`,
			`Condition/from {"onsetRange":{"low":{"value":60}}}`,
		},
		asks: []ask{
			{"quantity: 5.4|system|code", "Observation?value-quantity=5.4|http://unitsofmeasure.org|mg", "mg g"},
			{"quantity: 5.4||mg", "Observation?value-quantity=5.4||mg", "mg own"},
			{"quantity: 5.40, another precision", "Observation?value-quantity=5.40||mg", "mg"},
			{"quantity: 5.4", "Observation?value-quantity=5.4", "mg own"},
			{"quantity: le", "Observation?value-quantity=le5.4|http://unitsofmeasure.org|mg", "mg g below"},
			{"quantity: lt, what is below it at all", "Observation?value-quantity=lt5.4|http://unitsofmeasure.org|mg", "below"},
			{"quantity: eb", "Observation?value-quantity=eb5.4|http://unitsofmeasure.org|mg", "below"},
			{"quantity: ap", "Observation?value-quantity=ap5|http://unitsofmeasure.org|mg", "mg g below"},
			{"quantity: units of UCUM", "Observation?value-quantity=ap120|http://unitsofmeasure.org|mm[Hg]", "kPa"},
			{"quantity: ne, of the same unit", "Observation?value-quantity=ne1|http://unitsofmeasure.org|ug", "mg g below"},
			{"quantity: SampledData is there without a value", "Observation?value-quantity:missing=false", "mg g own below kPa sampled"},
			{"quantity: a Range", "Condition?onset-age=gt45", "range from"},
			{"quantity: a Range", "Condition?onset-age=sa50", "from"},
			{"quantity: 45 to 55, that must hold the Range", "Condition?onset-age=5e1", "age"},
			{"sort: by the start, as written", "Observation?_sort=value-quantity", "below g mg own kPa sampled"},
		},
	}.run(t)
}
