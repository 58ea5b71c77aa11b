package auth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Labels are what callers do not see because of the security labels of a resource (Resource.meta.security), a row for each kind of caller.
// They are compiled once; nil stands for the defaults.
type Labels struct {
	rows []labelled
	text string // tells one table from another
}

// LabelRow says what one kind of caller sees: what is at most as confidential, but for what has one of certain codes. It is one rule that
// decides, the most particular: of rows for a role the first that is of the caller, of rows for an age the one that was reached last.
type LabelRow struct {
	Who             string   `json:"who"`                       // see callers
	Role            string   `json:"role,omitempty"`            // of the token; "" for everyone of the kind
	From            int      `json:"from,omitempty"`            // of representatives: from that age of the patient on, in years
	Confidentiality string   `json:"confidentiality,omitempty"` // the highest code of the ladder; "": that of the defaults
	Except          []string `json:"except,omitempty"`          // system|code
}

// Kinds of callers in a LabelRow.
const (
	ofPatient        = "patient"
	ofRepresentative = "representative" // who acts for a patient
	ofClinician      = "clinician"
	ofPartner        = "partner" // a backend service of an organisation
	ofProgram        = "program" // one of none
)

// callers are the kinds, each with the highest confidentiality that it sees where no row says otherwise: who acts for a patient does not
// see what is more than normally confidential.
var callers = map[string]string{ofPatient: "V", ofRepresentative: "N", ofClinician: "V", ofPartner: "V", ofProgram: "V"}

// ladder is HL7 v3 Confidentiality from the least to the most. What has no label is normal.
var ladder = []string{"U", "L", "M", "N", "R", "V"}

const confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|"

// labelled is a row with what it comes to: by type, the conditions that hold of what is seen.
type labelled struct {
	LabelRow
	seen map[string][]search.Clause
}

// ParseLabels reads a table from JSON. Members that are unknown are errors. Kinds without a row keep their default.
func ParseLabels(text []byte) (*Labels, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var rows []LabelRow
	if err := d.Decode(&rows); err != nil {
		return nil, fmt.Errorf("labels: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("labels: something follows the array")
	}
	for i, r := range rows {
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("labels: row %d: %w", i+1, err)
		}
		if slices.ContainsFunc(rows[:i], r.sameCallers) {
			return nil, fmt.Errorf("labels: row %d: another row is for the same callers", i+1)
		}
	}
	return compileLabels(rows)
}

// check refuses what says nothing, or other than it seems to.
func (r LabelRow) check() error {
	if _, known := callers[r.Who]; !known {
		return fmt.Errorf("who %q is none of %s", r.Who, strings.Join(slices.Sorted(maps.Keys(callers)), ", "))
	}
	switch {
	case r.Role != "" && (r.Who == ofPatient || r.Who == ofRepresentative):
		return fmt.Errorf("a %s has no role", r.Who)
	case r.From != 0 && r.Who != ofRepresentative:
		return errors.New("an age, from, is of the patients of representatives alone")
	case r.From < 0 || r.From > 150:
		return fmt.Errorf("%d is no age", r.From)
	case r.Confidentiality != "" && !slices.Contains(ladder, r.Confidentiality):
		return fmt.Errorf("confidentiality %q is none of %s", r.Confidentiality, strings.Join(ladder, ", "))
	}
	for _, code := range r.Except {
		system, code, _ := strings.Cut(code, "|")
		if u, err := url.Parse(system); err != nil || u.Scheme == "" || code == "" || strings.Contains(code, "|") {
			return fmt.Errorf("except %q is not system|code with an absolute URI", system+"|"+code)
		}
	}
	return nil
}

func (r LabelRow) sameCallers(o LabelRow) bool {
	return r.Who == o.Who && r.Role == o.Role && r.From == o.From
}

