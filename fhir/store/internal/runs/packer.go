package runs

// blockBytes is the size of a block. Four of them fill a page of PostgreSQL, just small enough not to be stored apart (TOAST); two fill
// one of SQLite. Smaller ones would cost more for what each has of its own, larger ones more to look something up.
const blockBytes = 1984

// packed is a block as it is stored.
type packed struct {
	low, part int64
	body      []byte
}

// packer makes blocks of entries that come in order.
type packer struct {
	blocks  []packed
	entries int64   // in blocks
	pending []Entry // not in a block yet
	part    int64   // the next part of the hash that the last block was a part of, 0 for none
	hash    int64   // that hash
	guess   int     // how many entries may fill a block
	params  []int64 // for measure to use again
}

// reserve is how many entries are gathered before a block is cut from them: more than one can hold, so that what comes behind it is
// known.
const reserve = maxEntries + 1

func (p *packer) add(e Entry) {
	if p.pending = append(p.pending, e); len(p.pending) >= 2*reserve {
		p.cut(reserve)
	}
}

// finish makes blocks of what is pending. When more follows, with hash next, it may keep back entries of that hash, for a later packer
// to begin with.
func (p *packer) finish(more bool, next int64) {
	last := len(p.pending)
	for more && last > 0 && p.pending[last-1].Hash == next {
		last--
	}
	kept := p.pending[last:]
	if last == 0 {
		for len(kept) > 0 { // it may be more than a packer is given at a time
			n := p.fit(kept)
			p.write(kept[:n], true)
			kept = kept[n:]
		}
	}
	p.pending = p.pending[:last]
	p.cut(1)
	p.pending = kept
}

// cut makes blocks until fewer than some entries are pending.
func (p *packer) cut(fewer int) {
	rest := p.pending
	for len(rest) >= fewer {
		n, split := p.length(rest)
		p.write(rest[:n], split)
		rest = rest[n:]
	}
	p.pending = append(p.pending[:0], rest...)
}

// length returns how many entries the next block takes: whole hashes, or as much as there is room for of one hash.
func (p *packer) length(rest []Entry) (n int, split bool) {
	group := 1
	for group < len(rest) && rest[group].Hash == rest[0].Hash {
		group++
	}
	n = p.fit(rest)
	switch {
	case p.continues(rest[0].Hash):
		return min(n, group), true
	case group > n:
		return n, true
	}
	for n < len(rest) && rest[n-1].Hash == rest[n].Hash {
		n--
	}
	return n, false
}

func (p *packer) continues(hash int64) bool { return p.part > 0 && p.hash == hash }

// fit returns how many entries about fill a block, and never more.
func (p *packer) fit(rest []Entry) int {
	n, best := min(max(p.guess, 16), len(rest), maxEntries), 1
	for range 6 {
		s := measure(rest[:n], p.params)
		p.params = s.params
		size := s.size(n)
		if size <= blockBytes {
			best = n
		}
		if size <= blockBytes && (size > blockBytes-blockBytes/50 || n == min(len(rest), maxEntries)) {
			break
		}
		next := min(n*blockBytes/size, len(rest), maxEntries)
		if next == n || size > blockBytes {
			next--
		}
		if n = next; n <= best {
			break
		}
	}
	p.guess = max(best, 16)
	return best
}

func (p *packer) write(entries []Entry, split bool) {
	hash := entries[0].Hash
	if !p.continues(hash) {
		p.part = 0
	}
	s := measure(entries, p.params)
	p.params = s.params
	p.blocks = append(p.blocks, packed{hash, p.part, encode(entries, s, split)})
	p.entries += int64(len(entries))
	p.part++
	if p.hash = hash; !split {
		p.part = 0
	}
}
