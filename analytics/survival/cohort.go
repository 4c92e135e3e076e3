package survival

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// Cohort is people followed from time 0: one row a person, or a cell of Count
// people alike in everything else.
//
// Time is when follow-up ended, 0 or more in any unit. Cause is why: 0
// censored, 1, 2, … the event of that cause. X holds the covariates row after
// row, len(Names) a row, without an intercept. Count (people in the cell) and
// Weight (probability weight of each of them) are 1 where nil; Stratum and
// Cluster number the stratum and the cluster from 0 and may be nil: one
// stratum, every cell of its own cluster.
type Cohort struct {
	Names            []string
	X                []float64
	Time             []float64
	Cause            []int
	Count, Weight    []float64
	Stratum, Cluster []int
}

// Len is the number of rows.
func (c *Cohort) Len() int { return len(c.Time) }

// mass is the weight that row i has in sums: people times weight.
func (c *Cohort) mass(i int) float64 { return c.people(i) * c.weight(i) }

func (c *Cohort) people(i int) float64 {
	if c.Count == nil {
		return 1
	}
	return c.Count[i]
}

func (c *Cohort) weight(i int) float64 {
	if c.Weight == nil {
		return 1
	}
	return c.Weight[i]
}

func (c *Cohort) stratum(i int) int {
	if c.Stratum == nil {
		return 0
	}
	return c.Stratum[i]
}

// check refuses columns of different lengths and values outside their domain.
func (c *Cohort) check() error {
	n := c.Len()
	if n == 0 {
		return fmt.Errorf("survival: no row to follow; widen the filter: %w", analytics.ErrTooFewObservations)
	}
	if len(c.Cause) != n || len(c.X) != n*len(c.Names) {
		return fmt.Errorf("survival: times, causes and covariates have different lengths: %w", analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("survival: covariates", c.X); err != nil {
		return err
	}
	for _, w := range [][]float64{c.Count, c.Weight} {
		if w != nil && len(w) != n {
			return fmt.Errorf("survival: %d weights or counts for %d rows: %w", len(w), n, analytics.ErrInvalidParameter)
		}
		for i, v := range w {
			if !(v >= 0) || math.IsInf(v, 0) {
				return fmt.Errorf("survival: row %d has a weight or count that is negative or not finite: %w", i+1, analytics.ErrInvalidParameter)
			}
		}
	}
	for _, codes := range [][]int{c.Stratum, c.Cluster} {
		if codes != nil && len(codes) != n {
			return fmt.Errorf("survival: %d strata or clusters for %d rows: %w", len(codes), n, analytics.ErrInvalidParameter)
		}
		for i, k := range codes {
			if k < 0 {
				return fmt.Errorf("survival: row %d has no stratum or cluster: %w", i+1, analytics.ErrInvalidParameter)
			}
		}
	}
	for i, t := range c.Time {
		if !(t >= 0) || math.IsInf(t, 0) {
			return fmt.Errorf("survival: row %d: a time must be a number, 0 or more: %w", i+1, analytics.ErrInvalidParameter)
		}
		if c.Cause[i] < 0 {
			return fmt.Errorf("survival: row %d: a cause must be 0 (censored) or more: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	return nil
}
