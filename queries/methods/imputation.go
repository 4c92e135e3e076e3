package methods

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/missing"
)

// imputationColumn is where imputed tables in long form keep the number of the
// imputation, by the convention of R's mice; rows numbered 0 are the table before
// imputation and are not read.
const imputationColumn = ".imp"

var imputationParam = Param{Name: "imputation", Kind: Text, Optional: true, Help: "the column that numbers the imputations, " + imputationColumn + " when absent; number 0 is not read"}

// imputed splits the table by imputation, in the order of their numbers.
func (in *Input) imputed() ([]*design.Table, error) {
	if in.table == nil {
		return nil, fmt.Errorf("needs a table: %w", ErrRequest)
	}
	name := in.Text("imputation", imputationColumn)
	c, ok := in.table.Column(name)
	if !ok {
		return nil, fmt.Errorf("there is no column %q that numbers the imputations: %w", name, ErrRequest)
	}
	f := design.AsFactor(c)
	rows := make([][]int, len(f.Levels))
	for i, k := range f.Codes {
		if k >= 0 {
			rows[k] = append(rows[k], i)
		}
	}
	var out []*design.Table
	for k, level := range f.Levels {
		if !sameValue(level, "0") {
			out = append(out, in.table.Select(rows[k]))
		}
	}
	if len(out) < 2 {
		return nil, fmt.Errorf("column %q numbers fewer than two imputations: %w", name, ErrRequest)
	}
	return out, nil
}

// imputedFits are the least-squares fits of a formula, one an imputation.
type imputedFits struct {
	fits   []*linear.Rows
	labels []string
}

// fitImputed fits the formula param to every table.
func fitImputed(in *Input, tables []*design.Table) (f imputedFits, err error) {
	formula, err := design.Parse(in.Text("formula", ""))
	if err != nil {
		return f, err
	}
	if !formula.HasResponse() {
		return f, errNoResponse("formula")
	}
	f.labels = formula.Labels()
	for _, t := range tables {
		m, err := formula.Build(t)
		if err != nil {
			return f, err
		}
		in.leftOut += t.Rows() - m.N
		fit, err := linear.OLS(m)
		if err != nil {
			return f, err
		}
		if len(f.fits) > 0 && !slices.Equal(fit.Names, f.fits[0].Names) {
			return f, fmt.Errorf("param formula: the imputations do not have the same coefficients; a level is absent in one: %w", ErrRequest)
		}
		f.fits = append(f.fits, fit)
	}
	return f, nil
}

// complete is the degrees of freedom of complete data: the fewest of any
// imputation.
func (f imputedFits) complete() float64 {
	df := f.fits[0].DF()
	for _, fit := range f.fits {
		df = min(df, fit.DF())
	}
	return float64(df)
}

// pool pools one coefficient.
func (f imputedFits) pool(coef int) (missing.Pooled, error) {
	fits := make([]*linear.Fit, len(f.fits))
	for k, fit := range f.fits {
		fits[k] = fit.Fit
	}
	return f.poolOf(fits, coef)
}

// poolOf is pool of other fits of the same rows.
func (f imputedFits) poolOf(fits []*linear.Fit, coef int) (missing.Pooled, error) {
	var q, u []float64
	for _, fit := range fits {
		q, u = append(q, fit.Coef[coef]), append(u, fit.Covariance().At(coef, coef))
	}
	return missing.Pool(q, u, f.complete(), 0.95)
}

// imputedResult is every coefficient pooled.
type imputedResult struct {
	names  []string
	pooled []missing.Pooled
}

func imputedBy(name string, get func(missing.Pooled) float64) key[imputedResult] {
	return value(name, ByName, func(r imputedResult) any {
		n := Named{Names: r.names}
		for _, p := range r.pooled {
			n.Values = append(n.Values, get(p))
		}
		return n
	})
}

