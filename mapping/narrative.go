package mapping

import (
	"html"
	"slices"
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom/sr"
)

// narrative renders the content tree as the XHTML that FHIR R4 narrative.html allows: headings, paragraphs and line breaks only, every
// text escaped.
func narrative(_ *run, to *report, _ value) {
	to.Text = &r4.Narrative{Status: r4.NarrativeStatusGenerated, Div: xhtml(rendered(to))}
}

func xhtml(content string) string {
	return `<div xmlns="http://www.w3.org/1999/xhtml">` + content + `</div>`
}

func rendered(to *report) string {
	var b strings.Builder
	root := to.version().sr.Root
	heading(&b, 0, to.title)
	for _, child := range root.Children {
		render(&b, child, 1)
	}
	if b.Len() == 0 {
		b.WriteString("<p>–</p>")
	}
	return b.String()
}

// hidden are relationships whose items speak of the document or of other items, not to its reader.
var hidden = []string{"HAS OBS CONTEXT", "HAS CONCEPT MOD", "HAS ACQ CONTEXT"}

func render(b *strings.Builder, i *sr.Item, level int) {
	if slices.Contains(hidden, i.Relationship) {
		return
	}
	name := clean(i.Concept.Meaning)
	if i.ValueType == "CONTAINER" {
		heading(b, level, name)
	} else if said := stated(i); said != "" {
		b.WriteString("<p>")
		if name != "" {
			b.WriteString("<b>" + escape(name) + ":</b> ")
		}
		b.WriteString(strings.ReplaceAll(escape(said), "\n", "<br/>") + "</p>")
	}
	for _, child := range i.Children {
		render(b, child, level+1)
	}
}

// heading writes h2 to h6; deeper sections share the last.
func heading(b *strings.Builder, level int, name string) {
	if name == "" {
		return
	}
	h := "h" + strconv.Itoa(min(level+2, 6))
	b.WriteString("<" + h + ">" + escape(name) + "</" + h + ">")
}

// stated is what one content item states, in words.
func stated(i *sr.Item) string {
	switch i.ValueType {
	case "TEXT":
		return clean(i.Text)
	case "CODE":
		return withModifiers(i, clean(i.Code.Meaning))
	case "NUM":
		return measured(i)
	case "PNAME":
		return display(personNames([]personName{i.Name})[0])
	case "DATE":
		day, _ := parseDate(clean(i.Text))
		return day
	case "TIME", "DATETIME":
		return clean(i.Text)
	case "IMAGE", "COMPOSITE", "WAVEFORM":
		return referred(i)
	}
	return ""
}

func measured(i *sr.Item) string {
	n := i.Number
	switch {
	case n == nil:
		return ""
	case n.Value == "":
		return clean(n.Qualifier.Meaning)
	case n.Unit.Value == "1":
		return withModifiers(i, clean(n.Value))
	}
	unit := clean(n.Unit.Meaning)
	if n.Unit.Scheme == "UCUM" {
		unit = clean(n.Unit.Value)
	}
	return withModifiers(i, clean(n.Value)+" "+unit)
}

// withModifiers adds what modifies a statement, such as its site or its absence, which must not be lost on the reader.
func withModifiers(i *sr.Item, statement string) string {
	var list []string
	for _, child := range i.Children {
		if child.Relationship != "HAS CONCEPT MOD" {
			continue
		}
		if s := stated(child); s != "" {
			list = append(list, clean(child.Concept.Meaning)+": "+s)
		}
	}
	if len(list) == 0 {
		return statement
	}
	return statement + " (" + strings.Join(list, "; ") + ")"
}

func referred(i *sr.Item) string {
	switch len(i.References) {
	case 0:
		return ""
	case 1:
		return "reference to one object"
	}
	return "reference to " + strconv.Itoa(len(i.References)) + " objects"
}

func escape(s string) string { return html.EscapeString(s) }
