package search_test

import (
	"errors"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

func parse(t testing.TB, resourceType, text string, o search.Options) (search.Query, error) {
	t.Helper()
	values, err := url.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return search.Parse(fhir.R4(), resourceType, values, o)
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]fhir.IssueType{
		// values
		"birthdate=***": fhir.Value, "birthdate=!": fhir.Value, "birthdate=1973-02-30": fhir.Value, "birthdate=05": fhir.Value,
		"birthdate=2000-01-01T00:00:00.123456789012345678Z": fhir.Value, "birthdate=gt": fhir.Value, "birthdate=xx2000": fhir.Value,
		"birthdate=": fhir.Value, "birthdate=2000,": fhir.Value, "birthdate=gt" + strings.Repeat("5", 47): fhir.Value,
		"name=": fhir.Value, "name=,a": fhir.Value, "name=--": fhir.Value, "name:exact=": fhir.Value,
		"identifier=": fhir.Value, "identifier=a|b|c": fhir.Value, "identifier=a|b|c|d": fhir.Value, "identifier=|": fhir.Value,
		"active=yes": fhir.Value, "active=x|true": fhir.Value, "telecom=phone|1": fhir.Value,
		"_id=": fhir.Value, "_id=a/b": fhir.Value, "_id=|a": fhir.Value, "_id=%27%3B--": fhir.Value, "_lastUpdated=yesterday": fhir.Value,
		"organization=": fhir.Value, "organization=Organization/": fhir.Value, "organization=Patient/1": fhir.Value, "organization=#a": fhir.Value,
		"organization=Organization?name=a": fhir.Value, "organization=a b": fhir.Value,
		"organization:Organization=Practitioner/1": fhir.Value, "link:Patient=RelatedPerson/1": fhir.Value,
		"name:missing=maybe": fhir.Value, "name:missing=true,false": fhir.Value, "name=%00": fhir.Value, "name=%ff": fhir.Value,
		"name=" + strings.Repeat("a", search.MaxValue+1):           fhir.TooLong,
		"_id=a" + strings.Repeat(",a", search.MaxAlternatives):     fhir.TooCostly,
		"name=a" + strings.Repeat("&name=a", search.MaxParameters): fhir.TooCostly,
		"x=" + strings.Repeat("a", search.MaxQuery):                fhir.TooCostly,
		"=foo": fhir.Invalid,
		// modifiers and what is to come
		"birthdate:contains=a": fhir.NotSupported, "birthdate:not=2000": fhir.NotSupported, "gender:of-type=a|b|c": fhir.NotSupported,
		"identifier:of-type=a|b": fhir.Value, "identifier:of-type=|b|c": fhir.Value, "gender:in=a": fhir.NotSupported, "gender:not-in=a": fhir.NotSupported,
		"gender:above=a": fhir.NotSupported, "gender:below=a": fhir.NotSupported, "organization:below=a": fhir.NotSupported,
		"name:foo=a": fhir.NotSupported, "birthdate:exact=2000": fhir.NotSupported, "organization:Patient=1": fhir.NotSupported,
		"organization:identifier=": fhir.Value, "gender:text=a": fhir.NotSupported, "_profile:exact=a": fhir.NotSupported,
		"organization.foo=a": fhir.Value, "organization:Patient.name=a": fhir.Value, "birthdate.name=a": fhir.Value, "organization.name=": fhir.Value,
		"general-practitioner:PractitionerRole.organization.name:foo=a": fhir.NotSupported, "organization.partof.partof.partof.partof.partof.partof.partof.partof.partof.name=a": fhir.TooCostly,
		"_has:Observation:patient:foo=a": fhir.Value, "_has:Observation:code:code=a": fhir.Value, "_has:Foo:patient:code=a": fhir.Value,
		"_has:ImagingStudy:endpoint:status=a": fhir.Value, "_has=a": fhir.Value, "_has:Observation:patient=a": fhir.Value, "_has:a=a": fhir.Value,
		"_filter=a": fhir.NotSupported, "_text=a": fhir.NotSupported, "_content=a": fhir.NotSupported, "_query=a": fhir.NotSupported,
		"_type=Patient": fhir.Invalid, "_list=$current-problems": fhir.Value, "_list:not=a": fhir.NotSupported, "link:Nothing=1": fhir.NotSupported, "_list=a,": fhir.Value, "_contained=true": fhir.NotSupported, "_containedType=a": fhir.NotSupported,
		// controls
		"_count=-1": fhir.Value, "_count=a": fhir.Value, "_count=": fhir.Value, "_count=99999999999": fhir.Value, "_count=1&_count=2": fhir.Invalid,
		"_total=some": fhir.Value, "_summary=abc": fhir.Value, "_summary:x=true": fhir.NotSupported,
		"_elements=": fhir.Value, "_elements=%20": fhir.Value, "_elements=name.given": fhir.Value, "_elements=name&_summary=count": fhir.Invalid,
		"_sort=": fhir.Value, "_sort=foo": fhir.Value, "_sort=birthdate,-birthdate": fhir.Value, "_sort=birthdate,": fhir.Value,
		"_include=": fhir.Value, "_include=Patient": fhir.Value, "_include=Patient:foo": fhir.Value, "_include=Patient:name": fhir.Value,
		"_include=Foo:bar": fhir.Value, "_include=Patient:organization:Device": fhir.Value, "_include=Patient:link:Foo": fhir.Value,
		"_include=ImagingStudy:endpoint": fhir.Value, "_include:foo=Patient:link": fhir.NotSupported, "_include=a:b:c:d": fhir.Value,
		"_revinclude=ImagingStudy:endpoint": fhir.Value, "_revinclude=ImagingStudy:subject:Device": fhir.Value,
		"_page=": fhir.Value,
	} {
		t.Run(text[:min(len(text), 60)], func(t *testing.T) {
			q, err := parse(t, "Patient", text, search.Options{Base: base})
			var e *fhir.Error
			if !errors.As(err, &e) || e.Type != want {
				t.Fatalf("got %v", err)
			}
			name, _, _ := strings.Cut(text, "=")
			if e.Expression != name && e.Type != fhir.TooCostly && e.Type != fhir.Invalid && !strings.Contains(text, "%00") && !strings.Contains(text, "%ff") {
				t.Errorf("names %q", e.Expression)
			}
			if diff := cmp.Diff(search.Query{}, q); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseUnknown(t *testing.T) {
	const text = "foo=1&value-quantity=5&name=a"
	q, err := parse(t, "Patient", text, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"foo", "value-quantity"}, q.Ignored); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("name=a", q.Encode().Encode()); diff != "" {
		t.Error(diff)
	}
	if _, err := parse(t, "Patient", text, search.Options{Strict: true}); fhir.IssueTypeOf(err) != fhir.NotSupported {
		t.Errorf("strict: %v", err)
	}
	if _, err := parse(t, "patient", "", search.Options{}); fhir.IssueTypeOf(err) != fhir.NotSupported {
		t.Errorf("type in lower case: %v", err)
	}
}

// names renders the parts of a query that a store acts upon.
func names(q search.Query) string {
	var b strings.Builder
	for _, s := range q.Sort {
		b.WriteString("sort " + s.By + " " + strconv.FormatBool(s.Desc) + " " + strconv.FormatBool(s.Param != nil) + "; ")
	}
	for kind, all := range map[string][]search.Include{"include": q.Include, "revinclude": q.RevInclude} {
		for _, i := range all {
			b.WriteString(kind + " " + i.Source + " ")
			if i.Param != nil {
				b.WriteString(i.Param.Name)
			}
			b.WriteString(" " + i.Target + "; ")
		}
	}
	return b.String() + string(q.Total) + " " + strconv.Itoa(q.Count) + " " + q.Summary + " " + strings.Join(q.Elements, ",") + " " + q.Page
}

func TestParseControls(t *testing.T) {
	for text, want := range map[string]string{
		"":                                           "none 20   ",
		"_count=5":                                   "none 5   ",
		"_count=2147483647":                          "none 1000   ",
		"_count=0":                                   "none 20 count  ",
		"_summary=count":                             "none 20 count  ",
		"_summary=false":                             "none 20   ",
		"_total=accurate":                            "accurate 20   ",
		"_elements=name,birthDate":                   "none 20  name,birthDate ",
		"_page=abc":                                  "none 20   abc",
		"_format=x&_pretty=y":                        "none 20   ",
		"_sort=-started,_id,-_lastUpdated":           "sort started true true; sort _id false false; sort _lastUpdated true false; none 20   ",
		"_include=*":                                 "include   ; none 20   ",
		"_revinclude=*:*":                            "revinclude   ; none 20   ",
		"_include=ImagingStudy:*":                    "include ImagingStudy  ; none 20   ",
		"_include:iterate=Patient:organization":      "include Patient organization ; none 20   ",
		"_include=ImagingStudy:endpoint":             "include ImagingStudy endpoint ; none 20   ",
		"_include=ImagingStudy:subject:Patient":      "include ImagingStudy subject Patient; none 20   ",
		"_revinclude=Observation:derived-from":       "revinclude Observation derived-from ; none 20   ",
		"_revinclude=Observation:focus:ImagingStudy": "revinclude Observation focus ImagingStudy; none 20   ",
		"_revinclude=Observation:*":                  "revinclude Observation  ; none 20   ",
	} {
		t.Run(text, func(t *testing.T) {
			q, err := parse(t, "ImagingStudy", text, search.Options{Strict: true})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, names(q)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	fingerprint := func(text string) [32]byte { return query(t, "Patient", text).Fingerprint() }
	same := [][2]string{
		{"name=a", "name=a&_count=5"}, {"name=a", "name=a&_page=x"}, {"name=a", "name=A"}, {"organization=Organization/1", "organization=1"},
		{"name=a&gender=male", "gender=male&name=a"}, {"_summary=count", "_count=0"}, {"name=a", "name=a&_total=none&_pretty=true"},
	}
	for _, c := range same {
		if fingerprint(c[0]) != fingerprint(c[1]) {
			t.Errorf("%q and %q differ", c[0], c[1])
		}
	}
	texts := []string{"", "name=a", "family=a", "name=a&name=b", "name=a,b", "name:exact=a", "name:missing=true", "name:missing=false", "_sort=name", "_sort=-name",
		"_sort=birthdate,name", "birthdate=2000", "birthdate=ge2000", "_include=Patient:link", "_include=Patient:link:Patient", "_include=*",
		"_revinclude=Patient:link", "_total=accurate", "_summary=count", "_elements=name", "_elements=name,id", "_id=a", "_id:not=a",
		"organization.name=a", "organization.name=b", "organization.partof.name=a", "_has:Observation:patient:code=a", "_has:Observation:subject:code=a",
		"_has:Observation:patient:code=b", "_list=a", "_list=b", "identifier=a", "identifier=a|", "identifier=|a", "identifier=a|a", "identifier:of-type=a|b|c",
		"identifier:of-type=b|a|c", "_include:iterate=Patient:link", "name:contains=a", "organization:identifier=a"}
	seen := map[[32]byte]string{}
	for _, text := range texts {
		f := fingerprint(text)
		if other, ok := seen[f]; ok {
			t.Errorf("%q and %q are the same", text, other)
		}
		seen[f] = text
	}
}

func TestEscapes(t *testing.T) {
	for stored, searched := range map[string]string{
		`a,b`: `a\,b`, `a|b`: `a\|b`, `a$b`: `a\$b`, `a\b`: `a\\b`, `a\,b`: `a\\\,b`, `\`: `\`, `a\x`: `a\x`,
	} {
		t.Run(stored, func(t *testing.T) {
			body := `{"resourceType":"Patient","identifier":[{"value":` + strconv.Quote(stored) + `}],"name":[{"given":[` + strconv.Quote(stored) + `]}]}`
			r := indexed(t, body)
			for _, name := range []string{"identifier", "given:exact"} {
				q, err := search.Parse(fhir.R4(), "Patient", url.Values{name: {searched}}, search.Options{})
				if err != nil || !q.Match(r) {
					t.Errorf("%s=%s does not find it: %v", name, searched, err)
				}
			}
		})
	}
}

// allocated returns the bytes that do takes from the heap.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// FuzzSearchQuery: any query is refused or understood within its bounds; what was understood parses to the same query, and
// matching with it does not fail.
func FuzzSearchQuery(f *testing.F) {
	for _, s := range []string{
		"name=a,b&birthdate=ge2000-01-01&_sort=-birthdate&_count=3", `identifier=urn:x|a\|b&_include=*`, "organization:Organization=1&foo=bar",
		"link=Patient/1,http://o/Patient/2&_revinclude=ImagingStudy:patient&_id=a,b", "name:missing=true&_elements=a,b", "_count=0&_total=accurate",
	} {
		f.Add("Patient", s)
	}
	for _, s := range []string{"subject:Patient.name=a", "_has:DiagnosticReport:result:code:not=a|b", "value-quantity=gt5.4|http://unitsofmeasure.org|mg",
		"code-value-quantity=a$gt1e3", "code:text=a&_list=x", "patient._has:Group:member:_id=a&_include:iterate=*", "combo-value-quantity=ap1"} {
		f.Add("Observation", s)
	}
	f.Add("Location", "near=1|2|3|km")
	f.Add("ImagingStudy", "instance-count=le5&accession=a|b&_sort=-instance-count,status")
	f.Add("Observation", "focus=1&subject:Patient=2&date=ap2000&value-string:exact=A%2BB")
	r := indexed(f, patient)
	f.Fuzz(func(t *testing.T, resourceType, text string) {
		values, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		var q search.Query
		if n := allocated(func() { q, err = search.Parse(fhir.R4(), resourceType, values, search.Options{Base: base}) }); n > 256<<10+64*len(text) {
			t.Fatalf("allocated %d bytes for %d", n, len(text))
		}
		if err != nil {
			var e *fhir.Error
			if !errors.As(err, &e) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if q.Count < 1 || q.Count > search.MaxCount || len(q.Where) > search.MaxParameters {
			t.Fatalf("out of bounds: %+v", q)
		}
		for _, c := range q.Where {
			if c.Chain == nil && c.Has == nil && c.Lists == nil && (len(c.Values) == 0 || len(c.Values) > 30*search.MaxAlternatives) {
				t.Fatalf("%d values", len(c.Values))
			}
		}
		again, err := search.Parse(fhir.R4(), resourceType, q.Encode(), search.Options{Base: base, Strict: true})
		if err != nil || again.Fingerprint() != q.Fingerprint() || again.Count != q.Count {
			t.Fatalf("%q is encoded as %q, which gives %v", text, q.Encode().Encode(), err)
		}
		q.Match(r)
	})
}

func BenchmarkParse(b *testing.B) {
	values := url.Values{"patient": {"Patient/1"}, "started": {"ge2020-01-01"}, "modality": {"CT,MR"}, "_sort": {"-started"}, "_count": {"20"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := search.Parse(fhir.R4(), "ImagingStudy", values, search.Options{Base: base}); err != nil {
			b.Fatal(err)
		}
	}
}
