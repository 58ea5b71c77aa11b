// Package match tells how likely two Patient resources are of one person: by a probabilistic score (Fellegi and Sunter, "A Theory for Record
// Linkage", 1969), whose weights are a table, and by rules of what must agree, which an installation configures.
//
// It decides nothing but what a pair is worth, and knows no other records than the two. Three things it never does, whatever the weights: it
// links nobody by name alone, nobody whose records contradict each other, and no twins.
package match

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Rules are what an installation says of matching. The zero value means the defaults.
type Rules struct {
	// Unique are identifier systems of which a person has one value: two different ones are two persons.
	Unique []string `json:"unique"`
	// Rules are sets of features that make a pair certain when all of a set agree: "name", "birthDate", "gender", "postalCode", "telecom",
	// "identifier" of any system, or "identifier:SYSTEM". Default: each unique identifier with the date of birth.
	Rules [][]string `json:"rules"`
	// Link and Review are the scores from which a pair is linked, or looked at by a person; 0: 0.99 and 0.8.
	Link   float64 `json:"link"`
	Review float64 `json:"review"`
	// Population is about how many persons the records are of; 0: a million. Of more, the same agreement is worth less.
	Population float64 `json:"population"`
}

// Parse reads rules in JSON.
func Parse(b []byte) (Rules, error) {
	var r Rules
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, err
	}
	return r, r.check()
}

func (r Rules) check() error {
	full := r.withDefaults()
	switch {
	case full.Link <= 0.5 || full.Link > 1 || full.Review <= 0 || full.Review > full.Link:
		return fmt.Errorf("link %v and review %v: link is over 0.5 and at most 1, review is over 0 and not over link", full.Link, full.Review)
	case full.Population < 1:
		return fmt.Errorf("population %v is not of persons", full.Population)
	}
	for _, rule := range r.Rules {
		if err := checkRule(rule); err != nil {
			return err
		}
	}
	return nil
}

func checkRule(rule []string) error {
	strong := false
	for _, name := range rule {
		kind, system, _ := strings.Cut(name, ":")
		if !slices.ContainsFunc(features, func(f feature) bool { return f.name == kind }) {
			return fmt.Errorf("rule %v: there is no feature %q", rule, name)
		}
		if system != "" && kind != identifierFeature {
			return fmt.Errorf("rule %v: %q has no systems", rule, kind)
		}
		strong = strong || kind == identifierFeature || kind == birthDateFeature
	}
	if len(rule) < 2 || !strong {
		return fmt.Errorf("rule %v: it takes two features, and one of them an identifier or the date of birth", rule)
	}
	return nil
}

// maxPopulation is all mankind.
const maxPopulation = 1e10

func (r Rules) withDefaults() Rules {
	if r.Link == 0 {
		r.Link = 0.99
	}
	if r.Review == 0 {
		r.Review = min(0.8, r.Link)
	}
	if r.Population == 0 {
		r.Population = 1e6
	}
	r.Population = min(r.Population, maxPopulation)
	if r.Rules == nil {
		for _, system := range r.Unique {
			r.Rules = append(r.Rules, []string{identifierFeature + ":" + system, birthDateFeature})
		}
	}
	return r
}

// Grade is what a pair is worth, in the codes of http://terminology.hl7.org/CodeSystem/match-grade.
type Grade string

// Grades, best first.
const (
	Certain      Grade = "certain"
	Probable     Grade = "probable"
	Possible     Grade = "possible"
	CertainlyNot Grade = "certainly-not"
)

// Comparison is what two records have in common.
type Comparison struct {
	Score    float64     `json:"score"` // 0 to 1
	Grade    Grade       `json:"grade"`
	Features []Agreement `json:"features"`
	Rule     string      `json:"rule,omitempty"` // that makes it certain
	Veto     string      `json:"veto,omitempty"` // why it is never linked by rule
}

