// Package mapping is where DICOM meets FHIR: rule tables, and the runner that walks them. Every rule names its source
// attribute, its target element and the clause it follows; nothing is dropped silently.
//
// The way of an object: Index keeps of it what rules read; Mentions makes the resources that many studies share, Merge settles
// what several contexts say of one; Study makes the ImagingStudy, a pure function of its instances; Reports makes
// DiagnosticReports of its documents; Explain shows which attribute became what. MAPPING.md prints the tables.
package mapping

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"hash"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Config is what the mapping depends on beside its input. The zero value works, with the published key.
type Config struct {
	Key      []byte                    // of logical ids; nil: the published key of map and demo
	Systems  map[string]string         // issuer, assigning authority or coding scheme text -> URI; "" is of identifiers without an issuer
	Zone     *time.Location            // of sources that state no offset; nil: dates only
	Zones    map[string]*time.Location // the same of one source: AE title, station or institution; facility or application that sends messages
	DICOMweb string                    // base URL of the WADO-RS endpoint that studies name; "" for none

	ConceptMaps [][]byte       // FHIR ConceptMaps that change the code tables of their ids; see Mapper.ConceptMaps
	Priorities  []PriorityRule // what findings of programs do to the reading of a study; none: nothing
}

// PublishedKey makes the ids of map and demo, which anyone may recompute. An installation has a secret of its own.
const PublishedKey = "lightbox published key 1"

// Mapper maps. It is safe for concurrent use.
type Mapper struct {
	config Config
	hashes sync.Pool // of HMACs under the key: making one costs more than using it
	locals locals
	codes  map[string]any // rows of code tables that are configured otherwise, by name
}

// New checks the configuration and returns a Mapper.
func New(config Config) (*Mapper, error) {
	for name, uri := range config.Systems {
		if !isURI(uri) {
			return nil, fmt.Errorf("system of %q is not a URI: %q", name, uri)
		}
	}
	if config.DICOMweb != "" && !isURI(config.DICOMweb) {
		return nil, fmt.Errorf("DICOMweb base is not a URL: %q", config.DICOMweb)
	}
	for i, rule := range config.Priorities {
		if err := rule.check(); err != nil {
			return nil, fmt.Errorf("priority rule %d: %w", i+1, err)
		}
	}
	if config.Key == nil {
		config.Key = []byte(PublishedKey)
	}
	fresh := func() any { return hmac.New(sha256.New, config.Key) }
	m := &Mapper{config: config, hashes: sync.Pool{New: fresh}, codes: map[string]any{}}
	for i, body := range config.ConceptMaps {
		if err := m.overrideCodes(body); err != nil {
			return nil, fmt.Errorf("ConceptMap %d: %w", i+1, err)
		}
	}
	return m, nil
}

// ID returns the logical id of a resource type and business identifier (system, value): the HMAC-SHA-256 of the three, each
// followed by a zero byte, as a UUID of version 8 (RFC 9562 5.8).
func (m *Mapper) ID(resourceType, system, value string) string {
	h := m.hashes.Get().(hash.Hash)
	defer m.hashes.Put(h)
	h.Reset()
	for _, part := range []string{resourceType, system, value} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	var id uuid.UUID
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0F | 0x80
	id[8] = id[8]&0x3F | 0x80
	return id.String()
}

// local is a system of this hub's own, for an issuer or coding scheme without a URI.
func (m *Mapper) local(kind, text string) string {
	name := [2]string{kind, text}
	if system := m.locals.get(name); system != "" {
		return system
	}
	return m.locals.put(name, "urn:uuid:"+m.ID(kind, "", text))
}

// locals remembers systems: a hub meets few, and each object names several.
type locals struct {
	mu    sync.RWMutex
	known map[[2]string]string
}

const maxLocals = 1024

func (l *locals) get(name [2]string) string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.known[name]
}

func (l *locals) put(name [2]string, system string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || len(l.known) >= maxLocals { // names that hostile objects make up push out others, no more
		l.known = map[[2]string]string{}
	}
	l.known[name] = system
	return system
}

// Issue is a finding about one input: what was not mapped, or was mapped with a doubt.
type Issue struct {
	Severity  string // "error", "warning", "information"
	Code      string // short word that summaries count by: "unknown-code", "bad-date", "conflict", ...
	Attribute string // DICOM path
	Element   string // FHIR path
	Detail    string // no patient data
	Ref       string // clause
}

// Rule is one row of a table, as data: what MAPPING.md prints and the tests walk.
type Rule struct {
	Table string
	From  string // attribute paths separated by spaces: the first one that is present decides
	With  string // attributes read beside it
	To    string // FHIR element
	Need  string // "required": absence raises an issue
	By    string // how objects that disagree are settled; "" is the majority
	Ref   string // clause

	Field   string // of HL7 v2 in place of From: fields separated by spaces, the first one that has a value decides
	Concept string // of content items: the concepts that lead to them, outermost first, of DCM or SCHEME:code
	Unit    string // UCUM in which a number goes out; "" as it was measured
}
