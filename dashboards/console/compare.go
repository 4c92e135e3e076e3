package console

import (
	"context"
	"fmt"
	"html/template"
	"strings"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/dashboards/plot"
)

// compareSection is the interventions: a forest and its table.
type compareSection struct {
	section
	Plot      template.HTML
	Caption   string
	Reference string
	Better    string // which sign is good, in words
	ByRegion  bool
	Rows      []compareRow
}

type compareRow struct {
	Treated      string
	Group        string
	Pooled       bool
	Estimate     cell
	Interval     cell
	Prediction   cell
	NTreated     cell
	NControl     cell
	LargestShift cell
}

const lowerBetter = "lower_better"

func (c *Console) compare(ctx context.Context, now chosen) (*compareSection, error) {
	interventions := now.programme.Interventions
	params := now.params()
	params["interventions"] = dashboards.Keys(interventions)
	params["method"] = []string{"ancova"}
	byRegion := now.programme.Has("region")
	params["by"] = []string{"none"}
	if byRegion {
		params["by"] = []string{"region"}
	}
	a, s, err := c.ask(ctx, "compare", params)
	if err != nil || a == nil {
		return &compareSection{section: s}, err
	}
	out := &compareSection{
		section: s, Caption: "Interventions: " + subject(now), ByRegion: byRegion,
		Reference: dashboards.Label(interventions, interventions[0].Key),
	}
	var rows []row
	for i := range a.Rows {
		rows = append(rows, row{a, i})
	}
	if len(rows) == 0 {
		out.Missing = "No two interventions have enough people with both questionnaires yet."
		return out, nil
	}
	out.fill(now, rows)
	return out, nil
}

// fill makes table and picture, intervention by intervention, each region by
// region and then pooled.
func (out *compareSection) fill(now chosen, rows []row) {
	places := decimals(rows, "estimate", "lower", "upper")
	lower := rows[0].text("direction") == lowerBetter
	out.Better = "A difference above 0 favours the intervention named."
	data := plot.ForestData{
		ID: "forest", Title: "Interventions compared with " + out.Reference + ": " + subject(now), XLabel: "Difference in follow-up score, adjusted",
		Below: "reference better", Above: "intervention better", Decimals: places,
	}
	if lower {
		out.Better = "A lower score is better, so a difference below 0 favours the intervention named."
		data.Below, data.Above = data.Above, data.Below
	}
	for _, treated := range now.programme.Interventions[1:] {
		s := plot.ForestSection{Label: dashboards.Label(now.programme.Interventions, treated.Key)}
		for _, pooled := range []bool{false, true} {
			for _, r := range rows {
				if r.text("treated") != treated.Key || r.is("pooled") != pooled {
					continue
				}
				line := compareRowOf(r, s.Label, decimals([]row{r}, "estimate", "lower", "upper"))
				out.Rows = append(out.Rows, line)
				s.Rows = append(s.Rows, plot.ForestRow{
					ID: treated.Key + "/" + line.Group, Label: line.Group, N: line.NTreated.Text + " / " + line.NControl.Text,
					Estimate: r.number("estimate"), Lower: r.number("lower"), Upper: r.number("upper"), Pooled: pooled,
					PredictionLower: r.number("prediction_lower"), PredictionUpper: r.number("prediction_upper"),
				})
			}
		}
		data.Sections = append(data.Sections, s)
	}
	data.Description = fmt.Sprintf("Forest plot of %s against %s. %s The table that follows has the numbers.",
		countOf(len(data.Sections), "intervention", "interventions"), out.Reference, out.Better)
	svg := plot.Forest(data)
	if strings.Contains(svg, `class="mark `) {
		out.Plot = template.HTML(svg) // made by plot, which escapes every text
	}
}

func compareRowOf(r row, label string, places int) compareRow {
	out := compareRow{
		Treated: label, Group: r.text("region"), Pooled: r.is("pooled"),
		Estimate: r.cell("estimate", places), Interval: r.interval("lower", "upper", places),
		NTreated: r.cell("n_treated", 0), NControl: r.cell("n_control", 0), LargestShift: r.cell("smd_max", 2),
	}
	switch {
	case out.Pooled:
		out.Group = "All together"
		out.Prediction = r.interval("prediction_lower", "prediction_upper", places)
	case out.Group == "":
		out.Group = "Not known"
	}
	return out
}
