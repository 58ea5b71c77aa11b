package dicom

import "errors"

// pixelData passes over pixel data, native or encapsulated, and checks that all of it is there. Where is told where it stands, as far as
// somebody asked; nil: nobody did.
func (s *scanner) pixelData(h header, where *Pixels) error {
	if h.length >= 0 {
		if where != nil {
			where.Native = Span{s.offset(), h.length}
		}
		return s.jump(h)
	}
	for {
		at := s.offset()
		b := s.peek(8)
		if len(b) < 8 {
			return s.cut(h.tag, "encapsulated pixel data")
		}
		fragment := header{tag: s.coding.tag(b), length: int64(s.coding.uint32(b[4:]))}
		if err := s.pass(8); err != nil {
			return err
		}
		switch fragment.tag {
		case tagItem:
			if fragment.length > s.left() {
				return s.cut(h.tag, "a fragment of pixel data")
			}
			if where != nil {
				if err := s.count(h.tag, spanWeight); err != nil {
					return err
				}
				where.fragments = append(where.fragments, fragmentAt{at, Span{s.offset(), fragment.length}})
			}
			if err := s.jump(fragment); err != nil {
				return err
			}
		case tagSequenceEnd:
			return nil
		default:
			return s.fail(Malformed, h.tag, "something other than a fragment in encapsulated pixel data")
		}
	}
}

// rest walks the elements that follow pixel data, keeping none, to see that the last one is whole. What does not look like
// elements is taken as padding, which systems leave at the end of files.
func (s *scanner) rest() error {
	s.limits.Value = -1 // every value is passed over
	last := tagPixelData
	for {
		b := s.peek(8)
		if s.padding(b) {
			return s.failed()
		}
		if len(b) < 8 {
			return s.cut(0, "the header of an element")
		}
		t := s.coding.tag(b)
		if t <= last {
			return nil
		}
		last = t
		var refused *Error
		if _, err := s.element(s.end, 0); errors.As(err, &refused) && refused.Reason == Malformed {
			return nil
		} else if err != nil {
			return err
		}
	}
}
