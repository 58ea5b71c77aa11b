package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"lightbox/auth/devissuer"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/server"
)

// served is a hub that answers on loopback, with an issuer beside it, and a plain server to compare it with. Both are net/http in
// this process, so that what differs between them is the hub.
type served struct {
	stop       context.CancelFunc // of what the hub does beside requests
	store      store.Store
	hub, plain *http.Server
	base       string // of the hub's FHIR API
	limit      string // origin of the plain server
	issuer     *devissuer.Issuer
	system     []string                 // tokens of programs that may do everything, one for each client
	clinician  []string                 // tokens of clinicians of the first facility
	points     []point                  // studies that are read by id
	bodies     map[string][]byte        // of these, by id
	answers    atomic.Pointer[[][]byte] // of the hub, which the plain server repeats
}

// point is a study that is read by its id.
type point struct{ index, facility int }

// Sizes of what a run draws from: wide enough that neither side answers from one page of its cache.
const (
	mostPoints  = 2000
	mostTargets = 128
	mostTokens  = 64
	tokenLife   = 12 * time.Hour
)

// server returns the hub of this run, opened on first use.
func (r *run) server(ctx context.Context) (*served, error) {
	if r.served != nil {
		return r.served, nil
	}
	st, err := r.Open(ctx)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	r.served = &served{store: st, stop: stop}
	if err := r.served.listen(ctx, r.Config, r.limit); err != nil {
		return nil, err
	}
	if err := r.served.sign(r.City); err != nil {
		return nil, err
	}
	return r.served, r.served.find(ctx, r.City, r.limit)
}

// listen starts both servers.
func (s *served) listen(ctx context.Context, c Config, limit Limit) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	origin := originOf(listener)
	handler, err := s.hubHandler(ctx, c, origin)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.hub = serve(listener, handler)
	if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	s.limit = originOf(listener)
	unguarded, err := c.Unguarded(s.store, s.limit+"/"+unguardedPath)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	s.plain = serve(listener, s.plainHandler(limit, unguarded))
	return nil
}

// unguardedPath is where the hub answers without access control and audit.
const unguardedPath = "unguarded/fhir"

func originOf(l net.Listener) string { return "http://" + l.Addr().String() }

// serve answers until the server is closed.
func serve(l net.Listener, h http.Handler) *http.Server {
	one := server.HTTPServer(h, server.Limits{})
	go func() { _ = one.Serve(l) }()
	return one
}

// hubHandler is the hub with the issuer of its tokens beside it.
func (s *served) hubHandler(ctx context.Context, c Config, origin string) (http.Handler, error) {
	s.base = origin + "/fhir"
	issuer := origin + "/issuer"
	var err error
	if s.issuer, err = devissuer.New(devissuer.Config{URL: issuer, Audience: s.base}); err != nil {
		return nil, err
	}
	api, err := c.Handler(ctx, s.store, s.base, issuer)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("/issuer/", s.issuer)
	return mux, nil
}

func (s *served) close() error {
	s.stop()
	var err error
	for _, one := range []*http.Server{s.hub, s.plain} {
		if one != nil {
			err = errors.Join(err, one.Close())
		}
	}
	return errors.Join(err, s.store.Close())
}

// sign makes a token for each client, so that none is spared its verification by another's.
func (s *served) sign(c City) error {
	for n := range mostTokens {
		name := "client-" + strconv.Itoa(n)
		system, err := s.issuer.Token(devissuer.Claims{Subject: name, Client: name, Scope: "system/*.cruds"}, tokenLife)
		if err != nil {
			return err
		}
		clinician, err := s.issuer.Token(devissuer.Claims{
			Subject: name, Client: name, Scope: "user/*.rs", Organization: "Organization/" + c.id(ofOrganization, 0),
		}, tokenLife)
		if err != nil {
			return err
		}
		s.system, s.clinician = append(s.system, system), append(s.clinician, clinician)
	}
	return nil
}

// find chooses the studies that are read by id.
func (s *served) find(ctx context.Context, c City, limit Limit) error {
	n := min(mostPoints, c.Studies)
	s.bodies = make(map[string][]byte, n)
	for k := range n {
		v := c.visit(k * c.Studies / n)
		found, err := s.store.Read(ctx, search.Everything(), "ImagingStudy", c.id(ofStudy, v.index))
		if err != nil {
			return fmt.Errorf("study %d of the city: %w", v.index, err)
		}
		s.bodies[found.ID] = found.Body
		s.points = append(s.points, point{v.index, v.facility})
	}
	return limit.Find(ctx, "ImagingStudy")
}

// plainHandler answers as net/http and the database do without the hub: it reads a row and writes the bytes that the hub makes of
// it, writes the bytes of an answer of the hub's, or inserts rows into a table without index. Below unguardedPath it is the hub without access
// control and audit.
func (s *served) plainHandler(limit Limit, unguarded http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/"+unguardedPath+"/", unguarded)
	mux.HandleFunc("GET /row/{id}", func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		answer(w, s.bodies[id], limit.Read(r.Context(), id))
	})
	mux.HandleFunc("GET /answer/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		answer(w, (*s.answers.Load())[n], err)
	})
	mux.HandleFunc("POST /rows/{n}", func(w http.ResponseWriter, r *http.Request) {
		rows, err := partsOf(r)
		if err == nil {
			err = limit.Load(r.Context(), rows)
		}
		answer(w, nil, err)
	})
	return mux
}

func answer(w http.ResponseWriter, body []byte, err error) {
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	_, _ = w.Write(body) // a client that went away is nobody's error
}

// partsOf cuts a request's body into as many rows as its path says, without a look at what it is.
func partsOf(r *http.Request) ([][]byte, error) {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 1 {
		return nil, errors.New("no number of rows")
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	rows := make([][]byte, n)
	for k := range n {
		rows[k] = body[k*len(body)/n : (k+1)*len(body)/n]
	}
	return rows, nil
}
