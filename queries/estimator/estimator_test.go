package estimator

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// person is somebody of a confounded comparison.
type person struct {
	treated    bool
	age, level int
	y          float64
}

// confounded are people whose treatment and outcome depend on age and level.
func confounded(n int, seed uint64) []person {
	r := rand.New(rand.NewPCG(seed, 1))
	out := make([]person, n)
	for i := range out {
		p := person{age: 30 + r.IntN(8)*5, level: r.IntN(3)}
		p.treated = r.Float64() < 1/(1+math.Exp(-(float64(p.age)-47)/12-0.4*float64(p.level-1)))
		p.y = math.Round(20 + 0.4*float64(p.age) + 3*float64(p.level) + 8*r.NormFloat64())
		if p.treated {
			p.y -= 5
		}
		out[i] = p
	}
	return out
}

// patterns makes the people's table, one row a person.
func patterns(t *testing.T, people []person) Patterns {
	t.Helper()
	p := Patterns{}
	age, level := design.Column{Name: "age"}, design.Column{Name: "level", Levels: []string{"low", "medium", "high"}}
	for _, q := range people {
		age.Values, level.Codes = append(age.Values, float64(q.age)), append(level.Codes, q.level)
		p.Treated = append(p.Treated, q.treated)
		p.Count, p.Sum, p.SumSq = append(p.Count, 1), append(p.Sum, q.y), append(p.SumSq, q.y*q.y)
	}
	var err error
	if p.Table, err = design.NewTable(age, level); err != nil {
		t.Fatal(err)
	}
	return p
}

// grouped makes the same people's patterns.
func grouped(t *testing.T, people []person) Patterns {
	t.Helper()
	place := map[[3]int]int{}
	var first []person
	var count, sum, squares []float64
	for _, q := range people {
		key := [3]int{q.age, q.level, 0}
		if q.treated {
			key[2] = 1
		}
		at, seen := place[key]
		if !seen {
			at = len(first)
			place[key] = at
			first, count, sum, squares = append(first, q), append(count, 0), append(sum, 0), append(squares, 0)
		}
		count[at], sum[at], squares[at] = count[at]+1, sum[at]+q.y, squares[at]+q.y*q.y
	}
	p := patterns(t, first)
	p.Count, p.Sum, p.SumSq = count, sum, squares
	return p
}

const terms = "~ poly(age, 2) + level"

func estimate(t *testing.T, p Patterns, m Method, of Estimand) Result {
	t.Helper()
	s, left, err := p.Study(terms)
	if err != nil || len(left) > 0 {
		t.Fatalf("Study: left out %v, %v", left, err)
	}
	r, err := Estimate(s, m, Options{Estimand: of, Influence: true})
	if err != nil {
		t.Fatalf("%s of %s: %v", m, of, err)
	}
	return r
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*math.Max(1, math.Abs(b)) }

func TestPatternsAreRows(t *testing.T) {
	people := confounded(700, 1)
	for _, m := range Methods() {
		for _, of := range estimands[m] {
			if m == Matching {
				continue
			}
			rows, cells := estimate(t, patterns(t, people), m, of), estimate(t, grouped(t, people), m, of)
			if !near(rows.Value, cells.Value, 1e-9) || !near(rows.StdErr, cells.StdErr, 1e-9) || !near(rows.ESS(), cells.ESS(), 1e-9) {
				t.Errorf("%s of %s: rows %v ± %v (ess %v), patterns %v ± %v (ess %v)", m, of, rows.Value, rows.StdErr, rows.ESS(), cells.Value, cells.StdErr, cells.ESS())
			}
			if math.Abs(rows.Value+5) > 4*rows.StdErr {
				t.Errorf("%s of %s: %v ± %v, the truth is −5", m, of, rows.Value, rows.StdErr)
			}
		}
	}
}

// TestEverybodyAClusterIsNoClusters but for the factor n/(n−1).
func TestEverybodyAClusterIsNoClusters(t *testing.T) {
	people := confounded(400, 2)
	p := patterns(t, people)
	for i := range people {
		p.Cluster = append(p.Cluster, i)
	}
	n := float64(len(people))
	for _, m := range []Method{GComputation, IPW, Overlap, AIPW, EntropyBalancing} {
		of := estimands[m][0]
		alone, plain := estimate(t, p, m, of), estimate(t, patterns(t, people), m, of)
		if want := plain.StdErr * math.Sqrt(n/(n-1)); !near(alone.StdErr, want, 1e-9) || alone.DF != n-1 || !near(alone.Value, plain.Value, 1e-12) {
			t.Errorf("%s: %v ± %v on %v df, want %v ± %v", m, alone.Value, alone.StdErr, alone.DF, plain.Value, want)
		}
	}
}

