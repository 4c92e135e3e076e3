package statistics

import (
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/survival"
	"github.com/lumbar-health/lumbar/internal/bench/nation"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
)

// waiting is the time from referral to an answer, watched for a year.
func waiting(where read.Predicate, by []string, columns ...string) read.RiskQuestion {
	until, err := record.ParseDate("2030-01-01")
	if err != nil {
		panic(err) // a constant
	}
	return read.RiskQuestion{
		Selection: read.Selection{Programme: programmeID, Where: where, By: by}, Columns: columns,
		Duration: &read.Duration{
			From: read.Day{Column: "referred_on"}, Causes: []read.Cause{{Name: "answered", Day: read.Day{Column: "odi_12m_at"}}},
			Lost: []read.Day{{Column: "nrs_back_12m_at"}}, Until: until,
		},
	}
}

// kaplanMeier is the curve of each arm.
func (n asked) kaplanMeier(where read.Predicate) values {
	n.b.Helper()
	risk, err := n.Store.Reader().Risk(n.b.Context(), waiting(where, []string{"intervention"}))
	if err != nil {
		n.b.Fatal(err)
	}
	var names []string
	var counts []survival.Count
	for g, group := range risk.Groups {
		names = append(names, group.Key[0])
		for i := group.From; i < group.To; i++ {
			counts = append(counts,
				survival.Count{Group: g, Time: risk.Time[i], Cause: 1, N: float64(risk.Events[0][i])},
				survival.Count{Group: g, Time: risk.Time[i], N: float64(risk.Censored[i])})
		}
	}
	table, err := survival.NewTable(names, 1, 1, counts)
	if err != nil {
		n.b.Fatal(err)
	}
	at := func(arm string, time float64) survival.Point {
		curve, err := survival.KaplanMeier(table, slices.Index(names, arm), 1)
		if err != nil {
			n.b.Fatal(err)
		}
		point, err := curve.At(time, survival.Log, 0.95)
		if err != nil {
			n.b.Fatal(err)
		}
		return point
	}
	return values{
		"control_100": at(nation.Control, 100).Survival, "treated_100": at(nation.Treated, 100).Survival,
		"treated_se_200": *at(nation.Treated, 200).StdErr,
	}
}

// cox is the model of five covariates over the patterns of a year.
func (n asked) cox() values {
	n.b.Helper()
	risk, err := n.Store.Reader().Risk(n.b.Context(), waiting(oneYear, nil, "intervention", "age", "sex", "odi_baseline", "comorbidity_count"))
	if err != nil {
		n.b.Fatal(err)
	}
	treated := int32(slices.Index(risk.Columns[0].Levels, nation.Treated))
	male := int32(slices.Index(risk.Columns[2].Levels, "male"))
	c := &survival.Cohort{Names: []string{"treated", "age", "male", "baseline", "comorbidity"}}
	one := map[bool]float64{true: 1}
	for i, time := range risk.Time {
		for cause, people := range []int64{risk.Censored[i], risk.Events[0][i]} {
			if people == 0 {
				continue
			}
			c.X = append(c.X, one[risk.Columns[0].Codes[i] == treated], risk.Columns[1].Numbers[i], one[risk.Columns[2].Codes[i] == male],
				risk.Columns[3].Numbers[i], risk.Columns[4].Numbers[i])
			c.Time, c.Cause, c.Count = append(c.Time, time), append(c.Cause, cause), append(c.Count, float64(people))
		}
	}
	m, err := survival.Cox(c, 1, survival.Options{})
	if err != nil {
		n.b.Fatal(err)
	}
	return values{"treated": m.Coef[0], "age": m.Coef[1], "se": math.Sqrt(m.Cov[0])}
}
