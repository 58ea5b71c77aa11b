package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lightbox/auth/devissuer"
	"lightbox/dicom"
	"lightbox/dicom/dimse"
)

// Intake is a hub with its ways in open on loopback.
type Intake struct {
	DIMSE    string // host:port; it is called HUB, and BENCH may call
	MLLP     string // host:port
	DICOMweb string // URL
	// Sync reads an Orthanc whose objects stay there, so many at a time, and returns how many are new.
	Sync  func(ctx context.Context, url string, at int) (int, error)
	Close func() error
}

// Titles of the hub and of who sends to it.
const (
	IntakeTitle = "HUB"
	SenderTitle = "BENCH"
)

// intake are the figures of what comes in.
func intake() []figure {
	return []figure{{"cstore", (*run).cstore}, {"stow", (*run).stow}, {"mllp", (*run).mllp}, {"sync", (*run).sync}}
}

// intakeSizes are how many send at the same time.
var intakeSizes = []int{1, 8}

// intakeOf opens the ways in of this run, on first use.
func (r *run) intakeOf(ctx context.Context) (*opened, error) {
	if r.opened != nil {
		return r.opened, nil
	}
	o := &opened{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	const audience = "https://bench.example/fhir"
	issuer, err := devissuer.New(devissuer.Config{URL: originOf(listener), Audience: audience})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	o.issuer = serve(listener, issuer)
	if o.token, err = issuer.Token(devissuer.Claims{Subject: "bench", Client: "bench", Scope: "system/*.cruds"}, tokenLife); err != nil {
		return nil, err
	}
	if o.folder, err = os.MkdirTemp(r.Dir, "disk-"); err != nil {
		return nil, err
	}
	r.opened = o
	o.Intake, err = r.Parts.Intake(ctx, originOf(listener), audience)
	return o, err
}

// opened is the intake of a run.
type opened struct {
	Intake
	issuer *http.Server
	token  string
	folder string // where the disk is measured
	next   atomic.Int64
}

func (o *opened) close() error {
	err := errors.Join(o.issuer.Close(), os.RemoveAll(o.folder))
	if o.Intake.Close != nil {
		err = errors.Join(err, o.Intake.Close())
	}
	return err
}

// image is a CT image of 512 rows and columns, 0.5 MB: in each that is made of it only the UIDs differ.
type image struct {
	dataSet                 []byte // Explicit VR Little Endian
	study, series, instance int    // where the digits of its UIDs begin
}

// Classes and syntaxes of the images.
const (
	ctImage        = "1.2.840.10008.5.1.4.1.1.2"
	explicitLittle = "1.2.840.10008.1.2.1"
	uidDigits      = 18
	imageSide      = 512
	imagesOfStudy  = 200
)

func newImage() image {
	places := [3]string{"111111111111111111", "222222222222222222", "333333333333333333"}
	elements := []dicom.Element{}
	for _, e := range [][3]string{
		{"SOPClassUID", "UI", ctImage}, {"StudyInstanceUID", "UI", "2.25." + places[0]}, {"SeriesInstanceUID", "UI", "2.25." + places[1]},
		{"SOPInstanceUID", "UI", "2.25." + places[2]}, {"ImageType", "CS", `ORIGINAL\PRIMARY\AXIAL`}, {"StudyDate", "DA", "20250104"}, {"StudyTime", "TM", "101500"},
		{"AccessionNumber", "SH", "A-1"}, {"Modality", "CS", "CT"}, {"Manufacturer", "LO", "Bench"}, {"InstitutionName", "LO", "Bench Hospital"},
		{"StudyDescription", "LO", "Head"}, {"SeriesDescription", "LO", "Axial 1.0"}, {"PatientName", "PN", "Bench^One"}, {"PatientID", "LO", "B-1"},
		{"PatientBirthDate", "DA", "19600102"}, {"PatientSex", "CS", "F"}, {"BodyPartExamined", "CS", "HEAD"}, {"SliceThickness", "DS", "1.0"}, {"KVP", "DS", "120"},
		{"SeriesNumber", "IS", "2"}, {"InstanceNumber", "IS", "1"}, {"ImagePositionPatient", "DS", `-125\-125\10`}, {"ImageOrientationPatient", "DS", `1\0\0\0\1\0`},
		{"PhotometricInterpretation", "CS", "MONOCHROME2"}, {"PixelSpacing", "DS", `0.488\0.488`}, {"RescaleIntercept", "DS", "-1024"}, {"RescaleSlope", "DS", "1"},
	} {
		elements = append(elements, dicom.NewText(dicom.MustPath(e[0]).Tag(), dicom.VR(e[1]), e[2]))
	}
	for keyword, n := range map[string]uint16{
		"Rows": imageSide, "Columns": imageSide, "SamplesPerPixel": 1, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "PixelRepresentation": 0,
	} {
		elements = append(elements, dicom.NewUint16(dicom.MustPath(keyword).Tag(), n))
	}
	pixels, r := make([]byte, 2*imageSide*imageSide), draws(1, ofPick, 0)
	for i := range pixels {
		pixels[i] = byte(r.Uint32())
	}
	elements = append(elements, dicom.NewBytes(dicom.MustPath("PixelData").Tag(), "OW", pixels))
	m := image{dataSet: dicom.NewDataset(elements...).Encode()}
	m.study, m.series, m.instance = bytes.Index(m.dataSet, []byte(places[0])), bytes.Index(m.dataSet, []byte(places[1])), bytes.Index(m.dataSet, []byte(places[2]))
	return m
}

// number makes the n-th image of a run: 200 to a study.
func (m image) number(run, n int64) (sopInstanceUID string) {
	study := fmt.Sprintf("%0*d", uidDigits, run%1_000_000*1_000_000+n/imagesOfStudy)
	instance := fmt.Sprintf("%0*d", uidDigits, run%1_000_000*1_000_000_000_000/1000+n)
	copy(m.dataSet[m.study:], "1"+study[1:])
	copy(m.dataSet[m.series:], "2"+study[1:])
	copy(m.dataSet[m.instance:], "3"+instance[1:])
	return "2.25.3" + instance[1:]
}

// start is what stands before the data set in a Part 10 file.
func (m image) start(sopInstanceUID string) []byte {
	head := dicom.NewDataset(dicom.NewText(dicom.MustPath("SOPClassUID").Tag(), "UI", ctImage), dicom.NewText(dicom.MustPath("SOPInstanceUID").Tag(), "UI", sopInstanceUID))
	head.TransferSyntax = explicitLittle
	return dicom.FileStart(head)
}

// sender sends one thing after the other until it is closed.
type sender interface {
	send(ctx context.Context) error
	Close() error
}

// sending is how many senders of a kind send at a time.
type sending struct {
	senders []sender
	tally   tally
	used    time.Duration // of processor time
}

// drive lets all send for d.
func (s *sending) drive(ctx context.Context, d time.Duration) {
	before, start := processor(), time.Now()
	parts := make([]tally, len(s.senders))
	var wg sync.WaitGroup
	for n, one := range s.senders {
		wg.Go(func() {
			for first := true; first || time.Since(start) < d && ctx.Err() == nil; first = false {
				began := time.Now()
				if err := one.send(ctx); err != nil {
					parts[n].fail(1, err.Error())
					return
				}
				parts[n].latencies = append(parts[n].latencies, time.Since(began))
			}
		})
	}
	wg.Wait()
	for _, p := range parts {
		s.tally.add(p)
	}
	s.tally.elapsed += time.Since(start)
	s.used += processor() - before
}

func (s *sending) close() (err error) {
	for _, one := range s.senders {
		err = errors.Join(err, one.Close())
	}
	return err
}

// open makes n senders.
func open(n int, one func(n int) (sender, error)) (*sending, error) {
	s := &sending{}
	for k := range n {
		opened, err := one(k)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		s.senders = append(s.senders, opened)
	}
	return s, nil
}

// sent compares senders with what the limit does, in turns. each is what one sending counts, in the row's unit.
func (r *run) sent(ctx context.Context, row Row, each float64, hub, limit *sending) error {
	defer hub.close()   //nolint:errcheck // what was sent was answered
	defer limit.close() //nolint:errcheck // as above
	hub.drive(ctx, 0)
	limit.drive(ctx, 0)
	for _, one := range []*sending{hub, limit} {
		if one.tally.errors > 0 {
			return errors.New(one.tally.first)
		}
		one.tally, one.used = tally{}, 0
	}
	for range rounds {
		hub.drive(ctx, r.Each/rounds)
		limit.drive(ctx, r.Each/rounds)
	}
	if ctx.Err() != nil {
		return nil
	}
	row = row.of(hub.tally, limit.tally)
	row.CPU, row.LimitCPU = perOne(hub.used, len(hub.tally.latencies)), perOne(limit.used, len(limit.tally.latencies))
	row.Value, row.Limit = row.Value*each, row.Limit*each
	r.add(row)
	return nil
}

const againstDisk = "the same files written and fsynced, by as many"

// cstore sends images over associations.
func (r *run) cstore(ctx context.Context) error {
	o, err := r.intakeOf(ctx)
	if err != nil {
		return err
	}
	for _, n := range intakeSizes {
		hub, err := open(n, func(int) (sender, error) { return o.associate(ctx) })
		if err != nil {
			return err
		}
		if err := r.images(ctx, Row{Name: fmt.Sprintf("C-STORE of 0.5 MB images, %d at a time", n)}, o, hub, 1); err != nil {
			return err
		}
	}
	return nil
}

// images compares senders of images, so many in one sending, with the disk.
func (r *run) images(ctx context.Context, row Row, o *opened, hub *sending, at int) error {
	one := newImage()
	size := len(one.start(one.number(0, 0))) + len(one.dataSet)
	limit, err := open(len(hub.senders), func(n int) (sender, error) { return o.disk(n, at) })
	if err != nil {
		return errors.Join(err, hub.close())
	}
	row.Unit, row.Against = "MB/s", againstDisk
	if err := r.sent(ctx, row, float64(at*size)/1e6, hub, limit); err != nil || len(r.rows) == 0 {
		return err
	}
	last := &r.rows[len(r.rows)-1]
	last.Note = strings.Trim(fmt.Sprintf("%.0f images/s; %s", last.Value*1e6/float64(size), last.Note), "; ")
	return nil
}

// disk writes files as a hub must at least.
func (o *opened) disk(n, at int) (sender, error) {
	dir := filepath.Join(o.folder, strconv.Itoa(n))
	return &disk{image: newImage(), opened: o, dir: dir, at: at}, os.MkdirAll(dir, 0o700)
}

type disk struct {
	image
	*opened
	dir string
	at  int
}

func (d *disk) Close() error { return os.RemoveAll(d.dir) }

func (d *disk) send(context.Context) error {
	for range d.at {
		n := d.next.Add(1)
		name := filepath.Join(d.dir, strconv.FormatInt(n, 10))
		file, err := os.Create(name)
		if err != nil {
			return err
		}
		_, err = file.Write(d.start(d.number(0, n)))
		_, dataErr := file.Write(d.dataSet)
		if err := errors.Join(err, dataErr, file.Sync(), file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// association is one that images are sent over.
type association struct {
	image
	*opened
	open    *dimse.Association
	conn    net.Conn
	context dimse.Context
	run     int64
}

func (o *opened) associate(ctx context.Context) (sender, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", o.DIMSE)
	if err != nil {
		return nil, err
	}
	a, err := dimse.Request(ctx, conn, SenderTitle, IntakeTitle, []dimse.Proposal{{Abstract: ctImage, Transfer: []string{explicitLittle}}})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	in, ok := a.Context(ctImage)
	if !ok {
		return nil, errors.Join(errors.New("CT images are not taken"), conn.Close())
	}
	return &association{newImage(), o, a, conn, in, time.Now().UnixNano()}, nil
}

func (a *association) Close() error { return errors.Join(a.open.Release(), a.conn.Close()) }

func (a *association) send(context.Context) error {
	uid := a.number(a.run, a.next.Add(1))
	c := dimse.NewCommand(dimse.CStoreRQ)
	c.SetUID(dimse.AffectedSOPClassUID, ctImage)
	c.SetUID(dimse.AffectedSOPInstanceUID, uid)
	c.SetUint(dimse.MessageID, 1)
	c.SetUint(dimse.Priority, 0)
	if err := a.open.Send(a.context, c, bytes.NewReader(a.dataSet)); err != nil {
		return err
	}
	m, err := a.open.Next()
	if err == nil && m.Command.Uint(dimse.Status) != 0 {
		err = fmt.Errorf("C-STORE is answered with status %04X", m.Command.Uint(dimse.Status))
	}
	return err
}

// stowed is how many images one STOW-RS request has.
const stowed = 10

// stow sends images in requests.
func (r *run) stow(ctx context.Context) error {
	o, err := r.intakeOf(ctx)
	if err != nil {
		return err
	}
	for _, n := range intakeSizes {
		hub, err := open(n, func(int) (sender, error) {
			return &poster{image: newImage(), opened: o, client: &http.Client{Transport: newTransport(1)}, run: time.Now().UnixNano()}, nil
		})
		if err != nil {
			return err
		}
		name := fmt.Sprintf("STOW-RS of %d 0.5 MB images a request, %d at a time", stowed, n)
		if err := r.images(ctx, Row{Name: name}, o, hub, stowed); err != nil {
			return err
		}
	}
	return nil
}

type poster struct {
	image
	*opened
	client *http.Client
	run    int64
	body   bytes.Buffer
}

func (p *poster) Close() error {
	p.client.CloseIdleConnections()
	return nil
}

func (p *poster) send(ctx context.Context) error {
	body := &p.body
	body.Reset()
	parts := multipart.NewWriter(body)
	for range stowed {
		uid := p.number(p.run, p.next.Add(1))
		part, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {"application/dicom"}})
		if err == nil {
			_, err = part.Write(p.start(uid))
		}
		if err == nil {
			_, err = part.Write(p.dataSet)
		}
		if err != nil {
			return err
		}
	}
	if err := parts.Close(); err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, p.DICOMweb+"/studies", body)
	if err != nil {
		return err
	}
	q.Header.Set("Authorization", "Bearer "+p.token)
	q.Header.Set("Accept", "application/dicom+json")
	q.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+parts.Boundary())
	answer, err := p.client.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("STOW-RS is answered with %d", answer.StatusCode)
	}
	return nil
}
