package methods

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/quasi"
)

// instrumental is a fit by instruments with its errors and tests, and least squares
// beside it.
type instrumental struct {
	coefficients
	fit          *quasi.InstrumentalRows
	se           map[linear.HCKind][]float64
	cluster      []float64
	leastSquares *linear.Rows
}

// named lists standard errors by coefficient; nil where they are undefined.
func (r instrumental) named(values []float64) any {
	if values == nil {
		return nil
	}
	return Named{r.names, values}
}

var instrumentalKeys = append(coefficientKeys(func(r instrumental) coefficients { return r.coefficients }),
	scalar("df", func(r instrumental) float64 { return float64(r.fit.DF()) }),
	scalar("sigma", func(r instrumental) float64 { return sqrt(r.fit.Sigma2) }),
	value("se_HC0", ByName, func(r instrumental) any { return r.named(r.se[linear.HC0]) }),
	value("se_HC1", ByName, func(r instrumental) any { return r.named(r.se[linear.HC1]) }),
	value("diagnostics", Object, func(r instrumental) any { return r.diagnostics() }),
	value("ols", ByName, func(r instrumental) any { return Named{r.leastSquares.Names, r.leastSquares.Coef} }),
	key[instrumental]{Key{Name: "se_cluster_CR1S", Shape: ByName, Optional: true}, func(r instrumental) any { return r.named(r.cluster) }},
	key[instrumental]{Key{Name: "estimatr_se_HC2", Shape: ByName, Optional: true}, func(r instrumental) any { return r.named(r.se[linear.HC2]) }},
)

// diagnostics is a matrix of tests with gaps: df1, df2, statistic, p.
func (r instrumental) diagnostics() Answer {
	var rows []string
	var values [][]*float64
	add := func(name string, cells ...float64) {
		row := make([]*float64, 4)
		for i := range cells {
			row[i] = &cells[i]
		}
		rows, values = append(rows, name), append(values, row)
	}
	for _, f := range r.fit.FirstStage {
		name := "Weak instruments"
		if len(r.fit.FirstStage) > 1 {
			name += " (" + f.Name + ")"
		}
		add(name, f.DF1, f.DF2, f.F, f.P)
	}
	if w := r.fit.WuHausman; w != nil {
		add("Wu-Hausman", w.DF1, w.DF2, w.F, w.P)
	} else {
		add("Wu-Hausman")
	}
	if s := r.fit.Sargan; s != nil {
		add("Sargan", s.DF)
		last := values[len(values)-1]
		last[2], last[3] = &s.Statistic, &s.P
	} else {
		add("Sargan", 0)
	}
	return Answer{{"rows", rows}, {"cols", []string{"df1", "df2", "statistic", "p-value"}}, {"values", values}}
}

// didResult is a difference in differences with the names of its cells.
type didResult struct {
	quasi.Differences
	groups, periods []string
}

var didKeys = []key[didResult]{
	value("cell_means", Table, func(r didResult) any {
		return Matrix{Rows: r.groups, Cols: r.periods, Values: [][]float64{r.Means[0][:], r.Means[1][:]}}
	}),
	scalar("estimate", func(r didResult) float64 { return r.Estimate }),
	scalar("se_classical", func(r didResult) float64 { return r.Classical }),
	scalar("se_HC1", func(r didResult) float64 { return r.HC1 }),
	scalar("se_cluster_CR1S", func(r didResult) float64 { return r.CR1S }),
	scalar("p_t_Gminus1", func(r didResult) float64 { return r.PCR1S }),
	scalar("n_clusters", func(r didResult) float64 { return float64(r.Clusters) }),
	scalar("se_CR2", func(r didResult) float64 { return r.CR2.StdErr }),
	scalar("df_CR2", func(r didResult) float64 { return r.CR2.DF }),
	scalar("p_CR2", func(r didResult) float64 { return r.CR2.P }),
}

