package archive_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite"
	"pgregory.net/rapid"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store/postgres/pgtest"
)

// transaction is an archive.SQL on database/sql.
type transaction struct{ *sql.Tx }

func (t transaction) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := t.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (t transaction) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	rows, err := t.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// indexContract is what the index keeps on every database.
func indexContract(t *testing.T, db *sql.DB) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, db *sql.DB)
	}{
		{"gives back what was added", givesBack},
		{"tells outcomes", tellsOutcomes},
		{"conflict across studies", conflictsAcrossStudies},
		{"owners are all kept", keepsOwners},
		{"large batch", addsLargeBatch},
		{"objects elsewhere", keepsRemote},
		{"refuses unfit instances", refusesUnfit},
		{"order and grouping do not matter", ignoresOrder},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, db) })
	}
}

func TestIndexOnSQLite(t *testing.T) { indexContract(t, openSQLite(t, t.TempDir())) }

func openSQLite(tb testing.TB, dir string) *sql.DB {
	return migrated(tb, "sqlite", filepath.Join(dir, "index.db"), goose.DialectSQLite3)
}

func TestIndexOnPostgreSQL(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs PostgreSQL; run make test")
	}
	indexContract(t, migrated(t, "pgx", pgtest.Start(t), goose.DialectPostgres))
}

func migrated(tb testing.TB, driver, at string, dialect goose.Dialect) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driver, at)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	provider, err := goose.NewProvider(dialect, db, archive.Schema())
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := provider.Up(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return db
}

// within runs fn in a transaction that is rolled back, so that tests share a database.
func within(t interface {
	Helper()
	Fatal(...any)
	Context() context.Context
}, db *sql.DB, fn func(tx archive.SQL)) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	fn(transaction{tx})
}

// instance makes an instance whose object is known by its number alone.
func instance(study, series, sop, object int) archive.Instance {
	return archive.Instance{
		StudyInstanceUID:  fmt.Sprintf("2.25.1.%d", study),
		SeriesInstanceUID: fmt.Sprintf("2.25.1.%d.%d", study, series),
		SOPInstanceUID:    fmt.Sprintf("2.25.2.%d", sop),
		SOPClassUID:       "1.2.840.10008.5.1.4.1.1.2",
		Object:            archive.Digest{byte(object >> 8), byte(object)},
		Size:              int64(object),
		Context:           []byte(strings.Repeat(fmt.Sprintf("context of %d.%d ", study, series), 20)),
		Header:            fmt.Appendf(nil, "header of %d", object),
	}
}

func stored(i archive.Instance) archive.Instance {
	if i.Owners == nil {
		i.Owners = []string{i.Owner}
	}
	return i
}

func add(t *testing.T, tx archive.SQL, list ...archive.Instance) []archive.Outcome {
	t.Helper()
	outcomes, err := archive.Add(t.Context(), tx, list)
	if err != nil {
		t.Fatal(err)
	}
	return outcomes
}

func wantStudy(t *testing.T, tx archive.SQL, study int, want ...archive.Instance) {
	t.Helper()
	got, err := archive.Study(t.Context(), tx, fmt.Sprintf("2.25.1.%d", study))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("study %d (-want +got):\n%s", study, diff)
	}
}

func givesBack(t *testing.T, db *sql.DB) {
	within(t, db, func(tx archive.SQL) {
		a, b, c := instance(1, 1, 10, 100), instance(1, 2, 9, 101), instance(2, 1, 11, 102)
		a.Owner, a.Source, a.Header = "Organization/больница", "CT_АПП", []byte{0, 255, 1}
		b.Header = []byte{}
		add(t, tx, a, b, c)
		wantStudy(t, tx, 1, stored(a), stored(b)) // "2.25.2.10" sorts before "2.25.2.9"
		wantStudy(t, tx, 2, stored(c))
		wantStudy(t, tx, 3)
	})
}

