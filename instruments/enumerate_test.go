package instruments

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"testing"
)

// everyState calls f with every combination of codes of the first n items.
func everyState(d *Definition, n int, f func(codes []int16)) {
	codes := make([]int16, n)
	var step func(i int)
	step = func(i int) {
		if i == n {
			f(codes)
			return
		}
		for c := d.Items[i].Min; c <= d.Items[i].Max; c++ {
			codes[i] = c
			step(i + 1)
		}
	}
	step(0)
}

// everySum calls f with one administration for every number answered and every
// sum that so many answers of the score's items can have.
func everySum(d *Definition, s *Score, f func(codes []int16, answered, sum int64)) {
	for answered := s.need; answered <= len(s.index); answered++ {
		codes := make([]int16, len(d.Items))
		for i := range codes {
			codes[i] = Missing
		}
		var sum int64
		for _, at := range s.index[:answered] {
			codes[at] = d.Items[at].Min
			sum += int64(codes[at])
		}
		f(codes, int64(answered), sum)
		for _, at := range s.index[:answered] {
			for codes[at] < d.Items[at].Max {
				codes[at]++
				sum++
				f(codes, int64(answered), sum)
			}
		}
	}
}

// possible returns the units of every score that can be, and checks those of
// sums against the formula in exact arithmetic.
func possible(t *testing.T, d *Definition, i int) map[int32]bool {
	t.Helper()
	s, found, out := d.Scores[i], map[int32]bool{}, make([]Scored, len(d.Scores))
	add := func(codes []int16) int32 {
		if err := d.Score(&Administration{Codes: codes}, out); err != nil || !out[i].HasUnits {
			t.Fatalf("%s %v: %+v, %v, want a score", s.Column(), codes, out[i], err)
		}
		found[out[i].Units] = true
		return out[i].Units
	}
	if s.Rule == "linear_index" || s.Rule == "lookup_table" {
		everyState(d, len(s.index), func(codes []int16) { add(codes) })
		return found
	}
	everySum(d, s, func(codes []int16, answered, sum int64) {
		var points *big.Rat
		switch s.Rule {
		case "sum":
			points = big.NewRat(sum, 1)
		case "percent_of_maximum":
			points = big.NewRat(100*sum, int64(d.Items[s.index[0]].Max)*answered)
		case "mean_times_items":
			points = big.NewRat(int64(len(s.index))*sum, answered)
		default:
			t.Fatalf("no formula for rule %s: say here what its scores can be", s.Rule)
		}
		if got := big.NewRat(int64(add(codes)), s.Unit); got.Cmp(points) != 0 {
			t.Errorf("%s: sum %d of %d answered = %v points, want %v", s.Column(), sum, answered, got, points)
		}
	})
	return found
}

// Every possible score is a whole number of units, no coarser unit would do,
// and the stated range is exactly the one that occurs.
func TestUnits(t *testing.T) {
	for _, d := range All() {
		for i, s := range d.Scores {
			lcm, lowest, highest := big.NewInt(1), s.Max, s.Min
			for units := range possible(t, d, i) {
				denominator := big.NewRat(int64(units), s.Unit).Denom()
				gcd := new(big.Int).GCD(nil, nil, lcm, denominator)
				lcm.Mul(lcm, new(big.Int).Div(denominator, gcd))
				lowest, highest = min(lowest, s.Points(units)), max(highest, s.Points(units))
				if lowest < s.Min || highest > s.Max {
					t.Errorf("%s: %v points are outside %v to %v", s.Column(), s.Points(units), s.Min, s.Max)
				}
			}
			if lcm.Int64() != s.Unit {
				t.Errorf("%s: unit %d, the denominators that occur need %v", s.Column(), s.Unit, lcm)
			}
			if lowest != s.Min || highest != s.Max {
				t.Errorf("%s: scores run from %v to %v, the definition says %v to %v", s.Column(), lowest, highest, s.Min, s.Max)
			}
		}
	}
}

func TestEveryHealthState(t *testing.T) {
	for id, want := range map[ID]struct {
		states, below int
		least, next   int32
	}{
		"eq5d3l": {243, 84, -594, 883},
		"eq5d5l": {3125, 460, -567, 968},
	} {
		d, err := Lookup(id, "")
		if err != nil {
			t.Fatal(err)
		}
		states, below, least, next := 0, 0, int32(1000), int32(-1000)
		out := make([]Scored, len(d.Scores))
		index := func(codes []int16) int32 {
			if err := d.Score(&Administration{Codes: codes}, out); err != nil || out[0].Status != Complete {
				t.Fatalf("%s %v: %+v, %v", id, codes, out[0], err)
			}
			return out[0].Units
		}
		everyState(d, 5, func(codes []int16) {
			units := index(codes)
			states++
			if units < 0 {
				below++
			}
			least = min(least, units)
			if units < 1000 {
				next = max(next, units)
			}
			for i := range codes { // raising a level never raises the index
				if codes[i] < d.Items[i].Max {
					codes[i]++
					if raised := index(codes); raised > units {
						t.Errorf("%s %v: %d, above %d of one level less", id, codes, raised, units)
					}
					codes[i]--
				}
			}
		})
		if states != want.states || below != want.below || least != want.least || next != want.next {
			t.Errorf("%s: %d states, %d below 0, least %d, next to full %d, want %+v", id, states, below, least, next, want)
		}
	}
}

// asTable writes the definition eq5d5l with a look-up table in the index's
// place.
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
	linear, err := Lookup("eq5d5l", "")
	if err != nil {
		t.Fatal(err)
	}
	var values []int32
	out := make([]Scored, 2)
	everyState(linear, 5, func(codes []int16) {
		if err := linear.Score(&Administration{Codes: codes}, out); err != nil {
			t.Fatal(err)
		}
		values = append(values, out[0].Units)
	})
	table := definitionOf(t, "eq5d5l", asTable(t, "profile", values, "-0.567"))
	at := 0
	everyState(table, 5, func(codes []int16) {
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
	everyState(table, 5, func(codes []int16) {
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
