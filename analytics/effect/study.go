package effect

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// Study is a treated and a control arm as patterns: one a combination of arm
// and covariates, with the people in it and the sums of their outcomes.
type Study struct {
	Treated []bool
	// Count is people, Sum Σy and SumSq Σy² of each pattern.
	Count, Sum, SumSq []float64
	// Score has the columns of the propensity model and Outcome those of the
	// outcome model without the treatment, one row a pattern; either may be nil
	// for an estimator that does not read it.
	Score, Outcome *design.Matrix
	// Cluster is the cluster (a provider) of each pattern, from 0; nil where
	// people are independent. Standard errors then allow for people of one
	// cluster being alike.
	Cluster []int
}

// FromRows returns the study of rows of people; treatment is 1 or 0 and y may be
// nil where only balance is asked. Lengths that differ, another treatment, NaN:
// ErrInvalidParameter; an outcome that varies in neither arm: ErrZeroVariance.
func FromRows(treatment, y []float64, score, outcome *design.Matrix) (*Study, error) {
	n := len(treatment)
	s := &Study{Treated: make([]bool, n), Count: make([]float64, n), Sum: make([]float64, n), SumSq: make([]float64, n), Score: score, Outcome: outcome}
	for i, t := range treatment {
		if t != 0 && t != 1 {
			return nil, fmt.Errorf("effect: the treatment of row %d is neither 1 nor 0: %w", i+1, analytics.ErrInvalidParameter)
		}
		s.Treated[i], s.Count[i] = t == 1, 1
	}
	if y != nil {
		if len(y) != n {
			return nil, fmt.Errorf("effect: %d outcomes for %d people: %w", len(y), n, analytics.ErrInvalidParameter)
		}
		for i, v := range y {
			s.Sum[i], s.SumSq[i] = v, v*v
		}
		if constantWithinArms(treatment, y) {
			return nil, fmt.Errorf("effect: the outcome varies in neither arm, so no effect has an error; choose another outcome or widen the group: %w", analytics.ErrZeroVariance)
		}
	}
	return s, s.Check()
}

// constantWithinArms says whether the outcome varies in neither arm, so that no
// effect has an error.
func constantWithinArms(treatment, y []float64) bool {
	first := [2]int{-1, -1}
	for i, v := range y {
		k := arm(treatment[i] == 1)
		if first[k] < 0 {
			first[k] = i
		}
		if v != y[first[k]] {
			return false
		}
	}
	return first[0] >= 0 && first[1] >= 0
}

