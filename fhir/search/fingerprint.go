package search

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"strconv"

	"lightbox/fhir"
)

// Fingerprint identifies a query apart from its Page and Count: a cursor is bound to it. It goes by what was understood,
// not by how it was written.
func (q Query) Fingerprint() [32]byte {
	f := fingerprint{sha256.New()}
	f.query(q)
	f.text(string(q.Total), q.Summary)
	f.includes(q.Include)
	f.includes(q.RevInclude)
	f.number(int64(len(q.Elements)))
	f.text(q.Elements...)
	return [32]byte(f.Sum(nil))
}

// fingerprint writes values to a hash so that no two sequences of them look alike.
type fingerprint struct{ hash.Hash }

func (f fingerprint) text(all ...string) {
	for _, s := range all {
		f.number(int64(len(s)))
		f.Write([]byte(s))
	}
}

func (f fingerprint) number(n int64) {
	f.Write(binary.BigEndian.AppendUint64(nil, uint64(n))) //nolint:gosec // the bits, whatever their sign
}

func (f fingerprint) query(q Query) {
	f.text(q.Type)
	f.number(int64(len(q.Union)))
	for _, part := range q.Union {
		f.query(part)
	}
	f.clauses(q.Where)
	f.number(int64(len(q.Sort)))
	for _, s := range q.Sort {
		f.text(s.By, strconv.FormatBool(s.Desc))
	}
}

func (f fingerprint) clauses(all []Clause) {
	f.number(int64(len(all)))
	for _, c := range all {
		f.clause(c)
	}
}

func (f fingerprint) clause(c Clause) {
	f.text(paramName(c.Param), string(c.Modifier))
	f.number(int64(len(c.Lists)))
	f.text(c.Lists...)
	f.values(c.Values)
	f.clauses(c.Any)
	f.number(int64(len(c.Chain)))
	for _, q := range c.Chain {
		f.query(q)
	}
	if c.Has != nil {
		f.text(c.Has.Type, c.Has.Param.Name)
		f.clause(c.Has.Where)
	}
}

func (f fingerprint) values(all []Value) {
	f.number(int64(len(all)))
	for _, v := range all {
		f.text(strconv.FormatBool(v.Missing), strconv.FormatBool(v.HasCode), strconv.FormatBool(v.HasSystem), v.Text, string(v.Prefix))
		for _, n := range []int64{v.Hash, v.System, v.Low, v.High} {
			f.number(n)
		}
		f.measure(v.Number)
		f.number(int64(len(v.Parts)))
		for _, part := range v.Parts {
			f.values(part)
		}
		if v.Kind != nil {
			f.values([]Value{*v.Kind})
		}
	}
}

func (f fingerprint) measure(n *Number) {
	f.text(strconv.FormatBool(n != nil))
	if n == nil {
		return
	}
	for _, x := range []float64{n.Low, n.High, n.Exact} {
		f.number(int64(math.Float64bits(x))) //nolint:gosec // the bits, whatever their sign
	}
	f.number(n.System)
	f.number(n.Code)
	f.measure(n.Base)
}

func (f fingerprint) includes(all []Include) {
	f.number(int64(len(all)))
	for _, i := range all {
		f.text(i.Source, paramName(i.Param), i.Target, strconv.FormatBool(i.Iterate))
	}
}

func paramName(p *fhir.SearchParameter) string {
	if p == nil {
		return "*"
	}
	return p.Name
}
