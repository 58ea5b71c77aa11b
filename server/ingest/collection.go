package ingest

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/mapping"
)

// Collection is what files become without any store: the index in memory and the resources made from it by the same rules as
// Pipeline's. It is for one goroutine.
type Collection struct {
	reader    *reader
	instances map[string][]taken           // by SOP Instance UID: the one that counts first, once settled
	mentions  map[string][]mapping.Mention // by reference
	contexts  map[*byte]bool               // whose mentions are in
	told      map[string][]mapping.Told    // by messages, of a report
	links     []mapping.PatientLink
}

// NewCollection returns an empty collection. report, when given, is called now and then with the counts so far.
func NewCollection(m *mapping.Mapper, report func(Summary)) *Collection {
	return &Collection{
		reader:    newReader(m, newTally(report)),
		instances: map[string][]taken{},
		mentions:  map[string][]mapping.Mention{},
		contexts:  map[*byte]bool{},
		told:      map[string][]mapping.Told{},
	}
}

// Trace has what is added from now on come with Provenance, recorded at a time.
func (c *Collection) Trace(recorded time.Time) { c.reader.now = func() time.Time { return recorded } }

// Add takes every file of files. A file that is refused is in the summary.
func (c *Collection) Add(ctx context.Context, files Files) error {
	out := make(chan taken, maxBatch)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(out)
		return c.reader.each(gctx, files, out)
	})
	for object := range out {
		if object.letters != nil {
			c.deliver(object)
			continue
		}
		c.mention(object)
		uid := object.instance.SOPInstanceUID
		if c.instances[uid] = append(c.instances[uid], object); len(c.instances[uid]) == 1 {
			c.reader.tally.outcome(object, archive.New)
		}
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// deliver takes what messages say.
func (c *Collection) deliver(o taken) {
	for _, letter := range o.letters {
		for _, m := range letter.Mentions {
			c.mentions[m.Type+"/"+m.ID] = append(c.mentions[m.Type+"/"+m.ID], m)
		}
		c.links = append(c.links, letter.Links...)
		for _, one := range letter.Reports {
			c.told[one.ID] = append(c.told[one.ID], one)
		}
	}
	c.reader.tally.add(func(s *Summary) { s.Messages += len(o.letters) })
}

// mention takes what an object's context says, once for each context: objects share one copy of theirs.
func (c *Collection) mention(o taken) {
	if c.contexts[&o.instance.Context[0]] {
		return
	}
	c.contexts[&o.instance.Context[0]] = true
	for _, m := range o.mentions {
		c.mentions[m.Type+"/"+m.ID] = append(c.mentions[m.Type+"/"+m.ID], m)
	}
}

// settle finds which object counts where several share a SOP Instance UID: the one of the lowest digest, as in the index. Only for
// this are whole files read.
func (c *Collection) settle() error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, same := range c.instances {
		if len(same) > 1 {
			g.Go(func() error { return c.settleOne(same) })
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for uid, same := range c.instances {
		c.instances[uid] = same[:1]
	}
	return nil
}

func (c *Collection) settleOne(same []taken) error {
	for i := range same {
		if err := same[i].settle(); err != nil {
			return fmt.Errorf("%s: %w", same[i].file.Name, err)
		}
	}
	slices.SortFunc(same, func(a, b taken) int {
		return cmp.Or(bytes.Compare(a.instance.Object[:], b.instance.Object[:]), cmp.Compare(a.file.Name, b.file.Name))
	})
	for i := range same[1:] {
		outcome := archive.Conflict
		if same[i].instance.Object == same[i+1].instance.Object {
			outcome = archive.Duplicate
		}
		c.reader.tally.outcome(same[i+1], outcome)
	}
	return nil
}

// Resources maps what was collected: every resource once, ordered by type and id.
func (c *Collection) Resources() ([]fhir.Resource, error) {
	if err := c.settle(); err != nil {
		return nil, err
	}
	links, issues := mapping.SettleLinks(c.links)
	c.reader.tally.issues(issues)
	var list []fhir.Resource
	about := surroundings{ordered: c.priorities(), reported: map[string]bool{}}
	for _, told := range c.told {
		report, issues, err := c.reader.mapper.Prevailing(told)
		if err != nil {
			return nil, err
		}
		if report.IsSigned() {
			for _, identifier := range mapping.ReportedOn(report.Resources[0]) {
				about.reported[identifier] = true
			}
		}
		c.reader.tally.issues(issues)
		list = append(list, report.Resources...)
	}
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, study := range c.studies() {
		g.Go(func() error {
			s, documents, err := c.study(study, links, about)
			mu.Lock()
			defer mu.Unlock()
			list = append(append(list, documents.Resources...), s.Resources()...)
			for _, m := range documents.Mentions {
				c.mentions[m.Type+"/"+m.ID] = append(c.mentions[m.Type+"/"+m.ID], m)
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, said := range c.mentions {
		r, issues, err := mapping.Merge(said)
		if err != nil {
			return nil, err
		}
		c.reader.tally.issues(issues)
		list = append(list, r)
	}
	if err := links.Apply(list); err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(a, b fhir.Resource) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	c.reader.tally.add(func(s *Summary) { s.Resources = len(list) })
	return list, nil
}

// surroundings are what others say of the reading of studies.
type surroundings struct {
	ordered  map[string]string // priority of an order, by reference
	reported map[string]bool   // identifiers of studies and orders of which a report is signed
}

// priorities are those of the orders that are known, by reference.
func (c *Collection) priorities() map[string]string {
	of := map[string]string{}
	if !c.reader.mapper.Prioritizes() {
		return of
	}
	for reference, said := range c.mentions {
		if said[0].Type != "ServiceRequest" {
			continue
		}
		if order, _, err := mapping.Merge(said); err == nil {
			of[reference] = mapping.PriorityOf(order)
		}
	}
	return of
}

func (c *Collection) study(instances []archive.Instance, links mapping.Links, about surroundings) (mapping.Study, mapping.Documented, error) {
	s, err := c.reader.mapper.Study(instances, "", links)
	if err != nil {
		return s, mapping.Documented{}, err
	}
	var documents []mapping.Document
	for _, i := range instances {
		if ds := c.instances[i.SOPInstanceUID][0].dataset; ds != nil && !isHeld(s, i) {
			documents = append(documents, mapping.Document{Instance: i, Dataset: ds})
		}
	}
	for _, order := range s.Orders() {
		s.Ordered = append(s.Ordered, about.ordered[order])
	}
	s.Reported = slices.ContainsFunc(s.Identifiers(), func(i string) bool { return about.reported[i] })
	told, err := c.reader.mapper.Documents(s, documents)
	c.reader.tally.add(func(s *Summary) { s.Studies++ })
	c.reader.tally.issues(s.Issues)
	c.reader.tally.issues(told.Issues)
	return s, told, err
}

// isHeld reports whether a study leaves an instance out as another patient's.
func isHeld(s mapping.Study, i archive.Instance) bool {
	return slices.ContainsFunc(s.Held, func(h archive.Instance) bool { return h.SOPInstanceUID == i.SOPInstanceUID })
}

// studies groups the instances that count, each study in SOP Instance UID order.
func (c *Collection) studies() map[string][]archive.Instance {
	studies := map[string][]archive.Instance{}
	for _, one := range c.instances {
		uid := one[0].instance.StudyInstanceUID
		studies[uid] = append(studies[uid], one[0].instance)
	}
	for _, list := range studies {
		slices.SortFunc(list, func(a, b archive.Instance) int { return cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID) })
	}
	return studies
}

// Summary returns the counts so far.
func (c *Collection) Summary() Summary { return c.reader.tally.summary() }