// TestJackknife: groups are made of values and the seed, not of the order of the
// rows, and of patterns as of people; with clusters they are the clusters; and
// the errors are near those of influence, as they must be in an easy study.
func TestJackknife(t *testing.T) {
	people := confounded(600, 8)
	jack := func(p Patterns, m Method, seed uint64) Result {
		s, _, err := p.Study(terms)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Estimate(s, m, Options{Estimand: estimands[m][0], Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	byOutcome := map[person]float64{}
	var distinct []person
	for _, q := range people {
		if byOutcome[q] == 0 {
			distinct = append(distinct, q)
		}
		byOutcome[q]++
	}
	cells := patterns(t, distinct)
	for i, q := range distinct {
		n := byOutcome[q]
		cells.Count[i], cells.Sum[i], cells.SumSq[i] = n, n*q.y, n*q.y*q.y
	}
	sorted := slices.Clone(people)
	slices.SortStableFunc(sorted, func(a, b person) int { return int(a.y - b.y) })
	for _, m := range []Method{GComputation, IPW, Overlap, AIPW, EntropyBalancing} {
		want := jack(patterns(t, people), m, 1)
		for name, p := range map[string]Patterns{"sorted rows": patterns(t, sorted), "patterns": cells} {
			if got := jack(p, m, 1); !near(got.StdErr, want.StdErr, 1e-8) || got.DF != jackknifeGroups-1 {
				t.Errorf("%s of %s: ± %v on %v df, of rows ± %v", m, name, got.StdErr, got.DF, want.StdErr)
			}
		}
		influence := estimate(t, patterns(t, people), m, estimands[m][0])
		if ratio := want.StdErr / influence.StdErr; ratio < 0.8 || ratio > 1.4 {
			t.Errorf("%s: jackknife ± %v, influence ± %v", m, want.StdErr, influence.StdErr)
		}
		if other := jack(patterns(t, people), m, 2); other.StdErr == want.StdErr {
			t.Errorf("%s: another seed makes the same groups", m)
		}
		clustered := patterns(t, people)
		for i := range people {
			clustered.Cluster = append(clustered.Cluster, i%12)
		}
		if r := jack(clustered, m, 1); r.DF != 11 {
			t.Errorf("%s: %v degrees of freedom of 12 clusters, want 11", m, r.DF)
		}
	}
}

// TestMatchingForgetsTheOrder: the same people in another order, sorted by
// outcome even, give the same pairs; another seed may not.
func TestMatchingForgetsTheOrder(t *testing.T) {
	people := confounded(500, 3)
	match := func(people []person, seed uint64) Result {
		s, _, err := patterns(t, people).Study(terms)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Match(s, s.Sum, Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	want := match(people, 1)
	sorted := slices.Clone(people)
	slices.SortStableFunc(sorted, func(a, b person) int { return int(a.y - b.y) })
	if got := match(sorted, 1); !near(got.Value, want.Value, 1e-10) || !near(got.StdErr, want.StdErr, 1e-10) {
		t.Errorf("sorted by outcome: %v ± %v, want %v ± %v", got.Value, got.StdErr, want.Value, want.StdErr)
	}
	if match(people, 2).Value == want.Value {
		t.Error("another seed gives the same pairs, though scores are tied")
	}
	if math.Abs(want.Value+5) > 4*want.StdErr {
		t.Errorf("%v ± %v, the truth is −5", want.Value, want.StdErr)
	}
}

func TestColumnsThatAnArmCanNotEstimateStayOut(t *testing.T) {
	people := confounded(300, 4)
	for i := range people {
		if people[i].level == 2 && !people[i].treated {
			people[i].level = 1
		}
	}
	s, left, err := patterns(t, people).Study("~ age + I(2 * age) + level")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(left, []string{"I(2 * age)", "levelhigh"}) || !slices.Equal(s.Score.Names, []string{"(Intercept)", "age", "levelmedium"}) {
		t.Errorf("left out %v, stayed %v", left, s.Score.Names)
	}
}

func TestRefusals(t *testing.T) {
	if _, err := AIPW.Of(ATO); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("aipw of ATO: %v, want ErrInvalidParameter", err)
	}
	if of, err := Overlap.Of(ATT); err != nil || of != ATO {
		t.Errorf("overlap of ATT: %v, %v, want ATO", of, err)
	}
	apart := confounded(200, 5)
	for i := range apart {
		apart[i].treated = apart[i].age > 50
	}
	s, _, err := patterns(t, apart).Study("~ age")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []Method{IPW, Overlap, AIPW} {
		if _, err := Estimate(s, m, Options{Estimand: estimands[m][0]}); !errors.Is(err, analytics.ErrNotConverged) {
			t.Errorf("%s of arms that a covariate tells apart: %v, want ErrNotConverged", m, err)
		}
	}
	p := grouped(t, confounded(300, 6))
	if s, _, err = p.Study(terms); err != nil {
		t.Fatal(err)
	}
	if _, err := Match(s, s.Sum, Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("matching patterns of several: %v, want ErrInvalidParameter", err)
	}
	constant := confounded(300, 7)
	for i := range constant {
		constant[i].y = 3
	}
	if s, _, err = patterns(t, constant).Study(terms); err != nil {
		t.Fatal(err)
	}
	if r, err := Estimate(s, IPW, Options{Estimand: ATE}); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("a constant outcome: %v ± %v, %v, want ErrZeroVariance", r.Value, r.StdErr, err)
	}
}
