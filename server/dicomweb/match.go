package dicomweb

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"lightbox/dicom"
)

// level is what a search answers with.
type level int

const (
	studies level = iota
	series
	instances
)

// query is one search (QIDO-RS, PS3.18 10.6).
type query struct {
	level         level
	keys          []key
	fields        []dicom.Tag // that the client wants beside those of the level
	everything    bool        // includefield=all
	limit, offset int
	warnings      []string
}

// key is one attribute to match.
type key struct {
	path  dicom.Path
	vr    dicom.VR
	value string
}

const (
	defaultLimit = 200
	maxLimit     = 1000
	maxKeys      = 64
	maxOffset    = 100_000
)

// parseQuery reads the parameters of a search. What no level can match is left out with a warning, as PS3.18 10.6.1.2 has it.
func parseQuery(at level, params url.Values) (query, error) {
	q := query{level: at, limit: defaultLimit}
	for name, values := range params {
		var err error
		switch strings.ToLower(name) {
		case "limit":
			q.limit, err = count(values[0], maxLimit)
		case "offset":
			q.offset, err = count(values[0], maxOffset)
		case "includefield":
			err = q.include(values)
		case "fuzzymatching":
			if strings.EqualFold(values[0], "true") {
				q.warnings = append(q.warnings, "the fuzzymatching parameter is not supported: only literal matching has been done")
			}
		default:
			err = q.addKey(name, values)
		}
		if err != nil {
			return q, err
		}
	}
	q.limit = min(q.limit, maxLimit)
	slices.SortFunc(q.keys, func(a, b key) int { return strings.Compare(a.path.String(), b.path.String()) })
	return q, nil
}

func badRequest(text string) error { return &problem{http.StatusBadRequest, text} }

func count(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, badRequest("limit and offset are numbers from 0")
	}
	return min(n, most), nil
}

func (q *query) include(values []string) error {
	for _, name := range strings.Split(strings.Join(values, ","), ",") {
		if name == "all" {
			q.everything = true
			continue
		}
		path, err := attribute(name)
		if err != nil {
			return err
		}
		q.fields = append(q.fields, path.Tag())
	}
	return nil
}

func (q *query) addKey(name string, values []string) error {
	path, err := attribute(name)
	if err != nil {
		return err
	}
	value := strings.Join(values, ",")
	switch {
	case len(q.keys) == maxKeys:
		return badRequest("too many attributes to match")
	case value == "" || value == "*": // universal matching
		q.fields = append(q.fields, path.Tag())
	case q.level < instances && !isMatched(q.level, path):
		q.warnings = append(q.warnings, "not matched by: "+path.String())
	default:
		q.keys = append(q.keys, key{path, dicom.VROf(path.Tag()), value})
	}
	return nil
}

var hexTag = regexp.MustCompile(`^[0-9A-Fa-f]{8}$`)

// attribute reads the name of one: keywords or tags, joined by dots.
func attribute(name string) (dicom.Path, error) {
	steps := strings.Split(name, ".")
	for i, step := range steps {
		if hexTag.MatchString(step) {
			steps[i] = "(" + step[:4] + "," + step[4:] + ")"
			if tag, err := dicom.ParseTag(steps[i]); err == nil && dicom.Keyword(tag) != "" {
				steps[i] = dicom.Keyword(tag)
			}
		}
	}
	path, err := dicom.ParsePath(strings.Join(steps, "."))
	if err != nil || len(steps) > 2 {
		return path, badRequest(strconv.Quote(name) + " is no attribute")
	}
	return path, nil
}

// matches reports whether a data set has what a key asks for (PS3.4 C.2.2.2).
func (k key) matches(d *dicom.Dataset) bool {
	texts := d.Texts(k.path)
	switch k.vr {
	case "UI":
		return slices.ContainsFunc(strings.FieldsFunc(k.value, isListSeparator), func(uid string) bool { return slices.Contains(texts, strings.TrimSpace(uid)) })
	case "DA", "TM", "DT":
		return slices.ContainsFunc(texts, k.inRange)
	}
	list := []string{k.value}
	if k.vr == "CS" { // generous: ModalitiesInStudy=CT,MR
		list = strings.FieldsFunc(k.value, isListSeparator)
	}
	for _, one := range list {
		if pattern := wildcard(one, k.vr == "PN"); slices.ContainsFunc(texts, pattern) {
			return true
		}
	}
	return false
}