// Check returns an error unless every part has one value a pattern, all numbers
// are finite (ErrInvalidParameter) and both arms have people
// (ErrTooFewObservations).
func (s *Study) Check() error {
	n := len(s.Treated)
	for _, part := range []struct {
		name   string
		values []float64
	}{{"Count", s.Count}, {"Sum", s.Sum}, {"SumSq", s.SumSq}} {
		if len(part.values) != n {
			return fmt.Errorf("effect: %s has %d values for %d patterns: %w", part.name, len(part.values), n, analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite("effect: "+part.name, part.values); err != nil {
			return err
		}
	}
	if s.Cluster != nil {
		if len(s.Cluster) != n {
			return fmt.Errorf("effect: %d clusters for %d patterns: %w", len(s.Cluster), n, analytics.ErrInvalidParameter)
		}
		if s.Clusters() < 2 {
			return fmt.Errorf("effect: one cluster, need 2 for clustered errors: %w", analytics.ErrTooFewObservations)
		}
	}
	for _, m := range []*design.Matrix{s.Score, s.Outcome} {
		if m == nil {
			continue
		}
		if m.N != n {
			return fmt.Errorf("effect: a design of %d rows for %d patterns: %w", m.N, n, analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite("effect: covariates", m.X); err != nil {
			return err
		}
	}
	var arms [2]float64
	for i, t := range s.Treated {
		if s.Count[i] < 0 {
			return fmt.Errorf("effect: pattern %d has a negative count: %w", i+1, analytics.ErrInvalidParameter)
		}
		arms[arm(t)] += s.Count[i]
	}
	for k, name := range []string{"control", "treated"} {
		if arms[k] == 0 {
			return fmt.Errorf("effect: nobody is in the %s arm: %w", name, analytics.ErrTooFewObservations)
		}
	}
	return nil
}

func arm(treated bool) int {
	if treated {
		return 1
	}
	return 0
}

// Len is the number of patterns.
func (s *Study) Len() int { return len(s.Treated) }

// N is the number of people.
func (s *Study) N() float64 { return s.Size(true) + s.Size(false) }

// Size is the number of people in an arm.
func (s *Study) Size(treated bool) float64 {
	var n float64
	for i, t := range s.Treated {
		if t == treated {
			n += s.Count[i]
		}
	}
	return n
}

// Clusters is how many clusters have people; 0 without clusters.
func (s *Study) Clusters() int {
	seen := map[int]bool{}
	for i, g := range s.Cluster {
		if s.Count[i] > 0 {
			seen[g] = true
		}
	}
	return len(seen)
}

// Mean is the mean outcome of an arm.
func (s *Study) Mean(treated bool) float64 {
	var sum float64
	for i, t := range s.Treated {
		if t == treated {
			sum += s.Sum[i]
		}
	}
	return sum / s.Size(treated)
}

// Places lists the patterns of an arm.
func (s *Study) Places(treated bool) []int {
	var out []int
	for i, t := range s.Treated {
		if t == treated {
			out = append(out, i)
		}
	}
	return out
}

// ScoreCells are the patterns with the treatment as their outcome: what a
// propensity model is fitted to. Without a Score: ErrInvalidParameter.
func (s *Study) ScoreCells() (cells.Cells, error) {
	if s.Score == nil {
		return cells.Cells{}, fmt.Errorf("effect: the study has no columns for a propensity model: %w", analytics.ErrInvalidParameter)
	}
	c := cells.Cells{Design: s.Score, Count: s.Count, Sum: make([]float64, s.Len())}
	for i, t := range s.Treated {
		if t {
			c.Sum[i] = s.Count[i]
		}
	}
	c.SumSq = c.Sum
	return c, nil
}

// OutcomeCells are the patterns with their outcome. Without an Outcome:
// ErrInvalidParameter.
func (s *Study) OutcomeCells() (cells.Cells, error) {
	if s.Outcome == nil {
		return cells.Cells{}, fmt.Errorf("effect: the study has no columns for an outcome model: %w", analytics.ErrInvalidParameter)
	}
	return cells.Cells{Design: s.Outcome, Count: s.Count, Sum: s.Sum, SumSq: s.SumSq}, nil
}

// Select returns the study of some patterns.
func (s *Study) Select(places []int) *Study {
	out := &Study{}
	for _, i := range places {
		out.Treated = append(out.Treated, s.Treated[i])
		out.Count = append(out.Count, s.Count[i])
		out.Sum = append(out.Sum, s.Sum[i])
		out.SumSq = append(out.SumSq, s.SumSq[i])
		if s.Cluster != nil {
			out.Cluster = append(out.Cluster, s.Cluster[i])
		}
	}
	pick := func(m *design.Matrix) *design.Matrix {
		if m == nil {
			return nil
		}
		none := make([]float64, m.N)
		return cells.Cells{Design: m, Count: none, Sum: none, SumSq: none}.Select(places).Design
	}
	out.Score, out.Outcome = pick(s.Score), pick(s.Outcome)
	return out
}

// Quantile is one of Quantiles.
func (s *Study) Quantile(values []float64, p float64, of func(i int) bool) (float64, error) {
	q, err := s.Quantiles(values, []float64{p}, of)
	if err != nil {
		return 0, err
	}
	return q[0], nil
}

// Quantiles are the type-7 quantiles of a number that each pattern has, over the
// people of the patterns that `of` keeps (nil keeps all), by one sort. Nobody:
// ErrTooFewObservations; a p outside [0,1]: ErrInvalidParameter.
func (s *Study) Quantiles(values, ps []float64, of func(i int) bool) ([]float64, error) {
	var places []int
	for i := range values {
		if s.Count[i] > 0 && (of == nil || of(i)) {
			places = append(places, i)
		}
	}
	if len(places) == 0 {
		return nil, fmt.Errorf("effect: quantile: nobody: %w", analytics.ErrTooFewObservations)
	}
	sort.Slice(places, func(a, b int) bool { return values[places[a]] < values[places[b]] })
	upTo := make([]float64, len(places)) // people of this value and below
	var n float64
	for k, i := range places {
		n += s.Count[i]
		upTo[k] = n
	}
	at := func(position float64) float64 {
		k := sort.Search(len(upTo)-1, func(k int) bool { return upTo[k] > position })
		return values[places[k]]
	}
	const fuzz = 4 * 2.220446049250313e-16
	out := make([]float64, len(ps))
	for j, p := range ps {
		if !(p >= 0 && p <= 1) {
			return nil, fmt.Errorf("effect: quantile: p = %v, need 0 to 1: %w", p, analytics.ErrInvalidParameter)
		}
		h := (n - 1) * p
		k := math.Floor(h + fuzz)
		out[j] = at(k)
		if w := h - k; w >= fuzz {
			if hi := at(k + 1); hi != out[j] {
				out[j] = (1-w)*out[j] + w*hi
			}
		}
	}
	return out, nil
}
