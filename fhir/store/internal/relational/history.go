package relational

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// History answers one page of versions, newest first: of each type one walk of the index by lastUpdated for its current
// versions and one for the past ones, merged. No two versions share a lastUpdated and none changes it, so a page that goes on
// below the last one shows each version once, whatever is written meanwhile.
func (s *Store) History(ctx context.Context, q store.HistoryQuery, by store.Caller) (store.HistoryPage, error) {
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	page, err := s.historyPage(ctx, q, by)
	if err == nil && q.ID != "" && len(page.Versions) == 0 {
		_, err = s.current(ctx, by.Access(q.Type), q.Type, q.ID)
	}
	return page, s.failure(ctx, err)
}

func (s *Store) historyPage(ctx context.Context, q store.HistoryQuery, by store.Caller) (store.HistoryPage, error) {
	page := store.HistoryPage{Total: -1}
	before, err := s.openHistory(q, by.ID)
	if err != nil {
		return page, err
	}
	w := s.historyWalk(q, before)
	for _, t := range s.historyTypes(q) {
		if err := w.add(t, by.Access(t)); err != nil {
			return page, err
		}
	}
	if len(w.arms) == 0 {
		return page, nil
	}
	if page.Versions, err = w.versions(ctx); err != nil || len(page.Versions) <= q.Count {
		return page, err
	}
	page.Versions = page.Versions[:q.Count]
	page.Next, err = s.sealHistory(q, by.ID, page.Versions[q.Count-1].LastUpdated)
	return page, err
}

func (s *Store) historyTypes(q store.HistoryQuery) []string {
	if q.Type != "" {
		return []string{q.Type}
	}
	var all []string
	for _, t := range s.registry.Types() {
		all = append(all, t.Name)
	}
	return all
}

// historyWalk puts one statement together. An arm selects row, version and lastUpdated of the newest versions of one table
// and type.
type historyWalk struct {
	*statement
	query store.HistoryQuery
	arms  []string
	// placeholders
	before, since, from, limit string
}

func (s *Store) historyWalk(q store.HistoryQuery, before int64) *historyWalk {
	w := &historyWalk{statement: s.statement(), query: q}
	if !q.To.IsZero() {
		before = min(before, q.To.UnixMicro()+1)
	}
	w.before, w.since = w.bind(before), w.bind(q.Since.UnixMicro())
	w.from, w.limit = w.bind(q.From.UnixMicro()), w.bind(q.Count+1)
	return w
}

// add walks what a filter covers of a type. A past version is covered itself, and so is the current one.
func (w *historyWalk) add(resourceType string, f search.Filter) error {
	if len(f.Grants) == 0 {
		return nil
	}
	typeID, err := w.store.catalog.typeID(resourceType)
	if err != nil {
		return err
	}
	current, err := w.visible(f, "r", false)
	if err != nil {
		return err
	}
	past, err := w.visible(f, "h", true)
	if err != nil {
		return err
	}
	ofType := "r.type = " + w.bind(typeID)
	if w.query.ID != "" {
		w.of("resource r", ofType+" AND r.id = "+w.bind(w.query.ID)+" AND "+current, past)
		return nil
	}
	if w.ofPatients(resourceType, ofType, f, current, past) {
		return nil
	}
	w.arm("r.last_updated", "resource r", ofType, current)
	if past != nothing {
		w.arm("h.last_updated", "resource_history h CROSS JOIN resource r", strings.Replace(ofType, "r.", "h.", 1),
			w.replaced(), past, "r.row = h.row", current)
	}
	return nil
}

// ofPatients walks the data of a few patients, which is little of what there is, for callers who see nothing else.
func (w *historyWalk) ofPatients(resourceType, ofType string, f search.Filter, current, past string) bool {
	var patients []string
	for _, g := range f.Grants {
		patients = append(patients, g.Patient)
	}
	posted, err := w.store.catalog.postingNamed(resourceType, patientParam)
	if err != nil || slices.Contains(patients, "") {
		return false
	}
	var hashes []int64
	for _, p := range patients {
		hashes = append(hashes, search.Hash(p))
	}
	w.of("posting d CROSS JOIN resource r",
		"d.param = "+w.bind(posted.id)+" AND "+w.numbers("d.hash", hashes)+" AND r.row = d.row AND "+current, past)
	w.of("resource r", ofType+" AND r.deleted = 1 AND "+w.texts("r.patient", patients)+" AND "+current, past)
	return true
}

// of walks all versions of a few resources.
func (w *historyWalk) of(from, resources, past string) {
	w.arm(plain("r.last_updated"), from, resources)
	w.arm(plain("h.last_updated"), from+" CROSS JOIN resource_history h", resources, "h.row = r.row", w.replaced(), past)
}

// replaced is the condition that a past version was still current at some time from which on versions are wanted.
func (w *historyWalk) replaced() string { return "h.replaced > " + w.from }

