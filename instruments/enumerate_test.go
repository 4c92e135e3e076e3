package instruments

import (
	"math/big"
	"slices"
	"testing"
)

// everyState calls f with every combination of codes of the items at index, the
// others missing; with blanks a missing answer is one of the codes. Between two
// calls f may change codes if it changes them back.
func everyState(d *Definition, index []int, blanks bool, f func(codes []int16)) {
	codes := codesOf(len(d.Items), Missing)
	var step func(i int)
	step = func(i int) {
		if i == len(index) {
			f(codes)
			return
		}
		at := index[i]
		if blanks {
			codes[at] = Missing
			step(i + 1)
		}
		for c := d.Items[at].low; c <= d.Items[at].high; c++ {
			codes[at] = c
			step(i + 1)
		}
	}
	step(0)
}

// everySum calls f with one administration for every number answered and every
// sum that so many answers of the score's items can have.
func everySum(d *Definition, s *Score, f func(codes []int16, answered, sum int64)) {
	for answered := s.need; answered <= len(s.index); answered++ {
		codes := codesOf(len(d.Items), Missing)
		var sum int64
		for _, at := range s.index[:answered] {
			codes[at] = d.Items[at].low
			sum += int64(codes[at])
		}
		f(codes, int64(answered), sum)
		for _, at := range s.index[:answered] {
			for codes[at] < d.Items[at].high {
				codes[at]++
				sum++
				f(codes, int64(answered), sum)
			}
		}
	}
}

// everyAnswer calls f with answers that together reach every score that can be:
// of rules that only add, one of each sum; of others every combination that can
// matter. Answers that give no score may be among them.
func everyAnswer(t testing.TB, d *Definition, s *Score, f func(codes []int16)) {
	t.Helper()
	switch s.Rule {
	case "sum", "percent_of_maximum", "mean_times_items":
		everySum(d, s, func(codes []int16, _, _ int64) { f(codes) })
	case "linear_index", "lookup_table", "profile_number", "sum_of_points", "mapped":
		everyState(d, s.index, false, f)
	case "startback_risk":
		everyState(d, s.index, true, f)
	case "cauda_equina":
		everyState(d, s.index, true, func(codes []int16) {
			for _, codes[caudaOnset] = range []int16{Missing, -31999, -1, 0, 14, 15, 90, 91, 31999} {
				f(codes)
			}
			codes[caudaOnset] = Missing
		})
	case "wpai":
		everyWorkWeek(f)
	default:
		t.Fatalf("rule %s: say here which answers reach all of its scores", s.Rule)
	}
}

