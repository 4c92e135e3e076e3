package methods

import (
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// typeII is an analysis of variance with its residual line.
type typeII struct {
	terms []linear.TermTest
	fit   *linear.Compact
}

// lines lists one number a term, with the residuals' at the end (nil: none).
func (r typeII) lines(get func(linear.TermTest) float64, residual *float64) []*float64 {
	var out []*float64
	for _, t := range r.terms {
		v := get(t)
		out = append(out, &v)
	}
	return append(out, residual)
}

var typeIIKeys = []key[typeII]{
	value("term", Names, func(r typeII) any {
		var out []string
		for _, t := range r.terms {
			out = append(out, t.Term)
		}
		return append(out, "Residuals")
	}),
	value("sum_sq", Gaps, func(r typeII) any {
		return r.lines(func(t linear.TermTest) float64 { return t.SumSq }, &r.fit.RSS)
	}),
	value("df", Gaps, func(r typeII) any {
		df := float64(r.fit.DF())
		return r.lines(func(t linear.TermTest) float64 { return float64(t.DF) }, &df)
	}),
	value("F", Gaps, func(r typeII) any { return r.lines(func(t linear.TermTest) float64 { return t.F }, nil) }),
	value("p", Gaps, func(r typeII) any { return r.lines(func(t linear.TermTest) float64 { return t.P }, nil) }),
}

// inflationNamed lists the factor by term.
func inflationNamed(get func(linear.Inflation) float64) func([]linear.Inflation) any {
	return func(r []linear.Inflation) any {
		var n Named
		for _, v := range r {
			n.Names, n.Values = append(n.Names, v.Term), append(n.Values, get(v))
		}
		return n
	}
}

var vifKeys = []key[[]linear.Inflation]{
	value("vif", ByName, inflationNamed(func(v linear.Inflation) float64 { return v.GVIF })),
	// The same numbers under the name that they have where a term is a factor.
	value("gvif", ByName, inflationNamed(func(v linear.Inflation) float64 { return v.GVIF })),
	value("df", ByName, inflationNamed(func(v linear.Inflation) float64 { return float64(v.DF) })),
}

// spreadTests are the two tests of a model's form.
type spreadTests struct {
	breuschPagan linear.ChiTest
	reset        linear.FTest
}

var spreadKeys = []key[spreadTests]{
	value("breusch_pagan_studentised", Object, func(r spreadTests) any {
		return Answer{{"statistic", r.breuschPagan.Statistic}, {"df", r.breuschPagan.DF}, {"p", r.breuschPagan.P}}
	}),
	value("reset", Object, func(r spreadTests) any { return Answer{{"statistic", r.reset.F}, {"p", r.reset.P}} }),
}

var linKeys = []key[analytics.Test]{
	scalar("estimate", func(r analytics.Test) float64 { return r.Value }),
	scalar("se_HC2", func(r analytics.Test) float64 { return r.StdErr }),
	scalar("ci_low", func(r analytics.Test) float64 { return r.Lower }),
	scalar("ci_high", func(r analytics.Test) float64 { return r.Upper }),
	scalar("df", func(r analytics.Test) float64 { return r.DF }),
	scalar("p", func(r analytics.Test) float64 { return r.P }),
}

// splineResult is a fit on a restricted cubic spline.
type splineResult struct {
	knots, se []float64
	coef      Named
	test      linear.FTest
	basis     Matrix
}

var splineKeys = []key[splineResult]{
	value("knots", Numbers, func(r splineResult) any { return r.knots }),
	value("coef", ByName, func(r splineResult) any { return r.coef }),
	value("se", Numbers, func(r splineResult) any { return r.se }),
	scalar("nonlinearity_F", func(r splineResult) float64 { return r.test.F }),
	scalar("nonlinearity_p", func(r splineResult) float64 { return r.test.P }),
	value("basis_first_3_rows", Table, func(r splineResult) any { return r.basis }),
}

var treatmentParam = Param{Name: "trt", Kind: Text, Help: "the treatment, a column of the formula"}

// modelMethods are tests of a fitted model.
func modelMethods() []Method {
	return []Method{
		define("linear models", spec{name: "anova_type_II", params: formulaParam, page: Page{
			Title:     "Analysis of variance, type II",
			When:      "One test a term, such as a factor of several levels.",
			Variant:   "Each term against the model without it and without the terms that contain it; error from the whole model.",
			Assumes:   "As ols. Main effects are read only where their interactions are absent.",
			Formula:   "F = (RSS₀−RSS₁)/df ÷ RSS/(n−p)",
			Reference: "Langsrud (2003), doi:10.1023/A:1023260610025",
			Checked:   "R package car 3.1-1",
			PushDown:  "X′X, X′y, y′y",
		}}, typeIIKeys, func(in *Input) (r typeII, err error) {
			if r.fit, err = fitCompact(in, "formula"); err != nil {
				return r, err
			}
			r.terms, err = linear.TypeII(r.fit)
			return r, err
		}),
		define("linear models", spec{name: "vif", params: formulaParam, page: Page{
			Title:     "Variance inflation",
			When:      "Are covariates so alike that their coefficients cannot be told apart?",
			Variant:   "Generalised (GVIF) for a term of several columns, with its df.",
			Assumes:   "A model with an intercept and two terms or more.",
			Formula:   "det R₁₁·det R₂₂/det R of the coefficients' correlations",
			Reference: "Fox and Monette (1992), doi:10.1080/01621459.1992.10475190",
			Checked:   "R package car 3.1-1",
			PushDown:  "X′X",
		}}, vifKeys, func(in *Input) ([]linear.Inflation, error) {
			fit, err := fitCompact(in, "formula")
			if err != nil {
				return nil, err
			}
			return linear.VIF(fit)
		}),
		define("linear models", spec{name: "heteroskedasticity_tests", params: formulaParam, page: Page{
			Title:     "Tests of a linear model's form",
			When:      "To report how a model fits; not to choose errors by: use HC3 anyway.",
			Variant:   "Breusch–Pagan studentised (Koenker); RESET with squared and cubed fitted values.",
			Assumes:   "As ols.",
			Formula:   "n·R² of e² on X;  F of ŷ², ŷ³ added",
			Reference: "Koenker (1981), doi:10.1016/0304-4076(81)90062-2; Ramsey (1969), doi:10.1111/j.2517-6161.1969.tb00796.x",
			Checked:   "R package lmtest 0.9-40",
		}}, spreadKeys, func(in *Input) (r spreadTests, err error) {
			fit, err := fitRows(in, "formula")
			if err != nil {
				return r, err
			}
			if r.breuschPagan, err = linear.BreuschPagan(fit); err != nil {
				return r, err
			}
			r.reset, err = linear.RESET(fit)
			return r, err
		}),
	}
}

// shapedMethods are the models whose columns are made here.
func shapedMethods() []Method {
	const gram = "X′X, X′y, y′y"
	return []Method{
		define("linear models", spec{name: "ancova_lin_interacted_hc2", params: append(append([]Param(nil), formulaParam...), treatmentParam), page: Page{
			Title:     "Lin's interacted analysis of covariance",
			When:      "A trial whose treatment may work differently for different people: the average effect.",
			Variant:   "Covariates centred, their products with the treatment added, HC2 errors, t with n−p.",
			Assumes:   "Random allocation; independent people.",
			Formula:   "y = τt + (x−x̄)′b + t(x−x̄)′c + e",
			Reference: "Lin (2013), doi:10.1214/12-AOAS583",
			Checked:   "R package estimatr 1.0.0",
			PushDown:  "people by covariates and treatment with n, Σy, Σy²",
		}}, linKeys, func(in *Input) (analytics.Test, error) {
			m, err := in.Design("formula")
			if err != nil {
				return analytics.Test{}, err
			}
			if m.Y == nil {
				return analytics.Test{}, fmt.Errorf("param formula: no response: %w", ErrRequest)
			}
			return linear.Interacted(cells.FromRows(m), m.Place(in.Text("trt", "")), 0.95)
		}),
		define("linear models", spec{name: "restricted_cubic_spline_4_knots", roles: []Role{{Name: "y", Kind: Numeric, Help: "the outcome"}, {Name: "x", Kind: Numeric, Help: "the covariate"}}, page: Page{
			Title:     "Restricted cubic spline",
			When:      "Does the outcome bend with baseline?",
			Variant:   "Knots at the 5, 35, 65 and 95 % quantiles (type 7), linear beyond, Harrell's norm 2; F test of the bent part.",
			Assumes:   "As ols; knots that are distinct values.",
			Formula:   "y = b₀ + b₁x + b₂x₁ + b₃x₂",
			Reference: "Harrell (2015), doi:10.1007/978-3-319-19425-7",
			Checked:   "R package Hmisc 4.8-0",
			PushDown:  gram + ", once the knots are known",
		}}, splineKeys, runSpline),
	}
}

func runSpline(in *Input) (splineResult, error) {
	x, y := in.Numbers("x"), in.Numbers("y")
	var r splineResult
	for _, p := range []float64{0.05, 0.35, 0.65, 0.95} {
		k, err := describe.Quantile(x, p, describe.Type7)
		if err != nil {
			return r, err
		}
		r.knots = append(r.knots, k)
	}
	basis, err := design.RestrictedCubicSpline(x, r.knots)
	if err != nil {
		return r, err
	}
	columns := []design.Column{{Name: "y", Values: y}}
	names := []string{"x", "x1", "x2"}
	for j, v := range basis {
		columns = append(columns, design.Column{Name: names[j], Values: v})
	}
	table, err := design.NewTable(columns...)
	if err != nil {
		return r, err
	}
	straight, err := fitTable(table, "y ~ x")
	if err != nil {
		return r, err
	}
	bent, err := fitTable(table, "y ~ "+strings.Join(names, " + "))
	if err != nil {
		return r, err
	}
	r.coef = Named{Names: append([]string{"intercept"}, names...), Values: bent.Coef}
	for k := range bent.Coef {
		r.se = append(r.se, sqrt(bent.Covariance().At(k, k)))
	}
	r.basis = Matrix{Cols: []string{"x", "", ""}}
	for i := 0; i < min(3, len(x)); i++ {
		r.basis.Values = append(r.basis.Values, []float64{basis[0][i], basis[1][i], basis[2][i]})
	}
	r.test, err = linear.CompareRows(straight, bent)
	return r, err
}

// fitCompact is fitRows reduced to what a test of terms needs.
func fitCompact(in *Input, param string) (*linear.Compact, error) {
	fit, err := fitRows(in, param)
	if err != nil {
		return nil, err
	}
	return fit.Compact()
}

func fitTable(t *design.Table, formula string) (*linear.Rows, error) {
	f, err := design.Parse(formula)
	if err != nil {
		return nil, err
	}
	m, err := f.Build(t)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", formula, err)
	}
	return linear.OLS(m)
}
