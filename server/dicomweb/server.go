// Package dicomweb serves the DICOM objects of the hub as DICOMweb (PS3.18): objects come in by STOW-RS, and go out by the same visibility as
// FHIR, under the same tokens. It decides nothing about visibility itself: what a caller may see of a study is the ImagingStudy that the
// store shows it.
//
// It decodes no pixels and transcodes nothing: objects are kept and served as they came.
package dicomweb

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"syscall"

	"github.com/go-chi/chi/v5"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// Server answers below Base.
type Server struct {
	Hub      *ingest.Pipeline
	Verifier auth.Verifier // nil: every request is refused
	Fairness *auth.Fairness
	Audit    *audit.Log // nil: nothing is recorded, which is for tests alone
	Base     string     // public URL, without trailing slash: "https://hub.example/dicom-web"
	FHIR     string     // public base URL of the FHIR API, where senders see what became of what they sent; "" names none
	Limits   Limits
	Log      *slog.Logger

	images layouts
}

// Limits bound one request; zero stands for the default.
type Limits struct {
	Part  int64 // bytes of one object; default 8 GiB
	Parts int   // objects of one request; default 50,000
}

func (l Limits) withDefaults() Limits {
	if l.Part <= 0 {
		l.Part = 8 << 30
	}
	if l.Parts <= 0 {
		l.Parts = 50_000
	}
	return l
}

// Handler routes what is below Base's path.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.Post("/studies", s.closed(s.store))
	r.Post("/studies/{study}", s.closed(s.store))
	const oneStudy = "/studies/{study}"
	const oneSeries = oneStudy + "/series/{series}"
	const oneInstance = oneSeries + "/instances/{instance}"
	for _, one := range []string{oneStudy, oneSeries, oneInstance} {
		r.Get(one, s.closed(s.retrieve))
		r.Get(one+"/metadata", s.closed(s.metadata))
	}
	r.Get("/studies", s.closed(s.find(studies)))
	r.Get("/series", s.closed(s.find(series)))
	r.Get("/instances", s.closed(s.find(instances)))
	r.Get(oneStudy+"/series", s.closed(s.find(series)))
	r.Get(oneStudy+"/instances", s.closed(s.find(instances)))
	r.Get(oneSeries+"/instances", s.closed(s.find(instances)))
	r.Get(oneInstance+"/bulkdata/{path}", s.closed(s.bulkData))
	r.Get(oneInstance+"/frames/{frames}", s.closed(s.frames))
	return r
}

// call is one request of a known caller.
type call struct {
	w  http.ResponseWriter
	r  *http.Request
	by *auth.Principal
}

func (c *call) ctx() context.Context { return c.r.Context() }

// hostOf is the host of a base URL, as who warns.
func hostOf(base string) string {
	if u, err := url.Parse(base); err == nil && u.Host != "" {
		return u.Host
	}
	return "lightbox"
}

func itoa(n int) string { return strconv.Itoa(n) }

// problem is an error with its status and what may be told.
type problem struct {
	status int
	text   string
}

func (p *problem) Error() string { return p.text }

var errForbidden = &problem{http.StatusForbidden, "this token does not allow that"}

// closed serves verified callers alone, and renders errors.
func (s *Server) closed(run func(*call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Add("Vary", "Accept, Authorization")
		c := &call{w: w, r: r}
		if err := s.verified(c, run); err != nil {
			s.fail(w, errors.Join(err, s.refused(c, err)))
		}
	}
}

func (s *Server) verified(c *call, run func(*call) error) error {
	if s.Verifier == nil {
		return fhir.NewError(fhir.Login, "this server accepts no tokens: no issuer is configured")
	}
	by, err := s.Verifier.Verify(c.ctx(), c.r)
	if err != nil {
		return err
	}
	c.by = by
	done, err := s.Fairness.Admit(by)
	if err != nil {
		return err
	}
	defer done()
	return run(c)
}

// fail answers with an error: its reason where it may be told, and nothing of a failure of ours.
func (s *Server) fail(w http.ResponseWriter, err error) {
	var known *problem
	var said *fhir.Error
	switch {
	case errors.As(err, &known):
	case errors.As(err, &said) && said.Type == fhir.Login:
		w.Header().Set("WWW-Authenticate", "Bearer")
		known = &problem{http.StatusUnauthorized, "a valid token is needed"}
	case errors.As(err, &said) && said.Type == fhir.Throttled:
		w.Header().Set("Retry-After", "1")
		known = &problem{http.StatusTooManyRequests, said.Detail}
	case errors.As(err, &said) && said.Type == fhir.Transient:
		w.Header().Set("Retry-After", "5")
		known = &problem{http.StatusServiceUnavailable, "try again soon"}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrTimeout):
		s.Log.Warn("dicomweb: the database does not answer", "cause", err)
		w.Header().Set("Retry-After", "5")
		known = &problem{http.StatusServiceUnavailable, "try again soon"}
	case errors.Is(err, store.ErrFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		s.Log.Error("dicomweb: there is no space", "cause", err)
		known = &problem{http.StatusInsufficientStorage, "there is no space: try again later"}
	case errors.Is(err, ingest.ErrArchive):
		s.Log.Error("dicomweb: the archive takes no object", "cause", err)
		w.Header().Set("Retry-After", "5")
		known = &problem{http.StatusServiceUnavailable, "the archive takes no object now: try again soon"}
	case errors.Is(err, ingest.ErrUnreachable):
		s.Log.Warn("dicomweb: an object stays in an archive that does not answer", "cause", err)
		known = &problem{http.StatusBadGateway, "the archive that has the object does not answer"}
	default:
		s.Log.Error("dicomweb: a request failed", "cause", err)
		known = &problem{http.StatusInternalServerError, "internal error"}
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(known.status)
	_, _ = w.Write([]byte(known.text + "\n"))
}
