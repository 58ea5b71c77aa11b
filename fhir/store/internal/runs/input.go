package runs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir/store"
)

// input is a run in a merge, with the blocks that one Step has read of it.
type input struct {
	run
	blocks  []packed
	last    []key   // of the blocks that were opened
	more    bool    // blocks follow that were not read
	entries []Entry // of the block opened last, from where the merge stands
	buffer  []Entry
}

// dry reports whether what comes next is not known.
func (in *input) dry() bool { return len(in.entries) == 0 && in.more && len(in.last) == len(in.blocks) }

// fill opens blocks until an entry comes that is not below from. Without one, the input is dry or at its end.
func (in *input) fill(from key) error {
	for len(in.entries) == 0 && len(in.last) < len(in.blocks) {
		b, err := open(in.blocks[len(in.last)].body)
		if err != nil {
			return err
		}
		if in.buffer, err = b.all(in.buffer[:0]); err != nil {
			return err
		}
		in.last = append(in.last, in.buffer[len(in.buffer)-1].key())
		at, _ := slices.BinarySearchFunc(in.buffer, from, func(e Entry, k key) int { return e.key().compare(k) })
		in.entries = in.buffer[at:]
	}
	return nil
}

// stand returns the block in which to look for next, if there is one: the last one at worst.
func (in *input) stand(next key) packed {
	at := 0
	for at < len(in.last) && in.last[at].compare(next) < 0 {
		at++
	}
	return in.blocks[min(at, len(in.blocks)-1)]
}

// readInputs reads the blocks that come next, the longer a run is the more: values are spread evenly over each.
func (x *Index) readInputs(ctx context.Context, tx store.SQL, runs []run) ([]*input, error) {
	total := int64(1)
	for _, r := range runs {
		total += r.entries
	}
	var queries []string
	var args []any
	byID, limit := map[int64]*input{}, map[int64]int64{}
	inputs := make([]*input, len(runs))
	for i, r := range runs {
		inputs[i] = &input{run: r}
		byID[r.id] = inputs[i]
		limit[r.id] = 2 + int64(float64(x.limits.blocks)*float64(r.entries)/float64(total)) // the block where it stands, and one more at least
		queries = append(queries, fmt.Sprintf(`SELECT * FROM (SELECT run, low, part, body FROM run_block
			WHERE run = $%d AND (low, part) >= ($%d, $%d) ORDER BY run, low, part LIMIT $%d) q%d`, 4*i+1, 4*i+2, 4*i+3, 4*i+4, i))
		args = append(args, r.id, r.next.hash, r.part, limit[r.id])
	}
	err := tx.Query(ctx, strings.Join(queries, " UNION ALL "), args, func(scan func(...any) error) error {
		var id int64
		var b packed
		err := scan(&id, &b.low, &b.part, &b.body)
		byID[id].blocks = append(byID[id].blocks, b)
		return err
	})
	for _, in := range inputs {
		slices.SortFunc(in.blocks, func(a, b packed) int { return cmp.Or(cmp.Compare(a.low, b.low), cmp.Compare(a.part, b.part)) })
		in.more = int64(len(in.blocks)) == limit[in.id]
	}
	return inputs, err
}
