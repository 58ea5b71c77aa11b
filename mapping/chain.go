package mapping

import (
	"cmp"
	"slices"

	"lightbox/dicom/sr"
)

// version is one document of a chain: the same report as it stood at one time.
type version struct {
	Document
	sr           *sr.Document // nil for an encapsulated document
	uid          string
	predecessors []string
	depth        int // documents before it
}

// chain is one logical report: the documents that amend each other, oldest first (PredecessorDocumentsSequence, PS3.3
// C.17.2).
type chain struct {
	root     string // UID of the first document, whether it is here or not
	versions []version
}

// chains groups documents by their predecessors, in order of their root.
func chains(documents []version) []chain {
	parent := map[string]string{}
	for _, v := range documents {
		for _, before := range v.predecessors {
			joinSets(parent, v.uid, before)
		}
	}
	groups := map[string][]version{}
	for _, v := range documents {
		set := setOf(parent, v.uid)
		groups[set] = append(groups[set], v)
	}
	list := make([]chain, 0, len(groups))
	for _, versions := range groups {
		list = append(list, newChain(versions))
	}
	slices.SortFunc(list, func(a, b chain) int { return cmp.Compare(a.root, b.root) })
	return list
}

// setOf and joinSets keep sets of UIDs, each named by its lowest member; looking one up shortens the way for the next.
func setOf(parent map[string]string, uid string) string {
	for parent[uid] != "" {
		if next := parent[parent[uid]]; next != "" {
			parent[uid] = next
		}
		uid = parent[uid]
	}
	return uid
}

func joinSets(parent map[string]string, a, b string) {
	a, b = setOf(parent, a), setOf(parent, b)
	if a != b {
		parent[max(a, b)] = min(a, b)
	}
}

func newChain(versions []version) chain {
	before := map[string][]string{}
	for _, v := range versions {
		before[v.uid] = v.predecessors
	}
	depths := map[string]int{}
	for i := range versions {
		versions[i].depth = depth(before, versions[i].uid, depths)
	}
	slices.SortFunc(versions, func(a, b version) int {
		return cmp.Or(cmp.Compare(a.depth, b.depth), cmp.Compare(a.written(), b.written()), cmp.Compare(a.uid, b.uid))
	})
	return chain{root: rootOf(before, versions[0].uid), versions: versions}
}

// depth counts the documents on the longest way back; a circle ends it. known holds those counted, and zero for those being counted.
func depth(before map[string][]string, uid string, known map[string]int) int {
	if n, ok := known[uid]; ok {
		return n
	}
	known[uid] = 0
	longest := 0
	for _, p := range before[uid] {
		longest = max(longest, 1+depth(before, p, known))
	}
	known[uid] = longest
	return longest
}

// rootOf follows the lowest predecessor back, past documents that are not here.
func rootOf(before map[string][]string, uid string) string {
	for seen := map[string]bool{}; len(before[uid]) > 0 && !seen[uid]; {
		seen[uid] = true
		uid = slices.Min(before[uid])
	}
	return uid
}

// written orders documents of one depth: content date and time.
func (v version) written() string {
	return clean(v.Dataset.Text(pathContentDate)) + clean(v.Dataset.Text(pathContentTime))
}

// isVerified holds for a document that somebody answers for as final: VERIFIED, and not marked preliminary (PS3.3 C.17.2).
func (v version) isVerified() bool {
	return v.flag(pathVerification) == "VERIFIED" && v.flag(pathPreliminary) != "PRELIMINARY" && v.flag(pathCompletion) != "PARTIAL"
}

// without leaves out versions that were taken back, unless there is no other.
func (c chain) without(taken rejected) chain {
	left := slices.DeleteFunc(slices.Clone(c.versions), func(v version) bool { return taken.isRejected(v.uid) })
	if len(left) > 0 {
		c.versions = left
	}
	return c
}

// prevailing is the version that counts: the most recent verified one, else the most recent.
func (c chain) prevailing() int {
	for i := len(c.versions) - 1; i >= 0; i-- {
		if c.versions[i].isVerified() {
			return i
		}
	}
	return len(c.versions) - 1
}
