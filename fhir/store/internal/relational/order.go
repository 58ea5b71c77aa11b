package relational

import (
	"fmt"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// sortKey is one key of the order that a page is in. A resource without a value comes last in either direction. One with
// several counts with its least when ascending and its greatest when descending.
type sortKey struct {
	expression string // on resource r
	desc       bool
	back       bool // the page is walked against the order, to find the one before
	kind       keyKind
	nullable   bool
	own        *search.Sort // there is no index in this order: see sorted.go
	table      string       // of an index in the order of this key, with param and row; empty when resource has it
	column     string
	param      int64
	present    string // the condition of having a value, where the table is resource itself
}

// down reports whether the key's values fall as the walk goes.
func (k sortKey) down() bool { return k.desc != k.back }

// keyKind is the type of a key's values.
type keyKind int

const (
	keyNumber keyKind = iota // int64
	keyText
	keyFloat
)

// sortable is the condition that a row of the key's table, by its alias, is one to sort by.
func (k sortKey) sortable(alias string) string {
	switch k.kind {
	case keyText:
		return alias + ".whole = 1"
	case keyFloat:
		return plain(alias+".unit") + " = 0"
	}
	return "1 = 1"
}

// order returns the keys of a query. Resources that are equal in all of them stand in row order, reversed when the first
// key is descending; where that is the clinical time, when it is ascending, so that newest first is the order without _sort.
func (s *statement) order(q search.Query, back bool) ([]sortKey, error) {
	if len(q.Sort) == 0 {
		return []sortKey{{expression: "r.time_key", back: back}}, nil
	}
	var keys []sortKey
	for _, o := range q.Sort {
		k, err := s.sortKey(o)
		if err != nil {
			return nil, err
		}
		k.back = back
		keys = append(keys, k)
	}
	return keys, nil
}

func (s *statement) sortKey(o search.Sort) (sortKey, error) {
	switch o.By {
	case "_id":
		return sortKey{expression: "r.id", desc: o.Desc, kind: keyText}, nil
	case "_lastUpdated":
		return sortKey{expression: "r.last_updated", desc: o.Desc}, nil
	}
	p, err := s.store.catalog.posting(o.Param)
	if err != nil {
		return sortKey{}, err
	}
	if s.store.catalog.isClock(o.Param) {
		return s.clockKey(p, o.Desc), nil
	}
	k := sortKey{desc: o.Desc, nullable: true, param: p.id}
	switch o.Param.Kind {
	case fhir.KindString:
		k.table, k.column, k.kind = "string_posting", "text", keyText
	case fhir.KindDate:
		k.table, k.column = "date_posting", "low"
	case fhir.KindNumber, fhir.KindQuantity:
		k.table, k.column, k.kind = "number_posting", "low", keyFloat
	default:
		k.own, k.kind = &o, keyText
		return k, nil
	}
	least := "MIN"
	if o.Desc {
		least = "MAX"
	}
	k.expression = fmt.Sprintf("(SELECT %s(o.%s) FROM %s o WHERE o.row = r.row AND +o.param = %s AND %s)",
		least, k.column, k.table, s.bind(p.id), k.sortable("o"))
	return k, nil
}

// clockKey sorts by the clinical time, whose key in the row is negated: newest first is the order of the index, rows among equal
// times included.
func (s *statement) clockKey(p param, desc bool) sortKey {
	return sortKey{desc: !desc, nullable: true, column: "r.time_key", present: s.present(p, "r"),
		expression: fmt.Sprintf("(CASE WHEN %s THEN r.time_key END)", s.present(p, "r"))}
}

// value is the key's column in its table, out of reach of an index.
func (k sortKey) value(alias string) string {
	if k.kind == keyText {
		return plainText(alias + "." + k.column)
	}
	return plain(alias + "." + k.column)
}

// position is where a page ends: the values of its keys (nil for none) and the row.
type position struct {
	keys []any
	row  int64
	back bool // the page lies before it
}

// after is the condition that a candidate with key columns k0, k1... stands behind p in the order.
func (s *statement) after(p *position, keys []sortKey, alias string) string {
	text := alias + ".row" + direction(keys) + s.bind(p.row)
	for i := len(keys) - 1; i >= 0; i-- {
		column := fmt.Sprintf("%s.k%d", alias, i)
		text = s.behind(column, keys[i], p.keys[i], text)
	}
	return text
}

// behind is "column comes after value, or is equal to it and the rest holds".
func (s *statement) behind(column string, k sortKey, value any, rest string) string {
	switch {
	case value == nil && k.back:
		return fmt.Sprintf("(%s IS NOT NULL OR %s)", column, rest)
	case value == nil:
		return fmt.Sprintf("(%s IS NULL AND %s)", column, rest)
	}
	operator, v := " > ", s.bind(value)
	if k.down() {
		operator = " < "
	}
	text := fmt.Sprintf("%s%s%s OR (%s = %s AND %s)", column, operator, v, column, v, rest)
	if k.nullable && !k.back {
		text += " OR " + column + " IS NULL"
	}
	return "(" + text + ")"
}

func direction(keys []sortKey) string {
	if keys[0].down() {
		return " < "
	}
	return " > "
}

// orderBy writes the order of candidates with key columns k0, k1...
func orderBy(keys []sortKey, alias string) string {
	var all []string
	for i, k := range keys {
		column := fmt.Sprintf("%s.k%d", alias, i)
		if k.nullable {
			all = append(all, "("+column+" IS NULL)"+ascending(k.back))
		}
		all = append(all, column+ascending(k.down()))
	}
	return strings.Join(append(all, alias+".row"+ascending(keys[0].down())), ", ")
}

func ascending(desc bool) string {
	if desc {
		return " DESC"
	}
	return ""
}
