package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// report is a DiagnosticReport with results.
func report(id, patient, status, issued string, results ...string) string {
	var list []string
	for _, one := range results {
		list = append(list, `{"reference":"Observation/`+one+`"}`)
	}
	if issued != "" {
		issued = `,"issued":"` + issued + `"`
	}
	return fmt.Sprintf(`{"resourceType":"DiagnosticReport","id":%q,"status":%q,"code":{"text":"x"},"subject":{"reference":%q}%s,"result":[%s]}`,
		id, status, patient, issued, strings.Join(list, ","))
}

func ofP1(resourceType, id, more string) string {
	return fmt.Sprintf(`{"resourceType":%q,"id":%q,"subject":{"reference":"Patient/p1"},"status":"final","code":{"text":"x"}%s}`, resourceType, id, more)
}

// decide releases a report, or keeps it back.
func (f fixture) decide(id string, released bool) (changed bool) {
	f.Helper()
	err := f.Write(ctx, func(tx store.Tx) (err error) {
		changed, err = tx.Decide(ctx, store.Decision{Report: id, Released: released, By: "doctor", At: tx.Now()})
		return err
	})
	if err != nil {
		f.Error(err)
	}
	return changed
}

// patientOf sees what a rule shows to Patient/p1 of a type.
func (f fixture) patientOf(hold time.Duration) store.Caller {
	return store.Caller{ID: hold.String(), Access: func(resourceType string) search.Filter {
		g := search.Grant{Patient: "Patient/p1"}
		if resourceType == "DiagnosticReport" || slices.Contains(search.PartTypes(), resourceType) {
			g.Release = &search.Release{Hold: hold, Report: resourceType == "DiagnosticReport",
				Where: f.query(resourceType, "_security:not=http://terminology.hl7.org/CodeSystem/v3-ActCode|NOPAT").Where}
		}
		return search.Filter{Grants: []search.Grant{g}}
	}}
}

