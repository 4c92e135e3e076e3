package disclosure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// person is one of a small invented population: a value for each dimension.
type person map[string]string

// people answers as the store does.
type people []person

func (all people) count(_ context.Context, _, _ string, dims []string, within map[string][]string) ([]Overlap, error) {
	sums := map[string]int64{}
next:
	for _, p := range all {
		key := make([]string, len(dims))
		for i, d := range dims {
			if values, ok := within[d]; ok && !slices.Contains(values, p[d]) {
				continue next
			}
			key[i] = p[d]
		}
		sums[CellKey(key)]++
	}
	var out []Overlap
	for key, n := range sums {
		out = append(out, Overlap{Key: splitKey(key), N: n})
	}
	return out, nil
}

func (all people) by(dims ...string) Cohorts {
	slices.Sort(dims)
	rows, _ := all.count(context.Background(), "", "", dims, nil)
	c := Cohorts{Dims: dims, Cells: map[string]int64{}}
	for _, r := range rows {
		c.Cells[CellKey(r.Key)] = r.N
	}
	return c
}

// some makes n people alike.
func some(n int, pairs ...string) people {
	p := person{}
	for i := 0; i < len(pairs); i += 2 {
		p[pairs[i]] = pairs[i+1]
	}
	return slices.Repeat(people{p}, n)
}

func ask(t testing.TB, l *Ledger, all people, c Cohorts) []string {
	t.Helper()
	withheld, err := l.Admit(context.Background(), []Cohorts{c}, all.count)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key := range withheld[0] {
		keys = append(keys, strings.ReplaceAll(key, "\x1f", "/"))
	}
	slices.Sort(keys)
	return keys
}