func tellsOutcomes(t *testing.T, db *sql.DB) {
	within(t, db, func(tx archive.SQL) {
		low, high, other := instance(1, 1, 1, 5), instance(1, 1, 1, 6), instance(1, 1, 2, 7)
		got := add(t, tx, high, high, low, other)
		got = append(got, add(t, tx, low, high)...)
		want := []archive.Outcome{archive.New, archive.Duplicate, archive.Conflict, archive.New, archive.Duplicate, archive.Duplicate}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		wantStudy(t, tx, 1, stored(low), stored(other))
		held, err := archive.Conflicts(t.Context(), tx, "2.25.1.1")
		if diff := cmp.Diff([]archive.Instance{stored(high)}, held); err != nil || diff != "" {
			t.Errorf("Conflicts: %v\n%s", err, diff)
		}
	})
}

func conflictsAcrossStudies(t *testing.T, db *sql.DB) {
	within(t, db, func(tx archive.SQL) {
		here, there := instance(1, 1, 1, 6), instance(2, 1, 1, 5)
		got := append(add(t, tx, here), add(t, tx, there)...)
		if diff := cmp.Diff([]archive.Outcome{archive.New, archive.Conflict}, got); diff != "" {
			t.Error(diff)
		}
		wantStudy(t, tx, 1)
		wantStudy(t, tx, 2, stored(there))
		touched, err := archive.Studies(t.Context(), tx, []string{here.SOPInstanceUID, "2.25.99"})
		if diff := cmp.Diff([]string{"2.25.1.1", "2.25.1.2"}, touched); err != nil || diff != "" {
			t.Errorf("Studies: %v\n%s", err, diff)
		}
	})
}

func keepsOwners(t *testing.T, db *sql.DB) {
	within(t, db, func(tx archive.SQL) {
		a, b, again := instance(1, 1, 1, 5), instance(1, 1, 1, 5), instance(1, 1, 1, 5)
		a.Owner, b.Owner, again.Owner, again.Source = "Organization/a", "Organization/b", "Organization/b", "AE"
		got := add(t, tx, b, a, again, b)
		want := []archive.Outcome{archive.New, archive.Resubmitted, archive.Resubmitted, archive.Duplicate}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		a.Owners = []string{"Organization/a", "Organization/b"}
		wantStudy(t, tx, 1, a)
	})
}

func addsLargeBatch(t *testing.T, db *sql.DB) {
	within(t, db, func(tx archive.SQL) {
		var list []archive.Instance
		for n := range 1010 {
			list = append(list, instance(1, n%750, n, n+1)) // more of each than one statement takes
		}
		if got := add(t, tx, list...); slices.Max(got) != archive.New {
			t.Error("not all are new")
		}
		if got := add(t, tx, list...); slices.Min(got) != archive.Duplicate || slices.Max(got) != archive.Duplicate {
			t.Error("not all are duplicates")
		}
		got, err := archive.Study(t.Context(), tx, "2.25.1.1")
		if err != nil || len(got) != len(list) {
			t.Errorf("got %d instances, %v", len(got), err)
		}
	})
}

func refusesUnfit(t *testing.T, db *sql.DB) {
	for name, spoil := range map[string]func(i *archive.Instance){
		"no study":         func(i *archive.Instance) { i.StudyInstanceUID = "" },
		"no class":         func(i *archive.Instance) { i.SOPClassUID = "" },
		"long UID":         func(i *archive.Instance) { i.SOPInstanceUID = strings.Repeat("1", 65) },
		"letters":          func(i *archive.Instance) { i.SeriesInstanceUID = "1.2.x" },
		"NUL in a UID":     func(i *archive.Instance) { i.SOPInstanceUID = "1.2\x00" },
		"NUL in a source":  func(i *archive.Instance) { i.Source = "AE\x00" },
		"owner not UTF-8":  func(i *archive.Instance) { i.Owner = "\xff" },
		"quote in the UID": func(i *archive.Instance) { i.SOPInstanceUID = "1'); DROP TABLE x" },
	} {
		t.Run(name, func(t *testing.T) {
			within(t, db, func(tx archive.SQL) {
				good, bad := instance(1, 1, 1, 1), instance(1, 1, 2, 2)
				spoil(&bad)
				_, err := archive.Add(t.Context(), tx, []archive.Instance{good, bad})
				if refused := new(dicom.Error); !errors.As(err, &refused) || refused.Reason != dicom.Malformed {
					t.Errorf("got %v, want a malformed dicom.Error", err)
				}
				wantStudy(t, tx, 1)
			})
		})
	}
}

