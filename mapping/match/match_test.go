package match_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lightbox/mapping/match"
)

const (
	national = "urn:oid:1.2.643.100.3"
	hospital = "urn:oid:1.2.3.4"
)

// patient is a Patient of what is given as "element=value".
func patient(t interface{ Fatal(...any) }, says ...string) match.Person {
	var body []string
	for _, one := range says {
		key, value, _ := strings.Cut(one, "=")
		switch key {
		case "name":
			family, given, _ := strings.Cut(value, "^")
			body = append(body, fmt.Sprintf(`"name":[{"family":%q,"given":[%q]}]`, family, given))
		case "national":
			body = append(body, fmt.Sprintf(`"identifier":[{"system":%q,"value":%q}]`, national, value))
		case "hospital":
			body = append(body, fmt.Sprintf(`"identifier":[{"system":%q,"value":%q}]`, hospital, value))
		case "postal":
			body = append(body, fmt.Sprintf(`"address":[{"postalCode":%q}]`, value))
		case "phone":
			body = append(body, fmt.Sprintf(`"telecom":[{"system":"phone","value":%q}]`, value))
		case "order":
			body = append(body, `"multipleBirthInteger":`+value)
		default:
			body = append(body, fmt.Sprintf("%q:%q", key, value))
		}
	}
	p, err := match.Of([]byte(`{"resourceType":"Patient",` + strings.Join(body, ",") + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var rules = match.Rules{Unique: []string{national}}

func TestCompare(t *testing.T) {
	for name, tt := range map[string]struct {
		a, b  []string
		grade match.Grade
		veto  string
	}{
		"everything": {[]string{"name=Müller^Anna", "birthDate=1980-03-04", "gender=female", "phone=+49 30 123456789"},
			[]string{"name=Mueller^Anna", "birthDate=1980-03-04", "gender=female", "phone=030123456789"}, match.Probable, "twins"}, // ü is u here: names that are alike
		"in another order":        {[]string{"name=Müller^Anna", "birthDate=1980-03-04", "postal=10115", "phone=030123456789"}, []string{"name=ANNA^MULLER", "birthDate=1980-03-04", "postal=10115", "phone=030123456789"}, match.Certain, ""},
		"national and birth":      {[]string{"name=A^B", "national=1", "birthDate=1980-03-04"}, []string{"name=C^D", "national=1", "birthDate=1980-03-04"}, match.Certain, ""},
		"other national":          {[]string{"name=A^B", "national=1", "birthDate=1980-03-04", "phone=0301234567"}, []string{"name=A^B", "national=2", "birthDate=1980-03-04", "phone=0301234567"}, match.CertainlyNot, "other values"},
		"name, birth and sex":     {[]string{"name=Ivanov^Ivan", "birthDate=1980-03-04", "gender=male"}, []string{"name=Ivanov^Ivan", "birthDate=1980-03-04", "gender=male"}, match.Probable, ""},
		"name alone":              {[]string{"name=Featherstonehaugh^Ptolemy"}, []string{"name=Featherstonehaugh^Ptolemy"}, match.Possible, ""},
		"two scripts":             {[]string{"name=Иванов^Иван", "birthDate=1980-03-04"}, []string{"name=Ivanov^Ivan", "birthDate=1980-03-04"}, match.Possible, ""},
		"twins":                   {[]string{"name=Ivanov^Ivan", "birthDate=2020-03-04", "postal=1", "phone=0301234567"}, []string{"name=Ivanov^Petr", "birthDate=2020-03-04", "postal=1", "phone=0301234567"}, "", "twins"},
		"twins of alike names":    {[]string{"name=Ivanova^Maria", "birthDate=2020-03-04", "postal=1", "phone=0301234567"}, []string{"name=Ivanova^Marina", "birthDate=2020-03-04", "postal=1", "phone=0301234567"}, match.Probable, "twins"},
		"by order of birth":       {[]string{"name=Ivanov^Ivan", "birthDate=2020-03-04", "order=1", "phone=0301234567"}, []string{"name=Ivanov^Ivan", "birthDate=2020-03-04", "order=2", "phone=0301234567"}, match.CertainlyNot, "born"},
		"father and son":          {[]string{"name=Ivanov^Ivan", "birthDate=1960-03-04", "postal=1", "phone=0301234567"}, []string{"name=Ivanov^Ivan", "birthDate=1985-07-01", "postal=1", "phone=0301234567"}, match.Possible, ""},
		"day and month":           {[]string{"name=Ivanov^Ivan", "birthDate=1980-03-04", "phone=0301234567", "postal=1"}, []string{"name=Ivanov^Ivan", "birthDate=1980-04-03", "phone=0301234567", "postal=1"}, match.Probable, ""},
		"other birth and sex":     {[]string{"name=Kim^Lee", "birthDate=1980-03-04", "gender=male"}, []string{"name=Kim^Lee", "birthDate=1990-12-24", "gender=female"}, match.CertainlyNot, "another"},
		"one hospital's number":   {[]string{"name=Ivanov^Ivan", "hospital=7", "birthDate=1980-03-04"}, []string{"name=Ivanov^Ivan", "hospital=7", "birthDate=1980-03-04"}, match.Certain, ""},
		"its number alone":        {[]string{"name=Ivanov^Ivan", "hospital=7"}, []string{"name=Petrov^Petr", "hospital=7"}, match.Possible, ""},
		"an initial":              {[]string{"name=Ivanov^I", "birthDate=1980-03-04", "hospital=7"}, []string{"name=Ivanov^Ivan", "birthDate=1980-03-04", "hospital=7"}, match.Certain, ""},
		"nothing in common":       {[]string{"name=A^B", "birthDate=1980-03-04"}, []string{"phone=0301234567"}, match.Possible, ""},
		"married, with telephone": {[]string{"name=Ivanova^Anna", "birthDate=1980-03-04", "phone=0301234567"}, []string{"name=Petrova^Anna", "birthDate=1980-03-04", "phone=0301234567"}, match.Probable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := patient(t, tt.a...), patient(t, tt.b...)
			got := rules.Compare(a, b)
			if tt.grade != "" && got.Grade != tt.grade || !strings.HasPrefix(got.Veto, tt.veto) || tt.veto == "" && got.Veto != "" || got.Veto != "" && got.Grade == match.Certain {
				t.Errorf("%+v", got)
			}
			if diff := cmp.Diff(got, rules.Compare(b, a)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// drawn is any person of few values, so that pairs have much in common.
func drawn(r *rapid.T, label string) match.Person {
	var says []string
	for _, one := range [][]string{
		{"name=Ivanov^Ivan", "name=Ivanow^Ivan", "name=Petrov^Ivan", "name=Ivan^Ivanov", "name=Иванов^Иван"}, {"birthDate=1980-03-04", "birthDate=1980-04-03", "birthDate=1970", "birthDate=1990-01-01"},
		{"gender=male", "gender=female"}, {"national=1", "national=2", "hospital=1", "hospital=2"}, {"postal=1", "postal=2"}, {"phone=0301234567", "phone=0307654321"},
	} {
		if rapid.Bool().Draw(r, label) {
			says = append(says, rapid.SampledFrom(one).Draw(r, label))
		}
	}
	if text := strings.Join(says, " "); !strings.Contains(text, "name") && !strings.Contains(text, "birthDate") {
		says = append(says, "name=A^B")
	}
	return patient(r, says...)
}

// Whatever the weights: symmetrical, within 0 and 1, never certain against a veto, by name alone, or without an anchor.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		a, b := drawn(r, "a"), drawn(r, "b")
		r2 := match.Rules{Unique: []string{national}, Population: rapid.SampledFrom([]float64{1, 100, 1e6}).Draw(r, "population")}
		got := r2.Compare(a, b)
		if diff := cmp.Diff(got, r2.Compare(b, a)); diff != "" {
			r.Fatal(diff)
		}
		if got.Score < 0 || got.Score > 1 {
			r.Fatalf("score %v", got.Score)
		}
		if got.Grade != match.Certain && got.Grade != match.Probable {
			return
		}
		beside, anchor := 0, false
		for _, f := range got.Features {
			if f.Level == "agrees" && f.Feature != "name" {
				beside++
				anchor = anchor || f.Feature == "birthDate" || f.Feature == "identifier"
			}
		}
		if beside == 0 || got.Grade == match.Certain && (got.Veto != "" || !anchor || beside < 2 && got.Rule == "") {
			r.Fatalf("%+v", got)
		}
	})
}

func TestParse(t *testing.T) {
	if _, err := match.Parse([]byte(`{"unique":["urn:oid:1"],"rules":[["identifier:urn:oid:1","birthDate"],["name","birthDate","telecom"]],"link":0.995,"review":0.7,"population":12000000}`)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"not JSON": `{`, "unknown": `{"links":1}`, "by name alone": `{"rules":[["name"]]}`, "by name and sex": `{"rules":[["name","gender"]]}`, "no feature": `{"rules":[["shoe","birthDate"]]}`,
		"systems of a name": `{"rules":[["name:x","birthDate"]]}`, "review over link": `{"link":0.9,"review":0.95}`, "link of nothing": `{"link":0.1}`, "nobody": `{"population":0.5}`,
	} {
		if _, err := match.Parse([]byte(text)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
