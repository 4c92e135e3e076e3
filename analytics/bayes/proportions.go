package bayes

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Beta is the law of a proportion.
type Beta struct{ A, B float64 }

// maxCount bounds the sizes, so that counts stay exact.
const maxCount = 1e12

// Update returns the posterior after events among n people: Beta(a+events,
// b+n−events). Prior parameters that are not above 0 or counts that do not fit
// are ErrInvalidParameter. Gelman et al. (2013), section 2.4.
func (prior Beta) Update(events, n float64) (Beta, error) {
	if !(prior.A > 0) || !(prior.B > 0) || prior.A > maxCount || prior.B > maxCount {
		return Beta{}, fmt.Errorf("bayes: the prior's parameters must be above 0: %w", analytics.ErrInvalidParameter)
	}
	if !(events >= 0 && events <= n) || n > maxCount || events != math.Trunc(events) || n != math.Trunc(n) {
		return Beta{}, fmt.Errorf("bayes: events must be a count from 0 to the number of people: %w", analytics.ErrInvalidParameter)
	}
	return Beta{A: prior.A + events, B: prior.B + (n - events)}, nil
}

// Mean is the mean of the law.
func (b Beta) Mean() float64 { return b.A / (b.A + b.B) }

// Variance is the variance of the law.
func (b Beta) Variance() float64 {
	s := b.A + b.B
	return b.A / s * b.B / s / (s + 1)
}

// Interval returns the central interval of that cover; level as CheckLevel.
func (b Beta) Interval(level float64) (lower, upper float64, err error) {
	if err := analytics.CheckLevel(level); err != nil {
		return 0, 0, fmt.Errorf("bayes: %w", err)
	}
	tail := (1 - level) / 2
	return dist.BetaQuantile(tail, b.A, b.B), dist.BetaUpper(tail, b.A, b.B), nil
}

// Exceeds returns P(X > Y) of two independent laws: ∫ f_X(t)·F_Y(t) dt over the
// logit of t. Parameters that are not above 0 are ErrInvalidParameter; agrees
// with sums in closed form for whole parameters to 1e-10.
func (b Beta) Exceeds(y Beta) (float64, error) {
	for _, v := range []float64{b.A, b.B, y.A, y.B} {
		if !(v > 0) || math.IsInf(v, 0) {
			return 0, fmt.Errorf("bayes: parameters must be above 0: %w", analytics.ErrInvalidParameter)
		}
	}
	// ln of the density of the logit, up to a constant: a·u − (a+b)·ln(1+e^u),
	// about its peak, where the large parts cancel.
	peak := math.Log(b.A / b.B)
	f := func(u float64) float64 {
		d := u - peak
		if d > 0 {
			return -b.B*d - (b.A+b.B)*math.Log1p(b.B/(b.A+b.B)*math.Expm1(-d))
		}
		return b.A*d - (b.A+b.B)*math.Log1p(b.Mean()*math.Expm1(d))
	}
	width := func(l Beta) float64 { return math.Min(math.Sqrt(1/l.A+1/l.B), 2) }
	step := math.Min(width(b), width(y)) / 8
	_, nodes, ok := integrate(f, peak, math.Max(step, width(b)/2000))
	if !ok {
		return 0, fmt.Errorf("bayes: the integral over the proportion; take a prior with larger parameters: %w", analytics.ErrNotConverged)
	}
	var p float64
	for _, n := range nodes {
		if n.u > 0 {
			p += n.share * dist.BetaTail(1/(1+math.Exp(n.u)), y.B, y.A)
		} else {
			p += n.share * dist.BetaCDF(1/(1+math.Exp(-n.u)), y.A, y.B)
		}
	}
	return math.Min(p, 1), nil
}

// TableFactor returns ln BF₁₀ of dependence against independence in a table of
// counts whose row totals were fixed beforehand (independent multinomials, Gunel
// and Dickey): every cell has the prior parameter concentration a, the columns
// under independence a times the rows less (rows − 1)
//
//	BF₁₀ = Π_r D(y_r + a)/D(a) ÷ D(y_· + ξ)/D(ξ),   D(x) = ΠΓ(x_c)/Γ(Σx_c)
//
//	under 2 rows or columns, an empty row      ErrTooFewObservations
//	counts below 0 or not whole, a that leaves ξ ≤ 0   ErrInvalidParameter
//
// Agrees with R's BayesFactor::contingencyTableBF(sampleType = "indepMulti",
// fixedMargin = "rows") to 1e-9. Gunel and Dickey (1974),
// doi:10.1093/biomet/61.3.545; Jamil et al. (2017), doi:10.3758/s13428-016-0739-8.
func TableFactor(counts [][]float64, a float64) (float64, error) {
	if len(counts) < 2 || len(counts[0]) < 2 {
		return 0, fmt.Errorf("bayes: a table needs two rows and two columns: %w", analytics.ErrTooFewObservations)
	}
	rows, columns := len(counts), len(counts[0])
	margin := a*float64(rows) - float64(rows-1)
	if !(a > 0) || !(margin > 0) || math.IsInf(a, 0) {
		return 0, fmt.Errorf("bayes: a concentration of %v leaves no prior for the columns: %w", a, analytics.ErrInvalidParameter)
	}
	totals := make([]float64, columns)
	var value float64
	for i, row := range counts {
		if len(row) != columns {
			return 0, fmt.Errorf("bayes: row %d has %d columns, the first %d: %w", i+1, len(row), columns, analytics.ErrInvalidParameter)
		}
		var size float64
		for j, v := range row {
			if !(v >= 0) || v > maxCount || v != math.Trunc(v) {
				return 0, fmt.Errorf("bayes: cells must be counts: %w", analytics.ErrInvalidParameter)
			}
			totals[j] += v
			size += v
		}
		if size == 0 {
			return 0, fmt.Errorf("bayes: row %d has nobody: %w", i+1, analytics.ErrTooFewObservations)
		}
		value += logDirichlet(row, a)
	}
	return value - logDirichlet(totals, margin), nil
}

// logDirichlet is ln D(counts + prior) − ln D(prior).
func logDirichlet(counts []float64, prior float64) float64 {
	var value, total float64
	for _, v := range counts {
		value += logGamma(v+prior) - logGamma(prior)
		total += v
	}
	k := float64(len(counts)) * prior
	return value - logGamma(total+k) + logGamma(k)
}

func logGamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}
