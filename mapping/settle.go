package mapping

import (
	"cmp"
	"slices"
	"strings"

	"lightbox/dicom"
)

// key is what the attributes of a rule say, in one text: values compare by it whatever the character set of their objects.
func (v value) key() string {
	var b strings.Builder
	writeKey(&b, v.dataset, v.path)
	for _, f := range v.with {
		b.WriteByte(0x1D)
		writeKey(&b, v.dataset, f.path)
	}
	return b.String()
}

func writeKey(b *strings.Builder, ds *dicom.Dataset, p dicom.Path) {
	e, _, ok := ds.Find(p)
	switch {
	case !ok:
	case len(e.Items) > 0:
		for _, item := range e.Items {
			b.WriteByte(0x1E)
			b.Write(item.Encode())
		}
	default:
		for _, text := range ds.Texts(p) {
			b.WriteString(text)
			b.WriteByte(0x1F)
		}
	}
}

// settle returns the values to set, of those that were said.
func (w *row[T]) settle(r *run, said []statement) []value {
	if settlement(w.By) == nearest {
		return []value{said[0].value}
	}
	if len(said) > 1 {
		slices.SortFunc(said, func(a, b statement) int {
			return cmp.Or(cmp.Compare(b.instances, a.instances), cmp.Compare(a.lowest, b.lowest), cmp.Compare(a.key, b.key))
		})
	}
	switch settlement(w.By) {
	case union:
		list := make([]value, len(said))
		for i, s := range said {
			list[i] = s.value
		}
		return list
	case agreed:
		if len(said) > 1 {
			r.doubt("conflict", "instances disagree: left out")
			return nil
		}
	case earliest:
		lowest := slices.MinFunc(said, func(a, b statement) int { return cmp.Compare(a.key, b.key) })
		return []value{lowest.value}
	}
	if len(said) > 1 {
		r.doubt("conflict", "instances disagree: the majority decides")
	}
	return []value{said[0].value}
}
