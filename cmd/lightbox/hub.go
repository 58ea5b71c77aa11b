package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/sqlite"
	"lightbox/mapping"
	"lightbox/mapping/match"
	"lightbox/server/ingest"
	"lightbox/server/links"
)

// storage says where a hub keeps its data.
type storage struct {
	Database string `default:"sqlite:lightbox.db" placeholder:"URL" help:"sqlite:PATH or postgres://user:password@host/database."`
	Archive  string `default:"lightbox-objects" placeholder:"WHERE" help:"Where DICOM objects are kept: a folder, or s3://bucket/prefix?endpoint=host:port."`

	S3AccessKey string `name:"s3-access-key" env:"LIGHTBOX_S3_ACCESS_KEY,AWS_ACCESS_KEY_ID" placeholder:"KEY" help:"Access key of the object store."`
	S3SecretKey string `name:"s3-secret-key" env:"LIGHTBOX_S3_SECRET_KEY,AWS_SECRET_ACCESS_KEY" placeholder:"KEY" help:"Secret key of the object store; better given in the environment."`
	archivesFlag
}

// mappingFlags configure the mapping.
type mappingFlags struct {
	IDKey    string            `name:"id-key" placeholder:"HEX" help:"Key of logical ids, in hexadecimal. Default: the installation's own secret; for map and demo a published one."`
	System   map[string]string `placeholder:"ISSUER=URI" help:"Identifier system of an issuer or assigning authority, as DICOM objects name it. Repeatable."`
	Timezone string            `placeholder:"NAME" help:"IANA zone of sources that state no offset, e.g. Europe/Moscow. Default: none, such times become dates."`
	Zones    map[string]string `name:"source-timezone" placeholder:"SOURCE=NAME" help:"IANA zone of one source that states no offset, named by the AE title, station or institution in its objects, or the sending facility or application in its messages. Repeatable; goes before --timezone."`
	DICOMweb string            `name:"dicomweb" placeholder:"URL" help:"Base URL of the DICOMweb service that studies name as their endpoint. Default of serve and demo: their own."`

	ConceptMaps  []string               `name:"concept-map" type:"existingfile" placeholder:"FILE" help:"ConceptMap (FHIR JSON) that changes rows of the code table of its id, as GET ConceptMap serves them. Repeatable."`
	PriorityFile string                 `name:"priorities" placeholder:"FILE" help:"What findings of programs do to the reading of a study, as JSON: [{\"finding\":\"http://snomed.info/sct|50960005\",\"certainty\":80,\"algorithm\":\"Name\",\"priority\":\"stat\"}]; certainty (percent) and algorithm may be absent. Default: nothing."`
	MatchingFile string                 `name:"matching" placeholder:"FILE" help:"Rules by which records of one person are linked, as JSON: {\"unique\":[\"urn:oid:1.2.643.100.3\"],\"rules\":[[\"identifier:urn:oid:1.2.643.100.3\",\"birthDate\"]],\"link\":0.99,\"review\":0.8,\"population\":1000000}; {} is the defaults, in which unique is empty. Patient/$$match goes by them too. Default: nobody is linked by rule."`
	matching     *match.Rules           // of the file, which Validate reads
	conceptMaps  [][]byte               // of the files, which Validate reads
	priorities   []mapping.PriorityRule // of the file, which Validate reads
}

// Validate is called after parsing.
func (m *mappingFlags) Validate() error {
	if _, err := hex.DecodeString(m.IDKey); err != nil {
		return fmt.Errorf("--id-key: %w", err)
	}
	for _, name := range m.ConceptMaps {
		body, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("--concept-map: %w", err)
		}
		if _, err := mapping.New(mapping.Config{ConceptMaps: [][]byte{body}}); err != nil {
			return fmt.Errorf("--concept-map %s: %w", name, err)
		}
		m.conceptMaps = append(m.conceptMaps, body)
	}
	if err := m.readPriorities(); err != nil {
		return fmt.Errorf("--priorities: %w", err)
	}
	if err := m.readMatching(); err != nil {
		return fmt.Errorf("--matching %s: %w", m.MatchingFile, err)
	}
	if _, err := m.zones(); err != nil {
		return fmt.Errorf("--source-timezone: %w", err)
	}
	_, err := time.LoadLocation(m.Timezone)
	return err
}

