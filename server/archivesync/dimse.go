package archivesync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/dicom/dimse"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// dimseArchive is an archive that speaks nothing newer than DIMSE: it is queried by C-FIND, and sends its objects by C-GET or, where it has an
// address to send them to, by C-MOVE. There is no feed of changes and no paging: each run goes over the studies by their dates, in spans of days
// that hold few enough of them, and looks into those whose number of instances is not the hub's.
type dimseArchive struct {
	Address
	called string
	host   string // host:port
	hub    *ingest.Pipeline
	moving sync.Mutex // one C-MOVE at a time: there is one address that objects are sent to
}

// dimseScheme begins the address of such an archive: dicom://AET@host:port.
const dimseScheme = "dicom"

// IsDIMSE reports whether an address is of an archive that is spoken to by DIMSE. The error says what is wrong with one that should be.
func IsDIMSE(text string) (bool, error) {
	at, err := url.Parse(text)
	if err != nil || at.Scheme != dimseScheme {
		return false, nil //nolint:nilerr // other kinds of addresses are others' to refuse
	}
	if title := at.User.Username(); len(title) == 0 || len(title) > 16 || at.Port() == "" || at.Path != "" {
		return true, fmt.Errorf("%q is not dicom://AET@host:port", text)
	}
	return true, nil
}

func newDIMSE(at Address, hub *ingest.Pipeline) (*dimseArchive, error) {
	if _, err := IsDIMSE(at.URL); err != nil {
		return nil, err
	}
	u, err := url.Parse(at.URL)
	if err != nil {
		return nil, err
	}
	if at.AET == "" {
		at.AET = "LIGHTBOX"
	}
	return &dimseArchive{Address: at, called: u.User.Username(), host: u.Host, hub: hub}, nil
}

// associate opens an association for as long as ask takes.
func (d *dimseArchive) associate(ctx context.Context, proposals []dimse.Proposal, ask func(*dimse.Association) error) error {
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", d.host)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	a, err := dimse.Request(ctx, conn, d.AET, d.called, proposals)
	if err != nil {
		return err
	}
	if err := ask(a); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return a.Release()
}

// Transfer syntaxes that identifiers are sent in.
var plainSyntaxes = []string{"1.2.840.10008.1.2.1", "1.2.840.10008.1.2"}

var findProposal = []dimse.Proposal{{Abstract: dimse.StudyRootFind, Transfer: plainSyntaxes}}

// Attributes of identifiers.
var (
	pathLevel     = dicom.MustPath("QueryRetrieveLevel")
	pathStudyDate = dicom.MustPath("StudyDate")
	pathStudy     = dicom.MustPath("StudyInstanceUID")
	pathSeries    = dicom.MustPath("SeriesInstanceUID")
	pathInstance  = dicom.MustPath("SOPInstanceUID")
	pathClass     = dicom.MustPath("SOPClassUID")
	pathCount     = dicom.MustPath("NumberOfStudyRelatedInstances")
)

// key is an attribute of an identifier: what it must be, or, empty, that it is wanted.
type key struct {
	path  dicom.Path
	value string
}

func identifier(level string, keys ...key) *dicom.Dataset {
	elements := []dicom.Element{dicom.NewText(pathLevel.Tag(), "CS", level)}
	for _, k := range keys {
		elements = append(elements, dicom.NewText(k.path.Tag(), dicom.VROf(k.path.Tag()), k.value))
	}
	return dicom.NewDataset(elements...)
}

// span is a stretch of days that studies are of; without a length it is all time.
type span struct {
	start time.Time
	days  int
}

const (
	firstYear   = 1970 // a date before that is wrong
	longestSpan = 365 * 20
	dateFormat  = "20060102" // DA
	beforeDates = "all"      // position of a run that asks for everything
)

// Bounds of what is asked for at once.
const (
	mostOfSpan   = 500     // studies
	mostOfDay    = 100_000 // as above, of one day, which is not parted
	mostObjects  = 10_000  // of one batch, and those of one study
	maxSeries    = 10_000  // of a study
	maxInstances = 1_000_000
	getBatch     = 100             // objects of one retrieval
	idleArrivals = 2 * time.Minute // between objects of a C-MOVE
)

