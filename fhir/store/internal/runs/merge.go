package runs

import (
	"context"
	"math"

	"lightbox/fhir/store"
)

// merge is one in progress, as a Step finds it.
type merge struct {
	output run
	inputs []*input // the newest first
	oldest bool     // no live run is older than the inputs
	drop   map[int64]bool
	packer packer
}

// merge does a slice of the merge that writes output. runs are all, in order of age.
func (x *Index) merge(ctx context.Context, tx store.SQL, output run, runs []run) error {
	m := &merge{output: output, drop: x.dropped, packer: packer{part: output.part, hash: output.next.hash}}
	var inputs []run
	m.oldest = true
	for _, r := range runs {
		switch {
		case r.target == output.id:
			inputs = append([]run{r}, inputs...)
		case r.state == live && len(inputs) == 0:
			m.oldest = false
		}
	}
	var err error
	if m.inputs, err = x.readInputs(ctx, tx, inputs); err != nil {
		return err
	}
	more, err := m.run()
	if err != nil {
		return err
	}
	if err := x.insertBlocks(ctx, tx, output.id, m.packer.blocks); err != nil {
		return err
	}
	m.output.entries += m.packer.entries
	if more {
		return x.save(ctx, tx, m)
	}
	return complete(ctx, tx, m.output)
}

// run packs entries until an input is dry, and says whether more is to come.
func (m *merge) run() (more bool, err error) {
	for _, in := range m.inputs {
		if err := in.fill(m.output.next); err != nil {
			return false, err
		}
	}
	var last key
	for {
		first, dry := m.first()
		if dry {
			break
		}
		if first == nil {
			m.packer.finish(false, 0)
			return false, nil
		}
		e := first.entries[0]
		last = e.key()
		if err := m.skip(last); err != nil {
			return false, err
		}
		if (!e.Gone || !m.oldest) && !m.drop[e.Param] {
			m.packer.add(e)
		}
	}
	m.packer.finish(true, last.hash)
	m.output.next = last.successor()
	if kept := m.packer.pending; len(kept) > 0 {
		m.output.next = kept[0].key()
	}
	return true, nil
}

// first returns the input whose entry comes next, the newest of several; nil at the end of all. Nobody knows it while one is dry.
func (m *merge) first() (first *input, dry bool) {
	for _, in := range m.inputs {
		if len(in.entries) == 0 {
			if in.dry() {
				return nil, true
			}
			continue
		}
		if first == nil || in.entries[0].Hash < first.entries[0].Hash ||
			in.entries[0].Hash == first.entries[0].Hash && compare(in.entries[0], first.entries[0]) < 0 {
			first = in
		}
	}
	return first, false
}

// skip passes over what every input says of one key.
func (m *merge) skip(k key) error {
	for _, in := range m.inputs {
		if len(in.entries) == 0 || in.entries[0].Hash != k.hash || in.entries[0].key() != k {
			continue
		}
		in.entries = in.entries[1:]
		if err := in.fill(k); err != nil {
			return err
		}
	}
	return nil
}

// save notes where the merge stands.
func (x *Index) save(ctx context.Context, tx store.SQL, m *merge) error {
	o := m.output
	if o.part = 0; m.packer.continues(o.next.hash) {
		o.part = m.packer.part
	}
	_, err := tx.Exec(ctx, "UPDATE run SET entries = $2, next_hash = $3, next_param = $4, next_row = $5, next_part = $6 WHERE id = $1",
		o.id, o.entries, o.next.hash, o.next.param, o.next.row, o.part)
	if err != nil {
		return err
	}
	rows, args := x.dialect.Rows("v", 1,
		column("id", m.inputs, func(in **input) int64 { return (*in).id }),
		column("low", m.inputs, func(in **input) int64 { return (*in).stand(o.next).low }),
		column("part", m.inputs, func(in **input) int64 { return (*in).stand(o.next).part }))
	_, err = tx.Exec(ctx, "UPDATE run SET next_hash = v.low, next_part = v.part FROM "+rows+" WHERE run.id = v.id", args...)
	return err
}

// complete puts the output in the place of its inputs. It stands at its beginning again, for a merge that it will be an input of.
func complete(ctx context.Context, tx store.SQL, output run) error {
	if _, err := tx.Exec(ctx, "UPDATE run SET state = 2 WHERE target = $1", output.id); err != nil {
		return err
	}
	if output.entries == 0 {
		_, err := tx.Exec(ctx, "DELETE FROM run WHERE id = $1", output.id)
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE run SET state = 1, entries = $2, next_hash = $3, next_part = 0 WHERE id = $1", output.id, output.entries, int64(math.MinInt64))
	return err
}