// Agreement is how far one feature agrees. What one of the records does not say is not compared.
type Agreement struct {
	Feature string  `json:"feature"`
	Level   string  `json:"level"`
	Weight  float64 `json:"weight"` // bits
}

// Compare tells what a pair is worth. It is symmetrical.
func (r Rules) Compare(a, b Person) Comparison {
	r = r.withDefaults()
	c := Comparison{Features: []Agreement{}}
	bits := -math.Log2(r.Population)
	for _, f := range features {
		if l := f.compare(a, b); l != nil {
			c.Features = append(c.Features, Agreement{f.name, l.name, l.weight()})
			bits += l.weight()
		}
	}
	c.Score = 1 / (1 + math.Exp2(-bits))
	c.Veto = r.veto(a, b, c)
	for _, rule := range r.Rules {
		if c.Veto == "" && agreeAll(rule, a, b, c) {
			c.Rule, c.Score = strings.Join(rule, " + "), max(c.Score, r.Link)
			break
		}
	}
	c.bound(r)
	return c
}

// bound keeps a score within what its evidence allows, and grades it.
func (c *Comparison) bound(r Rules) {
	beside, anchored := 0, false
	for _, one := range c.Features {
		if one.Level != agrees {
			continue
		}
		if one.Feature != nameFeature {
			beside++
		}
		anchored = anchored || one.Feature == birthDateFeature || one.Feature == identifierFeature
	}
	switch {
	case c.Veto != "" && c.Veto != twins:
		c.Score = min(c.Score, r.Review/2)
	case beside == 0:
		c.Score = min(c.Score, r.Review/2)
	case c.Veto != "", !anchored, beside < 2 && c.Rule == "":
		c.Score = min(c.Score, math.Nextafter(r.Link, 0))
	}
	switch {
	case c.Score >= r.Link:
		c.Grade = Certain
	case c.Score >= r.Review:
		c.Grade = Probable
	case c.Veto != "":
		c.Grade = CertainlyNot
	default:
		c.Grade = Possible
	}
}

// Why a pair is never linked by rule.
const (
	twins       = "twins: one family and date of birth, other given names"
	otherPerson = "other values of an identifier of which a person has one"
	otherBirth  = "another date of birth and another sex"
	otherOfMany = "born as another of several"
)

func (r Rules) veto(a, b Person, c Comparison) string {
	level := map[string]string{}
	for _, one := range c.Features {
		level[one.Feature] = one.Level
	}
	switch {
	case slices.ContainsFunc(r.Unique, func(system string) bool { return contradict(a, b, system) }):
		return otherPerson
	case level[birthDateFeature] == differs && level[genderFeature] == differs:
		return otherBirth
	case a.BirthOrder != 0 && b.BirthOrder != 0 && a.BirthOrder != b.BirthOrder:
		return otherOfMany
	case level[birthDateFeature] == agrees && (level[nameFeature] == familyAgrees || level[nameFeature] == alike && level[identifierFeature] != agrees):
		return twins // whose names may be alike
	}
	return ""
}

// contradict holds where both have values of a system, and none in common.
func contradict(a, b Person, system string) bool {
	ours, theirs := a.identifiers(system), b.identifiers(system)
	return len(ours) > 0 && len(theirs) > 0 && !common(ours, theirs)
}

func agreeAll(rule []string, a, b Person, c Comparison) bool {
	return !slices.ContainsFunc(rule, func(name string) bool {
		if kind, system, has := strings.Cut(name, ":"); has && kind == identifierFeature {
			return !common(a.identifiers(system), b.identifiers(system))
		}
		return !slices.ContainsFunc(c.Features, func(one Agreement) bool { return one.Feature == name && one.Level == agrees })
	})
}

func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(one string) bool { return slices.Contains(b, one) })
}

// ErrNothing is of a record that says nothing to go by.
var ErrNothing = errors.New("match: neither identifier, nor name, nor date of birth, nor telecom")
