package glm

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Settings of the iteration. decrementDone is the square of the step in standard
// errors at which it is taken for the last time; pivotTolerance is the share of
// a column's own variation that must be left after those before it, refineBelow
// the share below which the covariance is computed once more.
const (
	maxIterations  = 100
	decrementDone  = 1e-16
	pivotTolerance = 1e-13
	refineBelow    = 1e-6
)

// scoring is a running Fisher scoring over columns (x−centre)/scale.
type scoring struct {
	m             *Model
	intercept     int // the constant column, or −1
	centre, scale []float64
	share         []float64 // 1/scale
	gamma         []float64 // coefficients of the scaled columns
	information   linear.Sym
	factor        dense.Scaled // of information
	score         []float64
	kernel        float64
	people, total float64 // Σ count and Σ weighted y² about the mean
	weightSum     float64
	iterations    int
	z             []float64
	begun         bool // gamma holds a start
}

// newScoring finds the constant column, centres and scales the others.
func newScoring(m *Model) *scoring {
	d, p := m.data, m.P
	s := &scoring{
		m: m, intercept: -1, centre: make([]float64, p), scale: make([]float64, p), share: make([]float64, p),
		gamma: make([]float64, p), information: linear.NewSym(p), score: make([]float64, p), z: make([]float64, p),
	}
	constant := make([]bool, p)
	for j, v := range d.Design.Row(0) {
		constant[j] = v != 0
	}
	for i, n := range d.Count {
		w := n * m.opts.weight(i)
		if w <= 0 {
			continue
		}
		s.people += n
		s.weightSum += w
		x, first := d.Design.Row(i), d.Design.Row(0)
		for j, v := range x {
			s.centre[j] += w * v
			constant[j] = constant[j] && v == first[j]
		}
	}
	for j := p - 1; j >= 0; j-- {
		if constant[j] {
			s.intercept = j
		}
	}
	for j := range s.centre {
		s.centre[j] /= s.weightSum
		if s.intercept < 0 || j == s.intercept {
			s.centre[j] = 0
		}
	}
	for i, n := range d.Count {
		w := n * m.opts.weight(i)
		if w <= 0 {
			continue
		}
		for j, v := range d.Design.Row(i) {
			s.scale[j] += w * (v - s.centre[j]) * (v - s.centre[j])
		}
	}
	for j := range s.scale {
		s.scale[j] = math.Sqrt(s.scale[j] / s.weightSum)
		if s.scale[j] == 0 {
			s.scale[j] = 1 // collinear: the factor says so
		}
		s.share[j] = 1 / s.scale[j]
	}
	return s
}

// mean is the weighted mean outcome.
func (s *scoring) mean() float64 {
	var sum float64
	for i, v := range s.m.data.Sum {
		sum += s.m.opts.weight(i) * v
	}
	return sum / s.weightSum
}

// varies refuses outcomes from which nothing can be told.
func (s *scoring) varies() error {
	if !(s.people > 0) {
		return fmt.Errorf("glm: every weight is zero: %w", analytics.ErrTooFewObservations)
	}
	lo, hi := s.m.Family.Range()
	switch mean := s.mean(); {
	case !(mean > lo):
		return fmt.Errorf("glm: every outcome is %v: nothing to model; widen the group or choose another outcome: %w", lo, analytics.ErrZeroVariance)
	case !(mean < hi):
		return fmt.Errorf("glm: every outcome is %v: nothing to model; widen the group or choose another outcome: %w", hi, analytics.ErrZeroVariance)
	}
	return nil
}

// run iterates to the maximum of the likelihood.
func (s *scoring) run() error {
	limit := s.m.opts.MaxIterations
	if limit == 0 {
		limit = maxIterations
	}
	if s.intercept >= 0 && s.m.opts.Offset == nil && !s.begun {
		s.gamma[s.intercept] = s.m.Family.Link(s.mean()) / s.constant()
	}
	s.kernel = s.pass()
	mean := s.mean()
	for i, n := range s.m.data.Count {
		s.total += s.m.opts.weight(i) * gaussian{}.kernel(0, mean, n, s.m.data.Sum[i], s.m.data.SumSq[i])
	}
	var slow int
	previous := math.Inf(1)
	for s.iterations = 1; s.iterations <= limit; s.iterations++ {
		if s.m.opts.Interrupt != nil {
			if err := s.m.opts.Interrupt(); err != nil {
				return err
			}
		}
		if err := s.factorise(); err != nil {
			return err
		}
		step := s.factor.Solve(s.score)
		decrement := dense.Dot(step, s.score)
		done := decrement <= decrementDone
		if s.m.Family == Gaussian { // one step solves it, a second takes out its rounding
			done = s.iterations >= 2
		}
		if err := s.advance(step, done); err != nil {
			return err
		}
		if done {
			return s.factorise()
		}
		// Near its maximum scoring with a canonical link converges quadratically,
		// unless there is none: then each step gains a constant share.
		if slow++; !(decrement < 1e-3 && decrement > 0.05*previous) {
			slow = 0
		}
		if slow == 3 && (s.m.Family == Binomial || s.m.Family == Poisson) {
			return s.separation()
		}
		previous = decrement
	}
	return s.separation()
}

// begin starts from coefficients of the columns as given.
func (s *scoring) begin(coef []float64) {
	s.begun = true
	var shift float64
	for j, b := range coef {
		s.gamma[j] = b * s.scale[j]
		if j != s.intercept {
			shift += b * s.centre[j]
		}
	}
	if s.intercept >= 0 {
		s.gamma[s.intercept] += shift / s.constant()
	}
}

// constant is the value of the constant column.
func (s *scoring) constant() float64 {
	return s.m.data.Design.Row(0)[s.intercept] / s.scale[s.intercept]
}

