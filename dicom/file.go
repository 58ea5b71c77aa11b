package dicom

import (
	"fmt"
	"io"
	"math"
)

// Identity of this implementation in the files that it writes (PS3.7 D.3.3.2); the UID is one of PS3.5 B.2, from a UUID.
const (
	implementationClassUID = "2.25.24293850707198518374840859836690868074"
	implementationName     = "LIGHTBOX_1"
)

// WriteFile writes d as a Part 10 file in Explicit VR Little Endian: an empty preamble, the meta group of d's SOP Class and SOP
// Instance UID, then d (PS3.10 7.1). Elements of d.Meta, if any, replace or widen that meta group, transfer syntax excepted.
func WriteFile(w io.Writer, d *Dataset) error {
	if _, err := w.Write(appendMeta(make([]byte, PreambleSize, 1024), d, explicitLittle)); err != nil {
		return fmt.Errorf("dicom: write: %w", err)
	}
	var b []byte
	for i := range d.Elements {
		e := &d.Elements[i]
		if len(e.Value) >= math.MaxUint32-1 {
			return fmt.Errorf("dicom: write: %s has %d bytes, more than a length field holds", e.Tag, len(e.Value))
		}
		b = d.appendElement(b[:0], e)
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("dicom: write: %w", err)
		}
	}
	return nil
}

// PreambleSize is how many bytes stand before the prefix DICM of a Part 10 file (PS3.10 7.1).
const PreambleSize = 128

// FileStart is what makes a Part 10 file of an object that came as a bare data set, of which d is the header: an empty preamble and a meta
// group with the transfer syntax that the object is in.
func FileStart(d *Dataset) []byte {
	meta := *d
	meta.Meta = nil
	return appendMeta(make([]byte, PreambleSize, 1024), &meta, d.TransferSyntax)
}

func appendMeta(b []byte, d *Dataset, transferSyntax string) []byte {
	elements := []Element{
		NewBytes(tagMetaVersion, "OB", []byte{0, 1}),
		NewText(tagMediaSOPClass, "UI", d.first(tagSOPClassUID)),
		NewText(tagMediaSOPInstance, "UI", d.first(tagSOPInstanceUID)),
		NewText(tagTransferSyntax, "UI", transferSyntax),
		NewText(tagImplementationClass, "UI", implementationClassUID),
		NewText(tagImplementation, "SH", implementationName),
	}
	if d.Meta != nil {
		for _, e := range d.Meta.Elements {
			if e.Tag != tagTransferSyntax && e.Tag != tagMetaLength {
				elements = append([]Element{e}, elements...)
			}
		}
	}
	meta := NewDataset(elements...).Encode()
	b = append(b, "DICM"...)
	b = NewDataset(NewUint32(tagMetaLength, uint32(len(meta)))).appendTo(b)
	return append(b, meta...)
}
