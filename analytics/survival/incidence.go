package survival

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Incidence is the cumulative incidence of every cause in one group, one place
// a time at which someone left.
type Incidence struct {
	Group string
	Times []float64
	// Survival is the share free of any event after the time, Probability[k]
	// the share that has had cause k+1 by it.
	Survival    []float64
	Probability [][]float64
	steps       history
}

// CumulativeIncidence returns the Aalen–Johansen estimate of a group over all
// its strata: F_k(t) = Σ S(s−)·d_k/n, S the curve of any event. A group that
// nobody is in: ErrTooFewObservations. Aalen and Johansen (1978),
// Scandinavian Journal of Statistics 5:141.
func CumulativeIncidence(t *Table, group int) (*Incidence, error) {
	if group < 0 || group >= len(t.Groups) {
		return nil, fmt.Errorf("survival: no such group: %w", analytics.ErrInvalidParameter)
	}
	h := t.group(group)
	if len(h) == 0 {
		return nil, fmt.Errorf("survival: nobody is in group %q: %w", t.Groups[group], analytics.ErrTooFewObservations)
	}
	c := &Incidence{Group: t.Groups[group], Probability: make([][]float64, t.Causes), steps: h}
	s := 1.0
	f := make([]float64, t.Causes)
	for _, st := range h {
		for k, d := range st.Events {
			f[k] += s * d / st.AtRisk
			c.Probability[k] = append(c.Probability[k], f[k])
		}
		s = after(s, st.total(), st.AtRisk)
		c.Times, c.Survival = append(c.Times, st.Time), append(c.Survival, s)
	}
	return c, nil
}

// after is the survival left by d events of n people, exactly 0 after the last.
func after(s, d, n float64) float64 {
	if n-d <= 1e-12*n {
		return 0
	}
	return s * (n - d) / n
}

// place is that of the last time not after t, −1 before the first.
func (c *Incidence) place(t float64) int {
	return sort.Search(len(c.Times), func(k int) bool { return c.Times[k] > t }) - 1
}

// End is the last time at which the group was followed.
func (c *Incidence) End() float64 { return c.Times[len(c.Times)-1] }

// At returns the probability of having had the cause by time t; after the end
// of follow-up the curve goes on flat.
func (c *Incidence) At(cause int, t float64) (float64, error) {
	if err := c.checkCause(cause); err != nil {
		return 0, err
	}
	if k := c.place(t); k >= 0 {
		return c.Probability[cause-1][k], nil
	}
	return 0, nil
}

func (c *Incidence) checkCause(cause int) error {
	if cause < 1 || cause > len(c.Probability) {
		return fmt.Errorf("survival: no such cause: %w", analytics.ErrInvalidParameter)
	}
	return nil
}

// StdErr is the infinitesimal jackknife standard error of At: the root of the
// summed squares of every person's influence
//
//	Σ_{u≤min(T,t)} S(u−)/n(u)·{[own cause − d_k/n] − [own event − d/n]·(F_k(t)−F_k(u))/S(u)},
//
// as R's survival::survfit of a factor gives it.
func (c *Incidence) StdErr(cause int, t float64) (float64, error) {
	if err := c.checkCause(cause); err != nil {
		return 0, err
	}
	last := c.place(t)
	if last < 0 {
		return 0, nil
	}
	f := c.Probability[cause-1]
	end := f[last]
	var risk, sum float64 // risk: the influence of having been at risk so far
	before := 1.0
	for u := 0; u <= last; u++ {
		st := c.steps[u]
		share := 0.0 // of those event-free after u, the share to have the cause by t
		if c.Survival[u] > 0 {
			share = (end - f[u]) / c.Survival[u]
		}
		unit := before / st.AtRisk
		risk -= unit * (st.Events[cause-1] - st.total()*share) / st.AtRisk
		for k, d := range st.Events {
			own := -share
			if k == cause-1 {
				own++
			}
			sum += d * square1(risk+unit*own)
		}
		sum += st.Censored * square1(risk)
		before = c.Survival[u]
	}
	if last+1 < len(c.steps) { // those still followed after t
		sum += c.steps[last+1].AtRisk * square1(risk)
	}
	return math.Sqrt(sum), nil
}

func square1(v float64) float64 { return v * v }

// AalenVariance is the variance of At with the corrections for ties that R's
// cmprsk makes:
//
//	Σ S(s−)²·[(1−q)²·v_k + q²·v_other],  q = (F(t)−F(s))/S(s),
//	v_j = d_j/n²·(1−(d_j−1)/(n−1)), the last factor 1 where d_j ≤ 1.
func (c *Incidence) AalenVariance(cause int, t float64) (float64, error) {
	if err := c.checkCause(cause); err != nil {
		return 0, err
	}
	last := c.place(t)
	if last < 0 {
		return 0, nil
	}
	f := c.Probability[cause-1]
	var sum float64
	before := 1.0
	for s := 0; s <= last; s++ {
		st := c.steps[s]
		q := 0.0
		if c.Survival[s] > 0 {
			q = (f[last] - f[s]) / c.Survival[s]
		}
		own := st.Events[cause-1]
		sum += before * before * (square1(1-q)*tied(own, st.AtRisk) + q*q*tied(st.total()-own, st.AtRisk))
		before = c.Survival[s]
	}
	return sum, nil
}

// tied is the variance of d events of n people, divided by n².
func tied(d, n float64) float64 {
	if d <= 1 {
		return d / (n * n)
	}
	return d / (n * n) * (1 - (d-1)/(n-1))
}
