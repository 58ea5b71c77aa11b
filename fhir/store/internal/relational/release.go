package relational

import (
	"context"
	"math"
	"strconv"
	"strings"
	"time"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

const reportType = "DiagnosticReport"

// When something is released, microseconds since 1970 UTC, beside times: never; expressly, and so whatever its labels say; and since ever, as
// what belongs to no report.
const (
	never  = math.MaxInt64
	always = -math.MaxInt64 // the least integer has no literal in PostgreSQL
	free   = always + 1
)

// belong records when a report was issued, and what belongs to it. A deletion changes nothing: what belonged to a report must not come to
// light by it. What it says is removed by its row, since of what was deleted nobody knows it any more.
func (u *unit) belong(old, r *record) error {
	if r.deleted || !search.Holds(r.resourceType) {
		return nil
	}
	if old != nil && (old.deleted || len(search.Parts(old.resource())) > 0) {
		u.pending.goneParts = append(u.pending.goneParts, old.row)
	}
	if old != nil && r.resourceType == reportType {
		u.pending.goneReleases = append(u.pending.goneReleases, old.row)
	}
	return u.pending.belong(u.store, r)
}

func (c *changes) belong(s *Store, r *record) error {
	if !search.Holds(r.resourceType) {
		return nil
	}
	res := r.resource()
	if r.resourceType == reportType {
		at, signed := search.Issued(res)
		if !signed {
			at = never
		}
		c.releases = append(c.releases, releaseRow{r.id, at, r.row})
	}
	for _, p := range search.Parts(res) {
		row := partRow{of: referenceOf(p.Part), holder: referenceOf(p.Holder), row: r.row}
		for i, one := range []reference{row.of, row.holder} {
			id, err := s.catalog.typeID(one.resourceType)
			if err != nil {
				return err
			}
			row.types[i] = id
		}
		c.parts = append(c.parts, row)
	}
	return nil
}

func referenceOf(text string) reference {
	resourceType, id, _ := strings.Cut(text, "/")
	return reference{resourceType, id}
}

// released is that a report, or the first of those that a resource belongs to, is released; what belongs to none is.
func (s *statement) released(r *search.Release, alias string) (string, error) {
	since, last := s.reportRelease(alias), s.bind(latest(r.Hold, time.Now()))
	come := since + " <= " + last
	if !r.Report {
		report, err := s.store.catalog.typeID(reportType)
		if err != nil {
			return "", err
		}
		since = s.partRelease(alias, report)
		come = "(" + s.resultRelease(alias, report, last) + " OR " + since + " <= " + last + ")"
	}
	conditions, err := s.clauses(nil, r.Where)
	if err != nil {
		return "", err
	}
	conditions = append(conditions, come)
	return "(" + allOf(conditions) + " OR " + since + " = " + strconv.Itoa(always) + ")", nil
}

// latest is when a report was issued at the latest that is released now.
func latest(hold time.Duration, now time.Time) int64 {
	switch hold {
	case 0:
		return never - 1
	case search.Held:
		return free
	}
	return now.Add(-hold).UnixMicro()
}

// releasedSince is when the report of release s with the decision d is released. One that is not known of, which was written before there
// were releases or is still to come, is released where none is held.
var releasedSince = strings.NewReplacer("NEVER", strconv.Itoa(never), "ALWAYS", strconv.Itoa(always), "UNKNOWN", strconv.Itoa(never-1)).Replace(
	"CASE WHEN s.issued = NEVER THEN NEVER WHEN d.released = 1 THEN ALWAYS WHEN d.released = 0 THEN NEVER ELSE COALESCE(s.issued, UNKNOWN) END")

const withRelease = " LEFT JOIN release s ON s.report = up.id LEFT JOIN decision d ON d.report = up.id"

func (s *statement) reportRelease(alias string) string {
	return "(SELECT " + releasedSince + " FROM (SELECT " + alias + ".id AS id) up" + withRelease + ")"
}

// resultRelease is that a report which names the resource itself is released: of most, that is enough to know, and told in half the time.
func (s *statement) resultRelease(alias string, report int64, last string) string {
	return exists("part up"+strings.ReplaceAll(withRelease, "up.id", "up.holder"), "up.type = "+alias+".type AND up.id = "+alias+".id AND up.holder_type = "+
		s.bind(report)+" AND "+releasedSince+" <= "+last)
}

// partRelease looks from a resource to what it belongs to, and from that on. UNION ends circles.
func (s *statement) partRelease(alias string, report int64) string {
	return "(WITH RECURSIVE up(type, id) AS (SELECT p.holder_type, p.holder FROM part p WHERE p.type = " + alias + ".type AND p.id = " + alias + ".id" +
		" UNION SELECT p.holder_type, p.holder FROM up JOIN part p ON p.type = up.type AND p.id = up.id)" +
		" SELECT COALESCE(MIN(" + releasedSince + "), " + strconv.Itoa(free) + ") FROM up" + withRelease + " WHERE up.type = " + s.bind(report) + ")"
}

// Decide implements store.Tx.
func (u *unit) Decide(ctx context.Context, d store.Decision) (changed bool, err error) {
	if r, err := u.lookup(ctx, reference{reportType, d.Report}); err != nil || r == nil || r.deleted {
		if err == nil {
			err = store.ErrNotFound
		}
		return false, err
	}
	released := int64(-1)
	err = u.Query(ctx, "SELECT released FROM decision WHERE report = $1", []any{d.Report}, func(scan func(...any) error) error { return scan(&released) })
	if err != nil || released == flag(d.Released) {
		return false, err
	}
	_, err = u.Exec(ctx, `INSERT INTO decision (report, released, made_by, made_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (report) DO UPDATE SET released = excluded.released, made_by = excluded.made_by, made_at = excluded.made_at`,
		d.Report, flag(d.Released), d.By, d.At.UnixMicro())
	return err == nil, err
}
