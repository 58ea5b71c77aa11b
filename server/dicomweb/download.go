package dicomweb

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tidwall/gjson"
	"golang.org/x/sync/errgroup"

	"lightbox/auth"
	"lightbox/dicom/archive"
	"lightbox/dicom/media"
	"lightbox/server/links"
)

// headsAtOnce is how many objects are looked into at the same time: those of an object store are some way off.
const headsAtOnce = 16

// Image lays out a download of what a caller sees of a study, "ImagingStudy/<id>". links.ErrNoLink where that is nothing.
func (s *Server) Image(ctx context.Context, by *auth.Principal, study string, o media.Options) (*media.Image, error) {
	v, err := s.seen(ctx, by, study, "")
	if err != nil {
		return nil, err
	}
	return s.images.of(s, ctx, v, o)
}

// callOf stands for a request of a caller who asks by other ways than DICOMweb.
func (s *Server) callOf(ctx context.Context, by *auth.Principal) (*call, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Base, nil)
	return &call{r: r, by: by}, err
}

// seen is what a caller sees of a study, and of it the one instance, unless that is "". links.ErrNoLink where that is nothing.
func (s *Server) seen(ctx context.Context, by *auth.Principal, study, instance string) (view, error) {
	c, err := s.callOf(ctx, by)
	if err != nil {
		return view{}, err
	}
	v, err := s.lookAt(c, strings.TrimPrefix(study, "ImagingStudy/"), instance)
	if errors.Is(err, errForbidden) || errors.Is(err, errNoStudy) || err == nil && len(v.instances) == 0 {
		return view{}, links.ErrNoLink
	}
	return v, err
}

// HasObjects reports whether a caller sees any object of a study.
func (s *Server) HasObjects(ctx context.Context, by *auth.Principal, study string) (bool, error) {
	_, err := s.seen(ctx, by, study, "")
	if errors.Is(err, links.ErrNoLink) {
		return false, nil
	}
	return err == nil, err
}

// files looks into the objects for what a File-set needs to know.
func (s *Server) files(ctx context.Context, list []archive.Instance) ([]media.File, error) {
	files := make([]media.File, len(list))
	looking, ctx := errgroup.WithContext(ctx)
	looking.SetLimit(headsAtOnce)
	for n, i := range list {
		looking.Go(func() (err error) {
			files[n], err = s.fileOf(ctx, i)
			return err
		})
	}
	return files, looking.Wait()
}

func (s *Server) fileOf(ctx context.Context, i archive.Instance) (media.File, error) {
	object, err := s.open(ctx, i)
	if err != nil {
		return media.File{}, err
	}
	defer object.Close()
	prefix, err := media.PrefixOf(object, object.header)
	return media.File{Header: object.header, Prefix: prefix, Size: object.Size(), Digest: i.Object.String(),
		Open: func(ctx context.Context) (media.Object, error) { return s.Hub.Open(ctx, i) }}, err
}

// mostKept bounds the objects of the layouts that are kept: those of a download that goes on in ranges need not be made for each.
const mostKept = 50_000

// layouts keeps the last ones.
type layouts struct {
	mu   sync.Mutex
	kept []layout // the oldest first
}

type layout struct {
	key   string
	image *media.Image
	count int
}

// of returns the layout of a view.
func (l *layouts) of(s *Server, ctx context.Context, v view, o media.Options) (*media.Image, error) {
	var key strings.Builder
	key.WriteString(o.Time.String() + o.Expires.String())
	for _, i := range v.instances {
		key.WriteString(i.SOPInstanceUID + i.Object.String())
	}
	if image := l.find(key.String()); image != nil {
		return image, nil
	}
	files, err := s.files(ctx, v.instances)
	if err != nil {
		return nil, err
	}
	image, err := media.New(files, o)
	if err == nil {
		l.keep(layout{key.String(), image, len(files)})
	}
	return image, err
}

func (l *layouts) find(key string) *media.Image {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, one := range l.kept {
		if one.key == key {
			return one.image
		}
	}
	return nil
}

func (l *layouts) keep(one layout) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, one)
	total := 0
	for n := len(l.kept) - 1; n >= 0; n-- {
		if total += l.kept[n].count; total > mostKept && n < len(l.kept)-1 {
			l.kept = slices.Clone(l.kept[n+1:])
			return
		}
	}
}

// uidOf is the Study Instance UID that a resource states.
func uidOf(study []byte) string {
	return strings.TrimPrefix(gjson.GetBytes(study, `identifier.#(system=="urn:dicom:uid").value`).Str, "urn:oid:")
}
