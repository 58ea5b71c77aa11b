package search_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// TestHashIsStable: hashes and folded texts are stored, so they never change.
func TestHashIsStable(t *testing.T) {
	for text, want := range map[string]int64{
		"Patient/1": 3141987442251605659,
		"code":      6238840675716300746,
		"":          -2039914840885289964,
	} {
		if got := search.Hash(text); got != want {
			t.Errorf("%q: got %d", text, got)
		}
	}
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"Müller":             "muller",
		"  a \t b\n":         "a b",
		"Йод й И́":           "йод й и",
		"Йод":                "йод", // decomposed й
		"Ёж":                 "еж",
		"О'Коннор-Смит, Дж.": "оконнор смит дж",
		"Strauß Øre Łódź Æ":  "strauss ore lodz ae",
		"ﬁ Ⅳ ①":              "fi iv 1",
		"Їжак Ўсё":           "іжак усе",
		"山田^太郎":              "山田 太郎",
		"%_\\":               "",
		"и \u0306":           "и",
		"\x00a\xffb":         "a b",
	} {
		if got := search.Fold(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func FuzzFold(f *testing.F) {
	f.Add("Йод-Ёж O'Brien ﬁ ΐ ẞ İ")
	f.Fuzz(func(t *testing.T, s string) {
		folded := search.Fold(s)
		if again := search.Fold(folded); again != folded {
			t.Fatalf("%q folds to %q, that to %q", s, folded, again)
		}
		if !utf8.ValidString(folded) || strings.TrimSpace(folded) != folded || len(folded) > 40*len(s) {
			t.Fatalf("%q folds to %q", s, folded)
		}
	})
}

func TestIndexDocument(t *testing.T) {
	for name, c := range map[string]struct{ body, patient, time string }{
		"Patient":               {`{"resourceType":"Patient","id":"1"}`, "Patient/1", ""},
		"study":                 {study, "Patient/p1", "2020-05-05T07:00:00Z"},
		"report by issued":      {`{"resourceType":"DiagnosticReport","subject":{"reference":"Patient/1/_history/2"},"issued":"2021-01-01T00:00:00Z","effectiveDateTime":"2020"}`, "Patient/1", "2021-01-01T00:00:00Z"},
		"report by period":      {`{"resourceType":"DiagnosticReport","effectivePeriod":{"end":"2020-01-01"}}`, "", "2020-01-01T23:59:59.999999Z"},
		"order":                 {`{"resourceType":"ServiceRequest","authoredOn":"2020-02"}`, "", "2020-02-01T00:00:00Z"},
		"subject elsewhere":     {`{"resourceType":"DiagnosticReport","subject":{"reference":"http://o/Patient/1"}}`, "http://o/Patient/1", ""},
		"subject a group":       {`{"resourceType":"DiagnosticReport","subject":{"reference":"Group/1"}}`, "Group/1", ""},
		"subject by identifier": {`{"resourceType":"DiagnosticReport","subject":{"identifier":{"value":"1"}}}`, search.UnknownPatient, ""},
		"subject contained":     {`{"resourceType":"DiagnosticReport","subject":{"reference":"#p"}}`, search.UnknownPatient, ""},
		"device of a patient":   {`{"resourceType":"Device","patient":{"reference":"Patient/1"}}`, "Patient/1", ""},
		"device of nobody":      {`{"resourceType":"Device"}`, "", ""},
		"binary":                {`{"resourceType":"Binary","securityContext":{"reference":"Patient/1"}}`, "Patient/1", ""},
		"relative":              {`{"resourceType":"RelatedPerson","patient":{"reference":"Patient/1"}}`, "Patient/1", ""},
		"organization":          {`{"resourceType":"Organization"}`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := indexed(t, c.body)
			at := ""
			if d.Timed {
				at = time.UnixMicro(d.Time).UTC().Format(time.RFC3339Nano)
			}
			if diff := cmp.Diff([]string{c.patient, c.time}, []string{d.Patient, at}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestIndexOnce: a thousand instances of one class are one entry.
func TestIndexOnce(t *testing.T) {
	instance := `{"uid":"1.2","sopClass":{"system":"s","code":"c"}}`
	d := indexed(t, `{"resourceType":"ImagingStudy","series":[{"uid":"1","instance":[`+strings.Repeat(instance+",", 999)+instance+`]}]}`)
	if got := len(d.Entries); got != 3 {
		t.Errorf("%d entries", got)
	}
}

func TestIndexRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		body       string
		issue      fhir.IssueType
		expression string
	}{
		"type not served": {`{"resourceType":"Basic"}`, fhir.NotSupported, "resourceType"},
		"no such day":     {`{"resourceType":"Patient","birthDate":"1973-02-30"}`, fhir.Value, "Patient.birthDate"},
		"no zone":         {`{"resourceType":"ImagingStudy","started":"2020-01-01T10:00:00"}`, fhir.Value, "ImagingStudy.started"},
		"a number":        {`{"resourceType":"Patient","birthDate":1973}`, fhir.Structure, "Patient.birthDate"},
		"period reversed": {`{"resourceType":"DiagnosticReport","effectivePeriod":{"start":"2020","end":"2019"}}`, fhir.Value, "DiagnosticReport.effectivePeriod"},
		"no reference":    {`{"resourceType":"ImagingStudy","subject":{"reference":"somebody"}}`, fhir.Value, "ImagingStudy.subject"},
		"code an object":  {`{"resourceType":"Patient","gender":{}}`, fhir.Structure, "Patient.gender"},
		"boolean a text":  {`{"resourceType":"Patient","active":"true"}`, fhir.Structure, "Patient.active"},
		"coding a text":   {`{"resourceType":"ImagingStudy","series":[{"modality":"CT"}]}`, fhir.Structure, "ImagingStudy.series.modality"},
		"name a text":     {`{"resourceType":"Patient","name":["x"]}`, fhir.Structure, "Patient.name"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			_, err = search.Index(fhir.R4(), r)
			var e *fhir.Error
			if !errors.As(err, &e) || e.Type != c.issue || e.Expression != c.expression {
				t.Errorf("got %v", err)
			}
		})
	}
}

// checkDocument holds the laws of an index document.
func checkDocument(t *testing.T, r fhir.Resource, d search.Document) {
	t.Helper()
	for i, e := range d.Entries {
		if !slices.Contains(d.Present, e.Param) {
			t.Fatalf("%s has entries and is not present", e.Param.Name)
		}
		if i > 0 && cmp.Equal(d.Entries[i-1], e, cmp.Comparer(func(a, b *fhir.SearchParameter) bool { return a == b })) {
			t.Fatalf("an entry of %s stands twice", e.Param.Name)
		}
		if e.Low > e.High || len(e.Text) > search.MaxText || len(e.Exact) > search.MaxText || !utf8.ValidString(e.Text) || !utf8.ValidString(e.Exact) {
			t.Fatalf("entry of %s: %+v", e.Param.Name, e)
		}
		if e.Param.Type != r.Type {
			t.Fatalf("an entry of %s on a %s", e.Param.Type, r.Type)
		}
	}
}

// TestIndexExamples: the official examples of the types served are indexed; those few that are refused say where.
func TestIndexExamples(t *testing.T) {
	n, refused := 0, 0
	examples(t, func(path string, r fhir.Resource) {
		n++
		d, err := search.Index(fhir.R4(), r)
		var e *fhir.Error
		switch {
		case errors.As(err, &e) && e.Expression != "":
			refused++
			t.Logf("%s: %v", filepath.Base(path), err)
		case err != nil:
			t.Errorf("%s: %v", path, err)
		default:
			checkDocument(t, r, d)
		}
	})
	if n < 100 || refused > n/20 {
		t.Errorf("%d of %d examples are refused", refused, n)
	}
}

// examples calls f with each real resource of a type served.
func examples(t testing.TB, f func(path string, r fhir.Resource)) {
	t.Helper()
	root := filepath.Join("..", "..", "..", "shared", "testdata", "fhir")
	if _, err := os.Stat(root); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r, err := fhir.Parse(body)
		if _, served := fhir.R4().Type(r.Type); err == nil && served {
			f(path, r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// FuzzIndex: whatever parses is indexed or refused, within the laws and in proportion to its size.
func FuzzIndex(f *testing.F) {
	for _, s := range []string{patient, study, `{"resourceType":"Observation","effectiveTiming":{"event":["2020"]},"valueString":"x"}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := fhir.Parse(body)
		if err != nil {
			return
		}
		d, err := search.Index(fhir.R4(), r)
		if err != nil {
			return
		}
		checkDocument(t, r, d)
		if len(d.Entries) > 16+len(body) {
			t.Fatalf("%d entries of %d bytes", len(d.Entries), len(body))
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	for name, body := range map[string]string{"Patient": patient, "ImagingStudy": study, "ImagingStudy of 2000": large()} {
		b.Run(name, func(b *testing.B) {
			r, err := fhir.Parse([]byte(body))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := search.Index(fhir.R4(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// large is a study of 2,000 instances.
func large() string {
	var instances []string
	for i := range 2000 {
		uid := "1.2.840.1." + time.Duration(i).String()
		instances = append(instances, `{"uid":"`+uid+`","number":1,"sopClass":{"system":"urn:ietf:rfc:3986","code":"urn:oid:1.2.840.10008.5.1.4.1.1.2"}}`)
	}
	return `{"resourceType":"ImagingStudy","subject":{"reference":"Patient/1"},"series":[{"uid":"1.2","instance":[` + strings.Join(instances, ",") + `]}]}`
}
