package dicom

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"
)

// ParseJSON reads one data set in the DICOM JSON model (PS3.18 F.2). Its text is Unicode, whatever Specific Character Set it still names, so
// that the data set says ISO_IR 192 where that matters. An attribute of which only an address is given is Bulk. Elements of group 0002
// and group lengths have no place in the model and are left out. Errors are *Error.
func ParseJSON(b []byte, limits Limits) (*Dataset, error) {
	limits = limits.orDefault()
	if int64(len(b)) > limits.Bytes {
		return nil, &Error{Reason: TooLarge, Detail: fmt.Sprintf("more than %d bytes of JSON", limits.Bytes)}
	}
	if !gjson.ValidBytes(b) {
		return nil, &Error{Reason: Malformed, Detail: "not JSON"}
	}
	r := jsonReader{limits: limits}
	d, err := r.dataSet(gjson.ParseBytes(b), 0)
	if err != nil {
		return nil, err
	}
	if r.unicode && d.find(tagSpecificCharacterSet) == nil {
		d.Elements = append(d.Elements, NewText(tagSpecificCharacterSet, "CS", "ISO_IR 192"))
		d.sort()
	}
	d.inherit(nil)
	return d, nil
}

// jsonReader reads models within limits.
type jsonReader struct {
	limits   Limits
	elements int
	unicode  bool // some text is not ASCII
}

func (r *jsonReader) dataSet(model gjson.Result, depth int) (*Dataset, error) {
	if !model.IsObject() {
		return nil, &Error{Reason: Malformed, Detail: "a data set that is no JSON object"}
	}
	if depth > r.limits.Depth {
		return nil, &Error{Reason: TooLarge, Detail: fmt.Sprintf("sequences more than %d deep", r.limits.Depth)}
	}
	d := &Dataset{TransferSyntax: explicitLittle}
	// As of a file: nothing after pixel data. Seen: group 0002 in items.
	isKept := func(t Tag) bool { return uint16(t) != 0 && (depth > 0 || t.Group() > 2 && t <= tagPixelData) }
	var failure error
	model.ForEach(func(key, attribute gjson.Result) bool {
		var e Element
		e, failure = r.element(key.Str, attribute, depth)
		if failure == nil && isKept(e.Tag) {
			d.Elements = append(d.Elements, e)
		}
		return failure == nil
	})
	if failure != nil {
		return nil, failure
	}
	d.sort()
	return d, nil
}

func (r *jsonReader) element(key string, attribute gjson.Result, depth int) (Element, error) {
	t, err := ParseTag(key)
	if err != nil || len(key) != 8 || !attribute.IsObject() {
		return Element{}, &Error{Reason: Malformed, Detail: "a key that is no tag, or what it has is no attribute"}
	}
	if r.elements++; r.elements > r.limits.Elements {
		return Element{}, &Error{Reason: TooLarge, Tag: t, Detail: fmt.Sprintf("more than %d elements", r.limits.Elements)}
	}
	rule := VR(attribute.Get("vr").Str).rule()
	e := Element{Tag: t, VR: rule.vr}
	switch value := attribute.Get("Value"); {
	case attribute.Get("BulkDataURI").Exists(), pixels(t):
		e.Bulk, e.Length = true, -1
		return e, nil
	case attribute.Get("InlineBinary").Exists():
		e.Value, err = base64.StdEncoding.DecodeString(attribute.Get("InlineBinary").Str)
	case rule.vr == "SQ":
		e.Length = -1
		e.Items, err = r.items(value, depth)
		return e, err
	case t == tagSpecificCharacterSet:
		e.Value = []byte("ISO_IR 192")
	case rule.unit > 0:
		e.Value, err = binaryValues(rule.vr, value.Array())
	default:
		e.Value = r.text(rule.vr, value.Array())
	}
	if err != nil {
		return Element{}, &Error{Reason: Malformed, Tag: t, Detail: "a value that is none of " + string(rule.vr)}
	}
	e.Length = int64(len(e.Value))
	return e, nil
}

func (r *jsonReader) items(value gjson.Result, depth int) (items []*Dataset, err error) {
	value.ForEach(func(_, one gjson.Result) bool {
		var item *Dataset
		if r.elements++; r.elements > r.limits.Elements {
			err = &Error{Reason: TooLarge, Detail: fmt.Sprintf("more than %d elements", r.limits.Elements)}
			return false
		}
		if one.Type == gjson.Null { // an empty item (F.2.5)
			one = gjson.Result{Type: gjson.JSON, Raw: "{}"}
		}
		if item, err = r.dataSet(one, depth+1); err == nil {
			items = append(items, item)
		}
		return err == nil
	})
	return items, err
}

// text joins values as they stand in an element; null is an empty one.
func (r *jsonReader) text(vr VR, values []gjson.Result) []byte {
	list := make([]string, len(values))
	for i, one := range values {
		switch {
		case one.IsObject():
			list[i] = jsonName(one)
		case one.Type == gjson.Number:
			list[i] = one.Raw // as it is written: no digit is lost
		default:
			list[i] = one.String()
		}
		if vr == "PN" {
			list[i] = strings.TrimRight(list[i], "=")
		}
	}
	text := strings.ToValidUTF8(strings.Join(list, `\`), "")
	r.unicode = r.unicode || strings.ContainsFunc(text, func(c rune) bool { return c >= 0x80 })
	return []byte(text)
}

// jsonName joins the component groups of a name (F.2.2).
func jsonName(name gjson.Result) string {
	groups := make([]string, len(nameGroups))
	for i, group := range nameGroups {
		groups[i] = name.Get(group).String()
	}
	return strings.Join(groups, "=")
}

// binaryValues encodes numbers, little endian.
func binaryValues(vr VR, values []gjson.Result) (b []byte, err error) {
	for _, one := range values {
		text := one.String()
		if one.Type == gjson.Number {
			text = one.Raw
		}
		if b, err = appendNumber(b, vr, text); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// appendNumber appends one number of a binary value representation, or the tag of an AT. Seen: arrays of numbers (OF, OD) as such, which
// should be InlineBinary.
func appendNumber(b []byte, vr VR, text string) ([]byte, error) {
	switch vr {
	case "AT":
		t, err := ParseTag(text)
		return appendTag(b, t), err
	case "FL", "OF":
		f, err := strconv.ParseFloat(text, 32)
		return binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(f))), err
	case "FD", "OD":
		f, err := strconv.ParseFloat(text, 64)
		return binary.LittleEndian.AppendUint64(b, math.Float64bits(f)), err
	case "US", "UL", "UV", "OW", "OL", "OV":
		n, err := strconv.ParseUint(text, 10, 8*vr.rule().unit)
		return appendInteger(b, vr.rule().unit, n), err
	case "SS", "SL", "SV":
		n, err := strconv.ParseInt(text, 10, 8*vr.rule().unit)
		return appendInteger(b, vr.rule().unit, uint64(n)), err
	}
	return b, strconv.ErrSyntax // bytes are InlineBinary
}

func appendInteger(b []byte, size int, n uint64) []byte {
	return append(b, binary.LittleEndian.AppendUint64(nil, n)[:size]...)
}
