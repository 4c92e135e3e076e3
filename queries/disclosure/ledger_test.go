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

func (all people) count(_ context.Context, _ string, who People, dims []string, within map[string][]string) ([]Overlap, error) {
	sums := map[string]int64{}
next:
	for _, p := range all {
		if !p.counts(who) {
			continue
		}
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

// counts says whether the person is among them: has what they need.
func (p person) counts(who People) bool {
	return !slices.ContainsFunc(who.Needs, func(column string) bool { return p[column] == "" }) &&
		(len(who.Asked) == 0 || slices.Contains(who.Asked, p["procedure"]))
}

func (all people) by(dims ...string) Cohorts { return all.of(People{}, dims...) }

func (all people) of(who People, dims ...string) Cohorts {
	slices.Sort(dims)
	rows, _ := all.count(context.Background(), "", who, dims, nil)
	c := Cohorts{People: who, Dims: dims, Cells: map[string]int64{}}
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

func TestLedgerComparesWithinOneProgramme(t *testing.T) {
	all := slices.Concat(some(97, "a", "1"), some(3, "a", "2"))
	var l Ledger
	ask(t, &l, all, all.by())
	other := all.by("a")
	other.Programme = "another"
	if got := ask(t, &l, all, other); got != nil {
		t.Errorf("another programme: withheld %v, want none", got)
	}
	if got := ask(t, &l, all, all.by("a")); !slices.Equal(got, []string{"1"}) {
		t.Errorf("the same programme: withheld %v, want [1]", got)
	}
}

func TestLedgerComparesNestedPeople(t *testing.T) {
	both, more, other := People{Needs: []string{"x", "y"}}, People{Needs: []string{"x", "y", "z"}}, People{Needs: []string{"u", "v"}}
	hips := People{Asked: []string{"hip"}}
	all := slices.Concat(
		some(60, "a", "1", "b", "1", "x", "1", "y", "1", "z", "1", "u", "1", "v", "1", "procedure", "hip"),
		some(5, "a", "1", "b", "2", "x", "1", "y", "1", "u", "1", "v", "1", "procedure", "hip"),
		some(40, "a", "2", "b", "2", "x", "1", "y", "1", "z", "1", "procedure", "hip"),
		some(4, "a", "2", "b", "1", "procedure", "knee"))
	for _, c := range []struct {
		name  string
		asked []Cohorts
		want  []string
	}{
		{"fewer columns, then more, by the same", []Cohorts{all.of(both, "a"), all.of(more, "a")}, []string{"1"}},
		{"more columns, then fewer, by the same", []Cohorts{all.of(more, "a"), all.of(both, "a")}, []string{"1"}},
		{"everyone of the wider, parts of the narrower", []Cohorts{all.of(both), all.of(more, "a")}, []string{"2"}},
		{"parts of the wider, everyone of the narrower", []Cohorts{all.of(both, "a"), all.of(more)}, []string{""}},
		{"groupings that cross", []Cohorts{all.of(both, "a"), all.of(more, "b")}, []string{"1"}},
		{"columns that do not nest", []Cohorts{all.of(more, "a"), all.of(other, "a")}, nil},
		{"the eligible of all procedures, then of some", []Cohorts{all.by("a"), all.of(hips, "a")}, []string{"2"}},
		{"the eligible and those with a complete record", []Cohorts{all.by("a"), all.of(both, "a")}, nil},
	} {
		var l Ledger
		var got []string
		for _, asked := range c.asked {
			got = ask(t, &l, all, asked)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: withheld %v, want %v", c.name, got, c.want)
		}
	}
}

// Somebody asks for as many groupings as there are; what was asked before, and
// the plain groupings of boards and pages, are answered all the same.
func TestAFullLedgerStillAnswersBoards(t *testing.T) {
	cohorts := func(needs string, plain bool, dims ...string) Cohorts {
		key := CellKey(make([]string, len(dims)))
		return Cohorts{People: People{Needs: []string{"score", needs}}, Plain: plain, Dims: dims, Cells: map[string]int64{key: 10}}
	}
	admit := func(l *Ledger, c Cohorts) error {
		_, err := l.Admit(t.Context(), []Cohorts{c}, people{}.count)
		return err
	}
	var l Ledger
	var err error
	asked := 0
	for ; err == nil && asked < 2*maxShapes; asked++ {
		err = admit(&l, cohorts(fmt.Sprint(asked), false, "a", "b"))
	}
	if err != ErrLedgerFull || asked > maxShapes {
		t.Fatalf("%d groupings: %v, want %v", asked, err, ErrLedgerFull)
	}
	for _, c := range []struct {
		name string
		asks Cohorts
		want error
	}{
		{"one that was told before", cohorts("0", false, "a", "b"), nil},
		{"a plain one", cohorts("board", true, "provider"), nil},
		{"a comparison of the same people", cohorts("board", false, "intervention", "region"), nil},
		{"a plain one by three", cohorts("board", true, "provider", "sex", "year"), ErrLedgerFull},
		{"one of people that somebody chose", cohorts("own", false, "provider"), ErrLedgerFull},
	} {
		if err := admit(&l, c.asks); err != c.want {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	for err, asked = nil, 0; err == nil && asked < 2*maxShapes; asked++ {
		err = admit(&l, cohorts("board"+fmt.Sprint(asked), true, "provider"))
	}
	if err != ErrLedgerFull || len(l.shapes) != maxShapes {
		t.Errorf("%d groupings, %v: want %d and %v", len(l.shapes), err, maxShapes, ErrLedgerFull)
	}
}

func TestALedgerThatRefusesRemembersNothingOfIt(t *testing.T) {
	l := Ledger{cells: maxCells - reserveCells}
	if _, err := l.Admit(t.Context(), []Cohorts{{Cells: map[string]int64{"": 10}}}, nil); err != ErrLedgerFull || len(l.shapes) > 0 {
		t.Errorf("no room for a cell: %v with %d groupings, want %v with none", err, len(l.shapes), ErrLedgerFull)
	}
}

// Whatever is asked in whatever order, no two cells told of differ by 1–7
// people, and no told cells within another leave 1–7 of it.
func TestLedgerLeavesNoSmallDifference(t *testing.T) {
	dims := []string{"a", "b", "c", "d"}
	sets := []People{{}, {Needs: []string{"x"}}, {Needs: []string{"x", "y"}}}
	rapid.Check(t, func(t *rapid.T) {
		var all people
		for range rapid.IntRange(1, 25).Draw(t, "kinds") {
			pairs := []string{}
			for _, d := range dims {
				pairs = append(pairs, d, fmt.Sprint(rapid.IntRange(0, 2).Draw(t, d)))
			}
			for _, column := range []string{"x", "y"} {
				pairs = append(pairs, column, rapid.SampledFrom([]string{"", "1", "1"}).Draw(t, column))
			}
			all = append(all, some(rapid.IntRange(1, 12).Draw(t, "n"), pairs...)...)
		}
		var l Ledger
		told := map[grouping]map[string]bool{} // cells
		for range rapid.IntRange(2, 5).Draw(t, "questions") {
			by := rapid.SliceOfNDistinct(rapid.SampledFrom(dims), 0, 3, rapid.ID).Draw(t, "by")
			who := rapid.IntRange(0, len(sets)-1).Draw(t, "who")
			c := all.of(sets[who], by...)
			withheld, err := l.Admit(context.Background(), []Cohorts{c}, all.count)
			if err != nil {
				t.Fatal(err)
			}
			name := grouping{who, strings.Join(c.Dims, "+")}
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
				checkTold(t, all, sets, told, one, key)
			}
		}
	})
}

// grouping is who was asked for, as a place in the list of sets, and by what.
type grouping struct {
	who  int
	dims string
}

// members are the people of a cell of a grouping, as places in all.
func (all people) members(who People, grouping, key string) map[int]bool {
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
		if p.counts(who) && CellKey(values) == key {
			in[i] = true
		}
	}
	return in
}

// checkTold holds one told cell against those of every other grouping.
func checkTold(t *rapid.T, all people, sets []People, told map[grouping]map[string]bool, one grouping, key string) {
	mine := all.members(sets[one.who], one.dims, key)
	for other, others := range told {
		if other == one || (other.who == 0) != (one.who == 0) {
			continue
		}
		left, covered, sum := len(mine), 0, 0
		for k := range others {
			theirs, shared := all.members(sets[other.who], other.dims, k), 0
			for i := range theirs {
				if mine[i] {
					shared++
				}
			}
			if d := len(mine) + len(theirs) - 2*shared; d > 0 && d < smallest {
				t.Fatalf("%v %q and %v %q differ by %d", one, key, other, k, d)
			}
			if shared == len(theirs) {
				left -= shared
			}
			if shared > 0 {
				covered, sum = covered+shared, sum+len(theirs)
			}
		}
		if d := sum - covered; covered == len(mine) && d > 0 && d < smallest {
			t.Fatalf("cells of %v cover %v %q with %d others", other, one, key, d)
		}
		if left > 0 && left < smallest {
			t.Fatalf("cells of %v leave %d of %v %q", other, left, one, key)
		}
	}
}
