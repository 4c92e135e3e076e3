package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/ksample"
)

// named are comparisons with their names.
type named struct {
	names []string
	pairs []ksample.Pair
}

// list lists one number a comparison.
func (n named) list(get func(ksample.Pair) float64) []float64 {
	out := make([]float64, len(n.pairs))
	for i, p := range n.pairs {
		out[i] = get(p)
	}
	return out
}

// listKey is a list with one number a comparison.
func listKey(name string, get func(ksample.Pair) float64) key[named] {
	return value(name, Numbers, func(r named) any { return r.list(get) })
}

// namedKey is an object with one number a comparison.
func namedKey(name string, get func(ksample.Pair) float64) key[named] {
	return value(name, ByName, func(r named) any { return Named{r.names, r.list(get)} })
}

func pairDifference(p ksample.Pair) float64 { return p.Difference }
func pairT(p ksample.Pair) float64          { return p.T }
func pairP(p ksample.Pair) float64          { return p.P }
func pairLower(p ksample.Pair) float64      { return p.Lower }
func pairUpper(p ksample.Pair) float64      { return p.Upper }

var tukeyKeys = []key[named]{value("table", Table, func(r named) any {
	m := Matrix{Rows: r.names, Cols: []string{"diff", "lwr", "upr", "p adj"}}
	for _, p := range r.pairs {
		m.Values = append(m.Values, []float64{p.Difference, p.Lower, p.Upper, p.P})
	}
	return m
})}

var gamesHowellKeys = []key[named]{
	value("pair", Names, func(r named) any { return r.names }),
	listKey("estimate", pairDifference),
	listKey("se_over_sqrt2", func(p ksample.Pair) float64 { return p.StdErr / math.Sqrt2 }),
	listKey("statistic", func(p ksample.Pair) float64 { return math.Abs(p.T) }),
	listKey("df", func(p ksample.Pair) float64 { return p.DF }),
	listKey("p_adj", pairP),
	listKey("ci_low", pairLower),
	listKey("ci_high", pairUpper),
}

var dunnettKeys = []key[named]{
	namedKey("estimate", pairDifference),
	namedKey("t", pairT),
	listKey("p_single_step", pairP),
	listKey("ci_low", pairLower),
	listKey("ci_high", pairUpper),
}

var pairwiseKeys = func() []key[adjustedPairs] {
	keys := []key[adjustedPairs]{value("p_raw", ByName, func(r adjustedPairs) any { return Named{r.names, r.raw} })}
	for _, m := range adjustments {
		keys = append(keys, value(m.key, ByName, func(r adjustedPairs) any { return Named{r.names, r.adjusted[m.method]} }))
	}
	return keys
}()

// compared names the comparisons of groups.
func compared(a arms, pairs []ksample.Pair, between string, err error) (named, error) {
	n := named{pairs: pairs}
	for _, p := range pairs {
		n.names = append(n.names, a.pair(p, between))
	}
	return n, err
}

// pairMethods compare groups two by two.
func pairMethods() []Method {
	const pushed = "n, Σy, Σy² by group"
	return []Method{
		define("k sample", spec{name: "tukey_hsd", roles: groupRoles, page: Page{
			Title:     "All pairs of groups, Tukey",
			When:      "Which interventions differ, where spreads are alike? Else games_howell.",
			Variant:   "Tukey–Kramer, later level − earlier level, 95 % limits and p-values for all pairs together by the studentised range, integrated numerically; below 1e-8 R's own p is not accurate. Our own: no kept library has the studentised range.",
			Assumes:   "Independent people, equal variances, means that are nearly normal.",
			Formula:   "q = |d|/√(MSw/2·(1/nᵢ+1/nⱼ))",
			Reference: "Tukey (1949), doi:10.2307/3001913; Kramer (1956), doi:10.2307/3001469; Copenhaver and Holland (1988), doi:10.1080/00949658808811082",
			Checked:   "R 4.2.2, stats::TukeyHSD, ptukey, qtukey",
			PushDown:  pushed,
		}}, tukeyKeys, onArms(func(a arms) (named, error) {
			pairs, err := ksample.Tukey(a.moments(), 0.95)
			return compared(a, pairs, "-", err)
		})),
		define("k sample", spec{name: "games_howell", roles: groupRoles, page: Page{
			Title:     "All pairs of groups, Games–Howell",
			When:      "Which interventions differ, where spreads may not be alike: the default for all pairs.",
			Variant:   "Welch's t and degrees of freedom for each pair, p and 95 % limits by the studentised range of all groups; se is divided by √2, as rstatix gives it; p is not rounded. Our own: no kept library has the studentised range.",
			Assumes:   "Independent people, means that are nearly normal.",
			Formula:   "q = √2·|d|/√(sᵢ²/nᵢ+sⱼ²/nⱼ)",
			Reference: "Games and Howell (1976), doi:10.3102/10769986001002113",
			Checked:   "R package rstatix 0.7.2, stats::ptukey",
			PushDown:  pushed,
		}}, gamesHowellKeys, onArms(func(a arms) (named, error) {
			pairs, err := ksample.GamesHowell(a.moments(), 0.95)
			return compared(a, pairs, "-", err)
		})),
		define("k sample", spec{name: "pairwise_welch", roles: groupRoles, page: Page{
			Title:     "All pairs of groups, Welch tests with adjusted p-values",
			When:      "Which interventions differ, with a p-value adjustment of your choice? Holm keeps the family error, BH the false discovery rate.",
			Variant:   "Welch t tests; Holm, Benjamini–Hochberg, Bonferroni, Hochberg, Benjamini–Yekutieli over all pairs.",
			Assumes:   "Independent people, means that are nearly normal.",
			Formula:   "Holm: max over j ≤ i of min(1, (m−j+1)p₍ⱼ₎)",
			Reference: "Holm (1979), Scandinavian Journal of Statistics 6, 65–70; Benjamini and Hochberg (1995), doi:10.1111/j.2517-6161.1995.tb02031.x",
			Checked:   "R 4.2.2, stats::t.test, p.adjust",
			PushDown:  pushed,
		}}, pairwiseKeys, onArms(runPairwise)),
		define("k sample", spec{name: "dunnett", roles: groupRoles, params: []Param{{Name: "control", Kind: Level, Help: "the level of g that all others are compared with"}}, page: Page{
			Title:     "Every group against one control, Dunnett",
			When:      "Which interventions differ from usual care?",
			Variant:   "Level − control, pooled variance, p and 95 % limits for all comparisons together by the multivariate t law, integrated to 1e-10 (multcomp simulates to 1e-3). Our own: no kept library has it.",
			Assumes:   "Independent people, equal variances, means that are nearly normal.",
			Formula:   "p = P(max|Tᵢ| > |t|),  correlations λᵢλⱼ, λᵢ = √(nᵢ/(nᵢ+n₀))",
			Reference: "Dunnett (1955), doi:10.1080/01621459.1955.10501294",
			Checked:   "R package multcomp 1.4-22",
			PushDown:  pushed,
		}}, dunnettKeys, runDunnett),
	}
}

func runDunnett(in *Input) (named, error) {
	a, err := armsOf(in)
	if err != nil {
		return named{}, err
	}
	for k, name := range a.names {
		if sameValue(name, text(in.params["control"])) {
			pairs, err := ksample.Dunnett(a.moments(), k, 0.95)
			return compared(a, pairs, " - ", err)
		}
	}
	return named{}, fmt.Errorf("control: column %q has no row with that level: %w", in.roles["g"], ErrRequest)
}
