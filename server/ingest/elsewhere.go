package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"lightbox/dicom/archive"
	"lightbox/fhir/store"
)

// Elsewhere opens objects that stay in the archive that the hub read them from, which is an instance's Source.
type Elsewhere interface {
	// Open returns archive.ErrAbsent where the archive has the object no more, and ErrUnreachable where it cannot be asked. What is read
	// is fetched no further than needed.
	Open(ctx context.Context, i archive.Instance) (archive.Object, error)
}

// ErrUnreachable is of an archive that does not answer, or that this process knows nothing of.
var ErrUnreachable = errors.New("the archive that has the object does not answer")

// Open returns the object of an instance, wherever it is. The error is archive.ErrAbsent or ErrUnreachable, wrapped, or what reading failed
// with.
func (p *Pipeline) Open(ctx context.Context, i archive.Instance) (archive.Object, error) {
	switch {
	case !i.Object.IsRemote():
		return p.Objects.Open(ctx, i.Object)
	case p.Elsewhere == nil:
		return nil, fmt.Errorf("%s is not configured: %w", i.Source, ErrUnreachable)
	}
	return p.Elsewhere.Open(ctx, i)
}

// Forget takes objects of a study that stayed in an archive, and are there no more, out of the index, and returns how many. What is left of
// the study is built soon after.
func (p *Pipeline) Forget(ctx context.Context, source, study string, sopInstanceUIDs []string) (n int64, err error) {
	err = p.Store.Write(ctx, func(tx store.Tx) (err error) {
		if n, err = archive.Forget(ctx, tx, study, source, sopInstanceUIDs); err != nil || n == 0 {
			return err
		}
		dirty := newRows(3)
		dirty.add(study, studyType, study, rand.Int64())
		return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
	})
	if p.Changed != nil {
		p.Changed()
	}
	return n, err
}