func (m *mappingFlags) zones() (map[string]*time.Location, error) {
	list := map[string]*time.Location{}
	for source, name := range m.Zones {
		zone, err := time.LoadLocation(name)
		if err != nil || name == "" {
			return nil, fmt.Errorf("%s: no zone %q", source, name)
		}
		list[source] = zone
	}
	return list, nil
}

func (m *mappingFlags) readPriorities() error {
	if m.PriorityFile == "" {
		return nil
	}
	b, err := os.ReadFile(m.PriorityFile)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m.priorities); err != nil {
		return fmt.Errorf("%s: %w", m.PriorityFile, err)
	}
	return nil
}

func (m *mappingFlags) readMatching() error {
	if m.MatchingFile == "" {
		return nil
	}
	b, err := os.ReadFile(m.MatchingFile)
	if err != nil {
		return err
	}
	rules, err := match.Parse(b)
	m.matching = &rules
	return err
}

// config returns the mapping's configuration; key is the installation's, used unless a flag gives another.
func (m *mappingFlags) config(key []byte) mapping.Config {
	c := mapping.Config{Key: key, Systems: m.System, DICOMweb: m.DICOMweb, Priorities: m.priorities, ConceptMaps: m.conceptMaps}
	if m.IDKey != "" {
		c.Key, _ = hex.DecodeString(m.IDKey) // Validate has seen it
	}
	if m.Timezone != "" {
		c.Zone, _ = time.LoadLocation(m.Timezone)
	}
	c.Zones, _ = m.zones()
	return c
}

// hubFlags say which hub, and how it maps.
type hubFlags struct {
	storage
	mappingFlags
}

// Validate is called after parsing: what is embedded has no call of its own.
func (f *hubFlags) Validate() error {
	return errors.Join(f.storage.Validate(), f.mappingFlags.Validate())
}

// hub is everything that the commands share: store, archive and the way in.
type hub struct {
	store    store.Store
	objects  archive.Objects
	pipeline *ingest.Pipeline
	audit    *audit.Log
}

func (h *hub) Close() error {
	return errors.Join(h.objects.Close(), h.store.Close())
}

// idKey names the installation's secret that logical ids are made with.
const idKey = "logical-id"

// openHub opens store and archive, migrating the database when it is older than the program.
func openHub(ctx context.Context, s storage, m mappingFlags, log *slog.Logger) (*hub, error) {
	st, err := openStore(ctx, s.Database, log)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	key, err := st.Secret(ctx, idKey)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	h, err := newHub(ctx, st, s, m.config(key), log)
	if err == nil {
		h.pipeline.Matching = m.matching
	}
	return h, err
}

func newHub(ctx context.Context, st store.Store, s storage, c mapping.Config, log *slog.Logger) (*hub, error) {
	objects, err := archive.Open(ctx, s.Archive, archive.Credentials{AccessKeyID: s.S3AccessKey, SecretAccessKey: s.S3SecretKey})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("archive: %w", err), st.Close())
	}
	mapper, err := mapping.New(c)
	if err != nil {
		return nil, errors.Join(err, objects.Close(), st.Close())
	}
	record, err := audit.Open(ctx, st, "", log)
	if err != nil {
		return nil, errors.Join(err, objects.Close(), st.Close())
	}
	p := &ingest.Pipeline{Store: st, Objects: objects, Mapper: mapper, Audit: record, Log: log}
	s.open(p)
	return &hub{store: st, objects: objects, pipeline: p, audit: record}, nil
}

// operator is who runs a command, for the audit record: the account.
func operator(command string) *audit.Caller {
	return &audit.Caller{Subject: account(), Client: "lightbox " + command}
}

func account() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

func openStore(ctx context.Context, database string, log *slog.Logger) (store.Store, error) {
	options := store.Options{
		Registry: fhir.R4(),
		Log:      log,
		Schemas:  append(ingest.Schemas(), auth.Schema(), audit.Schema(), links.Schema()),
	}
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		return sqlite.Open(ctx, path, options)
	}
	if strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://") {
		return postgres.Open(ctx, database, options)
	}
	return nil, fmt.Errorf("%q is neither sqlite:PATH nor a postgres:// URL", maskPassword(database))
}

// maskPassword hides the password of a database URL.
func maskPassword(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	at := strings.LastIndex(rest, "@")
	user, _, hasPassword := strings.Cut(rest[:max(at, 0)], ":")
	if !hasPassword {
		return url
	}
	return scheme + "://" + user + ":***" + rest[at:]
}
