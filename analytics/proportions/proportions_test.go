package proportions

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

type golden struct {
	Single []struct {
		X, N                      int64
		Wilson, Clopper, Jeffreys [2]float64
		WilsonCC                  [2]float64 `json:"wilson_cc"`
		Half                      float64
	}
	Tables []struct {
		T           [4]int64
		Chi2, Yates [2]float64
		Fisher      float64
	}
	MH []struct {
		Strata    [][4]int64
		OR        [8]float64
		RR, RD    [4]float64
		Corrected float64
	}
	Trend []struct {
		X, N  []int64
		Score []float64
		Chi2  [2]float64
	}
	Pairs []struct {
		S        [4]int64
		Chi2, CC [2]float64
		Exact    float64
	}
}

func readR(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/proportions.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func compare(t *testing.T, where any, tol float64, pairs map[string][2]float64) {
	t.Helper()
	for name, p := range pairs {
		if !near(p[0], p[1], tol) {
			t.Errorf("%v: %s = %v, R has %v", where, name, p[0], p[1])
		}
	}
}

func TestOneAgreesWithR(t *testing.T) {
	for _, c := range readR(t).Single {
		s, err := One(Count{c.X, c.N}, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, s.Count, 1e-10, map[string][2]float64{
			"wilson low": {s.Wilson.Low, c.Wilson[0]}, "wilson high": {s.Wilson.High, c.Wilson[1]},
			"corrected low": {s.WilsonCorrected.Low, c.WilsonCC[0]}, "corrected high": {s.WilsonCorrected.High, c.WilsonCC[1]},
			"clopper low": {s.ClopperPearson.Low, c.Clopper[0]}, "clopper high": {s.ClopperPearson.High, c.Clopper[1]},
			"jeffreys low": {s.Jeffreys.Low, c.Jeffreys[0]}, "jeffreys high": {s.Jeffreys.High, c.Jeffreys[1]}, "half": {s.HalfP, c.Half},
		})
	}
}

func TestTablesAgreeWithR(t *testing.T) {
	for _, c := range readR(t).Tables {
		one, zero := Count{c.T[0], c.T[0] + c.T[1]}, Count{c.T[2], c.T[2] + c.T[3]}
		r, err := TestTwoByTwo(one, zero, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, c.T, 1e-10, map[string][2]float64{"χ²": {r.ChiSquared, c.Chi2[0]}, "p": {r.ChiSquaredP, c.Chi2[1]}, "Yates": {r.Yates, c.Yates[0]}, "its p": {r.YatesP, c.Yates[1]}, "Fisher": {r.FisherP, c.Fisher}})
		table, err := TestTable([][]int64{{c.T[0], c.T[1]}, {0, 0}, {c.T[2], c.T[3]}})
		if err != nil || !near(table.ChiSquared, r.ChiSquared, 1e-12) || table.DF != 1 || !near(table.CramersV, r.Phi, 1e-12) {
			t.Errorf("%v: table %+v %v", c.T, table, err)
		}
	}
}

func TestStrataAgreeWithMetafor(t *testing.T) {
	for i, c := range readR(t).MH {
		var strata []Stratum
		for _, s := range c.Strata {
			strata = append(strata, Stratum{Count{s[0], s[1]}, Count{s[2], s[3]}})
		}
		// A stratum without people in a group changes nothing.
		strata = append(strata, Stratum{Count{0, 0}, Count{2, 5}})
		r, err := MantelHaenszel(strata, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, i, 1e-10, map[string][2]float64{
			"OR": {r.OddsRatio.Value, c.OR[0]}, "OR se": {r.OddsRatio.StdErr, c.OR[1]}, "OR Q": {r.OddsRatio.Q, c.OR[2]}, "OR Q p": {*r.OddsRatio.QP, c.OR[3]},
			"CMH": {r.Cochran.ChiSquared, c.OR[4]}, "MH": {r.Cochran.MH, c.OR[5]}, "Tarone": {*r.Cochran.Tarone, c.OR[6]}, "Tarone p": {*r.Cochran.TaroneP, c.OR[7]}, "corrected": {r.Cochran.MHCorrected, c.Corrected},
			"RR": {r.RiskRatio.Value, c.RR[0]}, "RR se": {r.RiskRatio.StdErr, c.RR[1]}, "RR Q": {r.RiskRatio.Q, c.RR[2]}, "RR Q p": {*r.RiskRatio.QP, c.RR[3]},
			"RD": {r.RiskDifference.Value, c.RD[0]}, "RD se": {r.RiskDifference.StdErr, c.RD[1]}, "RD Q": {r.RiskDifference.Q, c.RD[2]}, "RD Q p": {*r.RiskDifference.QP, c.RD[3]},
		})
	}
}

func TestTrendAndPairsAgreeWithR(t *testing.T) {
	g := readR(t)
	for i, c := range g.Trend {
		var counts []Count
		for k := range c.X {
			counts = append(counts, Count{c.X[k], c.N[k]})
		}
		r, err := TestTrend(counts, c.Score)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, i, 1e-11, map[string][2]float64{"χ²": {r.ChiSquared, c.Chi2[0]}, "p": {r.P, c.Chi2[1]}})
	}
	for _, c := range g.Pairs {
		r, err := McNemar(Pairs{Both: c.S[0], Gained: c.S[1], Lost: c.S[2], Neither: c.S[3]}, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, c.S, 1e-11, map[string][2]float64{"χ²": {r.ChiSquared, c.Chi2[0]}, "p": {r.P, c.Chi2[1]}, "corrected": {r.Corrected, c.CC[0]}, "its p": {r.CorrectedP, c.CC[1]}, "exact": {r.ExactP, c.Exact}})
	}
}

