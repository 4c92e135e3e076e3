package meta

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Coefficient is one coefficient of a meta-regression, in the estimates' unit per
// unit of the moderator, with its interval and test.
type Coefficient struct {
	Name          string
	Value, StdErr float64
	Statistic, P  float64
	Lower, Upper  float64
}

// Regression is a meta-regression. Tests of coefficients are normal, under
// Hartung–Knapp by t with k−p degrees of freedom (DF; else 0). QM tests every
// coefficient but the intercept: χ² with QMDF, under Hartung–Knapp F with QMDF and
// DF. QE tests what the moderators leave, by fixed-effect weights. R2 is the share
// of tau² that they explain in percent, 0 where there was none to explain; I2 the
// share of tau² in what is left.
type Regression struct {
	Coefficients  []Coefficient
	DF            float64
	Tau2          float64
	QM, QMDF, QMP float64
	QE, QEDF, QEP float64
	R2, I2        float64
	K, P          int
	Level         float64
}

// regressed is a sample with a design: columns X of which the first is 1.
type regressed struct {
	sample
	x [][]float64
}

// fitted is the weighted fit at a tau².
type fitted struct {
	coef      []float64
	inverse   *mat.SymDense // (X′WX)⁻¹
	logDet    float64       // of X′WX
	residuals []float64
	q, trace  float64 // Σw·e², tr P
	squares   float64 // Σw²e² = y′PPy
}

// at fits by weights 1/(v+tau²).
func (r regressed) at(tau2 float64) (fitted, error) {
	p := len(r.x)
	gram, meat, right := mat.NewSymDense(p, nil), mat.NewSymDense(p, nil), make([]float64, p)
	var total float64
	for i, v := range r.v {
		w := 1 / (v + tau2)
		total += w
		for a := range r.x {
			for b := 0; b <= a; b++ {
				product := r.x[a][i] * r.x[b][i]
				gram.SetSym(a, b, gram.At(a, b)+w*product)
				meat.SetSym(a, b, meat.At(a, b)+w*w*product)
			}
			right[a] += w * r.x[a][i] * r.y[i]
		}
	}
	inverse, logDet, err := invert(gram)
	if err != nil {
		return fitted{}, err
	}
	f := fitted{inverse: inverse, logDet: logDet, coef: make([]float64, p), residuals: make([]float64, len(r.y)), trace: total}
	for a := range f.coef {
		for b := range right {
			f.coef[a] += inverse.At(a, b) * right[b]
			f.trace -= inverse.At(a, b) * meat.At(a, b)
		}
	}
	for i, y := range r.y {
		e := y
		for a, b := range f.coef {
			e -= b * r.x[a][i]
		}
		w := 1 / (r.v[i] + tau2)
		f.residuals[i] = e
		f.q += w * e * e
		f.squares += w * w * e * e
	}
	return f, nil
}

// exact says whether only rounding is left of the residuals.
func (r regressed) exact(f fitted) bool {
	var size float64
	for _, y := range r.y {
		size = math.Max(size, math.Abs(y))
	}
	for _, e := range f.residuals {
		if math.Abs(e) > 1e-12*size {
			return false
		}
	}
	return true
}

// invert inverts a positive definite matrix, scaled to a diagonal of ones.
func invert(m *mat.SymDense) (*mat.SymDense, float64, error) {
	p := m.SymmetricDim()
	scale := make([]float64, p)
	unit := mat.NewSymDense(p, nil)
	for i := range scale {
		scale[i] = math.Sqrt(m.At(i, i))
		for j := 0; j <= i; j++ {
			unit.SetSym(i, j, m.At(i, j)/(scale[i]*scale[j]))
		}
	}
	var chol mat.Cholesky
	inverse := &mat.SymDense{}
	if !chol.Factorize(unit) || chol.Cond() > 1e13 || chol.InverseTo(inverse) != nil {
		return nil, 0, fmt.Errorf("meta: a moderator is the same at every site or a combination of others: %w", analytics.ErrCollinear)
	}
	logDet := chol.LogDet()
	for i, s := range scale {
		logDet += 2 * math.Log(s)
		for j := 0; j <= i; j++ {
			inverse.SetSym(i, j, inverse.At(i, j)/(s*scale[j]))
		}
	}
	return inverse, logDet, nil
}

// tau2 estimates what the moderators leave of the between-site variance.
func (r regressed) tau2(method Method) (float64, error) {
	free := r.k - float64(len(r.x))
	fixed, err := r.at(0)
	if err != nil || method == FE {
		return 0, err
	}
	switch method {
	case DL:
		return math.Max(0, (fixed.q-free)/fixed.trace), nil
	case REML:
		// The design is sound at tau² = 0 and so at every other.
		score := func(t float64) float64 {
			f, _ := r.at(t)
			return f.squares - f.trace
		}
		profile := func(t float64) float64 {
			f, _ := r.at(t)
			l := -f.q/2 - f.logDet/2
			for _, v := range r.v {
				l -= math.Log(v+t) / 2
			}
			return l
		}
		squares, meanV := r.spread()
		return highest(score, profile, 10*(squares+meanV))
	}
	return 0, fmt.Errorf("meta: meta-regression by %q, have %s, %s and %s: %w", method, FE, DL, REML, analytics.ErrInvalidParameter)
}

