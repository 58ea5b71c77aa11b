package media

import (
	"bytes"
	"slices"

	"lightbox/dicom"
)

// What a key may be at most, so that no object makes the directory one that nobody can read. What is more is not taken.
const (
	maxValue    = 16 << 10  // bytes of text: several times what the value representations allow (PS3.5 6.2)
	maxSequence = 256 << 10 // bytes of a sequence: references to 2,000 images
	maxDepth    = 16        // of sequences
)

// source is an object that a record is made of.
type source struct {
	instance  *instance
	data      *dicom.Dataset // the keys, little endian
	nth       int            // place of what the record is of among its siblings
	patientID []byte         // of a PATIENT record
}

// wanted are the tags of all keys, and of what stands for them.
var wanted = tagsOfKeys()

func tagsOfKeys() map[dicom.Tag]bool {
	tags := map[dicom.Tag]bool{tagOf("VerifyingObserverSequence"): true}
	for _, one := range moments {
		tags[tagOf(one.date)], tags[tagOf(one.time)] = true, true
	}
	for _, kind := range keysOf {
		for _, k := range kind.Keys {
			tags[tagOf(k.Of)] = true
		}
	}
	return tags
}

func sourceOf(i *instance) source {
	data, err := dicom.Decode(i.header.Subset(func(t dicom.Tag) bool { return wanted[t] }).Encode())
	if err != nil {
		data = dicom.NewDataset() // its keys are filled
	}
	return source{instance: i, data: data}
}

func tagOf(keyword string) dicom.Tag {
	t, ok := dicom.TagOf(keyword)
	if !ok {
		panic("media: " + keyword + " is no keyword of PS3.6")
	}
	return t
}

// element makes a key of text.
func element(keyword string, values ...string) dicom.Element {
	return dicom.NewText(tagOf(keyword), dicom.VROf(tagOf(keyword)), values...)
}

// notText are the value representations that hold no text.
var notText = []dicom.VR{"SQ", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT", "OB", "OW", "OL", "OV", "OF", "OD"}

// find returns an attribute that has a value, of the value representation that PS3.6 states. What is of another kind is not taken: it
// would be read as what it is not.
func (s source) find(keyword string) (dicom.Element, bool) {
	t := tagOf(keyword)
	i, ok := slices.BinarySearchFunc(s.data.Elements, t, func(e dicom.Element, t dicom.Tag) int { return int(int64(e.Tag) - int64(t)) })
	if !ok {
		return dicom.Element{}, false
	}
	e, vr := s.data.Elements[i], dicom.VROf(t)
	switch {
	case vr == "SQ":
		return e, len(e.Items) > 0 && depth(e) <= maxDepth && len(dicom.NewDataset(e).Encode()) <= maxSequence
	case e.VR != vr && (slices.Contains(notText, e.VR) || slices.Contains(notText, vr)):
		return e, false
	case len(e.Value) > maxValue || len(bytes.Trim(e.Value, " \\\x00")) == 0 && !slices.Contains(notText, vr):
		return e, false
	}
	return dicom.NewBytes(t, vr, e.Value), len(e.Value) > 0
}

func depth(e dicom.Element) int {
	deepest := 0
	for _, item := range e.Items {
		for _, inner := range item.Elements {
			deepest = max(deepest, depth(inner))
		}
	}
	if e.VR == "SQ" {
		deepest++
	}
	return deepest
}

// extended reports whether an element has text that is not ASCII.
func extended(e dicom.Element) bool {
	if slices.ContainsFunc(e.Items, func(d *dicom.Dataset) bool { return slices.ContainsFunc(d.Elements, extended) }) {
		return true
	}
	return !slices.Contains(notText, e.VR) && slices.ContainsFunc(e.Value, func(c byte) bool { return c >= 0x7F || c == 0x1B })
}
