package methods

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// riskRatios is a model of log risks.
type riskRatios struct{ coefficients }

var riskRatioKeys = append(coefficientKeys(func(r riskRatios) coefficients { return r.coefficients }),
	limit("df", normalDF[riskRatios]),
	value("rr", ByName, func(r riskRatios) any {
		n := Named{Names: r.names}
		for _, t := range r.tests {
			n.Values = append(n.Values, math.Exp(t.Value))
		}
		return n
	}),
)

// riskDifferences is a linear model of a yes or no.
type riskDifferences struct {
	coefficients
	df float64
}

var riskDifferenceKeys = append(coefficientKeys(func(r riskDifferences) coefficients { return r.coefficients }),
	scalar("df", func(r riskDifferences) float64 { return r.df }),
)

var robustMarginKeys = []key[glm.Margins]{
	scalar("difference", func(r glm.Margins) float64 { return r.Difference }),
	scalar("se_delta", func(r glm.Margins) float64 { return r.StdErr }),
	optional("ratio", func(r glm.Margins) *float64 { return given(r.HasRatio, r.Ratio) }),
	optional("se_log_ratio_delta", func(r glm.Margins) *float64 { return given(r.HasRatio, r.StdErrLogRatio) }),
}

var marginKeys = slices.Concat([]key[glm.Margins]{
	scalar("mu1", func(r glm.Margins) float64 { return r.Treated }),
	scalar("mu0", func(r glm.Margins) float64 { return r.Control }),
}, robustMarginKeys, []key[glm.Margins]{
	scalar("se_difference_m_estimation", func(r glm.Margins) float64 { return r.StdErrM }),
})

// marginMethods are adjusted risks, their differences and ratios, over everybody.
func marginMethods() []Method {
	arms := append(append([]Param(nil), formulaParam...), Param{Name: "trt", Kind: Text, Help: "the treatment, a column of the formula coded 0 and 1"})
	margins := Page{
		Title:     "Adjusted risks by g-computation",
		When:      "The default adjusted risk difference and ratio: the share with the outcome if everybody, or nobody, had the treatment.",
		Variant:   "One logistic model, standardised over everybody; delta errors with the covariates fixed, M-estimation errors with the covariates random.",
		Assumes:   "No unmeasured confounding, a right outcome model, both treatments possible for everybody.",
		Formula:   "Δ = mean(μ₁ − μ₀),  Var = G′VG with G = mean of μ′x at 1 less at 0;  M-estimation: Σφ²",
		Reference: "Snowden, Rose and Mortimer (2011), doi:10.1093/aje/kwq472; Ge and others (2011), doi:10.1177/009286151104500409",
		Checked:   "R 4.2.2, stats::glm with own delta method and numDeriv's M-estimation",
		PushDown:  cellSums,
	}
	robust := margins
	robust.Title, robust.When = "Adjusted risks by g-computation, robust errors", "As g_computation_binary, where the outcome model may be wrong in its variance."
	robust.Variant = "As g_computation_binary, with the delta method on the HC0 covariance."
	robust.Checked += "; R package sandwich 3.0-2"
	return []Method{
		define(glmFamily, spec{name: "g_computation_binary", params: arms, page: margins}, marginKeys,
			func(in *Input) (glm.Margins, error) {
				return runMargins(in, func(m *glm.Model) linear.Sym { return m.Cov })
			}),
		define(glmFamily, spec{name: "g_computation_binary_robust", params: arms, page: robust}, robustMarginKeys,
			func(in *Input) (glm.Margins, error) {
				return runMargins(in, (*glm.Model).HC0)
			}),
	}
}