// released: a report and what belongs to it come to light together, at once, after a time, or when somebody says so.
func released(t *testing.T, db Database) {
	f := open(t, db)
	f.put(patient("p1", "One"), clinicOne)
	const day = 24 * time.Hour
	all := []string{"DiagnosticReport/r", "Observation/o", "Observation/member", "Observation/deep", "Media/m", "Binary/form", "Binary/image", "DocumentReference/d",
		"Binary/content", "Observation/alone"}
	sees := func(why string, hold time.Duration, want string) {
		t.Helper()
		by := f.patientOf(hold)
		var read, found []string
		for _, ref := range all {
			resourceType, id, _ := strings.Cut(ref, "/")
			if _, err := f.Read(ctx, by.Access(resourceType), resourceType, id); err == nil {
				read = append(read, id)
			} else if !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrGone) {
				t.Error(err)
			}
			if result := f.search(by, resourceType, "_id="+id+"&_total=accurate"); len(result.Matches) == 1 && result.Total == 1 {
				found = append(found, id)
			}
		}
		if diff := cmp.Diff(want, strings.Join(read, " ")); diff != "" {
			t.Errorf("%s, held for %s, read (-want +got):\n%s", why, hold, diff)
		}
		if diff := cmp.Diff(want, strings.Join(found, " ")); diff != "" {
			t.Errorf("%s, held for %s, found (-want +got):\n%s", why, hold, diff)
		}
	}
	const everything, nothing = "r o member deep m form image d content alone", "alone"
	f.put(ofP1("Observation", "alone", ""))
	f.put(ofP1("Observation", "deep", ""))
	f.put(ofP1("Observation", "member", `,"hasMember":[{"reference":"Observation/deep"},{"reference":"Observation/o"}]`)) // in a circle
	f.put(ofP1("Observation", "o", `,"hasMember":[{"reference":"Observation/member"}]`))
	f.put(`{"resourceType":"Media","id":"m","status":"completed","subject":{"reference":"Patient/p1"},"content":{"url":"Binary/image"}}`)
	for _, id := range []string{"form", "image", "content"} {
		f.put(`{"resourceType":"Binary","id":"` + id + `","contentType":"text/plain","securityContext":{"reference":"Patient/p1"},"data":"eA=="}`)
	}
	sees("no report", search.Held, "o member deep m form image content alone")
	f.put(`{"resourceType":"DocumentReference","id":"d","status":"current","subject":{"reference":"Patient/p1"},` +
		`"content":[{"attachment":{"url":"https://hub.example/fhir/Binary/content"}}],"context":{"related":[{"reference":"DiagnosticReport/r"}]}}`)
	sees("the report is to come", 0, "o member deep m form image d content alone")
	sees("the report is to come", day, "o member deep m form image alone")
	say := func(status, issued, more string) {
		f.put(strings.Replace(report("r", "Patient/p1", status, issued, "o"), `"result"`,
			more+`"media":[{"link":{"reference":"Media/m"}}],"presentedForm":[{"url":"Binary/form"}],"result"`, 1))
	}
	old, fresh := time.Now().Add(-3*day).Format(time.RFC3339), time.Now().Add(-time.Hour).Format(time.RFC3339)
	const nopat = `"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}]},`
	for _, c := range []struct {
		why, status, issued, more string
		now, later, held          string
	}{
		{"nobody has signed", "preliminary", old, "", nothing, nothing, nothing},
		{"long ago", "final", old, "", everything, everything, nothing},
		{"of late", "final", fresh, "", everything, nothing, nothing},
		{"just now, says nobody", "final", "", "", everything, nothing, nothing},
		{"not for the patient", "final", old, nopat, "o member deep m form image d content alone", "o member deep m form image d content alone", nothing},
	} {
		say(c.status, c.issued, c.more)
		if c.status == "preliminary" {
			c.now = "alone" // the report itself is hidden by its status, which is for who grants to say
		}
		sees(c.why, 0, c.now)
		sees(c.why, day, c.later)
		sees(c.why, search.Held, c.held)
	}
	if !f.decide("r", true) || f.decide("r", true) {
		t.Error("a decision that is the same changes something")
	}
	sees("released, though not for the patient", search.Held, everything)
	say("final", fresh, "")
	sees("released, another version", search.Held, everything)
	say("preliminary", fresh, "")
	sees("released, and nobody answers for it any more", 0, nothing)
	say("corrected", fresh, "")
	if !f.decide("r", false) {
		t.Error("a decision that differs changes nothing")
	}
	sees("kept back", 0, nothing)
	f.put(report("r2", "Patient/p1", "final", old, "member"))
	sees("kept back, and a part of it in another report", day, "o member deep alone")
	f.delete("DiagnosticReport", "r2")
	sees("which is deleted", day, "o member deep alone")
	if err := f.purge("DiagnosticReport/r2"); err != nil {
		t.Fatal(err)
	}
	f.delete("DiagnosticReport", "r")
	sees("deleted", 0, nothing)
	say("final", fresh, "")
	sees("made anew", 0, nothing)
	f.decide("r", true)
	if err := f.Reindex(ctx, store.Reindexing{All: true}); err != nil {
		t.Fatal(err)
	}
	sees("indexed anew", search.Held, everything)
	say("final", old, "")
	f.put(report("r", "Patient/p1", "final", old))
	sees("the report names less", search.Held, "r o member deep m form image d content alone")
	if err := f.purge("DiagnosticReport/r"); err != nil {
		t.Fatal(err)
	}
	f.put(report("r", "Patient/p1", "final", old))
	sees("purged, and another of the name", search.Held, "o member deep m form image alone")
}

// releasedAtOnce: a transaction sees what it wrote, and a decision about no report is none.
func releasedAtOnce(t *testing.T, db Database) {
	f := open(t, db)
	f.put(patient("p1", "One"), clinicOne)
	by := f.patientOf(search.Held)
	err := f.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Decide(ctx, store.Decision{Report: "r", Released: true, At: tx.Now()}); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a decision about nothing: %v", err)
		}
		visible := func(resourceType, id string, want bool) {
			t.Helper()
			if got, err := tx.Visible(ctx, by.Access(resourceType), resourceType, id); got != want || err != nil {
				t.Errorf("%s/%s: %v, %v", resourceType, id, got, err)
			}
		}
		for _, body := range []string{ofP1("Observation", "o", ""), report("r", "Patient/p1", "final", "", "o")} {
			if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, body)}); err != nil {
				return err
			}
		}
		visible("Observation", "o", false)
		visible("DiagnosticReport", "r", false)
		if _, err := tx.Decide(ctx, store.Decision{Report: "r", Released: true, At: tx.Now()}); err != nil {
			return err
		}
		visible("Observation", "o", true)
		visible("DiagnosticReport", "r", true)
		_, err := tx.Delete(ctx, store.Delete{Type: "DiagnosticReport", ID: "r"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
