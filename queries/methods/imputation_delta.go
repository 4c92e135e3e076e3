package methods

import (
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/missing"
)

// shiftedResult is an effect under assumptions of what is missing.
type shiftedResult struct {
	deltas  []float64
	pooled  []missing.Pooled
	tipping *float64
}

func shiftedBy(name string, get func(missing.Pooled) float64) key[shiftedResult] {
	return value(name, Numbers, func(r shiftedResult) any {
		var out []float64
		for _, p := range r.pooled {
			out = append(out, get(p))
		}
		return out
	})
}

var shiftedKeys = []key[shiftedResult]{
	value("delta", Numbers, func(r shiftedResult) any { return r.deltas }),
	shiftedBy("estimate", func(p missing.Pooled) float64 { return p.Value }),
	shiftedBy("se", func(p missing.Pooled) float64 { return p.StdErr }),
	shiftedBy("df", func(p missing.Pooled) float64 { return p.DF }),
	shiftedBy("p", func(p missing.Pooled) float64 { return p.P }),
	shiftedBy("ci_low", func(p missing.Pooled) float64 { return p.Lower }),
	shiftedBy("ci_high", func(p missing.Pooled) float64 { return p.Upper }),
	optional("tipping_point", func(r shiftedResult) *float64 { return r.tipping }),
}

func runShifted(in *Input) (r shiftedResult, err error) {
	tables, err := in.imputed()
	if err != nil {
		return r, err
	}
	f, err := fitImputed(in, tables)
	if err != nil {
		return r, err
	}
	place := f.fits[0].Place(in.Text("trn", ""))
	if place < 0 {
		return r, fmt.Errorf("param trn: the formula has no coefficient %q: %w", in.Text("trn", ""), ErrRequest)
	}
	r.deltas = in.List("deltas")
	for _, delta := range r.deltas {
		fits := make([]*linear.Fit, len(tables))
		for k, t := range tables {
			if fits[k], err = shifted(in, t, f.fits[k], delta); err != nil {
				return r, err
			}
		}
		p, err := f.poolOf(fits, place)
		if err != nil {
			return r, err
		}
		r.pooled = append(r.pooled, p)
	}
	r.tipping = missing.TippingPoint(r.deltas, r.pooled)
	return r, nil
}

// shifted is a fit with delta added to the outcomes of the treated that were
// imputed.
func shifted(in *Input, t *design.Table, fit *linear.Rows, delta float64) (*linear.Fit, error) {
	moved, err := shift(in, t, delta)
	if err != nil {
		return nil, err
	}
	formula, err := design.Parse(in.Text("formula", ""))
	if err != nil {
		return nil, err
	}
	m, err := formula.Build(moved)
	if err != nil {
		return nil, err
	}
	if m.N != fit.N || !slices.Equal(m.X, fit.Design.X) {
		return nil, fmt.Errorf("param formula: the outcome %q stands among its covariates: %w", in.Text("yn", ""), ErrRequest)
	}
	z := make([]float64, m.N)
	for i, y := range m.Y {
		z[i] = y - fit.Design.Y[i]
	}
	s, err := fit.Shifting(z)
	if err != nil {
		return nil, err
	}
	return s.At(1), nil
}

// shift adds delta to the outcomes of the treated that were imputed.
func shift(in *Input, t *design.Table, delta float64) (*design.Table, error) {
	var columns [3]design.Column
	for k, param := range []string{"yn", "trn", "missn"} {
		c, ok := t.Column(in.Text(param, ""))
		if !ok || c.IsFactor() {
			return nil, fmt.Errorf("param %s: there is no numeric column %q: %w", param, in.Text(param, ""), ErrRequest)
		}
		columns[k] = c
	}
	return t.With(design.Column{Name: columns[0].Name, Values: missing.Shift(columns[0].Values, delta, func(i int) bool {
		return columns[1].Values[i] == 1 && columns[2].Values[i] == 1
	})})
}

// deltaMethod is the sensitivity analysis of an imputed outcome.
func deltaMethod(formula Param) Method {
	return define("missing data", spec{name: "delta_adjusted_mi", params: []Param{
		formula,
		{Name: "yn", Kind: Text, Help: "the outcome's column"},
		{Name: "trn", Kind: Text, Help: "the treatment's column, 1 or 0, and the coefficient pooled"},
		{Name: "missn", Kind: Text, Help: "the column that is 1 where the outcome was imputed"},
		{Name: "deltas", Kind: NumberList, Help: "what is added to the imputed outcomes of the treated"},
		imputationParam,
	}, page: Page{
		Title:     "Delta-adjusted imputation",
		When:      "How much worse than alike people must those who did not respond have fared for the conclusion to change.",
		Variant:   "Own implementation: no kept library has it. Delta is added to the treated arm's imputed outcomes, then Rubin's rules; the tipping point is where p crosses 0.05, by linear interpolation between deltas (null when it does not).",
		Assumes:   "Missing not at random by delta in the treated arm, at random in the other.",
		Formula:   "y* = y + δ·imputed·treated",
		Reference: "Cro, Morris, Kenward and Carpenter (2020), doi:10.1002/sim.8569",
		Checked:   "R package mice 3.15.0",
		PushDown:  "X′X, X′y, y′y by imputation, with the column treated·imputed beside y",
	}}, shiftedKeys, runShifted)
}
