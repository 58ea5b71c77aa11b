package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/conformance/validate"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/server"
	"lightbox/server/dicomweb"
	"lightbox/server/ingest"
	"lightbox/server/links"
)

type serveCommand struct {
	Listen   string        `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on."`
	Base     string        `placeholder:"URL" help:"Public base URL of the FHIR API. Default: http://<listen>/fhir."`
	Issuer   []string      `placeholder:"URL" help:"OpenID provider whose access tokens are accepted. Repeatable."`
	Issuers  string        `placeholder:"FILE" help:"Further providers and how their tokens are read, as JSON: claims, introspection, and who their subjects are here. See below."`
	Reading  string        `name:"reading-centres" placeholder:"FILE" help:"Which organisations take work that is addressed to a specialty rather than to one of them by name, as JSON. See below."`
	Audience string        `placeholder:"NAME" help:"What a token's aud must hold. Default: the base URL."`
	Majority int           `default:"18" placeholder:"YEARS" help:"Age from which a parent or guardian no longer acts for a child, at the beginning of the birthday in --timezone."`
	Labels   string        `placeholder:"FILE" help:"What security labels hide from which callers, as JSON. Default: from representatives what is more than normally confidential. See below."`
	Release  string        `default:"now" placeholder:"RULE" help:"When patients see a signed report: now, so long after it was issued (72h, 3d), or held until it is released. See below."`
	LinkLife time.Duration `default:"120h" placeholder:"DURATION" help:"How long a link to images holds (ImagingStudy/[id]/$$link)."`
	AtOnce   int           `name:"client-concurrency" default:"100" placeholder:"N" help:"How many requests of one client are served at once; more are told to wait (429). 0: any number."`
	Rate     int           `name:"client-rate" default:"2000" placeholder:"N" help:"How many requests of one client begin within a second. 0: any number."`
	LogLevel string        `enum:"debug,info,warn,error" default:"info" help:"debug, info, warn or error."`
	hubFlags
	mllpFlags
	dimseFlags

	rules   []auth.Rules // of the files, which Validate reads
	reading []auth.ReadingCentre
	labels  *auth.Labels
	hold    time.Duration // of Release

	Watch map[string]string `placeholder:"DIR=[ORGANIZATION]" help:"Folder whose files are taken as they are dropped, and the organisation that they belong to, by name or as Organization/<id> (default: the one that each names). What was taken is moved to done, duplicate or refused in it. Repeatable."`
}

// Validate is called after parsing: what is embedded has no call of its own.
func (c *serveCommand) Validate() error {
	return errors.Join(c.hubFlags.Validate(), c.dimseFlags.Validate(), c.readFiles())
}

