package relational

import "context"

// head is how far a database has been numbered. Writers exclude one another, so each group reads it once and counts on from
// there: rows and stamps rise in commit order over all processes, whatever their clocks say. What a unit that fails has
// counted is left out; nothing fills it later.
type head struct {
	row   int64 // of the newest resource
	stamp int64 // lastUpdated of the newest version

	dictionary int64 // counts the changes of generations
	logical    int64 // to which types there are logical references, see typeBit
}

// headStatement finds the newest of each type by its index. A version that is no longer current is older than the one that took
// its place. The table knows of what was purged.
const headStatement = `SELECT h.dictionary, h.logical, h.last_row, h.last_updated, COALESCE((SELECT MAX(row) FROM resource), 0),
	COALESCE((SELECT MAX((SELECT MAX(r.last_updated) FROM resource r WHERE r.type = t.id)) FROM resource_type t), 0)
	FROM head h`

func readHead(ctx context.Context, q querier) (h head, err error) {
	var row, stamp int64
	err = q.Query(ctx, headStatement, nil, func(scan func(...any) error) error {
		return scan(&h.dictionary, &h.logical, &h.row, &h.stamp, &row, &stamp)
	})
	h.row, h.stamp = max(h.row, row), max(h.stamp, stamp)
	return h, err
}

// nextRow numbers a new resource.
func (h *head) nextRow() int64 {
	h.row++
	return h.row
}

// nextStamp returns the lastUpdated of a version that is written at a time: later than all before it.
func (h *head) nextStamp(now int64) int64 {
	h.stamp = max(now, h.stamp+1)
	return h.stamp
}
