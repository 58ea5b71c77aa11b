package mapping_test

import (
	"strconv"
	"strings"
	"testing"

	"lightbox/dicom"
)

// A golden's input is one attribute a line: keyword, value representation, quoted values (numbers for UL and US). Items of a
// sequence stand indented below it, each begun by a dash:
//
//	PatientName PN "Иванов^Иван"
//	OtherPatientIDsSequence SQ
//	  - PatientID LO "77"
//	    IssuerOfPatientID LO "CLINIC"
//
// Attributes of group 0002 are file meta information. Lines of three dashes part objects.

type line struct {
	indent int
	dash   bool
	words  []string
}

func parseObject(t testing.TB, path, text string) *dicom.Dataset {
	t.Helper()
	var lines []line
	for one := range strings.Lines(text) {
		trimmed := strings.TrimLeft(one, " ")
		l := line{indent: len(one) - len(trimmed)}
		if strings.TrimSpace(trimmed) == "" || trimmed[0] == '#' {
			continue
		}
		if rest, ok := strings.CutPrefix(trimmed, "- "); ok {
			l.dash, l.indent, trimmed = true, l.indent+2, rest
		}
		words, err := split(strings.TrimSpace(trimmed))
		if err != nil || len(words) < 2 {
			t.Fatalf("%s: bad line %q: %v", path, one, err)
		}
		l.words = words
		lines = append(lines, l)
	}
	elements, rest := parseElements(t, lines, 0)
	if len(rest) > 0 {
		t.Fatalf("%s: bad indentation at %v", path, rest[0].words)
	}
	var meta, data []dicom.Element
	for _, e := range elements {
		if e.Tag.Group() == 2 {
			meta = append(meta, e)
		} else {
			data = append(data, e)
		}
	}
	ds := dicom.NewDataset(data...)
	if meta != nil {
		ds.Meta = dicom.NewDataset(meta...)
	}
	return ds
}

// split cuts a line into words and quoted strings.
func split(s string) ([]string, error) {
	var words []string
	for s != "" {
		if s[0] != '"' {
			word, rest, _ := strings.Cut(s, " ")
			words, s = append(words, word), strings.TrimLeft(rest, " ")
			continue
		}
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, err
		}
		word, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, err
		}
		words, s = append(words, word), strings.TrimLeft(s[len(quoted):], " ")
	}
	return words, nil
}

// parseElements reads the elements of one data set: the lines of one indentation, up to the next item.
func parseElements(t testing.TB, lines []line, indent int) ([]dicom.Element, []line) {
	t.Helper()
	var elements []dicom.Element
	for first := true; len(lines) > 0 && lines[0].indent == indent && (first || !lines[0].dash); first = false {
		l := lines[0]
		lines = lines[1:]
		tag := dicom.MustPath(l.words[0]).Tag()
		if l.words[1] != "SQ" {
			elements = append(elements, element(t, tag, dicom.VR(l.words[1]), l.words[2:]))
			continue
		}
		var items []*dicom.Dataset
		for len(lines) > 0 && lines[0].indent > indent && lines[0].dash {
			var inner []dicom.Element
			inner, lines = parseElements(t, lines, lines[0].indent)
			items = append(items, dicom.NewDataset(inner...))
		}
		elements = append(elements, dicom.NewSequence(tag, items...))
	}
	return elements, lines
}

func element(t testing.TB, tag dicom.Tag, vr dicom.VR, values []string) dicom.Element {
	t.Helper()
	if vr != "UL" && vr != "US" {
		return dicom.NewText(tag, vr, values...)
	}
	n, err := strconv.ParseUint(values[0], 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	if vr == "US" {
		return dicom.NewUint16(tag, uint16(n))
	}
	return dicom.NewUint32(tag, uint32(n))
}
