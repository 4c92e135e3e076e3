package console

import (
	"context"
	"fmt"
	"html/template"
	"math"

	"github.com/lumbar-health/lumbar/dashboards/plot"
)

// funnelSection is the providers: a funnel and its table.
type funnelSection struct {
	section
	Plot    template.HTML
	Caption string
	Target  string
	Rows    []funnelRow
}

type funnelRow struct {
	ID        string
	N         cell
	Value     cell
	Limits95  limits
	Limits998 limits
	Standing  cell
	With      cell // standing with over-dispersion
}

func (c *Console) funnel(ctx context.Context, now chosen) (*funnelSection, error) {
	params := now.params()
	params["by"] = now.by("provider")
	a, s, err := c.ask(ctx, "funnel", params)
	if err != nil || a == nil {
		return &funnelSection{section: s}, err
	}
	rows := now.of(a)
	if len(rows) == 0 {
		s.Missing = "No provider has records of this questionnaire yet."
		return &funnelSection{section: s}, nil
	}
	f := &funnelSection{section: s, Caption: "Providers: " + subject(now)}
	places := decimals(rows, "value", "lower_95")
	data := plot.FunnelData{
		ID: "funnel", Title: "Case-mix adjusted gain by provider: " + subject(now),
		XLabel: "Records with both questionnaires", YLabel: "Adjusted gain", TargetLabel: "Mean of all", Decimals: places,
		Target: commonTarget(rows),
	}
	for _, r := range rows {
		id := r.text("provider")
		if id == "" {
			id = "not known"
		}
		f.Rows = append(f.Rows, funnelRowOf(r, id, decimals([]row{r}, "value", "lower_95", "upper_95", "lower_998", "upper_998")))
		data.Points = append(data.Points, plot.FunnelPoint{
			ID: id, Label: id, N: r.number("n"), Value: r.number("value"), Target: r.number("target"), Standing: plot.Standing(r.text("outlier")),
			Lower95: r.number("lower_95"), Upper95: r.number("upper_95"), Lower998: r.number("lower_998"), Upper998: r.number("upper_998"),
		})
	}
	if math.IsNaN(data.Target) {
		return f, nil // the table says what is withheld; there is nothing to draw
	}
	f.Target = plot.Number(data.Target, places)
	data.Description = funnelWords(data)
	f.Plot = template.HTML(plot.Funnel(data)) // made by plot, which escapes every text
	return f, nil
}

// commonTarget is the target of all rows, or the mean of theirs by size where
// they have their own; NaN where none is known.
func commonTarget(rows []row) float64 {
	sum, weight := 0.0, 0.0
	for _, r := range rows {
		target, n := r.number("target"), r.number("n")
		if math.IsNaN(target) || math.IsNaN(n) {
			continue
		}
		sum, weight = sum+n*target, weight+n
	}
	if weight == 0 {
		return math.NaN()
	}
	return sum / weight
}

func funnelRowOf(r row, id string, places int) funnelRow {
	return funnelRow{
		ID: id, N: r.cell("n", 0), Value: r.cell("value", places),
		Limits95: r.limits("lower_95", "upper_95", places), Limits998: r.limits("lower_998", "upper_998", places),
		Standing: standingCell(r, "outlier"), With: standingCell(r, "outlier_overdispersed"),
	}
}

// standingCell says in words where a provider lies; "Not assessed" and a star
// are not the same.
func standingCell(r row, column string) cell {
	flag := r.text(column)
	if flag == "" {
		return cell{Column: column, Text: r.absent(column)}
	}
	return cell{column, plot.Standing(flag).Words(), flag}
}

// funnelWords is the picture in words.
func funnelWords(d plot.FunnelData) string {
	drawn, alerts, alarms := 0, 0, 0
	for _, p := range d.Points {
		if math.IsNaN(p.N) || math.IsNaN(p.Value) {
			continue
		}
		drawn++
		switch p.Standing {
		case plot.AlertLow, plot.AlertHigh:
			alerts++
		case plot.AlarmLow, plot.AlarmHigh:
			alarms++
		}
	}
	return fmt.Sprintf("Funnel plot of %s about a mean of %s. %d outside 95%% limits only, %d outside 99.8%% limits. The table that follows has the numbers.",
		countOf(drawn, "provider", "providers"), plot.Number(d.Target, d.Decimals), alerts, alarms)
}