// separation explains an iteration without an end.
func (s *scoring) separation() error {
	worst, far := -1, 0.0
	for j, g := range s.gamma {
		if j != s.intercept && math.Abs(g) > far {
			worst, far = j, math.Abs(g)
		}
	}
	name := "a column"
	if worst >= 0 {
		name = s.m.Names[worst]
	}
	if s.m.Family == Gaussian {
		return fmt.Errorf("glm: no convergence in %d iterations; scale the columns: %w", s.iterations, analytics.ErrNotConverged)
	}
	return fmt.Errorf("glm: separation: %s (or a combination with it) tells the outcome without error in some group, so its coefficient grows without end; join groups, drop the term or use logistic_firth: %w", name, analytics.ErrNotConverged)
}

// advance takes the step, halved until the likelihood does not fall.
func (s *scoring) advance(step []float64, last bool) error {
	before := append([]float64(nil), s.gamma...)
	old := s.kernel
	for share := 1.0; share > 1e-10; share /= 2 {
		for j, v := range step {
			s.gamma[j] = before[j] + share*v
		}
		s.kernel = s.pass()
		slack := 1e-10 * (math.Abs(old) + 1)
		if s.kernel <= old+slack || last && s.kernel <= old+1e-6*(math.Abs(old)+1) {
			return nil
		}
	}
	return fmt.Errorf("glm: no step improves the likelihood after %d iterations; scale the columns or drop extreme values: %w", s.iterations, analytics.ErrNotConverged)
}

// pass streams the patterns once: linear predictors, means, score, information
// and the kernel of −2·log-likelihood, which it returns.
func (s *scoring) pass() float64 {
	m, d := s.m, s.m.data
	clear(s.score)
	clear(s.information.Data)
	var kernel float64
	z, gamma, centre, share := s.z, s.gamma[:len(s.z)], s.centre[:len(s.z)], s.share[:len(s.z)]
	for i, n := range d.Count {
		eta := m.opts.offset(i)
		x := d.Design.Row(i)[:len(z)]
		for j := range z {
			z[j] = (x[j] - centre[j]) * share[j]
			eta += z[j] * gamma[j]
		}
		mu, slope := m.Family.Mean(eta)
		m.Eta[i], m.Fitted[i] = eta, mu
		w := m.opts.weight(i)
		if n <= 0 || w <= 0 {
			continue
		}
		kernel += w * m.Family.kernel(eta, mu, n, d.Sum[i], d.SumSq[i])
		variance := m.Family.Variance(mu)
		ratio := 1.0 // μ′/V, 1 under a canonical link however far out
		if variance > 0 {
			ratio = slope / variance
		}
		residual := w * (d.Sum[i] - n*mu) * ratio
		weight := w * n * slope * ratio
		left := s.information.Data
		for a, v := range z {
			s.score[a] += residual * v
			f := weight * v
			row := left[:a+1]
			for b, u := range z[:len(row)] {
				row[b] += f * u
			}
			left = left[a+1:]
		}
	}
	return kernel
}

// factorise decomposes the information. A column without own variation at the
// first iteration is collinear; later its information has run out.
func (s *scoring) factorise() error {
	var bad int
	if s.factor, bad = dense.FactorScaled(s.information.Data, s.information.N, pivotTolerance); bad < 0 {
		return nil
	}
	if s.iterations > 1 {
		return s.separation()
	}
	return fmt.Errorf("glm: column %s is constant or a combination of those before it; drop it: %w", s.m.Names[bad], analytics.ErrCollinear)
}

// unscale returns coefficients and inverse information of the columns as given.
// The inverse is summed from the columns of its root, each transformed first, so
// that an intercept far from the data keeps its digits.
//
// Where columns are nearly collinear the root is refined: a Cholesky factor of
// the sums squares their condition number, the factor of the sums of the columns
// it makes nearly orthogonal does not, so that the two together have the digits
// of a QR decomposition of all rows, in one more pass (CholeskyQR2; Yamamoto and
// others 2015, ETNA 44, 306).
func (s *scoring) unscale() ([]float64, linear.Sym) {
	p := s.m.P
	var second dense.Scaled
	refined := false
	if s.factor.Least() < refineBelow {
		second, refined = s.second()
	}
	cov := linear.NewSym(p)
	for k := range p {
		x := make([]float64, p)
		x[k] = 1
		if refined {
			second.Backward(x)
		}
		cov.AddOuter(s.transform(s.factor.Backward(x)), 1)
	}
	return s.transform(s.gamma), cov
}

// second is the factor of the information of the columns that the first one
// makes nearly orthogonal.
func (s *scoring) second() (t dense.Scaled, ok bool) {
	m, q := s.m, make([]float64, s.m.P)
	again := linear.NewSym(m.P)
	for i := range m.Eta {
		if w := m.Information(i); w > 0 {
			for j, v := range m.data.Design.Row(i) {
				s.z[j] = (v - s.centre[j]) * s.share[j]
			}
			s.factor.Forward(s.z, q)
			again.AddOuter(q, w)
		}
	}
	t, bad := dense.FactorScaled(again.Data, again.N, pivotTolerance)
	return t, bad < 0
}

// transform turns coefficients of scaled columns into those of the columns.
func (s *scoring) transform(gamma []float64) []float64 {
	b := make([]float64, len(gamma))
	var shift float64
	for j, g := range gamma {
		b[j] = g / s.scale[j]
		if j != s.intercept {
			shift += b[j] * s.centre[j]
		}
	}
	if s.intercept >= 0 {
		b[s.intercept] -= shift / s.m.data.Design.Row(0)[s.intercept]
	}
	return b
}
