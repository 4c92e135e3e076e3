package instruments

import (
	"fmt"
	"strings"
	"testing"
)

// outline writes what an instrument asks as one line: runs of items with the
// same codes, optional ones in brackets.
func outline(d *Definition) string {
	var runs []string
	for i := 0; i < len(d.Items); {
		n, it := 0, d.Items[i]
		for i+n < len(d.Items) && d.Items[i+n].Min == it.Min && d.Items[i+n].Max == it.Max && d.Items[i+n].Optional == it.Optional {
			n++
		}
		run := fmt.Sprintf("%d × %d to %d", n, it.Min, it.Max)
		if it.Optional {
			run = "(" + run + ")"
		}
		runs, i = append(runs, run), i+n
	}
	return strings.Join(runs, ", ")
}

// bandsOf writes the bands of a score as one line.
func bandsOf(s *Score) string {
	var names []string
	for _, b := range s.Bands {
		if b.UpTo == nil {
			names = append(names, b.Name)
			continue
		}
		names = append(names, fmt.Sprintf("%s ≤ %v", b.Name, *b.UpTo))
	}
	return strings.Join(names, ", ")
}

// The questionnaires as the specification's tables have them: items and codes,
// which way is better, and of the response's own score the range, how many items
// may be missing, and the bands.
func TestMeasures(t *testing.T) {
	const pain = "none ≤ 0, mild ≤ 3, moderate ≤ 6, severe"
	const mood = "minimal ≤ 4, mild ≤ 9, moderate ≤ 14, "
	for id, want := range map[ID]struct {
		items     string
		direction Direction
		min, max  float64
		missing   int
		bands     string
	}{
		"odi":        {"10 × 0 to 5", LowerBetter, 0, 100, 2, "minimal ≤ 20, moderate ≤ 40, severe ≤ 60, very_severe ≤ 80, extreme"},
		"rmdq24":     {"24 × 0 to 1", LowerBetter, 0, 24, 4, ""},
		"startback9": {"8 × 0 to 1, 1 × 0 to 4", LowerBetter, 0, 9, 0, ""},
		"startmsk10": {"1 × 0 to 10, 9 × 0 to 1", LowerBetter, 0, 12, 0, "low ≤ 4, medium ≤ 8, high"},
		"mskhq":      {"14 × 0 to 4, (1 × 0 to 7)", HigherBetter, 0, 56, 3, ""},
		"eq5d5l":     {"5 × 1 to 5, (1 × 0 to 100)", HigherBetter, -0.567, 1, 0, ""},
		"eq5d3l":     {"5 × 1 to 3, (1 × 0 to 100)", HigherBetter, -0.594, 1, 0, ""},
		"eqvas":      {"1 × 0 to 100", HigherBetter, 0, 100, 0, ""},
		"ohs":        {"12 × 0 to 4", HigherBetter, 0, 48, 2, ""},
		"oks":        {"12 × 0 to 4", HigherBetter, 0, 48, 2, ""},
		"nrs_back":   {"1 × 0 to 10", LowerBetter, 0, 10, 0, pain},
		"nrs_leg":    {"1 × 0 to 10", LowerBetter, 0, 10, 0, pain},
		"phq9":       {"9 × 0 to 3, (1 × 0 to 3)", LowerBetter, 0, 27, 2, mood + "moderately_severe ≤ 19, severe"},
		"phq2":       {"2 × 0 to 3", LowerBetter, 0, 6, 0, ""},
		"gad7":       {"7 × 0 to 3", LowerBetter, 0, 21, 2, mood + "severe"},
		"gad2":       {"2 × 0 to 3", LowerBetter, 0, 6, 0, ""},
		"tsk11":      {"11 × 1 to 4", LowerBetter, 11, 44, 1, ""},
		"pseq":       {"10 × 0 to 6", HigherBetter, 0, 60, 1, "severe ≤ 19.9, moderate ≤ 30, mild ≤ 40, minimal"},
		"promis29":   {"28 × 1 to 5, 1 × 0 to 10", HigherBetter, 22.5, 57, 0, "severe ≤ 29.9, moderate ≤ 39.9, mild ≤ 45, normal"},
		"wpai_shp":   {"1 × 0 to 1, 3 × 0 to 168, 2 × 0 to 10", LowerBetter, 0, 1, 5, ""},
		"pgic":       {"1 × 1 to 7", LowerBetter, 1, 7, 0, ""},
		"gpe":        {"1 × -5 to 5", HigherBetter, -5, 5, 0, ""},
		"fft":        {"1 × 1 to 6", HigherBetter, 0, 100, 0, ""},
		"ces":        {"7 × 0 to 1, (8 × -31999 to 31999)", LowerBetter, 0, 3, 6, "none ≤ 0, P2 ≤ 1, P1 ≤ 2, P0"},
		"work_status": {"1 × 1 to 13, (1 × 0 to 28), (1 × 0 to 1)", LowerBetter, 1, 13, 0, "ft_normal ≤ 1, pt_normal ≤ 2, modified_duties ≤ 3, " +
			"sick_lt1m ≤ 4, sick_1to6m ≤ 5, sick_gt6m ≤ 6, unemployed_health ≤ 7, unemployed_other ≤ 8, retired ≤ 9, student ≤ 10, carer ≤ 11, other ≤ 12, unknown"},
	} {
		d := mustLookup(t, id)
		s := d.Primary()
		if got := outline(d); got != want.items {
			t.Errorf("%s: %s, want %s", id, got, want.items)
		}
		if s.Direction != want.direction || s.Min != want.min || s.Max != want.max || s.Missing.AtMost != want.missing {
			t.Errorf("%s: %v, %v to %v, %d missing, want %v, %v to %v, %d", id, s.Direction, s.Min, s.Max, s.Missing.AtMost, want.direction, want.min, want.max, want.missing)
		}
		if got := bandsOf(s); got != want.bands {
			t.Errorf("%s: bands %s, want %s", id, got, want.bands)
		}
	}
	symptoms := "normal ≤ 54.9, mild ≤ 59.9, moderate ≤ 69.9, severe"
	for _, s := range mustLookup(t, "promis29").Scores {
		if want := map[Direction]string{LowerBetter: symptoms, HigherBetter: "severe ≤ 29.9, moderate ≤ 39.9, mild ≤ 45, normal"}[s.Direction]; s.Unit == 10 && bandsOf(s) != want {
			t.Errorf("%s: bands %s, want %s", s.Name, bandsOf(s), want)
		}
	}
}