// everyWorkWeek calls f with the answers to the WPAI that its rules tell apart.
func everyWorkWeek(f func(codes []int16)) {
	hours := []int16{Missing, 0, 1, 800, 3200, 3750, 16800}
	marks := []int16{Missing, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for _, employed := range []int16{Missing, 0, 1} {
		for _, missed := range hours {
			for _, worked := range hours {
				if missed == 16800 && worked > 0 || worked == 16800 && missed > 0 { // more than a week
					continue
				}
				for _, work := range marks {
					for _, others := range marks {
						f([]int16{employed, missed, 0, worked, work, others})
					}
				}
			}
		}
	}
}

// formula is the score of a rule that works on a sum, in exact arithmetic; nil
// for other rules.
func formula(d *Definition, s *Score, answered, sum int64) *big.Rat {
	items := int64(len(s.index))
	switch s.Rule {
	case "sum":
		return big.NewRat(sum, 1)
	case "percent_of_maximum":
		return big.NewRat(100*sum, int64(d.Items[s.index[0]].Max)*answered)
	case "mean_times_items":
		mean := big.NewRat(items*sum, answered)
		if s.Parameters.IsZero() {
			return mean
		}
		half := new(big.Rat).Add(mean, big.NewRat(1, 2))
		return new(big.Rat).SetInt(new(big.Int).Div(half.Num(), half.Denom()))
	}
	return nil
}

// possible returns every score that can be, in points, or in units where the
// score has a unit.
func possible(t testing.TB, d *Definition, i int) (units map[int32]bool, points []float64) {
	t.Helper()
	s, out := d.Scores[i], make([]Scored, len(d.Scores))
	units = map[int32]bool{}
	everyAnswer(t, d, s, func(codes []int16) {
		if err := d.Score(&Administration{Codes: codes, Age: 40, Sex: "female"}, out); err != nil || out[i].Status == Invalid {
			t.Fatalf("%s %v: %+v, %v", s.Column(), codes, out[i], err)
		}
		switch {
		case !out[i].Known:
		case s.Unit == 0:
			points = append(points, out[i].Value)
		case !units[out[i].Units]:
			units[out[i].Units] = true
			points = append(points, s.Points(out[i].Units))
		}
	})
	return units, points
}

// Every possible score is a whole number of units, no coarser unit would do,
// and the stated range is exactly the one that occurs.
func TestUnits(t *testing.T) {
	for _, d := range All() {
		for i, s := range d.Scores {
			if s.NeedsPerson {
				continue // its table is not built in: the shared tests have it
			}
			units, points := possible(t, d, i)
			if len(points) == 0 {
				t.Errorf("%s %s: no answers give a score %s", d.ID, d.Version, s.Column())
				continue
			}
			if lowest, highest := slices.Min(points), slices.Max(points); lowest != s.Min || highest != s.Max {
				t.Errorf("%s: scores run from %v to %v, the definition says %v to %v", s.Column(), lowest, highest, s.Min, s.Max)
			}
			if s.Unit == 0 {
				continue
			}
			lcm := big.NewInt(1)
			for u := range units {
				denominator := big.NewRat(int64(u), s.Unit).Denom()
				gcd := new(big.Int).GCD(nil, nil, lcm, denominator)
				lcm.Mul(lcm, new(big.Int).Div(denominator, gcd))
			}
			if lcm.Int64() != s.Unit {
				t.Errorf("%s: unit %d, the denominators that occur need %v", s.Column(), s.Unit, lcm)
			}
		}
	}
}

// Scores that work on a sum are their formula, for every number answered and
// every sum.
func TestScoresOfEverySum(t *testing.T) {
	for _, d := range All() {
		out := make([]Scored, len(d.Scores))
		for i, s := range d.Scores {
			if formula(d, s, 1, 0) == nil {
				continue
			}
			everySum(d, s, func(codes []int16, answered, sum int64) {
				if err := d.Score(&Administration{Codes: codes}, out); err != nil || !out[i].Known {
					t.Fatalf("%s %v: %+v, %v, want a score", s.Column(), codes, out[i], err)
				}
				if got, want := big.NewRat(int64(out[i].Units), s.Unit), formula(d, s, answered, sum); got.Cmp(want) != 0 {
					t.Errorf("%s: sum %d of %d answered = %v points, want %v", s.Column(), sum, answered, got, want)
				}
			})
		}
	}
}

// Every score but those without a unit is told by its bands, where it has
// bands, and only a nominal score's bands number its units.
func TestEveryScoreHasItsBand(t *testing.T) {
	for _, d := range All() {
		out := make([]Scored, len(d.Scores))
		for i, s := range d.Scores {
			if len(s.Bands) == 0 {
				continue
			}
			seen := map[string]bool{}
			everyAnswer(t, d, s, func(codes []int16) {
				if err := d.Score(&Administration{Codes: codes}, out); err != nil {
					t.Fatal(err)
				}
				if out[i].Known != (out[i].Band != "") {
					t.Fatalf("%s %v: %+v", s.Column(), codes, out[i])
				}
				seen[out[i].Band] = true
			})
			for _, b := range s.Bands {
				if !seen[b.Name] {
					t.Errorf("%s: no score is in band %s", s.Column(), b.Name)
				}
			}
		}
	}
}
