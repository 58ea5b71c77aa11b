package archive

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// submissions looks up what the index holds under SOP Instance UIDs.
func submissions(ctx context.Context, tx SQL, sopInstanceUIDs []string) (known, error) {
	found := known{}
	query := `SELECT i.sop_instance_uid, i.object, c.owner, c.source
		FROM dicom_instance i JOIN dicom_context c ON c.id = i.context
		WHERE i.sop_instance_uid IN ` + placeholders(1, len(sopInstanceUIDs))
	err := tx.Query(ctx, query, anys(sopInstanceUIDs), func(scan func(dest ...any) error) error {
		var row Instance
		var object []byte
		if err := scan(&row.SOPInstanceUID, &object, &row.Owner, &row.Source); err != nil {
			return err
		}
		copy(row.Object[:], object)
		found.add(row)
		return nil
	})
	return found, err
}

// insert writes instances with the contexts that they need.
func insert(ctx context.Context, tx SQL, instances []Instance) error {
	if len(instances) == 0 {
		return nil
	}
	ids, err := contexts(ctx, tx, instances)
	if err != nil {
		return err
	}
	args := make([]any, 0, 6*len(instances))
	for _, i := range instances {
		args = append(args, i.SOPInstanceUID, i.Object[:], ids[keyOf(i)], i.Size, pack(i.Header), seconds(i.Received))
	}
	_, err = tx.Exec(ctx, `INSERT INTO dicom_instance (sop_instance_uid, object, context, size, header, received) VALUES `+
		rows(len(instances), 6)+` ON CONFLICT DO NOTHING`, args...)
	return err
}

// seconds is a time as the index keeps it.
func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// contextKey is what makes one row of dicom_context.
type contextKey struct {
	study, series, class, owner, source, attributes string
}

func keyOf(i Instance) contextKey {
	return contextKey{i.StudyInstanceUID, i.SeriesInstanceUID, i.SOPClassUID, i.Owner, i.Source, string(i.Context)}
}

func (k contextKey) texts() []string {
	return []string{k.study, k.series, k.class, k.owner, k.source, k.attributes}
}

// id is 63 bits of a hash: eight bytes in each of thousands of rows. A number of attempt higher than 0 steps past a collision.
func (k contextKey) id(attempt int) int64 {
	sum := sha256.New()
	for _, text := range k.texts() {
		fmt.Fprintf(sum, "%d:%s", len(text), text)
	}
	fmt.Fprint(sum, attempt)
	return int64(binary.BigEndian.Uint64(sum.Sum(nil)) >> 1)
}

// attemptLimit is far beyond what collisions of 63 bits can ask for.
const attemptLimit = 8

// contexts makes the rows of dicom_context that instances need and returns their ids. A row is read back before it is relied on,
// since two contexts with one id would give an instance another patient's attributes.
func contexts(ctx context.Context, tx SQL, instances []Instance) (map[contextKey]int64, error) {
	ids := map[contextKey]int64{}
	wanted := map[contextKey]bool{}
	for _, i := range instances {
		wanted[keyOf(i)] = true
	}
	for attempt := 0; len(wanted) > 0; attempt++ {
		if attempt == attemptLimit {
			return nil, errors.New("contexts do not come back as they were stored")
		}
		byID := map[int64]contextKey{}
		for key := range wanted {
			byID[key.id(attempt)] = key
		}
		if err := insertContexts(ctx, tx, byID); err != nil {
			return nil, err
		}
		stored, err := readContexts(ctx, tx, slices.Collect(maps.Keys(byID)))
		if err != nil {
			return nil, err
		}
		for id, key := range byID {
			if stored[id] == key {
				ids[key] = id
				delete(wanted, key)
			}
		}
	}
	return ids, nil
}

func insertContexts(ctx context.Context, tx SQL, byID map[int64]contextKey) error {
	args := make([]any, 0, 7*len(byID))
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		k := byID[id]
		args = append(args, id, k.study, k.series, k.class, k.owner, k.source, pack([]byte(k.attributes)))
	}
	_, err := tx.Exec(ctx, `INSERT INTO dicom_context
		(id, study_instance_uid, series_instance_uid, sop_class_uid, owner, source, attributes) VALUES `+
		rows(len(byID), 7)+` ON CONFLICT DO NOTHING`, args...)
	return err
}

func readContexts(ctx context.Context, tx SQL, ids []int64) (map[int64]contextKey, error) {
	return queryContexts(ctx, tx, `id IN `+placeholders(1, len(ids)), anys(ids))
}

func queryContexts(ctx context.Context, tx SQL, where string, args []any) (map[int64]contextKey, error) {
	found := map[int64]contextKey{}
	query := `SELECT id, study_instance_uid, series_instance_uid, sop_class_uid, owner, source, attributes
		FROM dicom_context WHERE ` + where
	err := tx.Query(ctx, query, args, func(scan func(dest ...any) error) error {
		var id int64
		var k contextKey
		var packed []byte
		if err := scan(&id, &k.study, &k.series, &k.class, &k.owner, &k.source, &packed); err != nil {
			return err
		}
		attributes, err := unpack(packed)
		if err != nil {
			return fmt.Errorf("context %d: %w", id, err)
		}
		k.attributes = string(attributes)
		found[id] = k
		return nil
	})
	return found, err
}

// placeholders is ($first, ...), n of them.
func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ",$%d", first+i)
	}
	return "(" + b.String()[1:] + ")"
}

// rows is n rows of width placeholders for VALUES.
func rows(n, width int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = placeholders(1+i*width, width)
	}
	return strings.Join(list, ",")
}

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}
