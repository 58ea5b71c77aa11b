package relational

import (
	"context"
	"fmt"
	"strings"
)

// plan is how one statement finds the candidates of a page: what it walks, and the conditions on each.
type plan struct {
	statement    *statement
	resourceType string
	driver       *driver
	conditions   []string // on r, the filter among them
	keys         []sortKey
	sorted       bool // by _sort, not in time order
	walkSort     bool // the index of the one sort key is walked, since every driver has too many to sort
}

// plan compiles the query and chooses the driver by counting.
func (p *page) plan(ctx context.Context) (*plan, error) {
	if err := p.resolve(ctx); err != nil {
		return nil, err
	}
	s := p.store.statement()
	drivers, err := s.drivers(p.query.Type, p.resolved.terms, p.filter)
	if err != nil {
		return nil, err
	}
	keys, err := s.order(p.query, p.back)
	if err != nil {
		return nil, err
	}
	conditions, err := p.conditions(s)
	if err != nil {
		return nil, err
	}
	pl := &plan{statement: s, resourceType: p.query.Type, conditions: conditions, keys: keys, sorted: len(p.query.Sort) > 0}
	return pl, pl.choose(ctx, p.source, drivers)
}

// conditions is what holds for every match: it is not deleted, the filter covers it, each term holds.
func (p *page) conditions(s *statement) ([]string, error) {
	covered, err := s.visible(p.filter, "r", false)
	if err != nil {
		return nil, err
	}
	all := []string{"r.deleted = 0", covered}
	for _, t := range p.resolved.terms {
		all = append(all, s.term(t))
	}
	return all, nil
}

// choose settles the driver. Few candidates are sorted, whatever the order; many are walked in the order of the page.
func (pl *plan) choose(ctx context.Context, q querier, drivers []*driver) error {
	whole := drivers[len(drivers)-1]
	others := drivers[:len(drivers)-1]
	if len(others) == 1 && others[0].ordered() && !pl.sorted {
		pl.driver = others[0] // nothing to choose
		return nil
	}
	if pl.driver = choose(others); pl.driver != nil {
		return nil
	}
	if err := pl.count(ctx, q, others); err != nil {
		return err
	}
	switch {
	case pl.driver != nil:
	case !pl.sorted:
		pl.driver = rarest(drivers)
	default:
		pl.driver, pl.walkSort = whole, len(pl.keys) == 1
	}
	return nil
}

// count counts the candidates of drivers, and settles for one with few. What is asked for goes before what the caller may see, which is
// most often much more, and is not counted where the former are few.
func (pl *plan) count(ctx context.Context, q querier, drivers []*driver) error {
	var asked, seen []*driver
	for _, d := range drivers {
		if d.access {
			seen = append(seen, d)
		} else {
			asked = append(asked, d)
		}
	}
	for _, some := range [][]*driver{asked, seen} {
		if len(some) == 0 {
			continue
		}
		if err := pl.statement.estimate(ctx, q, some); err != nil {
			return err
		}
		if d := choose(asked); d != nil && d.count <= pl.statement.store.limits.Few {
			pl.driver = d
			return nil
		}
	}
	pl.driver = choose(drivers)
	return nil
}

// candidates selects row and keys of the first candidates behind from.
func (pl *plan) candidates(from *position, limit int) string {
	if pl.sorted {
		return pl.sortedCandidates(from, limit)
	}
	arms := make([]string, len(pl.driver.arms))
	for i, a := range pl.driver.arms {
		arms[i] = pl.newest(a, from, limit)
	}
	if len(arms) == 1 {
		return arms[0]
	}
	for i := range arms {
		arms[i] = fmt.Sprintf("SELECT a%d.row, a%[1]d.k0 FROM (%s) a%[1]d", i, arms[i])
	}
	return fmt.Sprintf("SELECT u.row, u.k0 FROM (%s) u ORDER BY u.k0%s, u.row%[2]s LIMIT %s",
		strings.Join(arms, " UNION "), ascending(pl.keys[0].down()), pl.statement.bind(limit))
}

// newest walks one arm in time order. One that comes in another order is sorted; a planner that would rather walk the whole type in
// time order, in hope of the limit, is not given the index for it.
func (pl *plan) newest(a arm, from *position, limit int) string {
	distinct, key, row := "", a.clock+".time_key", a.clock+".row"
	if a.clock == "" {
		distinct, key, row = "DISTINCT ", plain("r.time_key"), "r.row"
	}
	where := append(pl.where(a), pl.behind(key, row, from)...)
	return fmt.Sprintf("SELECT %s%s AS row, %s AS k0 FROM %s WHERE %s ORDER BY %[3]s%[6]s, %[2]s%[6]s LIMIT %[7]s",
		distinct, row, key, a.from, allOf(where), ascending(pl.keys[0].down()), pl.statement.bind(limit))
}

