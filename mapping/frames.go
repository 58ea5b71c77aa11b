package mapping

import (
	"bytes"
	"slices"
	"strings"

	"lightbox/dicom"
)

// perFrame is the sequence of functional groups with an item for each frame (PS3.3 C.7.6.16).
const perFrame = "PerFrameFunctionalGroupsSequence"

var pathPerFrame = dicom.MustPath(perFrame)

// framesOnce keeps of the items of frames the distinct ones: what is kept of them is mostly the same for every frame, and a context would
// grow with their number.
func framesOnce(ds *dicom.Dataset) {
	e, _, ok := ds.Find(pathPerFrame)
	if !ok || len(e.Items) < 2 {
		return
	}
	var seen [][]byte
	e.Items = slices.DeleteFunc(e.Items, func(frame *dicom.Dataset) bool {
		body := frame.Encode()
		if len(seen) > maxValues || slices.ContainsFunc(seen, func(have []byte) bool { return bytes.Equal(have, body) }) {
			return true
		}
		seen = append(seen, body)
		return false
	})
}

// framesAgree holds for a value that is of no frame, or the same of all: a series has room for one.
func (r *run) framesAgree(v value) bool {
	inner, ok := strings.CutPrefix(v.field.text, perFrame+".")
	if !ok {
		return true
	}
	path := dicom.MustPath(inner)
	said := map[string]bool{}
	for _, frame := range v.dataset.Items(pathPerFrame) {
		var b strings.Builder
		writeKey(&b, frame, path)
		said[b.String()] = true
	}
	if len(said) > 1 {
		r.doubt("frames-differ", "frames disagree: left out")
	}
	return len(said) == 1
}
