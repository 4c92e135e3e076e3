package methods

import (
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/psychometrics"
)

var alphaKeys = []key[psychometrics.Consistency]{
	scalar("alpha", func(r psychometrics.Consistency) float64 { return r.Alpha }),
	scalar("alpha_psych", func(r psychometrics.Consistency) float64 { return r.Alpha }),
	scalar("alpha_standardised", func(r psychometrics.Consistency) float64 { return r.Standardised }),
	scalar("mean_inter_item_r", func(r psychometrics.Consistency) float64 { return r.MeanCorrelation }),
	value("alpha_if_dropped", Gaps, func(r psychometrics.Consistency) any { return r.WithoutItem }),
	value("item_rest_r", Gaps, func(r psychometrics.Consistency) any { return r.ItemRest }),
	scalar("feldt_low", func(r psychometrics.Consistency) float64 { return r.Limits.Low }),
	scalar("feldt_high", func(r psychometrics.Consistency) float64 { return r.Limits.High }),
	scalar("n", func(r psychometrics.Consistency) float64 { return float64(r.N) }),
}

// cutKey lists one number of each cut that ties for the best; a threshold may be
// infinite.
func cutKey(name string, cuts func(psychometrics.Anchored) []psychometrics.Cut, get func(psychometrics.Cut) float64) key[psychometrics.Anchored] {
	return key[psychometrics.Anchored]{Key{Name: name, Shape: Numbers, Open: true}, func(r psychometrics.Anchored) any {
		var out []float64
		for _, c := range cuts(r) {
			out = append(out, get(c))
		}
		return out
	}}
}

func youden(r psychometrics.Anchored) []psychometrics.Cut  { return r.Youden }
func topLeft(r psychometrics.Anchored) []psychometrics.Cut { return r.TopLeft }
func cutAt(c psychometrics.Cut) float64                    { return c.Threshold }

var anchorKeys = []key[psychometrics.Anchored]{
	scalar("auc", func(r psychometrics.Anchored) float64 { return r.Area }),
	cutKey("youden_threshold", youden, cutAt),
	cutKey("youden_sensitivity", youden, func(c psychometrics.Cut) float64 { return c.Sensitivity }),
	cutKey("youden_specificity", youden, func(c psychometrics.Cut) float64 { return c.Specificity }),
	cutKey("topleft_threshold", topLeft, cutAt),
	scalar("mean_change_improved", func(r psychometrics.Anchored) float64 { return r.MeanImproved }),
	scalar("mean_change_not", func(r psychometrics.Anchored) float64 { return r.MeanNot }),
	scalar("improved_proportion", func(r psychometrics.Anchored) float64 { return r.Improved }),
	value("logistic", Numbers, func(r psychometrics.Anchored) any { return []float64{r.Intercept, r.Slope} }),
	scalar("mic_predictive", func(r psychometrics.Anchored) float64 { return r.Predictive }),
	scalar("mic_predictive_adjusted_terluin_2017", func(r psychometrics.Anchored) float64 { return r.Adjusted }),
	scalar("sd_change", func(r psychometrics.Anchored) float64 { return r.StdDev }),
	scalar("r_change_anchor", func(r psychometrics.Anchored) float64 { return r.Correlation }),
}

func psychometricMethods() []Method {
	return []Method{
		define("prom psychometrics", spec{name: "cronbach_alpha", params: []Param{{Name: "items", Kind: TextList, Help: "the columns of the items, all coded in the same direction"}}, page: Page{
			Title:     "Cronbach's alpha",
			When:      "Do the items of a questionnaire hang together?",
			Variant:   "Covariance alpha of people who answered every item, Feldt limits of 95 %; standardised alpha; alpha without each item and item–rest correlations (null where undefined). Items are not reversed. Our own: no kept library has it.",
			Assumes:   "Items of one scale with equal true-score covariances; else alpha is a lower bound. It says nothing on whether they measure one thing.",
			Formula:   "α = k/(k−1)·(1−Σsᵢ²/s²_total),  limits 1−(1−α)F",
			Reference: "Cronbach (1951), doi:10.1007/BF02310555; Feldt (1965), doi:10.1007/BF02289499",
			Checked:   "R package psych 2.2.9, alpha",
			PushDown:  "n, Σx, Σxx′ of the items",
		}}, alphaKeys, runAlpha),
		define("prom psychometrics", spec{name: "mcid_anchor_roc_mean_change_predictive", roles: []Role{
			{Name: "change", Kind: Numeric, Help: "the change, more being better"}, {Name: "anchor", Kind: Numeric, Help: "what people say of their change"},
		}, params: []Param{{Name: "anchor_pos", Kind: NumberList, Help: "the anchor's values that mean improved"}}, page: Page{
			Title:     "Minimal important change by an anchor",
			When:      "How large must a change be to matter to people? For responder definitions; not a difference between groups.",
			Variant:   "ROC cuts midway between values, by Youden's sum and by the distance to the corner, every cut of a tie; mean change of the improved; predictive MIC by logistic regression, adjusted for the share of the improved with Terluin's 2017 constants as the reference material gives them. Our own ROC, on histograms.",
			Assumes:   "Independent people; an anchor that correlates with change (0.3 or more). Change must be coded so that more is better.",
			Formula:   "MIC = (ln(p/(1−p))−b₀)/b₁;  adjusted: − (0.090+0.103r)·SD·ln(p/(1−p))",
			Reference: "Terluin, Eekhout, Terwee and de Vet (2015), doi:10.1016/j.jclinepi.2015.03.015; Terluin, Eekhout and Terwee (2017), doi:10.1016/j.jclinepi.2016.12.015",
			Checked:   "R package pROC 1.18.0, stats::glm",
			PushDown:  "people by anchor and change",
		}}, anchorKeys, runAnchor),
	}
}

// runAlpha keeps the people who answered every item.
func runAlpha(in *Input) (psychometrics.Consistency, error) {
	names := in.Texts("items")
	if in.table == nil {
		return psychometrics.Consistency{}, fmt.Errorf("needs a table: %w", ErrRequest)
	}
	columns := make([][]float64, len(names))
	whole := make([]bool, in.table.Rows())
	for r := range whole {
		whole[r] = true
	}
	for _, name := range names {
		c, ok := in.table.Column(name)
		if !ok || c.IsFactor() {
			return psychometrics.Consistency{}, fmt.Errorf("items: there is no column %q of numbers: %w", name, ErrRequest)
		}
		for r := range whole {
			whole[r] = whole[r] && !c.Missing(r)
		}
	}
	for k, name := range names {
		c, _ := in.table.Column(name)
		for r, v := range c.Values {
			if whole[r] {
				columns[k] = append(columns[k], v)
			}
		}
	}
	for _, w := range whole {
		if !w {
			in.leftOut++
		}
	}
	items, err := psychometrics.ItemsFromRows(columns)
	if err != nil {
		return psychometrics.Consistency{}, err
	}
	return psychometrics.Cronbach(items, 0.95)
}

func runAnchor(in *Input) (psychometrics.Anchored, error) {
	positive := in.List("anchor_pos")
	var improved, not []float64
	anchor := in.Numbers("anchor")
	for i, v := range in.Numbers("change") {
		if slices.Contains(positive, anchor[i]) {
			improved = append(improved, v)
		} else {
			not = append(not, v)
		}
	}
	one, err := histogram.FromRows(improved)
	if err != nil {
		return psychometrics.Anchored{}, err
	}
	zero, err := histogram.FromRows(not)
	if err != nil {
		return psychometrics.Anchored{}, err
	}
	return psychometrics.MinimalChange(one, zero)
}
