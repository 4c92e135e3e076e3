package methods

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/proportions"
)

// stratified is a pooled comparison with its strata.
type stratified struct {
	proportions.Stratified
	strata []proportions.Stratum
	names  []string
}

// commonKey writes one pooled estimate.
func commonKey(name string, get func(stratified) *proportions.Common) key[stratified] {
	return key[stratified]{Key{Name: name, Shape: Object}, func(r stratified) any {
		c := get(r)
		if c == nil {
			return Answer{{"estimate_log_or_rd", nil}, {"se", nil}, {"ci_low", nil}, {"ci_high", nil}, {"Q", nil}, {"Q_p", nil}}
		}
		return Answer{{"estimate_log_or_rd", c.Value}, {"se", c.StdErr}, {"ci_low", c.Lower}, {"ci_high", c.Upper},
			{"Q", c.Q}, {"Q_p", orNil(c.QP)}}
	}}
}

var stratifiedKeys = []key[stratified]{
	commonKey("OR", func(r stratified) *proportions.Common { return r.OddsRatio }),
	value("cmh", Object, func(r stratified) any {
		c := r.Cochran
		return Answer{{"chi2_no_cc", c.ChiSquared}, {"p_no_cc", c.ChiSquaredP}, {"mh_chi2", c.MH}, {"mh_p", c.MHP},
			{"tarone", orNil(c.Tarone)}, {"tarone_p", orNil(c.TaroneP)}}
	}),
	commonKey("RR", func(r stratified) *proportions.Common { return r.RiskRatio }),
	commonKey("RD", func(r stratified) *proportions.Common { return r.RiskDifference }),
	value("mantelhaen_test", Object, func(r stratified) any {
		a := Answer{{"chi2", r.Cochran.MH}, {"p", r.Cochran.MHP}, {"chi2_cc", r.Cochran.MHCorrected}}
		if or := r.OddsRatio; or != nil {
			return append(a, Field{"or", math.Exp(or.Value)}, Field{"ci_low", math.Exp(or.Lower)}, Field{"ci_high", math.Exp(or.Upper)})
		}
		return append(a, Field{"or", nil}, Field{"ci_low", nil}, Field{"ci_high", nil})
	}),
	value("strata_counts", Table, func(r stratified) any {
		m := Matrix{Rows: []string{"x1", "n1", "x0", "n0"}, Cols: r.names, Values: make([][]float64, 4)}
		for _, s := range r.strata {
			for k, v := range []int64{s.One.Events, s.One.N, s.Zero.Events, s.Zero.N} {
				m.Values[k] = append(m.Values[k], float64(v))
			}
		}
		return m
	}),
}

// doseTrend is a test with the counts by dose.
type doseTrend struct {
	proportions.Trend
	doses  []string
	counts []proportions.Count
}

func (t doseTrend) by(get func(proportions.Count) int64) Named {
	n := Named{Names: t.doses}
	for _, c := range t.counts {
		n.Values = append(n.Values, float64(get(c)))
	}
	return n
}

var doseTrendKeys = []key[doseTrend]{
	value("events", ByName, func(r doseTrend) any { return r.by(func(c proportions.Count) int64 { return c.Events }) }),
	value("n", ByName, func(r doseTrend) any { return r.by(func(c proportions.Count) int64 { return c.N }) }),
	scalar("chi2", func(r doseTrend) float64 { return r.ChiSquared }),
	scalar("p", func(r doseTrend) float64 { return r.P }),
}

var contingencyKeys = []key[proportions.Contingency]{
	scalar("chi2", func(r proportions.Contingency) float64 { return r.ChiSquared }),
	scalar("df", func(r proportions.Contingency) float64 { return r.DF }),
	scalar("p", func(r proportions.Contingency) float64 { return r.P }),
	scalar("cramers_v", func(r proportions.Contingency) float64 { return r.CramersV }),
	scalar("contingency_c", func(r proportions.Contingency) float64 { return r.ContingencyC }),
}

