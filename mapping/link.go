package mapping

import (
	"cmp"
	"fmt"
	"slices"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// link is the one patient of a study.
type link struct {
	identity
	reference string
	conflict  bool // instances name someone else
}

// link decides whose study it is. A recorded link stands, but for the placeholder of a study that named nobody when it was
// recorded: that gives way to the first patient who is named. Without one the majority decides, ties by id.
func (r *run) link(contexts []*context, recorded string) link {
	weights := map[string]int{}
	for _, c := range contexts {
		weights[c.who.reference] += c.instances
	}
	ranked := slices.Clone(contexts)
	slices.SortStableFunc(ranked, func(a, b *context) int {
		return cmp.Or(
			cmp.Compare(rank(a.who), rank(b.who)),
			cmp.Compare(weights[b.who.reference], weights[a.who.reference]),
			cmp.Compare(a.who.id, b.who.id))
	})
	best := link{identity: ranked[0].who, reference: ranked[0].who.reference}
	if recorded == "" {
		return best
	}
	for _, c := range ranked {
		if c.who.reference == recorded && (c.who.value != "" || best.value == "") {
			return link{identity: c.who, reference: recorded}
		}
	}
	if recorded == r.placeholder(contexts[0]) {
		return best
	}
	return link{reference: recorded}
}

// Patients names, as references, whom the instances of a study are of, each once.
func (m *Mapper) Patients(instances []archive.Instance) ([]string, error) {
	r := &run{mapper: m}
	known := map[string]bool{}
	var list []string
	for _, i := range instances {
		if known[string(i.Context)] {
			continue
		}
		known[string(i.Context)] = true
		ds, err := dicom.Decode(i.Context)
		if err != nil {
			return nil, fmt.Errorf("context of an instance: %w", err)
		}
		list = append(list, r.identity(ds).reference)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// rank puts those who are named with an issuer first, the nameless last.
func rank(who identity) int {
	switch {
	case who.value == "":
		return 2
	case !who.hasIssuer:
		return 1
	}
	return 0
}

// placeholder is the reference of the patient whom only the study identifies.
func (r *run) placeholder(c *context) string {
	uid := c.dataset.Text(pathStudyUID)
	return "Patient/" + r.mapper.ID("Patient", r.mapper.local("NamingSystem", unidentified), uid)
}

// admits tells whether an instance belongs to the linked patient. One that names nobody, or gives the same number without an
// issuer, contradicts nothing; nor does one that names another record of the same person.
func (r *run) admits(l link, who identity) bool {
	switch {
	case who.value == "", r.links.Survivor(who.reference) == r.links.Survivor(l.reference):
		return true
	case who.value == l.value:
		return !who.hasIssuer || !l.hasIssuer
	}
	return false
}

// reportHeld raises the issue of a study with instances of two patients (PS3.3 7.1: a study has one).
func (r *run) reportHeld(held []archive.Instance) {
	if len(held) == 0 {
		return
	}
	r.add(Issue{
		Severity: "error", Code: "patient-conflict", Attribute: "PatientID", Element: "ImagingStudy.subject",
		Detail: "instances of another patient in this study are held", Ref: "PS3.3 7.1",
	})
}
