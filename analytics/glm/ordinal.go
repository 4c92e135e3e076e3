package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// ProportionalOdds is a fitted cumulative logit model of K ordered classes.
type ProportionalOdds struct {
	Names []string  // of Beta
	Beta  []float64 // log odds ratios of a higher class per unit of the column
	Zeta  []float64 // cut k: log odds of class k or below where x′β = 0
	// Cov is the covariance of Beta, then Zeta, from the observed information.
	Cov        linear.Sym
	Deviance   float64 // −2·log-likelihood
	N          float64
	Iterations int

	fit *ordinalFit
}

// FitProportionalOdds fits
//
//	logit P(Y ≤ k) = ζ_k − x′β,   ζ ascending
//
// by Newton's method to 1e-8 of a standard error: a positive β goes with higher
// classes. The design must have no constant column (the cuts are the constants);
// counts holds for each pattern its people by class, lowest first. Assumes that β
// is the same at every cut. Errors as FitMultinomial; a constant column:
// ErrCollinear. Agrees with R's MASS::polr to 1e-6. McCullagh (1980),
// doi:10.1111/j.2517-6161.1980.tb01109.x.
func FitProportionalOdds(x *design.Matrix, counts [][]float64, opts Options) (*ProportionalOdds, error) {
	classes, err := classTotals(x, counts, opts)
	if err != nil {
		return nil, err
	}
	total := x.P + len(classes) - 1
	if total > maxClassCoefficients {
		return nil, fmt.Errorf("glm: %d coefficients, at most %d; join classes or drop terms: %w", total, maxClassCoefficients, analytics.ErrInvalidParameter)
	}
	f := newOrdinalFit(x, counts, opts, len(classes)-1)
	if f.people <= float64(total) {
		return nil, fmt.Errorf("glm: %v people for %d coefficients; join classes or drop terms: %w", f.people, total, analytics.ErrTooFewObservations)
	}
	start := make([]float64, total)
	var below, all float64
	for _, n := range classes {
		all += n
	}
	for k := range f.cuts {
		below += classes[k]
		start[x.P+k] = math.Log(below / (all - below))
	}
	l := likelihood{pass: f.pass, name: func(at int) string {
		if at < x.P {
			return x.Names[at]
		}
		return fmt.Sprintf("cut %d", at-x.P+1)
	}}
	top, err := l.maximise(start, opts)
	if err != nil {
		return nil, err
	}
	t := square(total)
	for j := range x.P {
		t[j][j] = 1 / f.scale[j]
	}
	for k := range f.cuts {
		t[x.P+k][x.P+k] = 1
		for j := range x.P {
			t[x.P+k][j] = f.centre[j] / f.scale[j]
		}
	}
	theta := applied(t, top.theta)
	return &ProportionalOdds{
		Names: x.Names, Beta: theta[:x.P], Zeta: theta[x.P:], Cov: transformed(t, top.inverse),
		Deviance: top.kernel, N: f.people, Iterations: top.iterations, fit: f,
	}, nil
}

// ordinalFit is one fit's data, its columns centred and scaled.
type ordinalFit struct {
	x             *design.Matrix
	counts        [][]float64
	opts          Options
	cuts          int
	centre, scale []float64
	people        float64
	z             []float64
}

func newOrdinalFit(x *design.Matrix, counts [][]float64, opts Options, cuts int) *ordinalFit {
	f := &ordinalFit{x: x, counts: counts, opts: opts, cuts: cuts, centre: make([]float64, x.P), scale: make([]float64, x.P), z: make([]float64, x.P)}
	weights := make([]float64, x.N)
	var sum float64
	for i, row := range counts {
		var n float64
		for _, c := range row {
			n += c
		}
		if weights[i] = n * opts.weight(i); weights[i] > 0 {
			f.people += n
			sum += weights[i]
		}
		for j, v := range x.Row(i) {
			f.centre[j] += weights[i] * v
		}
	}
	for j := range f.centre {
		f.centre[j] /= sum
	}
	for i := range counts {
		for j, v := range x.Row(i) {
			f.scale[j] += weights[i] * (v - f.centre[j]) * (v - f.centre[j]) / sum
		}
	}
	for j, v := range f.scale {
		if f.scale[j] = math.Sqrt(v); v == 0 {
			f.scale[j] = 1 // collinear with the cuts: the decomposition says so
		}
	}
	return f
}

// pass streams the patterns once; theta is β, then the cuts.
func (f *ordinalFit) pass(theta []float64) (kernel float64, score []float64, information linear.Sym, ok bool) {
	p := f.x.P
	score, information = make([]float64, len(theta)), linear.NewSym(len(theta))
	zeta := theta[p:]
	for k := 1; k < len(zeta); k++ {
		if !(zeta[k] > zeta[k-1]) {
			return 0, score, information, false
		}
	}
	for i, row := range f.counts {
		for j, v := range f.x.Row(i) {
			f.z[j] = (v - f.centre[j]) / f.scale[j]
		}
		eta := dense.Dot(theta[:p], f.z)
		for k, n := range row {
			n *= f.opts.weight(i)
			if n <= 0 {
				continue
			}
			upper, lower := math.Inf(1), math.Inf(-1)
			if k < f.cuts {
				upper = zeta[k] - eta
			}
			if k > 0 {
				lower = zeta[k-1] - eta
			}
			c := class(upper, lower)
			kernel -= 2 * n * c.logP
			f.add(score, information, k, n, c)
		}
	}
	return kernel, score, information, !math.IsNaN(kernel) && !math.IsInf(kernel, 0)
}

