package dicom

import "fmt"

// value reads a value of a length that fits.
func (s *scanner) value(h header) ([]byte, error) {
	n := int(h.length)
	if n == 0 {
		return []byte{}, nil
	}
	if s.r == nil && s.stream == nil { // all bytes are there and stay
		s.lo += n
		return s.buf[s.lo-n : s.lo : s.lo], nil
	}
	if err := s.spend(h.tag, h.length); err != nil {
		return nil, err
	}
	b := s.room(n)
	if !s.take(b) {
		return nil, s.cut(h.tag, fmt.Sprintf("a value of %d bytes", n))
	}
	return b, nil
}

// room finds n bytes for a value; small ones share one allocation.
func (s *scanner) room(n int) []byte {
	const small = 4 << 10
	if n > small/4 {
		return make([]byte, n)
	}
	if n > cap(s.arena)-len(s.arena) {
		s.arena = make([]byte, 0, small)
	}
	s.arena = s.arena[:len(s.arena)+n]
	return s.arena[len(s.arena)-n : len(s.arena) : len(s.arena)]
}

// jump passes over a value.
func (s *scanner) jump(h header) error {
	if !s.skip(h.length) {
		return s.cut(h.tag, fmt.Sprintf("a value of %d bytes", h.length))
	}
	return nil
}
