package proportions

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Stratum is the comparison within one stratum.
type Stratum struct{ One, Zero Count }

// Common is a Mantel–Haenszel estimate over strata: Value is a log odds ratio, a
// log risk ratio or a risk difference. Q is Cochran's test of equal effects over
// the Strata that tell of one, inverse-variance weighted about Value; QP is nil
// with one stratum.
type Common struct {
	analytics.Estimate
	Q      float64
	QP     *float64
	Strata int
}

// Cochran are the tests of no association within strata, one degree of freedom:
// ChiSquared with the binomial variance (Cochran), MH with the hypergeometric
// one (Mantel and Haenszel), MHCorrected with |Δ| less ½. Tarone tests equal odds
// ratios; it is nil where there is no common odds ratio or one stratum only.
type Cochran struct {
	ChiSquared, ChiSquaredP   float64
	MH, MHP                   float64
	MHCorrected, MHCorrectedP float64
	Tarone, TaroneP           *float64
}

// Stratified is a comparison adjusted for strata. An estimate is nil where a
// cell is empty in every stratum.
type Stratified struct {
	OddsRatio, RiskRatio, RiskDifference *Common
	Cochran                              Cochran
}

// cells are one stratum's table: a, b with and without the event in group 1, c,
// d in group 0.
type cells struct{ a, b, c, d, n1, n0, n float64 }

// MantelHaenszel pools two-group comparisons over strata; a stratum without
// people in one of the groups tells nothing and is left out.
//
//	OR   Σ(ad/n)/Σ(bc/n), variance of Robins, Breslow and Greenland (1986)
//	RR   Σ(a·n₀/n)/Σ(c·n₁/n), variance of Greenland and Robins (1985)
//	RD   Σ((a·n₀ − c·n₁)/n)/Σ(n₁n₀/n), variance of Sato (1989)
//
// No cell is corrected in the estimates; Q adds ½ to the cells of a stratum with
// an empty one, and leaves out strata where nobody or everybody had the event.
//
//	no stratum with both groups          ErrTooFewObservations
//	nobody or everybody had the event    ErrZeroVariance
//	events outside 0…n, level            ErrInvalidParameter
//
// Checked against R's metafor 3.8-1, rma.mh, and mantelhaen.test. Robins, Breslow
// and Greenland (1986), doi:10.2307/2531052; Greenland and Robins (1985),
// doi:10.2307/2530643; Sato (1989), doi:10.2307/2531681; Tarone (1985),
// doi:10.1093/biomet/72.1.91.
func MantelHaenszel(strata []Stratum, level float64) (Stratified, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return Stratified{}, fmt.Errorf("proportions: mantel-haenszel: %w", err)
	}
	tables, err := tabulate(strata)
	if err != nil {
		return Stratified{}, fmt.Errorf("proportions: mantel-haenszel: %w", err)
	}
	s := Stratified{OddsRatio: commonOR(tables, level), RiskRatio: commonRR(tables, level), RiskDifference: commonRD(tables, level)}
	if s.Cochran, err = cochran(tables, s.OddsRatio); err != nil {
		return Stratified{}, fmt.Errorf("proportions: mantel-haenszel: %w", err)
	}
	return s, nil
}

// tabulate keeps the strata that have people in both groups.
func tabulate(strata []Stratum) ([]cells, error) {
	var out []cells
	for _, s := range strata {
		for _, c := range []Count{s.One, s.Zero} {
			if c.N < 0 || c.Events < 0 || c.Events > c.N {
				return nil, fmt.Errorf("%d events in %d people: %w", c.Events, c.N, analytics.ErrInvalidParameter)
			}
		}
		if s.One.N == 0 || s.Zero.N == 0 {
			continue
		}
		t := cells{a: float64(s.One.Events), n1: float64(s.One.N), c: float64(s.Zero.Events), n0: float64(s.Zero.N)}
		t.b, t.d, t.n = t.n1-t.a, t.n0-t.c, t.n1+t.n0
		out = append(out, t)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("no stratum has people in both groups; join strata: %w", analytics.ErrTooFewObservations)
	}
	return out, nil
}

func common(value, se, level float64, method string, tables []cells, effect func(cells) (y, v float64)) *Common {
	half := dist.NormalCritical(level) * se
	c := Common{Estimate: analytics.Estimate{Value: value, StdErr: se, Lower: value - half, Upper: value + half, Level: level, Method: method}}
	for _, t := range tables {
		c.N += int(t.n)
		if t.a+t.c == 0 || t.b+t.d == 0 {
			continue
		}
		if t.a == 0 || t.b == 0 || t.c == 0 || t.d == 0 {
			t = cells{t.a + 0.5, t.b + 0.5, t.c + 0.5, t.d + 0.5, t.n1 + 1, t.n0 + 1, t.n + 2}
		}
		y, v := effect(t)
		c.Q += (y - value) * (y - value) / v
		c.Strata++
	}
	if c.Strata > 1 {
		p := dist.ChiSquaredTail(c.Q, float64(c.Strata-1))
		c.QP = &p
	} else {
		c.Q = 0
	}
	return &c
}

