package ranks

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func must(t interface{ Fatal(...any) }, x []float64) histogram.Histogram {
	h, err := histogram.FromRows(x)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type pairCase struct {
	A, B                []float64
	U, P, Z, K, KS, AUC float64
	PCC                 float64    `json:"p_cc"`
	AUCVar              float64    `json:"auc_var"`
	AUCCI               [2]float64 `json:"auc_ci"`
	HL, BM              [3]float64
	ByTest              [3]float64 `json:"by_test"`
	Exact               *float64
	PermZ               float64  `json:"perm_z"`
	PermExact           *float64 `json:"perm_exact"`
}

type golden struct {
	Two []pairCase
	One []struct {
		X       []float64
		V, P, K float64
		PCC     float64 `json:"p_cc"`
		HL      [3]float64
	}
	Untied []struct {
		A, B  []float64
		U, P  float64
		Shift [3]float64
	}
}

func readR(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/ranks.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// compare holds pairs of got and want.
func compare(t *testing.T, where string, tol float64, pairs map[string][2]float64) {
	t.Helper()
	for name, p := range pairs {
		if !near(p[0], p[1], tol) {
			t.Errorf("%s: %s = %v, R has %v", where, name, p[0], p[1])
		}
	}
}

func TestTwoSamplesAgreeWithR(t *testing.T) {
	for _, c := range readR(t).Two {
		a, b := must(t, c.A), must(t, c.B)
		mw, err := MannWhitney(a, b)
		if err != nil {
			t.Fatal(err)
		}
		hl, err := HodgesLehmann(a, b, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		byTest, err := HodgesLehmannByTest(a, b, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		bm, err := BrunnerMunzel(a, b, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		area, err := DeLong(a, b, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		ks, err := KolmogorovSmirnov(a, b)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "two samples", 1e-12, map[string][2]float64{
			"U": {mw.U, c.U}, "p": {mw.P, c.P}, "p corrected": {mw.PCorrected, c.PCC}, "z": {mw.Z, c.Z},
			"HL": {hl.Value, c.HL[0]}, "HL low": {hl.Lower, c.HL[1]}, "HL high": {hl.Upper, c.HL[2]}, "HL k": {hl.K, c.K},
			"BM": {bm.Statistic, c.BM[0]}, "BM df": {bm.DF, c.BM[1]}, "BM p": {bm.P, c.BM[2]},
			"AUC": {area.Value, c.AUC}, "AUC var": {area.Variance, c.AUCVar}, "AUC low": {area.Limits[0], c.AUCCI[0]}, "AUC high": {area.Limits[1], c.AUCCI[1]},
			"D": {ks.D, c.KS},
		})
		// R's root finder; its estimate lies anywhere where the statistic is zero.
		compare(t, "by test", 1e-7, map[string][2]float64{"low": {byTest.Lower, c.ByTest[1]}, "high": {byTest.Upper, c.ByTest[2]}})
	}
}

func TestExactAgreesWithCoin(t *testing.T) {
	for _, c := range readR(t).Two {
		a, b := must(t, c.A), must(t, c.B)
		p, err := PermutationTest(a, b)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "permutation", 1e-12, map[string][2]float64{"z": {p.Z, c.PermZ}})
		if c.Exact == nil {
			continue
		}
		e, err := MannWhitneyExact(a, b)
		if err != nil {
			t.Fatal(err)
		}
		if p.PExact == nil {
			t.Fatal("no exact p of a small sample")
		}
		compare(t, "exact", 1e-12, map[string][2]float64{"ranks": {e.P, *c.Exact}, "means": {*p.PExact, *c.PermExact}})
	}
	for _, c := range readR(t).Untied {
		r, err := MannWhitneyUntied(must(t, c.A), must(t, c.B), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "untied", 1e-12, map[string][2]float64{"U": {r.U, c.U}, "p": {r.P, c.P}, "estimate": {r.Estimate, c.Shift[0]}, "low": {r.Lower, c.Shift[1]}, "high": {r.Upper, c.Shift[2]}})
		if r.Achieved < 0.95 {
			t.Errorf("interval covers %v", r.Achieved)
		}
	}
}

func TestOneSampleAgreesWithR(t *testing.T) {
	for _, c := range readR(t).One {
		h := must(t, c.X)
		w, err := SignedRank(h)
		if err != nil {
			t.Fatal(err)
		}
		s, err := PseudoMedian(Nonzero(h), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, "one sample", 1e-12, map[string][2]float64{"V": {w.V, c.V}, "p": {w.P, c.P}, "p corrected": {w.PCorrected, c.PCC},
			"HL": {s.Value, c.HL[0]}, "low": {s.Lower, c.HL[1]}, "high": {s.Upper, c.HL[2]}, "k": {s.K, c.K}})
	}
}

// sample draws scores; fine ones are on no lattice.
func sample(t *rapid.T, name string, fine bool) []float64 {
	one := rapid.Custom(func(t *rapid.T) float64 {
		if fine {
			return rapid.Float64Range(-3, 3).Draw(t, "v")
		}
		return float64(rapid.IntRange(0, 12).Draw(t, "v")) / 2
	})
	return rapid.SliceOfN(one, 2, 25).Draw(t, name)
}

// TestOrderStatisticsAreThoseOfAllPairs forms every pair, which the functions do
// not.
func TestOrderStatisticsAreThoseOfAllPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fine := rapid.Bool().Draw(t, "fine")
		a, b := sample(t, "a", fine), sample(t, "b", fine)
		var d, w []float64
		for i, x := range a {
			for _, y := range b {
				d = append(d, x-y)
			}
			for _, y := range a[:i+1] {
				w = append(w, (x+y)/2)
			}
		}
		for _, c := range []struct {
			pairs []float64
			shift func() (Shift, error)
		}{
			{d, func() (Shift, error) { return HodgesLehmann(must(t, a), must(t, b), 0.9) }},
			{w, func() (Shift, error) { return PseudoMedian(must(t, a), 0.9) }},
		} {
			slices.Sort(c.pairs)
			s, err := c.shift()
			if err != nil {
				t.Fatal(err)
			}
			n := len(c.pairs)
			k := max(int(s.K), 1)
			if want := (c.pairs[(n-1)/2] + c.pairs[n/2]) / 2; s.Value != want {
				t.Fatalf("median %v, want %v", s.Value, want)
			}
			if s.Lower != c.pairs[k-1] || s.Upper != c.pairs[n-k] {
				t.Fatalf("limits %v %v, want %v %v", s.Lower, s.Upper, c.pairs[k-1], c.pairs[n-k])
			}
		}
	})
}

func TestSwapShiftAndScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := must(t, sample(t, "a", false)), must(t, sample(t, "b", false))
		mw, err := MannWhitney(a, b)
		if errors.Is(err, analytics.ErrZeroVariance) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		back, _ := MannWhitney(b, a)
		if !near(mw.Z, -back.Z, 1e-12) || !near(mw.U+back.U, 2*mw.Mean, 1e-15) || !near(mw.PCorrected, back.PCorrected, 1e-12) {
			t.Fatalf("swap: %+v %+v", mw, back)
		}
		stretch := func(v float64) float64 { return math.Exp(v/4) + 7 }
		if curved, _ := MannWhitney(a.Map(stretch), b.Map(stretch)); curved != mw {
			t.Fatalf("a monotone scale changes %+v to %+v", mw, curved)
		}
		moved, err := HodgesLehmann(a.Map(func(v float64) float64 { return 2*v + 8 }), b.Map(func(v float64) float64 { return 2 * v }), 0.95)
		if err != nil {
			t.Fatal(err)
		}
		still, _ := HodgesLehmann(a, b, 0.95)
		if moved.Value != 2*still.Value+8 || moved.Lower != 2*still.Lower+8 {
			t.Fatalf("shift and scale: %v %v", moved, still)
		}
		if a.N() < 2 || b.N() < 2 {
			return
		}
		area, err := DeLong(a, b, 0.95)
		if err != nil || !near(area.Value, mw.Superiority, 1e-13) {
			t.Fatalf("area %v %v, superiority %v", area.Value, err, mw.Superiority)
		}
		exact, err := MannWhitneyExact(a, b)
		if err != nil || exact.P <= 0 || exact.P > 1+1e-12 {
			t.Fatalf("exact p %v %v", exact.P, err)
		}
		swapped, _ := MannWhitneyExact(b, a)
		if !near(exact.P, swapped.P, 1e-12) {
			t.Fatalf("exact p %v, swapped %v", exact.P, swapped.P)
		}
	})
}

