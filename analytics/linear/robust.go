package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// HCKind is a heteroskedasticity-robust covariance.
type HCKind int

// The covariances of MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7,
// and Cribari-Neto (2004) for HC4. They differ in the weight of a squared
// residual, with h the leverage: HC0 1, HC1 n/(n−p), HC2 1/(1−h), HC3 1/(1−h)²,
// HC4 1/(1−h)^min(4, nh/p).
const (
	HC0 HCKind = iota
	HC1
	HC2
	HC3
	HC4
)

// String is the usual name.
func (k HCKind) String() string { return [...]string{"HC0", "HC1", "HC2", "HC3", "HC4"}[k] }

// ParseHC reads HC0 to HC4; anything else is ErrInvalidParameter.
func ParseHC(name string) (HCKind, error) {
	for k := HC0; k <= HC4; k++ {
		if k.String() == name {
			return k, nil
		}
	}
	return 0, fmt.Errorf("linear: covariance %q, have HC0 to HC4: %w", name, analytics.ErrInvalidParameter)
}

// Weight is the factor on a squared residual of leverage h in a model of p
// coefficients on n rows: what a pushed-down meat Σ wᵢeᵢ²xᵢxᵢ′ multiplies by.
func (k HCKind) Weight(h float64, n, p int) float64 {
	switch k {
	case HC1:
		return float64(n) / float64(n-p)
	case HC2:
		return 1 / (1 - h)
	case HC3:
		return 1 / ((1 - h) * (1 - h))
	case HC4:
		return math.Pow(1-h, -math.Min(4, float64(n)*h/float64(p)))
	}
	return 1
}

// RobustFromMeat returns (X′X)⁻¹ · meat · (X′X)⁻¹ where meat is the packed lower
// triangle of Σ wᵢeᵢ²xᵢxᵢ′, the columns in the order of Coef. kind says which
// weights were used: of HC1 the factor n/(n−p) is applied here, so its meat, as
// that of HC0, has weights 1. A meat of the wrong size is ErrInvalidParameter.
func (f *Fit) RobustFromMeat(meat []float64, kind HCKind) (Sym, error) {
	if len(meat) != len(f.Inv.Data) {
		return Sym{}, fmt.Errorf("linear: a meat of %d cells for %d coefficients: %w", len(meat), f.P, analytics.ErrInvalidParameter)
	}
	cov := f.Inv.Sandwich(Sym{N: f.P, Data: meat})
	if kind == HC1 {
		cov = cov.Scale(HC1.Weight(0, f.N, f.P))
	}
	return cov, nil
}

// Leverage returns h = x′(X′X)⁻¹x of one row or covariate pattern.
func (f *Fit) Leverage(x []float64) float64 { return f.Inv.Quadratic(x) }

// leastLeft is the least share 1 − h of a residual that HC2 to HC4 weight up:
// below it the residual is rounding.
const leastLeft = 1e-8

// HC returns the robust covariance of the coefficients. A row that alone
// determines a coefficient (leverage within 1e-8 of 1) leaves HC2 to HC4 undefined:
// ErrZeroVariance. Checked against R's sandwich 3.0-2 to 1e-9.
func (o *Rows) HC(kind HCKind) (Sym, error) {
	meat := NewSym(o.P)
	for i, e := range o.Residuals {
		h := o.Leverage[i]
		if kind >= HC2 && 1-h < leastLeft {
			return Sym{}, fmt.Errorf("linear: row %d alone determines a coefficient, %v is undefined: %w", i+1, kind, analytics.ErrZeroVariance)
		}
		w := 1.0
		if kind != HC1 {
			w = kind.Weight(h, o.N, o.P)
		}
		meat.AddOuter(o.Design.Row(i), w*e*e)
	}
	return o.RobustFromMeat(meat.Data, kind)
}
