package meta

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Options choose the variant. The zero value is REML with a normal interval at
// 95 %; the product's default for regions is REML with HartungKnapp.
type Options struct {
	Method       Method
	HartungKnapp bool
	// AdHoc keeps the Hartung–Knapp variance from falling below the ordinary one.
	AdHoc bool
	Level float64
}

// Pooled is a pooled effect in the estimates' own unit. Statistic is referred to
// t with DF degrees of freedom under Hartung–Knapp, else to the normal law (DF
// 0). Tau2StdErr is nil for FE. I2 (percent) and H2 come from tau² and the
// typical sampling variance; for FE they come from Q. The prediction interval
// is that of a new site's true effect, with the same law as the interval; nil
// for FE, where sites do not differ.
type Pooled struct {
	Value, StdErr, Lower, Upper, Level float64
	Statistic, DF, P                   float64
	Tau2                               float64
	Tau2StdErr                         *float64
	I2, H2                             float64
	Q, QDF, QP                         float64
	PredictionLower, PredictionUpper   *float64
	Weights                            []float64 // percent, in the order given
	K                                  int
	Method                             string
}

// Random pools estimates yi with sampling variances vi
//
//	wᵢ = 1/(vᵢ + τ²),   μ = Σwᵢyᵢ/Σwᵢ,   se² = 1/Σwᵢ
//
// Hartung–Knapp multiplies se² by q = Σwᵢ(yᵢ−μ)²/(k−1) and refers to t(k−1).
// Assumes independent sites and known vᵢ. Yi are not modified.
//
//	fewer than 2 sites             ErrTooFewObservations
//	lengths differ, vi ≤ 0, NaN    ErrInvalidParameter
//	all yi equal under HartungKnapp   ErrZeroVariance
//
// Checked against R's metafor 3.8-1: closed forms 1e-9, REML, ML, PM 1e-6.
// Viechtbauer (2005), doi:10.3102/10769986030003261; Hartung and Knapp (2001),
// doi:10.1002/sim.791.
func Random(yi, vi []float64, opts Options) (Pooled, error) {
	s, opts, err := check(yi, vi, opts)
	if err != nil {
		return Pooled{}, err
	}
	tau2, err := s.tau2(opts.Method)
	if err != nil {
		return Pooled{}, err
	}
	w1, _, _, mean := s.weighted(tau2)
	p := Pooled{Value: mean, StdErr: math.Sqrt(1 / w1), Level: opts.Level, Tau2: tau2, K: len(yi), Method: string(opts.Method)}
	critical := dist.NormalCritical(opts.Level)
	if opts.HartungKnapp {
		factor := s.q(tau2) / (s.k - 1)
		if opts.AdHoc {
			factor = math.Max(1, factor)
		}
		if !opts.AdHoc && s.equal() {
			return Pooled{}, fmt.Errorf("meta: all estimates are equal, Hartung–Knapp has no standard error: %w", analytics.ErrZeroVariance)
		}
		p.StdErr *= math.Sqrt(factor)
		p.DF = s.k - 1
		p.Method += ", Hartung–Knapp"
		critical = dist.TCritical(opts.Level, p.DF)
	}
	p.Statistic = p.Value / p.StdErr
	p.Lower, p.Upper = p.Value-critical*p.StdErr, p.Value+critical*p.StdErr
	if p.DF > 0 {
		p.P = dist.TTwoSided(p.Statistic, p.DF)
	} else {
		p.P = dist.NormalTwoSided(p.Statistic)
	}
	s.heterogeneity(&p, opts.Method)
	if opts.Method != FE {
		half := critical * math.Sqrt(p.StdErr*p.StdErr+tau2)
		lo, hi := mean-half, mean+half
		p.PredictionLower, p.PredictionUpper = &lo, &hi
	}
	for _, v := range vi {
		p.Weights = append(p.Weights, 100/((v+tau2)*w1))
	}
	return p, nil
}