// TestHalvesAgreeWithTheShiftAlgorithm holds the two exact algorithms against
// each other.
func TestHalvesAgreeWithTheShiftAlgorithm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SliceOfN(rapid.IntRange(-6, 9), 2, 8).Draw(t, "a")
		b := rapid.SliceOfN(rapid.IntRange(-6, 9), 2, 8).Draw(t, "b")
		values := func(x []int) (out []float64) {
			for _, v := range x {
				out = append(out, float64(v))
			}
			return out
		}
		one, zero := must(t, values(a)), must(t, values(b))
		table := histogram.Align(one, zero)
		p, err := PermutationTest(one, zero)
		if errors.Is(err, analytics.ErrZeroVariance) {
			return
		}
		if err != nil || p.PExact == nil {
			t.Fatal(p, err)
		}
		n1, n := float64(one.N()), float64(one.N()+zero.N())
		off := offset(table, 0) - n1/n*(offset(table, 0)+offset(table, 1))
		if other := splitHalves(table.Pooled(), one.N(), off); !near(*p.PExact, other, 1e-12) {
			t.Fatalf("shift algorithm %v, halves %v", *p.PExact, other)
		}
	})
}

func TestLargeSamplesFormNoPairs(t *testing.T) {
	n := 200_000
	a, b := make([]float64, n), make([]float64, n)
	for i := range a {
		a[i], b[i] = math.Sqrt(float64(i)), math.Sqrt(float64(i)+0.25)-3
	}
	s, err := HodgesLehmann(must(t, a), must(t, b), 0.95)
	if err != nil || !near(s.Value, 3, 1e-2) || !(s.Lower < s.Value && s.Value < s.Upper) {
		t.Errorf("shift %+v %v", s, err)
	}
}

