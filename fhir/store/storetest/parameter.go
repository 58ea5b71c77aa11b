package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// testParameters walks the registry. For each parameter of each type, and each path that it looks at, there are three resources: a
// and b with two values, b's the greater, and z without one. Each is found by its value and by no other, with every modifier that
// the parameter takes, and stands where _sort puts it. The subtests bear the names of type and parameter: conformance/SEARCH.md
// refers to them.
func testParameters(t *testing.T, fresh func(t testing.TB) Database) {
	f := open(t, fresh(t))
	n := 0
	for _, kind := range fhir.R4().Types() {
		t.Run(kind.Name, func(t *testing.T) {
			for _, p := range kind.Params() {
				t.Run(p.Name, func(t *testing.T) {
					trials := trialsOf(p, &n)
					f := fixture{t, f.Store}
					f.putTrials(trials)
					for _, one := range trials {
						f.try(one)
					}
				})
			}
		})
	}
}

// trial is three resources, of which a parameter finds a and b by what stands at one path.
type trial struct {
	param *fhir.SearchParameter
	path  fhir.Path
	n     int // a's number, which begins the ids; b's is the next
	a, b  specimen
}

// trialsOf makes a trial for each path of p. The numbers go on from n, so that no two trials share a value.
func trialsOf(p *fhir.SearchParameter, n *int) []trial {
	paths := p.Paths
	if p.Name == "_id" || p.Name == "_lastUpdated" {
		paths = []fhir.Path{{}}
	}
	var all []trial
	for _, path := range paths {
		one := trial{param: p, path: path, n: *n}
		if p.Kind == fhir.KindComposite || len(path.Members) > 0 && !path.Exists && !one.isMute() {
			one.a, one.b = specimenOf(p, path, *n), specimenOf(p, path, *n+1)
		}
		all = append(all, one)
		*n += 2
	}
	return all
}

// mute are values that are there and that no value of a search finds: many numbers, of which R4 does not say which counts, and what
// tells of a time but not when it was.
var mute = map[string]any{
	"quantity SampledData": object{"data": "1 2"},
	"date string":          "in spring",
	"date Age":             quantity(40),
	"date Range":           object{"low": quantity(40)},
}

func (one trial) muteness() string { return string(one.param.Kind) + " " + one.path.Datatype }

func (one trial) isMute() bool { return mute[one.muteness()] != nil }

func (one trial) id(letter byte) string { return fmt.Sprintf("%d-%c", one.n, letter) }

// resources returns the bodies of a, b and z.
func (one trial) resources() []string {
	a, b := one.a.element, one.b.element
	switch {
	case one.isMute():
		a, b = mute[one.muteness()], mute[one.muteness()]
	case one.path.Exists: // b alone has what is tested for
		b = specimens[one.path.Datatype](one.n + 1).element
	}
	var all []string
	for letter, element := range map[byte]any{'a': a, 'b': b, 'z': nil} {
		all = append(all, resourceOf(one.param.Type, one.id(letter), one.path.Members, element))
	}
	slices.Sort(all) // the ids come first: they are written in their order
	return all
}

func (f fixture) putTrials(trials []trial) {
	f.Helper()
	var writes []store.Write
	for _, one := range trials {
		for _, body := range one.resources() {
			writes = append(writes, store.Write{Resource: parse(f, body)})
		}
	}
	f.putAll(writes)
}

// try asks everything that the parameter can be asked.
func (f fixture) try(one trial) {
	f.Helper()
	for _, ask := range f.asks(one) {
		if got := f.letters(one, ask.query); got != ask.want {
			f.Errorf("%s?%s finds %q, want %q (at %s)", one.param.Type, ask.query, got, ask.want, strings.Join(one.path.Members, "."))
		}
	}
}

// letters returns which of a trial's resources answer, in order.
func (f fixture) letters(one trial, query string) string {
	f.Helper()
	found := ""
	for _, id := range f.ids(everyone, one.param.Type, query+"&_count=1000") {
		if letter, ok := strings.CutPrefix(id, fmt.Sprint(one.n, "-")); ok {
			found += letter
		}
	}
	if strings.Contains(query, "_sort") {
		return found
	}
	letters := []byte(found)
	slices.Sort(letters)
	return string(letters)
}

// ask is a query, and the resources of a trial that answer it: in order, where it sorts.
type ask struct{ query, want string }

