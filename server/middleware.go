package server

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"
	"github.com/google/uuid"
	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

// gzipFrom is the size from which an answer is compressed: below it, what is saved is hardly a packet.
const gzipFrom = 4 << 10

// use adds what every request passes through, outermost first.
func (a *api) use(r chi.Router) error {
	zip, err := gzhttp.NewWrapper(gzhttp.MinSize(gzipFrom), gzhttp.CompressionLevel(gzip.BestSpeed))
	if err != nil {
		return fmt.Errorf("server: compression: %w", err)
	}
	r.Use(a.access, harden, allowOrigins(), preflight,
		func(next http.Handler) http.Handler { return zip(next) }, a.recovered, middleware.StripSlashes)
	return nil
}

// visit is what the access line tells of one request beside its route: never a URL with values, a name or a token.
type visit struct {
	id      string // of the request
	client  string // client_id of a verified token
	issue   string // of an error
	reason  string // why a token does not hold
	entries int    // of a Bundle
}

type visitKey struct{}

func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// access gives the request its id and, at its end, its one line in the log.
func (a *api) access(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		v := &visit{id: requestID(r.Header.Get("X-Request-Id"))}
		w.Header().Set("X-Request-Id", v.id)
		out := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
		defer func() { a.line(r, v, out, time.Since(start)) }()
		next.ServeHTTP(out, r)
	})
}

func (a *api) line(r *http.Request, v *visit, out middleware.WrapResponseWriter, took time.Duration) {
	always := [...]slog.Attr{
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", chi.RouteContext(r.Context()).RoutePattern()),
		slog.Int("status", out.Status()),
		slog.Int("bytes", out.BytesWritten()),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("request", v.id),
	}
	known := [...]slog.Attr{slog.String("client", v.client), slog.String("issue", v.issue), slog.String("reason", v.reason)}
	attrs := append(make([]slog.Attr, 0, len(always)+len(known)), always[:]...)
	for _, attr := range known {
		if attr.Value.String() != "" {
			attrs = append(attrs, attr)
		}
	}
	if v.entries > 0 {
		attrs = append(attrs, slog.Int("entries", v.entries))
	}
	a.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", attrs...)
}

// knownMethod keeps a method that somebody made up out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// requestID takes a client's own id when it looks like one, so that its log and ours can be laid side by side.
func requestID(given string) string {
	ok := len(given) >= 8 && len(given) <= 64 && strings.IndexFunc(given, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_')
	}) < 0
	if ok {
		return given
	}
	return uuid.NewString()
}

// harden sets what holds for every answer: no guessing of types, no rendering, no URL handed on.
func harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// allowOrigins lets every web app call: what protects data is the token, and there are no cookies. FHIR R4 http.html#general
func allowOrigins() func(http.Handler) http.Handler {
	return cors.Handler(cors.Options{
		AllowedOrigins: []string{"*"},
		AllowedMethods: []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"*"},
		ExposedHeaders: []string{"ETag", "Location", "Content-Location", "Last-Modified", "Retry-After", "X-Request-Id",
			"WWW-Authenticate", "Accept-Ranges", "Content-Range", "Items-Deleted", "Link"},
		MaxAge:             600,
		OptionsPassthrough: true,
	})
}

// preflight ends a preflight, whose headers allowOrigins has set.
func preflight(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// recovered turns a panic into a 500 with the request's id. What was panicked with may hold data, so that the log has its
// text only when the runtime wrote it.
func (a *api) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			switch {
			case p == nil:
				return
			case p == http.ErrAbortHandler: //nolint:errorlint // net/http panics with this very value
				panic(p)
			}
			a.logPanic(r, p)
			a.fail(w, r, panicked{})
		}()
		next.ServeHTTP(w, r)
	})
}

func (a *api) logPanic(r *http.Request, p any) {
	a.Log.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("request", visitOf(r).id),
		slog.String("cause", panicText(p)), slog.String("stack", string(debug.Stack())))
}

func panicText(p any) string {
	if err, ok := p.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a value of type %T", p)
}

// panicked is the error of a request that panicked; the log line before it has the stack.
type panicked struct{}

func (panicked) Error() string { return "panic" }
