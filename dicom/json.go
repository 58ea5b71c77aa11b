package dicom

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// AppendJSON appends d in the DICOM JSON model (PS3.18 F.2), without file meta information and group lengths. bulk gives the address of a
// value that was passed over, by its path; without one, or where it gives none, such an attribute has no value.
func (d *Dataset) AppendJSON(b []byte, bulk func(path string) string) []byte {
	return d.appendJSON(b, "", bulk)
}

func (d *Dataset) appendJSON(b []byte, prefix string, bulk func(string) string) []byte {
	b = append(b, '{')
	for i := range d.Elements {
		e := &d.Elements[i]
		if uint16(e.Tag) == 0 {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		vr := jsonVR(e)
		b = fmt.Appendf(b, `"%08X":{"vr":"%s"`, uint32(e.Tag), vr)
		b = d.appendValue(b, e, modeled{vr, prefix + stepName(e.Tag), bulk})
		b = append(b, '}')
	}
	return append(b, '}')
}

// modeled is how one element goes into a model.
type modeled struct {
	vr   VR
	path string
	bulk func(string) string
}

// jsonVR is the value representation that a reader without our dictionary can use: the dictionary's where the object says UN. The models are
// always in UTF-8, so that text keeps its meaning.
func jsonVR(e *Element) VR {
	if len(e.Items) > 0 {
		return "SQ"
	}
	return meaning(e)
}

func (d *Dataset) appendValue(b []byte, e *Element, m modeled) []byte {
	switch {
	case m.vr == "SQ":
		return d.appendItems(b, e, m)
	case e.Bulk:
		if m.bulk == nil {
			return b
		}
		if address := m.bulk(m.path); address != "" {
			return append(append(b, `,"BulkDataURI":`...), quoted(address)...)
		}
		return b
	case isInline(m.vr):
		if len(e.Value) == 0 {
			return b
		}
		b = append(b, `,"InlineBinary":"`...)
		b = base64.StdEncoding.AppendEncode(b, d.littleEndian(e))
		return append(b, '"')
	case e.Tag == tagSpecificCharacterSet:
		return append(b, `,"Value":["ISO_IR 192"]`...)
	}
	values := d.texts(e)
	if len(values) == 0 {
		return b
	}
	b = append(b, `,"Value":[`...)
	for i, one := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, m.vr, one)
	}
	return append(b, ']')
}

func (d *Dataset) appendItems(b []byte, e *Element, m modeled) []byte {
	if len(e.Items) == 0 {
		return b
	}
	b = append(b, `,"Value":[`...)
	for i, item := range e.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = item.appendJSON(b, fmt.Sprintf("%s[%d].", m.path, i), m.bulk)
	}
	return append(b, ']')
}

// isInline holds for the value representations whose values are bytes.
func isInline(vr VR) bool {
	switch vr {
	case "OB", "OD", "OF", "OL", "OV", "OW", "UN":
		return true
	}
	return false
}

// littleEndian is a value as the models have it (PS3.18 F.2.7), whatever the object's byte order.
func (d *Dataset) littleEndian(e *Element) []byte {
	size := e.VR.rule().unit
	if !d.bigEndian || size < 2 {
		return e.Value
	}
	turned := bytes.Clone(e.Value)
	for i := 0; i+size <= len(turned); i += size {
		for a, z := i, i+size-1; a < z; a, z = a+1, z-1 {
			turned[a], turned[z] = turned[z], turned[a]
		}
	}
	return turned
}

// appendOne appends one value: an empty one among several is null (PS3.18 F.2.5).
func appendOne(b []byte, vr VR, value string) []byte {
	switch {
	case value == "":
		return append(b, "null"...)
	case vr == "PN":
		return appendName(b, value)
	case vr == "AT":
		return append(b, `"`+strings.NewReplacer("(", "", ",", "", ")", "").Replace(value)+`"`...)
	case isNumber(vr, value):
		return append(b, value...)
	}
	return append(b, quoted(value)...)
}

// isNumber holds for what JSON takes as a number. A DS or IS that is written otherwise stays a string, as the model allows; so do the floats
// that JSON has no word for.
func isNumber(vr VR, value string) bool {
	switch vr {
	case "DS", "FD", "FL", "IS", "SL", "SS", "SV", "UL", "US", "UV":
		f, err := strconv.ParseFloat(value, 64)
		return err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) && json.Valid([]byte(value))
	}
	return false
}

func appendName(b []byte, value string) []byte {
	b = append(b, '{')
	for i, group := range strings.SplitN(value, "=", 4) {
		if group == "" || i > 2 {
			continue
		}
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = append(b, `"`+nameGroups[i]+`":`...)
		b = append(b, quoted(group)...)
	}
	return append(b, '}')
}

// nameGroups are the component groups of a PN in order.
var nameGroups = [...]string{"Alphabetic", "Ideographic", "Phonetic"}

// quoted is a JSON string, with < and > as they are.
func quoted(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string always can be
	return bytes.TrimSuffix(b.Bytes(), []byte{'\n'})
}