// oneModelMethods read a risk ratio or a difference straight from a model.
func oneModelMethods() []Method {
	return []Method{
		define(glmFamily, spec{name: "modified_poisson_rr", params: formulaParam, page: Page{
			Title:     "Adjusted risk ratio by modified Poisson",
			When:      "A risk ratio of a common yes or no, straight from a model.",
			Variant:   "Poisson model with log link on 0 and 1, HC0 errors, normal intervals.",
			Assumes:   "Independent people; log risk linear in the covariates.",
			Formula:   "log P(y=1) = x′b,  V = A⁻¹·Σ(y−μ)²xx′·A⁻¹",
			Reference: "Zou (2004), doi:10.1093/aje/kwh090",
			Checked:   "R 4.2.2, stats::glm with R package sandwich 3.0-2",
			PushDown:  cellSums,
		}}, riskRatioKeys, func(in *Input) (r riskRatios, err error) {
			m, err := fitModel(in, glm.Poisson)
			if err != nil {
				return r, err
			}
			r.coefficients, err = tested(m, m.HC0())
			return r, err
		}),
		define(glmFamily, spec{name: "linear_probability_hc", params: formulaParam, page: Page{
			Title:     "Adjusted risk difference by least squares",
			When:      "A quick adjusted risk difference; predictions may leave 0 to 1.",
			Variant:   "Least squares on 0 and 1, HC2 errors, t with n−p.",
			Assumes:   "Independent people; risk linear in the covariates.",
			Formula:   "P(y=1) = x′b,  HC2: w = 1/(1−h)",
			Reference: "MacKinnon and White (1985), doi:10.1016/0304-4076(85)90158-7",
			Checked:   "R 4.2.2, stats::lm with R package sandwich 3.0-2",
			PushDown:  "X′X, X′y, y′y, then Σwᵢeᵢ²xᵢxᵢ′, or cells",
		}}, riskDifferenceKeys, func(in *Input) (r riskDifferences, err error) {
			f, err := fitRows(in, "formula")
			if err != nil {
				return r, err
			}
			cov, err := f.HC(linear.HC2)
			if err != nil {
				return r, err
			}
			r.df = float64(f.DF())
			r.coefficients, err = estimateAll(f.Fit, cov)
			return r, err
		}),
	}
}

// counterfactuals are a formula's design as it is and with the treatment set.
type counterfactuals struct {
	seen, treated, control *design.Matrix
}

// counterfactual builds the design of a formula over the rows it can use, and
// the same with everybody treated and with nobody treated. The treatment is a
// column of 0 and 1, numbers or text.
func counterfactual(in *Input, param, treatment string) (c counterfactuals, err error) {
	f, err := design.Parse(in.Text(param, ""))
	if err != nil {
		return c, err
	}
	first, err := in.build(f)
	if err != nil {
		return c, err
	}
	if first.Y == nil {
		return c, errNoResponse(param)
	}
	table := in.table.Select(first.Rows)
	column, ok := table.Column(treatment)
	if !ok {
		return c, fmt.Errorf("there is no column %q: %w", treatment, ErrRequest)
	}
	values, err := zeroOne(column)
	if err != nil {
		return c, err
	}
	set := func(values []float64) (*design.Matrix, error) {
		t, err := table.With(design.Column{Name: treatment, Values: values})
		if err != nil {
			return nil, err
		}
		return f.Build(t)
	}
	if c.seen, err = set(values); err != nil {
		return c, err
	}
	all := make([]float64, len(values))
	if c.control, err = set(all); err != nil {
		return c, err
	}
	for i := range all {
		all[i] = 1
	}
	c.treated, err = set(all)
	return c, err
}

// zeroOne reads a column of 0 and 1, both present.
func zeroOne(c design.Column) ([]float64, error) {
	out := make([]float64, c.Len())
	seen := map[float64]bool{}
	for i := range out {
		switch {
		case !c.IsFactor():
			out[i] = c.Values[i]
		case sameValue(c.Levels[c.Codes[i]], "1"):
			out[i] = 1
		case !sameValue(c.Levels[c.Codes[i]], "0"):
			out[i] = math.NaN()
		}
		if out[i] != 0 && out[i] != 1 {
			return nil, fmt.Errorf("column %q must hold 0 (without) and 1 (with the treatment): %w", c.Name, ErrRequest)
		}
		seen[out[i]] = true
	}
	if len(seen) < 2 {
		return nil, fmt.Errorf("column %q holds one value, need people with and without the treatment: %w", c.Name, ErrRequest)
	}
	return out, nil
}

func runMargins(in *Input, covariance func(*glm.Model) linear.Sym) (glm.Margins, error) {
	c, err := counterfactual(in, "formula", in.Text("trt", ""))
	if err != nil {
		return glm.Margins{}, err
	}
	if !in.reads("formula", in.Text("trt", "")) {
		return glm.Margins{}, fmt.Errorf("param trt: the formula has no term of %q: %w", in.Text("trt", ""), ErrRequest)
	}
	m, err := glm.Fit(cells.FromRows(c.seen), glm.Binomial, glm.Options{})
	if err != nil {
		return glm.Margins{}, err
	}
	return m.Standardise(c.treated, c.control, nil, covariance(m))
}

// reads says whether a formula has the column on its right side.
func (in *Input) reads(param, column string) bool {
	f, err := design.Parse(in.Text(param, ""))
	if err != nil {
		return false
	}
	names := f.Columns()
	if f.HasResponse() && len(names) > 0 {
		names = names[1:]
	}
	for _, n := range names {
		if n == column {
			return true
		}
	}
	return false
}
