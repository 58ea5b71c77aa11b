package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// maxBatch is how many studies one commit holds.
const maxBatch = 1000

// Progress is how far a load has come.
type Progress struct {
	Studies, Of  int
	Now, Overall float64 // studies a second
	Remaining    time.Duration
}

// loading is how a load went.
type loading struct {
	skipped bool // the city was there
	batches []loadedBatch
}

// loadedBatch is one commit, and the limit's time for the same bodies where it was taken.
type loadedBatch struct {
	studies, resources, unchanged int
	took, limit                   time.Duration
	processor, limitProcessor     time.Duration // that of evaluating the next batch falls into the first
}

// fill loads the city unless the database holds it. A load that was stopped goes on: what is there already is written no second time.
func (r *run) fill(ctx context.Context) error {
	st, err := r.Open(ctx)
	if err != nil {
		return err
	}
	err = r.fillStore(ctx, st)
	return errors.Join(err, st.Close())
}

func (r *run) fillStore(ctx context.Context, st store.Store) error {
	mark := markOf(r.Config)
	complete, err := mark.check(ctx, st)
	if err != nil {
		return err
	}
	if r.limit, err = r.Limit(ctx); err != nil { // not before the database is known to be the city's
		return err
	}
	if r.loaded.skipped = complete; complete {
		return r.checkSample(ctx, st)
	}
	if err := mark.write(ctx, st, false); err != nil {
		return err
	}
	l := loader{run: r, store: st, started: time.Now()}
	if err := l.all(ctx); err != nil {
		return err
	}
	r.loaded.batches = l.done
	return mark.write(ctx, st, true)
}

// batch is what one commit writes.
type batch struct {
	studies int
	writes  []store.Write
}

func (c City) batchSize() int { return min(maxBatch, max(1, c.Studies/10)) }

func (c City) batches() int { return (c.Studies + c.batchSize() - 1) / c.batchSize() }

// batch makes the n-th batch: its studies, and as many of the patients as fall to it. The directory comes before the first.
func (c City) batch(n int, order string) batch {
	size, count := c.batchSize(), c.batches()
	b := batch{studies: min(size, c.Studies-n*size), writes: make([]store.Write, 0, size*resourcesPerStudy)}
	for p := n * c.Patients() / count; p < (n+1)*c.Patients()/count; p++ {
		b.put(c.Patient(p))
	}
	for j := n * size; j < n*size+b.studies; j++ {
		i := j
		if order == OrderRandom {
			i = c.Shuffled(j)
		}
		b.put(c.Study(i)...)
	}
	return b
}

func (b *batch) put(all ...Resource) {
	for _, r := range all {
		b.writes = append(b.writes, store.Write{Resource: r.Resource, Owners: r.Owners, Mapped: true})
	}
}

// stock is how many batches are made at a time, before the clock runs: a hub is given what it loads.
const stock = 10

// loader writes batches while the next one is evaluated.
type loader struct {
	*run
	store   store.Store
	started time.Time
	done    []loadedBatch
	studies int
}

func (l *loader) all(ctx context.Context) error {
	var directory batch
	for r := range l.City.Directory {
		directory.put(r)
	}
	if _, _, err := l.put(ctx, directory); err != nil {
		return err
	}
	for n := 0; n < l.City.batches(); n += stock {
		made := make([]batch, 0, stock)
		for k := n; k < min(n+stock, l.City.batches()) && ctx.Err() == nil; k++ {
			made = append(made, l.City.batch(k, l.Order))
		}
		if err := l.some(ctx, made); err != nil {
			return err
		}
	}
	return nil
}

// some loads what was made.
func (l *loader) some(ctx context.Context, made []batch) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	start, before := time.Now(), processor()
	for b := range prepared(ctx, made) { // waiting for it counts
		if err := l.one(ctx, b, loadedBatch{took: time.Since(start), processor: processor() - before}); err != nil {
			return err
		}
		start, before = time.Now(), processor()
	}
	return ctx.Err()
}