func TestErrors(t *testing.T) {
	some, flat, none := must(t, []float64{1, 2, 4}), must(t, []float64{2, 2}), histogram.Histogram{}
	bad := histogram.Histogram{Values: []float64{2, 1}, Counts: []int64{1, 1}}
	far := must(t, []float64{100, 101})
	large := must(t, func() (x []float64) {
		for i := range 600 {
			x = append(x, float64(i))
		}
		return x
	}())
	for name, c := range map[string]struct{ err, want error }{
		"mann-whitney empty":    {second(MannWhitney(some, none)), analytics.ErrTooFewObservations},
		"mann-whitney flat":     {second(MannWhitney(flat, flat)), analytics.ErrZeroVariance},
		"mann-whitney bad":      {second(MannWhitney(bad, some)), analytics.ErrInvalidParameter},
		"hodges-lehmann level":  {second(HodgesLehmann(some, flat, 1)), analytics.ErrInvalidParameter},
		"hodges-lehmann empty":  {second(HodgesLehmann(none, flat, 0.95)), analytics.ErrTooFewObservations},
		"by test flat":          {second(HodgesLehmannByTest(flat, flat, 0.95)), analytics.ErrZeroVariance},
		"pseudo-median empty":   {second(PseudoMedian(none, 0.95)), analytics.ErrTooFewObservations},
		"signed rank unchanged": {second(SignedRank(must(t, []float64{0, 0}))), analytics.ErrZeroVariance},
		"signed rank empty":     {second(SignedRank(none)), analytics.ErrTooFewObservations},
		"brunner-munzel apart":  {second(BrunnerMunzel(some, far, 0.95)), analytics.ErrZeroVariance},
		"brunner-munzel one":    {second(BrunnerMunzel(some, must(t, []float64{1}), 0.95)), analytics.ErrTooFewObservations},
		"delong level":          {second(DeLong(some, far, 0)), analytics.ErrInvalidParameter},
		"distance empty":        {second(KolmogorovSmirnov(none, some)), analytics.ErrTooFewObservations},
		"untied ties":           {second(MannWhitneyUntied(some, flat, 0.95)), analytics.ErrInvalidParameter},
		"exact too large":       {second(MannWhitneyExact(large, large.Map(func(v float64) float64 { return v + 0.5 }))), analytics.ErrInvalidParameter},
		"permutation flat":      {second(PermutationTest(flat, flat)), analytics.ErrZeroVariance},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if a, err := DeLong(far, some, 0.95); err != nil || a.Value != 1 || a.Limits != nil {
		t.Errorf("area of samples apart %+v %v", a, err)
	}
	fine := make([]float64, 50)
	for i := range fine {
		fine[i] = math.Sin(float64(i))
	}
	if p, err := PermutationTest(must(t, fine[:25]), must(t, fine[25:])); err != nil || p.PExact != nil {
		t.Errorf("exact p of 50 people on no lattice: %v %v", p.PExact, err)
	}
}

func second[T any](_ T, err error) error { return err }
