package links

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"lightbox/server/portal/viewer"
)

// Frame is a frame as it is stored.
type Frame struct {
	io.Reader
	io.Closer
	Size           int64
	TransferSyntax string
	Compressed     bool
}

// ErrNoFrame is of an object that has no such frame, or whose frames cannot be told apart.
var ErrNoFrame = errors.New("links: no such frame")

// isAsked reports whether the page's script asks, and not a person.
func isAsked(r *http.Request) bool {
	return path.Base(r.URL.Path) == viewer.StudyFile || chi.URLParam(r, "frame") != ""
}

// study tells the page of a link for viewing what it shows. It is the use of the link: on record, and counted, before its first byte.
func (h *Handler) study(w http.ResponseWriter, r *http.Request) error {
	link, by, err := h.openFor(r, View)
	if err != nil {
		return err
	}
	study, err := h.Viewed(r.Context(), by, link.Study)
	if err != nil {
		return err
	}
	study.Expires = h.when(link.Expires)
	body, err := json.Marshal(study)
	if err != nil {
		return err
	}
	if err := h.disclose(r, disclosure{link, by, true}); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	h.viewed.note(link.ID, time.Now())
	_, _ = (&patientWriter{w, http.NewResponseController(w)}).Write(body) // who has gone has gone
	return nil
}

// frame sends one frame in its stored transfer syntax, as the only part of an answer of WADO-RS (PS3.18 10.4.1.1.6). Each is judged by the same
// right anew. It is not recorded on its own where it follows what is on record; one that comes out of the blue is.
func (h *Handler) frame(w http.ResponseWriter, r *http.Request) error {
	link, by, err := h.openFor(r, View)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(chi.URLParam(r, "frame"))
	if err != nil {
		return ErrNoLink
	}
	frame, err := h.Frame(r.Context(), by, link.Study, chi.URLParam(r, "instance"), number)
	if err != nil {
		return err
	}
	defer frame.Close()
	if now := time.Now(); !h.viewed.isRecent(link.ID, now) {
		if err := h.disclose(r, disclosure{link, by, false}); err != nil {
			return err
		}
		h.viewed.note(link.ID, now)
	}
	w.Header().Set("Content-Type", "application/octet-stream; transfer-syntax="+frame.TransferSyntax)
	w.Header().Set("Content-Length", strconv.FormatInt(frame.Size, 10))
	if frame.Compressed {
		w.Header().Set("No-Gzip-Compression", "1")
	}
	if _, err := io.Copy(&patientWriter{w, http.NewResponseController(w)}, frame); err != nil {
		h.Log.Debug("a frame was not sent in whole", "cause", err)
		panic(http.ErrAbortHandler) // what was sent cannot be taken back
	}
	return nil
}
