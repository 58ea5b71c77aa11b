package archive

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"lightbox/dicom"
)

// Instance is one row of the index: what the ImagingStudy needs of one object.
type Instance struct {
	StudyInstanceUID  string
	SeriesInstanceUID string
	SOPInstanceUID    string
	SOPClassUID       string
	Object            Digest
	Size              int64     // 0 of an object that stays elsewhere
	Owner             string    // "Organization/<id>" that submitted it, or ""
	Source            string    // the channel or calling AE title, or ""
	Received          time.Time // to the second; zero where nobody noted it. What is read from the index tells when it came first
	// Context holds the attributes of patient, study, series and equipment, Header those of the instance alone: dicom.Encode
	// of a subset. Instances of a series mostly share one Context, which is stored once.
	Context []byte
	Header  []byte
	// Owners are all who submitted these bytes, sorted. It is set on what is read from the index, where Owner and Source are
	// the lowest of them, and not looked at by Add.
	Owners []string
}

// SQL is what the index needs of a transaction. Placeholders are $1, $2; a row function must not use the transaction.
type SQL interface {
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
}

// Outcome tells what Add found.
type Outcome int

const (
	New         Outcome = iota
	Duplicate           // same SOP Instance UID, same bytes, same Owner and Source: nothing written
	Conflict            // same SOP Instance UID, other bytes: kept beside it, the lowest digest is the one that counts
	Resubmitted         // same SOP Instance UID and bytes from another Owner or Source, which is recorded
)

// addLimit bounds the instances of one statement, and so its parameters, 7 for a context. Both databases take far more (SQLite
// 32,766), but SQLite looks up each $n among the earlier ones: 1,000 instances at once took four times as long as ten times 100.
const addLimit = 100

// Add puts instances into the index, each with its outcome in order. Rows are only inserted, but for what a source tells anew of
// objects that stay there, so the index ends up the same whatever the order and grouping of the calls. After a Conflict, [Studies] names the other studies that it may have changed. An
// instance with an unfit UID is a *[dicom.Error], before anything is written.
func Add(ctx context.Context, tx SQL, instances []Instance) ([]Outcome, error) {
	for i := range instances {
		if err := instances[i].check(); err != nil {
			return nil, err
		}
	}
	outcomes := make([]Outcome, 0, len(instances))
	for batch := range slices.Chunk(instances, addLimit) {
		found, err := addBatch(ctx, tx, batch)
		if err != nil {
			return nil, fmt.Errorf("instance index: %w", err)
		}
		outcomes = append(outcomes, found...)
	}
	return outcomes, nil
}

func addBatch(ctx context.Context, tx SQL, batch []Instance) ([]Outcome, error) {
	uids := make([]string, len(batch))
	for i := range batch {
		uids[i] = batch[i].SOPInstanceUID
	}
	if err := replace(ctx, tx, batch); err != nil {
		return nil, err
	}
	known, err := submissions(ctx, tx, uids)
	if err != nil {
		return nil, err
	}
	outcomes := make([]Outcome, len(batch))
	var fresh []Instance
	for i, instance := range batch {
		if outcomes[i] = known.add(instance); outcomes[i] != Duplicate {
			fresh = append(fresh, instance)
		}
	}
	// One order for every writer, so that two of them cannot wait for each other.
	slices.SortFunc(fresh, func(a, b Instance) int {
		return cmp.Or(cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID), slices.Compare(a.Object[:], b.Object[:]))
	})
	return outcomes, insert(ctx, tx, fresh)
}

// known are the objects of SOP Instance UIDs, and who submitted each.
type known map[string]map[Digest][]submission

type submission struct{ owner, source string }

// add tells what an instance is to those known, and makes it one of them.
func (k known) add(i Instance) Outcome {
	objects := k[i.SOPInstanceUID]
	if objects == nil {
		objects = map[Digest][]submission{}
		k[i.SOPInstanceUID] = objects
	}
	by := submission{i.Owner, i.Source}
	submitted, found := objects[i.Object]
	if slices.Contains(submitted, by) {
		return Duplicate
	}
	objects[i.Object] = append(submitted, by)
	switch {
	case found:
		return Resubmitted
	case k.others(i) > 0:
		return Conflict
	case i.Object.IsRemote() && k.isHere(i.SOPInstanceUID):
		return Resubmitted
	}
	return New
}

func (k known) isHere(uid string) bool {
	for object := range k[uid] {
		if !object.IsRemote() {
			return true
		}
	}
	return false
}

// others counts the objects of an instance's UID that it cannot be the same as: of one that is here and one that stays elsewhere nobody
// knows.
func (k known) others(i Instance) (n int) {
	for object := range k[i.SOPInstanceUID] {
		if object != i.Object && object.IsRemote() == i.Object.IsRemote() {
			n++
		}
	}
	return n
}

// check refuses what cannot be a UID (PS3.5 9.1 allows digits and dots, at most 64) and text that a database may not hold. It
// leaves leading zeros be: objects in use have them.
func (i *Instance) check() error {
	for keyword, uid := range map[string]string{
		"StudyInstanceUID": i.StudyInstanceUID, "SeriesInstanceUID": i.SeriesInstanceUID,
		"SOPInstanceUID": i.SOPInstanceUID, "SOPClassUID": i.SOPClassUID,
	} {
		if !isUID(uid) {
			return &dicom.Error{Reason: dicom.Malformed, Detail: fmt.Sprintf("%s %.80q is not a UID", keyword, uid)}
		}
	}
	for _, text := range []string{i.Owner, i.Source} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return &dicom.Error{Reason: dicom.Malformed, Detail: fmt.Sprintf("submitter %.80q is not text", text)}
		}
	}
	return nil
}

func isUID(text string) bool {
	return text != "" && len(text) <= 64 && strings.Trim(text, "0123456789.") == ""
}
