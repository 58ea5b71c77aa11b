package bench

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// wide is how many clients ask where it is about many of them.
const wide = 64

// reads are the figures that change nothing.
func reads() []figure {
	all := []figure{{"read", (*run).readByID}}
	for _, q := range queries {
		all = append(all, figure{q.name, func(r *run, ctx context.Context) error { return q.take(ctx, r) }})
	}
	return append(all, figure{"policy", (*run).policy}, figure{"filter", (*run).filter}, figure{"hidden", (*run).hidden})
}

func (r *run) readByID(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	r.compare(ctx, pair{
		row:   Row{Name: "read by id", Unit: "requests/s", Against: "one read of the same row"},
		hub:   traffic{s.base + "/", s.system, r.Clients, r.pointOf(s.points, "ImagingStudy/")},
		limit: traffic{s.limit + "/", nil, r.Clients, r.pointOf(s.points, "row/")},
	})
	return nil
}

// pointOf asks for one of the points, below a path.
func (r *run) pointOf(points []point, path string) func(*rand.Rand) request {
	return func(draw *rand.Rand) request {
		id := r.City.id(ofStudy, one(draw, points).index)
		return request{method: http.MethodGet, path: path + id, holds: `"id":"` + id + `"`}
	}
}

// policy reads what many clients read by a handler that is the hub's but for tokens, policy and record: for programs that see everything, and
// for clinicians who see what concerns their organisation.
func (r *run) policy(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	var own []point
	for _, p := range s.points {
		if p.facility == 0 {
			own = append(own, p)
		}
	}
	r.policyOf(ctx, "a program", s.system, s.points)
	r.policyOf(ctx, "a clinician", s.clinician, own)
	return nil
}

func (r *run) policyOf(ctx context.Context, who string, tokens []string, points []point) {
	row := Row{Name: fmt.Sprintf("read by id, %d clients, token, policy and audit of %s", wide, who)}
	if len(points) == 0 {
		row.Note = nothingToAsk
		r.add(row)
		return
	}
	row.Unit, row.Against = "requests/s", "the hub without them"
	r.compare(ctx, pair{
		row:   row,
		hub:   traffic{r.served.base + "/", tokens, wide, r.pointOf(points, "ImagingStudy/")},
		limit: traffic{r.served.limit + "/", nil, wide, r.pointOf(points, unguardedPath+"/ImagingStudy/")},
	})
}

// filter asks for a patient's studies as a clinician of the patient's hospital, and as a program that sees everything.
func (r *run) filter(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	var targets []request
	for _, p := range s.points {
		if v := r.City.visit(p.index); v.facility == 0 && len(targets) < mostTargets {
			patient := r.City.patientReference(v)
			targets = append(targets, get("ImagingStudy?patient="+url.QueryEscape(patient)+"&_count=20", patient))
		}
	}
	row := Row{Name: "patient's newest 20 studies for a clinician"}
	if len(targets) == 0 {
		row.Note = nothingToAsk
		r.add(row)
		return nil
	}
	row.Unit, row.Against = "requests/s", "the same for who sees everything"
	next := func(draw *rand.Rand) request { return one(draw, targets) }
	r.compare(ctx, pair{row: row, hub: traffic{s.base + "/", s.clinician, r.Clients, next}, limit: traffic{s.base + "/", s.system, r.Clients, next}})
	return nil
}

// hidden asks as a clinician for studies of others, and for studies that are nowhere: that one takes longer than the other would tell them
// apart.
func (r *run) hidden(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	ask := func(id string) request {
		return request{method: http.MethodGet, path: "ImagingStudy/" + id, refused: http.StatusNotFound}
	}
	transport := newTransport(1)
	defer transport.CloseIdleConnections()
	clinician := traffic{origin: s.base + "/", tokens: s.clinician, clients: 1}.client(transport, 0)
	var others []string // a patient of one hospital may have been at another
	for _, p := range s.points[:min(len(s.points), 4*mostTargets)] {
		id := r.City.id(ofStudy, p.index)
		if status, err := clinician.send(ctx, ask(id)); err == nil && status == http.StatusNotFound {
			others = append(others, id)
		}
	}
	row := Row{Name: "read of a study of others, 1 client"}
	if len(others) == 0 {
		row.Note = nothingToAsk
		r.add(row)
		return nil
	}
	row.Unit, row.Against = "requests/s", "of one that is nowhere"
	r.compare(ctx, pair{row: row,
		hub: traffic{s.base + "/", s.clinician, 1, func(draw *rand.Rand) request { return ask(one(draw, others)) }},
		limit: traffic{s.base + "/", s.clinician, 1, func(draw *rand.Rand) request {
			return ask(r.City.id(ofStudy, r.City.Studies+draw.IntN(1<<20)))
		}},
	})
	return nil
}

