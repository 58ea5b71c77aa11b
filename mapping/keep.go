package mapping

import (
	"slices"
	"strings"

	"lightbox/dicom"
)

// tags is a tree of the attributes that tables read: what the instance index keeps of an object follows from the rules. A leaf is
// kept whole, a sequence above leaves with those attributes alone.
type tags map[dicom.Tag]tags

func (t tags) add(path string) {
	at := t
	names := strings.Split(path, ".")
	for i, name := range names {
		tag := dicom.MustPath(name).Tag()
		inner, known := at[tag]
		switch {
		case i == len(names)-1:
			at[tag] = nil
			return
		case known && inner == nil: // another rule keeps it whole
			return
		case !known:
			inner = tags{}
			at[tag] = inner
		}
		at = inner
	}
}

// prune returns what t keeps of ds.
func (t tags) prune(ds *dicom.Dataset) *dicom.Dataset {
	kept := ds.Subset(func(tag dicom.Tag) bool { _, ok := t[tag]; return ok })
	for i := range kept.Elements {
		e := &kept.Elements[i]
		inner := t[e.Tag]
		if inner == nil || len(e.Items) == 0 {
			continue
		}
		pruned := make([]*dicom.Dataset, len(e.Items))
		for n, item := range e.Items {
			pruned[n] = inner.prune(item)
		}
		e.Items = pruned
	}
	return kept
}

// everywhere are the attributes that every table leans on, whatever its rows say.
var everywhere = []Rule{
	{Table: "everywhere", From: "SpecificCharacterSet", To: "Resource", Ref: "PS3.3 C.12.1.1.2"},
	{Table: "everywhere", From: "TimezoneOffsetFromUTC", To: "Element.dateTime", Ref: "PS3.3 C.12.1.1.8"},
	{Table: "everywhere", From: "CodingSchemeIdentificationSequence", To: "Coding.system", Ref: "PS3.3 C.12.1.1.7"},
}

// requestSequences hold an order each item, which the order table reads.
var requestSequences = []string{"RequestAttributesSequence", "ReferencedRequestSequence"}

func (t table[T]) rules() []Rule {
	list := make([]Rule, len(t.rows))
	for i := range t.rows {
		list[i] = t.rows[i].Rule
	}
	return list
}

// paths are the attributes that a rule reads.
func (r Rule) paths() []string { return strings.Fields(r.From + " " + r.With) }

func contextRules() []Rule {
	return slices.Concat(everywhere, patientTable.rules(), studyTable.rules(), seriesTable.rules(), deviceTable.rules(),
		organizationTable.rules(), locationTable.rules(), orderTable.rules(), reportPeopleTable.rules())
}

func headerRules() []Rule { return slices.Concat(seriesHeadersTable.rules(), instanceTable.rules()) }

var contextTags = keepContext()

func keepContext() tags {
	t := tags{}
	for _, rule := range contextRules() {
		for _, path := range rule.paths() {
			t.add(path)
		}
	}
	for _, rule := range orderTable.rules() { // which reads items of it too
		for _, path := range rule.paths() {
			for _, sequence := range requestSequences {
				t.add(sequence + "." + path)
			}
		}
	}
	return t
}

// keepHeader is what the index keeps of an instance alone. Its UIDs have columns of their own; the time of acquisition counts only
// where the series has no date.
func keepHeader(dated bool) tags {
	t := tags{}
	for _, rule := range headerRules() {
		if dated && rule.To == "ImagingStudy.series.started" {
			continue
		}
		for _, path := range rule.paths() {
			t.add(path)
		}
	}
	delete(t, pathSOPClass.Tag())
	delete(t, pathSOPInstance.Tag())
	return t
}

var (
	datedHeader   = keepHeader(true)
	undatedHeader = keepHeader(false)
	seriesDate    = newField("SeriesDate")
)

func headerTags(ds *dicom.Dataset) tags {
	switch {
	case ds.Text(pathSOPClass) == keyObjects && rejectionOf(ds) >= 0:
		return noteHeader
	case seriesDate.isIn(ds):
		return datedHeader
	}
	return undatedHeader
}

// noteHeader is what the index keeps of a rejection note: what it takes back, too.
var noteHeader = func() tags {
	t := keepHeader(false)
	t.add(evidence)
	return t
}()