func TestLedgerWithholdsWhatCouldBeSubtracted(t *testing.T) {
	nested := slices.Concat(some(97, "provider", "A", "sex", "f"), some(3, "provider", "A", "sex", "m"), some(50, "provider", "B", "sex", "f"), some(50, "provider", "B", "sex", "m"))
	unknown := slices.Concat(some(50, "provider", "A", "sex", "f"), some(47, "provider", "A", "sex", "m"), some(3, "provider", "A", "sex", ""))
	hierarchy := slices.Concat(some(60, "region", "N", "provider", "A"), some(5, "region", "N", "provider", "B"), some(40, "region", "S", "provider", "C"))
	slide := slices.Concat(some(100, "year", "2016", "month", "1"), some(4, "year", "2016", "month", "2"), some(30, "year", "2017", "month", "3"))
	for _, c := range []struct {
		name  string
		all   people
		asked [][]string
		want  []string // of the last question
	}{
		{"total, then nearly all of it", nested, [][]string{{"provider"}, {"provider", "sex"}}, []string{"A/f"}},
		{"nearly all, then the total", nested, [][]string{{"provider", "sex"}, {"provider"}}, []string{"A"}},
		{"complement: what the parts leave of the whole", unknown, [][]string{{"provider"}, {"provider", "sex"}}, []string{"A/m"}},
		{"complement, parts first", unknown, [][]string{{"provider", "sex"}, {"provider"}}, []string{"A"}},
		{"groupings of which none refines the other", hierarchy, [][]string{{"provider"}, {"region"}}, []string{"N"}},
		{"the same, the other way round", hierarchy, [][]string{{"region"}, {"provider"}}, []string{"A"}},
		{"months of a year", slide, [][]string{{"year"}, {"month"}}, []string{"1"}},
		{"nothing in common", hierarchy, [][]string{{"region"}, {"region"}}, nil},
		{"everyone, then providers", hierarchy, [][]string{nil, {"provider"}}, []string{"C"}},
	} {
		var l Ledger
		var got []string
		for _, dims := range c.asked {
			got = ask(t, &l, c.all, c.all.by(dims...))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: withheld %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLedgerKeepsItsFirstAnswer(t *testing.T) {
	all := slices.Concat(some(97, "a", "1", "b", "1"), some(3, "a", "1", "b", "2"), some(40, "a", "2", "b", "1"))
	var l Ledger
	first := ask(t, &l, all, all.by("a"))
	ask(t, &l, all, all.by("a", "b"))
	if again := ask(t, &l, all, all.by("a")); !slices.Equal(first, again) {
		t.Errorf("asked again: withheld %v, first %v", again, first)
	}
	later := ask(t, &l, all, all.by("a", "b"))
	if again := ask(t, &l, all, all.by("a", "b")); !slices.Equal(later, again) {
		t.Errorf("asked again: withheld %v, first %v", again, later)
	}
}

func TestLedgerComparesWithinOneMeasureAndProgramme(t *testing.T) {
	all := slices.Concat(some(97, "a", "1"), some(3, "a", "2"))
	var l Ledger
	ask(t, &l, all, all.by())
	other := all.by("a")
	other.Measure = "another"
	if got := ask(t, &l, all, other); got != nil {
		t.Errorf("another measure: withheld %v, want none", got)
	}
	if got := ask(t, &l, all, all.by("a")); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the same measure: withheld %v, want [1]", got)
	}
}

func TestLedgerRefusesMoreThanItCanRemember(t *testing.T) {
	var l Ledger
	var err error
	for i := 0; err == nil && i < 2*maxShapes; i++ {
		_, err = l.Admit(t.Context(), []Cohorts{{Measure: fmt.Sprint(i), Cells: map[string]int64{"": 10}}}, nil)
	}
	if err != ErrLedgerFull {
		t.Errorf("%d shapes: %v, want %v", 2*maxShapes, err, ErrLedgerFull)
	}
}

// Whatever is asked in whatever order, no two cells told of differ by 1–7
// people, and no told cells within another leave 1–7 of it.
func TestLedgerLeavesNoSmallDifference(t *testing.T) {
	dims := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		var all people
		for range rapid.IntRange(1, 25).Draw(t, "kinds") {
			pairs := []string{}
			for _, d := range dims {
				pairs = append(pairs, d, fmt.Sprint(rapid.IntRange(0, 2).Draw(t, d)))
			}
			all = append(all, some(rapid.IntRange(1, 12).Draw(t, "n"), pairs...)...)
		}
		var l Ledger
		told := map[string]map[string]bool{} // grouping → cells
		for range rapid.IntRange(2, 5).Draw(t, "questions") {
			by := rapid.SliceOfNDistinct(rapid.SampledFrom(dims), 0, 3, rapid.ID).Draw(t, "by")
			c := all.by(by...)
			withheld, err := l.Admit(context.Background(), []Cohorts{c}, all.count)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.Join(c.Dims, "+")
			if told[name] == nil {
				told[name] = map[string]bool{}
			}
			for key, n := range c.Cells {
				if n >= smallest && !withheld[0][key] {
					told[name][key] = true
				}
			}
		}
		for one, cells := range told {
			for key := range cells {
				checkTold(t, all, told, one, key)
			}
		}
	})
}

// members are the people of a cell of a grouping, as places in all.
func (all people) members(grouping, key string) map[int]bool {
	in := map[int]bool{}
	var dims []string
	if grouping != "" {
		dims = strings.Split(grouping, "+")
	}
	for i, p := range all {
		values := make([]string, len(dims))
		for j, d := range dims {
			values[j] = p[d]
		}
		if CellKey(values) == key {
			in[i] = true
		}
	}
	return in
}

// checkTold holds one told cell against those of every other grouping.
func checkTold(t *rapid.T, all people, told map[string]map[string]bool, one, key string) {
	mine := all.members(one, key)
	for other, others := range told {
		if other == one {
			continue
		}
		left := len(mine)
		for k := range others {
			theirs, shared := all.members(other, k), 0
			for i := range theirs {
				if mine[i] {
					shared++
				}
			}
			if d := len(mine) + len(theirs) - 2*shared; d > 0 && d < smallest {
				t.Fatalf("%s %q and %s %q differ by %d", one, key, other, k, d)
			}
			if shared == len(theirs) {
				left -= shared
			}
		}
		if left > 0 && left < smallest {
			t.Fatalf("cells of %s leave %d of %s %q", other, left, one, key)
		}
	}
}
