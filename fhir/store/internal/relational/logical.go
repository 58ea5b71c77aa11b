package relational

import (
	"slices"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// logicalParam is a number that no generation of a parameter has. Its postings are the resources with a logical reference, by the
// identifier that this states, whatever it may lead to: so a type that is served later, or gets its identifiers indexed later, finds who
// refers to it. A reindex adds what is missing; one too many costs a look at a resource.
//
// They are not rare ones: once a type is referred to, each commit with identifiers of it looks for all of them here, mostly in vain. That
// is one step down a tree for each, where a look-up in the runs is one for each run.
const logicalParam = 0

// logicalHash is the posting of an identifier in a logical reference, and of the identifier itself among those of a type.
func logicalHash(l search.Logical) int64 {
	return tokenHash(true, l.Identifier.Hash, l.Identifier.System)
}

// addLogical finds the parameter by which resources of the type are referred to.
func (c *catalog) addLogical(t *fhir.Type) {
	if p, ok := t.Param("identifier"); ok && hasSystemPosting(p) {
		c.identifiers[t.Name] = p
	}
}

// addLogical lets a resource be found by the identifiers that its logical references state.
func (x *indexed) addLogical() {
	for _, l := range x.logical {
		x.postings = append(x.postings, posting{param: logicalParam, hash: logicalHash(l)})
	}
}

// targetsOf returns the types of what a logical reference may lead to.
func (c *catalog) targetsOf(l search.Logical) []string {
	var all []string
	for t := range c.identifiers {
		if l.MayLeadTo(t) {
			all = append(all, t)
		}
	}
	return all
}

// typeBit is a type's flag in head.logical, which tells to what types there ever was a logical reference. Two types may share one: it is
// there to look for nothing where there is nothing.
func typeBit(resourceType string) int64 {
	return 1 << (uint64(search.Hash(resourceType)) % maxBit) //nolint:gosec // any number will do
}

// typeBits are those of what a logical reference may lead to.
func typeBits(l search.Logical) (bits int64) {
	if slices.Contains(l.Types, "Any") {
		return 1<<maxBit - 1
	}
	for _, t := range l.Types {
		bits |= typeBit(t)
	}
	return bits
}
