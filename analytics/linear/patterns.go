package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// Patterns is a fit to people grouped by equal covariates; a row is a pattern of
// one.
type Patterns struct {
	*Fit
	cells    cells.Cells
	leverage []float64 // of one person of the pattern
}

// OLSPatterns is OLS on patterns: QR of their columns times √n, the spread within
// patterns added to RSS. Patterns that do not check are ErrInvalidParameter; other
// errors as OLS.
func OLSPatterns(c cells.Cells) (*Patterns, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("linear: %w", err)
	}
	m := *c.Design
	m.N = max(c.Len(), m.P+1) // rows of zeros add nothing
	m.X, m.Y = make([]float64, m.N*m.P), make([]float64, m.N)
	var within, squares, sum float64
	for i, n := range c.Count {
		if n == 0 {
			continue
		}
		root := math.Sqrt(n)
		for j, v := range c.Design.Row(i) {
			m.X[i*m.P+j] = root * v
		}
		m.Y[i] = c.Sum[i] / root
		within, squares, sum = within+spreadOf(c, i), squares+c.SumSq[i], sum+c.Sum[i]
	}
	people := c.N()
	if people <= float64(m.P) {
		return nil, fmt.Errorf("linear: %v rows for %d coefficients: %w", people, m.P, analytics.ErrTooFewObservations)
	}
	fit, err := OLS(&m)
	if err != nil {
		return nil, err
	}
	p := &Patterns{Fit: fit.Fit, cells: c, leverage: fit.Leverage[:c.Len()]}
	for i, n := range c.Count {
		if n > 0 {
			p.leverage[i] /= n
		}
	}
	p.N, p.MeanY, p.TSS = int(math.Round(people)), sum/people, squares
	if p.RSS += within; p.RSS <= roundingShare*squares {
		p.RSS = 0
	}
	if p.HasIntercept {
		p.TSS = within
		for i, n := range c.Count {
			if n > 0 {
				d := c.Sum[i]/n - p.MeanY
				p.TSS += n * d * d
			}
		}
	}
	p.Sigma2 = p.RSS / float64(p.DF())
	return p, nil
}

// spreadOf is Σ(y − ȳ)² within a pattern.
func spreadOf(c cells.Cells, i int) float64 {
	return math.Max(c.SumSq[i]-c.Sum[i]*c.Sum[i]/c.Count[i], 0)
}

// HC returns the robust covariance of the coefficients, as Rows.HC.
func (p *Patterns) HC(kind HCKind) (Sym, error) {
	meat := NewSym(p.P)
	for i, n := range p.cells.Count {
		if n == 0 || p.RSS == 0 {
			continue
		}
		h, x := p.leverage[i], p.cells.Design.Row(i)
		if kind >= HC2 && 1-h < leastLeft {
			return Sym{}, fmt.Errorf("linear: pattern %d alone determines a coefficient, %v is undefined: %w", i+1, kind, analytics.ErrZeroVariance)
		}
		away := p.cells.Sum[i] / n
		for j, v := range x {
			away -= v * p.Coef[j]
		}
		w := spreadOf(p.cells, i) + n*away*away
		if kind != HC1 {
			w *= kind.Weight(h, p.N, p.P)
		}
		meat.AddOuter(x, w)
	}
	return p.RobustFromMeat(meat.Data, kind)
}

// Interacted fits Lin's estimator: the treatment (the one column of its term),
// the other columns centred at their means, and their products with the
// treatment; the treatment's coefficient with HC2 errors is the effect for the
// average person. A treatment of other than one column: ErrInvalidParameter;
// other errors as OLSPatterns. Lin (2013), doi:10.1214/12-AOAS583; as R's
// estimatr::lm_lin.
func Interacted(c cells.Cells, treatment int, level float64) (analytics.Test, error) {
	m := c.Design
	if treatment < 0 || treatment >= m.P || m.Assign[treatment] == 0 || len(m.Assigned(m.Assign[treatment])) != 1 {
		return analytics.Test{}, fmt.Errorf("linear: the treatment must be one column: %w", analytics.ErrInvalidParameter)
	}
	c.Design = interact(m, c, treatment)
	fit, err := OLSPatterns(c)
	if err != nil {
		return analytics.Test{}, err
	}
	cov, err := fit.HC(HC2)
	if err != nil {
		return analytics.Test{}, err
	}
	return fit.Estimate(fit.Place(m.Names[treatment]), cov, level)
}

// interact is the design with the other columns centred and their products with
// the treatment.
func interact(m *design.Matrix, c cells.Cells, treatment int) *design.Matrix {
	tr, people := m.Column(treatment), c.N()
	others := map[int]bool{}
	for _, t := range m.Assign {
		others[t] = t != 0 && t != m.Assign[treatment]
	}
	wide := m.Without(others)
	for j, t := range m.Assign {
		if !others[t] {
			continue
		}
		centred, product := m.Column(j), make([]float64, m.N)
		var mean float64
		for i, v := range centred {
			mean += c.Count[i] * v / people
		}
		for i := range centred {
			centred[i] -= mean
			product[i] = centred[i] * tr[i]
		}
		wide = wide.Append(m.Names[j], centred).Append(m.Names[treatment]+":"+m.Names[j], product)
	}
	return wide
}
