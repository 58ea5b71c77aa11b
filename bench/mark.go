package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// mark is a resource that tells which city a database holds, and whether all of it is there. Without it a run fills no database
// that holds anything: it might be somebody's.
type mark struct{ name string }

const markID = "synthetic-city"

func markOf(c Config) mark {
	return mark{fmt.Sprintf("Synthetic city of seed %d: %d studies, at most %d instances listed in a series, loaded by %s",
		c.City.Seed, c.City.Studies, c.City.Instances, c.Order)}
}

func (m mark) body(complete bool) []byte {
	return fmt.Appendf(nil, `{"resourceType":"Organization","id":%q,"active":%t,"name":%q}`, markID, complete, m.name)
}

// check reports whether the whole city is there.
func (m mark) check(ctx context.Context, st store.Store) (complete bool, err error) {
	found, err := st.Read(ctx, search.Everything(), "Organization", markID)
	if errors.Is(err, store.ErrNotFound) {
		return false, mustBeEmpty(ctx, st)
	}
	if err != nil {
		return false, err
	}
	for _, complete := range []bool{true, false} {
		mine := fhir.Resource{Body: m.body(complete)}.Stamp(found.Version, found.LastUpdated)
		if bytes.Equal(mine.Body, found.Body) {
			return complete, nil
		}
	}
	return false, fmt.Errorf("the database holds another city than the %s", m.name)
}

func mustBeEmpty(ctx context.Context, st store.Store) error {
	everything := store.Caller{ID: "bench", Access: func(string) search.Filter { return search.Everything() }}
	for _, kind := range fhir.R4().Types() {
		q, err := search.Parse(fhir.R4(), kind.Name, url.Values{"_count": {"1"}}, search.Options{Strict: true})
		if err != nil {
			return err
		}
		found, err := st.Search(ctx, q, everything)
		if err != nil {
			return err
		}
		if len(found.Matches) > 0 {
			return errors.New("the database holds resources that are no synthetic city's: give an empty one")
		}
	}
	return nil
}

func (m mark) write(ctx context.Context, st store.Store, complete bool) error {
	return st.Write(ctx, func(tx store.Tx) error {
		_, _, err := tx.Put(ctx, store.Write{Resource: fhir.Resource{Type: "Organization", ID: markID, Body: m.body(complete)}, Mapped: true})
		return err
	})
}

// checked is how many studies are compared with what the city would be made of now.
const checked = 50

// checkSample refuses a city that another version of the program has made: it would be asked for what it does not hold.
func (r *run) checkSample(ctx context.Context, st store.Store) error {
	n := min(checked, r.City.Studies)
	for k := range n {
		for _, now := range r.City.Study(k * r.City.Studies / n) {
			found, err := st.Read(ctx, search.Everything(), now.Type, now.ID)
			if err != nil && !errors.Is(err, store.ErrNotFound) {
				return err
			}
			if !bytes.Equal(now.Stamp(found.Version, found.LastUpdated).Body, found.Body) {
				return errors.New("the database holds a city that another version of the program made: load it anew")
			}
		}
	}
	return nil
}
