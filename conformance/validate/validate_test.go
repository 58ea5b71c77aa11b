package validate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lightbox/conformance"
	"lightbox/conformance/validate"
	"lightbox/fhir"
)

const testdata = "../../../shared/testdata/fhir"

// brokenExamples are official examples and test files whose structure really is broken, with the reason.
var brokenExamples = map[string]string{
	"bundle-questionnaire.json":                                "display items without the required linkId",
	"practitionerrole-questionnaire.json":                      "display items without the required linkId",
	"specimendefinition-questionnaire.json":                    "display items without the required linkId",
	"medicationrequest0301.json":                               "dispenseRequest.performer points to a Practitioner, R4 wants an Organization",
	"C4BBCoverage.json":                                        "not JSON",
	"C4BBEOBProfessional.json":                                 "not JSON",
	"BulkUpdateSampleData.json":                                "objects where R4 has arrays",
	"ExportDataBatch.json":                                     "Group.actual as a string",
	"SmartCompartmentResources.json":                           "an ImagingStudy series without modality",
	"V3.1.1_USCoreCompliantResources.json":                     "arrays where R4 has one element, and the reverse",
	"Bundle-InvalidBundleType.json":                            "made to be invalid",
	"Bundle-TransactionWithInvalidBundleEntry.json":            "made to be invalid",
	"InvalidObservation.json":                                  "made to be invalid",
	"ObservationWithBloodPressure.json":                        "interpretation as an object, R4 has an array",
	"Bundle-BatchWithConditionalUpdateByIdentifier.json":       "an empty string",
	"Bundle-TransactionWithConditionalCreateAndReference.json": "an empty string",
	"ProvenanceHeader.json":                                    "no target, which the server there adds from the request",
	"WeightInGrams.json":                                       "text without div",
	"ObservationWithInvalidStatus.json":                        "made to be invalid",
	"PatientWithUnknownElements.json":                          "made to be invalid",
	"Specimen.json":                                            "request points to a resource type that does not exist",
	"TokenOverflowChargeItem.json":                             "empty objects",
}

func TestOfficialExamples(t *testing.T) {
	if _, err := os.Stat(testdata); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	check := validate.New()
	valid, broken := 0, 0
	for _, folder := range []string{"FHIR+fhir-test-cases/r4/examples", "google+fhir", "IHE+RAD.IMR", "IHE+RAD.MADO", "microsoft+fhir-server"} {
		for _, path := range jsonFiles(t, filepath.Join(testdata, folder)) {
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Contains(body, []byte(`"resourceType"`)) {
				continue
			}
			findings := check(bytes.TrimPrefix(body, []byte("\ufeff"))) // a mark of files; bodies over HTTP have none
			reason, isBroken := brokenExamples[filepath.Base(path)]
			switch {
			case isBroken && len(findings) == 0:
				t.Errorf("%s: no findings, although: %s", path, reason)
			case !isBroken && len(findings) > 0:
				t.Errorf("%s: %d findings, first: %v", path, len(findings), findings[0])
			case isBroken:
				broken++
			default:
				valid++
			}
		}
	}
	t.Logf("%d valid, %d broken as explained", valid, broken)
}

