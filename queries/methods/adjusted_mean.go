package methods

import (
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// margins are adjusted means with their differences.
type margins struct {
	levels      []string
	means       []analytics.Test
	df          float64
	contrasts   []string
	differences []analytics.Test
	tukey, holm []float64
}

// listed lists one number of each test.
func listed[R any](tests func(R) []analytics.Test, get func(analytics.Test) float64) func(R) any {
	return func(r R) any {
		out := make([]float64, len(tests(r)))
		for i, t := range tests(r) {
			out[i] = get(t)
		}
		return out
	}
}

var (
	adjustedLevels = value("level", Names, func(r margins) any { return r.levels })
	adjustedValues = value("adjusted_mean", Numbers, listed(meansOf, func(t analytics.Test) float64 { return t.Value }))
	adjustedErrors = value("se", Numbers, listed(meansOf, func(t analytics.Test) float64 { return t.StdErr }))
)

func meansOf(r margins) []analytics.Test       { return r.means }
func differencesOf(r margins) []analytics.Test { return r.differences }

var adjustedKeys = []key[margins]{
	adjustedLevels, adjustedValues, adjustedErrors,
	scalar("df", func(r margins) float64 { return r.df }),
	value("ci_low", Numbers, listed(meansOf, func(t analytics.Test) float64 { return t.Lower })),
	value("ci_high", Numbers, listed(meansOf, func(t analytics.Test) float64 { return t.Upper })),
	value("contrast", Names, func(r margins) any { return r.contrasts }),
	value("difference", Numbers, listed(differencesOf, func(t analytics.Test) float64 { return t.Value })),
	value("diff_se", Numbers, listed(differencesOf, func(t analytics.Test) float64 { return t.StdErr })),
	value("diff_ci_low", Numbers, listed(differencesOf, func(t analytics.Test) float64 { return t.Lower })),
	value("diff_ci_high", Numbers, listed(differencesOf, func(t analytics.Test) float64 { return t.Upper })),
	value("p_unadjusted", Numbers, listed(differencesOf, func(t analytics.Test) float64 { return t.P })),
	value("p_tukey", Numbers, func(r margins) any { return r.tukey }),
	value("p_holm", Numbers, func(r margins) any { return r.holm }),
}

var wildKeys = []key[linear.Wild]{
	scalar("estimate", func(r linear.Wild) float64 { return r.Estimate }),
	scalar("t", func(r linear.Wild) float64 { return r.T }),
	scalar("n_clusters", func(r linear.Wild) float64 { return float64(r.Clusters) }),
	scalar("n_draws", func(r linear.Wild) float64 { return float64(r.Draws) }),
	scalar("p", func(r linear.Wild) float64 { return r.P }),
	scalar("t_star_abs_quantile_95", func(r linear.Wild) float64 { return r.Quantile95 }),
}

func adjustedMeanMethods() []Method {
	params := append(append([]Param(nil), formulaParam...), Param{Name: "emm", Kind: Text, Help: "the factor whose means are wanted"})
	const gram = "X′X, X′y, y′y"
	return []Method{
		define("linear models", spec{name: "adjusted_means", params: params, page: Page{
			Title:     "Adjusted means and their differences",
			When:      "Mean outcomes of several arms as if their patients were alike, and every pair compared.",
			Variant:   "Other factors with equal weights, every number at its mean; t with n−p; differences second less first, third less first, third less second and so on; p unadjusted, Tukey's and Holm's.",
			Assumes:   "As ols. Equal weights describe no real population: see adjusted_means_observed_margins.",
			Formula:   "L′b ± t·√(L′VL);  Tukey: P(range of k > √2·|t|)",
			Reference: "Searle, Speed and Milliken (1980), doi:10.1080/00031305.1980.10483031; Tukey (1949), doi:10.2307/3001913",
			Checked:   "R package emmeans 1.8.4-1",
			PushDown:  gram,
		}}, adjustedKeys, func(in *Input) (margins, error) { return runAdjusted(in, linear.EqualWeights) }),
		define("linear models", spec{name: "adjusted_means_observed_margins", params: params, page: Page{
			Title:     "Adjusted means, observed margins",
			When:      "Mean outcomes of several arms as if each had the patients that all arms have together.",
			Variant:   "Combinations of the other factors weighted by their frequency, every number at its mean.",
			Assumes:   "As ols.",
			Formula:   "L′b,  √(L′VL)",
			Reference: "Searle, Speed and Milliken (1980), doi:10.1080/00031305.1980.10483031",
			Checked:   "R package emmeans 1.8.4-1, weights = \"proportional\"",
			PushDown:  gram + ", frequencies of the factors",
		}}, []key[margins]{adjustedLevels, adjustedValues, adjustedErrors},
			func(in *Input) (margins, error) { return runAdjusted(in, linear.ObservedMargins) }),
		define("linear models", spec{name: "wild_cluster_bootstrap_t_enumerated", roles: []Role{{Name: "cl", Kind: Label, Help: "the cluster, such as region"}},
			params: append(append([]Param(nil), formulaParam...), treatmentParam), page: Page{
				Title:     "Wild cluster bootstrap test",
				When:      "An effect where there are few clusters, such as eight regions.",
				Variant:   "Null imposed, CR1S t, Rademacher weights, all 2^G sign vectors (at most 20 clusters), so it has no random part.",
				Assumes:   "Independent clusters with errors symmetric about zero. With G clusters the smallest p is 2/2^G.",
				Formula:   "y* = Xb₀ + w_g·e₀;  p = share of |t*| ≥ |t| − 1e-10",
				Reference: "Cameron, Gelbach and Miller (2008), doi:10.1162/rest.90.3.414",
				Checked:   "golden/batteries_b.R",
				PushDown:  "X_g′X_g and X_g′y_g by cluster",
			}}, wildKeys, runWild),
	}
}

func runAdjusted(in *Input, weights linear.FactorWeights) (r margins, err error) {
	f, err := design.Parse(in.Text("formula", ""))
	if err != nil {
		return r, err
	}
	if !f.HasResponse() {
		return r, errNoResponse("formula")
	}
	a, err := linear.AdjustedMeans(f, in.table, in.Text("emm", ""), weights)
	if err != nil {
		return r, err
	}
	in.leftOut += in.table.Rows() - a.Fit.N
	r.levels, r.df = a.Levels, float64(a.Fit.DF())
	cov := a.Fit.Covariance()
	for k := range a.Levels {
		t, err := a.Mean(k, cov, 0.95)
		if err != nil {
			return r, err
		}
		r.means = append(r.means, t)
	}
	names := contrastNames(in.Text("emm", ""), a.Levels)
	for i := range a.Levels {
		for j := range i {
			t, err := a.Difference(i, j, cov, 0.95)
			if err != nil {
				return r, err
			}
			r.contrasts, r.differences = append(r.contrasts, names[i]+" - "+names[j]), append(r.differences, t)
			p := t.P
			if len(a.Levels) > 2 {
				p = dist.StudentisedRangeTail(math.Sqrt2*math.Abs(t.Statistic), len(a.Levels), r.df)
			}
			r.tukey = append(r.tukey, p)
		}
	}
	if len(r.levels) < 2 {
		return r, fmt.Errorf("%q has one level, nothing to compare: %w", in.Text("emm", ""), analytics.ErrTooFewObservations)
	}
	r.holm = holmOf(r.differences)
	return r, nil
}

// contrastNames are levels as a difference prints them: with the factor's name
// before numbers, in brackets where they hold an operator.
func contrastNames(factor string, levels []string) []string {
	numbers := true
	for _, l := range levels {
		if _, err := strconv.ParseFloat(l, 64); err != nil {
			numbers = false
		}
	}
	out := make([]string, len(levels))
	for i, l := range levels {
		if out[i] = l; numbers {
			out[i] = factor + l
		}
		if strings.ContainsAny(out[i], "-+/*") {
			out[i] = "(" + out[i] + ")"
		}
	}
	return out
}

// holmOf adjusts p values for their number, step down.
func holmOf(tests []analytics.Test) []float64 {
	order := make([]int, len(tests))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(a, b int) bool { return tests[order[a]].P < tests[order[b]].P })
	out := make([]float64, len(tests))
	var most float64
	for rank, i := range order {
		most = math.Max(most, math.Min(1, float64(len(tests)-rank)*tests[i].P))
		out[i] = most
	}
	return out
}

func runWild(in *Input) (linear.Wild, error) {
	fit, err := fitRows(in, "formula")
	if err != nil {
		return linear.Wild{}, err
	}
	at := fit.Place(in.Text("trt", ""))
	if at < 0 {
		return linear.Wild{}, fmt.Errorf("param trt: %q is no column of the formula; of a factor name the level too, as in armphysio: %w", in.Text("trt", ""), ErrRequest)
	}
	return fit.WildBootstrap(at, codesOf(in.Labels("cl"), fit.Design))
}
