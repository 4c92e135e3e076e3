package methods

import (
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/quantreg"
)

// quantiles is the regression of two quantiles on one covariate.
type quantiles struct {
	median, high *quantreg.Fit
	se           []float64
}

// line names a fit's two coefficients.
func line(f *quantreg.Fit) Named { return Named{[]string{"intercept", "x"}, f.Coef} }

var quantileKeys = []key[quantiles]{
	value("coef_50", ByName, func(r quantiles) any { return line(r.median) }),
	value("se_nid_50", Numbers, func(r quantiles) any { return r.se }),
	scalar("rho_50", func(r quantiles) float64 { return r.median.Objective }),
	value("coef_90", ByName, func(r quantiles) any { return line(r.high) }),
	scalar("rho_90", func(r quantiles) float64 { return r.high.Objective }),
}

func quantileMethods() []Method {
	return []Method{
		define("linear models", spec{name: "quantile_regression", roles: []Role{{Name: "y", Kind: Numeric, Help: "the outcome"}, {Name: "x", Kind: Numeric, Help: "the covariate"}}, page: Page{
			Title:     "Quantile regression",
			When:      "Skewed outcomes, or people who do badly: how the median and the 90 % quantile move with a covariate.",
			Variant:   "Barrodale and Roberts' simplex, exact; errors of the median by the Hendricks–Koenker sandwich (nid) with Hall and Sheather's bandwidth. Scores of few values have several equally good lines: compare the objective rho first.",
			Assumes:   "Independent people; the quantile linear in the covariate.",
			Formula:   "b = argmin Σu(τ−[u<0]),  V = τ(1−τ)·H⁻¹X′XH⁻¹",
			Reference: "Koenker (2005), doi:10.1017/CBO9780511754098; Barrodale and Roberts (1974), doi:10.1145/355616.361024",
			Checked:   "R package quantreg 5.94",
		}}, quantileKeys, runQuantile),
	}
}

func runQuantile(in *Input) (r quantiles, err error) {
	table, err := design.NewTable(design.Column{Name: "y", Values: in.Numbers("y")}, design.Column{Name: "x", Values: in.Numbers("x")})
	if err != nil {
		return r, err
	}
	f, err := design.Parse("y ~ x")
	if err != nil {
		return r, err
	}
	m, err := f.Build(table)
	if err != nil {
		return r, err
	}
	if r.median, err = quantreg.Regress(m, 0.5, quantreg.Options{}); err != nil {
		return r, err
	}
	if r.high, err = quantreg.Regress(m, 0.9, quantreg.Options{}); err != nil {
		return r, err
	}
	cov, err := r.median.Covariance()
	if err != nil {
		return r, err
	}
	for j := range r.median.Coef {
		r.se = append(r.se, sqrt(cov.At(j, j)))
	}
	return r, nil
}
