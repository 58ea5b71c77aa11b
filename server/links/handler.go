package links

import (
	"context"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/dicom/media"
	"lightbox/fhir/store"
	"lightbox/server/portal/viewer"
)

// Handler serves what is below Links.Base: a page for people, with a form where a passcode is wanted, and for a download the ZIP to whoever asks
// for anything but a page. Range requests are served, so that a download goes on where it broke off. A link serves what it is for alone.
type Handler struct {
	*Links
	// Image lays out what a caller sees of a study; ErrNoLink where that is nothing.
	Image func(ctx context.Context, by *auth.Principal, study string, o media.Options) (*media.Image, error)
	// Viewed tells what a caller sees of a study, and Frame opens a frame of one of its instances; ErrNoLink where that is nothing.
	Viewed func(ctx context.Context, by *auth.Principal, study string) (viewer.Study, error)
	Frame  func(ctx context.Context, by *auth.Principal, study, instance string, number int) (*Frame, error)
	Zone   *time.Location // in which people read times; nil: UTC
	Log    *slog.Logger

	viewed views
}

// fileName is that of the download: it says nothing of anybody.
const fileName = "study.zip"

// Routes returns the router.
func (h *Handler) Routes() http.Handler {
	r := chi.NewRouter()
	r.Get("/{secret}", h.serve(h.show))
	r.Head("/{secret}", h.serve(h.show))
	r.Post("/{secret}", h.serve(h.enter))
	r.Get("/{secret}/"+fileName, h.serve(h.download))
	r.Head("/{secret}/"+fileName, h.serve(h.download))
	r.Get("/{secret}/"+viewer.StudyFile, h.serve(h.study))
	r.Get("/{secret}/instances/{instance}/frames/{frame}", h.serve(h.frame))
	r.Get("/"+viewer.Path+"/{version}/{file}", viewer.Files().ServeHTTP)
	r.Head("/"+viewer.Path+"/{version}/{file}", viewer.Files().ServeHTTP)
	return r
}

func (h *Handler) serve(run func(w http.ResponseWriter, r *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "private, no-store")
		w.Header().Set("X-Robots-Tag", "noindex, nofollow")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		switch err := run(w, r); {
		case err == nil:
		case errors.Is(err, ErrNoLink):
			h.page(w, http.StatusNotFound, page{Gone: true})
		case errors.Is(err, ErrNoFrame):
			http.Error(w, "this object has no such frame, or its frames cannot be told apart", http.StatusNotAcceptable)
		case errors.Is(err, ErrPasscode) && !isProgram(r): // a challenge would have a browser ask in its own way, and not show the form
			h.page(w, http.StatusForbidden, page{Locked: true, Action: formAction(r)})
		case errors.Is(err, ErrPasscode):
			w.Header().Set("WWW-Authenticate", `Basic realm="link", charset="UTF-8"`)
			h.page(w, http.StatusUnauthorized, page{Locked: true, Action: formAction(r)})
		case errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrTimeout):
			w.Header().Set("Retry-After", "5")
			h.page(w, http.StatusServiceUnavailable, page{Later: true})
		default:
			h.Log.Error("a link cannot be served", "cause", err)
			h.page(w, http.StatusInternalServerError, page{Later: true})
		}
	}
}

// isProgram reports whether something asks that takes a challenge: no person at a browser, and no script of a page.
func isProgram(r *http.Request) bool {
	return r.Method != http.MethodPost && !strings.Contains(r.Header.Get("Accept"), "text/html") && !isAsked(r)
}

func formAction(r *http.Request) string {
	if secret := chi.URLParam(r, "secret"); !strings.HasSuffix(r.URL.Path, "/"+fileName) {
		return secret
	}
	return "../" + chi.URLParam(r, "secret")
}

// show answers a browser with a page, anything else with the ZIP of a download. A messenger that looks at the link downloads nothing.
func (h *Handler) show(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	forPeople := strings.Contains(r.Header.Get("Accept"), "text/html")
	link, by, err := h.Open(r.Context(), chi.URLParam(r, "secret"), h.passcode(r))
	switch {
	case errors.Is(err, ErrPasscode) && h.passcode(r) == "" && forPeople:
		h.page(w, http.StatusOK, page{Locked: true, Action: chi.URLParam(r, "secret")})
		return nil
	case err != nil:
		return err
	case link.Purpose == Download && !forPeople:
		return h.send(w, r, link, by)
	}
	return h.opened(w, r, link)
}

