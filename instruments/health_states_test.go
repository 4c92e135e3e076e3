package instruments

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// scoreAt finds the position of a score by its column.
func scoreAt(t testing.TB, d *Definition, column string) int {
	t.Helper()
	for i, s := range d.Scores {
		if s.Column() == column {
			return i
		}
	}
	t.Fatalf("%s has no score %s", d.ID, column)
	return -1
}

// What is known of the value sets that are built in: how many states there are,
// how many of them are worse than death, the least and the one next to full
// health, in thousandths. Raising a level never raises any of these indices.
func TestEveryHealthState(t *testing.T) {
	for column, want := range map[string]struct {
		states, below int
		least, next   int32
	}{
		"eq5d3l_uk3l_mvh_a1":         {243, 84, -594, 883},
		"eq5d5l_uk5l_rowen2026":      {3125, 460, -567, 968},
		"eq5d5l_eng5l_devlin2018":    {3125, 159, -285, 950},
		"eq5d5l_xw_vanhout2012_uk3l": {3125, 833, -594, 906},
	} {
		d := mustLookup(t, column2id(column))
		at := scoreAt(t, d, column)
		s, out := d.Scores[at], make([]Scored, len(d.Scores))
		index := func(codes []int16) int32 {
			if err := d.Score(&Administration{Codes: codes}, out); err != nil || out[at].Status != Complete || !out[at].Known {
				t.Fatalf("%s %v: %+v, %v", column, codes, out[at], err)
			}
			return out[at].Units
		}
		states, below, least, next := 0, 0, int32(1000), int32(-1000)
		everyState(d, s.index, false, func(codes []int16) {
			units := index(codes)
			states++
			if units < 0 {
				below++
			}
			least = min(least, units)
			if units < 1000 {
				next = max(next, units)
			}
			for _, i := range s.index {
				if codes[i] < d.Items[i].Max {
					codes[i]++
					if raised := index(codes); raised > units {
						t.Errorf("%s %v: %d, above %d of one level less", column, codes, raised, units)
					}
					codes[i]--
				}
			}
		})
		if states != want.states || below != want.below || least != want.least || next != want.next || s.Unit != 1000 {
			t.Errorf("%s: %d states, %d below 0, least %d, next to full %d, want %+v", column, states, below, least, next, want)
		}
	}
}

func column2id(column string) ID { return ID(column[:strings.IndexByte(column, '_')]) }

// An index stands in results under its value set, and an incomplete profile has
// none under any. The profile is kept as it was answered.
func TestIndicesOfOneProfile(t *testing.T) {
	d := mustLookup(t, "eq5d5l")
	r := d.Result(&Administration{Codes: []int16{2, 1, 2, 3, 2, 70}})
	want := map[string]float64{"uk5l_rowen2026": 0.812, "eng5l_devlin2018": 0.73, "xw_vanhout2012_uk3l": 0.654}
	if len(r.Indices) != len(want) || *r.Score != 0.812 || *r.Profile != "21232" || *r.VAS != 70 {
		t.Errorf("21232 = %v, %v, %v, %v", *r.Score, r.Indices, *r.Profile, *r.VAS)
	}
	for set, index := range want {
		if got := r.Indices[set]; got == nil || *got != index {
			t.Errorf("21232 under %s = %v, want %v", set, got, index)
		}
	}
	r = d.Result(&Administration{Codes: []int16{2, 1, Missing, 3, 2, 70}})
	if r.Status != Insufficient || r.Score != nil || *r.Profile != "21932" || *r.VAS != 70 || len(r.Indices) != len(want) {
		t.Errorf("21932 = %+v", r)
	}
	for set, index := range r.Indices {
		if index != nil {
			t.Errorf("an incomplete profile has an index %v under %s", *index, set)
		}
	}
	// The profile is also a score: the five digits as a number.
	out := make([]Scored, len(d.Scores))
	if err := d.Score(&Administration{Codes: []int16{2, 1, 2, 3, 2}}, out); err != nil {
		t.Fatal(err)
	}
	if at := scoreAt(t, d, "eq5d5l_profile"); out[at].Units != 21232 || !d.Scores[at].Nominal {
		t.Errorf("profile score = %+v", out[at])
	}
}

// asTable writes the definition eq5d5l with a look-up table in the place of its
// default index.
func asTable(t *testing.T, by string, values []int32, least string) string {
	t.Helper()
	text := fileOf(t, "eq5d5l")
	start, end := strings.Index(text, "    rule: linear_index"), strings.Index(text, "    unit: 1000")
	numbers := make([]string, len(values))
	for i, v := range values {
		numbers[i] = strconv.Itoa(int(v))
	}
	rule := fmt.Sprintf("    rule: lookup_table\n    parameters:\n      by: %s\n      values: [%s]\n", by, strings.Join(numbers, ", "))
	return strings.Replace(text[:start]+rule+text[end:], "min: -0.567", "min: "+least, 1)
}

func TestLookupTable(t *testing.T) {
	linear := mustLookup(t, "eq5d5l")
	var values []int32
	out, index := make([]Scored, len(linear.Scores)), linear.Primary().index
	everyState(linear, index, false, func(codes []int16) {
		if err := linear.Score(&Administration{Codes: codes}, out); err != nil {
			t.Fatal(err)
		}
		values = append(values, out[0].Units)
	})
	table := definitionOf(t, "eq5d5l", asTable(t, "profile", values, "-0.567"))
	at := 0
	everyState(table, index, false, func(codes []int16) {
		if err := table.Score(&Administration{Codes: codes}, out); err != nil || out[0].Units != values[at] {
			t.Fatalf("%v: %+v, %v, want %d units", codes, out[0], err, values[at])
		}
		at++
	})
	bySum := make([]int32, 21)
	for i := range bySum {
		bySum[i] = int32(1000 - 7*i)
	}
	table = definitionOf(t, "eq5d5l", asTable(t, "sum", bySum, "0.86"))
	everyState(table, index, false, func(codes []int16) {
		sum := codes[0] + codes[1] + codes[2] + codes[3] + codes[4]
		if err := table.Score(&Administration{Codes: codes}, out); err != nil || out[0].Units != bySum[sum-5] {
			t.Fatalf("%v: %+v, %v, want %d units", codes, out[0], err, bySum[sum-5])
		}
	})
	for _, broken := range []string{asTable(t, "profile", values[1:], "-1"), asTable(t, "sum", bySum[1:], "-1"), asTable(t, "rank", bySum, "-1")} {
		if _, err := registryOf(t, map[string]string{"eq5d5l.yaml": broken}); err == nil {
			t.Error("a look-up table of the wrong size or key is accepted")
		}
	}
}