// compileLabels completes a table by the defaults.
func compileLabels(rows []LabelRow) (*Labels, error) {
	l := &Labels{}
	for _, r := range rows {
		r.Confidentiality = cmp.Or(r.Confidentiality, callers[r.Who])
		l.rows = append(l.rows, labelled{LabelRow: r})
	}
	for _, who := range slices.Sorted(maps.Keys(callers)) {
		if r := (LabelRow{Who: who, Confidentiality: callers[who]}); !slices.ContainsFunc(rows, r.sameCallers) {
			l.rows = append(l.rows, labelled{LabelRow: r})
		}
	}
	for i := range l.rows {
		if err := l.rows[i].compile(); err != nil {
			return nil, err
		}
	}
	text, err := json.Marshal(rows)
	l.text = string(text)
	return l, err
}

func (r *labelled) compile() error {
	conditions := r.conditions()
	if len(conditions) == 0 {
		return nil
	}
	r.seen = map[string][]search.Clause{}
	for _, t := range fhir.R4().Types() {
		if ruleOf(t.Name) == directory { // where nothing is confidential
			continue
		}
		q, err := search.Parse(fhir.R4(), t.Name, conditions, search.Options{Strict: true})
		if err != nil {
			return err
		}
		r.seen[t.Name] = q.Where
	}
	return nil
}

// conditions are those of a search for what is seen.
func (r LabelRow) conditions() url.Values {
	codes := make([]string, len(ladder))
	for i, code := range ladder {
		codes[i] = confidentiality + code
	}
	most := slices.Index(ladder, r.Confidentiality) + 1
	hidden := codes[most:]
	for _, one := range r.Except {
		system, code, _ := strings.Cut(one, "|")
		hidden = append(hidden, search.EscapeToken(system)+"|"+search.EscapeToken(code))
	}
	conditions := url.Values{}
	if len(hidden) > 0 {
		conditions.Set("_security:not", strings.Join(hidden, ","))
	}
	if most <= slices.Index(ladder, "N") { // what has no label is hidden as well
		conditions.Set("_security", strings.Join(codes[:most], ","))
	}
	return conditions
}

// defaultLabels are what holds where no table is given.
var defaultLabels = sync.OnceValue(func() *Labels {
	l, err := compileLabels(nil)
	if err != nil {
		panic(err) // the parameter is of every type
	}
	return l
})

// labels is the table that holds for the caller.
func (p *Principal) labels() *Labels {
	if p.Labels == nil {
		return defaultLabels()
	}
	return p.Labels
}

// row is the one of a kind of caller that decides. A role's row stands before that of everyone, whichever comes first in the table.
func (l *Labels) row(who string, roles []string, age int) (found labelled) {
	for _, r := range l.rows {
		switch {
		case r.Who != who:
		case r.Role != "" && slices.Contains(roles, r.Role):
			return r
		case r.Role == "" && r.From <= age && (found.Who == "" || r.From > found.From):
			found = r
		}
	}
	return found
}

// acting is the row of who acts for a patient. Of whom the age is not known is as the oldest.
func (p *Principal) acting(patient string) labelled {
	age, known := p.Ages[patient]
	if !known {
		age = math.MaxInt
	}
	return p.labels().row(ofRepresentative, nil, age)
}

// labelledFor tells callers apart whom labels hide different things from.
func (p *Principal) labelledFor() (list []string) {
	if p.Labels == nil {
		return nil
	}
	list = append(list, p.Labels.text)
	for _, patient := range p.Represents {
		list = append(list, patient+" "+strconv.Itoa(p.acting(patient).From))
	}
	return list
}

// narrow leaves out of grants what a row hides. What is nobody's data is not confidential, and who makes something knows it.
func (r labelled) narrow(grants []search.Grant, asked request) []search.Grant {
	seen := r.seen[asked.resourceType]
	if len(seen) == 0 || asked.interaction == Create {
		return grants
	}
	for i, g := range grants {
		if !g.Nobodys {
			grants[i].Where = slices.Concat(g.Where, seen)
		}
	}
	return grants
}
