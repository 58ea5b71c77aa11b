package ingest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/mapping"
)

// Collection is what files become without any store: the index in memory and the resources made from it by the same rules as
// Pipeline's. It is for one goroutine.
type Collection struct {
	mapper    *mapping.Mapper
	tally     *tally
	instances map[string]collected         // by SOP Instance UID: the one that counts
	mentions  map[string][]mapping.Mention // by reference
	contexts  map[[32]byte][]byte          // each once, by digest
}

type collected struct {
	instance archive.Instance
	dataset  *dicom.Dataset // of a report
	file     File
	hashed   bool // instance.Object is known
}

// NewCollection returns an empty collection. report, when given, is called now and then with the counts so far.
func NewCollection(m *mapping.Mapper, report func(Summary)) *Collection {
	return &Collection{
		mapper:    m,
		tally:     newTally(report),
		instances: map[string]collected{},
		mentions:  map[string][]mapping.Mention{},
		contexts:  map[[32]byte][]byte{},
	}
}

// Add takes every file of files. A file that is refused is in the summary.
func (c *Collection) Add(ctx context.Context, files Files) error {
	return files(ctx, func(f File) bool {
		c.tally.add(func(s *Summary) { s.Files++; s.Bytes += f.Size })
		if err := c.add(f); err != nil {
			reason, detail := Reason(err)
			c.tally.refuse(f.Name, reason, detail)
		}
		return true
	})
}

func (c *Collection) add(f File) error {
	content, err := f.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	ds, err := dicom.Scan(content, f.Size, dicom.Limits{})
	if err != nil {
		return err
	}
	instance, err := c.mapper.Index(ds)
	if err != nil {
		return err
	}
	if instance.Context, err = c.mention(instance.Context); err != nil {
		return err
	}
	found := collected{instance: instance, file: f}
	if mapping.IsReport(instance.SOPClassUID) {
		if found.dataset, err = dicom.Scan(content, f.Size, dicom.Limits{Bulk: true}); err != nil {
			return err
		}
	}
	if f.Once {
		if err := found.hash(content); err != nil {
			return err
		}
	}
	return c.count(found)
}

// count settles which object counts where several share a SOP Instance UID: the one of the lowest digest, as in the index.
// Only then are whole files read.
func (c *Collection) count(found collected) error {
	uid := found.instance.SOPInstanceUID
	before, ok := c.instances[uid]
	if !ok {
		c.instances[uid] = found
		c.tally.outcome(found.file.Name, archive.New)
		return nil
	}
	if err := errors.Join(before.settle(), found.settle()); err != nil {
		return err
	}
	c.instances[uid] = before
	if before.instance.Object == found.instance.Object {
		c.tally.outcome(found.file.Name, archive.Duplicate)
		return nil
	}
	c.tally.outcome(found.file.Name, archive.Conflict)
	if bytes.Compare(found.instance.Object[:], before.instance.Object[:]) < 0 {
		c.instances[uid] = found
	}
	return nil
}

// settle makes sure of the object's digest.
func (o *collected) settle() error {
	if o.hashed {
		return nil
	}
	content, err := o.file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	return o.hash(content)
}

func (o *collected) hash(content io.ReaderAt) error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(content, 0, o.file.Size)); err != nil {
		return err
	}
	h.Sum(o.instance.Object[:0])
	o.hashed = true
	return nil
}

// mention maps what a context says of shared resources, once for each different context, and returns the one copy kept of it.
func (c *Collection) mention(context []byte) ([]byte, error) {
	key := sha256.Sum256(context)
	if kept, ok := c.contexts[key]; ok {
		return kept, nil
	}
	mentions, issues, err := c.mapper.Mentions(context)
	if err != nil {
		return nil, err
	}
	c.tally.issues(issues)
	c.contexts[key] = context
	for _, m := range mentions {
		c.mentions[m.Type+"/"+m.ID] = append(c.mentions[m.Type+"/"+m.ID], m)
	}
	return context, nil
}

// Resources maps what was collected: every resource once, ordered by type and id.
func (c *Collection) Resources() ([]fhir.Resource, error) {
	var list []fhir.Resource
	for _, said := range c.mentions {
		r, issues, err := mapping.Merge(said)
		if err != nil {
			return nil, err
		}
		c.tally.issues(issues)
		list = append(list, r)
	}
	for _, study := range c.studies() {
		resources, err := c.study(study)
		if err != nil {
			return nil, err
		}
		list = append(list, resources...)
	}
	slices.SortFunc(list, func(a, b fhir.Resource) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	c.tally.add(func(s *Summary) { s.Resources = len(list) })
	return list, nil
}

func (c *Collection) study(instances []archive.Instance) ([]fhir.Resource, error) {
	s, err := c.mapper.Study(instances, "")
	if err != nil {
		return nil, err
	}
	var documents []mapping.Document
	for _, i := range instances {
		if ds := c.instances[i.SOPInstanceUID].dataset; ds != nil && !isHeld(s, i) {
			documents = append(documents, mapping.Document{Instance: i, Dataset: ds})
		}
	}
	reports, issues, err := c.mapper.Reports(s, documents)
	if err != nil {
		return nil, err
	}
	c.tally.add(func(s *Summary) { s.Studies++ })
	c.tally.issues(s.Issues)
	c.tally.issues(issues)
	return append(reports, s.Resource), nil
}

// isHeld reports whether a study leaves an instance out as another patient's.
func isHeld(s mapping.Study, i archive.Instance) bool {
	return slices.ContainsFunc(s.Held, func(h archive.Instance) bool { return h.SOPInstanceUID == i.SOPInstanceUID })
}

// studies groups the instances that count, each study in SOP Instance UID order.
func (c *Collection) studies() map[string][]archive.Instance {
	studies := map[string][]archive.Instance{}
	for _, one := range c.instances {
		uid := one.instance.StudyInstanceUID
		studies[uid] = append(studies[uid], one.instance)
	}
	for _, list := range studies {
		slices.SortFunc(list, func(a, b archive.Instance) int { return cmp.Compare(a.SOPInstanceUID, b.SOPInstanceUID) })
	}
	return studies
}

// Summary returns the counts so far.
func (c *Collection) Summary() Summary { return c.tally.summary() }
