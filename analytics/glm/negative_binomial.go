package glm

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// NegativeBinomialFit is a negative binomial regression with theta estimated.
type NegativeBinomialFit struct {
	*Model
	// Theta is the shape: the variance is μ + μ²/Theta. StdErrTheta is from the
	// observed information at fixed coefficients, taken where MASS takes it: at
	// the last but one step of Newton's method from the moment estimate, less than
	// 1.2e-4 from Theta.
	Theta, StdErrTheta float64
	LogLikelihood      float64
}

// FitNegativeBinomial fits coefficients and theta (variance μ + μ²/theta, log
// link) by maximum likelihood, in turns, until theta stands still to 1e-10. The
// cells give the means; the digamma terms need how often each count occurred:
// people[k] had the count values[k]. Cov is at the estimated theta, which is
// orthogonal to the coefficients.
//
//	counts no more spread than Poisson's: no finite theta   ErrNotConverged
//	a count that is not whole, sums that do not agree        ErrInvalidParameter
//
// and as Fit. No prior weights (ErrInvalidParameter). Agrees with R's MASS::glm.nb
// to 1e-7. Venables and Ripley (2002), doi:10.1007/978-0-387-21706-2, section 7.4.
func FitNegativeBinomial(data cells.Cells, values, people []float64, opts Options) (*NegativeBinomialFit, error) {
	if err := checkCounts(data, values, people, opts); err != nil {
		return nil, err
	}
	model, err := Fit(data, Poisson, opts)
	if err != nil {
		return nil, err
	}
	h := occurrences{values, people}
	if err := h.spread(model); err != nil {
		return nil, err
	}
	theta := math.Inf(1)
	for range maxIterations {
		next, err := h.theta(model)
		if err != nil {
			return nil, err
		}
		if model, err = Fit(data, NegativeBinomial(next), opts); err != nil {
			return nil, err
		}
		if math.Abs(next-theta) <= 1e-10*next {
			return h.finish(model, next), nil
		}
		theta = next
	}
	return nil, fmt.Errorf("glm: theta does not settle; use poisson_regression with robust errors: %w", analytics.ErrNotConverged)
}

// checkCounts refuses counts that are none.
func checkCounts(data cells.Cells, values, people []float64, opts Options) error {
	if err := data.Check(); err != nil {
		return err
	}
	if len(values) != len(people) || opts.Weights != nil {
		return fmt.Errorf("glm: %d counts of %d occurrences, or prior weights: %w", len(values), len(people), analytics.ErrInvalidParameter)
	}
	var n, sum float64
	for k, v := range values {
		if v < 0 || v != math.Trunc(v) || math.IsInf(v, 0) || !(people[k] >= 0) {
			return fmt.Errorf("glm: the outcome must be a count, 0, 1, 2 and so on: %w", analytics.ErrInvalidParameter)
		}
		n += people[k]
		sum += people[k] * v
	}
	total := data.N()
	var seen float64
	for _, s := range data.Sum {
		seen += s
	}
	if math.Abs(n-total) > 1e-9*total || math.Abs(sum-seen) > 1e-9*math.Abs(seen) {
		return fmt.Errorf("glm: the occurrences are not those of the cells: %w", analytics.ErrInvalidParameter)
	}
	return nil
}

// occurrences is how many people had each count.
type occurrences struct{ values, people []float64 }

// spread refuses counts that vary no more than Poisson's: Σ (y−μ)² − y ≤ 0.
func (h occurrences) spread(m *Model) error {
	var excess float64
	d := m.data
	for i, n := range d.Count {
		excess += gaussian{}.kernel(0, m.Fitted[i], n, d.Sum[i], d.SumSq[i]) - d.Sum[i]
	}
	if !(excess > 0) {
		return fmt.Errorf("glm: the counts vary no more than Poisson's, theta is infinite; use poisson_regression: %w", analytics.ErrNotConverged)
	}
	return nil
}

// score is the derivative of the log-likelihood in theta at the model's means,
// information minus its derivative.
func (h occurrences) score(m *Model, theta float64) (score, information float64) {
	psi, psi1 := mathext.Digamma(theta), mathext.Zeta(2, theta)
	for k, y := range h.values {
		if h.people[k] > 0 {
			score += h.people[k] * (mathext.Digamma(theta+y) - psi)
			information += h.people[k] * (psi1 - mathext.Zeta(2, theta+y))
		}
	}
	for i, n := range m.data.Count {
		mu, sum := m.Fitted[i], m.data.Sum[i]
		t := mu + theta
		score += n*(math.Log(theta)+1-math.Log(t)) - (sum+n*theta)/t
		information += n*(2/t-1/theta) - (sum+n*theta)/(t*t)
	}
	return score, information
}

// theta solves the score, on the log scale.
func (h occurrences) theta(m *Model) (float64, error) {
	f := func(s float64) float64 {
		v, _ := h.score(m, math.Exp(s))
		return v * math.Exp(s)
	}
	low, high := 0.0, 0.0
	for f(low) < 0 && low > -20 {
		low--
	}
	for f(high) > 0 && high < 20 {
		high++
	}
	s, ok := dist.Root(f, low-1, high+1)
	if !ok || high >= 20 || low <= -20 {
		return 0, fmt.Errorf("glm: no finite theta; use poisson_regression with robust errors: %w", analytics.ErrNotConverged)
	}
	return math.Exp(s), nil
}

// information is that of theta at the last but one Newton step from the moment
// estimate N/Σ(y/μ−1)², the last step being below 2⁻¹³.
func (h occurrences) information(m *Model) float64 {
	var spread float64
	for i, n := range m.data.Count {
		mu := m.Fitted[i]
		spread += gaussian{}.kernel(0, mu, n, m.data.Sum[i], m.data.SumSq[i]) / (mu * mu)
	}
	theta := m.N / spread
	for range maxIterations {
		score, information := h.score(m, theta)
		step := score / information
		if math.Abs(step) <= 0x1p-13 || !(information > 0) {
			return information
		}
		theta = math.Abs(theta + step)
	}
	_, information := h.score(m, theta)
	return information
}

// finish computes theta's error and the log-likelihood.
func (h occurrences) finish(m *Model, theta float64) *NegativeBinomialFit {
	information := h.information(m)
	logLik := -m.kernelAt(func(i int) float64 { return m.Eta[i] }) / 2
	base, _ := math.Lgamma(theta)
	for k, y := range h.values {
		a, _ := math.Lgamma(theta + y)
		b, _ := math.Lgamma(y + 1)
		logLik += h.people[k] * (a - base - b)
	}
	return &NegativeBinomialFit{Model: m, Theta: theta, StdErrTheta: 1 / math.Sqrt(information), LogLikelihood: logLik}
}