func isListSeparator(c rune) bool { return c == ',' || c == '\\' }

// inRange compares dates and times as text of one length: "a-b", "a-", "-b", or one.
func (k key) inRange(text string) bool {
	from, to, isRange := strings.Cut(k.value, "-")
	if !isRange {
		return strings.HasPrefix(text, from)
	}
	cut := func(s string, n int) string { return s[:min(len(s), n)] }
	return (from == "" || cut(text, len(from)) >= from) && (to == "" || cut(text, len(to)) <= to)
}

// wildcard makes a match of a pattern: * is any text, ? any character. Names match whatever their case, and their components without the
// carets at the end.
func wildcard(pattern string, isName bool) func(string) bool {
	var b strings.Builder
	for _, c := range pattern {
		switch c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	flags, end := "(?s)", ""
	if isName {
		flags, end = "(?si)", `\^*(=.*)?`
	}
	match := regexp.MustCompile(flags + "^" + b.String() + end + "$")
	return match.MatchString
}

// matched are the attributes that searches for studies, and beside them those for series, match: what the index keeps of them.
var matched = [][]string{
	strings.Fields(`StudyInstanceUID StudyDate StudyTime AccessionNumber ModalitiesInStudy ReferringPhysicianName PatientName PatientID IssuerOfPatientID
		PatientBirthDate PatientSex StudyID StudyDescription InstitutionName`),
	strings.Fields(`SeriesInstanceUID Modality SeriesNumber SeriesDescription BodyPartExamined Laterality SeriesDate SeriesTime Manufacturer ManufacturerModelName
		StationName OperatorsName PerformingPhysicianName RequestAttributesSequence.AccessionNumber RequestAttributesSequence.RequestedProcedureID`),
}

func isMatched(at level, path dicom.Path) bool {
	for n := range int(at) + 1 {
		if slices.Contains(matched[n], path.String()) {
			return true
		}
	}
	return false
}

// returned are the attributes that an answer always has, by level (PS3.18 tables 10.6.3-3 to 10.6.3-5).
var returned = sync.OnceValue(func() [3][]dicom.Tag {
	names := [3]string{
		`StudyDate StudyTime AccessionNumber InstanceAvailability ModalitiesInStudy ReferringPhysicianName TimezoneOffsetFromUTC RetrieveURL PatientName PatientID
			IssuerOfPatientID PatientBirthDate PatientSex StudyInstanceUID StudyID StudyDescription NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances`,
		`Modality TimezoneOffsetFromUTC SeriesDescription RetrieveURL StudyInstanceUID SeriesInstanceUID SeriesNumber SeriesDate SeriesTime BodyPartExamined
			NumberOfSeriesRelatedInstances RequestAttributesSequence InstanceAvailability`,
		`SOPClassUID SOPInstanceUID InstanceAvailability TimezoneOffsetFromUTC RetrieveURL StudyInstanceUID SeriesInstanceUID InstanceNumber Rows Columns BitsAllocated
			NumberOfFrames`,
	}
	var tags [3][]dicom.Tag
	for n, list := range names {
		for name := range strings.FieldsSeq(list) {
			tags[n] = append(tags[n], dicom.MustPath(name).Tag())
		}
	}
	return tags
})

// chosen is what an answer shows of a data set.
func (q query) chosen(d *dicom.Dataset, from level) *dicom.Dataset {
	show := map[dicom.Tag]bool{}
	for at := from; at <= q.level; at++ {
		for _, tag := range returned()[at] {
			show[tag] = true
		}
	}
	for _, tag := range q.fields {
		show[tag] = true
	}
	return d.Subset(func(t dicom.Tag) bool { return q.everything || show[t] })
}