// String is the position of a span: its first day, and how many there are.
func (s span) String() string {
	if s.days == 0 {
		return beforeDates
	}
	return s.start.Format(dateFormat) + " " + strconv.Itoa(s.days)
}

func parseSpan(position string) (s span, err error) {
	if position == "" || position == beforeDates {
		return span{}, nil
	}
	start, days, _ := strings.Cut(position, " ")
	if s.start, err = time.Parse(dateFormat, start); err != nil {
		return s, err
	}
	if s.days, err = strconv.Atoi(days); err != nil || s.days <= 0 || s.days > longestSpan {
		return s, fmt.Errorf("position %q", position)
	}
	return s, nil
}

// key chooses the studies of a span.
func (s span) key() key {
	if s.days == 0 {
		return key{pathStudyDate, ""}
	}
	return key{pathStudyDate, s.start.Format(dateFormat) + "-" + s.start.AddDate(0, 0, s.days-1).Format(dateFormat)}
}

// half is the first half of a span that holds too many.
func (s span) half() span {
	if s.days == 0 {
		return span{time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC), longestSpan}
	}
	return span{s.start, s.days / 2}
}

// next is the span after one that held so many.
func (s span) next(held int) span {
	n := span{s.start.AddDate(0, 0, s.days), s.days}
	if held < mostOfSpan/4 {
		n.days = min(2*n.days, longestSpan)
	}
	return n
}

var errTooMany = errors.New("too many")

// Positions are spans; a run that came to the end of time begins anew.
func (d *dimseArchive) Next(ctx context.Context, position string) (b Batch, err error) {
	s, err := parseSpan(position)
	if err != nil {
		return b, err
	}
	err = d.associate(ctx, findProposal, func(a *dimse.Association) error {
		var studies []*dicom.Dataset
		for {
			studies, err = d.studies(a, s)
			if !errors.Is(err, errTooMany) || s.days == 1 {
				break
			}
			s = s.half()
		}
		if err != nil {
			return err
		}
		for _, study := range studies {
			if study.Text(pathStudy) == "" {
				b.Nameless++
				continue
			}
			missing, err := d.missing(ctx, a, study)
			if err != nil {
				return err
			}
			if b.Objects = append(b.Objects, missing...); len(b.Objects) >= mostObjects {
				b.Position = s.String() // the rest is missing still
				return nil
			}
		}
		next := s.next(len(studies))
		if b.Position = next.String(); s.days == 0 || next.start.After(time.Now().AddDate(0, 0, 2)) {
			b.Position, b.Done = beforeDates, true
		}
		return nil
	})
	return b, err
}

// studies asks for those of a span; errTooMany where it holds more than are taken at once.
func (d *dimseArchive) studies(a *dimse.Association, s span) (list []*dicom.Dataset, err error) {
	most := mostOfSpan
	if s.days == 1 {
		most = mostOfDay
	}
	return list, a.Find(identifier("STUDY", s.key(), key{pathStudy, ""}, key{pathCount, ""}), bounded(&list, most))
}

// bounded gathers matches, up to most.
func bounded(list *[]*dicom.Dataset, most int) func(*dicom.Dataset) error {
	return func(match *dicom.Dataset) error {
		if len(*list) == most {
			*list = nil
			return errTooMany
		}
		*list = append(*list, match)
		return nil
	}
}

// missing are the instances of a study that the hub has not, as "study/series/instance/class".
func (d *dimseArchive) missing(ctx context.Context, a *dimse.Association, study *dicom.Dataset) (list []string, err error) {
	uid := study.Text(pathStudy)
	known := map[string]bool{}
	err = d.hub.Store.View(ctx, func(tx store.SQL) error {
		clear(known)
		return knownOf(ctx, tx, studyAt{d.Name, uid}, known)
	})
	if count, ok := study.Int(pathCount); err != nil || ok && count == int64(len(known)) {
		return nil, err
	}
	var series []*dicom.Dataset
	if err := a.Find(identifier("SERIES", key{pathStudy, uid}, key{pathSeries, ""}), bounded(&series, maxSeries)); err != nil {
		return nil, err
	}
	for _, one := range series {
		var instances []*dicom.Dataset
		of := one.Text(pathSeries)
		keys := identifier("IMAGE", key{pathStudy, uid}, key{pathSeries, of}, key{pathInstance, ""}, key{pathClass, ""})
		if err := a.Find(keys, bounded(&instances, maxInstances)); err != nil {
			return nil, err
		}
		for _, i := range instances {
			if instance := i.Text(pathInstance); instance != "" && !known[instance] {
				known[instance] = true
				list = append(list, strings.Join([]string{uid, of, instance, i.Text(pathClass)}, "/"))
			}
		}
	}
	return list, nil
}

