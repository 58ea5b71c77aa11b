package dicom

import "fmt"

// sequence reports whether the value of h consists of items. UN of undefined length is a sequence (PS3.5 6.2.2 note 2), and so is
// UN of an attribute that the dictionary knows as one, when an item comes first; so is any other undefined length with items.
func (s *scanner) sequence(h header) bool {
	known := h.rule.vr == "SQ"
	switch {
	case known && !(s.coding.implicit && h.length > 0):
		return true
	case h.length >= 0 && !known && (h.rule.vr != "UN" || VROf(h.tag) != "SQ"):
		return false
	}
	b := s.peek(4)
	if len(b) < 4 {
		return h.length < 0
	}
	t := s.coding.tag(b)
	if h.rule.vr == "UN" {
		t = coding{}.tag(b)
	}
	return t == tagItem || t == tagSequenceEnd
}

// sequenceItems reads the items of a sequence. Those of UN are Implicit VR Little Endian whatever is around them.
func (s *scanner) sequenceItems(h header, depth int) ([]*Dataset, error) {
	if depth >= s.limits.Depth {
		return nil, s.fail(TooLarge, h.tag, fmt.Sprintf("sequences deeper than %d", s.limits.Depth))
	}
	if h.rule.vr == "UN" {
		outer := s.coding
		s.coding = coding{implicit: !s.explicitInside()}
		defer func() { s.coding = outer }()
	}
	end := int64(-1)
	if h.length >= 0 {
		end = s.offset() + h.length
	}
	items := []*Dataset{}
	for s.offset() != end {
		item, err := s.item(h.tag, end, depth)
		if err != nil {
			return nil, err
		}
		if item != nil {
			items = append(items, item)
		} else if end < 0 {
			break
		}
	}
	return items, nil
}

// explicitInside reports whether the first item at hand holds elements of Explicit VR, which the items of UN should not, but seen.
func (s *scanner) explicitInside() bool {
	b := s.peek(16)
	if len(b) < 16 {
		return false
	}
	r := ruleOf(b[12], b[13])
	return r != nil && (r.vr == VROf(coding{}.tag(b[8:])) || int64(coding{}.uint32(b[12:])) > s.left())
}

// item reads one item, or the delimiter of the sequence, for which it returns nil.
func (s *scanner) item(sequence Tag, end int64, depth int) (*Dataset, error) {
	b := s.peek(8)
	if len(b) < 8 {
		return nil, s.cut(sequence, "a sequence")
	}
	h := header{tag: s.coding.tag(b), length: int64(s.coding.uint32(b[4:]))}
	if h.length == undefined {
		h.length = -1
	}
	if h.tag != tagItem && h.tag != tagSequenceEnd {
		return nil, s.fail(Malformed, sequence, "something other than an item in a sequence")
	}
	if err := s.pass(8); err != nil || h.tag == tagSequenceEnd {
		return nil, err
	}
	if err := s.fits(h, end); err != nil {
		return nil, err
	}
	if err := s.count(sequence, itemWeight); err != nil {
		return nil, err
	}
	inner := int64(-1)
	if h.length >= 0 {
		inner = s.offset() + h.length
	}
	item := s.newItem()
	return item, s.elements(item, inner, depth+1)
}

func (s *scanner) newItem() *Dataset {
	if len(s.items) == cap(s.items) {
		s.items = make([]Dataset, 0, max(2, min(2*cap(s.items), 64)))
	}
	s.items = append(s.items, Dataset{TransferSyntax: s.coding.uid(), bigEndian: s.coding.big})
	return &s.items[len(s.items)-1]
}
