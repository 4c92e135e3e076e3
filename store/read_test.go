package store_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
)

// holds evaluates a predicate in plain Go: known is false where a comparison
// with a missing value decides.
func holds(p read.Predicate, row person) (value, known bool) {
	switch p := p.(type) {
	case nil:
		return true, true
	case read.And:
		known = true
		for _, part := range p {
			v, k := holds(part, row)
			if k && !v {
				return false, true
			}
			known = known && k
		}
		return true, known
	case read.Or:
		known = true
		for _, part := range p {
			v, k := holds(part, row)
			if k && v {
				return true, true
			}
			known = known && k
		}
		return false, known
	case read.Not:
		v, k := holds(p.Of, row)
		return !v, k
	case read.Present:
		_, number := row.numbers[p.Column]
		_, text := row.texts[p.Column]
		return number || text, true
	case read.Compare:
		return compares(p, row)
	}
	panic("unknown predicate")
}

func compares(c read.Compare, row person) (value, known bool) {
	for _, v := range c.Values {
		order := 0
		if v.IsText {
			have, ok := row.texts[c.Column]
			if !ok {
				return false, false
			}
			order = strings.Compare(have, v.Text)
		} else {
			have, ok := row.numbers[c.Column]
			if !ok {
				return false, false
			}
			order = int(math.Copysign(1, have-v.Number))
			if math.Abs(have-v.Number) < 1e-9 {
				order = 0
			}
		}
		if map[read.Op]bool{read.Eq: order == 0, read.In: order == 0, read.Ne: order != 0, read.Lt: order < 0, read.Le: order <= 0, read.Gt: order > 0, read.Ge: order >= 0}[c.Op] {
			return true, true
		}
	}
	return false, true
}

// randomPredicate is one of any shape and depth.
func randomPredicate(random *rand.Rand, depth int) read.Predicate {
	if depth > 0 {
		a, b := randomPredicate(random, depth-1), randomPredicate(random, depth-1)
		switch random.IntN(4) {
		case 0:
			return read.And{a, b}
		case 1:
			return read.Or{a, b}
		case 2:
			return read.Not{Of: a}
		}
	}
	number := func(column string, v float64) read.Predicate {
		op := []read.Op{read.Eq, read.Ne, read.Lt, read.Le, read.Gt, read.Ge}[random.IntN(6)]
		return read.Compare{Column: column, Op: op, Values: []read.Value{{Number: v}}}
	}
	text := func(column string, op read.Op, of ...string) read.Predicate {
		c := read.Compare{Column: column, Op: op}
		for _, v := range of {
			c.Values = append(c.Values, read.Value{Text: v, IsText: true})
		}
		return c
	}
	switch random.IntN(12) {
	case 0:
		return number("odi_baseline", float64(random.IntN(1800))/18)
	case 1:
		return number("eq5d5l_uk5l_rowen2026_12m", float64(random.IntN(1000))/1000)
	case 2:
		return number("nrs_back_12m", 4.5)
	case 3:
		return number("age", float64(random.IntN(100)))
	case 4:
		return number("imd_quintile", float64(1+random.IntN(5)))
	case 5:
		return number("year", 2024)
	case 6:
		return text("region", []read.Op{read.Eq, read.Ne}[random.IntN(2)], pick(random, "Y60's\\", "Y63"))
	case 7:
		return text("sex", read.In, "female", "other")
	case 8:
		return text("referred_on", []read.Op{read.Lt, read.Ge, read.Eq}[random.IntN(3)], fmt.Sprintf("2024-%02d-15", 1+random.IntN(12)))
	case 9:
		return text("month", []read.Op{read.Lt, read.Ge, read.Eq}[random.IntN(3)], fmt.Sprintf("2024-%02d-01", 1+random.IntN(12)))
	case 10:
		return text("age_band", read.In, "25-34", "85+")
	}
	return read.Present{Column: pick(random, "age", "region", "odi_12m", "bmi", "sex", "imd_quintile", "wait_days")}
}

func key(row person, by []string) string {
	parts := make([]string, len(by))
	for i, name := range by {
		parts[i] = row.texts[name]
	}
	return strings.Join(parts, "\x00")
}

