//go:build shared

package instruments

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"
)

// printedAlike compares to the decimals that the vectors print.
func printedAlike(got, want *float64, decimals int) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	scale := math.Pow10(decimals)
	return math.Round(*got*scale) == math.Round(*want*scale)
}

func TestVectorsODI(t *testing.T) {
	type expect struct {
		Status Status
		N      int
		Raw    *int64
		Score  *float64
		Band   *string
	}
	d := mustLookup(t, "odi")
	for _, c := range vectors[json.RawMessage, expect](t, "odi") {
		a, err := d.ParseAdministration(c.Input)
		if err != nil {
			t.Fatal(err)
		}
		got, want := d.Result(a), c.Expect
		if got.Status != want.Status || got.Answered != want.N || !printedAlike(got.Score, want.Score, 4) ||
			(got.Band == nil) != (want.Band == nil) || want.Band != nil && *got.Band != *want.Band ||
			(got.Raw == nil) != (want.Raw == nil) || want.Raw != nil && *got.Raw != *want.Raw {
			t.Errorf("%s = %+v, want %+v", c.Input, got, want)
		}
	}
}

// indexVectors runs a group of profiles under one value set of a definition.
func indexVectors(t *testing.T, group string, d *Definition, valueSet string) {
	t.Helper()
	for _, c := range vectors[json.RawMessage, float64](t, group) {
		a, err := d.ParseAdministration(c.Input)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Result(a).Indices[valueSet]; got == nil || *got != c.Expect {
			t.Errorf("%s %s = %v, want %v", valueSet, c.Input, got, c.Expect)
		}
	}
}

func TestVectorsEQ5D(t *testing.T) {
	indexVectors(t, "eq5d3l_uk_mvh_a1", mustLookup(t, "eq5d3l"), "uk3l_mvh_a1")
	indexVectors(t, "eq5d5l_uk_rowen2026", mustLookup(t, "eq5d5l"), "uk5l_rowen2026")
}

// The published crosswalk, 3,125 values, as a look-up table in the index's
// place: a table needs no code.
func TestVectorsByLookupTable(t *testing.T) {
	f, err := os.Open(sharedPath(t, "data", "eq5d", "CW.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	uk := 0
	for i, name := range rows[0] {
		if name == "UK" {
			uk = i
		}
	}
	values := make([]int32, 0, len(rows)-1)
	for i, row := range rows[1:] {
		x, err := strconv.ParseFloat(row[uk], 64)
		if err != nil || i > 0 && row[0] <= rows[i][0] {
			t.Fatalf("row %s: %v, or out of order", row[0], err)
		}
		values = append(values, int32(math.Round(1000*x)))
	}
	indexVectors(t, "eq5d5l_vanhout2012_uk3l", definitionOf(t, "eq5d5l", asTable(t, "profile", values, "-0.594")), "uk5l_rowen2026")
}

func TestVectorsChange(t *testing.T) {
	type expect struct {
		Improvement  float64
		Pct          *float64
		MeetsAbs     *bool `json:"meets_abs"`
		MeetsPct     *bool `json:"meets_pct"`
		Deteriorated *bool
	}
	for group, name := range map[string]string{"change_nrs": "nrs_back", "change_odi": "odi"} {
		s := column(t, name)
		for _, c := range vectors[[6]float64, expect](t, group) {
			// direction, MIC, per cent and det_abs of the vector are the definition's
			if in := c.Input; in[2] != s.Direction.Sign() || in[3] != *s.MIC || in[4] != PercentThreshold || in[5] != *s.DetAbs {
				t.Errorf("%s: the definition says %v, %v, %v, %v", group, s.Direction.Sign(), *s.MIC, PercentThreshold, *s.DetAbs)
			}
			got := s.Change(&c.Input[0], &c.Input[1])
			want := Change{MeetsAbsolute: c.Expect.MeetsAbs, MeetsPercent: c.Expect.MeetsPct, Responder: got.Responder,
				Deteriorated: c.Expect.Deteriorated, ReliableChange: got.ReliableChange, Recovered: got.Recovered}
			if *got.Improvement != c.Expect.Improvement || !printedAlike(got.Percent, c.Expect.Pct, 2) || changeText(got) != changeText(want) {
				t.Errorf("%s %v = %+v, want %+v", group, c.Input, got, c.Expect)
			}
		}
	}
}
