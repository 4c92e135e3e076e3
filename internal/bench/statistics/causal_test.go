package statistics

import (
	"slices"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/doublyrobust"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/propensity"
	"github.com/lumbar-health/lumbar/internal/bench/nation"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// causal weighs and augments on patterns of equal covariates.
func (n asked) causal(where read.Predicate) values {
	n.b.Helper()
	columns := []string{"intervention", "odi_baseline", "age", "sex", "imd_quintile", "startback_risk"}
	c, err := n.Store.Reader().Cells(n.b.Context(), read.CellQuestion{
		Selection: read.Selection{Programme: programmeID, Where: where}, Columns: columns, Response: "odi_12m",
	})
	if err != nil {
		n.b.Fatal(err)
	}
	p := estimator.Patterns{Sum: c.Sum, SumSq: c.SumSq, Count: make([]float64, c.Len()), Treated: make([]bool, c.Len())}
	treated := int32(slices.Index(c.Columns[0].Levels, nation.Treated))
	table := make([]design.Column, 0, len(columns))
	for _, column := range c.Columns[1:] {
		table = append(table, estimator.Column(column, 0, c.Len(), false))
	}
	for i, people := range c.Count {
		p.Count[i], p.Treated[i] = float64(people), c.Columns[0].Codes[i] == treated
	}
	if p.Table, err = design.NewTable(table...); err != nil {
		n.b.Fatal(err)
	}
	s, left, err := p.Study("~ odi_baseline + age + sex + factor(imd_quintile) + startback_risk")
	if err != nil || len(left) > 0 {
		n.b.Fatalf("study: left out %q: %v", left, err)
	}
	ipw, err := propensity.IPW(s, propensity.ATE, propensity.Options{})
	if err != nil {
		n.b.Fatal(err)
	}
	aipw, err := doublyrobust.Augmented(s, glm.Gaussian, propensity.Options{})
	if err != nil {
		n.b.Fatal(err)
	}
	return values{"ipw": ipw.Value, "aipw": aipw.Value, "aipw_se": aipw.InfluenceStdErr}
}
