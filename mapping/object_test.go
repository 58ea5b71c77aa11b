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
// A content tree of a structured report has a line for each item: relationship, value type, concept, its meaning, value; of a code its
// meaning stands behind it, of a number its unit. What is below an item is indented:
//
//	ContentSequence SR
//	  CONTAINS CONTAINER DCM:113811 "CT Accumulated Dose Data"
//	    CONTAINS NUM DCM:113813 "CT Dose Length Product Total" "203.12" "mGy.cm"
//	  HAS_CONCEPT_MOD CODE DCM:121058 "Procedure reported" SCT:77477000 "CT"
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
		if l.words[1] == "SR" {
			var items []*dicom.Dataset
			items, lines = parseContent(t, lines, indent)
			elements = append(elements, dicom.NewSequence(tag, items...))
			continue
		}
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

// parseContent reads the content items that stand below a line of an indentation.
func parseContent(t testing.TB, lines []line, above int) ([]*dicom.Dataset, []line) {
	t.Helper()
	var items []*dicom.Dataset
	for len(lines) > 0 && lines[0].indent > above {
		l := lines[0]
		elements := contentItem(t, l.words)
		var below []*dicom.Dataset
		below, lines = parseContent(t, lines[1:], l.indent)
		if below != nil {
			elements = append(elements, dicom.NewSequence(tagOf("ContentSequence"), below...))
		}
		items = append(items, dicom.NewDataset(elements...))
	}
	return items, lines
}

func contentItem(t testing.TB, words []string) []dicom.Element {
	t.Helper()
	if len(words) < 4 {
		t.Fatalf("a content item has four words at least: %q", words)
	}
	relationship, kind, value := strings.ReplaceAll(words[0], "_", " "), words[1], words[4:]
	elements := []dicom.Element{
		dicom.NewText(tagOf("RelationshipType"), "CS", relationship), dicom.NewText(tagOf("ValueType"), "CS", kind),
		dicom.NewSequence(tagOf("ConceptNameCodeSequence"), codeItem(words[2], words[3])),
	}
	switch kind {
	case "CODE":
		return append(elements, dicom.NewSequence(tagOf("ConceptCodeSequence"), codeItem(value[0], value[1])))
	case "NUM":
		if len(value) == 0 {
			return append(elements, dicom.NewSequence(tagOf("MeasuredValueSequence")))
		}
		return append(elements, dicom.NewSequence(tagOf("MeasuredValueSequence"), dicom.NewDataset(
			dicom.NewText(tagOf("NumericValue"), "DS", value[0]),
			dicom.NewSequence(tagOf("MeasurementUnitsCodeSequence"), codeItem("UCUM:"+value[1], value[1])))))
	case "TEXT":
		return append(elements, dicom.NewText(tagOf("TextValue"), "UT", value[0]))
	case "DATETIME":
		return append(elements, dicom.NewText(tagOf("DateTime"), "DT", value[0]))
	case "UIDREF":
		return append(elements, dicom.NewText(tagOf("UID"), "UI", value[0]))
	case "IMAGE": // UID, then frames
		reference := []dicom.Element{dicom.NewText(tagOf("ReferencedSOPClassUID"), "UI", "1.2.840.10008.5.1.4.1.1.2"), dicom.NewText(tagOf("ReferencedSOPInstanceUID"), "UI", value[0])}
		if len(value) > 1 {
			reference = append(reference, dicom.NewText(tagOf("ReferencedFrameNumber"), "IS", value[1:]...))
		}
		return append(elements, dicom.NewSequence(tagOf("ReferencedSOPSequence"), dicom.NewDataset(reference...)))
	case "PNAME":
		return append(elements, dicom.NewText(tagOf("PersonName"), "PN", value[0]))
	}
	return elements
}

// codeItem is the item of a code that is written SCHEME:value.
func codeItem(code, meaning string) *dicom.Dataset {
	scheme, value, _ := strings.Cut(code, ":")
	return dicom.NewDataset(dicom.NewText(tagOf("CodeValue"), "SH", value),
		dicom.NewText(tagOf("CodingSchemeDesignator"), "SH", scheme), dicom.NewText(tagOf("CodeMeaning"), "LO", meaning))
}

func tagOf(keyword string) dicom.Tag { return dicom.MustPath(keyword).Tag() }