// opened is the page of a link that holds.
func (h *Handler) opened(w http.ResponseWriter, r *http.Request, link Link) error {
	secret := chi.URLParam(r, "secret")
	if link.Purpose != View {
		h.page(w, http.StatusOK, page{File: secret + "/" + fileName, Expires: h.when(link.Expires)})
		return nil
	}
	w.Header().Set("Content-Security-Policy", viewer.Policy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	return viewer.Write(w, secret)
}

// enter takes a passcode from the page's form, and keeps it in a cookie of the link alone for as long as a download may take.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	passcode := r.PostFormValue("passcode")
	link, _, err := h.Open(r.Context(), chi.URLParam(r, "secret"), passcode)
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: "passcode", Value: template.URLQueryEscaper(passcode), Path: strings.TrimSuffix(r.URL.Path, "/"), HttpOnly: true,
		Secure: strings.HasPrefix(h.Base, "https:"), SameSite: http.SameSiteStrictMode, MaxAge: int((12 * time.Hour).Seconds())})
	return h.opened(w, r, link)
}

// passcode is that of the cookie, or of a program's Basic authentication, whose user does not matter.
func (h *Handler) passcode(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	if c, err := r.Cookie("passcode"); err == nil {
		return unescaped(c.Value)
	}
	return ""
}

// download sends the ZIP, or a range of it. What is sent is on record before its first byte.
func (h *Handler) download(w http.ResponseWriter, r *http.Request) error {
	link, by, err := h.openFor(r, Download)
	if err != nil {
		return err
	}
	return h.send(w, r, link, by)
}

// openFor opens the link of a request if it is for a purpose: one that is not is none.
func (h *Handler) openFor(r *http.Request, purpose Purpose) (Link, *auth.Principal, error) {
	link, by, err := h.Open(r.Context(), chi.URLParam(r, "secret"), h.passcode(r))
	if err == nil && link.Purpose != purpose {
		return Link{}, nil, ErrNoLink
	}
	return link, by, err
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, link Link, by *auth.Principal) error {
	image, err := h.Image(r.Context(), by, link.Study, media.Options{Time: link.Created, Expires: link.Expires.In(h.zone())})
	if err != nil {
		return err
	}
	ranged := r.Header.Get("Range")
	if err := h.disclose(r, disclosure{link, by, ranged == "" || strings.HasPrefix(ranged, "bytes=0-")}); err != nil {
		return err
	}
	reader := image.Reader(r.Context())
	defer reader.Close()
	w.Header().Set("ETag", image.ETag())
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="`+fileName+`"`)
	w.Header().Set("No-Gzip-Compression", "1")
	http.ServeContent(&patientWriter{w, http.NewResponseController(w)}, r, fileName, time.Time{}, reader)
	return nil
}

// disclosure is what is about to be sent of a link, to whom it was given by.
type disclosure struct {
	link   Link
	by     *auth.Principal
	begins bool // a download, or the use of a page, and is counted
}

// disclose puts on record what is about to be sent.
func (h *Handler) disclose(r *http.Request, d disclosure) error {
	if r.Method == http.MethodHead {
		return nil
	}
	if d.begins {
		if err := h.Used(r.Context(), d.link.ID); err != nil {
			return err
		}
	}
	if h.Audit == nil {
		return nil
	}
	e := audit.Begin(audit.Retrieve, d.by, r.RemoteAddr, d.link.ID)
	e.Data = d.link.Study
	if d.link.Patient != "" {
		e.Patients = []string{d.link.Patient}
	}
	return h.Audit.Record(r.Context(), e)
}

// betweenReads is how long a client may take nothing.
const betweenReads = time.Minute

// patientWriter writes as long as the client takes something.
type patientWriter struct {
	http.ResponseWriter
	connection *http.ResponseController
}

func (w *patientWriter) Write(p []byte) (int, error) {
	_ = w.connection.SetWriteDeadline(time.Now().Add(betweenReads))
	return w.ResponseWriter.Write(p)
}

func (h *Handler) zone() *time.Location {
	if h.Zone == nil {
		return time.UTC
	}
	return h.Zone
}

func (h *Handler) when(t time.Time) string { return t.In(h.zone()).Format("02.01.2006 15:04 MST") }

func (h *Handler) page(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := pages.Execute(w, p); err != nil && !errors.Is(err, io.ErrShortWrite) {
		h.Log.Debug("a page was not taken", "cause", err)
	}
}