var imputedCoefficientKeys = []key[imputedResult]{
	scalar("m", func(r imputedResult) float64 { return float64(r.pooled[0].M) }),
	value("term", Names, func(r imputedResult) any { return r.names }),
	imputedBy("estimate", func(p missing.Pooled) float64 { return p.Value }),
	imputedBy("se", func(p missing.Pooled) float64 { return p.StdErr }),
	imputedBy("statistic", func(p missing.Pooled) float64 { return p.Statistic }),
	imputedBy("df_barnard_rubin", func(p missing.Pooled) float64 { return p.DF }),
	imputedBy("p", func(p missing.Pooled) float64 { return p.P }),
	imputedBy("ci_low", func(p missing.Pooled) float64 { return p.Lower }),
	imputedBy("ci_high", func(p missing.Pooled) float64 { return p.Upper }),
	imputedBy("ubar", func(p missing.Pooled) float64 { return p.Within }),
	imputedBy("b", func(p missing.Pooled) float64 { return p.Between }),
	imputedBy("t", func(p missing.Pooled) float64 { return p.Total }),
	imputedBy("riv", func(p missing.Pooled) float64 { return p.RIV }),
	imputedBy("lambda", func(p missing.Pooled) float64 { return p.Lambda }),
	imputedBy("fmi", func(p missing.Pooled) float64 { return p.FMI }),
}

func runPooled(in *Input) (r imputedResult, err error) {
	tables, err := in.imputed()
	if err != nil {
		return r, err
	}
	f, err := fitImputed(in, tables)
	if err != nil {
		return r, err
	}
	r.names = f.fits[0].Names
	for k := range r.names {
		p, err := f.pool(k)
		if err != nil {
			return r, fmt.Errorf("%s: %w", r.names[k], err)
		}
		r.pooled = append(r.pooled, p)
	}
	return r, nil
}

var imputedMeanKeys = []key[missing.Pooled]{
	scalar("qbar", func(p missing.Pooled) float64 { return p.Value }),
	scalar("ubar", func(p missing.Pooled) float64 { return p.Within }),
	scalar("b", func(p missing.Pooled) float64 { return p.Between }),
	scalar("t", func(p missing.Pooled) float64 { return p.Total }),
	scalar("df_barnard_rubin", func(p missing.Pooled) float64 { return p.DF }),
	scalar("df_rubin_1987_large_sample", func(p missing.Pooled) float64 { return p.DFLarge }),
	limit("riv", func(p missing.Pooled) float64 { return p.RIV }),
	scalar("fmi", func(p missing.Pooled) float64 { return p.FMI }),
	scalar("ci_low", func(p missing.Pooled) float64 { return p.Lower }),
	scalar("ci_high", func(p missing.Pooled) float64 { return p.Upper }),
}

func runPooledMean(in *Input) (missing.Pooled, error) {
	tables, err := in.imputed()
	if err != nil {
		return missing.Pooled{}, err
	}
	var q, u []float64
	fewest := math.Inf(1)
	for _, t := range tables {
		c, ok := t.Column(in.Text("mean_y", ""))
		if !ok || c.IsFactor() {
			return missing.Pooled{}, errColumn("mean_y", in.Text("mean_y", ""))
		}
		mean, sd, err := describe.MeanSD(c.Values)
		if err != nil {
			return missing.Pooled{}, err
		}
		n := float64(len(c.Values))
		q, u, fewest = append(q, mean), append(u, sd*sd/n), math.Min(fewest, n)
	}
	return missing.Pool(q, u, fewest-1, 0.95)
}

var waldKeys = []key[missing.Wald]{
	scalar("F", func(w missing.Wald) float64 { return w.F }),
	scalar("df1", func(w missing.Wald) float64 { return w.DF1 }),
	scalar("df2", func(w missing.Wald) float64 { return w.DF2 }),
	scalar("p", func(w missing.Wald) float64 { return w.P }),
	scalar("riv", func(w missing.Wald) float64 { return w.RIV }),
}

