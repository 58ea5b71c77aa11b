package auth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Labels that keep a resource from its patient's own view, until who treats them releases it: what a program found and nobody has accepted
// (HL7 v3 ObservationValue), and what the patient shall not see alone (HL7 v3 ActCode).
const (
	asserted = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue|AIAST"
	nopat    = "http://terminology.hl7.org/CodeSystem/v3-ActCode|NOPAT"
)

// unaccepted leaves out of a patient's own view, by type, what nobody answers for: reports that nobody has signed, and what programs assert.
// A physician sees them.
var unaccepted = sync.OnceValue(func() map[string][]search.Clause {
	return clauses(map[string]url.Values{
		"DiagnosticReport": {"status:not": {"registered,partial,preliminary"}},
		"Observation":      {"_security:not": {asserted}},
		"Task":             {"_security:not": {asserted}},
	})
})

// unlabelled is, by type of a report and of what belongs to one, that the patient may see it alone.
var unlabelled = sync.OnceValue(func() map[string][]search.Clause {
	conditions := map[string]url.Values{"DiagnosticReport": {"_security:not": {nopat}}}
	for _, resourceType := range search.PartTypes() {
		conditions[resourceType] = url.Values{"_security:not": {nopat}}
	}
	return clauses(conditions)
})

func clauses(conditions map[string]url.Values) map[string][]search.Clause {
	of := map[string][]search.Clause{}
	for resourceType, one := range conditions {
		q, err := search.Parse(fhir.R4(), resourceType, one, search.Options{Strict: true})
		if err != nil {
			panic(err) // the parameters are of the types
		}
		of[resourceType] = q.Where
	}
	return of
}

// release is when a patient sees a report and what belongs to it.
func (p *Principal) release(resourceType string) *search.Release {
	where, belongs := unlabelled()[resourceType]
	if !belongs {
		return nil
	}
	return &search.Release{Hold: p.Hold, Report: resourceType == "DiagnosticReport", Where: where}
}

// Releases returns the reports that the caller may release to their patients, or keep from them: a clinician, or a program, who may change
// reports, those of the organisation and of its patients. What an organisation was asked to look at, or sees in an emergency, is not its to
// release; nobody releases their own.
func (p *Principal) Releases() search.Filter {
	const reports = "DiagnosticReport"
	if !p.Allows(Update, reports) {
		return search.Filter{}
	}
	seen := p.Ordinary().Visible(Read, reports)
	return search.Filter{Grants: slices.DeleteFunc(seen.Grants, func(g search.Grant) bool { return g.Release != nil || g.ReferredTo != "" })}
}

// ParseHold reads when patients see a signed report: "now", "held" until somebody releases it, or so long after it was issued: a duration of
// Go, or days ("3d").
func ParseHold(text string) (time.Duration, error) {
	switch text {
	case "now":
		return 0, nil
	case "held":
		return search.Held, nil
	}
	hold, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		hold = time.Duration(n) * 24 * time.Hour
	}
	if err != nil {
		return 0, fmt.Errorf("%q is neither now, nor held, nor a duration as 72h or 3d", text)
	}
	if hold < 0 || hold > maxHold {
		return 0, errors.New("a report is held for no less than nothing and no more than ten years; held is for longer")
	}
	return hold, nil
}

const maxHold = 3653 * 24 * time.Hour
