package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lightbox/auth/devissuer"
	"lightbox/dicom/synth"
	"lightbox/mapping"
	"lightbox/server"
	"lightbox/server/ingest"
)

type demoCommand struct {
	Dir       string `default:"lightbox-demo" help:"Folder of everything the demo keeps."`
	Listen    string `default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Address to listen on; loopback only."`
	MLLP      string `name:"mllp" default:"127.0.0.1:2575" placeholder:"HOST:PORT" help:"Address to take HL7 v2 messages at; loopback only. A free port where the default one is taken."`
	DIMSE     string `name:"dimse" default:"127.0.0.1:11112" placeholder:"HOST:PORT" help:"Address to take DICOM associations at; loopback only. A free port where the default one is taken."`
	Database  string `placeholder:"URL" help:"sqlite:PATH or postgres://... Default: a SQLite file in the folder."`
	Archive   string `placeholder:"WHERE" help:"A folder or s3://... Default: a folder in the folder."`
	Seed      int64  `default:"1" help:"Of the synthetic city."`
	LogLevel  string `enum:"debug,info,warn,error" default:"warn" help:"debug, info, warn or error."`
	AccessKey string `name:"s3-access-key" env:"LIGHTBOX_S3_ACCESS_KEY,AWS_ACCESS_KEY_ID" placeholder:"KEY" help:"Access key of the object store."`
	SecretKey string `name:"s3-secret-key" env:"LIGHTBOX_S3_SECRET_KEY,AWS_SECRET_ACCESS_KEY" placeholder:"KEY" help:"Secret key of the object store."`
}

// Help is shown below the flags.
func (*demoCommand) Help() string {
	return `Starts SQLite, a folder archive and a development OpenID provider in one process, takes a synthetic city in by the same
way as outside files, and prints curl lines that work when pasted. DIR/demo.json appears when it is ready; it holds base
URL, issuer and a token for each kind of caller. The issuer and its tokens exist here only: 'serve' never starts with them.`
}

// demoMLLP is the port that HL7 v2 has been given (IANA hl7).
const demoMLLP = "127.0.0.1:2575"

// demoDIMSE is the port that DICOM has been given beside the well-known one (IANA dicom).
const demoDIMSE = "127.0.0.1:11112"

// tokenLife is how long a demo's tokens hold.
const tokenLife = 12 * time.Hour

