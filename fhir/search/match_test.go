package search_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

const base = "https://hub.example/fhir"

var updated = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

// indexed parses and indexes one resource as a store would.
func indexed(t testing.TB, body string) search.Indexed {
	t.Helper()
	r, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	d, err := search.Index(fhir.R4(), r)
	if err != nil {
		t.Fatal(err)
	}
	return search.Indexed{Document: d, ID: r.ID, LastUpdated: updated, Body: r.Body}
}

func query(t testing.TB, resourceType, text string) search.Query {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(fhir.R4(), resourceType, values, search.Options{Base: base, Strict: true})
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return q
}

const patient = `{"resourceType":"Patient","id":"p1","active":true,"gender":"female","birthDate":"1990-03-03",
	"meta":{"tag":[{"system":"urn:t","code":"Test"}],"profile":["http://p/x|1.0"],"source":"urn:s"},
	"identifier":[{"system":"urn:mrn","value":"Ab|1"},{"value":"bare"},{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"}],
	"name":[{"family":"Carreño Quiñones","given":["Zoë","Anna-Maria",null],"prefix":["Dr."]},{"text":"Ёлкина, Майя"},{"family":"O'Brien"}],
	"telecom":[{"system":"phone","value":"+7 495 1"},{"system":"email","value":"A@b.example"},{"system":"fax","value":"9"}],
	"address":[{"use":"home","line":["1 Main St"],"city":"Łódź","postalCode":"90-001"}],
	"communication":[{"language":{"coding":[{"system":"urn:ietf:bcp:47","code":"ru-RU"}],"text":"Russian"}}],
	"managingOrganization":{"reference":"Organization/o/_history/3"},
	"generalPractitioner":[{"reference":"http://other/fhir/Practitioner/9"},{"identifier":{"value":"x"}}],
	"link":[{"other":{"reference":"urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"},"type":"seealso"}]}`