func (f fixture) asks(one trial) []ask {
	name := one.param.Name
	switch {
	case name == "_id":
		return []ask{{"_id=" + one.id('a'), "a"}, {"_id:not=" + one.id('a'), "bz"}, {"_id:missing=true", ""}, {"_id:missing=false", "abz"}}
	case name == "_lastUpdated":
		return f.asksOfTime(one)
	case one.path.Exists: // it has a value on every resource
		return append([]ask{{name + "=true", "b"}, {name + "=false", "az"}, {name + ":missing=true", ""}, {name + ":missing=false", "abz"}},
			one.sorts("azb", "baz")...)
	case one.isMute():
		return []ask{{name + ":missing=false", "ab"}, {name + ":missing=true", "z"}}
	}
	all := []ask{{name + "=" + one.a.query, "a"}, {name + "=" + one.b.query, "b"}, {name + "=" + one.a.query + "," + one.b.query, "ab"}}
	if one.path.Datatype != "boolean" {
		all = append(all, ask{name + "=" + specimenOf(one.param, one.path, nobodys).query, ""})
	}
	all = append(all, one.spellings()...)
	for _, m := range search.Modifiers(one.param) {
		if m != search.Text || one.path.Datatype != "boolean" {
			all = append(all, one.modified(m)...)
		}
	}
	return append(all, one.sorts("abz", "baz")...)
}

func (f fixture) asksOfTime(one trial) []ask {
	a, err := f.Read(ctx, search.Everything(), one.param.Type, one.id('a'))
	if err != nil {
		f.Fatal(err)
	}
	at := a.LastUpdated.UTC().Format("2006-01-02T15:04:05.000000Z")
	return append([]ask{{"_lastUpdated=" + at, "a"}, {"_lastUpdated=gt" + at, "bz"}, {"_lastUpdated=le" + at, "a"},
		{"_lastUpdated:missing=true", ""}, {"_lastUpdated:missing=false", "abz"}}, one.sorts("abz", "zba")...)
}

// sorts asks for the trial's resources in both directions.
func (one trial) sorts(up, down string) []ask {
	if !search.Sortable(one.param) {
		return nil
	}
	these := "&_id=" + one.id('a') + "," + one.id('b') + "," + one.id('z')
	return []ask{{"_sort=" + one.param.Name + ",_id" + these, up}, {"_sort=-" + one.param.Name + ",_id" + these, down}}
}

// spellings are the other ways to write a value of the kind.
func (one trial) spellings() []ask {
	name, n := one.param.Name, one.n
	switch {
	case one.param.Kind == fhir.KindComposite: // components of two elements do not go together
		a, b := strings.Split(one.a.query, "$"), strings.Split(one.b.query, "$")
		return []ask{{name + "=" + a[0] + "$" + b[1], ""}}
	case one.path.Datatype == "Reference":
		return []ask{{name + "=" + word(n), "a"}, {name + ":" + targetOf(one.param, one.path) + "=" + word(n), "a"}}
	case one.param.Kind == fhir.KindDate:
		return []ask{{name + "=gt" + one.a.query + "&" + name + "=le" + one.b.query, "b"}, {name + "=ne" + one.a.query, "b"}}
	case one.param.Kind == fhir.KindNumber, one.param.Kind == fhir.KindQuantity:
		return []ask{{name + "=gt" + one.a.query + "&" + name + "=le" + one.b.query, "b"}, {name + "=ne" + one.a.query, "b"}}
	case one.path.Datatype == "code" && one.param.System != "":
		return []ask{{name + "=" + one.param.System + "|" + one.a.query, "a"}, {name + "=urn:other|" + one.a.query, ""}}
	case one.path.Datatype == "Coding", one.path.Datatype == "CodeableConcept", one.path.Datatype == "Identifier":
		return []ask{{name + "=" + word(n), "a"}, {name + "=urn:system|", "ab"}, {name + "=urn:other|" + word(n), ""}, {name + "=|" + word(n), ""}}
	}
	return nil
}

// modified asks with a modifier.
func (one trial) modified(m search.Modifier) []ask {
	name, n := one.param.Name+":"+string(m), one.n
	switch m {
	case search.Missing:
		return []ask{{name + "=true", "z"}, {name + "=false", "ab"}}
	case search.Not:
		return []ask{{name + "=" + one.a.query, "bz"}}
	case search.Exact:
		return []ask{{name + "=" + phrase(n), "a"}, {name + "=" + word(n), ""}}
	case search.Contains:
		return []ask{{name + "=" + phrase(n)[1:], "a"}, {name + "=" + word(nobodys)[1:], ""}}
	case search.Text:
		return []ask{{name + "=" + word(n), "a"}, {name + "=TAIL", "ab"}, {name + "=ail", ""}}
	case search.OfType:
		return []ask{{name + "=urn:kinds|K|" + word(n), "a"}, {name + "=urn:kinds|L|" + word(n), ""}}
	case search.Identifier:
		return []ask{{name + "=urn:system|" + word(n), "a"}, {name + "=urn:other|" + word(n), ""}}
	case search.Above:
		return []ask{{name + "=" + address(n) + "/x", "a"}, {name + "=http://x.example", ""}}
	case search.Below:
		return []ask{{name + "=" + address(n), "a"}, {name + "=http://x.example", "ab"}}
	}
	return []ask{{name, "a modifier that this test does not know"}}
}
