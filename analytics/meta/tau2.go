package meta

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Method is an estimator of the between-site variance tau².
type Method string

// The estimators. FE is the fixed-effect model, tau² = 0.
const (
	FE   Method = "FE"
	DL   Method = "DL"   // DerSimonian and Laird
	REML Method = "REML" // restricted maximum likelihood
	ML   Method = "ML"   // maximum likelihood
	PM   Method = "PM"   // Paule and Mandel
	HE   Method = "HE"   // Hedges
	SJ   Method = "SJ"   // Sidik and Jonkman
	HS   Method = "HS"   // Hunter and Schmidt
	EB   Method = "EB"   // empirical Bayes, the same equation as PM
)

// sample is the data with what the estimators share.
type sample struct {
	y, v []float64
	k    float64
}

// weighted returns Σw, Σw², Σw³ and the weighted mean, w = 1/(v+tau²).
func (s sample) weighted(tau2 float64) (w1, w2, w3, mean float64) {
	for i, v := range s.v {
		w := 1 / (v + tau2)
		w1 += w
		w2 += w * w
		w3 += w * w * w
		mean += w * s.y[i]
	}
	return w1, w2, w3, mean / w1
}

// q is Cochran's statistic with weights 1/(v+tau²).
func (s sample) q(tau2 float64) float64 {
	_, _, _, mean := s.weighted(tau2)
	var q float64
	for i, v := range s.v {
		q += (s.y[i] - mean) * (s.y[i] - mean) / (v + tau2)
	}
	return q
}

// equal says whether nothing but rounding tells the estimates apart.
func (s sample) equal() bool {
	low, high := s.y[0], s.y[0]
	for _, y := range s.y {
		low, high = math.Min(low, y), math.Max(high, y)
	}
	return high-low <= 1e-12*math.Max(math.Abs(low), math.Abs(high))
}

// spread returns Σ(y−ȳ)² about the plain mean and the mean sampling variance.
func (s sample) spread() (squares, meanV float64) {
	var mean float64
	for i := range s.y {
		mean += s.y[i] / s.k
		meanV += s.v[i] / s.k
	}
	for _, y := range s.y {
		squares += (y - mean) * (y - mean)
	}
	return squares, meanV
}

// tau2 estimates the between-site variance, not below 0.
func (s sample) tau2(m Method) (float64, error) {
	w1, w2, _, _ := s.weighted(0)
	switch m {
	case FE:
		return 0, nil
	case DL:
		return math.Max(0, (s.q(0)-(s.k-1))/(w1-w2/w1)), nil
	case HS:
		return math.Max(0, (s.q(0)-s.k)/w1), nil
	case HE:
		squares, meanV := s.spread()
		return math.Max(0, squares/(s.k-1)-meanV), nil
	case SJ:
		squares, _ := s.spread()
		t0 := squares / s.k
		if t0 == 0 {
			return 0, nil
		}
		return t0 * s.q(t0) / (s.k - 1), nil
	case PM, EB:
		return s.qProfile(s.k - 1), nil
	case ML, REML:
		return s.likelihood(m == REML)
	}
	return 0, fmt.Errorf("meta: method %q, have FE, DL, REML, ML, PM, HE, SJ, HS and EB: %w", m, analytics.ErrInvalidParameter)
}

// qProfile solves Q(tau²) = target, 0 when Q(0) is below it.
func (s sample) qProfile(target float64) float64 {
	if s.q(0) <= target {
		return 0
	}
	hi := 1.0
	for s.q(hi) > target && hi < 1e300 {
		hi *= 4
	}
	root, _ := dist.Root(func(t float64) float64 { return s.q(t) - target }, 0, hi)
	return root
}

// score is the derivative of the (restricted) log-likelihood in tau², times 2.
func (s sample) score(tau2 float64, restricted bool) float64 {
	w1, w2, _, mean := s.weighted(tau2)
	score := -w1
	if restricted {
		score += w2 / w1
	}
	for i, v := range s.v {
		r := (s.y[i] - mean) / (v + tau2)
		score += r * r
	}
	return score
}

// profile is the (restricted) log-likelihood at tau², up to a constant.
func (s sample) profile(tau2 float64, restricted bool) float64 {
	w1, _, _, _ := s.weighted(tau2)
	l := -s.q(tau2) / 2
	for _, v := range s.v {
		l -= math.Log(v+tau2) / 2
	}
	if restricted {
		l -= math.Log(w1) / 2
	}
	return l
}