// A band ends with its upper bound: prorated scores between whole points fall
// into the next one.
func TestBandsBetweenWholePoints(t *testing.T) {
	for _, c := range []struct {
		id    ID
		units int32
		want  string
	}{
		{"odi", 20 * 18, "minimal"}, {"odi", 20*18 + 1, "moderate"}, {"odi", 80 * 18, "very_severe"}, {"odi", 80*18 + 1, "extreme"},
		{"pseq", 170, "severe"}, {"pseq", 20 * 9, "moderate"}, {"pseq", 30 * 9, "moderate"}, {"pseq", 280, "mild"}, {"pseq", 40 * 9, "mild"}, {"pseq", 370, "minimal"},
		{"gad7", 4, "minimal"}, {"gad7", 5, "mild"}, {"gad7", 9, "mild"}, {"gad7", 10, "moderate"}, {"gad7", 14, "moderate"}, {"gad7", 15, "severe"},
		{"phq9", 4, "minimal"}, {"phq9", 5, "mild"}, {"phq9", 15, "moderately_severe"}, {"phq9", 19, "moderately_severe"}, {"phq9", 20, "severe"},
		{"nrs_back", 0, "none"}, {"nrs_back", 1, "mild"}, {"nrs_back", 4, "moderate"}, {"nrs_back", 7, "severe"},
		{"startmsk10", 4, "low"}, {"startmsk10", 5, "medium"}, {"startmsk10", 8, "medium"}, {"startmsk10", 9, "high"},
	} {
		if got := mustLookup(t, c.id).Primary().band(c.units); got != c.want {
			t.Errorf("%s: %d units are %s, want %s", c.id, c.units, got, c.want)
		}
	}
}
