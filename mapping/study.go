package mapping

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
)

// Study is one mapped study.
type Study struct {
	Resource fhir.Resource      // the ImagingStudy
	Patient  string             // "Patient/<id>" it was linked to
	Owners   []string           // of its instances, sorted
	Held     []archive.Instance // instances of another patient, left out
	Issues   []Issue
	Ordered  []string // priorities of its Orders, for whoever knows them to fill in
	Reported bool     // a message told of a report of it that is signed, for whoever knows to fill in
	started  string
	rejected rejected

	modalities map[string]bool // references to equipment that acquired something

	provenance fhir.Resource
}

// Resources are the ImagingStudy, and its Provenance where it is known when the instances were received.
func (s Study) Resources() []fhir.Resource {
	if s.provenance.Body == nil {
		return []fhir.Resource{s.Resource}
	}
	return []fhir.Resource{s.Resource, s.provenance}
}

// context is one distinct Context among the instances of a study.
type context struct {
	dataset   *dicom.Dataset
	who       identity
	instances int
}

// object is one instance with its decoded parts.
type object struct {
	archive.Instance
	context *context
	header  *dicom.Dataset
}

// StudyID is the id of the ImagingStudy that the instances of a Study Instance UID become.
func (m *Mapper) StudyID(uid string) string { return m.ID("ImagingStudy", uidSystem, uid) }

var errNoInstances = errors.New("a study without instances")

// Study maps the instances of one study, in any order, to its ImagingStudy. patient is the recorded link, "" when none is
// recorded: then the majority decides, ties by id. links tells which patients are one person; references are not led to the survivor
// yet (Links.Redirect). It is a pure function: conflicts are settled by content.
func (m *Mapper) Study(instances []archive.Instance, patient string, links Links) (Study, error) {
	if len(instances) == 0 {
		return Study{}, errNoInstances
	}
	r := &run{mapper: m, links: links}
	return r.study(instances, patient)
}

func (r *run) study(instances []archive.Instance, patient string) (Study, error) {
	objects, contexts, err := r.decode(instances)
	if err != nil {
		return Study{}, err
	}
	link := r.link(contexts, patient)
	out := Study{Patient: link.reference}
	kept := objects[:0]
	for _, o := range objects {
		if !r.admits(link, o.context.who) {
			out.Held = append(out.Held, o.Instance)
			continue
		}
		kept = append(kept, o)
		for _, owner := range append(o.Owners, o.Owner) {
			if i, found := slices.BinarySearch(out.Owners, owner); !found && owner != "" {
				out.Owners = slices.Insert(out.Owners, i, owner)
			}
		}
	}
	link.conflict = len(out.Held) > 0
	r.reportHeld(out.Held)
	out.rejected = rejectedBy(kept)
	id := r.mapper.StudyID(instances[0].StudyInstanceUID)
	to := r.imagingStudy(id, link, kept, out.rejected)
	out.started, out.modalities = deref(to.Started), modalitiesOf(to)
	body, err := encode("ImagingStudy", r4.OtherImagingStudy(to))
	out.Resource = fhir.Resource{Type: "ImagingStudy", ID: id, Body: body}
	r.ofStudy(&out, kept)
	out.Issues = r.issues
	return out, cmp.Or(err, r.err)
}

// modalitiesOf are the devices that acquired series of a study.
func modalitiesOf(study r4.ImagingStudy) map[string]bool {
	known := map[string]bool{}
	for _, s := range study.Series {
		for _, p := range s.Performer {
			if p.Function == &deviceFunction && modalities[deref(s.Modality.Code)].acquisition {
				known[deref(p.Actor.Reference)] = true
			}
		}
	}
	return known
}

// decode reads the parts of instances, in SOP Instance UID order; equal contexts are read once.
func (r *run) decode(instances []archive.Instance) ([]object, []*context, error) {
	instances = slices.Clone(instances)
	slices.SortFunc(instances, func(a, b archive.Instance) int {
		return cmp.Or(cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID), bytes.Compare(a.Object[:], b.Object[:]))
	})
	instances = slices.CompactFunc(instances, func(a, b archive.Instance) bool { return a.SOPInstanceUID == b.SOPInstanceUID })
	objects := make([]object, 0, len(instances))
	known := map[string]*context{}
	var contexts []*context
	for _, i := range instances {
		c := known[string(i.Context)]
		if c == nil {
			ds, err := dicom.Decode(i.Context)
			if err != nil {
				return nil, nil, fmt.Errorf("context of an instance: %w", err)
			}
			c = &context{dataset: ds, who: r.identity(ds)}
			known[string(i.Context)] = c
			contexts = append(contexts, c)
		}
		c.instances++
		header, err := headerOf(i)
		if err != nil {
			return nil, nil, err
		}
		objects = append(objects, object{i, c, header})
	}
	return objects, contexts, nil
}

