package mixed

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Logistic is a fitted logistic model with a random intercept. Coef are log odds
// ratios within a group and Cov their covariance, row after row; Variance is
// that of the groups' log odds.
type Logistic struct {
	Names    []string
	Coef     []float64
	Cov      []float64
	Variance float64
	LogLik   float64
	N        int
	Groups   int
	Points   int
	Singular bool
}

// farthest is the largest coefficient per standard deviation of its column that
// a fit may come to.
const farthest = 50

// FitLogistic fits logit P(y=1) = x′β + θu, u standard normal and one a group,
// maximising the likelihood with u integrated out by adaptive Gauss–Hermite
// quadrature of that many points about each group's mode; 1 is Laplace's
// approximation. Cov is from the Hessian in θ and β together.
//
//	a response other than 0 and 1, no response     ErrInvalidParameter
//	one outcome throughout                         ErrZeroVariance
//	one group, or fewer rows than coefficients     ErrTooFewObservations
//	a column that is a combination of others       ErrCollinear, naming it
//	a covariate that separates the outcomes        ErrNotConverged
//
// Checked against R's lme4::glmer 1.1-31 to 1e-3. Pinheiro and Chao (2006),
// doi:10.1198/106186006X96962.
func FitLogistic(x *design.Matrix, group design.Column, points int, opts Options) (*Logistic, error) {
	if points < 1 || points > MaxPoints {
		return nil, fmt.Errorf("mixed: %d points of quadrature, need 1 to %d: %w", points, MaxPoints, analytics.ErrInvalidParameter)
	}
	d, err := newBinary(x, group)
	if err != nil {
		return nil, err
	}
	d.nodes, d.weights = hermite(points)
	start := make([]float64, x.P+1)
	start[0] = 1
	at, err := minimise("logistic model", start, d.surface, opts)
	if err != nil {
		return nil, fmt.Errorf("%w; a covariate may separate the outcomes", err)
	}
	for j, v := range at[1:] {
		if math.Abs(v) > farthest {
			return nil, fmt.Errorf("mixed: logistic model: the coefficient of %s runs to infinity, a covariate separates the outcomes: %w", x.Names[j], analytics.ErrNotConverged)
		}
	}
	m := &Logistic{Names: x.Names, Variance: at[0] * at[0], N: x.N, Groups: len(d.from) - 1, Points: points, Singular: math.Abs(at[0]) < singular}
	m.LogLik = -d.deviance(at) / 2
	h, ok := hessian(at, d.surface, 1e-3, true)
	if !ok {
		return nil, fmt.Errorf("mixed: logistic model: the likelihood ends beside the estimate: %w", analytics.ErrNotConverged)
	}
	f, bad := h.Cholesky(1e-12)
	if bad >= 0 {
		return nil, fmt.Errorf("mixed: logistic model: the likelihood has no curvature at the estimate; drop terms: %w", analytics.ErrNotConverged)
	}
	d.report(m, at[1:], f.Inverse())
	return m, nil
}

// binary holds the rows by group, covariates standardised.
type binary struct {
	x              []float64
	y              []float64
	p              int
	from           []int // where each group begins, and n
	centre, scale  []float64
	centred        bool
	nodes, weights []float64
	mode           []float64 // of each group, kept to start from
}

func newBinary(x *design.Matrix, group design.Column) (*binary, error) {
	if x.Y == nil || len(group.Codes) != x.N {
		return nil, fmt.Errorf("mixed: the formula has no response, or groups are of other rows: %w", analytics.ErrInvalidParameter)
	}
	events := 0
	for i, y := range x.Y {
		if y != 0 && y != 1 {
			return nil, fmt.Errorf("mixed: logistic model: row %d of the response is not 0 or 1: %w", i+1, analytics.ErrInvalidParameter)
		}
		events += int(y)
	}
	if events == 0 || events == x.N {
		return nil, fmt.Errorf("mixed: logistic model: every outcome is the same: %w", analytics.ErrZeroVariance)
	}
	if x.N <= x.P+1 {
		return nil, fmt.Errorf("mixed: logistic model: %d rows for %d coefficients: %w", x.N, x.P, analytics.ErrTooFewObservations)
	}
	byGroup := make([][]int, len(group.Levels))
	for i, k := range group.Codes {
		if k < 0 || k >= len(byGroup) {
			return nil, fmt.Errorf("mixed: row %d has no group: %w", i+1, analytics.ErrInvalidParameter)
		}
		byGroup[k] = append(byGroup[k], i)
	}
	d := &binary{p: x.P, centre: make([]float64, x.P), scale: ones(x.P), centred: x.Assign[0] == 0}
	if d.centred {
		for i := 0; i < x.N; i++ {
			for j, v := range x.Row(i) {
				d.centre[j] += v / float64(x.N)
			}
		}
		d.centre[0] = 0
	}
	spread(d.scale, d.centre, x)
	for _, rows := range byGroup {
		if len(rows) == 0 {
			continue
		}
		d.from = append(d.from, len(d.y))
		for _, i := range rows {
			for j, v := range x.Row(i) {
				d.x = append(d.x, (v-d.centre[j])/d.scale[j])
			}
			d.y = append(d.y, x.Y[i])
		}
	}
	if len(d.from) < 2 {
		return nil, fmt.Errorf("mixed: logistic model: one group, need two: %w", analytics.ErrTooFewObservations)
	}
	d.from = append(d.from, len(d.y))
	d.mode = make([]float64, len(d.from)-1)
	return d, d.identified(x.Names)
}

