package dicom

import (
	"encoding/binary"
	"math"
)

// Encode writes d as Explicit VR Little Endian without preamble and meta group; the same Dataset always gives the same bytes.
// Decode reads them back. Values stay in the character set that they came in. Bulk data that the scanner passed over is left
// out: its bytes are not here.
func (d *Dataset) Encode() []byte { return d.appendTo(make([]byte, 0, d.room())) }

// room is how many bytes d takes when encoded, or a few more.
func (d *Dataset) room() int {
	n := 0
	for i := range d.Elements {
		e := &d.Elements[i]
		n += 12 + len(e.Value) + 1
		for _, item := range e.Items {
			n += 8 + item.room()
		}
	}
	return n
}

func (d *Dataset) appendTo(b []byte) []byte {
	for i := range d.Elements {
		b = d.appendElement(b, &d.Elements[i])
	}
	return b
}

func (d *Dataset) appendElement(b []byte, e *Element) []byte {
	switch {
	case e.Bulk:
		return b
	case e.Value == nil && (e.VR == "SQ" || len(e.Items) > 0):
		return appendItems(appendHeader(b, e.Tag, "SQ", 0), e.Items)
	}
	r, value := e.VR.rule(), e.Value
	if r.unit > 1 {
		value = value[:len(value)&^1] // half a number is none, and padding must not make it one
	}
	length := len(value) + len(value)%2
	if length > math.MaxUint16 {
		r = longRule(r)
	}
	b = appendHeader(b, e.Tag, r.vr, length)
	b = append(b, value...)
	if d.bigEndian {
		swap(b[len(b)-len(value):], e.VR.rule().unit)
	}
	if length > len(value) {
		b = append(b, r.pad)
	}
	return b
}

// longRule gives the value representation for a value that the 16 bits of a short length cannot hold: UN (PS3.5 6.2.2, note 7).
func longRule(r *vrRule) *vrRule {
	if r.long {
		return r
	}
	return VR("UN").rule()
}

// appendHeader writes tag, value representation and length as Explicit VR Little Endian does (PS3.5 7.1.2).
func appendHeader(b []byte, t Tag, vr VR, length int) []byte {
	b = appendTag(b, t)
	b = append(b, vr...)
	if !vr.rule().long {
		return binary.LittleEndian.AppendUint16(b, uint16(length))
	}
	return binary.LittleEndian.AppendUint32(append(b, 0, 0), uint32(length))
}

func appendTag(b []byte, t Tag) []byte {
	b = binary.LittleEndian.AppendUint16(b, t.Group())
	return binary.LittleEndian.AppendUint16(b, uint16(t))
}

// appendItems writes the items of a sequence whose length field ends b, and then fills in that length.
func appendItems(b []byte, items []*Dataset) []byte {
	start := len(b)
	for _, item := range items {
		b = append(appendTag(b, tagItem), 0, 0, 0, 0)
		inside := len(b)
		b = item.appendTo(b)
		binary.LittleEndian.PutUint32(b[inside-4:], uint32(len(b)-inside))
	}
	binary.LittleEndian.PutUint32(b[start-4:], uint32(len(b)-start))
	return b
}

// swap turns the byte order of each number of unit bytes. A rest shorter than one number stays.
func swap(b []byte, unit int) {
	if unit < 2 {
		return
	}
	for ; len(b) >= unit; b = b[unit:] {
		for i, j := 0, unit-1; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
	}
}

// EncodeImplicit writes d as Encode does, in Implicit VR Little Endian: for peers that take nothing else (PS3.5 A.1).
func (d *Dataset) EncodeImplicit() []byte { return d.appendImplicit(make([]byte, 0, d.room())) }

func (d *Dataset) appendImplicit(b []byte) []byte {
	for i := range d.Elements {
		e := &d.Elements[i]
		if e.Bulk {
			continue
		}
		b = binary.LittleEndian.AppendUint16(b, e.Tag.Group())
		b = binary.LittleEndian.AppendUint16(b, uint16(e.Tag))
		at := len(b)
		b = append(b, 0, 0, 0, 0)
		for _, item := range e.Items {
			inner := item.appendImplicit(nil)
			b = append(b, 0xFE, 0xFF, 0x00, 0xE0)
			b = binary.LittleEndian.AppendUint32(b, uint32(len(inner)))
			b = append(b, inner...)
		}
		if len(e.Items) == 0 {
			one := Dataset{Elements: []Element{*e}, bigEndian: d.bigEndian}
			b = append(b, valueOf(one.appendTo(nil))...)
		}
		binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-4))
	}
	return b
}

// valueOf is the value of one encoded element, padded.
func valueOf(encoded []byte) []byte {
	if len(encoded) >= 8 && VR(encoded[4:6]).rule().long {
		return encoded[12:]
	}
	return encoded[min(8, len(encoded)):]
}
