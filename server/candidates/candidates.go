// Package candidates finds the Patients that another may be the same person as: those who share a number, a telephone, or a name with the date
// of birth. It compares nothing; package match does.
package candidates

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Most bounds what one way to look for candidates yields.
const Most = 300

// maxWords bounds the values of one question.
const maxWords = 16

// Find returns Patients in the order of their ids, and whether there may be more of them than one question yields.
func Find(ctx context.Context, s store.Store, by store.Caller, patient []byte) (list []fhir.Resource, more bool, err error) {
	found := map[string]fhir.Resource{}
	for _, question := range questions(gjson.ParseBytes(patient)) {
		q, err := search.Parse(fhir.R4(), "Patient", question, search.Options{})
		if err != nil {
			return nil, false, err
		}
		page, err := s.Search(ctx, q, by)
		if err != nil {
			return nil, false, err
		}
		more = more || page.Next != ""
		for _, r := range page.Matches {
			found[r.ID] = r
		}
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[id])
	}
	return list, more, nil
}

// questions are the searches by which candidates are found.
func questions(p gjson.Result) (list []url.Values) {
	ask := func(question url.Values) {
		question.Set("_count", strconv.Itoa(Most))
		list = append(list, question)
	}
	if numbers := identifiers(p); len(numbers) > 0 {
		ask(url.Values{"identifier": {strings.Join(numbers, ",")}})
	}
	if numbers := values(p.Get("telecom.#.value")); len(numbers) > 0 {
		ask(url.Values{"telecom": {strings.Join(numbers, ",")}})
	}
	if days, letters := dates(p.Get("birthDate").Str), initials(p); len(days) > 0 && len(letters) > 0 {
		ask(url.Values{"birthdate": {strings.Join(days, ",")}, "name": {strings.Join(letters, ",")}})
	}
	for _, name := range p.Get("name").Array() {
		family, given := escape(name.Get("family").Str), escape(name.Get("given.0").Str)
		if family != "" && given != "" {
			ask(url.Values{"family": {family}, "given": {given}})
		}
	}
	return list
}

func identifiers(p gjson.Result) (list []string) {
	for _, one := range p.Get("identifier").Array() {
		if value := escape(one.Get("value").Str); value != "" && len(list) < maxWords {
			list = append(list, escape(one.Get("system").Str)+"|"+value)
		}
	}
	return list
}

// values are texts as a search takes them.
func values(texts gjson.Result) (list []string) {
	for _, one := range texts.Array() {
		if text := escape(strings.TrimSpace(one.Str)); text != "" && len(list) < maxWords {
			list = append(list, text)
		}
	}
	return list
}

// initials are the first letters of all parts of a name: where one record finds another by them, the other finds it too, which longer beginnings
// do not give.
func initials(p gjson.Result) (list []string) {
	for _, path := range []string{"name.#.family", "name.#.given|@flatten", "name.#.text"} {
		for _, one := range p.Get(path).Array() {
			for _, word := range strings.Fields(search.Fold(one.Str)) {
				letter, _ := utf8.DecodeRuneInString(word)
				if initial := string(letter); !slices.Contains(list, initial) && len(list) < maxWords {
					list = append(list, initial)
				}
			}
		}
	}
	return list
}

// dates are a date of birth, and what it is when day and month changed places.
func dates(text string) []string {
	if text == "" {
		return nil
	}
	list := []string{text}
	if len(text) == len("2006-01-02") {
		if turned := text[:5] + text[8:] + "-" + text[5:7]; turned != text && text[8:] <= "12" {
			list = append(list, turned)
		}
	}
	return list
}

// escape has a text stand for itself in a search (FHIR R4 search.html#escaping).
func escape(text string) string {
	return strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`).Replace(text)
}
