package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/server"
)

// A conversation is a txtar file of requests, each followed by its response, held with a hub that was just settled.
//
//	-- request: what it shows --       -- response --
//	METHOD /path                       status
//	As: name of a token                Header: value, or (none)
//	Header: value
//	                                   body
//	body
//
// The path is below the base URL, or begins with {root}. In both, {name} stands for what a response earlier in the file had
// there; the first response that has it names it, and {any} stands for anything. A body in a response is JSON that must be
// the same but for white space; "text" and lines that must be the same; "-" for none; or lines "path = JSON", with gjson's paths
// and "none" for what must not be there.
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/conversations/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		for _, file := range files {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				h := newHub(t, open(t), func(c *server.Config) { c.Validate = genderAndBirthDate })
				h.settle(t)
				converse(t, h, file)
			})
		}
	})
}

// genderAndBirthDate stands for structural validation, which is tested in conformance/validate.
func genderAndBirthDate(body []byte) []*fhir.Error {
	var found []*fhir.Error
	if gjson.GetBytes(body, "gender").String() == "unsaid" {
		found = append(found, fhir.NewError(fhir.Value, "not a code of administrative-gender").At("Patient.gender"))
	}
	if gjson.GetBytes(body, "birthDate").String() == "29.02.1980" {
		found = append(found, fhir.NewError(fhir.Value, "not a date").At("Patient.birthDate"))
	}
	return found
}

func converse(t *testing.T, h *hub, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	known := words{"base": h.base, "root": h.root}
	for i := 0; i+1 < len(archive.Files); i += 2 {
		ask, answer := archive.Files[i], archive.Files[i+1]
		name, ok := strings.CutPrefix(ask.Name, "request: ")
		if !ok || answer.Name != "response" {
			t.Fatalf("%s: %q and %q are not a request and its response", file, ask.Name, answer.Name)
		}
		t.Run(name, func(t *testing.T) {
			got, body := h.ask(t, known.fill(string(ask.Data)))
			if got.StatusCode >= 500 {
				t.Log(h.log)
			}
			check(t, known, string(answer.Data), got, body)
		})
	}
}

// ask sends a request as it stands in a conversation.
func (h *hub) ask(t *testing.T, text string) (*http.Response, string) {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, path, _ := strings.Cut(lines[0], " ")
	if !strings.HasPrefix(path, "http") {
		path = h.base + path
	}
	r, err := http.NewRequest(method, path, strings.NewReader(strings.TrimSpace(body)))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		if name == "As" {
			name, value = "Authorization", "Bearer "+h.tokens[value]
		}
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(got)
}

func check(t *testing.T, known words, want string, got *http.Response, body string) {
	t.Helper()
	head, wantBody, hasBody := strings.Cut(want, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	if status := got.Status[:3]; status != lines[0] {
		t.Fatalf("status %s, want %s: %s", status, lines[0], body)
	}
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		switch values := got.Header.Values(name); {
		case value == "(none)" && len(values) == 0:
		case len(values) != 1 || !known.match(value, values[0]):
			t.Errorf("%s: got %q, want %q", name, values, value)
		}
	}
	if hasBody {
		checkBody(t, known, strings.TrimSpace(wantBody), body)
	}
}

func checkBody(t *testing.T, known words, want, got string) {
	t.Helper()
	text, isText := strings.CutPrefix(want, "text\n")
	switch {
	case want == "-":
		want = ""
	case isText:
		want, got = text, strings.TrimSpace(got)
	case strings.HasPrefix(want, "{"):
		want, got = compact(t, want), compact(t, got)
	default:
		checkPaths(t, known, want, got)
		return
	}
	if !known.match(want, got) {
		t.Errorf("body (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func checkPaths(t *testing.T, known words, want, got string) {
	t.Helper()
	for line := range strings.Lines(want) {
		path, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		found := gjson.Get(got, path)
		switch {
		case value == "none" && !found.Exists():
		case value == "none" || !known.match(value, compact(t, found.Raw)):
			t.Errorf("%s: got %s, want %s in %s", path, found.Raw, value, got)
		}
	}
}

func compact(t *testing.T, text string) string {
	t.Helper()
	if text == "" {
		return ""
	}
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(text)); err != nil {
		t.Errorf("not JSON: %v: %s", err, text)
	}
	return b.String()
}

// words are what the {name}s of a conversation stand for.
type words map[string]string

var (
	placeholder = regexp.MustCompile(`\{[a-z-]+\}`)
	quoted      = regexp.MustCompile(`\\\{[a-z-]+\\\}`) // as regexp.QuoteMeta leaves it
)

func (w words) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		if value, ok := w[strings.Trim(name, "{}")]; ok {
			return value
		}
		return name
	})
}

// match compares got with a pattern, and learns the words that the pattern names for the first time.
func (w words) match(pattern, got string) bool {
	var learned []string
	expression := quoted.ReplaceAllStringFunc(regexp.QuoteMeta(w.fill(pattern)), func(name string) string {
		learned = append(learned, strings.Trim(name, `\{}`))
		return `([^"]+)`
	})
	found := regexp.MustCompile("(?s)^" + expression + "$").FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range learned {
		if name != "any" {
			w[name] = found[i+1]
		}
	}
	return true
}