// Regress fits estimates on moderators, one column each with a name, and an
// intercept (named intrcpt, as metafor does)
//
//	y_i = x_i′b + u_i + e_i,   u ~ N(0, τ²),  e_i ~ N(0, v_i)
//
// by weights 1/(v_i+τ²); τ² by REML (the default), DL, or FE for 0. Hartung–Knapp
// multiplies the covariance by Σw·e²/(k−p). Inputs are not modified.
//
//	no more sites than coefficients       ErrTooFewObservations
//	a moderator that does not vary or follows from others   ErrCollinear
//	lengths differ, v_i ≤ 0, NaN, another method   ErrInvalidParameter
//	no residual spread under Hartung–Knapp         ErrZeroVariance
//
// Agrees with R's metafor::rma(mods) to 1e-7. Thompson and Higgins (2002),
// doi:10.1002/sim.1187; Knapp and Hartung (2003), doi:10.1002/sim.1482.
func Regress(yi, vi []float64, moderators [][]float64, names []string, opts Options) (Regression, error) {
	r, opts, err := newRegressed(yi, vi, moderators, names, opts)
	if err != nil {
		return Regression{}, err
	}
	tau2, err := r.tau2(opts.Method)
	if err != nil {
		return Regression{}, err
	}
	f, err := r.at(tau2)
	if err != nil {
		return Regression{}, err
	}
	fixed, err := r.at(0)
	if err != nil {
		return Regression{}, err
	}
	p, free := len(r.x), r.k-float64(len(r.x))
	out := Regression{Tau2: tau2, K: len(yi), P: p, Level: opts.Level, QE: fixed.q, QEDF: free, QEP: dist.ChiSquaredTail(fixed.q, free)}
	factor := 1.0
	if opts.HartungKnapp {
		out.DF, factor = free, f.q/free
		if opts.AdHoc {
			factor = math.Max(1, factor)
		}
		if r.exact(f) {
			return Regression{}, fmt.Errorf("meta: the moderators fit without error, Hartung–Knapp has no standard error: %w", analytics.ErrZeroVariance)
		}
	}
	out.coefficients(f, names, factor)
	if err := out.moderatorTest(f, factor); err != nil {
		return Regression{}, err
	}
	typical := free / fixed.trace
	out.I2 = 100 * tau2 / (typical + tau2)
	before, err := r.sample.tau2(opts.Method)
	if err == nil && before > 0 {
		out.R2 = math.Max(0, 100*(before-tau2)/before)
	}
	return out, err
}

func newRegressed(yi, vi []float64, moderators [][]float64, names []string, opts Options) (regressed, Options, error) {
	s, opts, err := check(yi, vi, opts)
	if err != nil {
		return regressed{}, opts, err
	}
	if len(moderators) == 0 || len(names) != len(moderators) {
		return regressed{}, opts, fmt.Errorf("meta: %d moderators and %d names: %w", len(moderators), len(names), analytics.ErrInvalidParameter)
	}
	ones := make([]float64, len(yi))
	for i := range ones {
		ones[i] = 1
	}
	r := regressed{sample: s, x: [][]float64{ones}}
	for j, m := range moderators {
		if len(m) != len(yi) {
			return regressed{}, opts, fmt.Errorf("meta: %d values of %s for %d estimates: %w", len(m), names[j], len(yi), analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite(names[j], m); err != nil {
			return regressed{}, opts, fmt.Errorf("meta: %w", err)
		}
		r.x = append(r.x, m)
	}
	if len(yi) <= len(r.x) {
		return regressed{}, opts, fmt.Errorf("meta: %d estimates for %d coefficients: %w", len(yi), len(r.x), analytics.ErrTooFewObservations)
	}
	return r, opts, nil
}

// coefficients fills in the table.
func (out *Regression) coefficients(f fitted, names []string, factor float64) {
	critical := dist.NormalCritical(out.Level)
	if out.DF > 0 {
		critical = dist.TCritical(out.Level, out.DF)
	}
	for a, b := range f.coef {
		c := Coefficient{Name: "intrcpt", Value: b, StdErr: math.Sqrt(factor * f.inverse.At(a, a))}
		if a > 0 {
			c.Name = names[a-1]
		}
		c.Statistic = b / c.StdErr
		if out.DF > 0 {
			c.P = dist.TTwoSided(c.Statistic, out.DF)
		} else {
			c.P = dist.NormalTwoSided(c.Statistic)
		}
		c.Lower, c.Upper = b-critical*c.StdErr, b+critical*c.StdErr
		out.Coefficients = append(out.Coefficients, c)
	}
}

// moderatorTest tests all coefficients but the intercept.
func (out *Regression) moderatorTest(f fitted, factor float64) error {
	m := len(f.coef) - 1
	block := mat.NewSymDense(m, nil)
	for a := 0; a < m; a++ {
		for b := 0; b <= a; b++ {
			block.SetSym(a, b, f.inverse.At(a+1, b+1))
		}
	}
	information, _, err := invert(block)
	if err != nil {
		return err
	}
	for a := 0; a < m; a++ {
		for b := 0; b < m; b++ {
			out.QM += f.coef[a+1] * f.coef[b+1] * information.At(a, b) / factor
		}
	}
	out.QMDF = float64(m)
	if out.DF > 0 {
		out.QM /= out.QMDF
		out.QMP = dist.FTail(out.QM, out.QMDF, out.DF)
		return nil
	}
	out.QMP = dist.ChiSquaredTail(out.QM, out.QMDF)
	return nil
}