var fixedEffectsKeys = []key[quasi.FixedEffects]{
	scalar("estimate", func(r quasi.FixedEffects) float64 { return r.Estimate }),
	scalar("se_cluster_CR1S_dummies_counted", func(r quasi.FixedEffects) float64 { return r.CR1S }),
	scalar("se_cluster_CR0", func(r quasi.FixedEffects) float64 { return r.CR0 }),
	scalar("se_cluster_CR1", func(r quasi.FixedEffects) float64 { return r.CR1 }),
	scalar("se_classical", func(r quasi.FixedEffects) float64 { return r.Classical }),
	scalar("n_clusters", func(r quasi.FixedEffects) float64 { return float64(r.Clusters) }),
	scalar("n", func(r quasi.FixedEffects) float64 { return float64(r.N) }),
}

var placeRole = Role{Name: "cl", Kind: Label, Help: "the cluster, such as provider"}

// quasiMethods are those that get an effect from how care came about: an
// instrument, a change in some places, a change at some time.
func quasiMethods() []Method {
	optionalPlace := placeRole
	optionalPlace.Optional = true
	return append([]Method{
		define("quasi-experimental", spec{name: "iv_2sls", roles: []Role{optionalPlace}, params: []Param{
			{Name: "iv", Kind: Formula, Help: "outcome ~ treatment + covariates | instruments + covariates"},
			{Name: "ols", Kind: Formula, Optional: true, Help: "the model for least squares beside it; the part before the bar when absent"},
		}, page: Page{
			Title:     "Instrumental variables",
			When:      "Who was treated depends on things not recorded, but also on something like a provider's habit that the outcome does not otherwise depend on.",
			Variant:   "Two-stage least squares, t with n−k; classical, HC0, HC1, HC2 (leverages of the predicted columns) and, with a cluster, CR1S errors. First-stage F of each endogenous column, Wu–Hausman, Sargan (none where instruments are just enough). Written here: no kept library has it.",
			Assumes:   "Instruments move the outcome through the treatment alone and are as good as random; a first-stage F well above 10. The effect is that of people whom the instrument sways.",
			Formula:   "X̂ = Z(Z′Z)⁻¹Z′X,  b = (X̂′X̂)⁻¹X̂′y",
			Reference: "Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data; Sargan (1958), doi:10.2307/1907619; Hausman (1978), doi:10.2307/1913827",
			Checked:   "R packages AER 1.2-10, sandwich 3.0-2 and estimatr 1.0.0",
			PushDown:  "Z′Z, Z′X, Z′y, X′X, X′y, y′y, whole and by cluster; HC errors need rows",
		}}, instrumentalKeys, runInstrumental),
		define("quasi-experimental", spec{name: "did_2x2", roles: []Role{
			{Name: "y", Kind: Numeric, Help: "the outcome"}, {Name: "g", Kind: Label, Help: "who had the change: two levels, the first without"},
			{Name: "post", Kind: Label, Help: "when: two levels, the first before"}, placeRole,
		}, page: Page{
			Title:     "Difference in differences",
			When:      "Some places changed their service and others did not, with outcomes before and after in both.",
			Variant:   "Change of the changed less change of the others; classical and HC1 errors, CR1S with t of G−1, CR2 with Satterthwaite degrees of freedom (read that with few places).",
			Assumes:   "Both would have moved alike without the change; places independent of each other.",
			Formula:   "(ȳ₁₁−ȳ₁₀) − (ȳ₀₁−ȳ₀₀)",
			Reference: "Bertrand, Duflo and Mullainathan (2004), doi:10.1162/003355304772839588; Pustejovsky and Tipton (2018), doi:10.1080/07350015.2016.1247004",
			Checked:   "R 4.2.2, stats::lm; R packages sandwich 3.0-2 and clubSandwich 0.5.8",
			PushDown:  "n, Σy, Σy² by cluster, group and period",
		}}, didKeys, runDifferences),
		define("quasi-experimental", spec{name: "did_twfe", roles: []Role{placeRole}, params: []Param{
			{Name: "formula", Kind: Formula, Help: "outcome ~ change + places + periods, as R formula"},
			{Name: "term", Kind: Text, Help: "the coefficient asked for, as R names it"},
		}, page: Page{
			Title:     "Two-way fixed effects",
			When:      "As did_2x2, with many places and periods.",
			Variant:   "Least squares with a dummy for every place and period; CR0, CR1 = G/(G−1), CR1S with every dummy counted as a coefficient.",
			Assumes:   "As did_2x2; one effect, alike everywhere and from the first period on. With changes at different times and unequal effects it misleads.",
			Formula:   "y = place + period + τ·change + e",
			Reference: "Bertrand, Duflo and Mullainathan (2004), doi:10.1162/003355304772839588; Goodman-Bacon (2021), doi:10.1016/j.jeconom.2021.03.014",
			Checked:   "R 4.2.2, stats::lm; R packages sandwich 3.0-2 and clubSandwich 0.5.8",
			PushDown:  "X_g′X_g and X_g′y_g by place",
		}}, fixedEffectsKeys, runFixedEffects),
	}, seriesMethods()...)
}

