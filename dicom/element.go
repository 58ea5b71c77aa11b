package dicom

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
)

// Element is one attribute as it stands in the object.
type Element struct {
	Tag   Tag
	VR    VR
	Value []byte     // as encoded; nil for a sequence and for bulk data that the scanner passed over
	Items []*Dataset // of a sequence
	// Length is the declared length of the value in bytes, -1 when undefined. It is larger than len(Value) where the value was
	// passed over (Bulk).
	Length int64
	Bulk   bool
}

// NewText makes an element of text. The data set that it goes into must say ISO_IR 192 where the text is not ASCII.
func NewText(t Tag, vr VR, values ...string) Element {
	return NewBytes(t, vr, []byte(strings.Join(values, `\`)))
}

// NewUint16 makes an element of US numbers.
func NewUint16(t Tag, values ...uint16) Element {
	b := make([]byte, 0, 2*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return NewBytes(t, "US", b)
}

// NewUint32 makes an element of UL numbers.
func NewUint32(t Tag, values ...uint32) Element {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return NewBytes(t, "UL", b)
}

// NewFloat64 makes an element of FD numbers.
func NewFloat64(t Tag, values ...float64) Element {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return NewBytes(t, "FD", b)
}

// NewBytes makes an element of a value that is encoded already, little endian. It keeps b. A value representation that PS3.5
// does not have becomes UN.
func NewBytes(t Tag, vr VR, b []byte) Element {
	return Element{Tag: t, VR: vr.rule().vr, Value: b, Length: int64(len(b))}
}

// NewSequence makes a sequence of items.
func NewSequence(t Tag, items ...*Dataset) Element {
	return Element{Tag: t, VR: "SQ", Items: items, Length: -1}
}

// NewDataset makes a data set, or an item, of elements in any order. Of several with one tag the first counts. Sequences among
// them are taken over: they follow the character set of this data set from now on.
func NewDataset(elements ...Element) *Dataset {
	d := &Dataset{Elements: slices.Clone(elements), TransferSyntax: explicitLittle}
	d.sort()
	d.inherit(nil)
	return d
}

// sort puts elements in tag order and drops repeated ones but the first.
func (d *Dataset) sort() {
	byTag := func(a, b Element) int { return int(int64(a.Tag) - int64(b.Tag)) }
	slices.SortStableFunc(d.Elements, byTag)
	d.Elements = slices.CompactFunc(d.Elements, func(a, b Element) bool { return a.Tag == b.Tag })
}
