package server_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"lightbox/auth"
	"lightbox/fhir/store"
	"lightbox/server"
)

// labelTable has a row for each kind of caller, and one for a role. What it comes to for the principals is hiddenByTable.
const labelTable = `[
	{"who":"patient","except":["CONF|R"]},
	{"who":"representative","confidentiality":"V"},
	{"who":"clinician","confidentiality":"N"},
	{"who":"partner","confidentiality":"R"},
	{"who":"program","except":["CONF|R"]},
	{"who":"program","role":"auditor"}]`

// hiddenByTable are the codes of labels that hide, by the context of a scope. Who acts for a patient sees no more than the patient.
func hiddenByTable(p *principal) map[string][]string {
	hidden := map[string][]string{"patient": {"R"}, "user": {"R", "V"}, "system": {"R"}}
	switch {
	case p.isRelative():
		hidden["user"] = []string{"R"}
	case p.organization != "":
		hidden["system"] = []string{"V"}
	case len(p.roles) > 0:
		hidden["system"] = nil
	}
	return hidden
}

// The access matrix under a table of labels, and where reports are held for three days.
func TestAccessMatrixLabels(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		table, err := auth.ParseLabels([]byte(strings.ReplaceAll(labelTable, "CONF", confidentiality)))
		if err != nil {
			t.Fatal(err)
		}
		m := newMatrixWith(t, open(t), matrixSeed+1, func(c *server.Config) {
			c.Audit, c.Links.Audit = nil, nil
			access := c.Verifier.(*auth.Access)
			access.Labels, access.Hold = table, 72*time.Hour
		})
		m.world.delayed = true
		part := 0.05
		if os.Getenv("LIGHTBOX_CELLS") == "all" {
			part = 1
		}
		m.draw = func() bool { return m.dice.Float64() < part }
		for _, p := range withScopes(m.principals) {
			p.hidden = hiddenByTable(p)
			for _, i := range instances() {
				m.runInstance(p, i)
			}
			for _, s := range surveys() {
				m.runSurvey(p, s)
			}
			m.replayPages(p)
		}
		m.report()
	})
}