// Help is shown below the flags.
func (*serveCommand) Help() string {
	return `Configuration comes from flags, from LIGHTBOX_* variables of the same names, and from a JSON file given with --config.
The database is migrated at start, under a lock, so that several processes may start together.

  lightbox serve --database postgres://hub@db/lightbox --archive s3://images --issuer https://id.example --listen :8080

The file of --issuers is an array of providers, of whose members only "issuer" is needed:

  [{"issuer": "https://id.example", "audience": "https://hub.example/fhir", "algorithms": ["RS256"],
    "claims": {"patient": "patient", "fhirUser": "fhirUser", "organization": "org.id", "roles": "realm_access.roles",
               "scope": "scope", "purpose": ["https://id.example/purpose"]},
    "introspection": {"endpoint": "https://id.example/introspect", "clientId": "hub", "secret": "...", "always": false, "anyAudience": false},
    "identify": [{"claim": "snils", "type": "Patient", "system": "urn:oid:1.2.643.100.3"}],
    "linked": false}]

"claims" says where a token has what; dots go into objects, an array of names is for names with dots. "introspection" is for tokens that are no
JWTs, with "always" for all. "identify" and "linked" (see lightbox link) say who a caller is here; who is not known is refused.

The file of --reading-centres is an array of organisations:

  [{"organization": "Organization/7d1c", "specialties": ["http://snomed.info/sct|394914008"], "only": false}]

An order (ServiceRequest) or Task refers its patient to the organisation that is its performer or owner. One that names no organisation and has
one of the specialties as performerType refers the patient to each organisation that has it here: their clinicians see the patient's data until
the order or Task is revoked, cancelled or the like, unless the patient denies it to them. With "only", what names the organisation and another
specialty is not for it either. A database that had orders before it knew of specialties needs lightbox reindex --all.

The file of --labels is an array of rows, of whose members only "who" is needed:

  [{"who": "representative", "confidentiality": "N"},
   {"who": "representative", "from": 12, "except": ["http://terminology.hl7.org/CodeSystem/v3-ActCode|SDV"]},
   {"who": "clinician", "confidentiality": "R", "except": ["http://terminology.hl7.org/CodeSystem/v3-ActCode|PSY"]},
   {"who": "clinician", "role": "psychiatrist"}]

"who" is patient, representative (who acts for a patient), clinician, partner (a service of an organisation) or program (one of none). They see what
is labelled (meta.security) with at most the "confidentiality" U, L, M, N, R or V; what has no such label counts as N. The default is N for
representatives and V, the highest, for others. Codes of "except" are hidden beside. One row decides, and replaces the more general one whole: of
those for a "role" of the token the first that is the caller's; of those "from" an age of the patient in years (from the birthday on, in --timezone;
where the birth date is not known, any age) the last that was reached. Who acts for a patient sees no more than the patient. Labels hold in emergencies
($break-glass) too, and for changes. Of what a row restricts, the caller sees current versions alone.

--release says when patients, and who acts for them, see a signed report: from DiagnosticReport.issued on, or from then on when the hub got it where it
does not say so. What belongs to it (results, images, forms, documents) comes with it, or with the first report that it belongs to. A clinician or a
program releases one at once by POST DiagnosticReport/[id]/$release, also one labelled NOPAT, and keeps one back by $withhold; both hold for later
versions too. A database from before this release of the hub is indexed anew, by lightbox reindex --all, before reports are held.`
}

// Run serves until the context ends.
func (c *serveCommand) Run(ctx context.Context, p *program) error {
	log := newLog(p.Stderr, c.LogLevel)
	if len(c.trusted()) == 0 && !isLoopback(c.Listen) {
		return fmt.Errorf("refusing to listen on %s without --issuer: nobody could be told apart there; name an OpenID provider, or listen on 127.0.0.1", c.Listen)
	}
	c.logConfiguration(log)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	messages, err := c.mllpFlags.listen()
	if err != nil {
		return err
	}
	associations, err := c.dimseFlags.listen()
	if err != nil {
		return err
	}
	base := c.Base
	if base == "" {
		base = "http://" + listener.Addr().String() + "/fhir"
	}
	if c.DICOMweb == "" {
		c.DICOMweb = dicomwebBase(base)
	}
	h, err := openHub(ctx, c.storage, c.mappingFlags, log)
	if err != nil {
		return err
	}
	defer h.Close()
	handler, err := newServer(ctx, h, serverOptions{base: base, issuers: c.Issuer, rules: c.rules, reading: c.reading, audience: c.Audience, smart: c.discovery(log),
		majority: c.Majority, zone: c.config(nil).Zone, labels: c.labels, hold: c.hold, linkLife: c.LinkLife, fairness: &auth.Fairness{AtOnce: c.AtOnce, PerSecond: c.Rate}, log: log})
	if err != nil {
		return err
	}
	return serve(ctx, serving{hub: h, listener: listener, handler: handler, messages: messages, mllp: c.mllpFlags, associations: associations, dimse: c.dimseFlags,
		watched: c.watched(h), archives: c.list, log: log})
}

// watched are the folders whose files are taken.
func (c *serveCommand) watched(h *hub) (list []*ingest.Watcher) {
	for dir, organization := range c.Watch {
		from := ingest.Origin{Source: "folder", Owner: owner(organization, h.pipeline.Mapper), Bound: organization != ""}
		list = append(list, &ingest.Watcher{Hub: h.pipeline, Dir: dir, Origin: from})
	}
	return list
}