var mcNemarKeys = []key[proportions.Change]{
	scalar("a", func(r proportions.Change) float64 { return float64(r.Both) }),
	scalar("b_01", func(r proportions.Change) float64 { return float64(r.Gained) }),
	scalar("c_10", func(r proportions.Change) float64 { return float64(r.Lost) }),
	scalar("d", func(r proportions.Change) float64 { return float64(r.Neither) }),
	scalar("chi2", func(r proportions.Change) float64 { return r.ChiSquared }),
	scalar("p", func(r proportions.Change) float64 { return r.P }),
	scalar("chi2_cc", func(r proportions.Change) float64 { return r.Corrected }),
	scalar("p_cc", func(r proportions.Change) float64 { return r.CorrectedP }),
	scalar("p_exact", func(r proportions.Change) float64 { return r.ExactP }),
	scalar("p_mid", func(r proportions.Change) float64 { return r.MidP }),
	scalar("diff", func(r proportions.Change) float64 { return r.Value }),
	boundsKey("newcombe_method10", func(r proportions.Change) proportions.Interval { return r.Newcombe }),
	limit("or_conditional", func(r proportions.Change) float64 { return r.ConditionalOR }),
}

// tableMethods are the methods on more than one 2 by 2 table.
func tableMethods() []Method {
	return []Method{
		define("proportions", spec{name: "mantel_haenszel", roles: append(append([]Role(nil), eventRoles...), Role{Name: "s", Kind: Label, Help: "the stratum, such as region"}), params: levels, page: Page{
			Title:     "Two proportions compared within strata",
			When:      "Responders of two groups, adjusted for region without a model.",
			Variant:   "Mantel–Haenszel odds ratio (Robins–Breslow–Greenland), risk ratio (Greenland–Robins), difference (Sato); OR and RR on the log scale, nothing added to any cell. Q adds ½ in strata with an empty cell. Cochran's and Mantel–Haenszel's χ², the latter also with continuity correction; Tarone's test of equal odds ratios. Strata without one of the groups are left out, of Q too. An estimate is null where a cell is empty in every stratum. Our own: no kept library has it.",
			Assumes:   "One effect in every stratum: look at Q and Tarone's test first.",
			Formula:   "OR = Σ(ad/n)/Σ(bc/n)",
			Reference: "Mantel and Haenszel (1959), doi:10.1093/jnci/22.4.719; Robins, Breslow and Greenland (1986), doi:10.2307/2531052; Greenland and Robins (1985), doi:10.2307/2530643; Sato (1989), doi:10.2307/2531681; Tarone (1985), doi:10.1093/biomet/72.1.91",
			Checked:   "R package metafor 3.8-1, rma.mh; stats::mantelhaen.test",
			PushDown:  "people and events by group and stratum",
		}}, stratifiedKeys, runMantelHaenszel),
		define("proportions", spec{name: "cochran_armitage_trend", roles: []Role{{Name: "y", Kind: Numeric, Help: "the event, 1 or 0"}, {Name: "dose", Kind: Numeric, Help: "the score, such as deprivation quintile"}}, page: Page{
			Title:     "Trend of a proportion",
			When:      "Does the proportion rise or fall with deprivation, dose or severity?",
			Variant:   "Linear scores as coded, no continuity correction, two-sided by χ² with 1 degree of freedom.",
			Assumes:   "Independent people; a score whose distances mean something.",
			Formula:   "χ² = [Σxᵢ(sᵢ−s̄)]²/(p(1−p)Σnᵢ(sᵢ−s̄)²)",
			Reference: "Armitage (1955), doi:10.2307/3001775",
			Checked:   "R 4.2.2, stats::prop.trend.test",
			PushDown:  "people and events by score",
		}}, doseTrendKeys, runTrend),
		define("proportions", spec{name: "chi2_rxc", roles: []Role{{Name: "a", Kind: Label, Help: "the rows"}, {Name: "b", Kind: Label, Help: "the columns"}}, page: Page{
			Title:     "TestTable of two categories",
			When:      "Does the mix of interventions differ between regions?",
			Variant:   "Pearson's χ² without continuity correction; Cramér's V and Pearson's C, not bias-corrected.",
			Assumes:   "Independent people; expected counts that are not tiny.",
			Formula:   "χ² = Σ(O−E)²/E,  V = √(χ²/(N(min(r,c)−1)))",
			Reference: "Cramér (1946), Mathematical Methods of Statistics",
			Checked:   "R 4.2.2, stats::chisq.test",
			PushDown:  "people by row and column",
		}}, contingencyKeys, func(in *Input) (proportions.Contingency, error) {
			a, b := in.Labels("a"), in.Labels("b")
			if len(a.Levels)*len(b.Levels) > largestTable {
				return proportions.Contingency{}, fmt.Errorf("%d rows and %d columns are no table of categories: group the values first: %w", len(a.Levels), len(b.Levels), ErrRequest)
			}
			return proportions.TestTable(crossCounts(a, b))
		}),
		define("proportions", spec{name: "mcnemar", roles: []Role{{Name: "y0", Kind: Numeric, Help: "the state before, 1 or 0"}, {Name: "y1", Kind: Numeric, Help: "the state after, 1 or 0"}}, page: Page{
			Title:     "A proportion before and after",
			When:      "Are fewer people severe at follow-up than at baseline?",
			Variant:   "Asymptotic, with continuity correction, exact binomial and mid-p; difference after − before with Newcombe's paired interval 10, φ corrected for continuity; conditional odds ratio gained/lost.",
			Assumes:   "Independent people, each measured twice. A change is not an effect: people are referred at their worst.",
			Formula:   "χ² = (g−l)²/(g+l)",
			Reference: "McNemar (1947), doi:10.1007/BF02295996; Newcombe (1998), doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C",
			Checked:   "R 4.2.2, stats::mcnemar.test, binom.test; golden/batteries_a.R",
			PushDown:  "the four counts",
		}}, mcNemarKeys, func(in *Input) (proportions.Change, error) {
			p, err := proportions.PairsFromRows(in.Numbers("y0"), in.Numbers("y1"))
			if err != nil {
				return proportions.Change{}, err
			}
			return proportions.McNemar(p, 0.95)
		}),
	}
}

