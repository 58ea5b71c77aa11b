package dicomweb

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// view is what a caller may see of a study: the objects that the ImagingStudy lists which the store shows the caller. What was taken back,
// and what is held as another patient's, is not among them.
type view struct {
	uid       string
	study     fhir.Resource
	instances []archive.Instance // as the ImagingStudy orders them
}

var errNoStudy = &problem{http.StatusNotFound, "no such study, series or instance"}

// look returns what a caller may see of a study, and of it the one instance, unless that is ""; errNoStudy where that is nothing, or the study
// is not here: nobody can tell which.
func (s *Server) look(c *call, uid, instance string) (view, error) {
	return s.lookAt(c, s.Hub.Mapper.StudyID(uid), instance)
}

// lookAt is look by the id of the ImagingStudy.
func (s *Server) lookAt(c *call, id, instance string) (view, error) {
	visible := c.by.Visible(auth.Read, "ImagingStudy")
	if len(visible.Grants) == 0 {
		return view{}, errForbidden
	}
	study, err := s.Hub.Store.Read(c.ctx(), visible, "ImagingStudy", id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return view{}, errNoStudy
	}
	if err != nil {
		return view{}, err
	}
	uid := uidOf(study.Body)
	if id != s.Hub.Mapper.StudyID(uid) { // somebody's own words about a study give no right to its objects
		return view{}, errNoStudy
	}
	return s.of(c, view{uid: uid, study: study}, instance)
}

// of reads the objects of a study that the caller sees, or the one.
func (s *Server) of(c *call, v view, instance string) (view, error) {
	known := map[string]archive.Instance{}
	err := s.Hub.Store.View(c.ctx(), func(tx store.SQL) error {
		list, err := indexed(c.ctx(), tx, v.uid, instance)
		for _, i := range list {
			known[i.SOPInstanceUID] = i
		}
		return err
	})
	if err != nil {
		return view{}, err
	}
	hidden, err := s.hidden(c, known)
	if err != nil {
		return view{}, err
	}
	for _, series := range gjson.GetBytes(v.study.Body, "series").Array() {
		for _, one := range series.Get("instance.#.uid").Array() {
			if i, ok := known[one.Str]; ok && !hidden[one.Str] {
				v.instances = append(v.instances, i)
			}
		}
	}
	return v, nil
}

// indexed are the instances of a study, or the one: thousands are not read for one of them.
func indexed(ctx context.Context, tx store.SQL, study, instance string) ([]archive.Instance, error) {
	if instance != "" {
		return archive.InstanceOf(ctx, tx, study, instance)
	}
	return archive.Study(ctx, tx, study)
}

// hidden are the documents among objects that the caller does not see as what they became: a report that is not released, or what a program
// found and nobody has accepted, must not be read from the object instead. Who sees everything sees them.
func (s *Server) hidden(c *call, known map[string]archive.Instance) (map[string]bool, error) {
	for _, g := range c.by.Visible(auth.Read, "ImagingStudy").Grants {
		if g.All && len(g.Where) == 0 {
			return nil, nil
		}
	}
	hidden := map[string]bool{}
	var names []string
	for uid, i := range known {
		if mapping.IsDocument(i.SOPClassUID) {
			hidden[uid] = true
			names = append(names, "urn:dicom:uid|urn:oid:"+uid)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	by := store.Caller{ID: c.by.Caller().ID, Access: func(t string) search.Filter { return c.by.Visible(auth.Read, t) }}
	for _, resourceType := range []string{"DiagnosticReport", "Observation", "DocumentReference"} {
		if len(by.Access(resourceType).Grants) == 0 {
			continue
		}
		if err := s.unhide(c.ctx(), by, resourceType, names, hidden); err != nil {
			return nil, err
		}
	}
	return hidden, nil
}

// unhide takes out what a caller sees as a resource of a type.
func (s *Server) unhide(ctx context.Context, by store.Caller, resourceType string, names []string, hidden map[string]bool) error {
	q, err := search.Parse(fhir.R4(), resourceType, url.Values{"identifier": {strings.Join(names, ",")}, "_count": {"200"}}, search.Options{Strict: true})
	if err != nil {
		return err
	}
	for {
		page, err := s.Hub.Store.Search(ctx, q, by)
		if err != nil {
			return err
		}
		for _, r := range page.Matches {
			if resourceType == "DiagnosticReport" && !isReleased(r) {
				continue
			}
			for _, uid := range gjson.GetBytes(r.Body, "identifier.#.value").Array() {
				delete(hidden, strings.TrimPrefix(uid.Str, "urn:oid:"))
			}
		}
		if page.Next == "" {
			return nil
		}
		q.Page = page.Next
	}
}

// isReleased holds for a report that somebody answers for.
func isReleased(report fhir.Resource) bool {
	switch gjson.GetBytes(report.Body, "status").Str {
	case "final", "amended", "corrected", "appended":
		return true
	}
	return false
}

// within returns the instances of a series, and of it one; "" is any.
func (v view) within(series, instance string) []archive.Instance {
	var list []archive.Instance
	for _, i := range v.instances {
		if (series == "" || i.SeriesInstanceUID == series) && (instance == "" || i.SOPInstanceUID == instance) {
			list = append(list, i)
		}
	}
	return list
}

// opened is an object with its header.
type opened struct {
	archive.Object
	header *dicom.Dataset
}

// inlined is how long a value may be that metadata hold; a longer one has an address.
const inlined = 64 << 10

// open reads the header of an object. What cannot be read any more is an error of ours.
func (s *Server) open(ctx context.Context, i archive.Instance) (opened, error) {
	object, err := s.Hub.Open(ctx, i)
	if err != nil {
		return opened{}, err
	}
	header, err := dicom.Scan(object, object.Size(), dicom.Limits{Value: inlined, Head: i.Object.IsRemote()})
	if err != nil {
		return opened{}, errors.Join(err, object.Close())
	}
	return opened{object, header}, nil
}
