package methods

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/twosample"
)

type welch = twosample.WelchResult

var testKeys = []key[welch]{
	scalar("n1", func(r welch) float64 { return float64(r.N1) }),
	scalar("n0", func(r welch) float64 { return float64(r.N0) }),
	scalar("mean1", func(r welch) float64 { return r.Mean1 }),
	scalar("mean0", func(r welch) float64 { return r.Mean0 }),
	scalar("sd1", func(r welch) float64 { return r.StdDev1 }),
	scalar("sd0", func(r welch) float64 { return r.StdDev0 }),
	scalar("difference", func(r welch) float64 { return r.Difference }),
	scalar("se", func(r welch) float64 { return r.StdErr }),
	limit("ci_low", func(r welch) float64 { return r.Lower }),
	limit("ci_high", func(r welch) float64 { return r.Upper }),
	scalar("statistic", func(r welch) float64 { return r.T }),
	scalar("df", func(r welch) float64 { return r.DF }),
	scalar("p", func(r welch) float64 { return r.P }),
}

var equivalenceKeys = []key[twosample.Equivalence]{
	scalar("p_lower", func(r twosample.Equivalence) float64 { return r.PLower }),
	scalar("p_upper", func(r twosample.Equivalence) float64 { return r.PUpper }),
	scalar("p_tost", func(r twosample.Equivalence) float64 { return r.P }),
	scalar("ci90_low", func(r twosample.Equivalence) float64 { return r.Lower }),
	scalar("ci90_high", func(r twosample.Equivalence) float64 { return r.Upper }),
}

var (
	groupRoles = []Role{{Name: "y", Kind: Numeric, Help: "the outcome"}, {Name: "g", Kind: Label, Help: "the group"}}
	levels     = []Param{
		{Name: "level1", Kind: Level, Help: "the level of g that is group 1"},
		{Name: "level0", Kind: Level, Help: "the level of g that is group 0, the reference"},
	}
	sides = []Param{
		{Name: "alternative", Kind: Text, Optional: true, OneOf: []string{"two.sided", "greater", "less"}, Help: "the side of the test; default two.sided"},
		{Name: "conf", Kind: Number, Optional: true, Help: "confidence level; default 0.95"},
	}
)

func twoSampleMethods() []Method {
	const pushed = "n, Σy, Σy² by group"
	return append([]Method{
		define("two sample", spec{name: "t_test_welch", roles: groupRoles, params: append(append([]Param(nil), levels...), sides...), page: Page{
			Title:     "Welch's t test",
			When:      "The default comparison of two means, such as the mean gain of two interventions, before adjustment.",
			Variant:   "Variances not assumed equal, Welch–Satterthwaite degrees of freedom; difference = level1 − level0; one-sided on request.",
			Assumes:   "Independent people; means that are nearly normal. Says nothing about cause unless allocation was random.",
			Formula:   "t = (x̄₁−x̄₀)/√(s₁²/n₁+s₀²/n₀)",
			Reference: "Welch (1947), doi:10.1093/biomet/34.1-2.28",
			Checked:   "R 4.2.2, stats::t.test",
			PushDown:  pushed,
		}}, testKeys, func(in *Input) (welch, error) { return compare(in, twosample.WelchTest) }),
		define("two sample", spec{name: "t_test_pooled", roles: groupRoles, params: append(append([]Param(nil), levels...), sides...), page: Page{
			Title:     "Student's t test",
			When:      "Where a protocol asks for a common variance; else use t_test_welch.",
			Variant:   "Pooled variance, n₁+n₀−2 degrees of freedom; difference = level1 − level0.",
			Assumes:   "Independent people, equal variances, means that are nearly normal.",
			Formula:   "t = (x̄₁−x̄₀)/(s_p√(1/n₁+1/n₀))",
			Reference: "Student (1908), doi:10.1093/biomet/6.1.1",
			Checked:   "R 4.2.2, stats::t.test(var.equal = TRUE)",
			PushDown:  pushed,
		}}, testKeys, func(in *Input) (welch, error) { return compare(in, twosample.Pooled) }),
		define("two sample", spec{name: "equivalence_tost_welch", roles: groupRoles, params: append(append([]Param(nil), levels...), Param{Name: "margin", Kind: Number, Help: "the largest difference that does not matter, above 0, in the outcome's unit"}), page: Page{
			Title:     "Equivalence of two means",
			When:      "To show that two interventions differ by less than a margin set beforehand.",
			Variant:   "Two one-sided Welch tests at ±margin; equivalent at 5 % when the 90 % interval lies within.",
			Assumes:   "As t_test_welch; a margin chosen before the data were seen.",
			Formula:   "p = max(P(T > (d+m)/se), P(T < (d−m)/se))",
			Reference: "Schuirmann (1987), doi:10.1007/BF01068419",
			Checked:   "R 4.2.2, stats::t.test",
			PushDown:  pushed,
		}}, equivalenceKeys, func(in *Input) (twosample.Equivalence, error) {
			g1, g0, err := groups(in)
			if err != nil {
				return twosample.Equivalence{}, err
			}
			return twosample.TOST(g1, g0, in.Number("margin", 0))
		}),
	}, effectMethods()...)
}

// compare runs a two-sample test with the side and level asked for.
func compare(in *Input, test func(g1, g0 twosample.Group, o twosample.Options) (welch, error)) (welch, error) {
	g1, g0, err := groups(in)
	if err != nil {
		return welch{}, err
	}
	return test(g1, g0, twosample.Options{Level: in.Number("conf", 0.95), Alternative: twosample.Alternative(in.Text("alternative", ""))})
}

// groups reduces the two levels of g.
func groups(in *Input) (g1, g0 twosample.Group, err error) {
	for _, side := range []struct {
		param string
		into  *twosample.Group
	}{{"level1", &g1}, {"level0", &g0}} {
		y, err := in.Split("y", "g", side.param)
		if err != nil {
			return g1, g0, err
		}
		if *side.into, err = twosample.FromRows(y); err != nil {
			return g1, g0, fmt.Errorf("%s: %w", side.param, err)
		}
	}
	return g1, g0, nil
}
