package patch

// step takes the elements found so far one step further.
type step func(t *tree, from []element) []element

func child(name string) step {
	return func(t *tree, from []element) []element {
		var all []element
		for _, e := range from {
			all = t.step(all, e, name)
		}
		return all
	}
}

// ofResource is the type that a path may begin with.
func ofResource(name string) step {
	return func(t *tree, from []element) []element {
		for _, e := range from {
			if name != t.content(e) && name != e.datatype && name != "Resource" && name != "DomainResource" {
				t.failAs(notHere("the path begins with the type of another resource"))
			}
		}
		return from
	}
}

func index(n int) step {
	return func(_ *tree, from []element) []element {
		if n >= len(from) {
			return nil
		}
		return from[n : n+1]
	}
}

func last(_ *tree, from []element) []element { return from[max(len(from)-1, 0):] }

func single(t *tree, from []element) []element {
	if len(from) > 1 {
		t.failAs(notHere("single() finds more than one element"))
	}
	return from
}

// ofType keeps the elements of a type.
func ofType(datatype string) step {
	return filter(func(t *tree, e element) bool { return e.datatype == datatype || t.content(e) == datatype })
}

func extension(url string) step {
	return func(t *tree, from []element) []element {
		all := child("extension")(t, from)
		return filter(func(t *tree, e element) bool { return text(t.get(e.value, "url")) == url })(t, all)
	}
}

func where(holds criterion) step { return filter(holds) }

func filter(holds criterion) step {
	return func(t *tree, from []element) []element {
		var kept []element
		for _, e := range from {
			t.look(0)
			if t.fault == nil && holds(t, e) {
				kept = append(kept, e)
			}
		}
		return kept
	}
}
