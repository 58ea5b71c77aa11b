package archive_test

import (
	"database/sql"
	"slices"
	"testing"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// elsewhere is an object of which the header alone is known.
func elsewhere(source, patient string, object int) archive.Instance {
	i := instance(1, 1, 1, object)
	i.Source, i.Size = source, 0
	i.Context = dicom.NewDataset(dicom.NewText(0x00100020, "LO", patient)).Encode()
	i.Object = archive.Remote(i)
	return i
}

func added(t *testing.T, tx archive.SQL, i archive.Instance, want archive.Outcome) {
	t.Helper()
	got, err := archive.Add(t.Context(), tx, []archive.Instance{i})
	if err != nil || got[0] != want {
		t.Errorf("outcome %v, want %v; %v", got, want, err)
	}
}

// one reads the study, which is to have one instance that counts and so many that do not.
func one(t *testing.T, tx archive.SQL, conflicts int) archive.Instance {
	t.Helper()
	study, err := archive.Study(t.Context(), tx, "2.25.1.1")
	if err != nil {
		t.Fatal(err)
	}
	others, err := archive.Conflicts(t.Context(), tx, "2.25.1.1")
	if err != nil || len(study) != 1 || len(others) != conflicts {
		t.Fatalf("%d instances, %d conflicts, want %d; %v", len(study), len(others), conflicts, err)
	}
	return study[0]
}

// keepsRemote: an object that is here goes before one elsewhere, whichever came first, and is no conflict with it; what one source tells anew
// of an object replaces what it told, unless that is another patient's.
func keepsRemote(t *testing.T, db *sql.DB) {
	here := instance(1, 1, 1, 7)
	there, changed, others := elsewhere("pacs", "1", 1), elsewhere("pacs", "1", 2), elsewhere("pacs", "2", 1)
	for name, order := range map[string][]archive.Instance{"here first": {here, there}, "there first": {there, here}} {
		t.Run(name, func(t *testing.T) {
			within(t, db, func(tx archive.SQL) {
				for n, i := range order {
					want := archive.New
					if n == 1 && i.Object.IsRemote() {
						want = archive.Resubmitted
					}
					added(t, tx, i, want)
				}
				if got := one(t, tx, 0); got.Object != here.Object {
					t.Errorf("%s counts", got.Object)
				}
			})
		})
	}
	t.Run("changed there", func(t *testing.T) {
		within(t, db, func(tx archive.SQL) {
			added(t, tx, there, archive.New)
			added(t, tx, there, archive.Duplicate)
			added(t, tx, changed, archive.New)
			if got := one(t, tx, 0); got.Object != changed.Object {
				t.Errorf("%s counts", got.Object)
			}
		})
	})
	t.Run("another patient's", func(t *testing.T) {
		within(t, db, func(tx archive.SQL) {
			added(t, tx, there, archive.New)
			added(t, tx, others, archive.Conflict)
			one(t, tx, 1)
		})
	})
	t.Run("forgotten", func(t *testing.T) {
		within(t, db, func(tx archive.SQL) {
			here.Source = "pacs"
			added(t, tx, there, archive.New)
			added(t, tx, here, archive.New)
			held, err := archive.Held(t.Context(), tx, "2.25.1.1", "pacs")
			studies, sErr := archive.StudiesOf(t.Context(), tx, "pacs", "", 10)
			if err != nil || sErr != nil || !slices.Equal(held, []string{"2.25.2.1"}) || !slices.Equal(studies, []string{"2.25.1.1"}) {
				t.Errorf("%v %v %v %v", held, err, studies, sErr)
			}
			if n, err := archive.Forget(t.Context(), tx, "2.25.1.1", "other", held); n != 0 || err != nil {
				t.Errorf("%d %v: another source forgets it", n, err)
			}
			if n, err := archive.Forget(t.Context(), tx, "2.25.1.1", "pacs", held); n != 1 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			if got := one(t, tx, 0); got.Object != here.Object {
				t.Error("what is here is forgotten")
			}
		})
	})
}
