package runs_test

import (
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lightbox/fhir/store/internal/runs"
)

// extreme draws numbers of every size.
func extreme() *rapid.Generator[int64] {
	return rapid.OneOf(rapid.Int64(), rapid.Int64Range(0, 20), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, -1, 1_000_000}))
}

func drawEntry(t *rapid.T, numbers *rapid.Generator[int64]) runs.Entry {
	return runs.Entry{
		Param: numbers.Draw(t, "param"), Hash: numbers.Draw(t, "hash"), TimeKey: numbers.Draw(t, "time"), Row: numbers.Draw(t, "row"),
		Gone: rapid.IntRange(0, 9).Draw(t, "gone") == 0,
	}
}

func TestBlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SampledFrom([]*rapid.Generator[int64]{extreme(), rapid.Int64Range(-5, 5), rapid.Int64()}).Draw(t, "kind")
		entries := make([]runs.Entry, rapid.IntRange(1, 200).Draw(t, "entries"))
		for i := range entries {
			entries[i] = drawEntry(t, numbers)
		}
		checkBlock(t, runs.Sorted(entries))
		var all []runs.Entry
		for _, body := range runs.Pack(entries) {
			some, err := runs.Decode(body)
			if err != nil || len(body) > runs.BlockBytes {
				t.Fatalf("%d bytes, %v", len(body), err)
			}
			all = append(all, some...)
		}
		if diff := cmp.Diff(runs.Sorted(entries), all); diff != "" {
			t.Fatal(diff)
		}
	})
}

func checkBlock(t interface{ Fatal(...any) }, entries []runs.Entry) {
	body := runs.Encode(entries, false)
	decoded, err := runs.Decode(body)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(entries, decoded) {
		t.Fatal(cmp.Diff(entries, decoded))
	}
	for _, e := range []runs.Entry{entries[0], entries[len(entries)/2], entries[len(entries)-1]} {
		r := runs.Range{Param: e.Param, Low: e.Hash, High: max(e.Hash, e.Hash+1)}
		found, err := runs.Within(body, r)
		if err != nil {
			t.Fatal(err)
		}
		want := slices.DeleteFunc(slices.Clone(entries), func(e runs.Entry) bool { return e.Param != r.Param || e.Hash < r.Low || e.Hash > r.High })
		if !slices.Equal(want, found) {
			t.Fatal(cmp.Diff(want, found))
		}
	}
}

func FuzzBlock(f *testing.F) {
	f.Add(runs.Encode([]runs.Entry{{Param: 1, Hash: 2, TimeKey: -3, Row: 4}}, false))
	f.Add(runs.Encode([]runs.Entry{{Param: 1, Hash: 2, TimeKey: -3_000_000, Row: 4}, {Param: 9, Hash: 2, Row: 4, Gone: true}, {Hash: math.MaxInt64}}, true))
	many := make([]runs.Entry, 300)
	for i := range many {
		many[i] = runs.Entry{Param: int64(i % 7), Hash: int64(i*i) << 40, TimeKey: int64(i) * 1e9, Row: int64(i / 3)}
	}
	f.Add(runs.Encode(many, false))
	f.Fuzz(func(t *testing.T, body []byte) {
		entries, err := runs.Decode(body)
		if err != nil {
			if entries != nil {
				t.Fatal("entries and an error")
			}
			return
		}
		checkBlock(t, entries)
		if len(entries) > 4096 {
			t.Fatalf("%d entries", len(entries))
		}
	})
}
