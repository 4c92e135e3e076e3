package estimator

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Patterns are the people of a treated and a control arm who have an outcome,
// grouped by arm and covariates. A row of people is a pattern of one.
type Patterns struct {
	// Table has the covariates, one row a pattern, no value missing.
	Table   *design.Table
	Treated []bool
	// Count is people, Sum Σy and SumSq Σy² of each pattern.
	Count, Sum, SumSq []float64
	// Cluster is the cluster of each pattern, from 0; nil where people are
	// independent.
	Cluster []int
}

// fewest is the fewest people on either side of an indicator, in each arm, that
// a model needs: with one alone an error of the arm does not exist.
const fewest = 2

// Study builds the models of propensity and outcome, both on the one-sided
// formula, whose columns that an arm can not estimate (a level that hardly
// anybody has, a combination of other columns) are left out and named.
func (p Patterns) Study(covariates string) (s *effect.Study, left []string, err error) {
	f, err := design.Parse(covariates)
	if err != nil {
		return nil, nil, err
	}
	t, err := p.Table.Counted(p.Count)
	if err != nil {
		return nil, nil, err
	}
	m, err := f.Build(t)
	if err != nil {
		return nil, nil, err
	}
	if m.N != len(p.Count) {
		return nil, nil, fmt.Errorf("estimator: a covariate is missing in %d patterns: %w", len(p.Count)-m.N, analytics.ErrInvalidParameter)
	}
	keep, apart := p.estimable(m)
	if apart >= 0 {
		return nil, nil, fmt.Errorf("estimator: %s is one value in one arm and another in the other: nobody might have had either treatment; drop it only if it decides nothing: %w", m.Names[apart], analytics.ErrNotConverged)
	}
	kept := make([]int, 0, m.P)
	for j := range m.P {
		if keep[j] {
			kept = append(kept, j)
		} else {
			left = append(left, m.Names[j])
		}
	}
	m = m.Keep(kept)
	s = &effect.Study{Treated: p.Treated, Count: p.Count, Sum: p.Sum, SumSq: p.SumSq, Cluster: p.Cluster, Score: m, Outcome: m}
	return s, left, s.Check()
}

// Few names the indicators among columns of which an arm has a count that is
// small, of ones or of zeros.
func (p Patterns) Few(m *design.Matrix, small func(people int64) bool) []string {
	var out []string
	for j, name := range m.Names {
		if m.Assign[j] == 0 {
			continue
		}
		var people [2][2]float64 // by arm and value
		indicator := true
		for i, n := range p.Count {
			v := m.Row(i)[j]
			if indicator = v == 0 || v == 1; !indicator {
				break
			}
			arm := 0
			if p.Treated[i] {
				arm = 1
			}
			people[arm][int(v)] += n
		}
		if indicator && slices.ContainsFunc(slices.Concat(people[0][:], people[1][:]), func(n float64) bool { return small(int64(math.Round(n))) }) {
			out = append(out, name)
		}
	}
	return out
}

// tolerance is the share of a column's own variation that must be left after
// the columns before it are projected out, in each arm.
const tolerance = 1e-10

// estimable says of each column whether both arms can estimate it beside those
// before it: by a Cholesky decomposition of each arm's centred products in which
// a column that fails in either arm stays out of both. apart is the place of one
// that tells the arms apart without error, −1 where none does.
func (p Patterns) estimable(m *design.Matrix) (keep []bool, apart int) {
	keep, apart = make([]bool, m.P), -1
	var arms [2]factors
	for a := range arms {
		arms[a] = p.factors(m, a == 1)
	}
	for j := range m.P {
		if m.Assign[j] == 0 {
			keep[j] = true
			continue
		}
		keep[j] = arms[0].allows(j) && arms[1].allows(j)
		if keep[j] {
			arms[0].take(j)
			arms[1].take(j)
		} else if arms[0].constant(j) && arms[1].constant(j) && arms[0].low[j] != arms[1].low[j] {
			apart = j
		}
	}
	return keep, apart
}

// factors is a growing Cholesky decomposition of an arm's products about their
// means (about zero without an intercept).
type factors struct {
	cross [][]float64
	low   []float64 // of each column
	high  []float64
	few   []bool // an indicator with too few people on a side
	rows  [][]float64
	next  []float64
	left  float64
	taken []int
}

func (p Patterns) factors(m *design.Matrix, treated bool) factors {
	f := factors{cross: make([][]float64, m.P), few: make([]bool, m.P), low: make([]float64, m.P), high: make([]float64, m.P)}
	var n float64
	mean, one := make([]float64, m.P), make([]float64, m.P)
	indicator := make([]bool, m.P)
	for j := range indicator {
		indicator[j], f.low[j], f.high[j] = true, math.Inf(1), math.Inf(-1)
	}
	for i, c := range p.Count {
		if p.Treated[i] != treated || c == 0 {
			continue
		}
		n += c
		for j, v := range m.Row(i) {
			mean[j] += c * v
			f.low[j], f.high[j] = math.Min(f.low[j], v), math.Max(f.high[j], v)
			indicator[j] = indicator[j] && (v == 0 || v == 1)
			if v == 1 {
				one[j] += c
			}
		}
	}
	for j := range mean {
		mean[j] /= math.Max(n, 1)
		f.few[j] = indicator[j] && math.Min(one[j], n-one[j]) < fewest
		f.cross[j] = make([]float64, m.P)
	}
	if m.Assign[0] != 0 {
		clear(mean)
	}
	d := make([]float64, m.P)
	for i, c := range p.Count {
		if p.Treated[i] != treated || c == 0 {
			continue
		}
		for j, v := range m.Row(i) {
			d[j] = v - mean[j]
		}
		for j := range d {
			for k := range d[:j+1] {
				f.cross[j][k] += c * d[j] * d[k]
			}
		}
	}
	return f
}

// constant says whether everybody of the arm has the same value.
func (f *factors) constant(j int) bool {
	return f.low[j] == f.high[j]
}

// allows projects the columns taken out of column j and says whether enough of
// it is left.
func (f *factors) allows(j int) bool {
	f.next = make([]float64, len(f.taken))
	f.left = f.cross[j][j]
	for a, k := range f.taken {
		v := f.cross[j][k]
		for b := range a {
			v -= f.next[b] * f.rows[a][b]
		}
		f.next[a] = v / f.rows[a][a]
		f.left -= f.next[a] * f.next[a]
	}
	return !f.few[j] && !f.constant(j) && f.left > tolerance*f.cross[j][j]
}

// take adds the column that allows has just projected.
func (f *factors) take(j int) {
	f.rows = append(f.rows, append(f.next, math.Sqrt(f.left)))
	f.taken = append(f.taken, j)
}
