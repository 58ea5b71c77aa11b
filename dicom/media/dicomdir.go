package media

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"math/big"
	"slices"

	"lightbox/dicom"
)

// mediaStorageDirectory is the SOP class of a DICOMDIR (PS3.4 annex I).
const mediaStorageDirectory = "1.2.840.10008.1.3.10"

// Tags of the Basic Directory (PS3.3 F.3.2).
const (
	tagMediaSOPClass       = dicom.Tag(0x00020002)
	tagMediaSOPInstance    = dicom.Tag(0x00020003)
	tagFileSetID           = dicom.Tag(0x00041130)
	tagFirstRecord         = dicom.Tag(0x00041200)
	tagLastRecord          = dicom.Tag(0x00041202)
	tagConsistency         = dicom.Tag(0x00041212)
	tagRecords             = dicom.Tag(0x00041220)
	tagNextRecord          = dicom.Tag(0x00041400)
	tagInUse               = dicom.Tag(0x00041410)
	tagLower               = dicom.Tag(0x00041420)
	tagRecordType          = dicom.Tag(0x00041430)
	tagFileID              = dicom.Tag(0x00041500)
	tagClassInFile         = dicom.Tag(0x00041510)
	tagInstanceInFile      = dicom.Tag(0x00041511)
	tagSyntaxInFile        = dicom.Tag(0x00041512)
	tagGeneralClassInFile  = dicom.Tag(0x0004151A)
	tagSpecificCharacters  = dicom.Tag(0x00080005)
	tagRelatedGeneralClass = dicom.Tag(0x0008001A)
)

const (
	fileSetID   = "LIGHTBOX"
	inUse       = 0xFFFF
	itemHeader  = 8
	extentLimit = math.MaxUint32
)

// record is a directory record with those below it. Records with one above are a directory entity (PS3.3 F.2).
type record struct {
	data        *dicom.Dataset
	next, lower []byte // values of elements of data: offsets, which are known once all records are there
	at          uint32
	below       []*record
}

func newRecord(kind string, elements ...dicom.Element) *record {
	r := &record{next: make([]byte, 4), lower: make([]byte, 4)}
	r.data = dicom.NewDataset(append(elements,
		dicom.NewBytes(tagNextRecord, "UL", r.next), dicom.NewUint16(tagInUse, inUse),
		dicom.NewBytes(tagLower, "UL", r.lower), dicom.NewText(tagRecordType, "CS", kind))...)
	return r
}

// writeDirectory makes the DICOMDIR, and counts the instances that have no place in it.
func writeDirectory(list []*instance, identity [sha256.Size]byte) (file []byte, unlisted int, err error) {
	roots, unlisted := tree(list)
	base := len(encodeDirectory(nil, nil, identity)) // the records are the last of it
	records, end := spread(roots, nil, int64(base))
	if end > extentLimit {
		return nil, 0, errors.New("media: the directory is longer than its offsets can say")
	}
	return encodeDirectory(roots, records, identity), unlisted, nil
}

func encodeDirectory(roots, records []*record, identity [sha256.Size]byte) []byte {
	first, last := uint32(0), uint32(0)
	if len(roots) > 0 {
		first, last = roots[0].at, roots[len(roots)-1].at
	}
	items := make([]*dicom.Dataset, len(records))
	for i, r := range records {
		items[i] = r.data
	}
	d := dicom.NewDataset(dicom.NewText(tagFileSetID, "CS", fileSetID), dicom.NewUint32(tagFirstRecord, first),
		dicom.NewUint32(tagLastRecord, last), dicom.NewUint16(tagConsistency, 0), dicom.NewSequence(tagRecords, items...))
	d.Meta = dicom.NewDataset(dicom.NewText(tagMediaSOPClass, "UI", mediaStorageDirectory),
		dicom.NewText(tagMediaSOPInstance, "UI", "2.25."+new(big.Int).SetBytes(identity[:16]).String()))
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, d); err != nil {
		panic(err) // a buffer takes all, and no value is longer than the limits of records.go
	}
	return b.Bytes()
}

// spread puts records one behind the other from offset at on, each before those below it, and tells them where the others are.
func spread(entity, before []*record, at int64) (all []*record, end int64) {
	all = before
	for i, r := range entity {
		r.at = uint32(at)
		if i > 0 {
			binary.LittleEndian.PutUint32(entity[i-1].next, r.at)
		}
		all = append(all, r)
		all, at = spread(r.below, all, at+itemHeader+int64(len(r.data.Encode())))
		if len(r.below) > 0 {
			binary.LittleEndian.PutUint32(r.lower, r.below[0].at)
		}
	}
	return all, at
}

// tree makes the records of a list in order.
func tree(list []*instance) (roots []*record, unlisted int) {
	t := builder{ids: map[string]bool{}, seen: map[string]bool{}}
	for _, i := range list {
		if !t.add(i) {
			unlisted++
		}
	}
	return t.roots, unlisted
}

// builder makes records of instances that come in order.
type builder struct {
	roots []*record
	path  [3]*record      // patient, study and series at hand
	at    [3]int          // their places
	ids   map[string]bool // Patient IDs that are taken
	seen  map[string]bool // SOP Instance UIDs
}

// add makes the record of an instance and those above it. It reports false for one that cannot have any.
func (t *builder) add(i *instance) bool {
	kind := recordTypes[i.class]
	if kind == "" || i.uid == "" || i.syntax == "" || i.study == "" || i.series == "" || t.seen[i.uid] {
		return false
	}
	t.seen[i.uid] = true
	s := sourceOf(i)
	for level := range 3 {
		if t.path[level] == nil || !slices.Equal(t.at[:level+1], i.places[:level+1]) {
			t.open(level, s)
		}
	}
	copy(t.at[:], i.places[:3])
	elements := append(s.keys(kind, i.places[3]), i.reference()...)
	t.path[2].below = append(t.path[2].below, newRecord(kind, elements...))
	return true
}

// open begins a record of a patient, study or series; those below it are begun anew.
func (t *builder) open(level int, s source) {
	kind := [...]string{"PATIENT", "STUDY", "SERIES"}[level]
	nth := s.instance.places[level]
	if level == 0 {
		s = sourceOf(s.instance.patient)
		s.patientID = t.unique(s)
	}
	r := newRecord(kind, s.keys(kind, nth)...)
	if level == 0 {
		t.roots = append(t.roots, r)
	} else {
		t.path[level-1].below = append(t.path[level-1].below, r)
	}
	t.path[level] = r
	for below := level + 1; below < len(t.path); below++ {
		t.path[below] = nil
	}
}

// reference tells which file a record is of (PS3.3 table F.3-3).
func (i *instance) reference() []dicom.Element {
	elements := []dicom.Element{
		dicom.NewText(tagFileID, "CS", i.fileID()...), dicom.NewText(tagClassInFile, "UI", i.class),
		dicom.NewText(tagInstanceInFile, "UI", i.uid), dicom.NewText(tagSyntaxInFile, "UI", i.syntax),
	}
	for _, e := range i.header.Elements {
		if e.Tag == tagRelatedGeneralClass && e.VR == "UI" && len(e.Value) > 0 && len(e.Value) < maxValue {
			elements = append(elements, dicom.NewBytes(tagGeneralClassInFile, "UI", e.Value))
		}
	}
	return elements
}
