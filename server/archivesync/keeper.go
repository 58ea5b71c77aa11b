package archivesync

import (
	"context"
	"slices"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
)

// Keeper is a Source whose objects can stay where they are.
type Keeper interface {
	Source
	// Group names what an object's header is read together with.
	Group(object string) string
	// Headers reads the headers of objects of one group. Of each it yields that, or why it cannot be read; of one that is there no more,
	// nothing.
	Headers(ctx context.Context, objects []string, yield func(object string, header *dicom.Dataset, err error)) error
	// Instances lists the SOP Instance UIDs that the archive has of a study; none where it has no such study.
	Instances(ctx context.Context, study string) ([]string, error)
	// Fewer returns those of studies of which the archive may have fewer instances than the hub, whose number stands beside each.
	Fewer(ctx context.Context, studies map[string]int) ([]string, error)
	// Find returns what Fetch calls the object of an instance. ErrGone when there is none.
	Find(ctx context.Context, i archive.Instance) (object string, err error)
}

// checkBatch is how many studies are looked at together.
const checkBatch = 50

// check forgets what the archive has no more.
func (s *Sync) check(ctx context.Context, keeper Keeper, p *Progress) error {
	for after := ""; ; {
		held, last, err := s.held(ctx, after)
		if err != nil || last == "" {
			return err
		}
		after = last
		s.pace(ctx, 1)
		studies, err := keeper.Fewer(ctx, counts(held))
		if err != nil {
			return err
		}
		for _, study := range studies {
			if err := s.checkStudy(ctx, keeper, study, held[study], p); err != nil {
				return err
			}
		}
	}
}

// held are the next studies that the archive told of, each with its instances, and the last of them, "" after the end.
func (s *Sync) held(ctx context.Context, after string) (held map[string][]string, last string, err error) {
	err = s.Hub.Store.View(ctx, func(tx store.SQL) error {
		held, last = map[string][]string{}, ""
		studies, err := archive.StudiesOf(ctx, tx, s.Name, after, checkBatch)
		if err != nil {
			return err
		}
		for _, study := range studies {
			last = study
			uids, err := archive.Held(ctx, tx, study, s.Name)
			if err != nil {
				return err
			}
			if len(uids) > 0 {
				held[study] = uids
			}
		}
		return nil
	})
	return held, last, err
}

func counts(held map[string][]string) map[string]int {
	n := map[string]int{}
	for study, uids := range held {
		n[study] = len(uids)
	}
	return n
}

func (s *Sync) checkStudy(ctx context.Context, keeper Keeper, study string, held []string, p *Progress) error {
	s.pace(ctx, 1)
	there, err := keeper.Instances(ctx, study)
	if err != nil {
		return err
	}
	isThere := map[string]bool{}
	for _, uid := range there {
		isThere[uid] = true
	}
	gone := slices.DeleteFunc(held, func(uid string) bool { return isThere[uid] })
	if len(gone) == 0 {
		return nil
	}
	n, err := s.Hub.Forget(ctx, s.Name, study, gone)
	p.Forgotten += int(n)
	s.report(*p)
	return err
}
