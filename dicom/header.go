package dicom

// header reads tag, value representation and length of the element at hand, without passing them (PS3.5 7.1.2 and 7.1.3).
func (s *scanner) header(end int64) (header, error) {
	b := s.peek(12)
	if len(b) < 8 {
		return header{}, s.cut(0, "the header of an element")
	}
	h := header{tag: s.coding.tag(b), size: 8}
	if s.coding.implicit {
		return s.implicit(h, b), nil
	}
	h.rule = ruleOf(b[4], b[5])
	if h.rule == nil {
		return s.unknown(h, b, end)
	}
	if !h.rule.long {
		h.length = int64(s.coding.uint16(b[6:]))
		return h, nil
	}
	return s.long(h, b)
}

func (s *scanner) implicit(h header, b []byte) header {
	h.rule = VROf(h.tag).rule()
	h.length = length(s.coding.uint32(b[4:]))
	return h
}

func (s *scanner) long(h header, b []byte) (header, error) {
	if len(b) < 12 {
		return header{}, s.cut(h.tag, "the header of an element")
	}
	h.size = 12
	h.length = length(s.coding.uint32(b[8:]))
	return h, nil
}

func length(n uint32) int64 {
	if n == undefined {
		return -1
	}
	return int64(n)
}

// unknown reads an element of Explicit VR whose value representation is none of the standard's. Two capitals are taken as a
// later one, which has a long length (PS3.5 6.2). Signs such as "??", two spaces or two zeros stand where a system knew none,
// with a short length. Anything else is the length of an element that was written without value representation.
func (s *scanner) unknown(h header, b []byte, end int64) (header, error) {
	h.rule = VROf(h.tag).rule()
	room := s.left()
	if end >= 0 {
		room = end - s.offset()
	}
	if upper(b[4]) && upper(b[5]) && b[6] == 0 && b[7] == 0 {
		h.rule = VR("UN").rule()
		return s.long(h, b)
	}
	implicit := length(s.coding.uint32(b[4:]))
	if sign(b[4]) && sign(b[5]) || implicit > room-8 {
		h.length = int64(s.coding.uint16(b[6:]))
		return h, nil
	}
	h.length = implicit
	return h, nil
}

// sign reports whether a byte stands for no value representation rather than for a length.
func sign(c byte) bool { return c == '?' || c == ' ' || c == '-' || c == 0 || upper(c) }
