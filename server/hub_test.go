package server_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/auth/devissuer"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/server"
	"lightbox/server/links"
)

const audience = "https://hub.example/fhir"

// hub is the whole stack: a store, an issuer with its verifier, and the server before them.
type hub struct {
	root, base string
	store      store.Store
	issuer     *devissuer.Issuer
	audit      *audit.Log
	now        func() time.Time // by which people come of age
	log        *buffer
	tokens     map[string]string
}

// buffer takes a log that is written from several goroutines.
type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// readingCentres read what is addressed to radiology.
var readingCentres = []auth.ReadingCentre{
	{Organization: "Organization/centre", Specialties: []string{"http://snomed.info/sct|394914008"}},
	{Organization: "Organization/special", Specialties: []string{"http://snomed.info/sct|394914008"}, Only: true},
}

// newHub starts the stack on a store; change may alter what the server is made of.
func newHub(t testing.TB, s store.Store, change func(*server.Config)) *hub {
	t.Helper()
	return newHubOf(t, s, devissuer.Config{Audience: audience}, change)
}

// newHubOf starts the stack with an issuer that may have users; without an audience of its own it is for the hub's base URL.
func newHubOf(t testing.TB, s store.Store, issuer devissuer.Config, change func(*server.Config)) *hub {
	t.Helper()
	h := &hub{store: s, log: new(buffer), tokens: map[string]string{}, now: time.Now}
	mux := http.NewServeMux()
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	h.root, h.base = listener.URL, listener.URL+"/fhir"
	issuer.URL, issuer.Audience = h.root+"/issuer", cmp.Or(issuer.Audience, h.base)
	h.issuer = must(devissuer.New(issuer))
	mux.Handle("/issuer/", h.issuer)
	h.audit = must(audit.Open(t.Context(), s, h.base, slog.New(slog.DiscardHandler)))
	c := server.Config{
		Registry: fhir.R4(),
		Store:    s,
		Audit:    h.audit,
		Verifier: &auth.Access{Store: s, Reading: readingCentres, Clock: func() time.Time { return h.now() }, Verifier: auth.Remember(must(auth.NewVerifier(auth.Config{
			Issuers: []string{issuer.URL}, Audience: issuer.Audience, Base: h.base})))},
		Links:   &links.Links{Store: s, Audit: h.audit, Base: h.root + "/links"},
		Base:    h.base,
		Version: "test",
		SMART: func() server.SMART {
			return server.SMART{
				Issuer: "https://issuer.example", JWKSURI: "https://issuer.example/jwks",
				AuthorizationEndpoint: "https://issuer.example/authorize", TokenEndpoint: "https://issuer.example/token",
				Capabilities: []string{"sso-openid-connect", "permission-patient", "permission-v2"},
			}
		},
		ConceptMaps: must(mapping.New(mapping.Config{})).ConceptMaps,
		Log:         slog.New(slog.NewJSONHandler(h.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	handler, err := server.New(c)
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/", handler)
	return h
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// settle fills the hub with testdata/city.txtar: tokens, then resources in order.
func (h *hub) settle(t testing.TB) {
	t.Helper()
	city, err := txtar.ParseFile("testdata/city.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range city.Files {
		if f.Name == "tokens" {
			h.mint(t, string(f.Data))
			continue
		}
		h.put(t, f.Name, f.Data)
	}
}

// mint signs a token for each line "name {claims}".
func (h *hub) mint(t testing.TB, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		name, claims, _ := strings.Cut(strings.TrimSpace(line), " ")
		token, err := h.issuer.Token(json.RawMessage(claims), time.Hour)
		if err != nil {
			t.Fatalf("token %s: %v", name, err)
		}
		h.tokens[name] = token
	}
}

// put stores a resource from the inside; label is "Type/id [owner=Organization/id] [mapped]".
func (h *hub) put(t testing.TB, label string, body []byte) {
	t.Helper()
	res, err := fhir.Parse(bytes.TrimSpace(body))
	if err != nil {
		t.Fatalf("%s: %v", label, err)
	}
	w := store.Write{Resource: res}
	for _, word := range strings.Fields(label)[1:] {
		if owner, ok := strings.CutPrefix(word, "owner="); ok {
			w.Owners = append(w.Owners, owner)
		}
		w.Mapped = w.Mapped || word == "mapped"
	}
	err = h.store.Write(context.Background(), func(tx store.Tx) error {
		_, _, err := tx.Put(context.Background(), w)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", label, err)
	}
}
