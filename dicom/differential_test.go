package dicom_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	suyashkumar "github.com/suyashkumar/dicom"
	"lightbox/dicom"
)

// Where package suyashkumar/dicom reads a file, both agree about the values at its top level.
func TestAgreesWithSuyashkumar(t *testing.T) {
	files, values := 0, 0
	for _, s := range samples(t) {
		b := s.read(t)
		d, err := scan(b)
		if err != nil {
			continue
		}
		theirs, ok := parseTheirs(b)
		if !ok {
			continue
		}
		files++
		for _, e := range theirs.Elements {
			tag := dicom.Tag(e.Tag.Uint32())
			ours, _, found := d.Find(dicom.MustPath(tag.String()))
			if !found || tag.Group() == 2 {
				continue
			}
			want, comparable := theirTexts(e)
			if !comparable || undecoded(want) || string(ours.VR) != e.RawValueRepresentation {
				continue
			}
			values++
			if got := d.Texts(dicom.MustPath(tag.String())); !sameTexts(want, got) {
				t.Errorf("%s: %s %s is %q there and %q here", filepath.Base(s.path), tag, ours.VR, want, got)
			}
		}
	}
	t.Logf("%d files, %d values compared", files, values)
}

// parseTheirs keeps panics of the other parser away: outside data makes it.
func parseTheirs(b []byte) (d suyashkumar.Dataset, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	d, err := suyashkumar.Parse(bytes.NewReader(b), int64(len(b)), nil, suyashkumar.SkipPixelData(), suyashkumar.AllowUnknownSpecificCharacterSet())
	return d, err == nil
}

// undecoded reports whether the other side left bytes or escapes of a character set in texts.
func undecoded(texts []string) bool {
	all := strings.Join(texts, "")
	return !utf8.ValidString(all) || strings.ContainsAny(all, "\x1b\uFFFD")
}

// theirTexts gives values as text; false for those that they do not read as numbers or text.
func theirTexts(e *suyashkumar.Element) ([]string, bool) {
	switch e.RawValueRepresentation {
	case "UN", "AT", "OD", "OF", "OL", "OV":
		return nil, false
	}
	var texts []string
	switch values := e.Value.GetValue().(type) {
	case []string:
		return values, true
	case []int:
		for _, v := range values {
			texts = append(texts, strconv.Itoa(v))
		}
		return texts, true
	}
	return nil, false
}

