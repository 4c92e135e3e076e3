package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/missing"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// gapsResult is the pattern of missing values of some columns.
type gapsResult struct {
	missing.Patterns
	columns []string
}

var gapsKeys = []key[gapsResult]{
	value("n_missing", ByName, func(r gapsResult) any {
		n := Named{Names: r.columns}
		for _, c := range r.Missing {
			n.Values = append(n.Values, float64(c))
		}
		return n
	}),
	value("pattern", Names, func(r gapsResult) any {
		var out []string
		for _, p := range r.List {
			out = append(out, p.Observed)
		}
		return out
	}),
	value("count", Numbers, func(r gapsResult) any {
		var out []float64
		for _, p := range r.List {
			out = append(out, float64(p.Count))
		}
		return out
	}),
	scalar("complete", func(r gapsResult) float64 { return float64(r.Complete) }),
}

func runGaps(in *Input) (r gapsResult, err error) {
	r.columns = in.Texts("cols")
	if in.table == nil {
		return r, fmt.Errorf("needs a table: %w", ErrRequest)
	}
	var columns []design.Column
	seen := map[string]bool{}
	for _, name := range r.columns {
		c, ok := in.table.Column(name)
		if !ok {
			return r, errColumn("cols", name)
		}
		if seen[name] {
			return r, fmt.Errorf("param cols: column %q twice: %w", name, ErrRequest)
		}
		seen[name] = true
		columns = append(columns, c)
	}
	r.Patterns, err = missing.Describe(in.table.Rows(), len(columns), func(row, column int) bool { return columns[column].Missing(row) })
	return r, err
}

// respondedResult is an outcome weighted by the inverse probability of response.
type respondedResult struct {
	model      *missing.Response
	mean       missing.ResponseMean
	regression missing.Regression
}

var respondedKeys = []key[respondedResult]{
	scalar("response_rate", func(r respondedResult) float64 { return r.mean.Rate }),
	value("response_coef", ByName, func(r respondedResult) any { return Named{r.model.Model.Names, r.model.Model.Coef} }),
	scalar("complete_case_mean", func(r respondedResult) float64 { return r.mean.CompleteCase }),
	scalar("ipr_mean", func(r respondedResult) float64 { return r.mean.Value }),
	scalar("ipr_mean_se_m_estimation", func(r respondedResult) float64 { return r.mean.StdErr }),
	scalar("ess", func(r respondedResult) float64 { return r.mean.ESS }),
	scalar("max_weight", func(r respondedResult) float64 { return r.mean.MaxWeight }),
	scalar("mean_stabilised_weight", func(r respondedResult) float64 { return r.mean.MeanStabilised }),
	value("weighted_ols", ByName, func(r respondedResult) any { return Named{r.regression.Names, r.regression.Coef} }),
	value("weighted_ols_se_HC0", ByName, func(r respondedResult) any { return Named{r.regression.Names, r.regression.HC0} }),
	value("weighted_ols_se_m_estimation", ByName, func(r respondedResult) any { return Named{r.regression.Names, r.regression.StdErr} }),
	value("complete_case_ols", ByName, func(r respondedResult) any { return Named{r.regression.Names, r.regression.CompleteCase} }),
	warningsKey(func(r respondedResult) []string { return r.mean.Warnings }),
}

func runResponded(in *Input) (r respondedResult, err error) {
	f, err := rightHandSide(in.Text("formula_r", ""))
	if err != nil {
		return r, fmt.Errorf("param formula_r: %w", err)
	}
	var used twoArms
	if err := in.complete(&used, f.Columns()); err != nil {
		return r, err
	}
	response, err := f.Build(used.table)
	if err != nil {
		return r, fmt.Errorf("param formula_r: %w", err)
	}
	outcome, _ := used.table.Column(in.roles["y"])
	responded, y := make([]float64, outcome.Len()), make([]float64, outcome.Len())
	for i, v := range outcome.Values {
		if !math.IsNaN(v) {
			responded[i], y[i] = 1, v
		}
	}
	study, err := effect.FromRows(responded, y, response, nil)
	if err != nil {
		return r, fmt.Errorf("responded (treated) or not (control): %w", err)
	}
	if r.model, err = missing.ResponseWeights(study, propensity.Options{}); err != nil {
		return r, err
	}
	if r.mean, err = r.model.Mean(0.95); err != nil {
		return r, err
	}
	r.regression, err = regressResponded(in, used.table, r.model)
	return r, err
}