func (pl *plan) where(a arm) []string {
	return append(append([]string{}, a.where...), pl.conditions...)
}

// behind is the condition of standing behind a position in an index that is in the order of the one key.
func (pl *plan) behind(column, row string, from *position) []string {
	if from == nil {
		return nil
	}
	return []string{fmt.Sprintf("(%s, %s)%s(%s, %s)", column, row, direction(pl.keys),
		pl.statement.bind(from.keys[0]), pl.statement.bind(from.row))}
}

// sortedCandidates evaluates the keys of all candidates and sorts them.
func (pl *plan) sortedCandidates(from *position, limit int) string {
	var arms []string
	for _, a := range pl.driver.arms {
		arms = append(arms, fmt.Sprintf("SELECT r.row AS row%s FROM %s WHERE %s", pl.keyColumns(), a.from, allOf(pl.where(a))))
	}
	where := ""
	if from != nil {
		where = " WHERE " + pl.statement.after(from, pl.keys, "s")
	}
	all := strings.Join(arms, " UNION ")
	if len(arms) == 1 && pl.driver.arms[0].clock == "" {
		all = strings.Replace(all, "SELECT", "SELECT DISTINCT", 1)
	}
	return fmt.Sprintf("SELECT s.* FROM (%s) s%s ORDER BY %s LIMIT %s", all, where, orderBy(pl.keys, "s"), pl.statement.bind(limit))
}

func (pl *plan) keyColumns() string {
	var b strings.Builder
	for i, k := range pl.keys {
		fmt.Fprintf(&b, ", %s AS k%d", k.expression, i)
	}
	return b.String()
}

// withValue walks the index of the sort key.
func (pl *plan) withValue(from *position, limit int) string {
	k := pl.keys[0]
	a, column, alias := pl.driver.arms[0], k.expression, "r"
	switch {
	case k.table != "":
		a, column, alias = pl.valuesOf(k), "d."+k.column, "d"
	case k.present != "":
		column = k.column
	}
	where := append(pl.where(a), pl.behind(column, alias+".row", from)...)
	if k.present != "" {
		where = append(where, k.present)
	}
	return fmt.Sprintf("SELECT %[1]s.row AS row, %[2]s AS k0 FROM %[3]s WHERE %[4]s ORDER BY %[2]s%[5]s, %[1]s.row%[5]s LIMIT %[6]s",
		alias, column, a.from, allOf(where), ascending(k.down()), pl.statement.bind(limit))
}

// valuesOf walks the table of a sort key, where a resource counts once: by its least value, or its greatest.
func (pl *plan) valuesOf(k sortKey) arm {
	other := "e.row = d.row AND +e.param = d.param AND " + k.sortable("e")
	more := " < "
	if k.desc {
		more = " > "
	}
	where := []string{"d.param = " + pl.statement.bind(k.param), k.sortable("d"), "r.row = d.row",
		"NOT " + exists(k.table+" e", other+" AND "+k.value("e")+more+"d."+k.column)}
	if k.kind != keyText { // two intervals may start together
		where = append(where, "NOT "+exists(k.table+" e", other+" AND +e.low = d.low AND +e.high < d.high"))
	}
	return arm{from: k.table + " d CROSS JOIN resource r", where: where}
}

// withoutValue walks what the sort key has no value for, in row order.
func (pl *plan) withoutValue(from *position, limit int) string {
	k := pl.keys[0]
	kind := map[keyKind]string{keyNumber: "BIGINT", keyText: "TEXT", keyFloat: "DOUBLE PRECISION"}[k.kind]
	absent := "NOT (" + k.present + ")"
	if k.table != "" {
		absent = "NOT " + exists(k.table+" o", "o.row = r.row AND +o.param = "+pl.statement.bind(k.param)+" AND "+k.sortable("o"))
	}
	where := append(pl.where(pl.driver.arms[0]), absent)
	if from != nil {
		where = append(where, "r.row"+direction(pl.keys)+pl.statement.bind(from.row))
	}
	return fmt.Sprintf("SELECT r.row AS row, CAST(NULL AS %s) AS k0 FROM resource r WHERE %s ORDER BY r.row%s LIMIT %s",
		kind, allOf(where), ascending(k.down()), pl.statement.bind(limit))
}
