package runs

// SetLimits makes small what tests would have to fill otherwise.
func (x *Index) SetLimits(large int, fresh int64, fan, blocks int) {
	x.limits = limits{large: large, fresh: fresh, fan: fan, blocks: blocks}
}

// Encode writes one block of entries in any order.
func Encode(entries []Entry, split bool) []byte {
	entries = sorted(entries)
	return encode(entries, measure(entries, nil), split)
}

// Decode reads one.
func Decode(body []byte) ([]Entry, error) {
	b, err := open(body)
	if err != nil {
		return nil, err
	}
	return b.all(nil)
}

// Within reads the entries of a range.
func Within(body []byte, r Range) (all []Entry, err error) {
	b, err := open(body)
	if err != nil {
		return nil, err
	}
	err = b.within(r, func(e Entry) { all = append(all, e) })
	return all, err
}

// Sorted is the order in which blocks hold entries.
func Sorted(entries []Entry) []Entry { return sorted(entries) }

// Pack makes blocks of entries, as an Add does.
func Pack(entries []Entry) (bodies [][]byte) {
	p := &packer{pending: sorted(entries)}
	p.finish(false, 0)
	for _, b := range p.blocks {
		bodies = append(bodies, b.body)
	}
	return bodies
}

// BlockBytes is the size that Pack aims at.
const BlockBytes = blockBytes
