package methods

import (
	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// coefficients are a fit's coefficients under one covariance.
type coefficients struct {
	names []string
	tests []analytics.Test
}

// by lists one number a coefficient.
func (c coefficients) by(get func(analytics.Test) float64) Named {
	n := Named{Names: c.names}
	for _, t := range c.tests {
		n.Values = append(n.Values, get(t))
	}
	return n
}

// estimateAll tests every coefficient; df 0 stands for the residual ones.
func estimateAll(f *linear.Fit, cov linear.Sym) (coefficients, error) {
	c := coefficients{names: f.Names}
	for k := range f.Coef {
		t, err := f.Estimate(k, cov, 0.95)
		if err != nil {
			return c, err
		}
		c.tests = append(c.tests, t)
	}
	return c, nil
}

// coefficientKeys are the keys that every table of coefficients has.
func coefficientKeys[R any](get func(R) coefficients) []key[R] {
	by := func(name string, field func(analytics.Test) float64) key[R] {
		return value(name, ByName, func(r R) any { return get(r).by(field) })
	}
	return []key[R]{
		by("estimate", func(t analytics.Test) float64 { return t.Value }),
		by("se", func(t analytics.Test) float64 { return t.StdErr }),
		by("statistic", func(t analytics.Test) float64 { return t.Statistic }),
		by("p", func(t analytics.Test) float64 { return t.P }),
		by("ci_low", func(t analytics.Test) float64 { return t.Lower }),
		by("ci_high", func(t analytics.Test) float64 { return t.Upper }),
	}
}

// olsResult is a fit with all that is printed of it.
type olsResult struct {
	coefficients
	fit        *linear.Rows
	overall    *linear.FTest // nil where the intercept is alone
	likelihood linear.Likelihood
	influence  linear.Influence
	r2         float64
}

// test reads the overall test where there is one.
func (r olsResult) test(get func(*linear.FTest) *float64) *float64 {
	if r.overall == nil {
		return nil
	}
	return get(r.overall)
}

var olsKeys = append(coefficientKeys(func(r olsResult) coefficients { return r.coefficients }),
	scalar("df", func(r olsResult) float64 { return float64(r.fit.DF()) }),
	scalar("sigma", func(r olsResult) float64 { return sqrt(r.fit.Sigma2) }),
	scalar("r2", func(r olsResult) float64 { return r.r2 }),
	scalar("adj_r2", func(r olsResult) float64 {
		n := float64(r.fit.N)
		if r.fit.HasIntercept {
			n--
		}
		return 1 - (1-r.r2)*n/float64(r.fit.DF())
	}),
	optional("F", func(r olsResult) *float64 { return r.test(func(f *linear.FTest) *float64 { return &f.F }) }),
	optional("F_df1", func(r olsResult) *float64 { return r.test(func(f *linear.FTest) *float64 { return &f.DF1 }) }),
	optional("F_df2", func(r olsResult) *float64 { return r.test(func(f *linear.FTest) *float64 { return &f.DF2 }) }),
	scalar("loglik", func(r olsResult) float64 { return r.likelihood.LogLik }),
	scalar("aic", func(r olsResult) float64 { return r.likelihood.AIC }),
	scalar("bic", func(r olsResult) float64 { return r.likelihood.BIC }),
	scalar("rss", func(r olsResult) float64 { return r.fit.RSS }),
	scalar("n", func(r olsResult) float64 { return float64(r.fit.N) }),
	scalar("max_leverage", func(r olsResult) float64 { return r.influence.MaxLeverage }),
	scalar("max_cooks", func(r olsResult) float64 { return r.influence.MaxCooks }),
	scalar("durbin_watson", func(r olsResult) float64 { return r.influence.DurbinWatson }),
)

var gramKeys = []key[*design.Matrix]{
	value("xtx", Table, func(m *design.Matrix) any { return crossProducts(m) }),
	value("xty", ByName, func(m *design.Matrix) any {
		n := Named{Names: m.Names, Values: make([]float64, m.P)}
		for i, y := range m.Y {
			for j, x := range m.Row(i) {
				n.Values[j] += x * y
			}
		}
		return n
	}),
	scalar("yty", func(m *design.Matrix) float64 {
		var s float64
		for _, y := range m.Y {
			s += y * y
		}
		return s
	}),
	scalar("n", func(m *design.Matrix) float64 { return float64(m.N) }),
}

// robustResult is the standard errors under every HC kind.
type robustResult struct {
	names []string
	se    map[linear.HCKind][]float64
	hc3   coefficients
	df    float64
}

var robustKeys = func() []key[robustResult] {
	var keys []key[robustResult]
	for k := linear.HC0; k <= linear.HC4; k++ {
		keys = append(keys, value(k.String(), ByName, func(r robustResult) any { return Named{r.names, r.se[k]} }))
	}
	test := coefficientKeys(func(r robustResult) coefficients { return r.hc3 })
	return append(keys, value("HC3_test", Object, func(r robustResult) any {
		var a Answer
		for _, k := range test {
			a = append(a, Field{k.Name, k.get(r)})
		}
		return append(a, Field{"df", r.df})
	}))
}()

var formulaParam = []Param{{Name: "formula", Kind: Formula, Help: "an R formula, such as odi_12m ~ arm + odi_baseline"}}

func linearMethods() []Method {
	const gram = "X′X, X′y, y′y"
	return []Method{
		define("linear models", spec{name: "ols", params: formulaParam, page: Page{
			Title:     "Least squares",
			When:      "Adjusted comparisons of a mean outcome: ANCOVA is follow-up on arm, baseline and case mix.",
			Variant:   "Householder QR on rows, scaled Cholesky on centred moments; model-based errors, t with n−p; treatment contrasts.",
			Assumes:   "A linear mean; for these errors, independent people of equal residual variance. See ols_heteroskedasticity_robust and ols_cluster_robust.",
			Formula:   "b = (X′X)⁻¹X′y,  V = RSS/(n−p)·(X′X)⁻¹",
			Reference: "Vickers and Altman (2001), doi:10.1136/bmj.323.7321.1123",
			Checked:   "R 4.2.2, stats::lm; NIST StRD Longley",
			PushDown:  gram + " (leverage, Cook's distance and Durbin–Watson need rows)",
		}}, olsKeys, runOLS),
		define("linear models", spec{name: "gram_matrix", params: formulaParam, page: Page{
			Title:     "Cross-products of a design",
			When:      "To see what the store sums for a model.",
			Variant:   "The raw sums; fits from them centre and scale first.",
			Assumes:   "Nothing.",
			Formula:   "X′X, X′y, y′y",
			Reference: "Wong, Forsell, Lewis, Mao and Wardrop (2021), arXiv:2102.11297",
			Checked:   "R 4.2.2, stats::model.matrix",
			PushDown:  gram,
		}}, gramKeys, func(in *Input) (*design.Matrix, error) { return withResponse(in, "formula") }),
		define("linear models", spec{name: "ols_heteroskedasticity_robust", params: formulaParam, page: Page{
			Title:     "Least squares with robust errors",
			When:      "The default errors of an adjusted comparison: outcome spread differs between arms and severities.",
			Variant:   "HC0 to HC4; the test uses HC3 and t with n−p.",
			Assumes:   "Independent people; nothing on the spread of residuals.",
			Formula:   "V = (X′X)⁻¹·Σwᵢeᵢ²xᵢxᵢ′·(X′X)⁻¹,  HC3: w = 1/(1−h)²",
			Reference: "MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7; Cribari-Neto (2004), doi:10.1016/S0167-9473(02)00366-3",
			Checked:   "R package sandwich 3.0-2",
			PushDown:  gram + ", then Σwᵢeᵢ²xᵢxᵢ′ in a second pass, or cells",
		}}, robustKeys, runRobust),
	}
}

// withResponse builds a design that has a response.
func withResponse(in *Input, param string) (*design.Matrix, error) {
	m, err := in.Design(param)
	if err != nil {
		return nil, err
	}
	if m.Y == nil {
		return nil, errNoResponse(param)
	}
	return m, nil
}

func fitRows(in *Input, param string) (*linear.Rows, error) {
	m, err := in.Design(param)
	if err != nil {
		return nil, err
	}
	return linear.OLS(m)
}

func runOLS(in *Input) (r olsResult, err error) {
	if r.fit, err = fitRows(in, "formula"); err != nil {
		return r, err
	}
	if r.coefficients, err = estimateAll(r.fit.Fit, r.fit.Covariance()); err != nil {
		return r, err
	}
	if !(r.fit.HasIntercept && r.fit.P == 1) {
		test, err := r.fit.Overall()
		if err != nil {
			return r, err
		}
		r.overall = &test
	}
	if r.likelihood, err = r.fit.Likelihood(); err != nil {
		return r, err
	}
	r.r2, _ = r.fit.RSquared()
	r.influence, err = r.fit.Influence()
	return r, err
}

func runRobust(in *Input) (robustResult, error) {
	f, err := fitRows(in, "formula")
	if err != nil {
		return robustResult{}, err
	}
	r := robustResult{names: f.Names, se: map[linear.HCKind][]float64{}, df: float64(f.DF())}
	for k := linear.HC0; k <= linear.HC4; k++ {
		cov, err := f.HC(k)
		if err != nil {
			return r, err
		}
		c, err := estimateAll(f.Fit, cov)
		if err != nil {
			return r, err
		}
		r.se[k] = c.by(func(t analytics.Test) float64 { return t.StdErr }).Values
		if k == linear.HC3 {
			r.hc3 = c
		}
	}
	return r, nil
}

// crossProducts is X′X.
func crossProducts(m *design.Matrix) Matrix {
	out := Matrix{Rows: m.Names, Cols: m.Names, Values: make([][]float64, m.P)}
	for j := range out.Values {
		out.Values[j] = make([]float64, m.P)
	}
	for i := 0; i < m.N; i++ {
		x := m.Row(i)
		for j, v := range x {
			for k, w := range x {
				out.Values[j][k] += v * w
			}
		}
	}
	return out
}
