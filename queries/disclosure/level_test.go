package disclosure

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// sample is what a row of gains is made of: whole-number gains by how many there
// are, their sum and their sum of squares.
type sample struct{ n, sum, squares int64 }

// tells is the row of a sample as released at a level, as text.
func (s sample) tells(t *testing.T, l *Ledger, level float64, fixed bool) string {
	t.Helper()
	mean := float64(s.sum) / float64(s.n)
	sd := math.Sqrt((float64(s.squares) - mean*float64(s.sum)) / float64(s.n-1))
	gain := Sampling{Value: mean, StdErr: sd / math.Sqrt(float64(s.n)), N: s.n, DF: float64(s.n - 1), Level: level, FixedLevel: fixed}
	a, err := Release(t.Context(), row(map[string]any{
		"n_eligible": s.n, "n_modelled": s.n, "mean_gain": mean, "std_dev": sd, "lower": Lower(gain), "upper": Upper(gain),
	}), l, nil)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(a.Rows[0].Values)
}

// possible lists the counts within 2 of the released one of which some whole
// gains would have been told of as these were, at every level.
func (s sample) possible(t *testing.T, levels []float64, fixed bool) (counts []int64) {
	t.Helper()
	var l Ledger
	told := map[float64]string{}
	for _, level := range levels {
		told[level] = s.tells(t, &l, level, fixed)
	}
	mean := float64(s.sum) / float64(s.n)
	sd := math.Sqrt((float64(s.squares) - mean*float64(s.sum)) / float64(s.n-1))
	released, _ := Count(s.n)
	for n := released - 2; n <= released+2; n++ {
		if s.some(t, &l, n, mean, sd, func(other sample) bool {
			return !slices.ContainsFunc(levels, func(level float64) bool { return other.tells(t, &l, level, fixed) != told[level] })
		}) {
			counts = append(counts, n)
		}
	}
	return counts
}

// some says whether a sample of n, with mean and spread near those given, is like it.
func (s sample) some(t *testing.T, l *Ledger, n int64, mean, sd float64, like func(sample) bool) bool {
	t.Helper()
	for sum := int64((mean - 0.1) * float64(n)); sum <= int64((mean+0.1)*float64(n))+1; sum++ {
		about := func(sd float64) int64 { return int64(sd*sd*float64(n-1) + float64(sum*sum)/float64(n)) }
		for squares := about(sd - 0.1); squares <= about(sd+0.1)+1; squares++ {
			if (squares-sum)%2 == 0 && like(sample{n, sum, squares}) { // x² and x are odd together
				return true
			}
		}
	}
	return false
}

// Whoever asks at every level that may be asked for learns no more than at 95 %,
// and not how many people there are. At any level, unanchored, they would.
func TestLevelsDoNotTellTheCount(t *testing.T) {
	var levels, sweep []float64
	for _, text := range Levels() {
		level, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		levels = append(levels, level)
	}
	for level := 0.5; level < 0.999; level += 0.004 {
		sweep = append(sweep, level)
	}
	r := rand.New(rand.NewPCG(9, 2))
	pinned := 0
	for _, n := range []int64{23, 31, 38, 47, 52, 64, 76} {
		s := sample{n: n}
		for range n {
			x := int64(math.Round(7 + 8*r.NormFloat64()))
			s.sum, s.squares = s.sum+x, s.squares+x*x
		}
		one, all := s.possible(t, []float64{anchor}, false), s.possible(t, levels, false)
		if len(all) < 2 || !slices.Contains(all, n) || !slices.Equal(one, all) {
			t.Errorf("of %d people the levels leave %v possible, 95 %% alone %v", n, all, one)
		}
		if slices.Equal(s.possible(t, sweep, true), []int64{n}) {
			pinned++
		}
	}
	if pinned < 4 {
		t.Errorf("a sweep of unanchored levels finds %d of 7 counts: the attack has no teeth", pinned)
	}
}

func TestALevelIsNearItsExactInterval(t *testing.T) {
	s := Sampling{Value: 12.345, StdErr: 1.234, N: 50, DF: 49}
	for _, text := range Levels() {
		s.Level, _ = strconv.ParseFloat(text, 64)
		lower, upper, _ := s.Interval()
		a := release(t, row(map[string]any{"n_eligible": int64(50), "n_modelled": int64(50), "lower": Lower(s), "upper": Upper(s)}))
		if math.Abs(value(a, "lower").(float64)-lower) > 0.2 || math.Abs(value(a, "upper").(float64)-upper) > 0.2 {
			t.Errorf("at %s: %v to %v, want near %v to %v", text, value(a, "lower"), value(a, "upper"), lower, upper)
		}
	}
}
