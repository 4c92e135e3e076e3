package balance

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Covariate compares one covariate between the arms. Mean1 and Mean0 are the
// weighted means of treated and control. The differences divide Mean1 − Mean0 by
// a standard deviation of the UNWEIGHTED people, so that weighting can not
// improve balance by widening the spread: SMDPooled by √((s₁²+s₀²)/2), SMDTreated
// by s₁, SMDBinary (of values 0 and 1 only) by √((p₁q₁+p₀q₀)/2).
// VarianceRatio is weighted, treated over control; KS the greatest distance of
// the weighted distribution functions. nil is undefined: no spread.
type Covariate struct {
	Mean1, Mean0                     float64
	SMDPooled, SMDTreated, SMDBinary *float64
	VarianceRatio                    *float64
	KS                               float64
}

// Compare returns the balance of a covariate, one value x a pattern of the
// study, under a weight for each person of a pattern (nil: unweighted). The
// weighted variance is Σw(x−m)²/(1−Σw²), the weights of an arm summing to 1; an
// unweighted one is the sample variance.
//
//	lengths that differ, a negative weight, NaN   ErrInvalidParameter
//	an arm whose weights are all zero             ErrTooFewObservations
//
// Agrees with golden/lib.R (cobalt's conventions) to 1e-9.
// Austin and Stuart (2015), doi:10.1002/sim.6607.
func Compare(s *effect.Study, x, weight []float64) (Covariate, error) {
	if len(x) != s.Len() {
		return Covariate{}, fmt.Errorf("balance: %d values for %d patterns: %w", len(x), s.Len(), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("balance: covariate", x); err != nil {
		return Covariate{}, err
	}
	if err := checkWeights(s, weight); err != nil {
		return Covariate{}, err
	}
	var c Covariate
	binary := true
	for _, v := range x {
		binary = binary && (v == 0 || v == 1)
	}
	plain1, plain0 := spreadOf(s, x, nil, true), spreadOf(s, x, nil, false)
	wide1, wide0 := spreadOf(s, x, weight, true), spreadOf(s, x, weight, false)
	c.Mean1, c.Mean0 = wide1.mean, wide0.mean
	if d := c.Mean1 - c.Mean0; math.IsNaN(d) || math.IsInf(d, 0) {
		return Covariate{}, fmt.Errorf("balance: the values of a covariate are too large to be summed: %w", analytics.ErrInvalidParameter)
	}
	difference := c.Mean1 - c.Mean0
	c.SMDPooled = ratio(difference, math.Sqrt((plain1.variance+plain0.variance)/2))
	c.SMDTreated = ratio(difference, math.Sqrt(plain1.variance))
	if binary {
		c.SMDBinary = ratio(difference, math.Sqrt((plain1.mean*(1-plain1.mean)+plain0.mean*(1-plain0.mean))/2))
	}
	c.VarianceRatio = ratio(wide1.variance, wide0.variance)
	c.KS = distance(s, x, weight)
	return c, nil
}

// ratio is nil where it is undefined.
func ratio(a, b float64) *float64 {
	r := a / b
	if !(b > 0) || math.IsNaN(r) || math.IsInf(r, 0) {
		return nil
	}
	return &r
}

func checkWeights(s *effect.Study, weight []float64) error {
	if weight == nil {
		return nil
	}
	if len(weight) != s.Len() {
		return fmt.Errorf("balance: %d weights for %d patterns: %w", len(weight), s.Len(), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("balance: weights", weight); err != nil {
		return err
	}
	var sum [2]float64
	for i, w := range weight {
		if w < 0 {
			return fmt.Errorf("balance: the weight of pattern %d is below zero: %w", i+1, analytics.ErrInvalidParameter)
		}
		k := 0
		if s.Treated[i] {
			k = 1
		}
		sum[k] += w * s.Count[i]
	}
	if sum[0] == 0 || sum[1] == 0 {
		return fmt.Errorf("balance: every weight of an arm is zero: %w", analytics.ErrTooFewObservations)
	}
	return nil
}

func at(weight []float64, i int) float64 {
	if weight == nil {
		return 1
	}
	return weight[i]
}

// spread is a weighted mean and variance; variance is NaN for one person.
type spread struct{ mean, variance float64 }

func spreadOf(s *effect.Study, x, weight []float64, treated bool) spread {
	var sum, squares, total float64
	for i, t := range s.Treated {
		if t == treated {
			w := at(weight, i)
			sum += s.Count[i] * w
			squares += s.Count[i] * w * w
			total += s.Count[i] * w * x[i]
		}
	}
	m := total / sum
	var v float64
	for i, t := range s.Treated {
		if t == treated {
			v += s.Count[i] * at(weight, i) * (x[i] - m) * (x[i] - m)
		}
	}
	left := 1 - squares/(sum*sum)
	if left <= 0 {
		return spread{m, math.NaN()}
	}
	return spread{m, v / sum / left}
}

// distance is the Kolmogorov–Smirnov distance of the arms.
func distance(s *effect.Study, x, weight []float64) float64 {
	order := make([]int, len(x))
	var sum [2]float64
	arm := func(i int) int {
		if s.Treated[i] {
			return 1
		}
		return 0
	}
	for i := range order {
		order[i] = i
		sum[arm(i)] += s.Count[i] * at(weight, i)
	}
	sort.SliceStable(order, func(a, b int) bool { return x[order[a]] < x[order[b]] })
	var below [2]float64
	var greatest float64
	for k, i := range order {
		below[arm(i)] += s.Count[i] * at(weight, i)
		if k+1 < len(order) && x[order[k+1]] == x[i] {
			continue
		}
		greatest = math.Max(greatest, math.Abs(below[1]/sum[1]-below[0]/sum[0]))
	}
	return greatest
}

// EffectiveSize is Kish's effective size (Σw)²/Σw² of an arm: how many people of
// equal weight would carry as much. weight is a person's, nil for all equal.
func EffectiveSize(s *effect.Study, weight []float64, treated bool) float64 {
	var sum, squares float64
	for i, t := range s.Treated {
		if t == treated {
			w := at(weight, i)
			sum += s.Count[i] * w
			squares += s.Count[i] * w * w
		}
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / squares
}

// Imbalanced lists the names whose pooled standardised difference is beyond the
// limit (0.1 is the usual one) or whose spread is so small that it is undefined
// while the means differ.
func Imbalanced(names []string, covariates []Covariate, limit float64) []string {
	var out []string
	for i, c := range covariates {
		if c.SMDPooled == nil && c.Mean1 != c.Mean0 || c.SMDPooled != nil && math.Abs(*c.SMDPooled) > limit {
			out = append(out, names[i])
		}
	}
	return out
}