// arm selects in the order of a time, r's or h's.
func (w *historyWalk) arm(time, from string, where ...string) {
	where = append(where, time+" < "+w.before, time+" >= "+w.since)
	alias, _, _ := strings.Cut(strings.TrimPrefix(time, "+"), ".")
	w.arms = append(w.arms, fmt.Sprintf(`SELECT %[1]s.row AS row, %[1]s.version AS version, %[1]s.last_updated AS at
		FROM %[2]s WHERE %[3]s ORDER BY %[4]s DESC LIMIT %[5]s`, alias, from, allOf(where), time, w.limit))
}

// versions reads the newest of all arms, one more than the page holds if there are as many.
func (w *historyWalk) versions(ctx context.Context) ([]store.Version, error) {
	for i := range w.arms {
		w.arms[i] = fmt.Sprintf("SELECT a%d.* FROM (%s) a%[1]d", i, w.arms[i])
	}
	text := fmt.Sprintf(`SELECT r.type, r.id, c.version, c.at, COALESCE(h.deleted, r.deleted), COALESCE(h.patient, r.patient),
			COALESCE(h.body, r.body),
			CASE WHEN c.version = 1 OR %s THEN 1 ELSE 0 END
		FROM (SELECT u.* FROM (%s) u ORDER BY u.at DESC LIMIT %s) c CROSS JOIN resource r
		LEFT JOIN resource_history h ON h.row = c.row AND h.version = c.version
		WHERE r.row = c.row ORDER BY c.at DESC`,
		exists("resource_history p", "p.row = c.row AND p.version = c.version - 1 AND p.deleted = 1"),
		strings.Join(w.arms, " UNION ALL "), w.limit)
	var all []store.Version
	err := w.statement.query(ctx, w.store.db, text, func(scan func(...any) error) error {
		v, err := w.scan(scan)
		all = append(all, v)
		return err
	})
	return all, err
}

func (w *historyWalk) scan(scan func(...any) error) (store.Version, error) {
	var r record
	var deleted, made int64
	err := scan(&r.typeID, &r.id, &r.version, &r.lastUpdated, &deleted, &r.patient, (*unpacked)(&r.body), &made)
	r.resourceType, r.deleted = w.store.catalog.names[r.typeID], deleted != 0
	return store.Version{Resource: r.resource(), Made: made != 0}, err
}

// historySeal returns the cipher of one caller's cursors of one history.
func (s *Store) historySeal(q store.HistoryQuery, callerID string) (cipher.AEAD, error) {
	asked, err := json.Marshal([]any{"history", q.Type, q.ID, q.Since.UTC(), q.From.UTC(), q.To.UTC(), callerID})
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, s.seal)
	mac.Write(asked)
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// sealHistory makes the cursor of a page that ends at a version.
func (s *Store) sealHistory(q store.HistoryQuery, callerID string, at time.Time) (string, error) {
	aead, err := s.historySeal(q, callerID)
	if err != nil {
		return "", err
	}
	plain := binary.BigEndian.AppendUint64(nil, uint64(at.UnixMicro())) //nolint:gosec // the bits, whatever their sign
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, nil)), nil
}

// openHistory returns the lastUpdated that the versions of a page lie before.
func (s *Store) openHistory(q store.HistoryQuery, callerID string) (int64, error) {
	if q.Page == "" {
		return math.MaxInt64, nil
	}
	if len(q.Page) > maxCursor {
		return 0, store.ErrCursor
	}
	aead, err := s.historySeal(q, callerID)
	if err != nil {
		return 0, err
	}
	sealed, wrong := base64.RawURLEncoding.DecodeString(q.Page)
	plain, broken := aead.Open(nil, nil, sealed, nil)
	if err := cmp.Or(wrong, broken); err != nil || len(plain) != 8 {
		return 0, fmt.Errorf("%w: %w", store.ErrCursor, err)
	}
	return int64(binary.BigEndian.Uint64(plain)), nil //nolint:gosec // as above
}

func historyColumns(rows []pastRow) []Column {
	bodies := make([]*record, len(rows))
	for i, r := range rows {
		bodies[i] = r.record
	}
	return []Column{
		ints("row", rows, func(r pastRow) int64 { return r.row }),
		ints("type", rows, func(r pastRow) int64 { return r.typeID }),
		ints("version", rows, func(r pastRow) int64 { return r.version }),
		ints("last_updated", rows, func(r pastRow) int64 { return r.lastUpdated }),
		ints("replaced", rows, func(r pastRow) int64 { return r.replaced }),
		ints("deleted", rows, func(r pastRow) int64 { return flag(r.deleted) }),
		texts("patient", rows, func(r pastRow) string { return r.patient }),
		texts("owners", rows, func(r pastRow) string { return r.owners }),
		blobs("body", bodies),
	}
}
