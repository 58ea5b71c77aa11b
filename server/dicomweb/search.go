package dicomweb

import (
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/go-chi/chi/v5"
	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/search"
)

// find answers a search at a level.
func (s *Server) find(at level) func(*call) error {
	return func(c *call) error {
		if len(c.by.Visible(auth.Search, "ImagingStudy").Grants) == 0 {
			return errForbidden
		}
		q, err := parseQuery(at, c.r.URL.Query())
		if err != nil {
			return err
		}
		f := &finding{query: q, server: s, call: c, from: level(0)}
		if err := f.run(); err != nil {
			return err
		}
		return f.send()
	}
}

// finding is a search under way.
type finding struct {
	query
	server *Server
	call   *call
	from   level           // levels above it are named by the path, and not repeated
	byHub  bool            // the patient was found as the hub knows them
	looked map[string]bool // into studies, by id
	passed int             // matches before offset
	found  []*dicom.Dataset
	shown  []fhir.Resource // the studies of what was found
}

// isFull reports whether no more matches are needed.
func (f *finding) isFull() bool { return len(f.found) >= f.limit }

// run goes over the studies that may match, newest first.
func (f *finding) run() error {
	if f.limit == 0 {
		return nil
	}
	if uid := chi.URLParam(f.call.r, "study"); uid != "" {
		f.from = series
		v, err := f.server.look(f.call, uid, "")
		if err != nil {
			return err
		}
		if chi.URLParam(f.call.r, "series") != "" {
			f.from = instances
		}
		return f.study(v)
	}
	if uids := f.named(); uids != nil {
		return f.each(uids)
	}
	return f.candidates()
}

// named are the studies that the search names by UID; nil: it does not.
func (f *finding) named() []string {
	for _, k := range f.keys {
		if k.path.String() == "StudyInstanceUID" {
			return strings.FieldsFunc(k.value, isListSeparator)
		}
	}
	return nil
}

// maxNamed bounds the studies that one search names.
const maxNamed = 1000

func (f *finding) each(uids []string) error {
	if len(uids) > maxNamed {
		return badRequest("too many studies are named")
	}
	for _, uid := range uids {
		v, err := f.server.look(f.call, strings.TrimSpace(uid), "")
		if err == errNoStudy { //nolint:errorlint // look returns this very value
			continue
		}
		if err == nil {
			err = f.study(v)
		}
		if err != nil || f.isFull() {
			return err
		}
	}
	return nil
}

// maxExamined bounds the studies that one search looks into.
const maxExamined = 5000

// candidates goes over what the index of FHIR finds, which may be more than matches: first by patients as the hub knows them, of whom the
// caller sees the Patient; then by what the objects say of theirs, unless all was found before. A Patient that the caller does not see makes no
// difference: a name or a birth date cannot be guessed by whether a study of theirs is found.
func (f *finding) candidates() error {
	seen := f.call.by.Visible(auth.Search, "Patient")
	everyone := slices.ContainsFunc(seen.Grants, func(g search.Grant) bool { return g.All && len(g.Where) == 0 })
	f.looked = map[string]bool{}
	if f.byHub = len(seen.Grants) > 0; f.byHub {
		if err := f.walk(f.prefilter()); err != nil || f.isFull() || everyone || !f.asksForPatient() {
			return err
		}
	}
	byNumber := slices.ContainsFunc(f.keys, func(k key) bool { return k.path.String() == "PatientID" })
	if f.byHub && !byNumber { // looking into all that the caller sees costs too much where Patients are seen
		return nil
	}
	f.byHub = false
	return f.walk(f.prefilter())
}

// asksForPatient reports whether a key is one that the hub knows of patients.
func (f *finding) asksForPatient() bool {
	return slices.ContainsFunc(f.keys, func(k key) bool { return slices.Contains(byHub, k.path.String()) })
}

// walk looks into the studies that a search of FHIR finds.
func (f *finding) walk(params url.Values) error {
	q, err := search.Parse(fhir.R4(), "ImagingStudy", params, search.Options{Strict: true})
	if err != nil {
		return badRequest("a value that cannot be searched for")
	}
	by := f.call.by.Caller()
	by.ID += " dicomweb"
	for examined := 0; ; {
		page, err := f.server.Hub.Store.Search(f.call.ctx(), q, by)
		if err != nil {
			return err
		}
		for _, study := range page.Matches {
			if err := f.lookInto(study); err != nil || f.isFull() {
				return err
			}
		}
		if examined += len(page.Matches); page.Next == "" {
			return nil
		}
		if examined >= maxExamined {
			f.warnings = append(f.warnings, "more studies may match than were looked into: narrow the search")
			return nil
		}
		q.Page = page.Next
	}
}