// owner is the reference of an organisation that is named, or given as a reference; "" for none.
func owner(organization string, m *mapping.Mapper) string {
	if organization == "" || strings.HasPrefix(organization, "Organization/") {
		return organization
	}
	return m.Organization(organization)
}

func (c *serveCommand) logConfiguration(log *slog.Logger) {
	log.Info("configuration",
		"listen", c.Listen, "base", c.Base, "issuers", c.trusted(), "audience", c.Audience, "labels", c.Labels, "release", c.Release,
		"mllp", c.mllpFlags.Address, "dimse", c.dimseFlags.Address, "database", maskPassword(c.Database), "archive", c.Archive, "timezone", c.Timezone, "dicomweb", c.DICOMweb,
		"idKey", masked(c.IDKey), "s3SecretKey", masked(c.S3SecretKey))
	if len(c.trusted()) == 0 {
		log.Warn("no issuer is configured: every request that needs a caller is refused")
	}
}

func masked(secret string) string {
	if secret == "" {
		return ""
	}
	return "***"
}

// isLoopback reports whether an address is one that no other machine reaches.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

type serverOptions struct {
	base     string
	issuers  []string
	rules    []auth.Rules
	reading  []auth.ReadingCentre
	audience string
	smart    func() server.SMART
	majority int            // age in years; 0: 18
	zone     *time.Location // in which a day begins; nil: UTC
	labels   *auth.Labels   // nil: the defaults
	hold     time.Duration  // of reports from their patients
	linkLife time.Duration  // 0: the default
	fairness *auth.Fairness // nil: clients are not bounded
	log      *slog.Logger
}

func newServer(ctx context.Context, h *hub, o serverOptions) (http.Handler, error) {
	verifier, err := o.verifier(h.store)
	if err != nil {
		return nil, err
	}
	if h.audit, err = audit.Open(ctx, h.store, o.base, o.log); err != nil {
		return nil, err
	}
	c := server.Config{
		Registry: fhir.R4(),
		Store:    h.store,
		Verifier: verifier,
		Fairness: o.fairness,
		Audit:    h.audit,
		Validate: validate.New(),
		Base:     o.base,
		SMART:    o.smart,
		Version:  version,
		Log:      o.log,
	}
	if h.pipeline == nil { // nothing comes in but by FHIR: the bench
		return server.New(c)
	}
	h.pipeline.Audit = h.audit
	c.ConceptMaps = h.pipeline.Mapper.ConceptMaps
	c.Withdraw = func(ctx context.Context, task fhir.Resource) (bool, error) {
		err := h.pipeline.Withdraw(ctx, task)
		if errors.Is(err, ingest.ErrNoSubmission) {
			return false, nil
		}
		return err == nil, err
	}
	c.Written = h.pipeline.Stated
	if h.pipeline.Matching != nil {
		c.Match = *h.pipeline.Matching
	}
	images := &dicomweb.Server{Hub: h.pipeline, Verifier: verifier, Fairness: o.fairness, Audit: h.audit, Base: dicomwebBase(o.base), FHIR: o.base, Log: o.log}
	c.Links = &links.Links{Store: h.store, Audit: h.audit, Base: besideFHIR(o.base, linksPath), Life: o.linkLife}
	if access, ok := verifier.(*auth.Access); ok {
		c.Links.Resolve = access.Resolve
	}
	c.HasObjects = images.HasObjects
	linked := links.Handler{Links: c.Links, Image: images.Image, Viewed: images.Viewed, Frame: images.Frame, Zone: o.zone, Log: o.log}
	c.Beside = map[string]http.Handler{dicomwebPath: images.Handler(), linksPath: linked.Routes()}
	return server.New(c)
}

// Where DICOMweb and links are served, beside FHIR.
const (
	dicomwebPath = "/dicom-web"
	linksPath    = "/links"
)

