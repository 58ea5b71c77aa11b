package server

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// readyTime bounds the question whether the store answers.
const readyTime = 2 * time.Second

// healthz says that the process is alive; readyz that it can serve.
func (a *api) healthz(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok\n") }

func (a *api) readyz(w http.ResponseWriter, r *http.Request) {
	if err := a.ready(r.Context()); err != nil {
		a.Log.LogAttrs(r.Context(), slog.LevelWarn, "not ready", slog.String("cause", err.Error()))
		w.Header().Set("Retry-After", "5")
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func (a *api) ready(ctx context.Context) error {
	if a.Ready != nil {
		return a.Ready()
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return a.Store.Ping(ctx)
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
