package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/gee"
	"github.com/lumbar-health/lumbar/analytics/glm"
)

// geeResult is a population-average model with its Wald tests.
type geeResult struct {
	model   *gee.Model
	largest int
	wald, p []float64
}

var geeKeys = []key[geeResult]{
	value("estimate", ByName, func(r geeResult) any { return Named{r.model.Names, r.model.Coef} }),
	value("se_robust", ByName, func(r geeResult) any { return errorsOf(r.model.Names, r.model.Robust) }),
	value("se_naive", ByName, func(r geeResult) any { return errorsOf(r.model.Names, r.model.Naive) }),
	value("wald", Numbers, func(r geeResult) any { return r.wald }),
	value("p", Numbers, func(r geeResult) any { return r.p }),
	value("alpha", Numbers, func(r geeResult) any { return append([]float64{}, r.model.Alpha...) }),
	scalar("scale", func(r geeResult) float64 { return r.model.Scale }),
	scalar("n_clusters", func(r geeResult) float64 { return float64(r.model.Clusters) }),
	scalar("max_cluster", func(r geeResult) float64 { return float64(r.largest) }),
	scalar("qic", func(r geeResult) float64 { return r.model.QIC }),
}

var liangZegerKeys = []key[geeResult]{
	value("estimate", ByName, func(r geeResult) any { return Named{r.model.Names, r.model.Coef} }),
	value("se_naive", ByName, func(r geeResult) any { return errorsOf(r.model.Names, r.model.Naive) }),
	value("se_robust", ByName, func(r geeResult) any { return errorsOf(r.model.Names, r.model.Robust) }),
	scalar("alpha", func(r geeResult) float64 { return r.model.Alpha[0] }),
	scalar("scale", func(r geeResult) float64 { return r.model.Scale }),
}

// geeParams are the columns of repeated measurements.
var geeParams = []Param{
	formulaParam[0],
	{Name: "idv", Kind: Text, Help: "the column that says who was measured"},
	{Name: "wavev", Kind: Text, Help: "the column with the number or the time of the visit; only its order counts"},
}

func geeMethods() []Method {
	return append(geeOf("gaussian", glm.Gaussian, "A mean outcome measured several times: the average course of a group.", "mean"),
		geeOf("binomial", glm.Binomial, "A yes or no asked several times: the average odds of a group.", "log odds")...)
}

// geeOf are the two variants for a family.
func geeOf(name string, family glm.Family, when, scale string) []Method {
	page := Page{
		Title:     "Generalised estimating equations, " + name,
		When:      when,
		Variant:   "As geepack: scale Σr²/N; exchangeable: mean of all products; AR(1): least squares of the products on α^gap, the gap counted in visits (only the order of wavev counts); unstructured: pairwise means. Errors robust over clusters, naive beside; Wald χ². Our own code: no kept library has it.",
		Assumes:   "Independent clusters, 40 or more; visits missing completely at random; the " + scale + " linear in the covariates. The correlation may be wrong.",
		Formula:   "ΣD′V⁻¹(y−μ) = 0,  V = φA^½R(α)A^½;  QIC = −2Q + 2tr(V_I⁻¹V)",
		Reference: "Liang and Zeger (1986), doi:10.1093/biomet/73.1.13; Pan (2001), doi:10.1111/j.0006-341X.2001.00120.x",
		Checked:   "R package geepack 1.3.9",
	}
	original := page
	original.Title += ", Liang and Zeger's moments"
	original.Variant = "Exchangeable correlation; scale Σr²/(N−p), correlation by pairs less p."
	original.Formula = "ΣD′V⁻¹(y−μ) = 0,  V = φA^½R(α)A^½"
	original.Checked = "R package gee 4.13-25"
	params := append(append([]Param(nil), geeParams...), Param{Name: "family", Kind: Text, Optional: true, OneOf: []string{name}, Help: "the law of the outcome, that of the method's name"})
	structure := Param{Name: "corstr", Kind: Text, OneOf: []string{"independence", "exchangeable", "ar1", "unstructured"}, Help: "the working correlation"}
	return []Method{
		define("generalised estimating equations", spec{name: "gee_" + name, params: append(append([]Param(nil), params...), structure), page: page}, geeKeys,
			func(in *Input) (geeResult, error) {
				return runGEE(in, family, gee.Options{Structure: gee.Structure(in.Text("corstr", ""))})
			}),
		define("generalised estimating equations", spec{name: "gee_" + name + "_liang_zeger", params: params, page: original}, liangZegerKeys,
			func(in *Input) (geeResult, error) {
				return runGEE(in, family, gee.Options{Structure: gee.Exchangeable, Denominators: gee.LessP})
			}),
	}
}

func runGEE(in *Input, family glm.Family, opts gee.Options) (r geeResult, err error) {
	id, err := in.keep("idv")
	if err != nil {
		return r, err
	}
	wave, err := in.keep("wavev")
	if err != nil {
		return r, err
	}
	id, _ = in.table.Column(id.Name) // without the rows that have no wave
	m, err := withResponse(in, "formula")
	if err != nil {
		return r, err
	}
	waves := make([]float64, m.N)
	for i, row := range m.Rows {
		if wave.IsFactor() {
			waves[i] = float64(wave.Codes[row])
		} else {
			waves[i] = wave.Values[row]
		}
	}
	data, err := gee.Group(m, codesOf(design.AsFactor(id), m), waves)
	if err != nil {
		return r, err
	}
	if r.model, err = gee.Fit(data, family, opts); err != nil {
		return r, err
	}
	r.largest = data.Largest()
	for k := range r.model.Coef {
		wald, p, err := r.model.Wald(k)
		if err != nil {
			return r, err
		}
		r.wald, r.p = append(r.wald, wald), append(r.p, p)
	}
	return r, nil
}

// keep returns the column that a param names, having left out of the table the
// rows without a value there.
func (in *Input) keep(param string) (design.Column, error) {
	name := in.Text(param, "")
	c, ok := in.table.Column(name)
	if !ok {
		return c, fmt.Errorf("param %s: there is no column %q: %w", param, name, ErrRequest)
	}
	rows := make([]int, 0, c.Len())
	for r := range c.Len() {
		if !c.Missing(r) && (c.IsFactor() || !math.IsInf(c.Values[r], 0)) {
			rows = append(rows, r)
		}
	}
	if len(rows) < c.Len() {
		in.leftOut += c.Len() - len(rows)
		in.table = in.table.Select(rows)
		c, _ = in.table.Column(name)
	}
	return c, nil
}
