// Package bench measures a whole hub, as `lightbox bench` runs it: it makes a synthetic city, loads it into a database, drives a
// server on that database over HTTP with many clients, and sets beside each figure the limit taken in the same run on the same
// machine: what the database does without an index, what net/http does without the hub.
//
// A figure without its limit says more of the machine than of the hub, so absolute times are compared with nothing and no test
// asserts one. The package knows no concrete database: the program hands in what is specific to one.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"lightbox/fhir/store"
)

// Config is what one run measures, and how long.
type Config struct {
	City    City
	Order   string        // in which studies are loaded: OrderTime, OrderRandom
	Clients int           // that ask at once, where a figure does not say otherwise
	Each    time.Duration // how long the hub, and then the limit, is driven for a figure
	Only    []string      // names of figures; none: all of them
	// Progress is called while the city is loaded, now and then. It may be nil.
	Progress func(Progress)
	Database string // what kind of database it is, for the report
	Dir      string // for files that are measured and removed again; "" is the system's temporary folder
	From     string // URL of an Orthanc to be read; "" for none
	Parts
}

// The orders in which a city can be loaded.
const (
	OrderTime   = "time"
	OrderRandom = "random"
)

// Parts are what only the program can wire.
type Parts struct {
	// Open opens the database as a serving hub does.
	Open func(ctx context.Context) (store.Store, error)
	// Limit opens what the database is compared with.
	Limit func(ctx context.Context) (Limit, error)
	// Handler is the hub's own, for callers with tokens of the issuer. What it does beside requests ends with ctx.
	Handler func(ctx context.Context, st store.Store, base, issuer string) (http.Handler, error)
	// Unguarded is the same handler without access control and audit: who asks may do everything, and nothing is on record.
	Unguarded func(st store.Store, base string) (http.Handler, error)
	// Intake opens the ways in of a hub on an archive of its own, for callers with tokens of the issuer, until it is closed.
	Intake func(ctx context.Context, issuer, audience string) (Intake, error)
	// Serve is a process of the program that serves the database and logs JSON to its standard error.
	Serve func(ctx context.Context, listen string) *exec.Cmd
	// Nothing is a process of the program that ends at once.
	Nothing func(ctx context.Context) *exec.Cmd
}

// Limit is what a database does at best: plain rows, without index entries, versions or visibility.
type Limit interface {
	// Load inserts bodies as rows of a table without an index, and returns once they are durable.
	Load(ctx context.Context, bodies [][]byte) error
	// Find readies Read for resources of a type.
	Find(ctx context.Context, resourceType string) error
	// Read reads one resource by its id from the hub's own table, as it is stored.
	Read(ctx context.Context, id string) error
	// Size is how many bytes the hub's database takes on disk, the table of Load apart.
	Size(ctx context.Context) (int64, error)
	// Close removes the table of Load.
	Close(ctx context.Context) error
}

// Report is what a run found.
type Report struct {
	Database  string  `json:"database"`
	Seed      uint64  `json:"seed"`
	Studies   int     `json:"studies"`
	Patients  int     `json:"patients"`
	Instances int     `json:"instancesPerSeries"`
	Order     string  `json:"order"`
	Clients   int     `json:"clients"`
	Seconds   float64 `json:"seconds"`
	CPUs      int     `json:"cpus"`
	Rows      []Row   `json:"figures"`
}

// figure is one subject of measurement. Its rows are in the order of the table.
type figure struct {
	name string
	take func(r *run, ctx context.Context) error
}

// figures is what can be measured, in the order in which it is: the load comes first, and what needs the database for itself before
// what needs a server.
func figures() []figure {
	return slices.Concat([]figure{{"load", (*run).load}, {"disk", (*run).disk}, {"start", (*run).start}}, reads(), writes(), intake())
}

// Names are those of all figures.
func Names() []string {
	var all []string
	for _, f := range figures() {
		all = append(all, f.name)
	}
	return all
}

func (c Config) check() error {
	for _, name := range c.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("there is no figure %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	if c.City.Studies < 1 || c.Clients < 1 || c.Each <= 0 {
		return errors.New("a run needs at least one study, one client and some time")
	}
	return nil
}

// Run loads the city where it is not there yet, and measures. When it is stopped, the report holds what was measured so far.
func Run(ctx context.Context, c Config) (report Report, err error) {
	if err := c.check(); err != nil {
		return Report{}, err
	}
	r := &run{Config: c}
	defer func() {
		err = errors.Join(err, r.close())
		report = r.report()
	}()
	if err := r.all(ctx); err != nil {
		if ctx.Err() != nil {
			return report, ErrStopped
		}
		return report, err
	}
	return report, nil
}

// ErrStopped says that a run did not come to its end because it was told to stop.
var ErrStopped = errors.New("stopped before the end")

func (r *run) all(ctx context.Context) error {
	if err := r.fill(ctx); err != nil {
		return err
	}
	for _, f := range figures() {
		if len(r.Only) > 0 && !slices.Contains(r.Only, f.name) {
			continue
		}
		if err := f.take(r, ctx); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

// run is one run under way.
type run struct {
	Config
	limit  Limit
	loaded loading
	served *served // nil until a figure needs it
	opened *opened // as above
	rows   []Row
}

func (r *run) close() error {
	ctx := context.Background() // what was opened is closed also when the run was stopped
	var err error
	if r.served != nil {
		err = r.served.close()
	}
	if r.opened != nil {
		err = errors.Join(err, r.opened.close())
	}
	if r.limit != nil {
		err = errors.Join(err, r.limit.Close(ctx))
	}
	return err
}

func (r *run) report() Report {
	return Report{
		Database: r.Database, Seed: r.City.Seed, Studies: r.City.Studies, Patients: r.City.Patients(), Instances: r.City.Instances,
		Order: r.Order, Clients: r.Clients, Seconds: r.Each.Seconds(), CPUs: runtime.GOMAXPROCS(0), Rows: r.rows,
	}
}

func (r *run) add(rows ...Row) { r.rows = append(r.rows, rows...) }
