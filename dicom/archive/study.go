package archive

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// counts holds for the rows of dicom_instance i whose object is the lowest of its SOP Instance UID, in whatever study.
const counts = `NOT EXISTS (SELECT 1 FROM dicom_instance o WHERE o.sop_instance_uid = i.sop_instance_uid AND o.object < i.object)`

// Study returns the instances of a study that count, in SOP Instance UID order.
func Study(ctx context.Context, tx SQL, studyInstanceUID string) ([]Instance, error) {
	return instances(ctx, tx, counts, studyInstanceUID)
}

// InstanceOf returns the instance of a study with a SOP Instance UID, as Study does; none where the study has it not.
func InstanceOf(ctx context.Context, tx SQL, studyInstanceUID, sopInstanceUID string) ([]Instance, error) {
	return instances(ctx, tx, `i.sop_instance_uid = $2 AND `+counts, studyInstanceUID, sopInstanceUID)
}

// Conflicts returns the instances of a study that do not count, since other bytes with their SOP Instance UID have a lower digest,
// in this study or in another. What stays elsewhere and is here as well is no conflict.
func Conflicts(ctx context.Context, tx SQL, studyInstanceUID string) ([]Instance, error) {
	return instances(ctx, tx, `NOT `+counts+` AND NOT (i.object >= $2 AND EXISTS
		(SELECT 1 FROM dicom_instance o WHERE o.sop_instance_uid = i.sop_instance_uid AND o.object < $2))`, studyInstanceUID, remoteMark)
}

// ObjectsOf returns the digests of all objects that the index holds under a SOP Instance UID and that are here, the lowest first.
func ObjectsOf(ctx context.Context, tx SQL, sopInstanceUID string) (list []Digest, err error) {
	query := `SELECT DISTINCT object FROM dicom_instance WHERE sop_instance_uid = $1`
	err = tx.Query(ctx, query, []any{sopInstanceUID}, func(scan func(dest ...any) error) error {
		var object []byte
		err := scan(&object)
		if d := Digest(object); err == nil && !d.IsRemote() {
			list = append(list, d)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("instance index: %w", err)
	}
	slices.SortFunc(list, func(a, b Digest) int { return slices.Compare(a[:], b[:]) })
	return list, nil
}

// Owners returns who submitted instances of a study, sorted.
func Owners(ctx context.Context, tx SQL, studyInstanceUID string) (owners []string, err error) {
	query := `SELECT DISTINCT owner FROM dicom_context WHERE study_instance_uid = $1`
	err = tx.Query(ctx, query, []any{studyInstanceUID}, func(scan func(dest ...any) error) error {
		var one string
		err := scan(&one)
		owners = append(owners, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("instance index: %w", err)
	}
	slices.Sort(owners)
	return owners, nil
}

// Studies returns the Study Instance UIDs under which the index holds SOP Instance UIDs, sorted.
func Studies(ctx context.Context, tx SQL, sopInstanceUIDs []string) ([]string, error) {
	var studies []string
	for batch := range slices.Chunk(sopInstanceUIDs, addLimit) {
		query := `SELECT DISTINCT c.study_instance_uid FROM dicom_instance i JOIN dicom_context c ON c.id = i.context
			WHERE i.sop_instance_uid IN ` + placeholders(1, len(batch))
		err := tx.Query(ctx, query, anys(batch), func(scan func(dest ...any) error) error {
			var uid string
			err := scan(&uid)
			studies = append(studies, uid)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("instance index: %w", err)
		}
	}
	slices.Sort(studies)
	return slices.Compact(studies), nil
}

// Classes returns the SOP Class UIDs of the SOP Instance UIDs that the index holds.
func Classes(ctx context.Context, tx SQL, sopInstanceUIDs []string) (map[string]string, error) {
	classes := map[string]string{}
	for batch := range slices.Chunk(sopInstanceUIDs, addLimit) {
		query := `SELECT i.sop_instance_uid, c.sop_class_uid FROM dicom_instance i JOIN dicom_context c ON c.id = i.context
			WHERE i.sop_instance_uid IN ` + placeholders(1, len(batch))
		err := tx.Query(ctx, query, anys(batch), func(scan func(dest ...any) error) error {
			var uid, class string
			err := scan(&uid, &class)
			classes[uid] = class
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("instance index: %w", err)
		}
	}
	return classes, nil
}

// instances reads those of a study, the first argument, that meet a condition.
func instances(ctx context.Context, tx SQL, where string, args ...any) ([]Instance, error) {
	list, ids, err := queryInstances(ctx, tx, where, args)
	if err != nil {
		return nil, fmt.Errorf("instance index: %w", err)
	}
	// After the instances: contexts are never removed, so none can be missing, whoever writes meanwhile.
	contexts, err := queryContexts(ctx, tx, `study_instance_uid = $1`, args[:1])
	if err != nil {
		return nil, fmt.Errorf("instance index: %w", err)
	}
	attributes := map[int64][]byte{}
	for id, c := range contexts {
		attributes[id] = []byte(c.attributes)
	}
	for n := range list {
		i, c := &list[n], contexts[ids[n]]
		i.StudyInstanceUID, i.SeriesInstanceUID, i.SOPClassUID = c.study, c.series, c.class
		i.Owner, i.Source, i.Context = c.owner, c.source, attributes[ids[n]]
	}
	return merge(list), nil
}

// queryInstances returns the rows of a study with the id of the context of each.
func queryInstances(ctx context.Context, tx SQL, where string, args []any) (list []Instance, ids []int64, err error) {
	query := `SELECT i.sop_instance_uid, i.object, i.context, i.size, i.header, i.received
		FROM dicom_context c JOIN dicom_instance i ON i.context = c.id WHERE c.study_instance_uid = $1 AND ` + where
	err = tx.Query(ctx, query, args, func(scan func(dest ...any) error) error {
		var i Instance
		var object, header []byte
		var id, received int64
		if err := scan(&i.SOPInstanceUID, &object, &id, &i.Size, &header, &received); err != nil {
			return err
		}
		if received != 0 {
			i.Received = time.Unix(received, 0).UTC()
		}
		copy(i.Object[:], object)
		if i.Header, err = unpack(header); err != nil {
			return fmt.Errorf("header of object %s: %w", i.Object, err)
		}
		list, ids = append(list, i), append(ids, id)
		return nil
	})
	return list, ids, err
}

// merge sorts rows and makes one of those that differ only in who submitted them. Go sorts, not the database: text of a
// PostgreSQL table sorts by its collation.
func merge(list []Instance) []Instance {
	slices.SortFunc(list, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID), slices.Compare(a.Object[:], b.Object[:]),
			cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Source, b.Source), slices.Compare(a.Context, b.Context))
	})
	merged := list[:0]
	for _, i := range list {
		last := len(merged) - 1
		if last < 0 || merged[last].SOPInstanceUID != i.SOPInstanceUID || merged[last].Object != i.Object {
			i.Owners = []string{i.Owner}
			merged = append(merged, i)
			continue
		}
		same := &merged[last]
		if !slices.Contains(same.Owners, i.Owner) {
			same.Owners = append(same.Owners, i.Owner)
		}
		if i.Received.Before(same.Received) {
			same.Received = i.Received
		}
	}
	return merged
}
