package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/mapping"
	"lightbox/mapping/match"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// admitted is an ADT^A28 of a patient of a hospital.
func admitted(hospital, number, name, born, more string) ingest.File {
	pid := fmt.Sprintf("PID|1||%s^^^%s^MR||%s||%s|F|||Main 1^^City^^10115^DE||%s\r", number, hospital, name, born, more)
	return message(header("ADT^A28^ADT_A05", hospital+number, "20250101100000") + "EVN||20250101100000\r" + pid)
}

// registered are three records of one person, one of her twin, one who may be her, and a namesake.
func registered() []ingest.File {
	return []ingest.File{
		admitted("NORTH", "1", "Schmidt^Johanna", "19700102", "0301234567"), admitted("SOUTH", "2", "Schmidt^Johanna", "19700102", "0301234567"),
		admitted("EAST", "3", "Johanna^Schmidt", "19700102", "0301234567"), admitted("SOUTH", "4", "Schmidt^Klara", "19700102", "0301234567"),
		admitted("EAST", "5", "Schmidt^Johanna", "19700201", "0301234567"), admitted("WEST", "6", "Schmidt^Johanna", "19910909", "0307777777"),
	}
}

func matching(t *testing.T, open ingesttest.Open) *ingest.Pipeline {
	t.Helper()
	p := ingesttest.New(t, open, t.TempDir())
	p.Matching = &match.Rules{}
	return p
}

// pairs are what comparing came to in a state.
func pairs(t *testing.T, p *ingest.Pipeline, state string) (list []string) {
	t.Helper()
	found, err := p.Matches(t.Context(), state, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range found {
		list = append(list, one.A+" "+one.B)
	}
	slices.Sort(list)
	return list
}

// state is all that a hub holds, acts on record apart, which have their times.
func state(t *testing.T, p *ingest.Pipeline) []string {
	list := append(bodies(t, p.Store), pairs(t, p, ingest.MatchLinked)...)
	return slices.DeleteFunc(append(list, pairs(t, p, ingest.MatchReview)...), func(body string) bool { return gjson.Get(body, "resourceType").Str == "Provenance" })
}

// numbers are the ids of those who were registered, by their number.
func numbers(t *testing.T, p *ingest.Pipeline) map[string]string {
	ids := map[string]string{}
	for n := range 6 {
		number := fmt.Sprint(n + 1)
		for _, body := range bodies(t, p.Store) {
			own := gjson.Get(body, `identifier.#(use!="old").value`).Str
			if gjson.Get(body, "resourceType").Str == "Patient" && own == number {
				ids[number] = "Patient/" + gjson.Get(body, "id").Str
			}
		}
	}
	return ids
}

// Records of one person are linked by rule, those who may be one are listed, twins and namesakes are left apart; in whatever order they come.
func TestMatchingInAnyOrder(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			first := matching(t, open)
			mustRun(t, first, files(t, registered()...))
			ids := numbers(t, first)
			same := []string{ids["1"], ids["2"], ids["3"]}
			slices.Sort(same)
			for _, prior := range same[1:] {
				if got := one(t, first.Store, prior).Get(`link.#(type=="replaced-by").other.reference`).Str; got != same[0] {
					t.Errorf("%s goes on as %q, want %s", prior, got, same[0])
				}
			}
			for _, number := range []string{"4", "5", "6"} {
				if body := one(t, first.Store, ids[number]); body.Get("link").Exists() {
					t.Errorf("patient %s is linked: %s", number, body.Get("link"))
				}
			}
			review := strings.Join(pairs(t, first, ingest.MatchReview), "\n")
			for _, number := range []string{"1", "2", "3"} {
				a, b := min(ids[number], ids["5"]), max(ids[number], ids["5"])
				if !strings.Contains(review, a+" "+b) {
					t.Errorf("%s and 5 are not for review:\n%s", number, review)
				}
			}
			if strings.Contains(review, ids["6"]) {
				t.Errorf("a namesake is for review:\n%s", review)
			}
			want := state(t, first)
			rounds := 50
			if name == "postgres" {
				rounds = 10
			}
			for seed := range rounds {
				list := registered()
				rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				p := matching(t, open)
				for _, f := range list {
					mustRun(t, p, files(t, f))
				}
				if diff := gocmp.Diff(want, state(t, p)); diff != "" {
					t.Fatalf("seed %d (-together +one by one): %s", seed, diff)
				}
			}
		})
	}
}

