package ingest

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"lightbox/fhir/store"
)

// rows gathers the rows of one multi-row INSERT, each key once.
type rows struct {
	width int
	index map[string]int // key -> position in list
	order []string       // date of each row, for newest
	list  [][]any
}

func newRows(width int) *rows { return &rows{width: width, index: map[string]int{}} }

// add adds a row unless its key is there.
func (r *rows) add(key string, values ...any) { r.newest(key, "", values...) }

func (r *rows) has(key string) bool {
	_, ok := r.index[key]
	return ok
}

// newest adds a row, or replaces that of the same key when date is later.
func (r *rows) newest(key, date string, values ...any) {
	i, ok := r.index[key]
	if !ok {
		r.index[key] = len(r.list)
		r.order, r.list = append(r.order, date), append(r.list, values)
		return
	}
	if r.order[i] < date {
		r.order[i], r.list[i] = date, values
	}
}

// maxRows keeps one statement below every database's bound on parameters, and short: SQLite looks each one up among the earlier.
const maxRows = 100

// insert writes the rows into "table (columns)" with an ON CONFLICT action. Rows go in key order, so that two writers never
// wait for each other in a circle.
func (r *rows) insert(ctx context.Context, tx store.SQL, into, onConflict string) error {
	keys := make([]string, 0, len(r.index))
	for k := range r.index {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for chunk := range slices.Chunk(keys, maxRows) {
		var args []any
		for _, k := range chunk {
			args = append(args, r.list[r.index[k]]...)
		}
		query := "INSERT INTO " + into + " VALUES " + placeholders(len(chunk), r.width) + " ON CONFLICT " + onConflict
		if _, err := tx.Exec(ctx, query, args...); err != nil {
			return err
		}
	}
	return nil
}

// placeholders returns "($1,$2),($3,$4)" for n rows of a width.
func placeholders(n, width int) string {
	var b strings.Builder
	for i := range n * width {
		switch {
		case i == 0:
			b.WriteByte('(')
		case i%width == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 1))
	}
	b.WriteByte(')')
	return b.String()
}
