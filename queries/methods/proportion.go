package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/proportions"
)

// bounds writes an interval as {low, high}.
func bounds(i proportions.Interval) Answer { return Answer{{"low", i.Low}, {"high", i.High}} }

// openBounds is a key that holds an interval; open ones may be infinite, absent
// ones null.
func openBounds[R any](name string, open bool, get func(R) *proportions.Interval) key[R] {
	return key[R]{Key{Name: name, Shape: Object, Open: open, Optional: true}, func(r R) any {
		if i := get(r); i != nil {
			return bounds(*i)
		}
		return nil
	}}
}

// boundsKey is a key that always holds an interval.
func boundsKey[R any](name string, get func(R) proportions.Interval) key[R] {
	return value(name, Object, func(r R) any { return bounds(get(r)) })
}

var singleKeys = []key[proportions.Single]{
	scalar("x", func(r proportions.Single) float64 { return float64(r.Events) }),
	scalar("n", func(r proportions.Single) float64 { return float64(r.N) }),
	scalar("p", func(r proportions.Single) float64 { return r.P }),
	boundsKey("wilson", func(r proportions.Single) proportions.Interval { return r.Wilson }),
	boundsKey("wilson_cc", func(r proportions.Single) proportions.Interval { return r.WilsonCorrected }),
	boundsKey("clopper_pearson", func(r proportions.Single) proportions.Interval { return r.ClopperPearson }),
	boundsKey("agresti_coull", func(r proportions.Single) proportions.Interval { return r.AgrestiCoull }),
	boundsKey("jeffreys", func(r proportions.Single) proportions.Interval { return r.Jeffreys }),
	boundsKey("wald", func(r proportions.Single) proportions.Interval { return r.Wald }),
	scalar("binom_test_p_half", func(r proportions.Single) float64 { return r.HalfP }),
}

// difference is a risk difference with the score at −0.1 beside it.
type difference struct {
	proportions.Difference
	nonInferiority *float64
}

var differenceKeys = []key[difference]{
	scalar("x1", func(r difference) float64 { return float64(r.One.Events) }),
	scalar("n1", func(r difference) float64 { return float64(r.One.N) }),
	scalar("x0", func(r difference) float64 { return float64(r.Zero.Events) }),
	scalar("n0", func(r difference) float64 { return float64(r.Zero.N) }),
	scalar("rd", func(r difference) float64 { return r.Value }),
	scalar("se_wald", func(r difference) float64 { return r.StdErr }),
	boundsKey("wald", func(r difference) proportions.Interval { return r.Wald }),
	boundsKey("newcombe", func(r difference) proportions.Interval { return r.Newcombe }),
	boundsKey("miettinen_nurminen", func(r difference) proportions.Interval { return r.MiettinenNurminen }),
	boundsKey("mee_no_bias_correction", func(r difference) proportions.Interval { return r.Mee }),
	optional("mn_z_at_0", func(r difference) *float64 { return r.ScoreAtZero }),
	optional("farrington_manning_z_at_minus_0.1", func(r difference) *float64 { return r.nonInferiority }),
	{Key{Name: "nnt", Shape: Object, Open: true}, func(r difference) any {
		return Answer{{"nnt", r.NNT.Value}, {"type", r.NNT.Kind}, {"from_rd_low", r.NNT.FromLow}, {"from_rd_high", r.NNT.FromHigh},
			{"ci_is_disjoint_through_infinity", r.NNT.Disjoint}}
	}},
}

