package search

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"strconv"

	"lightbox/fhir"
)

// Fingerprint identifies a query apart from its Page and Count: a cursor is bound to it. It goes by what was understood,
// not by how it was written.
func (q Query) Fingerprint() [32]byte {
	f := fingerprint{sha256.New()}
	f.text(q.Type, string(q.Total), q.Summary)
	f.number(int64(len(q.Where)))
	for _, c := range q.Where {
		f.clause(c)
	}
	f.number(int64(len(q.Sort)))
	for _, s := range q.Sort {
		f.text(s.By, strconv.FormatBool(s.Desc))
	}
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

func (f fingerprint) clause(c Clause) {
	f.text(c.Param.Name, string(c.Modifier))
	f.number(int64(len(c.Values)))
	for _, v := range c.Values {
		f.text(strconv.FormatBool(v.Missing), v.Text, string(v.Prefix))
		f.number(v.Hash)
		f.number(v.Low)
		f.number(v.High)
	}
}

func (f fingerprint) includes(all []Include) {
	f.number(int64(len(all)))
	for _, i := range all {
		f.text(i.Source, paramName(i.Param), i.Target)
	}
}

func paramName(p *fhir.SearchParameter) string {
	if p == nil {
		return "*"
	}
	return p.Name
}
