package cohort

import (
	"slices"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// The pooled row tells of the people of every group that it pools, and of no
// other: where one of them is withheld, so is the pooled row.
func TestPooledRowTellsOfItsGroups(t *testing.T) {
	odi, err := instruments.Lookup("odi", "")
	if err != nil {
		t.Fatal(err)
	}
	d := &comparison{
		CompareRequest: CompareRequest{Request: Request{Programme: programme.Default(), By: []string{"region"}, Level: 0.95}},
		measure:        Measure{Name: "odi", Score: odi.Scores[0], Timepoint: "12m"},
		keys:           [][]string{{"Y60"}, {"Y61"}, {"Y62"}},
	}
	estimate := func(v float64) *disclosure.Sampling { return &disclosure.Sampling{Value: v, StdErr: 1, N: 80} }
	contrasts := []contrast{
		{nControl: 40, nTreated: 40, estimate: estimate(-8)},
		{nControl: 40, nTreated: 9},
		{nControl: 40, nTreated: 40, estimate: estimate(-10)},
	}
	told := func(key []string, arms ...string) []disclosure.Of {
		var of []disclosure.Of
		for _, arm := range arms {
			of = append(of, disclosure.Of{Cell: key[0] + " " + arm})
		}
		return of
	}
	row, err := d.pooled(contrasts, "core", "surgery", told)
	if err != nil {
		t.Fatal(err)
	}
	var cells []string
	for _, of := range row.Of {
		cells = append(cells, of.Cell)
	}
	if want := []string{"Y60 core", "Y60 surgery", "Y62 core", "Y62 surgery"}; !slices.Equal(cells, want) {
		t.Errorf("the pooled row tells of %v, want %v", cells, want)
	}
	if row.Cells["estimate"] == nil || row.Cells["n_treated"] != int64(80) {
		t.Errorf("pooled cells %v", row.Cells)
	}
}

// A column of 0 and 1 is an indicator whether or not it was asked for as a level.
func TestEstimable(t *testing.T) {
	terms := []moments.Term{moments.Intercept(), moments.Column("rare"), moments.Column("common"), moments.Column("number")}
	var x []float64
	for i := range 40 {
		rare, common := 0.0, float64(i%2)
		if i < fewestOfTerm-1 {
			rare = 1
		}
		x = append(x, 1, rare, common, float64(i%5))
	}
	for _, units := range [][]int64{{1, 1, 1, 1}, {1, 0, 0, 0}} {
		m, err := moments.FromRows(terms, units, x)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range []bool{true, false, true, true} {
			if i > 0 && estimable(m, i) != want {
				t.Errorf("units %v: %s estimable %v, want %v", units, terms[i].Name, !want, want)
			}
		}
	}
}