func jsonFiles(t *testing.T, root string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".json") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestFindings(t *testing.T) {
	deep := strings.Repeat(`{"url":"urn:x","extension":[`, 200) + `{"url":"urn:x","valueCode":"a"}` + strings.Repeat(`]}`, 200)
	tests := []struct {
		name, body string
		want       []string
	}{
		{"valid", `{"resourceType":"Patient","gender":"female","birthDate":"1985-03"}`, nil},
		{"not JSON", `{`, []string{"invalid: the body is not one JSON object"}},
		{"two objects", `{"resourceType":"Patient"}{}`, []string{"invalid: the body is not one JSON object"}},
		{"null", `null`, []string{"invalid: the body is not one JSON object"}},
		{"no type", `{"id":"a"}`, []string{`required: missing required field "resourceType"`}},
		{"unknown type", `{"resourceType":"Foo"}`, []string{"structure: unknown resource type at Foo"}},
		{"required missing", `{"resourceType":"ImagingStudy","status":"available"}`, []string{`required: missing required field "subject" at ImagingStudy`}},
		{"unknown element", `{"resourceType":"Patient","nmae":"x"}`, []string{`structure: unknown element "nmae" at Patient`}},
		{"unknown element withheld", `{"resourceType":"Patient","John Doe":"x"}`, []string{`structure: unknown element at Patient`}},
		{"unknown element withheld, nested", `{"resourceType":"Patient","John Doe":{"x":null}}`, []string{`structure: unknown element at Patient`}},
		{"underscore alone", `{"resourceType":"Patient","_":{"id":"x"}}`, []string{`structure: unknown element at Patient`}},
		{"capital letter", `{"resourceType":"Patient","Gender":"female"}`, []string{`structure: unknown element "Gender" at Patient`}},
		{"nested", `{"resourceType":"ImagingStudy","status":"available","subject":{"reference":"Patient/1"},"series":[{"uid":"1.2","modality":{"code":"CT"}},{"uid":"1.3"}]}`,
			[]string{`required: missing required field "modality" at ImagingStudy.series[1]`}},
		{"date", `{"resourceType":"Patient","birthDate":"1985-13-01"}`, []string{"value: expected date at Patient.birthDate"}},
		{"code", `{"resourceType":"Patient","gender":"w"}`, []string{"value: code type mismatch at Patient.gender"}},
		{"code in capitals", `{"resourceType":"Patient","gender":"Female"}`, []string{"value: the code is not spelt as the code system has it at Patient.gender"}},
		{"code with underscore", `{"resourceType":"ServiceRequest","status":"on_hold","intent":"order","subject":{"reference":"Patient/1"}}`,
			[]string{"value: the code is not spelt as the code system has it at ServiceRequest.status"}},
		{"code with capitals of its own", `{"resourceType":"Patient","contact":[{"name":{"use":"usual"}}],"communication":[{"language":{"coding":[{"code":"ru-RU"}]}}]}`, nil},
		{"reference to a wrong type", `{"resourceType":"ImagingStudy","status":"available","subject":{"reference":"Practitioner/1"}}`,
			[]string{"value: invalid reference to a Practitioner resource, want Patient, Device, Group at ImagingStudy.subject"}},
		{"array wanted", `{"resourceType":"Patient","name":{"family":"A"}}`, []string{"structure: expected array at Patient.name"}},
		{"two choices", `{"resourceType":"Patient","deceasedBoolean":true,"deceasedDateTime":"2020"}`, []string{"structure: cannot accept multiple values for deceased field at Patient"}},
		{"empty string", `{"resourceType":"Patient","name":[{"family":""}]}`, []string{"structure: a string is empty at Patient.name[0].family"}},
		{"empty array", `{"resourceType":"Patient","name":[]}`, []string{"structure: an array is empty at Patient.name"}},
		{"empty object", `{"resourceType":"Patient","name":[{}]}`, []string{"structure: an element is empty at Patient.name[0]"}},
		{"null member", `{"resourceType":"Patient","birthDate":null}`, []string{"structure: null stands where a value must be at Patient.birthDate"}},
		{"null among objects", `{"resourceType":"Patient","name":[null,{"family":"A"}]}`, []string{"structure: null stands where a value must be at Patient.name[0]"}},
		{"null with extension", `{"resourceType":"Patient","name":[{"given":["A",null,"C"],"_given":[null,{"extension":[{"url":"urn:x","valueCode":"masked"}]},null]}]}`, nil},
		{"null and both", `{"resourceType":"Patient","name":[{"given":["A",null],"_given":[{"id":"a"},{"id":"b"}]}]}`, nil},
		{"null alone", `{"resourceType":"Patient","name":[{"given":["A",null,"C"]}]}`, nil},
		{"stamps of another server", `{"resourceType":"Patient","meta":{"versionId":"","lastUpdated":"2000-01-01T00:00:00"}}`, []string{"structure: a string is empty at Patient.meta.versionId"}},
		{"stamp without zone", `{"resourceType":"Patient","meta":{"lastUpdated":"2000-01-01T00:00:00"}}`, nil},
		{"extensions only", `{"resourceType":"Patient","name":[{"_given":[null,{"id":"b"}]}]}`, nil},
		{"lengths differ", `{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null]}]}`,
			[]string{"structure: the arrays of values and of their extensions differ in length at Patient.name[0].given"}},
		{"fault in an extension beside null", `{"resourceType":"Patient","name":[{"given":["A",null],"_given":[{"bad":"a"},{"id":"b"}]}]}`,
			[]string{`structure: unknown element "bad" at Patient.name[0].given[0]`}},
		{"contained, required missing", `{"resourceType":"Patient","contained":[{"resourceType":"Patient"},{"resourceType":"Observation","id":"o","status":"final"}]}`,
			[]string{`required: missing required field "code" at Patient.contained[1]`}},
		{"contained, no object", `{"resourceType":"Patient","contained":["x"]}`, []string{"structure: a contained resource must be an object at Patient.contained[0]"}},
		{"inside a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Patient","name":"x"}}]}`,
			[]string{"structure: expected array at Bundle.entry[0].resource.name"}},
		{"deep", `{"resourceType":"Patient","extension":[` + deep + `]}`, []string{"structure: elements are nested too deeply"}},
		{"control character", `{"resourceType":"Patient","name":[{"family":"A\u0000"}]}`, []string{"value: string contains invalid characters: U+0000 at Patient.name[0].family"}},
		{"id too long", `{"resourceType":"Patient","id":"` + strings.Repeat("a", 65) + `"}`, []string{"value: invalid Id format at Patient.id"}},
	}
	check := validate.New()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range check([]byte(test.body)) {
				f.Err = nil
				got = append(got, f.Error())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every value of the body is the canary: no detail may show it.
func TestDetailsHoldNoValue(t *testing.T) {
	const canary = "Kanareykin"
	check := validate.New()
	for _, element := range []string{"birthDate", "gender", "active", "deceasedDateTime", "multipleBirthInteger", "id", "name", "photo", "managingOrganization", canary + " 1"} {
		body := fmt.Sprintf(`{"resourceType":"Patient",%q:%q,"maritalStatus":{"coding":[{"userSelected":%q}]},"generalPractitioner":[{"reference":"%s/1"}]}`, element, canary, canary, canary)
		findings := check([]byte(body))
		if len(findings) == 0 {
			t.Errorf("%s: no findings", element)
		}
		for _, f := range findings {
			if strings.Contains(f.Detail+f.Expression, canary) {
				t.Errorf("%s: shown in %v", element, f)
			}
		}
	}
}

func TestFindingsAreBounded(t *testing.T) {
	body := `{"resourceType":"Patient","name":[` + strings.Repeat(`{"family":1},`, 5000) + `{"family":1}]}`
	if got := len(validate.New()([]byte(body))); got != 50 {
		t.Errorf("got %d findings, want 50", got)
	}
}

func TestStatementValidates(t *testing.T) {
	body, err := conformance.Statement(fhir.R4(), "https://hub.example/fhir", "1.0.0", conformance.SMART{
		AuthorizationEndpoint: "https://id.example/authorize", TokenEndpoint: "https://id.example/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range validate.New()(body) {
		t.Error(f)
	}
}

func TestSearchParametersValidate(t *testing.T) {
	all, err := conformance.SearchParameters(fhir.R4(), "https://hub.example/fhir")
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range all {
		for _, f := range validate.New()(res.Body) {
			t.Errorf("%s: %v", res.ID, f)
		}
	}
}

// TestGoldensValidate holds what the mapping's goldens say to the structure of R4.
func TestGoldensValidate(t *testing.T) {
	paths, err := filepath.Glob("../../mapping/testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	check := validate.New()
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "fhir" })
		for d := json.NewDecoder(bytes.NewReader(archive.Files[at].Data)); d.More(); {
			var body json.RawMessage
			if err := d.Decode(&body); err != nil {
				t.Fatal(path, err)
			}
			for _, f := range check(body) {
				t.Errorf("%s: %v", path, f)
			}
		}
	}
}

// The check never panics, says the same of the same bytes, and refuses what is not one JSON object.
func FuzzValidate(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Patient","name":[{"given":["A",null,"C"],"_given":[null,{"id":"b"},null]}]}`))
	f.Add([]byte(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.50}}`))
	f.Add([]byte(`{"resourceType":"Patient","contained":[{"resourceType":"Patient","contained":[{}]}]}`))
	check := validate.New()
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > 64<<10 {
			t.Skip()
		}
		first, second := check(body), check(body)
		if diff := cmp.Diff(texts(first), texts(second)); diff != "" {
			t.Error(diff)
		}
		if len(first) > 50 {
			t.Errorf("%d findings", len(first))
		}
	})
}

func texts(findings []*fhir.Error) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Detail+" at "+f.Expression)
	}
	return list
}

func BenchmarkValidate(b *testing.B) {
	body := []byte(`{"resourceType":"ImagingStudy","status":"available","subject":{"reference":"Patient/1"},"started":"2024-03-01T10:00:00Z","series":[` +
		strings.Repeat(`{"uid":"1.2.3","modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"},"numberOfInstances":3},`, 9) +
		`{"uid":"1.2.3","modality":{"code":"CT"}}]}`)
	check := validate.New()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if len(check(body)) != 0 {
			b.Fatal("findings")
		}
	}
}

func TestOperationDefinitionsValidate(t *testing.T) {
	all, err := conformance.OperationDefinitions("https://hub.example/fhir")
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range all {
		for _, f := range validate.New()(res.Body) {
			t.Errorf("%s: %v", res.ID, f)
		}
	}
}