// studyAt is a study of an archive.
type studyAt struct{ archive, uid string }

// knownOf adds the instances of a study that an archive has told of, those that were refused among them.
func knownOf(ctx context.Context, tx store.SQL, of studyAt, known map[string]bool) error {
	held, err := archive.Held(ctx, tx, of.uid, of.archive)
	if err != nil {
		return err
	}
	refused, err := refusedOf(ctx, tx, of.archive, of.uid)
	for _, object := range refused {
		if parts := strings.Split(object, "/"); len(parts) > 2 {
			held = append(held, parts[2])
		}
	}
	for _, uid := range held {
		known[uid] = true
	}
	return err
}

// Group: the objects of a series are sent together.
func (d *dimseArchive) Group(object string) string {
	parts := strings.SplitN(object, "/", 3)
	return parts[0] + "/" + parts[1]
}

// Fetch implements Source by FetchAll.
func (d *dimseArchive) Fetch(context.Context, string) (Body, error) {
	return Body{}, errors.New("objects are sent together")
}

// FetchAll has the archive send objects of a series. What it does not send is told of with the reason.
func (d *dimseArchive) FetchAll(ctx context.Context, objects []string, take func(object string, file io.Reader) error) error {
	for some := range slices.Chunk(objects, getBatch) {
		w := &wanted{objects: map[string]string{}, take: take}
		for _, object := range some {
			w.objects[strings.Split(object, "/")[2]] = object
		}
		retrieve := d.get
		if d.MoveTo != "" {
			retrieve = d.move
		}
		if err := retrieve(ctx, some, w); err != nil {
			return err
		}
		if err := w.untold(); err != nil {
			return err
		}
	}
	return nil
}

// retrieval is the identifier of objects of one series (PS3.4 C.4.3.1.3).
func retrieval(objects []string) *dicom.Dataset {
	var uids []string
	for _, object := range objects {
		uids = append(uids, strings.Split(object, "/")[2])
	}
	parts := strings.Split(objects[0], "/")
	return identifier("IMAGE", key{pathStudy, parts[0]}, key{pathSeries, parts[1]}, key{pathInstance, strings.Join(uids, `\`)})
}

// get has objects sent on the association that asks for them. What does not come in the contexts of one is asked for with others.
func (d *dimseArchive) get(ctx context.Context, objects []string, w *wanted) error {
	for contexts := range slices.Chunk(storageProposals(objects), maxProposals) {
		proposals := append([]dimse.Proposal{{Abstract: dimse.StudyRootGet, Transfer: plainSyntaxes}}, contexts...)
		err := d.associate(ctx, proposals, func(a *dimse.Association) error {
			_, err := a.Get(retrieval(w.left()), w.store)
			return errors.Join(w.failure, w.refusedAll(err))
		})
		if err != nil || len(w.left()) == 0 {
			return err
		}
	}
	return nil
}

// maxProposals are as many contexts as an association has beside that of the retrieval.
const maxProposals = 127

// storageProposals are contexts for the classes of objects, one for each transfer syntax: so objects come as they are stored. Where the archive
// does not tell of which class they are (SOPClassUID is optional, PS3.4 C.6.2.1.4), that is every class.
func storageProposals(objects []string) (list []dimse.Proposal) {
	var classes []string
	for _, object := range objects {
		class := object[strings.LastIndex(object, "/")+1:]
		if class == "" {
			classes = storageClasses
			break
		}
		if !slices.Contains(classes, class) {
			classes = append(classes, class)
		}
	}
	for _, syntax := range objectSyntaxes {
		for _, class := range classes {
			list = append(list, dimse.Proposal{Abstract: class, Transfer: []string{syntax}, AsSCP: true})
		}
	}
	return list
}