// nothingToAsk is said of a city that is too small for a figure.
const nothingToAsk = "the city has nothing to ask for"

// query is a search, or an operation, of which each client asks many different ones.
type query struct {
	name, title string
	// of makes a query that some study answers, false when that study is none to ask by.
	of func(c City, v visit) (request, bool)
}

// queries are the searches of a worklist and of those who look a patient up.
var queries = []query{
	{"patient", "patient's newest 20 studies", func(c City, v visit) (request, bool) {
		return get("ImagingStudy?patient="+url.QueryEscape(c.patientReference(v))+"&_count=20", c.patientReference(v)), true
	}},
	{"modality", "modality and date, newest 20", func(_ City, v visit) (request, bool) {
		const halfMonth = 15 * 24 * time.Hour
		return get(fmt.Sprintf("ImagingStudy?modality=%s&started=ge%s&started=lt%s&_count=20", v.modality.code,
			v.started.Add(-halfMonth).Format(time.DateOnly), v.started.Add(halfMonth).Format(time.DateOnly)), `"code":"`+v.modality.code+`"`), true
	}},
	{"accession", "study by accession number", func(c City, v visit) (request, bool) {
		return get("ImagingStudy?identifier="+token(accessionSystem, v.accession), c.id(ofStudy, v.index)), true
	}},
	{"chain", "studies by their patient's identifier", func(c City, v visit) (request, bool) {
		return get("ImagingStudy?patient.identifier="+token(patientSystem, c.medicalRecordNumber(v.patient))+"&_count=20", c.patientReference(v)), true
	}},
	{"has", "patients by birth date who have a modality", func(c City, v visit) (request, bool) {
		return get("Patient?_has:ImagingStudy:patient:modality="+v.modality.code+"&birthdate="+c.birthDate(v.patient), `"resourceType":"Patient"`), true
	}},
	{"revinclude", "patient's newest 20 studies with their reports", func(c City, v visit) (request, bool) {
		path := "ImagingStudy?patient=" + url.QueryEscape(c.patientReference(v)) + "&_count=20&_revinclude=DiagnosticReport:imaging-study"
		return get(path, `"resourceType":"DiagnosticReport"`), v.reported
	}},
	{"everything", "everything of the patient with the most", func(c City, _ visit) (request, bool) {
		most := "Patient/" + c.id(ofPatient, 0)
		return get(most+"/$everything", most), true
	}},
}

func get(path, holds string) request {
	return request{method: http.MethodGet, path: path, holds: holds}
}

func token(system, value string) string { return url.QueryEscape(system + "|" + value) }

// targets are different queries over the whole city.
func (q query) targets(c City) []request {
	var all []request
	seen := map[string]bool{}
	for k := range min(c.Studies, 10*mostTargets) {
		asked, ok := q.of(c, c.visit(c.Shuffled(k)))
		if ok && !seen[asked.path] {
			seen[asked.path], all = true, append(all, asked)
		}
		if len(all) == mostTargets {
			break
		}
	}
	return all
}

// take asks for each target once, which shows whether the hub serves it at all, and measures it against a plain handler that writes
// the same answers.
func (q query) take(ctx context.Context, r *run) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	targets := q.targets(r.City)
	if len(targets) == 0 {
		r.add(Row{Name: q.title, Note: nothingToAsk})
		return nil
	}
	kept, refusal := s.ask(ctx, targets)
	if refusal != "" {
		r.add(Row{Name: q.title, Note: refusal})
		return nil
	}
	s.answers.Store(&kept)
	r.compare(ctx, pair{
		row: Row{Name: q.title, Unit: "requests/s", Against: "a handler that writes the same bytes"},
		hub: traffic{s.base + "/", s.system, r.Clients, func(draw *rand.Rand) request { return one(draw, targets) }},
		limit: traffic{s.limit + "/", nil, r.Clients, func(draw *rand.Rand) request {
			n := draw.IntN(len(targets))
			return get("answer/"+strconv.Itoa(n), targets[n].holds)
		}},
	})
	return nil
}

// ask asks for each of the targets, and returns the answers in their order, or why there are none.
func (s *served) ask(ctx context.Context, targets []request) (answers [][]byte, refusal string) {
	transport := newTransport(1)
	defer transport.CloseIdleConnections()
	c := traffic{origin: s.base + "/", tokens: s.system, clients: 1}.client(transport, 0)
	for _, q := range targets {
		status, err := c.send(ctx, q)
		switch why := c.wrong(q, status, err); {
		case why == "":
			answers = append(answers, bytes.Clone(c.answer.Bytes()))
		case status >= 400:
			return nil, "not served (" + why + ")"
		default:
			return nil, why
		}
	}
	return answers, ""
}