// sameTexts compares values apart from padding, which each trims in its own way.
func sameTexts(a, b []string) bool {
	norm := func(values []string) string {
		fields := make([]string, len(values))
		for i, v := range values {
			fields[i] = strings.TrimSpace(strings.Trim(v, "\x00 "))
		}
		return strings.Trim(strings.Join(fields, `\`), `\ `)
	}
	return norm(a) == norm(b)
}

// attribute is one attribute of the DICOM JSON model (PS3.18 F.2).
type attribute struct {
	VR    string
	Value []json.RawMessage
}

func TestAgreesWithDcm2json(t *testing.T) {
	program := peer(t, "dcm2json")
	files, values := 0, 0
	for _, s := range samples(t) {
		d, err := scan(s.read(t))
		if err != nil {
			continue
		}
		out, err := exec.Command(program, "-q", s.path).Output()
		var theirs map[string]attribute
		if err != nil || json.Unmarshal(out, &theirs) != nil {
			continue // it refuses some files and character sets that are read here
		}
		files++
		values += compareJSON(t, filepath.Base(s.path), d, theirs)
	}
	t.Logf("%d files, %d values compared", files, values)
	if files < 200 {
		t.Errorf("only %d files compared", files)
	}
}

// What dcm2json writes of a file and what AppendJSON writes say the same, value representations that dcmtk does not resolve apart.
func TestJSONAgreesWithDcm2json(t *testing.T) {
	program := peer(t, "dcm2json")
	files, attributes := 0, 0
	for _, s := range samples(t) {
		d, err := scan(s.read(t))
		if err != nil {
			continue
		}
		written := d.AppendJSON(nil, nil)
		var ours, theirs map[string]attribute
		if err := json.Unmarshal(written, &ours); err != nil {
			t.Errorf("%s: not JSON: %v", s.path, err)
			continue
		}
		if err := xml.Unmarshal(d.AppendXML(nil, nil), new(struct{})); err != nil {
			t.Errorf("%s: not XML: %v", s.path, err)
		}
		out, err := exec.Command(program, "-q", s.path).Output()
		if err != nil || json.Unmarshal(out, &theirs) != nil {
			continue
		}
		files++
		attributes += sameModel(t, filepath.Base(s.path), theirs, ours)
	}
	t.Logf("%d files, %d attributes compared", files, attributes)
	if files < 200 {
		t.Errorf("only %d files compared", files)
	}
}

// sameModel compares two models and returns the number of attributes compared.
func sameModel(t *testing.T, name string, theirs, ours map[string]attribute) (n int) {
	t.Helper()
	for key, their := range theirs {
		our, ok := ours[key]
		tag, err := dicom.ParseTag(key)
		if err != nil || tag.Group() == 2 || uint16(tag) == 0 || tag > 0x7FE00010 || key == "00080005" {
			continue
		}
		if !ok {
			t.Errorf("%s: %s is there and not here", name, key)
			continue
		}
		if their.VR != our.VR || their.Value == nil || their.VR == "UI" { // it drops spaces within a UID
			continue
		}
		n++
		if their.VR == "SQ" {
			n += sameItems(t, name+" "+key, their.Value, our.Value)
			continue
		}
		if want, got := jsonTexts(their), jsonTexts(our); !undecoded(want) && !sameValues(want, got) {
			t.Errorf("%s: %s %s is %q there and %q here", name, key, their.VR, want, got)
		}
	}
	return n
}

func sameItems(t *testing.T, name string, theirs, ours []json.RawMessage) (n int) {
	t.Helper()
	if len(theirs) != len(ours) {
		t.Errorf("%s has %d items there and %d here", name, len(theirs), len(ours))
		return 0
	}
	for i := range theirs {
		var their, our map[string]attribute
		if err := errors.Join(json.Unmarshal(theirs[i], &their), json.Unmarshal(ours[i], &our)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n += sameModel(t, fmt.Sprintf("%s[%d]", name, i), their, our)
	}
	return n
}

// compareJSON compares d with the JSON model of it and returns the number of values compared.
func compareJSON(t *testing.T, name string, d *dicom.Dataset, theirs map[string]attribute) int {
	t.Helper()
	n := 0
	for key, a := range theirs {
		tag, err := dicom.ParseTag(key)
		e, _, found := d.Find(dicom.MustPath(tag.String()))
		converted := tag == 0x00080005 // the JSON model is UTF-8
		if err != nil || tag.Group() == 2 || uint16(tag) == 0 || tag > 0x7FE00010 || converted {
			continue
		}
		if !found {
			t.Errorf("%s: %s is there and not here", name, tag)
			continue
		}
		if e.Bulk || e.VR != dicom.VR(a.VR) {
			continue
		}
		if a.VR == "SQ" {
			n += compareItems(t, name+" "+tag.String(), e.Items, a.Value)
			continue
		}
		n++
		got, want := trimNames(a.VR, d.Texts(dicom.MustPath(tag.String()))), jsonTexts(a)
		if a.VR == "UI" { // it drops spaces within
			got = strings.Fields(strings.ReplaceAll(strings.Join(got, " "), " ", ""))
			want = strings.Fields(strings.Join(want, ""))
		}
		if want != nil && !undecoded(want) && !sameValues(want, got) {
			t.Errorf("%s: %s %s is %q there and %q here", name, tag, a.VR, want, got)
		}
	}
	return n
}

func compareItems(t *testing.T, name string, items []*dicom.Dataset, theirs []json.RawMessage) int {
	t.Helper()
	if len(items) != len(theirs) {
		t.Errorf("%s has %d items there and %d here", name, len(theirs), len(items))
		return 0
	}
	n := 0
	for i, item := range items {
		var inner map[string]attribute
		if err := json.Unmarshal(theirs[i], &inner); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		n += compareJSON(t, fmt.Sprintf("%s[%d]", name, i), item, inner)
	}
	return n
}

// jsonTexts reads values of the JSON model as text.
func jsonTexts(a attribute) []string {
	var texts []string
	for _, raw := range a.Value {
		var text string
		var name map[string]string
		switch {
		case json.Unmarshal(raw, &text) == nil:
		case json.Unmarshal(raw, &name) == nil:
			text = strings.TrimRight(name["Alphabetic"]+"="+name["Ideographic"]+"="+name["Phonetic"], "=")
		default:
			text = string(raw)
		}
		if tag, err := dicom.ParseTag(text); a.VR == "AT" && err == nil {
			text = tag.String()
		}
		texts = append(texts, text)
	}
	return trimNames(a.VR, texts)
}

// trimNames cuts empty components off the end of names, which dcm2json does.
func trimNames(vr string, texts []string) []string {
	for i := range texts {
		if vr == "PN" {
			texts[i] = strings.TrimRight(texts[i], "^= ")
		}
	}
	return texts
}

// sameValues compares values apart from padding and from how a number is written.
func sameValues(a, b []string) bool {
	if sameTexts(a, b) {
		return true
	}
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, err1 := strconv.ParseFloat(a[i], 64)
		y, err2 := strconv.ParseFloat(b[i], 64)
		if diff := x - y; err1 != nil || err2 != nil || diff*diff > 1e-12*(x*x+y*y) {
			return false
		}
	}
	return true
}