// TestNewcombesTable holds four rows of Table II of Newcombe (1998), methods 10
// (Newcombe), 6 (Miettinen and Nurminen) and 5 (Mee).
func TestNewcombesTable(t *testing.T) {
	for _, c := range []struct {
		one, zero         Count
		newcombe, mn, mee Interval
	}{
		{Count{56, 70}, Count{48, 80}, Interval{0.0524, 0.3339}, Interval{0.0528, 0.3382}, Interval{0.0533, 0.3377}},
		{Count{9, 10}, Count{3, 10}, Interval{0.1705, 0.8090}, Interval{0.1700, 0.8406}, Interval{0.1821, 0.8370}},
		{Count{10, 10}, Count{0, 20}, Interval{0.6791, 1}, Interval{0.7156, 1}, Interval{0.7225, 1}},
		{Count{0, 10}, Count{0, 20}, Interval{-0.1611, 0.2775}, Interval{-0.1658, 0.2844}, Interval{-0.1611, 0.2775}},
	} {
		r, err := RiskDifference(c.one, c.zero, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		for name, p := range map[string][2]Interval{"Newcombe": {r.Newcombe, c.newcombe}, "Miettinen–Nurminen": {r.MiettinenNurminen, c.mn}, "Mee": {r.Mee, c.mee}} {
			if math.Abs(p[0].Low-p[1].Low) > 5.1e-5 || math.Abs(p[0].High-p[1].High) > 5.1e-5 {
				t.Errorf("%v %v: %s %v, Newcombe has %v", c.one, c.zero, name, p[0], p[1])
			}
		}
	}
}

// counts draws a group.
func counts(t *rapid.T, name string) Count {
	n := rapid.Int64Range(1, 60).Draw(t, name+" n")
	return Count{rapid.Int64Range(0, n).Draw(t, name), n}
}

func TestSwapAndScoreLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, zero := counts(t, "one"), counts(t, "zero")
		d, err := RiskDifference(one, zero, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		back, _ := RiskDifference(zero, one, 0.95)
		for name, p := range map[string][2]Interval{"newcombe": {d.Newcombe, back.Newcombe}, "score": {d.MiettinenNurminen, back.MiettinenNurminen}, "mee": {d.Mee, back.Mee}} {
			if !near(p[0].Low, -p[1].High, 1e-7) || !near(p[0].High, -p[1].Low, 1e-7) || p[0].Low > d.Value+1e-12 || p[0].High < d.Value-1e-12 || p[0].Low < -1-1e-9 || p[0].High > 1+1e-9 {
				t.Fatalf("%s of %v %v: %v, swapped %v", name, one, zero, p[0], p[1])
			}
		}
		for _, limit := range []float64{d.MiettinenNurminen.Low, d.MiettinenNurminen.High} {
			if math.Abs(limit) > 1-1e-6 {
				continue
			}
			if z, err := ScoreDifference(one, zero, limit, true); err != nil || !near(math.Abs(z), 1.959963984540054, 1e-5) {
				t.Fatalf("score at the limit %v of %v %v: %v %v", limit, one, zero, z, err)
			}
		}
		r, err := RiskRatio(one, zero, 0.95)
		if one.Events+zero.Events == 0 {
			if !errors.Is(err, analytics.ErrZeroVariance) {
				t.Fatalf("ratio of nothing: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		inverse, _ := RiskRatio(zero, one, 0.95)
		if !near(r.Koopman.Low*inverse.Koopman.High, 1, 1e-6) && r.Koopman.Low > 0 || r.MiettinenNurminen.Low > r.RR || r.MiettinenNurminen.High < r.RR {
			t.Fatalf("ratio of %v %v: %+v, swapped %+v", one, zero, r, inverse)
		}
	})
}

func TestFisherLimitsHaveTheirTails(t *testing.T) {
	r, err := TestTwoByTwo(Count{11, 132}, Count{9, 237}, 0.9)
	if err != nil {
		t.Fatal(err)
	}
	if !(r.FisherLimits.Low < r.FisherOR && r.FisherOR < r.FisherLimits.High) || !near(r.FisherOR, 2.297463666536206, 1e-12) {
		t.Errorf("%+v", r)
	}
	end, err := TestTwoByTwo(Count{5, 5}, Count{2, 9}, 0.95)
	if err != nil || !math.IsInf(end.FisherOR, 1) || !math.IsInf(end.FisherLimits.High, 1) || end.FisherLimits.Low <= 0 {
		t.Errorf("end of the support: %+v %v", end, err)
	}
	end, err = TestTwoByTwo(Count{0, 5}, Count{2, 9}, 0.95)
	if err != nil || end.FisherOR != 0 || end.FisherLimits.Low != 0 || math.IsInf(end.FisherLimits.High, 1) {
		t.Errorf("start of the support: %+v %v", end, err)
	}
}

func TestPartsThatAreUndefined(t *testing.T) {
	r, err := RiskRatio(Count{3, 10}, Count{0, 12}, 0.95)
	if err != nil || !math.IsInf(r.RR, 1) || r.Katz != nil || r.Woolf != nil || r.EValue != nil || r.Koopman.Low <= 0 || !math.IsInf(r.Koopman.High, 1) {
		t.Errorf("no event in group 0: %+v %v", r, err)
	}
	s, err := MantelHaenszel([]Stratum{{Count{3, 10}, Count{0, 12}}, {Count{2, 4}, Count{0, 6}}}, 0.95)
	if err != nil || s.OddsRatio != nil || s.RiskRatio != nil || s.RiskDifference == nil || s.Cochran.Tarone != nil {
		t.Errorf("no event in group 0 of any stratum: %+v %v", s, err)
	}
	one, err := MantelHaenszel([]Stratum{{Count{3, 10}, Count{2, 12}}}, 0.95)
	if err != nil || one.OddsRatio.QP != nil || one.Cochran.Tarone != nil {
		t.Errorf("one stratum: %+v %v", one, err)
	}
	if d, err := RiskDifference(Count{0, 10}, Count{0, 12}, 0.95); err != nil || d.ScoreAtZero != nil || d.NNT.Kind != "both" || !math.IsInf(d.NNT.Value, 1) {
		t.Errorf("no event: %+v %v", d, err)
	}
}

func TestErrors(t *testing.T) {
	good, none, over := Count{3, 10}, Count{0, 0}, Count{11, 10}
	for name, c := range map[string]struct{ err, want error }{
		"wilson nobody":     {second(Wilson(none, 0.95)), analytics.ErrTooFewObservations},
		"wilson events":     {second(Wilson(over, 0.95)), analytics.ErrInvalidParameter},
		"wilson level":      {second(Wilson(good, 95)), analytics.ErrInvalidParameter},
		"one nobody":        {second(One(none, 0.95)), analytics.ErrTooFewObservations},
		"difference nobody": {second(RiskDifference(good, none, 0.95)), analytics.ErrTooFewObservations},
		"score delta":       {second(ScoreDifference(good, good, 1, true)), analytics.ErrInvalidParameter},
		"score no event":    {second(ScoreDifference(Count{0, 5}, Count{0, 5}, 0, true)), analytics.ErrZeroVariance},
		"ratio events":      {second(RiskRatio(over, good, 0.95)), analytics.ErrInvalidParameter},
		"table no event":    {second(TestTwoByTwo(Count{0, 5}, Count{0, 5}, 0.95)), analytics.ErrZeroVariance},
		"table one row":     {second(TestTable([][]int64{{3, 4}, {0, 0}})), analytics.ErrTooFewObservations},
		"table ragged":      {second(TestTable([][]int64{{3, 4}, {1}})), analytics.ErrInvalidParameter},
		"table negative":    {second(TestTable([][]int64{{3, -4}, {1, 1}})), analytics.ErrInvalidParameter},
		"trend one score":   {second(TestTrend([]Count{good, good}, []float64{2, 2})), analytics.ErrZeroVariance},
		"trend lengths":     {second(TestTrend([]Count{good}, []float64{1, 2})), analytics.ErrInvalidParameter},
		"trend NaN":         {second(TestTrend([]Count{good, good}, []float64{1, math.NaN()})), analytics.ErrInvalidParameter},
		"strata apart":      {second(MantelHaenszel([]Stratum{{good, none}, {none, good}}, 0.95)), analytics.ErrTooFewObservations},
		"strata no event":   {second(MantelHaenszel([]Stratum{{Count{0, 3}, Count{0, 4}}}, 0.95)), analytics.ErrZeroVariance},
		"strata events":     {second(MantelHaenszel([]Stratum{{over, good}}, 0.95)), analytics.ErrInvalidParameter},
		"mcnemar unchanged": {second(McNemar(Pairs{Both: 3, Neither: 4}, 0.95)), analytics.ErrZeroVariance},
		"mcnemar nobody":    {second(McNemar(Pairs{}, 0.95)), analytics.ErrTooFewObservations},
		"mcnemar negative":  {second(McNemar(Pairs{Gained: -1}, 0.95)), analytics.ErrInvalidParameter},
		"rows not 0 or 1":   {second(FromRows([]float64{0, 2})), analytics.ErrInvalidParameter},
		"pairs lengths":     {second(PairsFromRows([]float64{0}, nil)), analytics.ErrInvalidParameter},
		"pairs not 0 or 1":  {second(PairsFromRows([]float64{0.5}, []float64{1})), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if p, err := PairsFromRows([]float64{1, 1, 0, 0}, []float64{1, 0, 1, 0}); err != nil || p != (Pairs{1, 1, 1, 1}) {
		t.Errorf("pairs %+v %v", p, err)
	}
}

func second[T any](_ T, err error) error { return err }
