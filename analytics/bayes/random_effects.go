package bayes

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Family is the law of the prior of τ.
type Family string

// HalfNormal and HalfCauchy are the absolute values of a normal and a Cauchy law
// about 0.
const (
	HalfNormal Family = "half_normal"
	HalfCauchy Family = "half_cauchy"
)

// TauPrior is the prior of the standard deviation τ between sites, Scale in the
// unit of the estimates.
type TauPrior struct {
	Family Family
	Scale  float64
}

// logDensity at tau ≥ 0.
func (p TauPrior) logDensity(tau float64) float64 {
	x := tau / p.Scale
	if p.Family == HalfCauchy {
		if x > 1e100 {
			return math.Log(2/math.Pi) - math.Log(p.Scale) - 2*math.Log(x)
		}
		return math.Log(2/math.Pi) - math.Log(p.Scale) - math.Log1p(x*x)
	}
	return 0.5*math.Log(2/math.Pi) - math.Log(p.Scale) - x*x/2
}

// RandomEffects is the posterior of a meta-analysis: Mean, StdDev, Median and the
// central interval of the mean effect, AboveZero the chance that it is above 0,
// the posterior of τ, the log marginal likelihood (with density 1 for the flat
// prior) and each site's own effect.
type RandomEffects struct {
	Mean, StdDev, Median float64
	Lower, Upper, Level  float64
	AboveZero            float64
	TauMean, TauStdDev   float64
	LogMarginal          float64
	Sites                []float64
}

// posterior holds the mean effect's normal laws given τ, with their weights.
type posterior struct {
	weight, tau, mean, variance []float64
}

// below is P(μ < x).
func (p posterior) below(x float64) float64 {
	var v float64
	for i, w := range p.weight {
		v += w * dist.NormalTail((p.mean[i]-x)/math.Sqrt(p.variance[i]))
	}
	return v
}

// above is P(μ > x).
func (p posterior) above(x float64) float64 {
	var v float64
	for i, w := range p.weight {
		v += w * dist.NormalTail((x-p.mean[i])/math.Sqrt(p.variance[i]))
	}
	return v
}

// MetaRandomEffects returns the posterior of
//
//	y_i ~ N(θ_i, v_i),  θ_i ~ N(μ, τ²),  μ flat,  τ by its prior
//
// Given τ everything is normal and closed; τ is integrated over its logarithm to
// 1e-10, over all τ ≥ 0. Estimates are not modified.
//
//	under 2 sites, under 3 with a half-Cauchy prior (τ then has no variance)   ErrTooFewObservations
//	lengths differ, v_i ≤ 0, NaN, a family or scale that is not   ErrInvalidParameter
//
// Checked against integration in R by Simpson's rule to 1e-9. Röver (2020),
// doi:10.18637/jss.v093.i06; Gelman (2006), doi:10.1214/06-BA117A.
func MetaRandomEffects(yi, vi []float64, prior TauPrior, level float64) (RandomEffects, error) {
	if err := checkSites(yi, vi, prior, level); err != nil {
		return RandomEffects{}, err
	}
	given := func(tau float64) (mean, variance, logLik float64) {
		var w1 float64
		for i, v := range vi {
			w := 1 / (v + tau*tau)
			w1 += w
			mean += w * yi[i]
		}
		mean /= w1
		for i, v := range vi {
			d, total := yi[i]-mean, v+tau*tau
			logLik -= (math.Log(2*math.Pi*total) + d*d/total) / 2
		}
		return mean, 1 / w1, logLik - 0.5*math.Log(w1) + 0.5*math.Log(2*math.Pi)
	}
	f := func(u float64) float64 {
		tau := math.Exp(u)
		_, _, l := given(tau)
		return l + prior.logDensity(tau) + u
	}
	low, high := math.Log(prior.Scale), math.Log(prior.Scale)
	for i, v := range vi {
		low, high = math.Min(low, math.Log(v)/2), math.Max(high, math.Log(math.Max(math.Abs(yi[i]-yi[0]), v)))
	}
	start := highest(f, low-5, high+8, 600)
	value, nodes, ok := integrate(f, start, 1./32)
	if !ok {
		return RandomEffects{}, fmt.Errorf("bayes: the integral over τ: %w", analytics.ErrNotConverged)
	}
	r := RandomEffects{LogMarginal: value, Level: level, Sites: make([]float64, len(yi))}
	var p posterior
	for _, n := range nodes {
		tau := math.Exp(n.u)
		mean, variance, _ := given(tau)
		p.weight, p.tau = append(p.weight, n.share), append(p.tau, tau)
		p.mean, p.variance = append(p.mean, mean), append(p.variance, variance)
	}
	return r, r.summarise(p, yi, vi)
}

func checkSites(yi, vi []float64, prior TauPrior, level float64) error {
	if err := analytics.CheckLevel(level); err != nil {
		return fmt.Errorf("bayes: %w", err)
	}
	if len(yi) != len(vi) {
		return fmt.Errorf("bayes: %d estimates and %d variances: %w", len(yi), len(vi), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("estimates", yi); err != nil {
		return fmt.Errorf("bayes: %w", err)
	}
	for i, v := range vi {
		if !(v > 0) || math.IsInf(v, 0) {
			return fmt.Errorf("bayes: variance %d must be above 0: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	if prior.Family != HalfNormal && prior.Family != HalfCauchy || !(prior.Scale > 0) || math.IsInf(prior.Scale, 0) {
		return fmt.Errorf("bayes: the prior of τ needs a family, %s or %s, and a scale above 0: %w", HalfNormal, HalfCauchy, analytics.ErrInvalidParameter)
	}
	need := 2
	if prior.Family == HalfCauchy {
		need = 3
	}
	if len(yi) < need {
		return fmt.Errorf("bayes: %d estimates, need %d with this prior: %w", len(yi), need, analytics.ErrTooFewObservations)
	}
	return nil
}

// summarise fills in moments, quantiles and the sites.
func (r *RandomEffects) summarise(p posterior, yi, vi []float64) error {
	for i, w := range p.weight {
		r.Mean += w * p.mean[i]
		r.TauMean += w * p.tau[i]
		for j, v := range vi {
			square := p.tau[i] * p.tau[i]
			r.Sites[j] += w * (yi[j]*square + p.mean[i]*v) / (square + v)
		}
	}
	var spread, tauSpread float64
	for i, w := range p.weight {
		d, e := p.mean[i]-r.Mean, p.tau[i]-r.TauMean
		spread += w * (p.variance[i] + d*d)
		tauSpread += w * e * e
	}
	r.StdDev, r.TauStdDev = math.Sqrt(spread), math.Sqrt(tauSpread)
	r.AboveZero = p.above(0)
	tail := (1 - r.Level) / 2
	for _, q := range []struct {
		into *float64
		f    func(float64) float64
	}{
		{&r.Lower, func(x float64) float64 { return p.below(x) - tail }},
		{&r.Median, func(x float64) float64 { return p.below(x) - p.above(x) }},
		{&r.Upper, func(x float64) float64 { return tail - p.above(x) }},
	} {
		reach := 12 * r.StdDev
		for i := 0; (q.f(r.Mean-reach) > 0 || q.f(r.Mean+reach) < 0) && i < 60; i++ {
			reach *= 4
		}
		x, ok := dist.Root(q.f, r.Mean-reach, r.Mean+reach)
		if !ok {
			return fmt.Errorf("bayes: quantiles of the mean: %w", analytics.ErrNotConverged)
		}
		*q.into = x
	}
	return nil
}
