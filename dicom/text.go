package dicom

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// Text returns the first value at a path, trimmed of padding; "" when absent or empty. Numbers come as decimal text, DS and IS
// as they were written.
func (d *Dataset) Text(p Path) string {
	if e, in, ok := d.Find(p); ok {
		if values := in.texts(e); len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// Texts returns all values at a path, empty ones among several included so that positions stay.
func (d *Dataset) Texts(p Path) []string {
	if e, in, ok := d.Find(p); ok {
		return in.texts(e)
	}
	return nil
}

// Int returns the first value as an integer (IS, DS without fraction, US, SS, UL, SL, SV, UV, AT).
func (d *Dataset) Int(p Path) (int64, bool) {
	e, in, ok := d.Find(p)
	if !ok {
		return 0, false
	}
	values := in.texts(e)
	if len(values) == 0 {
		return 0, false
	}
	if meaning(e) == "AT" {
		t, err := ParseTag(values[0])
		return int64(t), err == nil
	}
	return parseInt(values[0])
}

// parseInt reads an integer string; a decimal one is taken where it has no fraction ("3.0" is seen in IS).
func parseInt(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) >= 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// meaning is the value representation to read an element by: the dictionary's where the object says UN, which systems write for
// attributes that they do not know (PS3.5 6.2.2).
func meaning(e *Element) VR {
	if e.VR == "UN" {
		return VROf(e.Tag)
	}
	return e.VR
}

// texts decodes the values of an element of d.
func (d *Dataset) texts(e *Element) []string {
	r := meaning(e).rule()
	switch {
	case len(e.Value) == 0:
		return nil
	case r.unit > 0:
		return numbers(e.Value, r.vr, d.order(e))
	case r.text():
		return d.split(e.Value, r)
	}
	return nil
}

// split decodes a text and then parts it at backslashes: decoding comes first, since in some character sets the second byte of
// a character may look like one.
func (d *Dataset) split(value []byte, r *vrRule) []string {
	text, _ := d.charset.decode(value, r)
	if r.single {
		if text = trim(text, r); text == "" {
			return nil
		}
		return []string{text}
	}
	values := strings.Split(text, `\`)
	empty := true
	for i := range values {
		values[i] = trim(values[i], r)
		empty = empty && values[i] == ""
	}
	if empty {
		return nil
	}
	return values
}

// trim cuts padding (PS3.5 6.2): spaces, and NUL, which only UI should have.
func trim(text string, r *vrRule) string {
	text = strings.TrimRight(text, " \x00")
	if r.leading {
		text = strings.TrimLeft(text, " \x00")
	}
	return text
}

// order is the byte order of an element's numbers. UN is little endian always (PS3.5 6.2.2).
func (d *Dataset) order(e *Element) binary.ByteOrder {
	if d.bigEndian && e.VR != "UN" {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// numbers reads binary values as decimal text; bulk types (OB, OW, ... and UN) have none. A rest shorter than one number is
// dropped.
func numbers(b []byte, vr VR, order binary.ByteOrder) []string {
	read, size := numberReader(vr, order)
	if read == nil || len(b) < size {
		return nil
	}
	values := make([]string, 0, len(b)/size)
	for ; len(b) >= size; b = b[size:] {
		values = append(values, read(b))
	}
	return values
}

func numberReader(vr VR, order binary.ByteOrder) (read func([]byte) string, size int) {
	signed := func(n int64) string { return strconv.FormatInt(n, 10) }
	unsigned := func(n uint64) string { return strconv.FormatUint(n, 10) }
	switch vr {
	case "US":
		return func(b []byte) string { return unsigned(uint64(order.Uint16(b))) }, 2
	case "SS":
		return func(b []byte) string { return signed(int64(int16(order.Uint16(b)))) }, 2
	case "UL":
		return func(b []byte) string { return unsigned(uint64(order.Uint32(b))) }, 4
	case "SL":
		return func(b []byte) string { return signed(int64(int32(order.Uint32(b)))) }, 4
	case "UV":
		return func(b []byte) string { return unsigned(order.Uint64(b)) }, 8
	case "SV":
		return func(b []byte) string { return signed(int64(order.Uint64(b))) }, 8
	case "FL":
		return func(b []byte) string {
			return strconv.FormatFloat(float64(math.Float32frombits(order.Uint32(b))), 'g', -1, 32)
		}, 4
	case "FD":
		return func(b []byte) string { return strconv.FormatFloat(math.Float64frombits(order.Uint64(b)), 'g', -1, 64) }, 8
	case "AT":
		return func(b []byte) string { return Tag(uint32(order.Uint16(b))<<16 | uint32(order.Uint16(b[2:]))).String() }, 4
	}
	return nil, 0
}
