package statistics

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/internal/bench/nation"
	"github.com/lumbar-health/lumbar/store/read"
)

const programmeID = "back-pain"

// oneYear is a tenth of the nation.
var oneYear = read.Compare{Column: "fy", Op: read.Eq, Values: []read.Value{{Number: 2015}}}

// ancova is the model of fifteen coefficients: the outcome in front, then what
// it is regressed on beside the intercept.
func ancova(where read.Predicate) read.Question {
	q := read.Question{Selection: read.Selection{Programme: programmeID, Where: where}, Complete: []string{"imd_quintile", "sex", "startback_risk"}}
	q.Terms = []moments.Term{
		moments.Column("odi_12m"), moments.Indicator("intervention", nation.Treated),
		moments.Column("odi_baseline"), moments.Column("age"), moments.Indicator("sex", "male"),
	}
	for _, quintile := range []string{"2", "3", "4", "5"} {
		q.Terms = append(q.Terms, moments.Indicator("imd_quintile", quintile))
	}
	for _, risk := range []string{"medium", "high"} {
		q.Terms = append(q.Terms, moments.Indicator("startback_risk", risk))
	}
	for _, c := range []string{"comorbidity_count", "nrs_back_baseline", "nrs_leg_baseline", "prior_surgery"} {
		q.Terms = append(q.Terms, moments.Column(c))
	}
	return q
}

// moments asks for the sums of the model.
func (n asked) moments(where read.Predicate) moments.Matrix {
	n.b.Helper()
	groups, err := n.Store.Reader().Moments(n.b.Context(), ancova(where))
	if err != nil || len(groups) != 1 {
		n.b.Fatalf("moments: %d groups: %v", len(groups), err)
	}
	return groups[0].Moments
}

// ancova fits the model with HC1 errors of all its coefficients: one scan for
// the sums, another for those of the squared residuals.
func (n asked) ancova(where read.Predicate) values {
	n.b.Helper()
	m := n.moments(where)
	x := []int{0}
	for i := 2; i < len(m.Terms); i++ {
		x = append(x, i)
	}
	fit, err := linear.FromMoments(m, 1, x)
	if err != nil {
		n.b.Fatal(err)
	}
	q := ancova(where)
	outcome := q.Terms[0]
	q.Terms = q.Terms[1:]
	meat, err := n.Store.Reader().Meat(n.b.Context(), read.Weighted{Question: q, Outcome: outcome, Beta: fit.Coef, Kind: read.HC1})
	if err != nil {
		n.b.Fatal(err)
	}
	cov, err := fit.RobustFromMeat(meat, linear.HC1)
	if err != nil {
		n.b.Fatal(err)
	}
	stdErr := func(place int) float64 { return math.Sqrt(cov.At(place, place)) }
	treated, age, leg := fit.Place(q.Terms[0].Name), fit.Place("age"), fit.Place("nrs_leg_baseline")
	return values{"estimate": fit.Coef[treated], "se": stdErr(treated), "age_se": stdErr(age), "leg": fit.Coef[leg]}
}