var twoRatioKeys = []key[proportions.Ratios]{
	limit("rr", func(r proportions.Ratios) float64 { return r.RR }),
	optional("se_log_rr", func(r proportions.Ratios) *float64 { return r.StdErrLogRR }),
	openBounds("katz", false, func(r proportions.Ratios) *proportions.Interval { return r.Katz }),
	openBounds("miettinen_nurminen", true, func(r proportions.Ratios) *proportions.Interval { return &r.MiettinenNurminen }),
	openBounds("koopman", true, func(r proportions.Ratios) *proportions.Interval { return &r.Koopman }),
	{Key{Name: "or", Shape: Scalar, Optional: true, Open: true}, func(r proportions.Ratios) any {
		if r.OR == nil {
			return nil
		}
		return *r.OR
	}},
	optional("se_log_or", func(r proportions.Ratios) *float64 { return r.StdErrLogOR }),
	openBounds("woolf", false, func(r proportions.Ratios) *proportions.Interval { return r.Woolf }),
	optional("e_value_rr", func(r proportions.Ratios) *float64 { return r.EValue }),
	optional("e_value_ci", func(r proportions.Ratios) *float64 { return r.EValueLimit }),
}

var twoByTwoKeys = []key[proportions.TwoByTwo]{
	scalar("chi2", func(r proportions.TwoByTwo) float64 { return r.ChiSquared }),
	scalar("chi2_p", func(r proportions.TwoByTwo) float64 { return r.ChiSquaredP }),
	scalar("chi2_yates", func(r proportions.TwoByTwo) float64 { return r.Yates }),
	scalar("chi2_yates_p", func(r proportions.TwoByTwo) float64 { return r.YatesP }),
	scalar("chi2_n_minus_1_p", func(r proportions.TwoByTwo) float64 { return r.NMinus1P }),
	scalar("g_test", func(r proportions.TwoByTwo) float64 { return r.G }),
	scalar("fisher_p", func(r proportions.TwoByTwo) float64 { return r.FisherP }),
	limit("fisher_or_cmle", func(r proportions.TwoByTwo) float64 { return r.FisherOR }),
	scalar("fisher_ci_low", func(r proportions.TwoByTwo) float64 { return r.FisherLimits.Low }),
	limit("fisher_ci_high", func(r proportions.TwoByTwo) float64 { return r.FisherLimits.High }),
	scalar("phi", func(r proportions.TwoByTwo) float64 { return r.Phi }),
	scalar("smallest_expected", func(r proportions.TwoByTwo) float64 { return r.SmallestExpected }),
}

var eventRoles = []Role{{Name: "y", Kind: Numeric, Help: "the event, 1 or 0"}, {Name: "g", Kind: Label, Help: "the group"}}

func proportionMethods() []Method {
	const pushed = "people and events by group"
	return append([]Method{
		define("proportions", spec{name: "proportion_ci", roles: eventRoles, params: levels[:1], page: Page{
			Title:     "A proportion with its interval",
			When:      "How many people responded? Use the Wilson interval.",
			Variant:   "Wilson (default), Wilson with prop.test's continuity correction, Clopper–Pearson, Agresti–Coull and Wald (neither cut off at 0 and 1), Jeffreys; exact test of one half. 95 %.",
			Assumes:   "Independent people.",
			Formula:   "(p + z²/2n ± z√(p(1−p)/n + z²/4n²))/(1 + z²/n)",
			Reference: "Wilson (1927), doi:10.1080/01621459.1927.10502953; Brown, Cai and DasGupta (2001), doi:10.1214/ss/1009213286",
			Checked:   "R 4.2.2, stats::prop.test, binom.test, qbeta",
			PushDown:  pushed,
		}}, singleKeys, func(in *Input) (proportions.Single, error) {
			c, err := eventsOf(in, "y", "level1")
			if err != nil {
				return proportions.Single{}, err
			}
			return proportions.One(c, 0.95)
		}),
		define("proportions", spec{name: "risk_difference", roles: eventRoles, params: levels, page: Page{
			Title:     "Difference of two proportions",
			When:      "How many more people out of a hundred respond? The default is the Newcombe interval; trials use Miettinen–Nurminen.",
			Variant:   "level1 − level0; Wald, Newcombe's hybrid of Wilson limits, Miettinen–Nurminen with N/(N−1), Mee without; number needed to treat from the Newcombe limits, which runs through infinity where they have different signs. Our own: no kept library has them.",
			Assumes:   "Independent people. Says nothing about cause unless allocation was random.",
			Formula:   "d ± √((p−l)² + (u−p)²) of the Wilson limits",
			Reference: "Newcombe (1998), doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I; Miettinen and Nurminen (1985), doi:10.1002/sim.4780040211; Altman (1998), doi:10.1136/bmj.317.7168.1309",
			Checked:   "golden/lib.R; Newcombe's Table II",
			PushDown:  pushed,
		}}, differenceKeys, runDifference),
	}, append(ratioMethods(), tableMethods()...)...)
}