// ignoresOrder: instances with duplicates, conflicts, shared contexts and several owners give the same rows however they arrive.
func ignoresOrder(t *testing.T, db *sql.DB) {
	rapid.Check(t, func(r *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawInstance), 1, 10).Draw(r, "instances")
		want := studiesAfter(r, db, [][]archive.Instance{list})
		shuffled := slices.Clone(list)
		rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "seed"), 0)).Shuffle(len(shuffled), func(i, j int) {
			shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
		})
		size := rapid.IntRange(1, len(list)).Draw(r, "group")
		got := studiesAfter(r, db, slices.Collect(slices.Chunk(append(shuffled, list[0]), size)))
		if diff := cmp.Diff(want, got); diff != "" {
			r.Fatal(diff)
		}
	})
}

// drawInstance draws from few UIDs and objects. As in life, what an object's bytes say depends on its digest alone.
func drawInstance(r *rapid.T) archive.Instance {
	object := rapid.IntRange(1, 8).Draw(r, "object")
	says := sha256.Sum256([]byte{byte(object)})
	i := instance(int(says[0])%2, int(says[1])%2, int(says[2])%3, object)
	i.Owner = rapid.SampledFrom([]string{"", "Organization/a", "Organization/b"}).Draw(r, "owner")
	i.Source = rapid.SampledFrom([]string{"", "AE"}).Draw(r, "source")
	return i
}

func studiesAfter(r *rapid.T, db *sql.DB, groups [][]archive.Instance) (all [][]archive.Instance) {
	within(r, db, func(tx archive.SQL) {
		for _, group := range groups {
			if _, err := archive.Add(r.Context(), tx, group); err != nil {
				r.Fatal(err)
			}
		}
		for study := range 2 {
			for _, read := range []func(context.Context, archive.SQL, string) ([]archive.Instance, error){archive.Study, archive.Conflicts} {
				list, err := read(r.Context(), tx, fmt.Sprintf("2.25.1.%d", study))
				if err != nil {
					r.Fatal(err)
				}
				all = append(all, list)
			}
		}
	})
	return all
}

// BenchmarkAdd adds 100 instances of a series to an index that holds what earlier rounds added.
func BenchmarkAdd(b *testing.B) {
	db := openSQLite(b, b.TempDir())
	added := 0
	for b.Loop() {
		batch := make([]archive.Instance, 100)
		for i := range batch {
			added++
			batch[i] = instance(added/1000, 1, added, added)
			batch[i].Object = sha256.Sum256([]byte(batch[i].SOPInstanceUID))
		}
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := archive.Add(b.Context(), transaction{tx}, batch); err != nil {
			b.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(added)/b.Elapsed().Seconds(), "instances/s")
}

// BenchmarkStudy reads a study of 5,000 instances.
func BenchmarkStudy(b *testing.B) {
	within(b, openSQLite(b, b.TempDir()), func(tx archive.SQL) {
		list := make([]archive.Instance, 5000)
		for i := range list {
			list[i] = instance(1, i/500, i, i)
		}
		if _, err := archive.Add(b.Context(), tx, list); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if got, err := archive.Study(b.Context(), tx, "2.25.1.1"); err != nil || len(got) != len(list) {
				b.Fatal(len(got), err)
			}
		}
	})
}
