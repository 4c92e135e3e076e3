package queries_test

import (
	"math"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/meta"
	"github.com/lumbar-health/lumbar/analytics/twosample"
)

// tableOf makes the rows' columns; texts become factors with their first level
// as reference.
func tableOf(t testing.TB, rows []episode, columns map[string][]string) *design.Table {
	t.Helper()
	var list []design.Column
	for name, levels := range columns {
		c := design.Column{Name: name, Levels: levels}
		for _, e := range rows {
			if levels == nil {
				v, _ := e.number(name)
				c.Values = append(c.Values, v)
				continue
			}
			code := -1
			for i, level := range levels {
				if e.dimension(name) == level {
					code = i
				}
			}
			c.Codes = append(c.Codes, code)
		}
		list = append(list, c)
	}
	out, err := design.NewTable(list...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCompareByANCOVAEqualsRows(t *testing.T) {
	d := open(t, backPain(4000))
	a := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,cppp,surgery", "covariates", "I(baseline^2),age,factor(sex),factor(startback_risk),bmi")
	mine := where(d.rows, func(e episode) bool {
		return e.has("odi_baseline", "odi_12m", "age", "sex", "startback_risk", "bmi")
	})
	formula, err := design.Parse("odi_12m ~ intervention + odi_baseline + I(odi_baseline^2) + age + factor(sex) + factor(startback_risk) + bmi")
	if err != nil {
		t.Fatal(err)
	}
	row := 0
	for _, treated := range []string{"cppp", "surgery"} {
		var yi, vi []float64
		keys, groups := groupBy(mine, "region")
		for _, key := range keys {
			both := where(groups[key], func(e episode) bool {
				return e.text("intervention") == "core_therapy" || e.text("intervention") == treated
			})
			want := ancovaByRows(t, formula, both, treated)
			a.same(row, "region", key)
			a.same(row, "treated", treated)
			a.same(row, "pooled", false)
			a.near(row, "estimate", want.Value, 1e-9)
			a.near(row, "std_err", want.StdErr, 1e-9)
			a.near(row, "lower", want.Lower, 1e-9)
			a.near(row, "upper", want.Upper, 1e-9)
			a.near(row, "p_value", want.P, 1e-8)
			yi, vi = append(yi, want.Value), append(vi, want.StdErr*want.StdErr)
			row++
		}
		pooled, err := meta.Random(yi, vi, meta.Options{HartungKnapp: true, AdHoc: true})
		if err != nil {
			t.Fatal(err)
		}
		a.same(row, "pooled", true)
		a.same(row, "region", nil)
		a.near(row, "estimate", pooled.Value, 1e-8)
		a.near(row, "lower", pooled.Lower, 1e-8)
		a.near(row, "upper", pooled.Upper, 1e-8)
		a.near(row, "p_value", pooled.P, 1e-7)
		a.near(row, "tau2", pooled.Tau2, 1e-6)
		a.near(row, "prediction_lower", *pooled.PredictionLower, 1e-6)
		a.near(row, "prediction_upper", *pooled.PredictionUpper, 1e-6)
		row++
	}
	if row != len(a.Rows) {
		t.Errorf("%d rows, want %d", len(a.Rows), row)
	}
	if words := strings.Join(a.Notes, " "); !strings.Contains(words, "associated with") || !strings.Contains(words, "below 0 favours the treated") {
		t.Errorf("notes %q lack the words of an observational comparison", words)
	}
}

// ancovaByRows fits the formula to people and returns the arm's coefficient.
func ancovaByRows(t *testing.T, formula design.Formula, rows []episode, treated string) analytics.Test {
	t.Helper()
	m, err := formula.Build(tableOf(t, rows, map[string][]string{
		"odi_12m": nil, "odi_baseline": nil, "age": nil, "bmi": nil, "intervention": {"core_therapy", treated},
		"sex": {"female", "male"}, "startback_risk": {"high", "low", "medium"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	fit, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	robust, err := fit.HC(linear.HC3)
	if err != nil {
		t.Fatal(err)
	}
	want, err := fit.Estimate(fit.Place("intervention"+treated), robust, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func TestCompareByWelchEqualsRows(t *testing.T) {
	d := open(t, backPain(1500))
	a := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "method", "welch", "by", "none")
	mine := where(d.rows, func(e episode) bool { return e.has("odi_baseline", "odi_12m") })
	arm := func(name string) twosample.Group {
		g, err := twosample.FromRows(numbers(where(mine, func(e episode) bool { return e.text("intervention") == name }), "odi_12m"))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	want, err := twosample.WelchTest(arm("surgery"), arm("core_therapy"), twosample.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Rows) != 1 {
		t.Fatalf("%d rows, want 1", len(a.Rows))
	}
	a.near(0, "estimate", want.Difference, 1e-10)
	a.near(0, "lower", want.Lower, 1e-10)
	a.near(0, "p_value", want.P, 1e-10)
	a.same(0, "n_treated", want.N1)
	a.same(0, "n_control", want.N0)
	a.same(0, "direction", "lower_better")
}

func TestCompareShowsNothingOfThinArms(t *testing.T) {
	rows := backPain(900)
	kept := 0
	rows = where(rows, func(e episode) bool {
		if e.text("intervention") != "surgery" || e.text("region") != "Y60" {
			return true
		}
		kept++
		return kept <= 20
	})
	d := open(t, rows)
	a := d.ask(t, "compare", false, "instrument", "odi", "interventions", "core_therapy,surgery", "covariates", "none")
	if a.at(0, "estimate") != nil || a.at(0, "region") != "Y60" {
		t.Errorf("Y60 with under 30 treated: estimate %v, want none", a.at(0, "estimate"))
	}
	if a.at(1, "estimate") == nil || a.at(4, "estimate") == nil {
		t.Errorf("estimates of Y61 and pooled: %v, %v, want both", a.at(1, "estimate"), a.at(4, "estimate"))
	}
}

// The fixture's truth: adjusted for severity the estimate is near the effect,
// crude it is not.
func TestCompareAdjustsForSeverity(t *testing.T) {
	d := open(t, backPain(4000))
	adjusted := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "by", "none").at(0, "estimate").(float64)
	crude := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "by", "none", "method", "welch").at(0, "estimate").(float64)
	if math.Abs(adjusted+10) > 2 || math.Abs(crude+10) < 4 {
		t.Errorf("adjusted %v, crude %v: want the first near the true −10 and the second far off", adjusted, crude)
	}
}
