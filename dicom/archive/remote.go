package archive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"

	"lightbox/dicom"
)

// An object may stay in another archive, of which the hub has read the header alone. Nobody here knows the digest of its bytes: in its place
// stands one of what is known of it, marked so that it is never taken for the other kind and comes after all of those, since the lowest
// digest counts: an object that is here goes before one that is elsewhere.

// remoteMark begins what stands for a digest.
var remoteMark = bytes.Repeat([]byte{0xFF}, 16)

// Remote returns what stands for the digest of an object that stays where it is.
func Remote(i Instance) (d Digest) {
	h := sha256.New()
	for _, part := range [][]byte{[]byte(i.StudyInstanceUID), []byte(i.SeriesInstanceUID), []byte(i.SOPInstanceUID), []byte(i.SOPClassUID), i.Context, i.Header} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	copy(d[copy(d[:], remoteMark):], h.Sum(nil))
	return d
}

// IsRemote reports whether d is of an object that stays elsewhere.
func (d Digest) IsRemote() bool { return bytes.HasPrefix(d[:], remoteMark) }

var pathPatientID = dicom.MustPath("PatientID")

// replace takes out what the sources of remote objects told of the same ones before. There, an object is known by the patient's number and
// its UIDs.
func replace(ctx context.Context, tx SQL, batch []Instance) error {
	for _, i := range batch {
		if !i.Object.IsRemote() {
			continue
		}
		before, err := toldBefore(ctx, tx, i)
		if err != nil {
			return err
		}
		for _, context := range before {
			_, err := tx.Exec(ctx, `DELETE FROM dicom_instance WHERE sop_instance_uid = $1 AND object >= $2 AND object <> $3 AND context = $4`,
				i.SOPInstanceUID, remoteMark, i.Object[:], context)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// toldBefore are the contexts in which the source of a remote object told otherwise of it.
func toldBefore(ctx context.Context, tx SQL, i Instance) (contexts []int64, err error) {
	query := `SELECT DISTINCT c.id, c.attributes FROM dicom_instance i JOIN dicom_context c ON c.id = i.context
		WHERE i.sop_instance_uid = $1 AND i.object >= $2 AND i.object <> $3 AND c.study_instance_uid = $4 AND c.series_instance_uid = $5 AND c.source = $6`
	args := []any{i.SOPInstanceUID, remoteMark, i.Object[:], i.StudyInstanceUID, i.SeriesInstanceUID, i.Source}
	patient := patientOf(i.Context)
	err = tx.Query(ctx, query, args, func(scan func(dest ...any) error) error {
		var id int64
		var packed []byte
		if err := scan(&id, &packed); err != nil {
			return err
		}
		attributes, err := unpack(packed)
		if err == nil && patientOf(attributes) == patient {
			contexts = append(contexts, id)
		}
		return err
	})
	return contexts, err
}

// patientOf is the number in a context.
func patientOf(context []byte) string {
	ds, err := dicom.Decode(context)
	if err != nil {
		return ""
	}
	return ds.Text(pathPatientID)
}

// Held returns the SOP Instance UIDs of a study that a source has told of, those that count and those that do not, sorted.
func Held(ctx context.Context, tx SQL, studyInstanceUID, source string) (uids []string, err error) {
	query := `SELECT DISTINCT i.sop_instance_uid FROM dicom_context c JOIN dicom_instance i ON i.context = c.id
		WHERE c.study_instance_uid = $1 AND c.source = $2`
	err = tx.Query(ctx, query, []any{studyInstanceUID, source}, func(scan func(dest ...any) error) error {
		var uid string
		err := scan(&uid)
		uids = append(uids, uid)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("instance index: %w", err)
	}
	slices.Sort(uids)
	return uids, nil
}

// StudiesOf returns studies that a source has told of, in UID order after one, at most limit. One of which everything was forgotten may be
// among them.
func StudiesOf(ctx context.Context, tx SQL, source, after string, limit int) (studies []string, err error) {
	query := `SELECT DISTINCT study_instance_uid FROM dicom_context WHERE source = $1 AND study_instance_uid > $2 ORDER BY study_instance_uid LIMIT $3`
	err = tx.Query(ctx, query, []any{source, after, limit}, func(scan func(dest ...any) error) error {
		var uid string
		err := scan(&uid)
		studies = append(studies, uid)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("instance index: %w", err)
	}
	return studies, nil
}

// Forget takes remote objects of a study out of the index that their source no longer has, and returns how many. What is in this archive
// stays.
func Forget(ctx context.Context, tx SQL, studyInstanceUID, source string, sopInstanceUIDs []string) (n int64, err error) {
	for some := range slices.Chunk(sopInstanceUIDs, addLimit) {
		args := append([]any{studyInstanceUID, source, remoteMark}, anys(some)...)
		gone, err := tx.Exec(ctx, `DELETE FROM dicom_instance WHERE object >= $3
			AND context IN (SELECT id FROM dicom_context WHERE study_instance_uid = $1 AND source = $2)
			AND sop_instance_uid IN `+placeholders(4, len(some)), args...)
		if err != nil {
			return n, fmt.Errorf("instance index: %w", err)
		}
		n += gone
	}
	return n, nil
}
