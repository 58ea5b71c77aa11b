package relational

import (
	"context"
	"strconv"
	"strings"
)

// statement collects arguments while the text of SQL statements is put together. Text never holds a value, so each "$" in
// it is a placeholder.
type statement struct {
	store *Store
	args  []any
}

func (s *Store) statement() *statement { return &statement{store: s} }

// bind adds an argument and returns its placeholder, which may stand in the text more than once.
func (s *statement) bind(v any) string {
	s.args = append(s.args, v)
	return "$" + strconv.Itoa(len(s.args))
}

// query runs text with those of the arguments that it mentions: parts that were compiled may have been left out.
func (s *statement) query(ctx context.Context, q querier, text string, row func(scan func(dest ...any) error) error) error {
	text, args := s.finish(text)
	return q.Query(ctx, text, args, row)
}

// finish numbers the placeholders of text anew, in the order in which they stand.
func (s *statement) finish(text string) (string, []any) {
	var b strings.Builder
	var args []any
	numbers := make([]int, len(s.args)+1)
	for {
		before, rest, ok := strings.Cut(text, "$")
		b.WriteString(before)
		if !ok {
			return b.String(), args
		}
		digits := 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, _ := strconv.Atoi(rest[:digits]) // bind wrote it
		if numbers[n] == 0 {
			args = append(args, s.args[n-1])
			numbers[n] = len(args)
		}
		b.WriteString("$" + strconv.Itoa(numbers[n]))
		text = rest[digits:]
	}
}

// numbers tests a column against one of the values. A list is one argument, whatever its length.
func (s *statement) numbers(column string, values []int64) string {
	if len(values) == 1 {
		return column + " = " + s.bind(values[0])
	}
	return s.store.db.In(column, s.bind(s.store.db.List(values)), values)
}

func (s *statement) texts(column string, values []string) string {
	if len(values) == 1 {
		return column + " = " + s.bind(values[0])
	}
	return s.store.db.In(column, s.bind(s.store.db.List(values)), values)
}

// exists tests for a row without letting a planner make a join of it: the candidates drive, this is a look-up.
func exists(table, where string) string {
	return "EXISTS (SELECT 1 FROM " + table + " WHERE " + where + " LIMIT 1 OFFSET 0)"
}

// plain and plainText are a column that no index serves. A look-up among the values of one resource goes by its row: a planner
// that thinks the table small would rather walk all values of the parameter.
func plain(column string) string { return "+" + column }

func plainText(column string) string { return "(" + column + " || '')" }

func columns(alias string, names []string) string {
	return alias + "." + strings.Join(names, ", "+alias+".")
}

const nothing = "1 = 0"

// any of the conditions; none is nothing.
func anyOf(conditions []string) string {
	switch len(conditions) {
	case 0:
		return nothing
	case 1:
		return conditions[0]
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

// allOf the conditions; none holds always.
func allOf(conditions []string) string {
	if len(conditions) == 0 {
		return "1 = 1"
	}
	return strings.Join(conditions, " AND ")
}
