package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/mixed"
)

// repeated is an MMRM with the tests of its coefficients and of the contrasts.
type repeated struct {
	model     *mixed.Repeated
	tests     []analytics.Test
	names     []string
	contrasts []analytics.Test
	gls       bool
}

func repeatedBy(get func(analytics.Test) float64) func(repeated) any {
	return func(r repeated) any {
		n := Named{Names: r.model.Names}
		for _, t := range r.tests {
			n.Values = append(n.Values, get(t))
		}
		return n
	}
}

var repeatedKeys = []key[repeated]{
	value("estimate", ByName, repeatedBy(func(t analytics.Test) float64 { return t.Value })),
	value("se", ByName, repeatedBy(func(t analytics.Test) float64 { return t.StdErr })),
	value("df_satterthwaite", ByName, repeatedBy(func(t analytics.Test) float64 { return t.DF })),
	value("p", ByName, repeatedBy(func(t analytics.Test) float64 { return t.P })),
	value("sigma", Table, func(r repeated) any {
		m := Matrix{Rows: r.model.Levels, Cols: r.model.Levels}
		for i := range m.Rows {
			m.Values = append(m.Values, r.model.Sigma.Row(i))
		}
		return m
	}),
	scalar("minus2_reml_loglik", func(r repeated) float64 { return r.model.Deviance }),
	scalar("n_obs", func(r repeated) float64 { return float64(r.model.N) }),
	scalar("n_subjects", func(r repeated) float64 { return float64(r.model.Subjects) }),
	optional("gls_logLik_REML", func(r repeated) *float64 {
		if !r.gls {
			return nil
		}
		v := -r.model.Deviance / 2
		return &v
	}),
	maybe("gls_se", func(r repeated) ([]string, []float64) {
		if !r.gls {
			return nil, nil
		}
		return r.model.Names, fullErrors(r.model.Cov)
	}),
	{Key{Name: "contrasts", Shape: Object, Optional: true}, func(r repeated) any {
		if r.names == nil {
			return nil
		}
		var a Answer
		for i, name := range r.names {
			t := r.contrasts[i]
			a = append(a, Field{name, Answer{{"estimate", t.Value}, {"se", t.StdErr}, {"df", t.DF}, {"t", t.Statistic}, {"p", t.P}, {"ci_low", t.Lower}, {"ci_high", t.Upper}}})
		}
		return a
	}},
}

func repeatedMethods() []Method {
	return []Method{
		define("mixed", spec{name: "mmrm_unstructured_reml", params: []Param{
			{Name: "formula", Kind: Formula, Help: "an R formula, such as odi ~ visit + visit:arm + visit:odi_0"},
			{Name: "idv", Kind: Text, Help: "the column of the person"},
			{Name: "visitv", Kind: Text, Help: "the column of the visit, its levels in order"},
			{Name: "cons", Kind: Record, Optional: true, Help: "contrasts: name to an object of coefficient and weight"},
			{Name: "gls_check", Kind: Flag, Optional: true, Help: "also answer the keys of nlme's gls"},
		}, page: Page{
			Title:     "Mixed model for repeated measures",
			When:      "The primary comparison of a trial with several visits, some of them missed.",
			Variant:   "Unstructured covariance over visits by REML on cross-products of the patterns of visits; model-based errors; Satterthwaite's degrees of freedom from the observed REML information (the mmrm package's default). gls_logLik_REML and gls_se are the same quantities under nlme's names. Our own: no kept library has it.",
			Assumes:   "Missing outcomes at random given what is observed; normal outcomes; one covariance for all arms.",
			Formula:   "y_i ~ N(X_ib, Σ),  df = 2v²/(g′Vg)",
			Reference: "Mallinckrodt et al. (2008), doi:10.1177/009286150804200402; Satterthwaite (1946), doi:10.2307/3002019",
			Checked:   "R package nlme 3.1-162, gls with corSymm and varIdent; golden/lib.R for the degrees of freedom",
			PushDown:  "for each pattern of visits Σx_ax_b′, Σx_ay_b, Σy_ay_b",
		}}, repeatedKeys, runRepeated),
	}
}

func runRepeated(in *Input) (r repeated, err error) {
	x, subject, visit, err := in.visits()
	if err != nil {
		return r, err
	}
	sums, err := mixed.VisitsFromRows(x, subject, visit)
	if err != nil {
		return r, err
	}
	if r.model, err = mixed.FitVisits(sums, mixed.Options{}); err != nil {
		return r, err
	}
	r.gls = in.Flag("gls_check")
	for j := range r.model.Coef {
		c := make([]float64, len(r.model.Coef))
		c[j] = 1
		t, err := r.model.Test(c, 0.95)
		if err != nil {
			return r, err
		}
		r.tests = append(r.tests, t)
	}
	for _, name := range sortedKeys(in.Record("cons")) {
		c, err := contrastOf(name, in.Record("cons")[name], r.model.Names)
		if err != nil {
			return r, err
		}
		t, err := r.model.Test(c, 0.95)
		if err != nil {
			return r, err
		}
		r.names, r.contrasts = append(r.names, name), append(r.contrasts, t)
	}
	return r, nil
}

// visits builds the design over the rows with a person and a visit.
func (in *Input) visits() (x *design.Matrix, subject, visit design.Column, err error) {
	var columns [2]design.Column
	for i, param := range []string{"idv", "visitv"} {
		c, ok := in.table.Column(in.Text(param, ""))
		if !ok {
			return nil, subject, visit, fmt.Errorf("param %s: there is no column %q: %w", param, in.Text(param, ""), ErrRequest)
		}
		columns[i] = c
	}
	var keep []int
	for r := 0; r < in.table.Rows(); r++ {
		if !columns[0].Missing(r) && !columns[1].Missing(r) {
			keep = append(keep, r)
		}
	}
	in.leftOut += in.table.Rows() - len(keep)
	in.table = in.table.Select(keep)
	if x, err = withResponse(in, "formula"); err != nil {
		return nil, subject, visit, err
	}
	used := in.table.Select(x.Rows)
	subject, _ = used.Column(in.Text("idv", ""))
	visit, _ = used.Column(in.Text("visitv", ""))
	return x, design.AsFactor(subject), design.AsFactor(visit), nil
}

// contrastOf reads the weights of a contrast by coefficient.
func contrastOf(name string, weights any, coefficients []string) ([]float64, error) {
	byName, ok := weights.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("param cons: %s must be an object of coefficient and weight: %w", name, ErrRequest)
	}
	c := make([]float64, len(coefficients))
	found := 0
	for j, coefficient := range coefficients {
		v, given := byName[coefficient]
		if !given {
			continue
		}
		if c[j], ok = v.(float64); !ok {
			return nil, fmt.Errorf("param cons: %s: the weight of %s must be a number: %w", name, coefficient, ErrRequest)
		}
		found++
	}
	if found != len(byName) {
		return nil, fmt.Errorf("param cons: %s names a coefficient that the model does not have; it has %q: %w", name, coefficients, ErrRequest)
	}
	return c, nil
}