func TestCountEqualsGo(t *testing.T) {
	s, _ := open(t)
	rows := people(t, s, 400, 1)
	random := rand.New(rand.NewPCG(5, 5))
	dimensions := []string{"region", "sex", "age_band", "imd_quintile", "year", "month", "quarter", "startback_risk", "provider", "bmi", "symptom_duration", "prior_surgery"}
	for round := range 120 {
		sel := read.Selection{Programme: "back-pain", Where: randomPredicate(random, round%4)}
		random.Shuffle(len(dimensions), func(i, j int) { dimensions[i], dimensions[j] = dimensions[j], dimensions[i] })
		sel.By = slices.Clone(dimensions[:random.IntN(3)])
		want := map[string]int64{}
		for _, row := range rows {
			if v, known := holds(sel.Where, row); v && known {
				want[key(row, sel.By)]++
			}
		}
		if len(sel.By) == 0 {
			want[""] += 0
		}
		got, err := s.Reader().Count(context.Background(), sel)
		if err != nil {
			t.Fatalf("%+v: %v", sel, err)
		}
		if len(got) != len(want) {
			t.Errorf("%+v: %d groups, want %d", sel, len(got), len(want))
		}
		for _, c := range got {
			if w := want[strings.Join(c.Key, "\x00")]; c.N != w {
				t.Errorf("%+v: %q has %d, want %d", sel, c.Key, c.N, w)
			}
		}
	}
}

func level(column, value string) moments.Factor { return moments.Factor{Column: column, Level: &value} }

// questionTerms are of every kind: exact, prorated, powers, levels, products.
func questionTerms() []moments.Term {
	return []moments.Term{
		moments.Column("odi_baseline"), moments.Column("odi_12m"), moments.Column("eq5d5l_uk5l_rowen2026_baseline"), moments.Column("age"), moments.Column("imd_quintile"),
		{Name: "I(age^2)", Factors: []moments.Factor{{Column: "age", Power: 2}}},
		moments.Indicator("sex", "female"), moments.Indicator("region", "Y60's\\"), moments.Indicator("imd_quintile", "3"), moments.Indicator("month", "2024-02-01"),
		{Name: "female:odi", Factors: []moments.Factor{level("sex", "female"), {Column: "odi_baseline"}}},
		{Name: "age:odi", Factors: []moments.Factor{{Column: "age"}, {Column: "odi_baseline", Power: 1}}},
	}
}

func value(f moments.Factor, row person) float64 {
	if f.Level != nil {
		if row.texts[f.Column] == *f.Level {
			return 1
		}
		return 0
	}
	return math.Pow(row.numbers[f.Column], math.Max(float64(f.Power), 1))
}

// TestIndicatorOfNobody asks for levels that no row can have, a missing value among
// them: each is 0 in all rows.
func TestIndicatorOfNobody(t *testing.T) {
	s, _ := open(t)
	people(t, s, 100, 4)
	var terms []moments.Term
	for column, levels := range map[string][]string{
		"sex": {"", "unknown", "nobody", "1"}, "region": {"", "nowhere"}, "imd_quintile": {"", "0", "03", "9", "99999999999", "-3"}, "month": {"", "2024"},
	} {
		for _, level := range levels {
			terms = append(terms, moments.Indicator(column, level))
		}
	}
	for _, by := range [][]string{nil, {"programme"}} {
		groups, err := s.Reader().Moments(context.Background(), read.Question{Selection: read.Selection{Programme: "back-pain", By: by}, Terms: terms})
		if err != nil {
			t.Fatal(err)
		}
		if len(groups) != 1 || groups[0].Moments.N == 0 {
			t.Fatalf("by %v: %d groups", by, len(groups))
		}
		for i, term := range terms {
			if n := groups[0].Moments.Sum(i+1, 0); n != 0 {
				t.Errorf("by %v: %v has %v people", by, term.Factors[0], n)
			}
		}
	}
}

func TestMomentsEqualGo(t *testing.T) {
	s, _ := open(t)
	rows := people(t, s, 600, 2)
	odi := instruments.ScoresOf("odi")[0]
	random := rand.New(rand.NewPCG(6, 6))
	for round := range 12 {
		q := read.Question{
			Eligible:  true,
			Selection: read.Selection{Programme: "back-pain", By: [][]string{nil, {"region"}, {"provider", "year"}}[round%3]},
			Terms:     questionTerms(), Complete: []string{"bmi", "region"}, Change: &read.Change{Baseline: "odi_baseline", FollowUp: "odi_12m"},
		}
		if round > 2 {
			q.Where = randomPredicate(random, 1)
		}
		before := s.Reader().RowsRead()
		groups, err := s.Reader().Moments(threads(1), q)
		if err != nil {
			t.Fatal(err)
		}
		if read := s.Reader().RowsRead() - before; read != int64(len(groups)) {
			t.Errorf("the engine returned %d rows for %d groups", read, len(groups))
		}
		want := reduce(t, q, rows, odi)
		if len(groups) != len(want) {
			t.Errorf("%d groups, want %d", len(groups), len(want))
		}
		for _, g := range groups {
			same(t, g, want[strings.Join(g.Key, "\x00")])
		}
		if len(q.By) == 0 {
			sameWithoutChange(t, s, q, groups[0])
		}
		two, err := s.Reader().Moments(threads(2), q)
		if err != nil {
			t.Fatal(err)
		}
		for i := range groups {
			if !slices.Equal(groups[i].Moments.Exact, two[i].Moments.Exact) {
				t.Errorf("one and two threads give different exact sums in group %q", groups[i].Key)
			}
		}
	}
}

