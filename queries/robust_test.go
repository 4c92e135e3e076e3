package queries_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/study"
)

// oneSmoker leaves exactly one smoker with a complete record in region Y60.
func oneSmoker(rows []episode) []episode {
	found := false
	for _, e := range rows {
		if e.text("region") != "Y60" {
			continue
		}
		e["smoker"] = 0.0
		if !found && e.text("intervention") == "surgery" && e.has("odi_baseline", "odi_12m", "age") {
			e["smoker"], found = 1.0, true
		}
	}
	return rows
}

func (a table) says(words string) {
	a.t.Helper()
	if !slices.ContainsFunc(a.Notes, func(n string) bool { return strings.Contains(n, words) }) {
		a.t.Errorf("no note says %q: %q", words, a.Notes)
	}
}

// One person of a kind would have leverage 1: a column of 0 and 1, and its product
// with another, is left out of the model of such a group.
func TestCompareWithOneSmokerInAGroup(t *testing.T) {
	d := open(t, oneSmoker(backPain(2000)))
	without := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "covariates", "age")
	with := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "covariates", "age,smoker")
	for row := range 2 {
		if with.at(row, "estimate") == nil {
			t.Fatalf("row %d has no estimate", row)
		}
	}
	with.same(0, "region", "Y60")
	with.near(0, "estimate", without.at(0, "estimate").(float64), 1e-9)
	with.near(0, "std_err", without.at(0, "std_err").(float64), 1e-9)
	if with.at(1, "estimate") == without.at(1, "estimate") {
		t.Error("the other regions are not adjusted for smoking")
	}
	with.says("smoker")
	product := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "covariates", "age,I(smoker*age)")
	product.near(0, "estimate", without.at(0, "estimate").(float64), 1e-9)
	product.says("smoker")
}

const smokers = `
study: smokers
data: {programme: back-pain}
eligibility: region = "Y60"
treatment: {column: intervention, treated: surgery, control: core_therapy}
outcome: {column: odi_12m, baseline: odi_baseline, direction: lower_better}
covariates: [odi_baseline, age, smoker]
methods: [crude, ancova]
variance: {kind: HC3}
`

func runStudy(t *testing.T, d *desk, text string, undisclosed bool) *study.Answer {
	t.Helper()
	p, err := study.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	of, ok := programme.Lookup("back-pain")
	if !ok {
		t.Fatal("no programme")
	}
	a, _, err := study.RunStore(t.Context(), p, d.store.Reader(), of, undisclosed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestStudyWithOneSmokerHasNoANCOVA(t *testing.T) {
	a := runStudy(t, open(t, oneSmoker(backPain(2000))), smokers, true)
	at := a.Estimates.Index("estimate")
	if a.Estimates.Rows[0].Values[at] == nil || a.Estimates.Rows[1].Values[at] != nil {
		t.Errorf("estimates %v, want a crude one alone", a.Estimates.Rows)
	}
	if !strings.Contains(strings.Join(a.Warnings, " "), "one person alone") {
		t.Errorf("warnings %q do not say why", a.Warnings)
	}
}

// A disclosed study tells of no degrees of freedom, which give the number of
// people away, and of no estimate of an arm under the programme's minimum.
func TestDisclosedStudyOfThinArms(t *testing.T) {
	thick := strings.Replace(smokers, ", smoker]", "]", 1)
	d := open(t, backPain(2000))
	a := runStudy(t, d, thick, false)
	if a.Estimates.Rows[1].Values[a.Estimates.Index("estimate")] == nil {
		t.Errorf("no estimate: %q", a.Warnings)
	}
	told, _ := a.Diagnostics["ancova"].(map[string]any)
	if _, df := told["df"]; df || told["formula"] == nil || told["r_squared"] != nil {
		t.Errorf("diagnostics %v, want the formula without degrees of freedom", told)
	}
	thin := strings.Replace(thick, `region = "Y60"`, `region = "Y60" and age < 40 and imd_quintile < 3`, 1)
	for undisclosed, shown := range map[bool]bool{false: false, true: true} {
		a := runStudy(t, d, thin, undisclosed)
		for _, row := range a.Estimates.Rows {
			if got := row.Values[a.Estimates.Index("estimate")] != nil; got != shown {
				t.Errorf("undisclosed %v: estimate shown %v, arms %v", undisclosed, got, a.Arms.Rows)
			}
		}
		if words := strings.Join(a.Warnings, " "); !strings.Contains(words, "too few to compare") || strings.Contains(words, "withheld") == shown {
			t.Errorf("undisclosed %v: warnings %q", undisclosed, a.Warnings)
		}
	}
}

// From ten providers on the errors are clustered: the numbers are those of the
// rows.
func TestCompareClustersByProvider(t *testing.T) {
	d := open(t, backPain(3000))
	a := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "covariates", "age,bmi", "by", "none")
	both := where(d.rows, func(e episode) bool {
		return e.has("odi_baseline", "odi_12m", "age", "bmi") && e.text("intervention") != "cppp"
	})
	formula, err := design.Parse("odi_12m ~ intervention + odi_baseline + age + bmi")
	if err != nil {
		t.Fatal(err)
	}
	m, err := formula.Build(tableOf(t, both, map[string][]string{
		"odi_12m": nil, "odi_baseline": nil, "age": nil, "bmi": nil, "intervention": {"core_therapy", "surgery"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	fit, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	place, labels := map[string]int{}, make([]int, len(both))
	for i, e := range both {
		if _, known := place[e.text("provider")]; !known {
			place[e.text("provider")] = len(place)
		}
		labels[i] = place[e.text("provider")]
	}
	clusters, err := fit.ByRows(labels)
	if err != nil {
		t.Fatal(err)
	}
	cov, err := clusters.Covariance(linear.CR2)
	if err != nil {
		t.Fatal(err)
	}
	df, err := clusters.Satterthwaite()
	if err != nil {
		t.Fatal(err)
	}
	at := fit.Place("interventionsurgery")
	want, err := fit.EstimateDF(at, cov, df[at], 0.95)
	if err != nil {
		t.Fatal(err)
	}
	a.near(0, "estimate", want.Value, 1e-9)
	a.near(0, "std_err", want.StdErr, 1e-8)
	a.near(0, "lower", want.Lower, 1e-8)
	a.near(0, "p_value", want.P, 1e-7)
	a.says("resembling each other (CR2, Satterthwaite)")
	if len(place) != 16 || math.Abs(df[at]-float64(fit.DF())) < 100 {
		t.Errorf("%d providers and %v degrees of freedom do not tell the two errors apart", len(place), df[at])
	}
	regions := d.ask(t, "compare", true, "instrument", "odi", "interventions", "core_therapy,surgery", "covariates", "age,bmi")
	regions.says("do not allow for people of one provider resembling each other (HC3)")
}
