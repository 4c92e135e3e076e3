package queries_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/queries/estimator"
)

// TestCompareByEveryEstimatorEqualsRows: what the store groups gives the same
// effect as the people one by one, by region and over all, where the errors are
// clustered by provider.
func TestCompareByEveryEstimatorEqualsRows(t *testing.T) {
	d := open(t, backPain(4000))
	mine := where(d.rows, func(e episode) bool { return e.has("odi_baseline", "odi_12m", "age", "sex", "startback_risk") })
	for _, method := range estimator.Methods() {
		for _, estimand := range []estimator.Estimand{estimator.ATE, estimator.ATT, estimator.ATO} {
			if of, err := method.Of(estimand); err != nil || of != estimand {
				continue
			}
			for _, by := range []string{"region", "none"} {
				a := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,cppp", "by", by,
					"covariates", "rcs(age, 3),factor(sex),factor(startback_risk)", "method", string(method), "estimand", string(estimand))
				groups := map[string][]episode{"": mine}
				keys := []string{""}
				if by == "region" {
					keys, groups = groupBy(mine, "region")
				}
				for row, key := range keys {
					want := effectByRows(t, groups[key], method, estimand, by == "none")
					a.near(row, "estimate", want.Value, 1e-9)
					a.near(row, "std_err", want.StdErr, 1e-9)
					a.near(row, "lower", want.Lower, 1e-8)
					a.near(row, "upper", want.Upper, 1e-8)
					a.near(row, "p_value", want.P(), 1e-6)
					a.same(row, "method", string(method))
				}
			}
		}
	}
}

// effectByRows estimates from people one by one.
func effectByRows(t *testing.T, rows []episode, method estimator.Method, of estimator.Estimand, clustered bool) estimator.Result {
	t.Helper()
	both := where(rows, func(e episode) bool { return slices.Contains([]string{"core_therapy", "cppp"}, e.text("intervention")) })
	p := estimator.Patterns{Table: tableOf(t, both, map[string][]string{
		"odi_baseline": nil, "age": nil, "sex": {"female", "male"}, "startback_risk": {"high", "low", "medium"},
	})}
	providers := map[string]int{}
	for _, e := range both {
		y, _ := e.number("odi_12m")
		name := e.text("provider")
		if _, seen := providers[name]; !seen {
			providers[name] = len(providers)
		}
		p.Treated = append(p.Treated, e.text("intervention") == "cppp")
		p.Count, p.Sum, p.SumSq = append(p.Count, 1), append(p.Sum, y), append(p.SumSq, y*y)
		p.Cluster = append(p.Cluster, providers[name])
	}
	if !clustered || method == estimator.Matching {
		p.Cluster = nil
	}
	s, left, err := p.Study("~ odi_baseline + rcs(age, 3) + factor(sex) + factor(startback_risk)")
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Fatalf("left out: %v", left)
	}
	o := estimator.Options{Estimand: of}
	var r estimator.Result
	if method == estimator.Matching {
		r, err = estimator.Match(s, p.Sum, o)
	} else {
		r, err = estimator.Estimate(s, method, o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCompareFindsTheEffect: the estimators that adjust are near the fixture's
// truth, as ancova is.
func TestCompareFindsTheEffect(t *testing.T) {
	d := open(t, backPain(4000))
	for _, method := range estimator.Methods() {
		a := d.ask(t, "compare", false, "instrument", "odi", "interventions", "core_therapy,surgery", "by", "none", "method", string(method), "estimand", string(estimandOf(method)))
		if v := a.at(0, "estimate"); v == nil || v.(float64) < -12.5 || v.(float64) > -7.5 {
			t.Errorf("%s: estimate %v, want near the true −10", method, v)
		}
	}
}

func estimandOf(m estimator.Method) estimator.Estimand {
	of, err := m.Of(estimator.ATE)
	if err != nil {
		return estimator.ATO
	}
	return of
}

// TestCompareSaysThatArmsDoNotOverlap: where a covariate decides the treatment
// there is no effect to estimate.
func TestCompareSaysThatArmsDoNotOverlap(t *testing.T) {
	rows := where(backPain(3000), func(e episode) bool {
		age, ok := e.number("age")
		return ok && (e.text("intervention") != "surgery" || age >= 50) && (e.text("intervention") != "core_therapy" || age < 50)
	})
	d := open(t, rows)
	for _, method := range []string{"ipw", "aipw", "overlap"} {
		a := d.ask(t, "compare", false, "instrument", "odi", "interventions", "core_therapy,surgery", "by", "none", "covariates", "age", "method", method, "estimand", string(estimandOf(estimator.Method(method))))
		if a.at(0, "estimate") != nil || !strings.Contains(strings.Join(a.Notes, " "), "tell the arms apart") {
			t.Errorf("%s: estimate %v, notes %q", method, a.at(0, "estimate"), a.Notes)
		}
	}
}

// TestCurvesAreSummed: ancova on curves by the store's sums equals rows.
func TestCurvesAreSummed(t *testing.T) {
	d := open(t, backPain(2000))
	a := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,cppp", "by", "region", "covariates", "rcs(odi_baseline, 4),poly(age, 2),factor(sex),factor(startback_risk),bmi")
	mine := where(d.rows, func(e episode) bool {
		return e.has("odi_baseline", "odi_12m", "age", "sex", "startback_risk", "bmi") && slices.Contains([]string{"core_therapy", "cppp"}, e.text("intervention"))
	})
	// The curves are fitted to everybody asked about, not to a region.
	var knots []string
	for _, p := range []float64{0.05, 0.35, 0.65, 0.95} {
		k, err := describe.Quantile(numbers(mine, "odi_baseline"), p, describe.Type7)
		if err != nil {
			t.Fatal(err)
		}
		knots = append(knots, strconv.FormatFloat(k, 'g', -1, 64))
	}
	formula, err := design.Parse("odi_12m ~ intervention + rcs(odi_baseline, c(" + strings.Join(knots, ", ") + ")) + age + I(age^2) + factor(sex) + factor(startback_risk) + bmi")
	if err != nil {
		t.Fatal(err)
	}
	keys, groups := groupBy(mine, "region")
	for row, key := range keys {
		want := ancovaByRows(t, formula, groups[key], "cppp")
		a.same(row, "region", key)
		a.near(row, "estimate", want.Value, 1e-8)
		a.near(row, "std_err", want.StdErr, 1e-8)
	}
}
