package dicom

import (
	"compress/flate"
	"errors"
	"fmt"
	"io"
)

// undefined is the length field of what ends with a delimiter (PS3.5 7.1.1).
const undefined = 0xFFFFFFFF

// What an element and an item weigh in memory beside their values, so that the byte budget covers them.
const (
	elementWeight = 88
	spanWeight    = 24
	itemWeight    = 80
)

// scanner reads elements off a window within limits.
type scanner struct {
	window
	coding   coding // of the elements at hand
	limits   Limits
	budget   int64 // bytes that may still be held
	elementN int
	inflated bool
	pixels   *Pixels // to be found; nil: nobody asks

	pending []Element  // of the data sets that are being read, outermost first
	space   *[]Element // what pending began in
	slab    []Element  // room for elements that are done
	items   []Dataset  // room for items
	arena   []byte     // room for values
}

// header is what stands before a value.
type header struct {
	tag    Tag
	rule   *vrRule
	length int64 // -1 when undefined
	size   int   // of the header itself
}

func (s *scanner) fail(reason Reason, t Tag, detail string) error {
	return &Error{Reason: reason, Offset: s.offset(), Tag: t, Detail: detail}
}

// cut is the error for bytes that should be there and are not.
func (s *scanner) cut(t Tag, what string) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(s.err, &corrupt):
		return s.fail(Malformed, t, "the deflated data set is corrupt")
	case s.err != nil && !errors.Is(s.err, io.ErrUnexpectedEOF):
		return &Error{Unreadable, s.offset(), t, "reading failed", s.err}
	}
	return s.fail(Truncated, t, "the object ends within "+what)
}

// spend takes n bytes off the budget.
func (s *scanner) spend(t Tag, n int64) error {
	if s.budget -= n; s.budget < 0 {
		return s.fail(TooLarge, t, fmt.Sprintf("more than %d bytes to hold", s.limits.Bytes))
	}
	return nil
}

// count takes one element or item of a weight off the budgets.
func (s *scanner) count(t Tag, weight int64) error {
	if s.elementN++; s.elementN > s.limits.Elements {
		return s.fail(TooLarge, t, fmt.Sprintf("more than %d elements", s.limits.Elements))
	}
	return s.spend(t, weight)
}

// elements reads the elements of d up to end, or to its delimiter when end is -1. At depth 0 it stops at pixel data.
func (s *scanner) elements(d *Dataset, end int64, depth int) error {
	mark := len(s.pending)
	sorted, last := true, Tag(0)
	for !s.limits.Head || last < tagPixelData || depth > 0 {
		done, err := s.ends(end, depth)
		if err != nil {
			return err
		}
		if done {
			break
		}
		if depth == 0 && (last >= tagPixelData || s.coding.tag(s.peek(4)) > tagPixelData) {
			if s.limits.Head {
				break
			}
			if err := s.rest(); err != nil {
				return err
			}
			break
		}
		e, err := s.element(end, depth)
		if err != nil {
			return err
		}
		if uint16(e.Tag) == 0 {
			continue // a group length (PS3.5 7.2), retired
		}
		sorted, last = sorted && e.Tag > last, e.Tag
		s.pending = append(s.pending, e)
	}
	d.Elements = s.settled(mark)
	if !sorted {
		d.sort()
	}
	return nil
}

// settled moves the elements pending since mark to where they stay.
func (s *scanner) settled(mark int) []Element {
	done := s.pending[mark:]
	n := len(done)
	if n > cap(s.slab)-len(s.slab) {
		s.slab = make([]Element, 0, max(n, min(2*cap(s.slab), 512)))
	}
	s.slab = append(s.slab, done...)
	clear(done)
	s.pending = s.pending[:mark]
	return s.slab[len(s.slab)-n : len(s.slab) : len(s.slab)]
}

// ends reports whether the data set at hand ends here, and passes its delimiter.
func (s *scanner) ends(end int64, depth int) (bool, error) {
	for end != s.offset() {
		b := s.peek(8)
		if depth == 0 && s.padding(b) {
			break
		}
		if len(b) < 8 {
			return false, s.cut(0, "the header of an element")
		}
		t := s.coding.tag(b)
		if t.Group() != tagItem.Group() {
			return false, nil
		}
		if t == tagItem && end >= 0 || t != tagItem && t != tagItemEnd && t != tagSequenceEnd {
			return false, s.fail(Malformed, t, "an item outside a sequence")
		}
		if end < 0 && t != tagItemEnd {
			return true, nil // seen: the delimiter of the item is missing
		}
		if err := s.pass(8); err != nil || end < 0 {
			return true, err
		}
		// seen: a delimiter where the length had said it all; go on
	}
	return true, s.failed()
}

// padding reports whether what is left of an object is nothing, or fill bytes.
func (s *scanner) padding(b []byte) bool {
	if s.coding.big && 0 < len(b) && len(b) < 8 {
		return false // a zero starts most tags
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// failed tells whether the end that was met is one that reading made.
func (s *scanner) failed() error {
	if s.err != nil {
		return s.cut(0, "its data set")
	}
	return nil
}

// pass skips n bytes that have been seen.
func (s *scanner) pass(n int) error {
	if !s.skip(int64(n)) {
		return s.cut(0, "the header of an element")
	}
	return nil
}

// element reads one element that must end by end (-1: anywhere).
func (s *scanner) element(end int64, depth int) (Element, error) {
	h, err := s.header(end)
	if err != nil {
		return Element{}, err
	}
	if err := s.count(h.tag, elementWeight); err != nil {
		return Element{}, err
	}
	if err := s.pass(h.size); err != nil {
		return Element{}, err
	}
	if err := s.fits(h, end); err != nil {
		return Element{}, err
	}
	e := Element{Tag: h.tag, VR: h.rule.vr, Length: h.length}
	switch {
	case pixels(h.tag) || h.length < 0 && h.rule.unit > 0 && h.rule.vr != "UN":
		e.Bulk = true
		if depth == 0 && h.tag == tagPixelData && s.limits.Head {
			return e, nil
		}
		if depth == 0 && h.tag == tagPixelData {
			return e, s.pixelData(h, s.pixels)
		}
		return e, s.pixelData(h, nil)
	case s.sequence(h):
		e.VR = "SQ"
		e.Items, err = s.sequenceItems(h, depth)
		return e, err
	case h.length < 0:
		return e, s.fail(Malformed, h.tag, "an undefined length where no items follow")
	case h.length > s.limits.Value && !(s.limits.Bulk && h.tag == tagEncapsulatedDocument):
		e.Bulk = true
		return e, s.jump(h)
	}
	if e.VR == "SQ" {
		e.VR = "UN" // the dictionary says a sequence, and no item is there
	}
	e.Value, err = s.value(h)
	return e, err
}

// pixels reports whether a tag holds pixel data of any kind (PS3.3 C.7.6.3 and C.7.6.24 f.).
func pixels(t Tag) bool { return t == tagPixelData || t == 0x7FE00008 || t == 0x7FE00009 }

// fits checks a declared length against what is around it before anything is done with it.
func (s *scanner) fits(h header, end int64) error {
	switch {
	case h.length < 0:
		return nil
	case h.length > s.left() && s.inflated && s.end == 4*s.limits.Bytes:
		return s.fail(TooLarge, h.tag, "the data set inflates to more than is allowed")
	case h.length > s.left():
		return s.cut(h.tag, fmt.Sprintf("a value of %d bytes", h.length))
	case end >= 0 && h.length > end-s.offset():
		return s.fail(Malformed, h.tag, fmt.Sprintf("a value of %d bytes runs past its item", h.length))
	}
	return nil
}
