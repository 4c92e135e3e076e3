package glm

import "math"

// Family is the law of the outcome given its mean, with the link: Gaussian
// (identity), Binomial (logit), Poisson (log) and NegativeBinomial (log).
type Family interface {
	// String is the family's name.
	String() string
	// Link returns the linear predictor of a mean.
	Link(mu float64) float64
	// Mean returns the mean μ of a linear predictor and its slope dμ/dη.
	Mean(eta float64) (mu, slope float64)
	// Variance returns V(μ), the variance of one outcome over the dispersion.
	Variance(mu float64) float64
	// Range returns the least and the greatest outcome.
	Range() (lo, hi float64)

	// kernel returns the part of −2·log-likelihood (over the dispersion) that
	// depends on η, for n outcomes of that sum and sum of squares.
	kernel(eta, mu, n, sum, sumSq float64) float64
	// saturated returns that part for a fit of every outcome, given Σ y·log y;
	// ok is false where sums do not give it.
	saturated(sum, yLogY float64) (value float64, ok bool)
}

// The families of one parameter.
var (
	Gaussian Family = gaussian{}
	Binomial Family = binomial{}
	Poisson  Family = poisson{}
)

type gaussian struct{}

func (gaussian) String() string                       { return "gaussian" }
func (gaussian) Link(mu float64) float64              { return mu }
func (gaussian) Mean(eta float64) (mu, slope float64) { return eta, 1 }
func (gaussian) Variance(float64) float64             { return 1 }
func (gaussian) Range() (lo, hi float64)              { return math.Inf(-1), math.Inf(1) }

func (gaussian) kernel(_, mu, n, sum, sumSq float64) float64 {
	if n == 1 { // keeps the digits of a row
		return (sum - mu) * (sum - mu)
	}
	return sumSq - 2*mu*sum + n*mu*mu
}

func (gaussian) saturated(_, _ float64) (float64, bool) { return 0, true }

type binomial struct{}

func (binomial) String() string              { return "binomial" }
func (binomial) Link(mu float64) float64     { return math.Log(mu / (1 - mu)) }
func (binomial) Range() (lo, hi float64)     { return 0, 1 }
func (binomial) Variance(mu float64) float64 { return mu * (1 - mu) }

// Mean keeps the slope's digits far out, where 1 − μ has none.
func (binomial) Mean(eta float64) (mu, slope float64) {
	if eta >= 0 {
		e := math.Exp(-eta)
		return 1 / (1 + e), e / ((1 + e) * (1 + e))
	}
	e := math.Exp(eta)
	return e / (1 + e), e / ((1 + e) * (1 + e))
}

// kernel is −2·(S·η − n·log(1+e^η)).
func (binomial) kernel(eta, _, n, sum, _ float64) float64 {
	if eta >= 0 {
		return 2 * ((n-sum)*eta + n*math.Log1p(math.Exp(-eta)))
	}
	return 2 * (n*math.Log1p(math.Exp(eta)) - sum*eta)
}

func (binomial) saturated(_, _ float64) (float64, bool) { return 0, true }

type poisson struct{}

func (poisson) String() string              { return "poisson" }
func (poisson) Link(mu float64) float64     { return math.Log(mu) }
func (poisson) Range() (lo, hi float64)     { return 0, math.Inf(1) }
func (poisson) Variance(mu float64) float64 { return mu }

func (poisson) Mean(eta float64) (mu, slope float64) {
	mu = math.Exp(eta)
	return mu, mu
}

func (poisson) kernel(eta, mu, n, sum, _ float64) float64 { return 2 * (n*mu - sum*eta) }

func (poisson) saturated(sum, yLogY float64) (float64, bool) { return 2 * (sum - yLogY), true }

// negativeBinomial has variance μ + μ²/theta.
type negativeBinomial struct{ theta float64 }

// NegativeBinomial is the law with variance μ + μ²/theta and a log link, theta
// known and above zero. Its deviance needs rows: it is not a function of sums.
func NegativeBinomial(theta float64) Family { return negativeBinomial{theta} }

func (negativeBinomial) String() string                { return "negative binomial" }
func (negativeBinomial) Link(mu float64) float64       { return math.Log(mu) }
func (negativeBinomial) Range() (lo, hi float64)       { return 0, math.Inf(1) }
func (f negativeBinomial) Variance(mu float64) float64 { return mu + mu*mu/f.theta }

func (negativeBinomial) Mean(eta float64) (mu, slope float64) {
	mu = math.Exp(eta)
	return mu, mu
}

func (f negativeBinomial) kernel(eta, mu, n, sum, _ float64) float64 {
	return 2 * ((sum+n*f.theta)*math.Log(mu+f.theta) - sum*eta - n*f.theta*math.Log(f.theta))
}

func (negativeBinomial) saturated(_, _ float64) (float64, bool) { return 0, false }
