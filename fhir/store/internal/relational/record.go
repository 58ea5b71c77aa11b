package relational

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// reference names a resource.
type reference struct{ resourceType, id string }

// record is one row of the resource table: the current version of a resource.
type record struct {
	reference
	row         int64
	typeID      int64
	version     int64
	lastUpdated int64 // microseconds since 1970 UTC
	deleted     bool
	mapped      bool
	timeKey     int64
	timeHigh    int64 // the end of the clinical time, where a parameter selects it
	present     int64
	patient     string // "Patient/<id>", "" for nobody's
	owners      string // see joinOwners
	body        []byte
}

var resourceTable = []string{
	"row", "type", "id", "version", "last_updated", "deleted", "mapped", "time_key", "time_high", "present", "patient", "owners", "body",
}

func (r *record) scan(scan func(...any) error) error {
	var deleted, mapped int64
	err := scan(&r.row, &r.typeID, &r.id, &r.version, &r.lastUpdated, &deleted, &mapped, &r.timeKey, &r.timeHigh, &r.present,
		&r.patient, &r.owners, (*unpacked)(&r.body))
	r.deleted, r.mapped = deleted != 0, mapped != 0
	return err
}

func (r *record) resource() fhir.Resource {
	known := fhir.Resource{Type: r.resourceType, ID: r.id, Version: r.version, LastUpdated: timeOf(r.lastUpdated), Deleted: r.deleted, Patient: r.patient}
	if !r.deleted {
		known.Body = r.body
	}
	return known
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func timeOf(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// joinOwners writes owners so that each can be found with a space on either side. References hold no space.
func joinOwners(owners []string) string {
	if len(owners) == 0 {
		return ""
	}
	sorted := slices.Compact(slices.Sorted(slices.Values(owners)))
	return " " + strings.Join(sorted, " ") + " "
}

func splitOwners(joined string) []string { return strings.Fields(joined) }

// posting is a token, reference or URI; a rare one is kept in a run.
type posting struct {
	param, hash int64
	rare        bool
}

// of returns the posting of a hash.
func (p param) of(hash int64) posting { return posting{p.id, hash, p.rare} }

// stringPosting is a folded text. Only whole ones are sorted by, not the words in them.
type stringPosting struct {
	param int64
	text  string
	whole bool
}

type datePosting struct{ param, low, high int64 }

// numberPosting is a number: as it is written with unit 0, or in base units with the dimension as unit.
type numberPosting struct {
	param, unit int64
	low, high   float64
}

// entries is what the index tables hold of one version, without repetition.
type entries struct {
	postings []posting
	strings  []stringPosting
	dates    []datePosting
	numbers  []numberPosting
}

// indexed is what the index makes of one version.
type indexed struct {
	entries
	patient string
	present int64
	time    int64
	timed   bool
	clock   []datePosting // the clinical time, where a parameter selects it
	logical []search.Logical
}

// index turns a document into rows.
func (c *catalog) index(resourceType string, d search.Document) (indexed, error) {
	x := indexed{patient: d.Patient, time: d.Time, timed: d.Timed, logical: d.Logical}
	for _, p := range d.Present {
		known, err := c.param(p)
		if err != nil {
			return x, err
		}
		x.present |= known.present()
	}
	for _, e := range d.Entries {
		if err := c.add(&x, e); err != nil {
			return x, err
		}
	}
	if d.Patient != "" {
		p, err := c.postingNamed(resourceType, patientParam)
		if err != nil {
			return x, err
		}
		x.postings = append(x.postings, p.of(search.Hash(d.Patient)))
	}
	x.addLogical()
	x.compact()
	return x, nil
}

// add turns one entry into rows.
func (c *catalog) add(x *indexed, e search.Entry) error {
	if e.Param.Kind == fhir.KindSpecial {
		return nil // looked at in the resource itself
	}
	known, err := c.posting(e.Param)
	if err != nil {
		return err
	}
	switch e.Param.Kind {
	case fhir.KindString:
		x.strings = append(x.strings, stringPosting{known.id, e.Text, e.Exact != ""})
	case fhir.KindDate:
		d := datePosting{known.id, clamp(e.Low), clamp(e.High)}
		if c.isClock(e.Param) {
			x.clock = append(x.clock, d)
		} else {
			x.dates = append(x.dates, d)
		}
	case fhir.KindNumber, fhir.KindQuantity:
		x.addNumber(known, e.Number)
	case fhir.KindToken:
		return c.addToken(&x.entries, known, e)
	case fhir.KindReference:
		return c.addReference(&x.entries, known, e)
	default:
		x.postings = append(x.postings, known.of(e.Hash))
	}
	return nil
}

func (e *entries) addNumber(p param, n *search.Number) {
	e.numbers = append(e.numbers, numberPosting{p.id, 0, n.Low, n.High})
	if n.Base != nil {
		e.numbers = append(e.numbers, numberPosting{p.id, n.Base.Code, n.Base.Low, n.Base.High})
	}
}

// addToken adds an identifier's system beside it, so that system| is found.
func (c *catalog) addToken(x *entries, known param, e search.Entry) error {
	x.postings = append(x.postings, known.of(tokenHash(search.HasSystem(e.Param), e.Hash, e.System)))
	if !hasSystemPosting(e.Param) || e.System == 0 {
		return nil
	}
	system, err := c.beside(e.Param, systemSuffix)
	x.postings = append(x.postings, system.of(e.System))
	return err
}

func (c *catalog) addReference(x *entries, known param, e search.Entry) error {
	if e.Part == "" {
		x.postings = append(x.postings, known.of(e.Hash))
		return nil
	}
	identifier, err := c.beside(e.Param, identifierSuffix)
	x.postings = append(x.postings, identifier.of(tokenHash(true, e.Hash, e.System)))
	return err
}

// compact leaves each entry once.
func (e *entries) compact() {
	slices.SortFunc(e.postings, func(a, b posting) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.hash, b.hash))
	})
	e.postings = slices.Compact(e.postings)
	slices.SortFunc(e.strings, func(a, b stringPosting) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.text, b.text), cmp.Compare(flag(b.whole), flag(a.whole)))
	})
	e.strings = slices.CompactFunc(e.strings, func(a, b stringPosting) bool { return a.param == b.param && a.text == b.text })
	slices.SortFunc(e.dates, func(a, b datePosting) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high))
	})
	e.dates = slices.Compact(e.dates)
	slices.SortFunc(e.numbers, func(a, b numberPosting) int {
		return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.unit, b.unit), cmp.Compare(a.low, b.low), cmp.Compare(a.high, b.high))
	})
	e.numbers = slices.Compact(e.numbers)
}

// farthest bounds every instant that is kept: sums and differences of two stay within 64 bits. It lies beyond the year 70000.
const farthest = int64(1) << 61

func clamp(micros int64) int64 { return max(-farthest, min(micros, farthest)) }