// headerOf reads the header of an instance, with the UIDs that the index keeps in columns of their own.
func headerOf(i archive.Instance) (*dicom.Dataset, error) {
	ds, err := dicom.Decode(i.Header)
	if err != nil {
		return nil, fmt.Errorf("header of an instance: %w", err)
	}
	at, _ := slices.BinarySearchFunc(ds.Elements, pathSOPClass.Tag(), func(e dicom.Element, t dicom.Tag) int { return cmp.Compare(e.Tag, t) })
	ds.Elements = slices.Insert(ds.Elements, at,
		dicom.NewText(pathSOPClass.Tag(), "UI", i.SOPClassUID), dicom.NewText(pathSOPInstance.Tag(), "UI", i.SOPInstanceUID))
	return ds, nil
}

// imagingStudy runs the tables over the instances that belong to the linked patient. Those that were taken back are not listed; of a
// study that has no others they tell what it was.
func (r *run) imagingStudy(id string, link link, objects []object, taken rejected) r4.ImagingStudy {
	all := objects
	if listed := slices.DeleteFunc(slices.Clone(objects), func(o object) bool { return !taken.admits(o) }); len(listed) > 0 {
		objects = listed
	}
	to := r4.ImagingStudy{Id: &id, Status: r4.ImagingStudyStatusAvailable}
	studyTable.apply(r, &to, sources(objects)...)
	if to.Subject.Reference == nil || *to.Subject.Reference != link.reference {
		to.Subject = r4.Reference{Reference: &link.reference}
	}
	if link.conflict {
		meta(&to).Tag = append(meta(&to).Tag, tag("patient-conflict", "Objects of another patient are held"))
	}
	if source := commonSource(objects); isURI(source) {
		meta(&to).Source = &source
	}
	if one := r.endpoint(); one != nil {
		to.Endpoint = []r4.Reference{*one}
	}
	to.Series = r.series(objects)
	to.Modality = studyModalities(to.Series)
	to.NumberOfSeries = new(len(to.Series))
	to.NumberOfInstances = new(len(objects))
	if to.Started == nil {
		to.Started = firstStarted(to.Series)
	}
	if len(objects) == len(all) && !slices.ContainsFunc(all, taken.admits) {
		taken.withdraw(&to, all)
	}
	return to
}

// sources weighs the distinct contexts of objects, which are in SOP Instance UID order.
func sources(objects []object) []source {
	var list []source
	at := map[*context]int{}
	for _, o := range objects {
		n, ok := at[o.context]
		if !ok {
			n = len(list)
			at[o.context] = n
			list = append(list, source{root: o.context.dataset, dataset: o.context.dataset, lowest: o.SOPInstanceUID})
		}
		list[n].instances++
	}
	return list
}

func commonSource(objects []object) string {
	common := objects[0].Source
	for _, o := range objects {
		if o.Source != common {
			return ""
		}
	}
	return common
}

// firstStarted is the earliest start of a series, for a study without a date of its own.
func firstStarted(series []r4.ImagingStudySeries) *string {
	var first *string
	for _, s := range series {
		if s.Started != nil && (first == nil || *s.Started < *first) {
			first = s.Started
		}
	}
	return first
}

// series makes the series of a study, by number and then UID.
func (r *run) series(objects []object) []r4.ImagingStudySeries {
	members := map[string][]object{}
	for _, o := range objects {
		members[o.SeriesInstanceUID] = append(members[o.SeriesInstanceUID], o)
	}
	list := make([]r4.ImagingStudySeries, len(members))
	for i, uid := range slices.Sorted(maps.Keys(members)) { // in UID order, so that issues come in one order too
		r.oneSeries(&list[i], members[uid])
	}
	slices.SortStableFunc(list, func(a, b r4.ImagingStudySeries) int { return byNumber(a.Number, b.Number) })
	return list
}

func (r *run) oneSeries(to *r4.ImagingStudySeries, objects []object) {
	to.NumberOfInstances = new(len(objects))
	to.Modality = codingOf(dcm, "OT", "Other") // R4 demands one; the required row raises the issue
	seriesTable.apply(r, to, sources(objects)...)
	headers := make([]source, len(objects))
	for i, o := range objects {
		headers[i] = source{o.context.dataset, o.header, 1, o.SOPInstanceUID}
	}
	seriesHeadersTable.apply(r, to, headers...)
	to.Instance = make([]r4.ImagingStudySeriesInstance, len(objects))
	for i := range headers {
		to.Instance[i].SopClass = r4.Coding{Display: new("not stated")}
		instanceTable.apply(r, &to.Instance[i], headers[i])
	}
	slices.SortStableFunc(to.Instance, func(a, b r4.ImagingStudySeriesInstance) int {
		return cmp.Or(byNumber(a.Number, b.Number), strings.Compare(a.Uid, b.Uid))
	})
}

// byNumber orders by a number that may be missing: those without come last.
func byNumber(a, b *int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	return cmp.Compare(*a, *b)
}