// sameWithoutChange: a question that is not grouped and counts no change is
// summed by its indicators first, to the same integers.
func sameWithoutChange(t *testing.T, s *store.Store, q read.Question, want read.Group) {
	t.Helper()
	q.Change = nil
	groups, err := s.Reader().Moments(threads(2), q)
	if err != nil {
		t.Fatal(err)
	}
	got := groups[0]
	if len(groups) != 1 || got.Eligible != want.Eligible || got.Moments.N != want.Moments.N || !slices.Equal(got.Moments.Exact, want.Moments.Exact) {
		t.Errorf("summed by indicators: %d groups of %d, %d: other exact sums than row by row (%d, %d)", len(groups), got.Eligible, got.Moments.N, want.Eligible, want.Moments.N)
	}
	for c, v := range got.Moments.Float {
		if math.Abs(v-want.Moments.Float[c]) > 1e-12*math.Max(1, math.Abs(want.Moments.Float[c])) {
			t.Errorf("summed by indicators: cell %d is %v, row by row %v", c, v, want.Moments.Float[c])
		}
	}
}

// reduce answers the question in plain Go.
func reduce(t *testing.T, q read.Question, rows []person, score *instruments.Score) map[string]*read.Group {
	t.Helper()
	terms := append([]moments.Term{moments.Intercept()}, q.Terms...)
	units := []int64{1, 18, 18, 1000, 1, 1, 0, 1, 1, 1, 1, 18, 0}
	groups, data := map[string]*read.Group{}, map[string][]float64{}
	if len(q.By) == 0 {
		groups[""] = &read.Group{}
	}
	for _, row := range rows {
		if v, known := holds(q.Where, row); !v || !known {
			continue
		}
		k := key(row, q.By)
		if groups[k] == nil {
			groups[k] = &read.Group{}
		}
		g := groups[k]
		g.Eligible++
		if !complete(row, "odi_baseline", "odi_12m", "eq5d5l_uk5l_rowen2026_baseline", "age", "imd_quintile", "bmi", "region") {
			continue
		}
		for _, term := range terms {
			x := 1.0
			for _, f := range term.Factors {
				x *= value(f, row)
			}
			data[k] = append(data[k], x)
		}
		b, f := row.numbers["odi_baseline"], row.numbers["odi_12m"]
		count(g, score.Change(&b, &f))
	}
	for k, g := range groups {
		m, err := moments.FromRows(terms, units, data[k])
		if err != nil {
			t.Fatal(err)
		}
		g.Moments = m
	}
	return groups
}

func complete(row person, columns ...string) bool {
	for _, c := range columns {
		if present, _ := holds(read.Present{Column: c}, row); !present {
			return false
		}
	}
	return true
}

func count(g *read.Group, c instruments.Change) {
	switch {
	case *c.Improvement > 1e-9:
		g.Improved++
	case *c.Improvement < -1e-9:
		g.Worse++
	default:
		g.Unchanged++
	}
	if c.Responder != nil {
		g.ResponderBase++
		if *c.Responder {
			g.Responders++
		}
	}
}

func same(t *testing.T, got read.Group, want *read.Group) {
	t.Helper()
	if want == nil {
		t.Errorf("group %q should not be there", got.Key)
		return
	}
	if got.Eligible != want.Eligible || got.Moments.N != want.Moments.N || got.Improved != want.Improved || got.Unchanged != want.Unchanged ||
		got.Worse != want.Worse || got.Responders != want.Responders || got.ResponderBase != want.ResponderBase {
		t.Errorf("group %q: counts %+v, want %+v", got.Key, counts(got), counts(*want))
	}
	if !slices.Equal(got.Moments.Units, want.Moments.Units) {
		t.Errorf("group %q: units %v, want %v", got.Key, got.Moments.Units, want.Moments.Units)
		return
	}
	for i := range got.Moments.Terms {
		for j := range i + 1 {
			c := moments.Cell(i, j)
			if got.Moments.IsExact(i, j) && got.Moments.Exact[c] != want.Moments.Exact[c] {
				t.Errorf("group %q: exact cell %d,%d = %v, want %v", got.Key, i, j, got.Moments.Exact[c], want.Moments.Exact[c])
			}
			if g, w := got.Moments.Float[c], want.Moments.Float[c]; math.Abs(g-w) > 1e-12*math.Max(1, math.Abs(w)) {
				t.Errorf("group %q: cell %d,%d = %v, want %v", got.Key, i, j, g, w)
			}
		}
	}
}

func counts(g read.Group) [7]int64 {
	return [7]int64{g.Eligible, g.Moments.N, g.Improved, g.Unchanged, g.Worse, g.Responders, g.ResponderBase}
}
