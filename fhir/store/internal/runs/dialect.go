package runs

import (
	"fmt"
	"strconv"
	"strings"
)

// Dialect is where the SQL of the two databases differs.
type Dialect interface {
	// Rows is a table named alias whose columns of numbers are bound, as arguments from $first on. All have the same length.
	Rows(alias string, first int, columns ...Column) (table string, args []any)
	// Blob is a parameter that is bound to bytes.
	Blob(parameter string) string
}

// Column is a column of numbers.
type Column struct {
	Name   string
	Values []int64
}

// Arrays binds each column as an array, as PostgreSQL has them.
type Arrays struct{}

// Rows is one unnest.
func (Arrays) Rows(alias string, first int, columns ...Column) (table string, args []any) {
	parameters, names := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		parameters[i], names[i] = fmt.Sprintf("$%d::bigint[]", first+i), c.Name
		args = append(args, c.Values)
	}
	return fmt.Sprintf("unnest(%s) AS %s (%s)", strings.Join(parameters, ", "), alias, strings.Join(names, ", ")), args
}

// Blob is told its type: it may stand where a text could.
func (Arrays) Blob(parameter string) string { return parameter + "::bytea" }

// JSON binds all columns as one text, for SQLite, which has no arrays.
type JSON struct{}

// Rows lists an array of arrays.
func (JSON) Rows(alias string, first int, columns ...Column) (table string, args []any) {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = fmt.Sprintf("value->>%d AS %s", i, c.Name)
	}
	text := []byte{'['}
	for row := range columns[0].Values {
		text = append(comma(text, row > 0), '[')
		for i, c := range columns {
			text = strconv.AppendInt(comma(text, i > 0), c.Values[row], 10)
		}
		text = append(text, ']')
	}
	text = append(text, ']')
	return fmt.Sprintf("(SELECT %s FROM json_each($%d)) AS %s", strings.Join(names, ", "), first, alias), []any{string(text)}
}

func comma(text []byte, wanted bool) []byte {
	if wanted {
		return append(text, ',')
	}
	return text
}

// Blob has its type from what is bound.
func (JSON) Blob(parameter string) string { return parameter }

// column makes one of what f takes from each row.
func column[T any](name string, rows []T, f func(*T) int64) Column {
	c := Column{name, make([]int64, len(rows))}
	for i := range rows {
		c.Values[i] = f(&rows[i])
	}
	return c
}