// slopes are the log probability of a class between two cuts with its first and
// second derivatives in the upper (a) and the lower (b).
type slopes struct {
	logP, a, b, aa, bb, ab float64
}

// class returns log(F(a) − F(b)) of the logistic law with its derivatives.
func class(a, b float64) slopes {
	density := func(v float64) (f, slope float64) {
		if math.IsInf(v, 0) {
			return 0, 0
		}
		mu, f := binomial{}.Mean(v)
		return f, f * (1 - 2*mu)
	}
	var s slopes
	switch { // log P without cancellation: P = F(a)·(1−F(b))·(1 − e^(b−a))
	case math.IsInf(b, -1):
		s.logP = -log1pExp(-a)
	case math.IsInf(a, 1):
		s.logP = -log1pExp(b)
	default:
		s.logP = -log1pExp(-a) - log1pExp(b) + math.Log(-math.Expm1(b-a))
	}
	p := math.Exp(s.logP)
	fa, da := density(a)
	fb, db := density(b)
	s.a, s.b = fa/p, -fb/p
	s.aa, s.bb, s.ab = da/p-s.a*s.a, -db/p-s.b*s.b, -s.a*s.b
	return s
}

// log1pExp is log(1 + e^v).
func log1pExp(v float64) float64 {
	if v > 0 {
		return v + math.Log1p(math.Exp(-v))
	}
	return math.Log1p(math.Exp(v))
}

// add adds n people of class k.
func (f *ordinalFit) add(score []float64, information linear.Sym, k int, n float64, c slopes) {
	p := f.x.P
	slope := -(c.a + c.b) // in η
	curve := c.aa + 2*c.ab + c.bb
	at := 0
	for i, v := range f.z {
		score[i] += n * slope * v
		g := -n * curve * v
		for _, u := range f.z[:i+1] {
			information.Data[at] += g * u
			at++
		}
	}
	cut := func(place int, first, own float64) {
		score[p+place] += n * first
		row := information.Data[(p+place)*(p+place+1)/2:]
		for j, v := range f.z {
			row[j] += n * own * v
		}
	}
	if k < f.cuts {
		cut(k, c.a, c.aa+c.ab)
		information.Data[(p+k)*(p+k+1)/2+p+k] -= n * c.aa
	}
	if k > 0 {
		cut(k-1, c.b, c.bb+c.ab)
		information.Data[(p+k-1)*(p+k)/2+p+k-1] -= n * c.bb
	}
	if k > 0 && k < f.cuts {
		information.Data[(p+k)*(p+k+1)/2+p+k-1] -= n * c.ab
	}
}

// Differenced returns the covariance from the score differenced centrally in
// steps of 0.001, on the parameters β, ζ₁ and the logs of the gaps between cuts,
// transformed back: what R's MASS::polr prints, a few parts in 10⁴ from Cov where
// a column has a spread of tens. Prefer Cov; this is for comparison. A score that
// can not be differenced: ErrNotConverged.
func (m *ProportionalOdds) Differenced() (linear.Sym, error) {
	f := m.fit
	p, total := f.x.P, f.x.P+f.cuts
	theta := append(append([]float64(nil), m.Beta...), m.Zeta[0])
	for k := 1; k < f.cuts; k++ {
		theta = append(theta, math.Log(m.Zeta[k]-m.Zeta[k-1]))
	}
	const step = 1e-3
	rows := square(total)
	for i := range theta {
		for _, side := range []float64{1, -1} {
			moved := append([]float64(nil), theta...)
			moved[i] += side * step
			for j, v := range f.gapScore(moved) {
				rows[i][j] -= side * v / (2 * step)
			}
		}
	}
	information := linear.NewSym(total)
	for i := range rows {
		for j := range i + 1 {
			information.Set(i, j, (rows[i][j]+rows[j][i])/2)
		}
	}
	factor, bad := dense.FactorScaled(information.Data, information.N, pivotTolerance)
	if bad >= 0 {
		return linear.Sym{}, fmt.Errorf("glm: the differenced information is singular: %w", analytics.ErrNotConverged)
	}
	back := square(total)
	for i := range p {
		back[i][i] = 1
	}
	for k := range f.cuts {
		back[p+k][p] = 1
		for j := 1; j <= k; j++ {
			back[p+k][p+j] = math.Exp(theta[p+j])
		}
	}
	return transformed(back, linear.Sym{N: total, Data: factor.Inverse()}), nil
}

// gapScore is the score in β, ζ₁ and the logs of the gaps.
func (f *ordinalFit) gapScore(theta []float64) []float64 {
	p := f.x.P
	inner := make([]float64, len(theta))
	var shift float64
	for j, b := range theta[:p] {
		inner[j] = b * f.scale[j]
		shift += b * f.centre[j]
	}
	cut := 0.0
	for k := range f.cuts {
		if k == 0 {
			cut = theta[p]
		} else {
			cut += math.Exp(theta[p+k])
		}
		inner[p+k] = cut - shift
	}
	_, score, _, _ := f.pass(inner)
	out := make([]float64, len(theta))
	var cuts float64
	for k := f.cuts - 1; k >= 0; k-- {
		cuts += score[p+k]
		out[p+k] = cuts
		if k > 0 {
			out[p+k] *= math.Exp(theta[p+k])
		}
	}
	for j := range p {
		out[j] = f.scale[j]*score[j] - f.centre[j]*cuts
	}
	return out
}