func runWald(in *Input) (w missing.Wald, err error) {
	tables, err := in.imputed()
	if err != nil {
		return w, err
	}
	f, err := fitImputed(in, tables)
	if err != nil {
		return w, err
	}
	term := slices.Index(f.labels, in.Text("term", "")) + 1
	if term == 0 {
		return w, fmt.Errorf("param term: the formula has no term %q, it has %v: %w", in.Text("term", ""), f.labels, ErrRequest)
	}
	places := f.fits[0].Design.Assigned(term)
	var q [][]float64
	var u []linear.Sym
	for _, fit := range f.fits {
		cov := fit.Covariance()
		part, b := linear.NewSym(len(places)), make([]float64, len(places))
		for a, i := range places {
			b[a] = fit.Coef[i]
			for c, j := range places[:a+1] {
				part.Set(a, c, cov.At(i, j))
			}
		}
		q, u = append(q, b), append(u, part)
	}
	return missing.D1(q, u)
}

func imputationMethods() []Method {
	const rubin = "Rubin (1987), doi:10.1002/9780470316696; Barnard and Rubin (1999), doi:10.1093/biomet/86.4.948"
	const random = "Missing at random given the imputation model, which holds the analysis's variables."
	formula := Param{Name: "formula", Kind: Formula, Help: "the regression fitted to every imputation, such as odi_12m ~ arm + odi_baseline"}
	return []Method{
		define("missing data", spec{name: "mi_pool_regression", params: []Param{formula, imputationParam}, page: Page{
			Title:     "Regression over imputations",
			When:      "The analysis of a table that was imputed several times, one under the other.",
			Variant:   "Own implementation: no kept library has it. Least squares in each imputation, Rubin's rules, Barnard–Rubin degrees of freedom with n−p, fraction of missing information in the form of mice.",
			Assumes:   random,
			Formula:   "T = Ū + (1+1/m)B",
			Reference: rubin,
			Checked:   "R package mice 3.15.0",
			PushDown:  "X′X, X′y, y′y by imputation",
		}}, imputedCoefficientKeys, runPooled),
		define("missing data", spec{name: "mi_pool_scalar", params: []Param{{Name: "mean_y", Kind: Text, Help: "the column whose mean is pooled"}, imputationParam}, page: Page{
			Title:     "Mean over imputations",
			When:      "The mean of an imputed outcome.",
			Variant:   "Own implementation: no kept library has it. Rubin's rules, variance s²/n, Barnard–Rubin degrees of freedom with n−1, Rubin's of 1987 beside them.",
			Assumes:   random,
			Formula:   "T = Ū + (1+1/m)B,  ν = (m−1)/λ²",
			Reference: rubin,
			Checked:   "R package mice 3.15.0 (pool.scalar)",
			PushDown:  "n, Σy, Σy² by imputation",
		}}, imputedMeanKeys, runPooledMean),
		define("missing data", spec{name: "mi_multiparameter_wald_D1", params: []Param{formula, {Name: "term", Kind: Text, Help: "the term of the formula whose coefficients are tested together"}, imputationParam}, page: Page{
			Title:     "Test of a term over imputations",
			When:      "Is a factor of several levels, or a spline, needed: a test of several coefficients after imputation.",
			Variant:   "Own implementation: no kept library has it. D1 with a common relative increase in variance and large-sample degrees of freedom.",
			Assumes:   random + " The relative increase in variance is alike for the coefficients.",
			Formula:   "F = Q̄′Ū⁻¹Q̄/(k(1+r)),  r = (1+1/m)·tr(BŪ⁻¹)/k",
			Reference: "Li, Raghunathan and Rubin (1991), doi:10.1080/01621459.1991.10475152",
			Checked:   "R package mitml 0.4-4",
			PushDown:  "X′X, X′y, y′y by imputation",
		}}, waldKeys, runWald),
		deltaMethod(formula),
	}
}
