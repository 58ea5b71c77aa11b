package synth

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"

	"lightbox/dicom"
)

// attrs are attributes by keyword. A value is a string (with \ between several), int, float64, []float64, []byte, a code or attrs
// (both a sequence of one item), or []attrs.
type attrs map[string]any

// code is a coded concept of the Code Sequence Macro (PS3.3 table 8.8-1).
type code struct{ value, scheme, meaning string }

func (c code) attrs() attrs {
	return attrs{"CodeValue": c.value, "CodingSchemeDesignator": c.scheme, "CodeMeaning": c.meaning}
}

// with returns all attributes of a and more; those of a later one win.
func (a attrs) with(more ...attrs) attrs {
	all := attrs{}
	for _, m := range append([]attrs{a}, more...) {
		for keyword, value := range m {
			all[keyword] = value
		}
	}
	return all
}

// characterSet is a value of SpecificCharacterSet (PS3.3 C.12.1.1.2).
type characterSet string

const (
	ascii    characterSet = "ISO_IR 6"
	cyrillic characterSet = "ISO_IR 144"
	utf8     characterSet = "ISO_IR 192"
)

func (c characterSet) encoder() *encoding.Encoder {
	switch c {
	case cyrillic:
		return charmap.ISO8859_5.NewEncoder()
	case utf8:
		return encoding.Nop.NewEncoder()
	}
	return charmap.ISO8859_1.NewEncoder()
}

// dataset encodes attributes in a character set.
func dataset(a attrs, set characterSet) (*dicom.Dataset, error) {
	elements := make([]dicom.Element, 0, len(a))
	for keyword, value := range a {
		tag, known := dicom.TagOf(keyword)
		if !known {
			return nil, fmt.Errorf("no attribute %s", keyword)
		}
		e, err := element(tag, value, set)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", keyword, err)
		}
		elements = append(elements, e)
	}
	return dicom.NewDataset(elements...), nil
}

func element(tag dicom.Tag, value any, set characterSet) (dicom.Element, error) {
	vr := dicom.VROf(tag)
	switch v := value.(type) {
	case string:
		b, err := set.encoder().Bytes([]byte(v))
		return dicom.NewBytes(tag, vr, b), err
	case int:
		return numbers(tag, vr, float64(v))
	case float64:
		return numbers(tag, vr, v)
	case []float64:
		return numbers(tag, vr, v...)
	case []byte:
		return dicom.NewBytes(tag, bulkVR(tag, vr), v), nil
	case code:
		return sequence(tag, []attrs{v.attrs()}, set)
	case attrs:
		return sequence(tag, []attrs{v}, set)
	case []attrs:
		return sequence(tag, v, set)
	}
	return dicom.Element{}, fmt.Errorf("no encoding of %T", value)
}

func sequence(tag dicom.Tag, list []attrs, set characterSet) (dicom.Element, error) {
	items := make([]*dicom.Dataset, len(list))
	for i, a := range list {
		var err error
		if items[i], err = dataset(a, set); err != nil {
			return dicom.Element{}, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return dicom.NewSequence(tag, items...), nil
}

// numbers encodes in the value representation: text for DS and IS, else binary.
func numbers(tag dicom.Tag, vr dicom.VR, values ...float64) (dicom.Element, error) {
	var b []byte
	var texts []string
	for _, v := range values {
		switch vr {
		case "DS", "IS":
			texts = append(texts, decimal(v))
		case "US", "SS":
			b = binary.LittleEndian.AppendUint16(b, uint16(int64(v)))
		case "UL", "SL":
			b = binary.LittleEndian.AppendUint32(b, uint32(int64(v)))
		case "FL":
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		case "FD":
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case "AT":
			b = binary.LittleEndian.AppendUint16(b, uint16(uint32(v)>>16))
			b = binary.LittleEndian.AppendUint16(b, uint16(uint32(v)))
		default:
			return dicom.Element{}, fmt.Errorf("no numbers in %s", vr)
		}
	}
	if texts != nil {
		b = []byte(strings.Join(texts, `\`))
	}
	return dicom.NewBytes(tag, vr, b), nil
}

// decimal is v in at most the 16 characters of a DS.
func decimal(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e4)/1e4, 'f', -1, 64)
}

// bulkVR is the one of several value representations that this package writes: pixels as words (PS3.5 8.2), the rest as PS3.6 has
// it.
func bulkVR(tag dicom.Tag, vr dicom.VR) dicom.VR {
	if dicom.Keyword(tag) == "PixelData" {
		return "OW"
	}
	return vr
}
