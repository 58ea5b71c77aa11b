package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/mapping"
	"lightbox/mapping/match"
	"lightbox/server/ingest"
)

type matchesCommand struct {
	List   matchesList   `cmd:"" default:"withargs" help:"List pairs of patients that may be one person, for somebody to decide."`
	Show   matchesShow   `cmd:"" help:"Show two patients side by side, and what agrees."`
	Accept matchesAccept `cmd:"" help:"Say that two are one person: the second goes on as the first, as by lightbox merge."`
	Reject matchesReject `cmd:"" help:"Say that two are not one person. They are never linked by rule again."`
	Again  matchesAgain  `cmd:"" help:"Compare all patients anew, as when --matching is new or has changed."`
}

// Help is shown below the flags.
func (*matchesCommand) Help() string {
	return `With --matching, serve and ingest compare patients of all sources. Who is certain to be one person is linked, with a Provenance, and
lightbox merge --undo takes that back; who is probably so is listed here. What somebody says of two records goes before the rules for good.

  lightbox matches --database sqlite:hub.db --archive objects
  lightbox matches show Patient/4711 Patient/0815
  lightbox matches accept Patient/4711 Patient/0815`
}

type matchesList struct {
	Linked bool `help:"List those that were linked by rule instead."`
	JSON   bool `help:"Print as JSON, a pair a line."`
	Limit  int  `default:"1000" help:"Pairs at most."`
	hubFlags
}

// pair is one line of the list.
type pair struct {
	A string `json:"a"`
	B string `json:"b"`
	match.Comparison
}

// Run lists. No name or number is printed: show does that.
func (c *matchesList) Run(ctx context.Context, p *program) error {
	state := ingest.MatchReview
	if c.Linked {
		state = ingest.MatchLinked
	}
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		list, err := hub.pipeline.Matches(ctx, state, c.Limit)
		if err != nil {
			return err
		}
		for _, one := range list {
			if c.JSON {
				if err := json.NewEncoder(p.Stdout).Encode(pair{one.A, one.B, one.Comparison}); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(p.Stdout, "%s  %s  %.3f  %s\n", one.A, one.B, one.Score, levels(one.Comparison))
		}
		if c.JSON {
			return nil
		}
		_, err = fmt.Fprintf(p.Stdout, "%d pairs\n", len(list))
		return err
	})
}

// levels tell how far each feature agrees, and why a pair is not linked.
func levels(c match.Comparison) string {
	var list []string
	for _, f := range c.Features {
		list = append(list, f.Feature+" "+f.Level)
	}
	text := strings.Join(list, ", ")
	if c.Rule != "" {
		text += "; by rule " + c.Rule
	}
	if c.Veto != "" {
		text += "; not linked: " + c.Veto
	}
	return text
}

type matchesAgain struct{ hubFlags }

// Run compares.
func (c *matchesAgain) Run(ctx context.Context, p *program) error {
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		if err := hub.pipeline.MatchAll(ctx, operator("matches")); err != nil {
			return err
		}
		linked, err := hub.pipeline.Matches(ctx, ingest.MatchLinked, maxCounted)
		if err != nil {
			return err
		}
		review, err := hub.pipeline.Matches(ctx, ingest.MatchReview, maxCounted)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.Stdout, "%d pairs linked, %d for review\n", len(linked), len(review))
		return err
	})
}

// maxCounted bounds what is counted.
const maxCounted = 1_000_000

type twoPatients struct {
	A string `arg:"" help:"Patient/id."`
	B string `arg:"" help:"Patient/id."`
	hubFlags
}

type matchesShow struct{ twoPatients }

// compared are the elements that are shown.
var compared = []string{"identifier.#.value", "name.#.family", "name.#.given", "birthDate", "gender", "address.#.postalCode", "telecom.#.value", "active", "link.#.other.reference"}

// Run shows.
func (c *matchesShow) Run(ctx context.Context, p *program) error {
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		a, b, err := hub.two(ctx, c.A, c.B)
		if err != nil {
			return err
		}
		for _, path := range compared {
			fmt.Fprintf(p.Stdout, "%-24s %-40s %s\n", path, gjson.GetBytes(a.Body, path).Raw, gjson.GetBytes(b.Body, path).Raw)
		}
		var rules match.Rules
		if hub.pipeline.Matching != nil {
			rules = *hub.pipeline.Matching
		}
		one, err := match.Of(a.Body)
		if err != nil {
			return err
		}
		other, err := match.Of(b.Body)
		if err != nil {
			return err
		}
		worth := rules.Compare(one, other)
		_, err = fmt.Fprintf(p.Stdout, "score %.3f, %s: %s\n", worth.Score, worth.Grade, levels(worth))
		return err
	})
}

type matchesAccept struct{ twoPatients }

// Run links.
func (c *matchesAccept) Run(ctx context.Context, p *program) error {
	return c.say(ctx, p, func(h *hub) error {
		return h.pipeline.Link(ctx, mapping.PatientLink{Prior: c.B, Survivor: c.A}, operator("matches"))
	}, c.B+" goes on as "+c.A)
}

type matchesReject struct{ twoPatients }

// Run keeps apart.
func (c *matchesReject) Run(ctx context.Context, p *program) error {
	return c.say(ctx, p, func(h *hub) error {
		return h.pipeline.Link(ctx, mapping.PatientLink{Prior: c.B, Survivor: c.A, Undone: true}, operator("matches"))
	}, c.A+" and "+c.B+" are two persons")
}

func (c *twoPatients) say(ctx context.Context, p *program, do func(*hub) error, done string) error {
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		if _, _, err := hub.two(ctx, c.A, c.B); err != nil {
			return err
		}
		if err := do(hub); err != nil {
			return err
		}
		_, err := fmt.Fprintln(p.Stdout, done)
		return err
	})
}

// two reads two different Patients by their references.
func (h *hub) two(ctx context.Context, a, b string) (first, second fhir.Resource, err error) {
	if a == b {
		return first, second, fmt.Errorf("%s is both records", a)
	}
	for reference, to := range map[string]*fhir.Resource{a: &first, b: &second} {
		ref, err := fhir.ParseReference(reference, "")
		if err != nil || ref.Type != "Patient" || ref.Unversioned().String() != reference {
			return first, second, fmt.Errorf("%q is not Patient/id", reference)
		}
		if *to, err = h.store.Read(ctx, search.Everything(), ref.Type, ref.ID); err != nil {
			return first, second, fmt.Errorf("%s: %w", reference, err)
		}
	}
	return first, second, nil
}