// regressResponded fits formula_y over the rows that have its variables.
func regressResponded(in *Input, table *design.Table, model *missing.Response) (missing.Regression, error) {
	f, err := design.Parse(in.Text("formula_y", ""))
	if err == nil && !f.HasResponse() {
		f, err = design.Parse("`" + in.roles["y"] + "` " + f.String())
	}
	if err != nil {
		return missing.Regression{}, fmt.Errorf("param formula_y: %w", err)
	}
	m, err := f.Build(table)
	if err != nil {
		return missing.Regression{}, fmt.Errorf("param formula_y: %w", err)
	}
	// Back to a row for each of the study, zeros where it is not used.
	full := *m
	full.N, full.X = table.Rows(), make([]float64, table.Rows()*m.P)
	s := *model.Study
	s.Sum, s.SumSq = make([]float64, s.Len()), make([]float64, s.Len())
	use := make([]bool, s.Len())
	for k, i := range m.Rows {
		copy(full.X[i*m.P:], m.Row(k))
		s.Sum[i], s.SumSq[i] = m.Y[k], m.Y[k]*m.Y[k]
		use[i] = true
	}
	of := &missing.Response{Study: &s, Model: model.Model, Weight: model.Weight}
	return of.Regress(&full, func(i int) bool { return use[i] })
}

func missingMethods() []Method {
	out := []Method{
		define("missing data", spec{name: "missing_pattern", params: []Param{{Name: "cols", Kind: TextList, Help: "the columns to look at"}}, page: Page{
			Title:     "Pattern of missing values",
			When:      "In every report: which questionnaires came back, together with which.",
			Variant:   "One text a pattern, 1 observed and 0 missing in the order of cols, most frequent first.",
			Assumes:   "Nothing: it counts.",
			Formula:   "count by pattern",
			Reference: "van Buuren (2018), doi:10.1201/9780429492259, section 4.1",
			Checked:   "R 4.2.2, table",
			PushDown:  "n by which columns are null",
		}}, gapsKeys, runGaps),
		define("missing data", spec{name: "inverse_probability_of_response",
			roles: []Role{{Name: "y", Kind: Numeric, Gaps: true, Help: "the outcome, missing where nobody responded"}, {Name: "tr", Kind: Numeric, Optional: true, Help: "the treatment, 1 or 0; not read here: put it in the formulas"}},
			params: []Param{
				{Name: "formula_r", Kind: Formula, Help: "what response depends on, as a one-sided R formula"},
				{Name: "formula_y", Kind: Formula, Help: "the regression among those who responded, such as odi_12m ~ arm + odi_baseline; the outcome when nothing stands left of ~"},
			}, page: Page{
				Title:     "Weighting by the probability of response",
				When:      "Some outcomes are missing and what predicts response is known: an alternative to imputation.",
				Variant:   "Own implementation over cells: no kept library has it. Logistic response model over all rows; Hájek mean and weighted least squares among those who responded; errors of the stacked equations beside HC0.",
				Assumes:   "Given formula_r, not responding says nothing of the outcome; everybody might have responded.",
				Formula:   "Σ y/p / Σ 1/p over those who responded",
				Reference: "Seaman and White (2013), doi:10.1177/0962280210395740",
				Checked:   "R 4.2.2, stats::lm; R package sandwich 3.0-2; golden/lib.R",
				PushDown:  "n, Σy, Σy² by response and covariate pattern",
			}}, respondedKeys, runResponded),
	}
	return append(out, imputationMethods()...)
}