func (d *binary) identified(names []string) error {
	gram := dense.New(d.p, d.p)
	for i := range d.y {
		row := d.x[i*d.p : (i+1)*d.p]
		gram.AddOuter(1, row, row)
	}
	if _, j := gram.Cholesky(collinear); j >= 0 {
		return linear.NewCollinear(j, names[j], "is zero, constant or a combination of those before it")
	}
	return nil
}

// deviance is −2·log-likelihood at (θ, β).
func (d *binary) deviance(at []float64) float64 {
	theta, beta := at[0], at[1:]
	var total float64
	var eta []float64
	terms := make([]float64, len(d.nodes))
	for g := range d.mode {
		from, to := d.from[g], d.from[g+1]
		eta = eta[:0]
		for i := from; i < to; i++ {
			eta = append(eta, dense.Dot(d.x[i*d.p:(i+1)*d.p], beta))
		}
		y := d.y[from:to]
		u, curvature := findMode(y, eta, theta, d.mode[g])
		d.mode[g] = u
		sd := 1 / math.Sqrt(curvature)
		most := math.Inf(-1)
		for k, z := range d.nodes {
			terms[k] = z*z/2 + joint(y, eta, theta, u+sd*z) + math.Log(d.weights[k])
			most = math.Max(most, terms[k])
		}
		var sum float64
		for _, t := range terms {
			sum += math.Exp(t - most)
		}
		total += most + math.Log(sum*sd)
	}
	return -2 * total
}

// joint is the log density of a group's outcomes and of its effect u, but for
// the constant of the latter.
func joint(y, eta []float64, theta, u float64) float64 {
	v := -u * u / 2
	for i, e := range eta {
		e += theta * u
		v += y[i]*e - softplus(e)
	}
	return v
}

// softplus is log(1 + eˣ).
func softplus(x float64) float64 {
	if x > 0 {
		return x + math.Log1p(math.Exp(-x))
	}
	return math.Log1p(math.Exp(x))
}

// findMode is the u of greatest joint density, which is concave, and the
// curvature there.
func findMode(y, eta []float64, theta, u float64) (mode, curvature float64) {
	for step := 0; step < 100; step++ {
		slope := -u
		curvature = 1
		for i, e := range eta {
			p := 1 / (1 + math.Exp(-e-theta*u))
			slope += theta * (y[i] - p)
			curvature += theta * theta * p * (1 - p)
		}
		move := slope / curvature
		if limit := 5.0; math.Abs(move) > limit {
			move = math.Copysign(limit, move)
		}
		u += move
		if math.Abs(move) < 1e-12*(1+math.Abs(u)) {
			break
		}
	}
	return u, curvature
}

// surface is the deviance with its gradient by central differences,
// extrapolated to the fourth order.
func (d *binary) surface(at []float64) (float64, []float64, bool) {
	value := d.deviance(at)
	if !finite(value) {
		return 0, nil, false
	}
	gradient := make([]float64, len(at))
	x := append([]float64(nil), at...)
	for j := range at {
		central := func(h float64) float64 {
			x[j] = at[j] + h
			up := d.deviance(x)
			x[j] = at[j] - h
			down := d.deviance(x)
			x[j] = at[j]
			return (up - down) / (2 * h)
		}
		h := 1e-3 * math.Max(1, math.Abs(at[j]))
		gradient[j] = (4*central(h/2) - central(h)) / 3
	}
	return value, gradient, finite(gradient...)
}

// report brings coefficients and covariance to their own units; v is the inverse
// Hessian of the deviance in (θ, β).
func (d *binary) report(m *Logistic, beta []float64, v dense.Matrix) {
	own := dense.New(d.p, d.p) // β in own units is own·β
	for j := 0; j < d.p; j++ {
		own.Set(j, j, 1/d.scale[j])
		if d.centred && j > 0 {
			own.Set(0, j, -d.centre[j]/d.scale[j])
		}
	}
	m.Coef = own.Vector(beta)
	places := make([]int, d.p)
	for j := range places {
		places[j] = j + 1
	}
	m.Cov = own.Sandwich(v.Pick(places)).Data
	for i := range m.Cov {
		m.Cov[i] *= 2
	}
}