// dicomwebBase is the public URL of DICOMweb on the host that serves FHIR.
func dicomwebBase(fhirBase string) string { return besideFHIR(fhirBase, dicomwebPath) }

// besideFHIR is the public URL of a path on the host that serves FHIR.
func besideFHIR(fhirBase, path string) string {
	base, err := url.Parse(fhirBase)
	if err != nil {
		return path
	}
	return base.Scheme + "://" + base.Host + path
}

// serving is one listening hub.
type serving struct {
	hub          *hub
	listener     net.Listener
	handler      http.Handler
	messages     net.Listener // of HL7 v2; nil: none are taken
	mllp         mllpFlags
	associations net.Listener // of DICOM; nil: none are taken
	dimse        dimseFlags
	watched      []*ingest.Watcher
	archives     []otherArchive
	log          *slog.Logger
	ready        func() error // called once it answers; may be nil
}

// stopWithin bounds how long requests under way may take once the process is asked to stop.
const stopWithin = 20 * time.Second

// serve answers until ctx ends, then lets requests under way finish. What an interrupted ingest left to build is built meanwhile.
func serve(ctx context.Context, s serving) error {
	srv := server.HTTPServer(s.handler, server.Limits{})
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(s.listener) }()
	s.log.Info("listening", "address", s.listener.Addr().String())
	if s.ready != nil {
		if err := s.ready(); err != nil {
			return errors.Join(err, srv.Close())
		}
	}
	building, stopBuilding := context.WithCancel(ctx)
	var behind sync.WaitGroup
	changed := make(chan struct{}, 1)
	s.hub.pipeline.Changed = func() {
		select {
		case changed <- struct{}{}:
		default: // it is known already
		}
	}
	settling := &ingest.Settling{}
	s.hub.pipeline.Completed = func(study string) {
		settling.Complete(study)
		s.hub.pipeline.Changed()
	}
	behind.Go(func() { buildUntil(building, s, settling, changed) })
	if s.messages != nil {
		behind.Go(func() { s.mllp.take(building, s.messages, s.hub, s.log) })
	}
	if s.associations != nil {
		behind.Go(func() { s.dimse.take(building, s.associations, s.hub, s.log) })
	}
	for _, folder := range s.watched {
		behind.Go(func() {
			if err := folder.Run(building); err != nil {
				s.log.Error("a folder is not watched", "cause", err)
			}
		})
	}
	for _, one := range s.archives {
		behind.Go(func() { one.follow(building, s.hub.pipeline, s.log) })
	}
	behind.Go(func() { s.reindex(building) })
	behind.Go(func() { s.hub.audit.Run(building) })
	defer behind.Wait()
	defer stopBuilding()
	select {
	case err := <-failed:
		stopBuilding()
		return err
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	drain, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	return srv.Shutdown(drain)
}

// reindex completes the index of parameters that this version defines otherwise; there is seldom one.
func (s serving) reindex(ctx context.Context) {
	if err := s.hub.store.Reindex(ctx, store.Reindexing{}); err != nil && ctx.Err() == nil {
		s.log.Error("the index of changed search parameters is not complete; run lightbox reindex", "cause", err)
	}
}

// buildEvery is how often a serving process looks for what others left to build. What it took itself it builds at once.
const buildEvery = 5 * time.Second

// buildRest is between one round and the next: while much comes in, a round for every object would cost as much as taking it.
const buildRest = 50 * time.Millisecond

func buildUntil(ctx context.Context, s serving, settling *ingest.Settling, changed <-chan struct{}) {
	for {
		soon, err := s.hub.pipeline.BuildSettled(ctx, settling)
		if err != nil && ctx.Err() == nil {
			s.log.Error("building failed and is tried again", "cause", err)
		}
		rest := time.NewTimer(buildRest)
		select {
		case <-ctx.Done():
		case <-rest.C:
		}
		rest.Stop()
		wait := time.NewTimer(cmp.Or(soon, buildEvery))
		select {
		case <-ctx.Done():
		case <-changed:
		case <-wait.C:
		}
		wait.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}