func runInstrumental(in *Input) (r instrumental, err error) {
	text := in.Text("iv", "")
	f, err := design.ParseInstrumented(text)
	if err != nil {
		return r, err
	}
	model, instruments, err := f.Build(in.table)
	if err != nil {
		return r, err
	}
	in.leftOut += in.table.Rows() - model.N
	if r.fit, err = quasi.TwoStageRows(model, instruments); err != nil {
		return r, err
	}
	if r.coefficients, err = estimateAll(r.fit.Fit, r.fit.Covariance()); err != nil {
		return r, err
	}
	r.se = map[linear.HCKind][]float64{}
	for _, k := range []linear.HCKind{linear.HC0, linear.HC1, linear.HC2} {
		cov, err := r.fit.Rows.HC(k)
		if k == linear.HC2 && errors.Is(err, analytics.ErrZeroVariance) {
			continue // a row alone determines a coefficient
		}
		if err != nil {
			return r, err
		}
		r.se[k] = stdErrors(cov)
	}
	if in.Has("cl") {
		clusters, err := r.fit.ByRows(codesOf(in.Labels("cl"), model))
		if err != nil {
			return r, err
		}
		cov, err := clusters.Covariance(linear.CR1S)
		if err != nil {
			return r, err
		}
		r.cluster = stdErrors(cov)
	}
	before, _, _ := strings.Cut(text, "|")
	r.leastSquares, err = fitTable(in.table, in.Text("ols", before))
	return r, err
}

func runDifferences(in *Input) (r didResult, err error) {
	sides := map[string][]bool{}
	for _, role := range []string{"g", "post"} {
		c := in.Labels(role)
		if len(c.Levels) != 2 {
			return r, fmt.Errorf("role %s: column %q has %d levels among the rows used, need 2: %w", role, in.roles[role], len(c.Levels), ErrRequest)
		}
		for _, code := range c.Codes {
			sides[role] = append(sides[role], code == 1)
		}
		if role == "g" {
			r.groups = c.Levels
		} else {
			r.periods = c.Levels
		}
	}
	cells, err := quasi.CellsOfRows(in.Numbers("y"), in.Labels("cl").Codes, sides["g"], sides["post"])
	if err != nil {
		return r, err
	}
	r.Differences, err = quasi.TwoByTwo(cells)
	return r, err
}

func runFixedEffects(in *Input) (quasi.FixedEffects, error) {
	fit, err := fitRows(in, "formula")
	if err != nil {
		return quasi.FixedEffects{}, err
	}
	term := in.Text("term", "")
	place := fit.Place(term)
	if place < 0 {
		return quasi.FixedEffects{}, fmt.Errorf("param term: the formula has no coefficient %q: %w", term, ErrRequest)
	}
	along, err := fit.Along(place, codesOf(in.Labels("cl"), fit.Design))
	if err != nil {
		return quasi.FixedEffects{}, err
	}
	return quasi.TwoWay(fit.Fit, place, along)
}
