package naive

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// A logical reference (FHIR R4 references.html#logical: "an identifier for the target resource" and no more) counts as the literal
// reference to what it identifies, once that is known: exactly one of all resources, seen or not, that the reference may lead to has
// that identifier. It may lead to the type that it states, else to those that any parameter of its element names as targets, be the
// parameter narrowed by where() or not. So each document is read as if the literal references stood in it.

// linked returns the document's body with them.
func (d Documents) linked(doc *document) []byte {
	if !strings.Contains(string(doc.Body), `"identifier"`) {
		return doc.Body
	}
	decoder := json.NewDecoder(bytes.NewReader(doc.Body))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return doc.Body
	}
	changed := false
	for path, targets := range referencePaths(doc.resourceType) {
		eachAt(root, strings.Split(path, "."), func(ref map[string]any) {
			if text := d.identified(ref, targets); text != "" {
				ref["reference"], changed = text, true
			}
		})
	}
	if !changed {
		return doc.Body
	}
	body, err := json.Marshal(root)
	if err != nil {
		panic(err) // it was JSON
	}
	return body
}

// Patient returns the reference of the patient or other subject whose data a resource is, "" for none.
func (d Documents) Patient(ref string) string {
	doc, ok := d.all[ref]
	if !ok {
		return ""
	}
	t, _ := fhir.R4().Type(doc.resourceType)
	switch t.Patient {
	case "":
		return ""
	case "id":
		return ref
	}
	return parseReference(d.look(doc).root.Get(t.Patient+".reference").Str, d.Base).String()
}

// referencePaths returns what each element of type Reference may lead to, by its path.
func referencePaths(resourceType string) map[string][]string {
	all := map[string][]string{}
	t, ok := fhir.R4().Type(resourceType)
	if !ok {
		return all
	}
	for _, p := range t.Params() {
		if p.Kind != fhir.KindReference || !slices.Contains(p.Datatypes, "Reference") {
			continue
		}
		for branch := range strings.SplitSeq(p.Expression, " | ") {
			element, _, _ := strings.Cut(branch, ".where(")
			_, path, _ := strings.Cut(element, ".")
			all[path] = append(all[path], p.Targets...)
		}
	}
	return all
}

// eachAt calls found with the objects at a path, whatever lists lie on it.
func eachAt(v any, path []string, found func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			eachAt(item, path, found)
		}
	case map[string]any:
		if len(path) == 0 {
			found(v)
			return
		}
		eachAt(v[path[0]], path[1:], found)
	}
}

// identified returns what a reference without a literal one leads to, "" if that is not known.
func (d Documents) identified(ref map[string]any, targets []string) string {
	id, ok := ref["identifier"].(map[string]any)
	if literal, _ := ref["reference"].(string); literal != "" || !ok {
		return ""
	}
	value, _ := id["value"].(string)
	system, _ := id["system"].(string)
	if stated, _ := ref["type"].(string); stated != "" {
		targets = []string{stated}
	}
	var holders []string
	for text, doc := range d.all {
		if value != "" && (slices.Contains(targets, doc.resourceType) || slices.Contains(targets, "Any")) &&
			doc.hasIdentifier(token{system, value, "Identifier"}) {
			holders = append(holders, text)
		}
	}
	if len(holders) != 1 {
		return ""
	}
	return holders[0]
}

// hasIdentifier looks for the very identifier among those of the resource itself. Its value is compared as a token's is.
func (d *document) hasIdentifier(want token) bool {
	root := gjson.ParseBytes(d.Body)
	for _, id := range append(root.Get("identifier").Array(), root.Get("masterIdentifier").Array()...) {
		have := token{id.Get("system").Str, id.Get("value").Str, "Identifier"}
		if have.system == want.system && have.code != "" && have.normal() == want.normal() {
			return true
		}
	}
	return false
}