// ratioMethods compare two proportions by ratios and tests.
func ratioMethods() []Method {
	const pushed = "people and events by group"
	return []Method{
		define("proportions", spec{name: "risk_ratio", roles: eventRoles, params: levels, page: Page{
			Title:     "Ratio of two proportions",
			When:      "Relative effects, and E-values of them. Give the difference beside it.",
			Variant:   "level1 over level0; Katz and Woolf on the log scale (null where a cell is empty), score intervals of Miettinen–Nurminen and Koopman; E-value of the ratio and of the Katz limit next to 1. Our own: no kept library has them.",
			Assumes:   "Independent people.",
			Formula:   "RR = p₁/p₀,  OR = ad/bc,  E = RR + √(RR(RR−1))",
			Reference: "Katz, Baptista, Azen and Pike (1978), doi:10.2307/2530610; Koopman (1984), doi:10.2307/2531405; VanderWeele and Ding (2017), doi:10.7326/M16-2607",
			Checked:   "golden/lib.R",
			PushDown:  pushed,
		}}, twoRatioKeys, func(in *Input) (proportions.Ratios, error) {
			one, zero, err := twoCounts(in, "y")
			if err != nil {
				return proportions.Ratios{}, err
			}
			return proportions.RiskRatio(one, zero, 0.95)
		}),
		define("proportions", spec{name: "two_by_two_tests", roles: eventRoles, params: levels, page: Page{
			Title:     "Tests that two proportions are equal",
			When:      "Where a p-value is asked for: N−1 χ², or Fisher where an expected count is under 1.",
			Variant:   "Pearson, Yates (min(½,|O−E|)), N−1, likelihood ratio; Fisher two-sided by probability with relative slack 1e-7; conditional maximum-likelihood odds ratio and exact limits solved to the last digits. Our own: no kept library has the noncentral hypergeometric law.",
			Assumes:   "Independent people.",
			Formula:   "χ² = Σ(O−E)²/E;  p of χ²(N−1)/N",
			Reference: "Campbell (2007), doi:10.1002/sim.2832; Fisher (1935), doi:10.2307/2342435",
			Checked:   "R 4.2.2, stats::chisq.test, fisher.test; golden/lib.R",
			PushDown:  pushed,
		}}, twoByTwoKeys, func(in *Input) (proportions.TwoByTwo, error) {
			one, zero, err := twoCounts(in, "y")
			if err != nil {
				return proportions.TwoByTwo{}, err
			}
			return proportions.TestTwoByTwo(one, zero, 0.95)
		}),
	}
}

// eventsOf counts the events in one level of g.
func eventsOf(in *Input, role, param string) (proportions.Count, error) {
	y, err := in.Split(role, "g", param)
	if err != nil {
		return proportions.Count{}, err
	}
	c, err := proportions.FromRows(y)
	if err != nil {
		return c, fmt.Errorf("%s: %w", param, err)
	}
	return c, nil
}

func twoCounts(in *Input, role string) (one, zero proportions.Count, err error) {
	if one, err = eventsOf(in, role, "level1"); err != nil {
		return one, zero, err
	}
	zero, err = eventsOf(in, role, "level0")
	return one, zero, err
}

func runDifference(in *Input) (difference, error) {
	one, zero, err := twoCounts(in, "y")
	if err != nil {
		return difference{}, err
	}
	d, err := proportions.RiskDifference(one, zero, 0.95)
	if err != nil {
		return difference{}, err
	}
	r := difference{Difference: d}
	if z, err := proportions.ScoreDifference(one, zero, -0.1, false); err == nil {
		r.nonInferiority = &z
	}
	return r, nil
}