// likelihood finds the maximum over tau² ≥ 0.
func (s sample) likelihood(restricted bool) (float64, error) {
	squares, meanV := s.spread()
	return highest(func(t float64) float64 { return s.score(t, restricted) }, func(t float64) float64 { return s.profile(t, restricted) }, 10*(squares+meanV))
}

// highest finds where a log-likelihood of tau² ≥ 0 is largest. It may have several
// peaks: the score is followed over a fine grid up to the limit, each fall through
// 0 is solved, and the highest peak, the edge at 0 included, is taken.
func highest(score, profile func(tau2 float64) float64, limit float64) (float64, error) {
	for i := 0; score(limit) > 0; i++ {
		if limit *= 4; i == 100 {
			return 0, fmt.Errorf("meta: the likelihood of tau² has no maximum: %w", analytics.ErrNotConverged)
		}
	}
	const steps = 200
	best, height := 0.0, profile(0)
	left, before := 0.0, score(0)
	for i := 1; i <= steps; i++ {
		share := float64(i) / steps
		right := limit * share * share * share
		after := score(right)
		if before > 0 && after <= 0 {
			root, ok := dist.Root(score, left, right)
			if ok && profile(root) > height {
				best, height = root, profile(root)
			}
		}
		left, before = right, after
	}
	return best, nil
}

// stdErr is the asymptotic standard error of the estimate of tau².
func (s sample) stdErr(m Method, tau2 float64) float64 {
	w1, w2, w3, _ := s.weighted(tau2)
	a1, a2, a3, _ := s.weighted(0)
	switch m {
	case REML: // tr(PP) of P = W − ww′/Σw
		return math.Sqrt(2 / (w2 - 2*w3/w1 + w2*w2/(w1*w1)))
	case ML:
		return math.Sqrt(2 / w2)
	case PM, EB:
		return math.Sqrt(2*s.k*s.k/(s.k-1)) / w1
	case DL, HS: // tr(A), tr(AA) of A = diag(a) − aa′/Σa
		tr, trr := a1-a2/a1, a2-2*a3/a1+a2*a2/(a1*a1)
		r := math.Sqrt(2*(s.k-1) + 4*tau2*tr + 2*tau2*tau2*trr)
		if m == HS {
			return r / a1
		}
		return r / tr
	case HE:
		return s.hedgesStdErr(tau2)
	case SJ:
		return s.sidikStdErr(tau2)
	}
	return 0
}

// hedgesStdErr has A = I − 11′/k and V = diag(v).
func (s sample) hedgesStdErr(tau2 float64) float64 {
	var v1, v2 float64
	for _, v := range s.v {
		v1 += v
		v2 += v * v
	}
	trAVAV := v2 - 2*v2/s.k + v1*v1/(s.k*s.k)
	trAV := v1 * (1 - 1/s.k)
	return math.Sqrt(2*trAVAV+4*tau2*trAV+2*tau2*tau2*(s.k-1)) / (s.k - 1)
}

// sidikStdErr has A = diag(a) − aa′/Σa with a = 1/(v+t0).
func (s sample) sidikStdErr(tau2 float64) float64 {
	squares, _ := s.spread()
	t0 := squares / s.k
	var a1, a2, a3, av, aav, a2v, a2vv, a3v float64
	for _, v := range s.v {
		a := 1 / (v + t0)
		a1 += a
		a2 += a * a
		a3 += a * a * a
		av += a * v
		aav += a * a * v
		a2v += a * a * v
		a2vv += a * a * v * v
		a3v += a * a * a * v
	}
	// With B = aa′/Σa: tr(DVDV) − 2tr(DVBV) + tr(BVBV), D = diag(a).
	var a3vv float64
	for _, v := range s.v {
		a := 1 / (v + t0)
		a3vv += a * a * a * v * v
	}
	trAVAV := a2vv - 2*a3vv/a1 + aav*aav/(a1*a1)
	trAVA := a2v - 2*a3v/a1 + a2*aav/(a1*a1)
	trAA := a2 - 2*a3/a1 + a2*a2/(a1*a1)
	return t0 / (s.k - 1) * math.Sqrt(2*trAVAV+4*tau2*trAVA+2*tau2*tau2*trAA)
}
