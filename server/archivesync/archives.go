package archivesync

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"lightbox/dicom/archive"
	"lightbox/server/ingest"
)

// Address is where an archive is, and by which name it is known here.
type Address struct {
	Name, URL   string
	Credentials Credentials
	// AET is the hub's own title, and MoveTo the host:port where it takes what it asked for by C-MOVE; "" asks by C-GET. Of archives that speak
	// DIMSE alone.
	AET, MoveTo string
}

// Archives opens the objects that stay in other archives. It is safe for concurrent use.
type Archives struct {
	Hub *ingest.Pipeline

	mu    sync.Mutex
	known map[string]*place
}

// place is an archive that is looked at when somebody wants something of it.
type place struct {
	Address
	mu     sync.Mutex
	source Source // nil: nobody has looked yet, or it did not answer
}

func (p *place) look(ctx context.Context, hub *ingest.Pipeline) (_ Source, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.source == nil {
		p.source, err = openWith(ctx, p.Address, hub, delays[:1])
	}
	return p.source, err
}

// Add makes an archive known under its name. It need not answer yet.
func (a *Archives) Add(at Address) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[string]*place{}
	}
	a.known[at.Name] = &place{Address: at}
}

func (a *Archives) keeper(ctx context.Context, name string) (Keeper, error) {
	a.mu.Lock()
	at := a.known[name]
	a.mu.Unlock()
	if at == nil {
		return nil, errors.New("no archive of this name is configured")
	}
	source, err := at.look(ctx, a.Hub)
	if err != nil {
		return nil, err
	}
	keeper, keeps := source.(Keeper)
	if !keeps {
		return nil, errors.New("objects cannot be had one by one")
	}
	return keeper, nil
}

// Open implements ingest.Elsewhere.
func (a *Archives) Open(ctx context.Context, i archive.Instance) (archive.Object, error) {
	keeper, err := a.keeper(ctx, i.Source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", i.Source, ingest.ErrUnreachable, err)
	}
	name, err := keeper.Find(ctx, i)
	var body Body
	if err == nil {
		body, err = keeper.Fetch(ctx, name)
	}
	switch {
	case errors.Is(err, ErrGone):
		return nil, fmt.Errorf("%s: %w", i.Source, archive.ErrAbsent)
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %w", i.Source, ingest.ErrUnreachable, err)
	}
	return newObject(body)
}