// largestTable is how many cells a table of categories may have.
const largestTable = 1_000_000

// crossCounts counts people by two factors.
func crossCounts(a, b design.Column) [][]int64 {
	counts := make([][]int64, len(a.Levels))
	for i := range counts {
		counts[i] = make([]int64, len(b.Levels))
	}
	for i, k := range a.Codes {
		counts[k][b.Codes[i]]++
	}
	return counts
}

func runMantelHaenszel(in *Input) (r stratified, err error) {
	g, s, y := in.Labels("g"), in.Labels("s"), in.Numbers("y")
	if _, err := proportions.FromRows(y); err != nil {
		return r, err
	}
	one, zero := levelOf(g, text(in.params["level1"])), levelOf(g, text(in.params["level0"]))
	if one < 0 || zero < 0 {
		return r, fmt.Errorf("level1 and level0: column %q has no row with one of them: %w", in.roles["g"], ErrRequest)
	}
	all := make([]proportions.Stratum, len(s.Levels))
	present := make([]bool, len(s.Levels))
	for i, k := range s.Codes {
		present[k] = true
		switch side := &all[k]; g.Codes[i] {
		case one:
			side.One.N++
			side.One.Events += int64(y[i])
		case zero:
			side.Zero.N++
			side.Zero.Events += int64(y[i])
		}
	}
	for k, name := range s.Levels {
		if present[k] {
			r.strata, r.names = append(r.strata, all[k]), append(r.names, name)
		}
	}
	r.Stratified, err = proportions.MantelHaenszel(r.strata, 0.95)
	return r, err
}

// levelOf returns the place of a level, −1 where it is none.
func levelOf(c design.Column, level string) int {
	return slices.IndexFunc(c.Levels, func(l string) bool { return sameValue(l, level) })
}

func runTrend(in *Input) (r doseTrend, err error) {
	doses, y := in.Labels("dose"), in.Numbers("y")
	if _, err := proportions.FromRows(y); err != nil {
		return r, err
	}
	counts, scores := make([]proportions.Count, len(doses.Levels)), make([]float64, len(doses.Levels))
	for i, k := range doses.Codes {
		counts[k].N++
		counts[k].Events += int64(y[i])
		scores[k] = in.Numbers("dose")[i]
	}
	var used []float64
	for k, name := range doses.Levels {
		if counts[k].N > 0 {
			r.doses, r.counts, used = append(r.doses, name), append(r.counts, counts[k]), append(used, scores[k])
		}
	}
	r.Trend, err = proportions.TestTrend(r.counts, used)
	return r, err
}