// Run starts the demo and serves until the context ends.
func (c *demoCommand) Run(ctx context.Context, p *program) error {
	for _, address := range []string{c.Listen, c.MLLP, c.DIMSE} {
		if !isLoopback(address) {
			return fmt.Errorf("the demo hands out tokens to whoever asks, so it listens on a loopback address only, not on %s", address)
		}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	// A file of an earlier run must not look like this one being ready.
	if err := os.Remove(filepath.Join(c.Dir, demoFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	log := newLog(p.Stderr, c.LogLevel)
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	feed := mllpFlags{Address: c.MLLP}
	messages, err := listenOr(&feed.Address, demoMLLP, feed.listen)
	if err != nil {
		return err
	}
	defer messages.Close()
	callers := dimseFlags{Address: c.DIMSE, Title: "LIGHTBOX"}
	associations, err := listenOr(&callers.Address, demoDIMSE, callers.listen)
	if err != nil {
		return err
	}
	defer associations.Close()
	origin := "http://" + listener.Addr().String()
	h, err := c.open(ctx, log, origin+dicomwebPath)
	if err != nil {
		return err
	}
	defer h.Close()
	d, err := newDemo(c, h, origin)
	if err != nil {
		return err
	}
	callers.Peers = map[string]string{"CLINIC1": d.city.Facilities[1].Name, "DEMO": ""} // the partner, and whoever tries
	if err := d.fill(ctx, p); err != nil {
		return err
	}
	handler, err := d.handler(ctx, log)
	if err != nil {
		return err
	}
	info, err := d.describe(ctx)
	if err != nil {
		return err
	}
	info.MLLP, info.DICOMweb = messages.Addr().String(), origin+dicomwebPath
	info.DIMSE = &demoPeer{AET: callers.Title, Address: associations.Addr().String()}
	ready := func() error { return announce(p.Stdout, c.Dir, info) }
	return serve(ctx, serving{hub: h, listener: listener, handler: handler, messages: messages, mllp: feed,
		associations: associations, dimse: callers, log: log, ready: ready})
}

// listenOr opens an address, or any free port where it is the usual one and taken.
func listenOr(address *string, usual string, listen func() (net.Listener, error)) (net.Listener, error) {
	listener, err := listen()
	if errors.Is(err, syscall.EADDRINUSE) && *address == usual {
		*address = "127.0.0.1:0"
		listener, err = listen()
	}
	return listener, err
}

func (c *demoCommand) open(ctx context.Context, log *slog.Logger, dicomweb string) (*hub, error) {
	s := storage{Database: c.Database, Archive: c.Archive, S3AccessKey: c.AccessKey, S3SecretKey: c.SecretKey}
	if s.Database == "" {
		s.Database = "sqlite:" + filepath.Join(c.Dir, "lightbox.db")
	}
	if s.Archive == "" {
		s.Archive = filepath.Join(c.Dir, "objects")
	}
	st, err := openStore(ctx, s.Database, log)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return newHub(ctx, st, s, mapping.Config{DICOMweb: dicomweb}, log) // the published key: the same ids in every demo
}

// demo is one running demo.
type demo struct {
	hub     *hub
	issuer  *devissuer.Issuer
	service jose.JSONWebKey // of the backend service
	base    string          // of FHIR
	url     string          // of the issuer
	city    synth.City
}

func newDemo(c *demoCommand, h *hub, origin string) (*demo, error) {
	city, err := synth.Make(c.Seed)
	if err != nil {
		return nil, err
	}
	url := origin + "/issuer"
	d := &demo{hub: h, base: origin + "/fhir", url: url, city: city}
	d.service, err = serviceKey(filepath.Join(c.Dir, serviceKeyFile))
	if err != nil {
		return nil, err
	}
	d.issuer, err = devissuer.New(devissuer.Config{URL: url, Audience: d.base, KeyFile: filepath.Join(c.Dir, issuerKeyFile), Users: d.users, Clients: d.clients()})
	return d, err
}

// handler serves the hub, and the issuer beside it.
func (d *demo) handler(ctx context.Context, log *slog.Logger) (http.Handler, error) {
	known := func() server.SMART { return server.SMARTOf(d.issuer.Metadata()) }
	api, err := newServer(ctx, d.hub, serverOptions{base: d.base, issuers: []string{d.url}, smart: known, log: log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("/issuer/", d.issuer)
	return mux, nil
}

// fill takes the city in, as files of the facilities that submit them.
func (d *demo) fill(ctx context.Context, p *program) error {
	progress := newProgress(p.Stderr, false)
	files := func(_ context.Context, yield func(ingest.File) bool) error {
		for _, f := range d.city.Files {
			if !yield(ingest.Bytes(f.Path, f.Bytes)) {
				return nil
			}
		}
		return nil
	}
	summary, err := d.hub.pipeline.Run(ctx, files, ingest.Origin{Source: "demo"}, progress.show)
	progress.clear()
	if err != nil {
		return err
	}
	if summary.Refused > 0 {
		return fmt.Errorf("the synthetic city was refused in part: %v", summary.Reasons)
	}
	fmt.Fprintln(p.Stdout, "A synthetic city is in the hub:")
	if err := printSummary(p.Stdout, summary); err != nil {
		return err
	}
	return d.putParent(ctx)
}

// announce writes demo.json and a file for each token, whole or not at all, and prints the lines to try.
func announce(w io.Writer, dir string, info demoInfo) error {
	if err := os.MkdirAll(filepath.Join(dir, tokensDir), 0o700); err != nil {
		return err
	}
	for name, token := range info.Tokens {
		if err := writeWhole(filepath.Join(dir, tokensDir, name), []byte(token+"\n")); err != nil {
			return err
		}
	}
	b, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(dir, demoFile), append(b, '\n')); err != nil {
		return err
	}
	_, err = io.WriteString(w, lines(dir, info))
	return err
}

// writeWhole replaces a file in one step, readable by its owner alone.
func writeWhole(name string, b []byte) error {
	if err := os.WriteFile(name+".tmp", b, 0o600); err != nil {
		return err
	}
	return os.Rename(name+".tmp", name)
}

// lines are the curl lines of one demo: they work when pasted.
func lines(dir string, info demoInfo) string {
	var b strings.Builder
	try := func(why, who, query string) {
		fmt.Fprintf(&b, "\n# %s\ncurl -sH \"Authorization: Bearer $(cat %s)\" '%s/%s'\n", why, filepath.Join(dir, tokensDir, who), info.FHIR, query)
	}
	fmt.Fprintf(&b, "\nFHIR R4 at %s\nIssuer at  %s\nTokens in  %s (each lives %s)\nDICOMweb at %s\nDICOM at   %s (%s; callers CLINIC1, DEMO)\nHL7 v2 at  %s (MLLP)\n", info.FHIR, info.Issuer, filepath.Join(dir, demoFile), tokenLife, info.DICOMweb, info.DIMSE.Address, info.DIMSE.AET, info.MLLP)
	patient := info.Patients["patient"]
	try("the patient's own studies, newest first, with what they point to", "patient", "ImagingStudy?_include=*&_pretty=true")
	try("the patient's signed reports", "patient", "DiagnosticReport?status=final,amended&_pretty=true")
	try("the patient's record and its history", "patient", patient+"/_history?_pretty=true")
	try("a parent sees the child, and nobody else", "parent", "Patient?_pretty=true")
	try("the EMR sees everyone", "emr", "Patient?_sort=family&_count=50&_pretty=true")
	try("a clinician's computed tomography since 2025", "clinician", "ImagingStudy?modality=CT&started=ge2025&_pretty=true")
	try("the partner clinic sees what it submitted", "partner", "ImagingStudy?_pretty=true")
	try("what was done with the patient's record, for an auditor", "auditor", "AuditEvent?patient="+patient+"&_sort=-date&_pretty=true")
	try("and for the patient", "patient", "AuditEvent?_sort=-date&_pretty=true")
	fmt.Fprintf(&b, "\n# a link by which whoever has it downloads the images, for five days\ncurl -sX POST -H \"Authorization: Bearer $(cat %s)\" '%s/%s/$link?_pretty=true'\n",
		filepath.Join(dir, tokensDir, "patient"), info.FHIR, info.Study)
	fmt.Fprintf(&b, "\n# and a link by which they are looked at in a browser\ncurl -sX POST -H \"Authorization: Bearer $(cat %s)\" -H 'Content-Type: application/fhir+json' -d '%s' '%s/%s/$link?_pretty=true'\n",
		filepath.Join(dir, tokensDir, "patient"), `{"resourceType":"Parameters","parameter":[{"name":"purpose","valueCode":"view"}]}`, info.FHIR, info.Study)
	fmt.Fprintf(&b, "\n# the same studies as DICOMweb\ncurl -sH \"Authorization: Bearer $(cat %s)\" '%s/studies?limit=5'\n", filepath.Join(dir, tokensDir, "partner"), info.DICOMweb)
	fmt.Fprintf(&b, "\n# without a token nothing is told\ncurl -si '%s/Patient'\n\nStop with Ctrl-C.\n", info.FHIR)
	return b.String()
}