func TestMatchPatient(t *testing.T) {
	r := indexed(t, patient)
	for text, want := range map[string]bool{
		"":                              true,
		"_id=p1":                        true,
		"_id=p2,p1":                     true,
		"_id=P1":                        false,
		"_id:missing=false":             true,
		"_lastUpdated=2026-11-22":       true,
		"_lastUpdated=gt2026-11-22":     false,
		"_lastUpdated=ge2026-11-22":     true,
		"_lastUpdated=2026-11-22T12:00": true,
		"_lastUpdated=2026-11-22T12:00:00.123456Z": true,
		"_tag=urn:t|test":                          true,
		"_tag=urn:t|":                              true,
		"_tag=other|":                              false,
		"_profile=http://p/x":                      true, "_profile=http://p/x|1.0": true, "_profile=http://p/x|2.0": false,
		"_source=urn:s": true,

		// tokens
		"active=true": true, "active=false": false,
		"gender=female": true, "gender=FEMALE": true, "gender=male,female": true, "gender=male": false,
		"gender=http://hl7.org/fhir/administrative-gender|female": true,
		"gender=urn:other|female":                                 false,
		"gender=|female":                                          false,
		`identifier=Ab\|1`:                                        true,
		`identifier=urn:mrn|Ab\|1`:                                true,
		`identifier=urn:mrn|ab\|1`:                                false, // identifiers are case sensitive
		"identifier=urn:mrn|":                                     true,
		`identifier=|Ab\|1`:                                       false,
		"identifier=|bare":                                        true,
		"identifier=bare":                                         true,
		"identifier=1.2.3":                                        true,
		"identifier=urn:oid:1.2.3":                                true,
		"identifier=urn:dicom:uid|urn:oid:1.2.3":                  true,
		"identifier=urn:dicom:uid|1.2.3":                          true,
		"identifier=urn:mrn|1.2.3":                                false,
		"identifier=bare&identifier=urn:mrn|":                     true, // AND
		"identifier=bare&identifier=none":                         false,
		"telecom=9":                                               true, "phone=9": false, "phone=%2B7 495 1": true, "email=a@B.example": true,
		"language=RU-ru": true, "language=Russian": false,
		"address-use=home": true,
		"deceased=false":   true, "deceased=true": false, "deceased:missing=true": false,

		// strings
		"family=carreno": true, "family=Carre": true, "family=QUIN": true, "family=arre": false,
		"name=quinones": true, "name=zoe": true, "name=maria": false, "name=anna maria": true, "name=Anna-M": true, "name=dr": true,
		"name=obrien": true, "name=O%27Brien": true, "name=O’Brien": true,
		"name=елкина": true, "name=ЁЛКИНА": true, "name=майя": true, "name=маия": false,
		"given:exact=Zoë": true, "given:exact=Zoe": false, "given:exact=Zo": false, "family:exact=Quiñones": false,
		"family:exact=Carreño Quiñones": true, "family:exact=Carreño Quiñones,x": true,
		"address=1 main": true, "address=lodz": true, "address-city=ŁÓD": true, "address-postalcode=90001": false, "address-postalcode=90-0": true,
		"phonetic=zoe":                 true,
		"address-country=x":            false,
		"address-country:missing=true": true, "address-city:missing=true": false, "address-city:missing=false": true,

		// dates
		"birthdate=1990-03-03": true, "birthdate=1990": true, "birthdate=1990-03-03T10:00": false, "birthdate=ne1990-03-03": false,
		"birthdate=ge1990-03-03": true, "birthdate=gt1990-03-03": false, "birthdate=lt1990-03-04": true, "birthdate=gt1990-03-03T12:00": true,
		"birthdate=lt1990-03-03T12:00": true, "birthdate=sa1990-03-02": true, "birthdate=eb1990-03-04": true, "birthdate=eb1990-03-03": false,
		"birthdate=ap1990-03": true, "birthdate=ap1991": false, "birthdate=le1990": true, "birthdate=sa1989,1991": true,
		"birthdate=ge1990&birthdate=lt1991": true, "birthdate=eq1990": true,
		"death-date:missing=true": true,

		// references
		"organization=o": true, "organization=Organization/o": true, "organization=Organization/o/_history/1": true,
		"organization=" + base + "/Organization/o": true, "organization=http://other/Organization/o": false,
		"organization:Organization=o":                           true,
		"organization=x,o":                                      true,
		"general-practitioner=http://other/fhir/Practitioner/9": true,
		"general-practitioner=9":                                false,
		"link=urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9":    true,
		"general-practitioner:identifier=x":                     true, "general-practitioner:identifier=|x": true,
		"general-practitioner:identifier=urn:a|x": false, "general-practitioner=x": false,

		// modifiers
		"gender:not=male": true, "gender:not=male,female": false, "identifier:not=none": true, "_id:not=p1": false,
		"name:contains=ria": true, "family:contains=NONES": true, "family:contains=zz": false,
		"language:text=rus": true, "language:text=sian": false,
		"_source:below=urn": true, "_profile:below=http://p": true, "_profile:below=http://q": false,
		"_profile:above=http://p/x|1.0/y": true, "_profile:above=http://p": false, "_source:above=urn:s": true,
		"organization:missing=true": false,
	} {
		t.Run(text, func(t *testing.T) {
			if got := query(t, "Patient", strings.ReplaceAll(text, "+", "%2B")).Match(r); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

const study = `{"resourceType":"ImagingStudy","id":"s1","status":"available","started":"2020-05-05T10:00:00+03:00",
	"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.840.1"}],
	"subject":{"reference":"Patient/p1"},"basedOn":[{"reference":"ServiceRequest/r"}],
	"endpoint":[{"reference":"Endpoint/e1"}],
	"series":[{"uid":"1.2.840.1.1","modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"},
		"endpoint":[{"reference":"Endpoint/e2"}],"performer":[{"actor":{"reference":"Device/d"}}],
		"instance":[{"uid":"1.2.840.1.1.1","sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}},
			{"uid":"1.2.840.1.1.2","sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}}]},
		{"uid":"1.2.840.1.2","modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"SR"}}]}`

func TestMatchImagingStudy(t *testing.T) {
	r := indexed(t, study)
	for text, want := range map[string]bool{
		"patient=p1": true, "patient=Patient/p1": true, "subject=p1": true, "subject:Patient=p1": true, "subject:Device=p1": false,
		"subject:Patient=Patient/p1": true, "patient=p2": false,
		"modality=ct": true, "modality=http://dicom.nema.org/resources/ontology/DCM|SR": true, "modality=MR": false,
		"modality=CT&modality=SR": true,
		"endpoint=e1":             true, "endpoint=e2": true, "basedon=ServiceRequest/r": true, "performer=Device/d": true, "performer=d": true,
		"series=1.2.840.1.2": true, "series=urn:oid:1.2.840.1.2": true, "instance=1.2.840.1.1.2": true,
		"dicom-class=urn:oid:1.2.840.10008.5.1.4.1.1.2":                   true,
		"dicom-class=1.2.840.10008.5.1.4.1.1.2":                           true,
		"dicom-class=urn:ietf:rfc:3986|urn:oid:1.2.840.10008.5.1.4.1.1.2": true,
		"started=2020-05-05":                                              true, "started=2020-05-05T07:00Z": true, "started=2020-05-05T10:00%2B03:00": true,
		"started=2020-05-05T10:00": false, "reason:missing=true": true, "status=http://hl7.org/fhir/imagingstudy-status|available": true,
	} {
		t.Run(text, func(t *testing.T) {
			if got := query(t, "ImagingStudy", text).Match(r); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMatchOurs(t *testing.T) {
	r := indexed(t, `{"resourceType":"ImagingStudy","description":"Thorax p.a.","numberOfInstances":100,
		"modality":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}],
		"identifier":[{"value":"no accession"},{"system":"urn:a","value":"A1","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]}}],
		"series":[{"performer":[{"actor":{"reference":"Organization/o"}},{"actor":{"reference":"Device/d"}}]}]}`)
	for text, want := range map[string]bool{
		"accession=A1": true, "accession=urn:a|A1": true, "accession=no accession": false, "accession=a1": false,
		"description=thorax": true, "study-modality=CT": true, "modality=CT": false,
		"organization=o": true, "organization=d": false, "organization=Organization/o": true,
		"instance-count=100": true, "instance-count=100.0": true, "instance-count=100.5": false, "instance-count=99.6": false,
		"instance-count=1e2": true, "instance-count=1.2e2": false, "instance-count=ne100": false, "instance-count=gt99": true, "instance-count=gt100": false,
		"instance-count=ge100": true, "instance-count=lt100": false, "instance-count=le100": true, "instance-count=ap109": true, "instance-count=ap112": false,
		"instance-count=eq100": true, "instance-count=sa99": true, "instance-count=sa100": false, "instance-count=eb101": true, "instance-count=eb100": false,
		"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|ACSN|A1":           true,
		"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|ACSN|no accession": false,
		"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|A1":             false,
	} {
		t.Run(text, func(t *testing.T) {
			if got := query(t, "ImagingStudy", text).Match(r); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMatchObservation(t *testing.T) {
	r := indexed(t, `{"resourceType":"Observation","status":"final","code":{"text":"Blood pressure","coding":[{"system":"urn:c","code":"bp"}]},
		"valueQuantity":{"value":5.40,"unit":"milligram","system":"http://unitsofmeasure.org","code":"mg"},
		"component":[{"code":{"coding":[{"system":"urn:c","code":"sys"}]},"valueQuantity":{"value":140,"system":"urn:u","code":"u"}},
			{"code":{"coding":[{"system":"urn:c","code":"dia"}]},"valueQuantity":{"value":90,"unit":"torr","comparator":"<"}}]}`)
	for text, want := range map[string]bool{
		"value-quantity=5.4": true, "value-quantity=5.40": true, "value-quantity=5.400": true, "value-quantity=5": true, "value-quantity=5.5": false,
		"value-quantity=5.4|http://unitsofmeasure.org|mg": true, "value-quantity=5.4||mg": true, "value-quantity=5.4||milligram": true,
		"value-quantity=0.0054|http://unitsofmeasure.org|g": true, "value-quantity=5400|http://unitsofmeasure.org|ug": true,
		"value-quantity=gt0.005|http://unitsofmeasure.org|g": true, "value-quantity=lt0.005|http://unitsofmeasure.org|g": false,
		"value-quantity=5.4|http://unitsofmeasure.org|mL": false, "value-quantity=5.4|urn:u|mg": false, "value-quantity=5.4||g": false,
		"value-quantity=ap5": true, "value-quantity=ap6.1": false, "value-quantity=ne5.4": false, "value-quantity=sa5": true, "value-quantity=eb6": true,
		"value-quantity=eq5.4": true, "value-quantity=ge5.4": true, "value-quantity=ge5.5": false, "value-quantity=le5.4": true, "value-quantity=le5.3": false,
		"component-value-quantity=140|urn:u|u": true, "component-value-quantity=lt80": true, "component-value-quantity=gt95": true,
		"component-value-quantity=gt145": false, "combo-value-quantity=lt6||mg": true,
		"component-code-value-quantity=sys$140": true, "component-code-value-quantity=sys$lt80": false, "component-code-value-quantity=dia$lt80||torr": true,
		"component-code-value-quantity=urn:c|sys$gt139": true, "code-value-quantity=bp$5.4": true, "code-value-quantity=sys$140": false,
		"combo-code-value-quantity=sys$140": true, "combo-code-value-quantity=bp$140": false, "combo-code-value-quantity=x$1,bp$5.4": true,
		"code:text=pressure": true, "code:text=blood p": true, "code:text=lood": false,
	} {
		t.Run(text, func(t *testing.T) {
			if got := query(t, "Observation", text).Match(r); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMatchNear(t *testing.T) {
	r := indexed(t, `{"resourceType":"Location","position":{"latitude":55.7558,"longitude":37.6173}}`) // Moscow
	for text, want := range map[string]bool{
		"near=55.7558|37.6173": true, "near=59.9343|30.3351|600|km": false, "near=59.9343|30.3351|640": true, "near=59.9343|30.3351|640000|m": true,
		"near=55.8|37.6|10|[mi_i]": true, "near=55.9|37.6": false,
	} {
		t.Run(text, func(t *testing.T) {
			if got := query(t, "Location", text).Match(r); got != want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMatchOpenPeriods(t *testing.T) {
	for _, c := range []struct {
		name, effective string
		queries         map[string]bool
	}{
		{"from 21 January on", `"effectivePeriod":{"start":"2013-01-21"}`, map[string]bool{
			"date=ge2013-03-14": true, "date=le2013-03-14": true, "date=sa2013-03-14": false, "date=eb2013-03-14": false, "date=2013": false,
			"date=ne2013": true, "date=ap2014": true, "date=gt9999": true}},
		{"from 15 March on", `"effectivePeriod":{"start":"2013-03-15"}`, map[string]bool{"date=sa2013-03-14": true, "date=eb2013-03-14": false}},
		{"until 21 January", `"effectivePeriod":{"end":"2013-01-21"}`, map[string]bool{
			"date=sa2013-03-14": false, "date=eb2013-03-14": true, "date=lt0001": true}},
		{"events", `"effectiveTiming":{"event":["2013-03-01","2013-01-02"]}`, map[string]bool{"date=2013": true, "date=2013-01": false, "date=ap2013-02": true}},
		{"bounds", `"effectiveTiming":{"repeat":{"boundsPeriod":{"start":"2013-01","end":"2013-02"}}}`, map[string]bool{"date=2013": true, "date=eb2013-03": true}},
		{"no bounds", `"effectiveTiming":{"repeat":{"count":2}}`, map[string]bool{"date=ge0001": false, "date:missing=false": true}},
		{"instant", `"effectiveInstant":"2013-01-02T10:00:00.5Z"`, map[string]bool{"date=2013-01-02T10:00:00.5Z": true, "date=gt2013-01-02T10:00:00.5Z": false}},
	} {
		r := indexed(t, `{"resourceType":"Observation","status":"final",`+c.effective+`}`)
		for text, want := range c.queries {
			t.Run(c.name+"/"+text, func(t *testing.T) {
				if got := query(t, "Observation", text).Match(r); got != want {
					t.Errorf("got %v", got)
				}
			})
		}
	}
}

// TestMatchLong: what is longer than an index row can be is still found.
func TestMatchLong(t *testing.T) {
	long := strings.Repeat("Щ", 900)
	r := indexed(t, `{"resourceType":"Patient","identifier":[{"value":"`+long+`"}],"name":[{"family":"`+long+`"}]}`)
	for _, text := range []string{"identifier=", "family=", "family:exact=", "name="} {
		if !query(t, "Patient", text+long).Match(r) {
			t.Errorf("%s... not found", text)
		}
	}
}

func TestCompare(t *testing.T) {
	resources := map[string]string{
		"a": `{"resourceType":"Patient","id":"a","birthDate":"1980","name":[{"family":"Weber"},{"family":"Abel Zorn"}]}`,
		"b": `{"resourceType":"Patient","id":"b","birthDate":"1970-05","name":[{"family":"Ång"}]}`,
		"c": `{"resourceType":"Patient","id":"c","name":[{"family":"Weber","given":["X"]}]}`,
		"d": `{"resourceType":"Patient","id":"d","birthDate":"1980"}`,
	}
	for text, want := range map[string]string{
		"_sort=birthdate,_id": "badc", "_sort=-birthdate,_id": "adbc", "_sort=-birthdate,-_id": "dabc",
		"_sort=family,_id": "abcd", "_sort=-family,_id": "acbd", "_sort=_lastUpdated,-_id": "dcba", "": "abcd",
	} {
		t.Run(text, func(t *testing.T) {
			q := query(t, "Patient", text)
			var all []search.Indexed
			for _, id := range []string{"a", "b", "c", "d"} {
				all = append(all, indexed(t, resources[id]))
			}
			slices.SortStableFunc(all, q.Compare)
			got := ""
			for _, r := range all {
				got += r.ID
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCompareByClinicalTime(t *testing.T) {
	study := func(started string) search.Indexed {
		return indexed(t, `{"resourceType":"ImagingStudy","status":"available"`+started+`}`)
	}
	older, newer, none := study(`,"started":"2019"`), study(`,"started":"2020"`), study("")
	var q search.Query
	if q.Compare(newer, older) >= 0 || q.Compare(none, newer) >= 0 || q.Compare(older, older) != 0 {
		t.Error("newest first, by lastUpdated where no clinical time is stated")
	}
}