// What somebody says of two records goes before the rules for good, and is taken as such whatever comes later; a link by rule can be undone, and
// what was led elsewhere finds back byte for byte.
func TestMatchingGivesWay(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			apart := ingesttest.New(t, open, t.TempDir())
			mustRun(t, apart, files(t, registered()[:2]...))
			p := matching(t, open)
			mustRun(t, p, files(t, registered()[:2]...))
			linked := pairs(t, p, ingest.MatchLinked)
			if len(linked) != 1 {
				t.Fatalf("%v", linked)
			}
			a, b, _ := strings.Cut(linked[0], " ")
			if !strings.Contains(acts(t, p.Store), "MERGE") && !strings.Contains(acts(t, p.Store), "merge") {
				t.Error("a link by rule is not on record")
			}
			if err := p.Link(t.Context(), mapping.PatientLink{Prior: b, Survivor: a, Undone: true}, nil); err != nil {
				t.Fatal(err)
			}
			for _, reference := range []string{a, b} {
				if got, want := stampless(one(t, p.Store, reference).Raw), stampless(one(t, apart.Store, reference).Raw); got != want {
					t.Errorf("%s after the undoing:\n%s\nwant\n%s", reference, got, want)
				}
			}
			mustRun(t, p, files(t, admitted("NORTH", "1", "Schmidt^Johanna^Maria", "19700102", "0301234567")))
			if linked := pairs(t, p, ingest.MatchLinked); len(linked) != 0 || one(t, p.Store, b).Get("link").Exists() {
				t.Errorf("a rule undoes what somebody said: %v", linked)
			}
			if err := p.Link(t.Context(), mapping.PatientLink{Prior: a, Survivor: b}, nil); err != nil {
				t.Fatal(err)
			}
			if got := one(t, p.Store, a).Get(`link.0.other.reference`).Str; got != b {
				t.Errorf("an operator's link the other way: %q", got)
			}
		})
	}
}

// A record that changes so that it is nobody else's any more is unlinked.
func TestMatchingFollowsChanges(t *testing.T) {
	p := matching(t, stores["sqlite"])
	mustRun(t, p, files(t, registered()[:2]...))
	if linked := pairs(t, p, ingest.MatchLinked); len(linked) != 1 {
		t.Fatalf("%v", linked)
	}
	later := header("ADT^A31^ADT_A05", "X", "20260101100000") + "EVN||20260101100000\rPID|1||2^^^SOUTH^MR||Meier^Berta||19550505|F|||Other 2^^Town^^20095^DE||0407654321\r"
	mustRun(t, p, files(t, message(later)))
	if linked := pairs(t, p, ingest.MatchLinked); len(linked) != 0 {
		t.Errorf("%v", linked)
	}
	for _, body := range bodies(t, p.Store) {
		if gjson.Get(body, "resourceType").Str == "Patient" && gjson.Get(body, "link").Exists() {
			t.Errorf("still linked: %s", body)
		}
	}
}

// Rules that come later find what was there before; a hub without rules leaves alone what those of another found.
func TestMatchingLater(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			p := ingesttest.New(t, open, t.TempDir())
			mustRun(t, p, files(t, registered()[:2]...))
			if err := p.MatchAll(t.Context(), nil); err == nil {
				t.Error("patients are compared without rules")
			}
			p.Matching = &match.Rules{}
			if err := p.MatchAll(t.Context(), nil); err != nil || len(pairs(t, p, ingest.MatchLinked)) != 1 {
				t.Errorf("%v", err)
			}
			p.Matching = nil
			mustRun(t, p, files(t, registered()...))
			if linked := pairs(t, p, ingest.MatchLinked); len(linked) != 1 {
				t.Errorf("%v", linked)
			}
		})
	}
}

// Two who contradict each other do not become one person through a third whom both are like, in whatever order they come; nor do two of whom
// somebody says that they are two.
func TestMatchingThroughAThird(t *testing.T) {
	const national = "^^^NAT&1.2.643.100.3&ISO^NI~"
	list := func() []ingest.File {
		return []ingest.File{
			admitted("NORTH", "111"+national+"1", "Schmidt^Johanna", "19700102", "0301234567"), admitted("SOUTH", "222"+national+"2", "Schmidt^Johanna", "19700102", "0301234567"),
			admitted("EAST", "3", "Schmidt^Johanna", "19700102", "0301234567"),
		}
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			var want []string
			for seed := range 12 {
				files3 := list()
				rand.New(rand.NewPCG(uint64(seed), 0)).Shuffle(len(files3), func(i, j int) { files3[i], files3[j] = files3[j], files3[i] })
				p := matching(t, open)
				p.Matching.Unique = []string{"urn:oid:1.2.643.100.3"}
				for _, f := range files3 {
					mustRun(t, p, files(t, f))
				}
				if linked, review := pairs(t, p, ingest.MatchLinked), pairs(t, p, ingest.MatchReview); len(linked) != 0 || len(review) != 2 {
					t.Fatalf("seed %d: %d linked, %d for review", seed, len(linked), len(review))
				}
				got := state(t, p)
				if want == nil {
					want = got
				}
				if diff := gocmp.Diff(want, got); diff != "" {
					t.Fatalf("seed %d: %s", seed, diff)
				}
			}
			p := matching(t, open)
			mustRun(t, p, files(t, registered()[:3]...))
			linked := pairs(t, p, ingest.MatchLinked)
			if len(linked) != 3 {
				t.Fatalf("%v", linked)
			}
			a, b, _ := strings.Cut(linked[0], " ")
			if err := p.Link(t.Context(), mapping.PatientLink{Prior: b, Survivor: a, Undone: true}, nil); err != nil {
				t.Fatal(err)
			}
			if left, review := pairs(t, p, ingest.MatchLinked), pairs(t, p, ingest.MatchReview); len(left) != 0 || len(review) != 2 {
				t.Errorf("after %s and %s were said to be two: %v linked, %v for review", a, b, left, review)
			}
		})
	}
}
