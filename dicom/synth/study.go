package synth

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
	"unicode"

	"lightbox/dicom"
)

// maker collects the files of a city.
type maker struct {
	seed  int64
	files []File
}

// hash is what the seed makes of a name.
func (c *maker) hash(parts ...any) [sha256.Size]byte {
	return sha256.Sum256(fmt.Append(nil, append([]any{c.seed, "/"}, parts...)...))
}

// uid derives a UID below 2.25 from the seed (PS3.5 B.2: a UUID as a decimal number).
func (c *maker) uid(parts ...any) string {
	sum := c.hash(append([]any{"uid "}, parts...)...)
	sum[6], sum[8] = sum[6]&0x0F|0x80, sum[8]&0x3F|0x80 // version 8, of RFC 9562
	return "2.25." + new(big.Int).SetBytes(sum[:16]).String()
}

func (c *maker) patientID(key string) string {
	sum := c.hash("patient ", key)
	number := binary.BigEndian.Uint32(sum[:]) % 10_000
	place := slices.Index(slices.Sorted(maps.Keys(people)), key) // makes it unique
	if people[key].facility == clinic {
		return fmt.Sprintf("AP-%04d%02d", number, place)
	}
	return fmt.Sprintf("7%04d%02d", number, place)
}

// study is one planned study in the making.
type study struct {
	*maker
	planned
	index     int // from 1
	person    person
	device    device
	procedure procedure
	start     time.Time // local
	uid       string
	accession string
	draw      *rand.Rand
	series    []*series
	events    []irradiation
	err       error // the first
}

// series is what an equipment made in one go.
type series struct {
	number   int
	uid      string
	modality string
	images   []attrs // a reference to each instance
}

func (c *maker) makeStudy(index int, row planned) error {
	start, err := time.Parse("2006-01-02 15:04", row.when)
	if err != nil {
		return err
	}
	s := &study{
		maker: c, planned: row, index: index + 1, start: start, uid: c.uid("study ", index),
		person: people[row.patient], device: devices[row.device], procedure: procedures[row.procedure],
		draw: rand.New(rand.NewPCG(uint64(c.seed), uint64(index))),
	}
	s.accession = fmt.Sprintf("%s%s%05d", start.Format("06"), s.device.modality, 10_000+index*37+int(c.hash("accession ", index)[0]))
	s.procedure.images(s)
	s.report()
	return s.err
}

// at is the time a while after the study began.
func (s *study) at(minutes float64) time.Time {
	return s.start.Add(time.Duration(minutes * float64(time.Minute)))
}

func date(t time.Time) string  { return t.Format("20060102") }
func clock(t time.Time) string { return t.Format("150405") }

// Russian tells in what language a report is written: that of the patient's name.
func (s *study) russian() bool {
	return strings.ContainsFunc(s.person.name, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) })
}

// newSeries begins a series of images or documents.
func (s *study) newSeries(modality string) *series {
	n := len(s.series) + 1
	made := &series{number: n, uid: s.maker.uid("series ", s.index, ".", n), modality: modality}
	s.series = append(s.series, made)
	return made
}

// add makes one instance of a series and returns its SOP Instance UID.
func (s *study) add(to *series, class string, own ...attrs) string {
	n := len(to.images) + 1
	uid := s.maker.uid("instance ", s.index, ".", to.number, ".", n)
	to.images = append(to.images, attrs{"ReferencedSOPClassUID": class, "ReferencedSOPInstanceUID": uid})
	all := s.patientModule().with(s.studyModule(), attrs{
		"SOPClassUID": class, "SOPInstanceUID": uid, "SeriesInstanceUID": to.uid, "SeriesNumber": to.number,
		"Modality": to.modality, "InstanceNumber": n,
		"InstanceCreationDate": date(s.at(float64(to.number))), "InstanceCreationTime": clock(s.at(float64(to.number))),
	})
	if s.device.set != ascii { // the default repertoire goes without saying
		all["SpecificCharacterSet"] = string(s.device.set)
	}
	if s.device.zone {
		all["TimezoneOffsetFromUTC"] = "+0300"
	}
	s.write(fmt.Sprintf("%d-%02d.dcm", to.number, n), all.with(own...))
	return uid
}

func (s *study) write(name string, all attrs) {
	d, err := dataset(all, s.device.set)
	var b bytes.Buffer
	if err == nil {
		err = dicom.WriteFile(&b, d)
	}
	s.err = errors.Join(s.err, err)
	f := facilities[s.device.facility]
	folder := fmt.Sprintf("%s/%s-%04d/", f.Folder, strings.ToLower(s.device.modality), s.index)
	s.files = append(s.files, File{Path: folder + name, Facility: f.Name, Bytes: b.Bytes()})
}