// lookInto adds what matches in a study, once.
func (f *finding) lookInto(study fhir.Resource) error {
	uid := strings.TrimPrefix(gjson.GetBytes(study.Body, `identifier.#(system=="urn:dicom:uid").value`).Str, "urn:oid:")
	if f.looked[study.ID] || study.ID != f.server.Hub.Mapper.StudyID(uid) { // submitted as FHIR: it lists objects that are not here
		return nil
	}
	f.looked[study.ID] = true
	v, err := f.server.of(f.call, view{uid: uid, study: study}, "")
	if err != nil {
		return err
	}
	return f.study(v)
}

// prefilter is the search of FHIR that finds at least what matches. Patients are found by what the hub knows of them, the numbers of merged
// records among it, or else by the number that the study states.
func (f *finding) prefilter() url.Values {
	params := url.Values{"_sort": {"-started"}, "_count": {"100"}}
	for _, k := range f.keys {
		plain := !strings.ContainsAny(k.value, `*?\`)
		switch name := k.path.String(); {
		case name == "PatientID" && plain && !f.byHub:
			params.Add("patient:identifier", k.value)
		case slices.Contains(byHub, name) && !f.byHub:
		case name == "PatientID" && plain:
			params.Add("patient.identifier", k.value)
		case name == "AccessionNumber" && plain:
			params.Add("identifier", k.value)
		case name == "ModalitiesInStudy" && plain, name == "Modality" && plain && f.level == studies:
			params.Add("modality", k.value)
		case name == "PatientBirthDate" && plain && len(k.value) == 8:
			params.Add("patient.birthdate", dashed(k.value, 0))
		case name == "PatientName":
			for _, word := range words(k.value) {
				params.Add("patient.name", word)
			}
		case name == "StudyDate":
			from, to, isRange := strings.Cut(k.value, "-")
			if !isRange {
				to = from
			}
			if day := dashed(from, -1); day != "" { // zones move a day
				params.Add("started", "ge"+day)
			}
			if day := dashed(to, 1); day != "" {
				params.Add("started", "le"+day)
			}
		}
	}
	return params
}

// words are the parts of a name before its first wildcard.
func words(name string) []string {
	known, _, _ := strings.Cut(name, "*")
	known, _, _ = strings.Cut(known, "?")
	return strings.FieldsFunc(known, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsMark(c) && !unicode.IsDigit(c) })
}

// dashed is a DICOM date as FHIR has it, some days later; "" where it is none.
func dashed(date string, days int) string {
	t, err := time.Parse("20060102", date)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, days).Format(time.DateOnly)
}

// byHub are the keys that the index of FHIR has settled where it was asked for patients: a patient goes by what the hub knows, not by what an object says.
var byHub = []string{"PatientID", "PatientName", "PatientBirthDate"}

func (f *finding) matches(d *dicom.Dataset) bool {
	for _, k := range f.keys {
		settled := f.byHub && slices.Contains(byHub, k.path.String()) && !strings.ContainsAny(k.value, `*?\`)
		if !settled && !k.matches(d) {
			return false
		}
	}
	return true
}

// study adds what matches in a study.
func (f *finding) study(v view) error {
	before := len(f.found)
	err := f.within(v)
	if len(f.found) > before {
		f.shown = append(f.shown, v.study)
	}
	return err
}

func (f *finding) within(v view) error {
	list, address := v.within(chi.URLParam(f.call.r, "series"), ""), f.server.Base+"/studies/"+v.uid
	switch {
	case len(list) == 0:
		return nil
	case f.level == studies:
		return f.add(f.server.summary(v, list, address))
	}
	for _, uid := range seriesOf(list) {
		of := v.within(uid, "")
		summary, err := f.server.summary(v, of, address+"/series/"+uid)
		if f.level == series {
			err = f.add(summary, err)
		} else if err == nil {
			err = f.instances(summary, of)
		}
		if err != nil || f.isFull() {
			return err
		}
	}
	return nil
}

func (f *finding) instances(of *dicom.Dataset, list []archive.Instance) error {
	for _, i := range list {
		if f.isFull() {
			return nil
		}
		if err := f.add(f.server.instanceOf(f.call.ctx(), of, i)); err != nil {
			return err
		}
	}
	return nil
}

// add takes a data set that matches.
func (f *finding) add(d *dicom.Dataset, err error) error {
	if err != nil || !f.matches(d) {
		return err
	}
	if f.passed++; f.passed > f.offset {
		f.found = append(f.found, f.chosen(d, f.from))
	}
	return nil
}

func seriesOf(list []archive.Instance) (uids []string) {
	for _, i := range list {
		if !slices.Contains(uids, i.SeriesInstanceUID) {
			uids = append(uids, i.SeriesInstanceUID)
		}
	}
	return uids
}

var (
	tagAvailability    = dicom.MustPath("InstanceAvailability").Tag()
	tagModalities      = dicom.MustPath("ModalitiesInStudy").Tag()
	tagStudySeries     = dicom.MustPath("NumberOfStudyRelatedSeries").Tag()
	tagStudyInstances  = dicom.MustPath("NumberOfStudyRelatedInstances").Tag()
	tagSeriesInstances = dicom.MustPath("NumberOfSeriesRelatedInstances").Tag()
)

// summary is a study or a series of it as an answer has it: what the first of its objects that the caller sees says, and what is counted of
// those that the caller sees. Address is where it is retrieved.
func (s *Server) summary(v view, list []archive.Instance, address string) (*dicom.Dataset, error) {
	d, err := dicom.Decode(list[0].Context)
	if err != nil {
		return nil, err
	}
	var modalities []string
	for _, one := range gjson.GetBytes(v.study.Body, "series.#.modality.code").Array() {
		if !slices.Contains(modalities, one.Str) {
			modalities = append(modalities, one.Str)
		}
	}
	return with(d,
		dicom.NewText(tagAvailability, "CS", "ONLINE"), dicom.NewText(tagRetrieveURL, "UR", address), dicom.NewText(tagModalities, "CS", modalities...),
		dicom.NewText(tagStudySeries, "IS", itoa(len(seriesOf(v.instances)))), dicom.NewText(tagStudyInstances, "IS", itoa(len(v.instances))),
		dicom.NewText(tagSeriesInstances, "IS", itoa(len(v.within(list[0].SeriesInstanceUID, "")))),
	), nil
}

// instanceOf is an instance as an answer has it: its own header, and what is said of its study.
func (s *Server) instanceOf(ctx context.Context, of *dicom.Dataset, i archive.Instance) (*dicom.Dataset, error) {
	o, err := s.open(ctx, i)
	if err != nil {
		return nil, err
	}
	var counted []dicom.Element
	for _, tag := range []dicom.Tag{tagAvailability, tagModalities, tagStudySeries, tagStudyInstances, tagSeriesInstances} {
		for _, e := range of.Elements {
			if e.Tag == tag {
				counted = append(counted, e)
			}
		}
	}
	return with(o.header, append(counted, dicom.NewText(tagRetrieveURL, "UR", s.address(i)))...), o.Close()
}

// with is a data set with elements in place of its own.
func with(d *dicom.Dataset, elements ...dicom.Element) *dicom.Dataset {
	out := d.Subset(func(t dicom.Tag) bool {
		return !slices.ContainsFunc(elements, func(e dicom.Element) bool { return e.Tag == t })
	})
	out.Elements = append(slices.Clone(out.Elements), elements...)
	slices.SortFunc(out.Elements, func(a, b dicom.Element) int { return int(int64(a.Tag) - int64(b.Tag)) })
	return out
}

// send answers with what was found: 204 where that is nothing (PS3.18 table 10.6.3-2).
func (f *finding) send() error {
	c := f.call
	for _, text := range f.warnings {
		c.w.Header().Add("Warning", `299 `+hostOf(f.server.Base)+` "`+text+`"`)
	}
	asXML, err := c.wantsXML()
	if err != nil {
		return err
	}
	e := c.event(audit.Query)
	e.Query, e.Patients = c.r.Method+" "+c.r.URL.RequestURI(), audit.PatientsOf(f.shown...)
	if err := f.server.record(c, e); err != nil {
		return err
	}
	switch {
	case len(f.found) == 0:
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	case asXML:
		out := c.multipart(dicomXML)
		for _, d := range f.found {
			part, err := out.CreatePart(textproto.MIMEHeader{"Content-Type": {dicomXML}})
			if err == nil {
				_, err = part.Write(d.AppendXML(nil, nil))
			}
			if err != nil {
				return f.server.brokenOff(err)
			}
		}
		return f.server.brokenOff(out.Close())
	}
	body := []byte{'['}
	for n, d := range f.found {
		if n > 0 {
			body = append(body, ',')
		}
		body = d.AppendJSON(body, nil)
	}
	return c.send(http.StatusOK, dicomJSON, append(body, ']'))
}