// prepared evaluates batches in order, one ahead of what is asked for, as the hub does.
func prepared(ctx context.Context, made []batch) <-chan batch {
	out := make(chan batch)
	go func() {
		defer close(out)
		for n := range made {
			store.Prepare(fhir.R4(), made[n].writes)
			select {
			case out <- made[n]:
				made[n] = batch{}
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// one writes a batch, then lets the limit write the same bodies if it is its turn.
func (l *loader) one(ctx context.Context, b batch, waited loadedBatch) error {
	done := loadedBatch{studies: b.studies, resources: len(b.writes)}
	var written [][]byte
	var err error
	done.took, done.processor = timed(func() { written, done.unchanged, err = l.put(ctx, b) })
	done.add(waited)
	if err == nil && l.compares(len(l.done)) {
		done.limit, done.limitProcessor = timed(func() { err = l.limit.Load(ctx, written) })
	}
	if err != nil {
		return err
	}
	l.done, l.studies = append(l.done, done), l.studies+b.studies
	l.tell(done)
	return nil
}

func timed(do func()) (took, used time.Duration) {
	start, before := time.Now(), processor()
	do()
	return time.Since(start), processor() - before
}

// put commits a batch, and returns the bodies as they are stored.
func (l *loader) put(ctx context.Context, b batch) (bodies [][]byte, unchanged int, err error) {
	err = l.store.Write(ctx, func(tx store.Tx) error {
		written, err := tx.PutAll(ctx, b.writes)
		bodies, unchanged = make([][]byte, 0, len(written)), 0
		for _, w := range written {
			bodies = append(bodies, w.Resource.Body)
			if w.Outcome == store.Unchanged {
				unchanged++
			}
		}
		return err
	})
	return bodies, unchanged, err
}

// mostCompared is how many batches of the first and of the last tenth the limit loads too.
const mostCompared = 10

// tenth is how many batches are a tenth of the load.
func (c City) tenth() int { return (c.batches() + 9) / 10 }

// compares says which batches the limit loads too: the start of the first tenth and the end of the last.
func (l *loader) compares(n int) bool {
	most := min(mostCompared, l.City.tenth())
	return n < most || n >= l.City.batches()-most
}

func (l *loader) tell(b loadedBatch) {
	if l.Progress == nil {
		return
	}
	overall := float64(l.studies) / time.Since(l.started).Seconds()
	l.Progress(Progress{
		Studies: l.studies, Of: l.City.Studies, Now: float64(b.studies) / b.took.Seconds(), Overall: overall,
		Remaining: time.Duration(float64(l.City.Studies-l.studies) / overall * float64(time.Second)),
	})
}

// load reports how the load went.
func (r *run) load(context.Context) error {
	all, tenth := r.loaded.batches, r.City.tenth()
	if r.loaded.skipped {
		r.add(Row{Name: "load", Note: "the city was there already"})
		return nil
	}
	r.loadRows("load, first tenth", all[:tenth])
	r.loadRows("load, last tenth", all[len(all)-tenth:])
	r.loadRows("load", all)
	return nil
}

// loadRows reports a part of the load, by resources and by studies.
func (r *run) loadRows(name string, part []loadedBatch) {
	var sum, compared loadedBatch
	var took tally
	for _, b := range part {
		sum.add(b)
		took.latencies = append(took.latencies, b.took)
		if b.limit > 0 {
			compared.add(b)
		}
	}
	row := Row{Name: name, N: int64(sum.resources), Unit: "resources/s", Value: float64(sum.resources) / sum.took.Seconds(), Against: "rows without index"}
	row.P50, row.P99 = took.percentile(50), took.percentile(99)
	if sum.unchanged > 0 {
		row.Note = fmt.Sprintf("%d were there already", sum.unchanged)
	}
	studies := row
	row.CPU, row.LimitCPU = perOne(sum.processor, sum.resources), perOne(compared.limitProcessor, compared.resources)
	row.limit(float64(compared.resources) / compared.limit.Seconds())
	studies.N, studies.Unit, studies.Value = int64(sum.studies), "studies/s", float64(sum.studies)/sum.took.Seconds()
	studies.CPU, studies.LimitCPU = perOne(sum.processor, sum.studies), perOne(compared.limitProcessor, compared.studies)
	studies.limit(float64(compared.studies) / compared.limit.Seconds())
	r.add(row, studies)
}

// perOne is in microseconds.
func perOne(used time.Duration, n int) float64 {
	return float64(used.Microseconds()) / float64(max(n, 1))
}

func (b *loadedBatch) add(other loadedBatch) {
	b.studies += other.studies
	b.resources += other.resources
	b.unchanged += other.unchanged
	b.took += other.took
	b.limit += other.limit
	b.processor += other.processor
	b.limitProcessor += other.limitProcessor
}

// disk compares what the database takes with the bodies as JSON. Right after a load it holds the city alone.
func (r *run) disk(ctx context.Context) error {
	size, err := r.limit.Size(ctx)
	if err != nil {
		return err
	}
	n, plain := min(r.City.Studies, 500), 0
	for k := range n {
		for _, one := range r.City.Study(k * r.City.Studies / n) {
			plain += len(one.Body)
		}
	}
	row := Row{Name: "disk", N: int64(r.City.Studies), Unit: "bytes/study", Value: float64(size) / float64(r.City.Studies), Against: "bodies as JSON"}
	row.Note = fmt.Sprintf("%.1f MB in all", float64(size)/1e6)
	if r.loaded.skipped {
		row.Note += ", with what earlier runs wrote"
	}
	row.limit(float64(plain) / float64(n))
	r.add(row)
	return nil
}