func commonOR(tables []cells, level float64) *Common {
	var r, s, pr, psqr, qs float64
	for _, t := range tables {
		p, q := (t.a+t.d)/t.n, (t.b+t.c)/t.n
		ri, si := t.a*t.d/t.n, t.b*t.c/t.n
		r, s = r+ri, s+si
		pr, psqr, qs = pr+p*ri, psqr+p*si+q*ri, qs+q*si
	}
	if r == 0 || s == 0 {
		return nil
	}
	se := math.Sqrt((pr/(r*r) + psqr/(r*s) + qs/(s*s)) / 2)
	return common(math.Log(r/s), se, level, "Mantel–Haenszel log odds ratio", tables, func(t cells) (float64, float64) {
		return math.Log(t.a * t.d / (t.b * t.c)), 1/t.a + 1/t.b + 1/t.c + 1/t.d
	})
}

func commonRR(tables []cells, level float64) *Common {
	var r, s, top float64
	for _, t := range tables {
		r += t.a * t.n0 / t.n
		s += t.c * t.n1 / t.n
		top += t.n1/t.n*(t.n0/t.n)*(t.a+t.c) - t.a*t.c/t.n
	}
	if r == 0 || s == 0 {
		return nil
	}
	return common(math.Log(r/s), math.Sqrt(math.Max(top, 0)/(r*s)), level, "Mantel–Haenszel log risk ratio", tables, func(t cells) (float64, float64) {
		return math.Log(t.a / t.n1 / (t.c / t.n0)), 1/t.a - 1/t.n1 + 1/t.c - 1/t.n0
	})
}

func commonRD(tables []cells, level float64) *Common {
	var top, weight, shift, spread float64
	for _, t := range tables {
		f1, f0 := t.n1/t.n, t.n0/t.n
		top += t.a*f0 - t.c*f1
		weight += t.n1 * f0
		shift += t.c*f1*f1 - t.a*f0*f0 + f1*f0*(t.n0-t.n1)/2
		spread += (t.a*t.d + t.c*t.b) / t.n
	}
	rd := top / weight
	se := math.Sqrt(math.Max(rd*shift+spread/2, 0)) / weight
	return common(rd, se, level, "Mantel–Haenszel risk difference", tables, func(t cells) (float64, float64) {
		p1, p0 := t.a/t.n1, t.c/t.n0
		return p1 - p0, p1*(1-p1)/t.n1 + p0*(1-p0)/t.n0
	})
}

// cochran tests association within strata, and equality of odds ratios about
// the common one.
func cochran(tables []cells, or *Common) (Cochran, error) {
	var delta, binomial, hyper float64
	for _, t := range tables {
		x, y := t.a+t.c, t.b+t.d
		delta += t.a - t.n1*x/t.n
		binomial += t.n1 / t.n * (t.n0 / t.n) * x * (y / t.n)
		hyper += t.n1 / t.n * (t.n0 / t.n) * x * (y / (t.n - 1))
	}
	if binomial == 0 {
		return Cochran{}, fmt.Errorf("nobody or everybody had the event in every stratum: %w", analytics.ErrZeroVariance)
	}
	delta = math.Abs(delta)
	c := Cochran{ChiSquared: delta * delta / binomial, MH: delta * delta / hyper, MHCorrected: delta * delta / hyper}
	if delta >= 0.5 {
		c.MHCorrected = (delta - 0.5) * (delta - 0.5) / hyper
	}
	c.ChiSquaredP, c.MHP, c.MHCorrectedP = dist.ChiSquaredTail(c.ChiSquared, 1), dist.ChiSquaredTail(c.MH, 1), dist.ChiSquaredTail(c.MHCorrected, 1)
	if or != nil {
		c.Tarone, c.TaroneP = tarone(tables, math.Exp(or.Value))
	}
	return c, nil
}

// tarone tests that every stratum has the odds ratio psi: Breslow and Day's
// statistic with Tarone's correction.
func tarone(tables []cells, psi float64) (stat, p *float64) {
	var breslowDay, off, variance float64
	k := 0
	for _, t := range tables {
		x := t.a + t.c
		expected := t.n1 * x / t.n
		if psi != 1 {
			b := psi*(t.n1+x) + t.n0 - x
			// The root within the table, without cancellation.
			expected = 2 * psi * t.n1 * x / (b + math.Sqrt(math.Max(b*b-4*psi*(psi-1)*t.n1*x, 0)))
		}
		if !(expected > 0) || x == 0 || t.b+t.d == 0 {
			continue
		}
		v := 1 / (1/expected + 1/(t.n1-expected) + 1/(x-expected) + 1/(t.n0-x+expected))
		breslowDay += (t.a - expected) * (t.a - expected) / v
		off += t.a - expected
		variance += v
		k++
	}
	if k < 2 {
		return nil, nil
	}
	ta := math.Max(breslowDay-off*off/variance, 0)
	tail := dist.ChiSquaredTail(ta, float64(k-1))
	return &ta, &tail
}
