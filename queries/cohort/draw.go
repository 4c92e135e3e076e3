package cohort

import (
	"errors"
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/spc"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// chart is the rows of one series; the first settled of them count for limits
// and signals.
type chart struct{ from, to, settled int }

// draw makes the derived columns of all charts, from what is shown of them.
func (r ChartRequest) draw(charts []chart, rows []disclosure.Shown) ([]map[string]any, []string, error) {
	cells := make([]map[string]any, len(rows))
	for i := range cells {
		cells[i] = map[string]any{}
	}
	var seen chartNotes
	for _, c := range charts {
		if err := r.drawOne(c, rows, cells, &seen); err != nil {
			return nil, nil, err
		}
	}
	return cells, seen.notes(r), nil
}

func (r ChartRequest) drawOne(c chart, rows []disclosure.Shown, cells []map[string]any, seen *chartNotes) error {
	var values []float64
	var at []int // the row of each value
	o := spc.Options{}
	for i := c.from; i < c.to; i++ {
		v, ok := rows[i]["value"].(float64)
		switch {
		case i-c.from >= c.settled:
			seen.open = true
			continue
		case !ok && rows[i]["n"] != nil && rows[i]["n"] != int64(0):
			// A share is withheld where it is small: what is left would be too high.
			seen.telling = true
			return nil
		case !ok:
			continue
		}
		if n := len(at); n > 0 && at[n-1] != i-1 {
			o.Gaps, seen.gaps = append(o.Gaps, n), true
		}
		values, at = append(values, v), append(at, i)
		if i-c.from < r.FixAfter {
			o.FixAfter = len(values)
		}
	}
	if r.FixAfter > 0 && (o.FixAfter == 0 || r.FixAfter > c.to-c.from) {
		seen.none = true
		return nil
	}
	x, err := spc.XmR(values, o)
	if errors.Is(err, analytics.ErrTooFewObservations) || errors.Is(err, analytics.ErrZeroVariance) {
		seen.none = true
		return nil
	}
	if err != nil {
		return fmt.Errorf("cohort: %w", err)
	}
	seen.trial = seen.trial || x.N < spc.TrialPoints
	variation, _ := x.Variation(spc.HigherBetter)
	for i := c.from; i < c.to; i++ {
		row := cells[i]
		row["mean"], row["lpl"], row["upl"] = x.Mean, x.Lower, x.Upper
		row["near_lower"], row["near_upper"] = x.NearLower, x.NearUpper
		row["variation"] = string(variation)
		if r.Target != nil {
			if a, ok := x.Assurance(*r.Target, spc.HigherBetter); ok {
				row["assurance"] = string(a)
			}
		}
	}
	for j, i := range at {
		cells[i]["signal"] = string(x.Signals[j])
	}
	return nil
}

// chartNotes says what was met while charts were drawn.
type chartNotes struct{ gaps, trial, none, open, telling bool }

func (n chartNotes) notes(r ChartRequest) []string {
	notes := []string{
		"Mean and limits (2.66 mean moving ranges; those of 3.267 times their mean and more left out once) and signals are made of the values as shown. The limits of a ratio may lie outside 0 and 1: clip them for drawing only.",
		"variation and assurance are the chart's, for its last value with a signal.",
	}
	switch r.Chart {
	case MeanGain:
		notes = append(notes, "value is the mean gain of the n modelled records. The last periods hold those who answered early: more follow-ups may come.")
	case ResponderRatio:
		notes = append(notes, "value is the share of responders among the n modelled records in whom response is defined, of counts as released.")
	case ResponseRatio:
		notes = append(notes, "value is the share of the n episodes with a follow-up score, of counts as released.")
	}
	if n.open {
		notes = append(notes, "Follow-ups of the last periods are still to come: they count neither for limits nor as signals.")
	}
	if n.telling {
		notes = append(notes, "A series has no limits where the share of a period is withheld because few are in it: the periods that are left would be the high ones. Ask for longer periods or larger groups.")
	}
	if n.trial {
		notes = append(notes, fmt.Sprintf("Limits that rest on fewer than %d periods are trial limits: read signals with care.", spc.TrialPoints))
	}
	if n.gaps {
		notes = append(notes, "A period without a shown value is a gap: no moving range and no run of periods crosses it. Longer periods or larger groups have fewer.")
	}
	if n.none {
		notes = append(notes, "A series has no limits where no two periods in a row have a value within those that limits rest on, or all are equal.")
	}
	return notes
}