// check reads the arguments and fills in defaults.
func check(yi, vi []float64, opts Options) (sample, Options, error) {
	if opts.Method == "" {
		opts.Method = REML
	}
	if opts.Level == 0 {
		opts.Level = 0.95
	}
	if err := analytics.CheckLevel(opts.Level); err != nil {
		return sample{}, opts, fmt.Errorf("meta: %w", err)
	}
	if len(yi) != len(vi) {
		return sample{}, opts, fmt.Errorf("meta: %d estimates and %d variances: %w", len(yi), len(vi), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("estimates", yi); err != nil {
		return sample{}, opts, fmt.Errorf("meta: %w", err)
	}
	for i, v := range vi {
		if !(v > 0) || math.IsInf(v, 0) {
			return sample{}, opts, fmt.Errorf("meta: variance %d must be above 0: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	if len(yi) < 2 {
		return sample{}, opts, fmt.Errorf("meta: %d estimates, need 2: %w", len(yi), analytics.ErrTooFewObservations)
	}
	return sample{y: yi, v: vi, k: float64(len(yi))}, opts, nil
}

// heterogeneity fills in Q, I² and H².
func (s sample) heterogeneity(p *Pooled, m Method) {
	p.Q, p.QDF = s.q(0), s.k-1
	p.QP = dist.ChiSquaredTail(p.Q, p.QDF)
	if m == FE {
		p.I2 = math.Max(0, 100*(p.Q-p.QDF)/p.Q)
		p.H2 = p.Q / p.QDF
		if p.Q == 0 {
			p.I2 = 0
		}
		return
	}
	se := s.stdErr(m, p.Tau2)
	p.Tau2StdErr = &se
	p.I2, p.H2 = s.relative(p.Tau2)
}

// relative returns I² in percent and H² of a tau².
func (s sample) relative(tau2 float64) (i2, h2 float64) {
	typical := s.typicalVariance()
	return 100 * tau2 / (typical + tau2), tau2/typical + 1
}

// typicalVariance is (k−1)Σa/((Σa)²−Σa²), a = 1/v (Higgins and Thompson 2002).
func (s sample) typicalVariance() float64 {
	a1, a2, _, _ := s.weighted(0)
	return (s.k - 1) * a1 / (a1*a1 - a2)
}

// Heterogeneity is a tau² with its interval and what follows from it.
type Heterogeneity struct {
	Tau2, Lower, Upper      float64
	Tau, TauLower, TauUpper float64
	I2, I2Lower, I2Upper    float64
	H2, H2Lower, H2Upper    float64
	Level                   float64
}

// Tau2Interval returns the REML estimate of tau² (or that of another method)
// with the Q-profile interval of Viechtbauer (2007), doi:10.1002/sim.2514: the
// values at which Q(tau²) equals the χ² quantiles with k−1 degrees of freedom,
// not cut off above. Errors as Random.
func Tau2Interval(yi, vi []float64, opts Options) (Heterogeneity, error) {
	s, opts, err := check(yi, vi, opts)
	if err != nil {
		return Heterogeneity{}, err
	}
	tau2, err := s.tau2(opts.Method)
	if err != nil {
		return Heterogeneity{}, err
	}
	tail := (1 - opts.Level) / 2
	h := Heterogeneity{Tau2: tau2, Level: opts.Level}
	h.Lower = s.qProfile(dist.ChiSquaredUpper(tail, s.k-1))
	h.Upper = s.qProfile(dist.ChiSquaredUpper(1-tail, s.k-1))
	h.Tau, h.TauLower, h.TauUpper = math.Sqrt(tau2), math.Sqrt(h.Lower), math.Sqrt(h.Upper)
	h.I2, h.H2 = s.relative(tau2)
	h.I2Lower, h.H2Lower = s.relative(h.Lower)
	h.I2Upper, h.H2Upper = s.relative(h.Upper)
	return h, nil
}

// PredictionByQ holds I² = max(0, (Q−df)/Q) in percent and DerSimonian–Laird
// prediction intervals by t with k−2 degrees of freedom (Higgins 2009) and k−1.
type PredictionByQ struct {
	I2                 float64
	LowerKm2, UpperKm2 float64
	LowerKm1, UpperKm1 float64
	Weights            []float64
}

// QBased returns them; k−2 needs three sites (ErrTooFewObservations). Other
// errors as Random. Higgins, Thompson and Spiegelhalter (2009),
// doi:10.1111/j.1467-985X.2008.00552.x.
func QBased(yi, vi []float64, level float64) (PredictionByQ, error) {
	p, err := Random(yi, vi, Options{Method: DL, Level: level})
	if err != nil {
		return PredictionByQ{}, err
	}
	if p.K < 3 {
		return PredictionByQ{}, fmt.Errorf("meta: %d estimates, need 3: %w", p.K, analytics.ErrTooFewObservations)
	}
	out := PredictionByQ{Weights: p.Weights}
	if p.Q > 0 {
		out.I2 = math.Max(0, 100*(p.Q-p.QDF)/p.Q)
	}
	spread := math.Sqrt(p.Tau2 + p.StdErr*p.StdErr)
	two, one := dist.TCritical(p.Level, float64(p.K-2))*spread, dist.TCritical(p.Level, float64(p.K-1))*spread
	out.LowerKm2, out.UpperKm2 = p.Value-two, p.Value+two
	out.LowerKm1, out.UpperKm1 = p.Value-one, p.Value+one
	return out, nil
}

// Shrunken is one site's best linear unbiased prediction.
type Shrunken struct {
	Value, StdErr float64
	Reliability   float64 // tau²/(tau²+v)
}

// Shrink pulls each estimate toward the pooled one by its reliability; StdErr
// counts the uncertainty of the pooled mean. Errors as Random. Morris (1983),
// doi:10.1080/01621459.1983.10477920; as metafor's blup.
func Shrink(yi, vi []float64, opts Options) (Pooled, []Shrunken, error) {
	p, err := Random(yi, vi, opts)
	if err != nil {
		return Pooled{}, nil, err
	}
	out := make([]Shrunken, len(yi))
	for i, v := range vi {
		r := p.Tau2 / (p.Tau2 + v)
		out[i] = Shrunken{Value: r*yi[i] + (1-r)*p.Value, Reliability: r, StdErr: math.Sqrt(r*v + (1-r)*(1-r)*p.StdErr*p.StdErr)}
	}
	return p, out, nil
}
