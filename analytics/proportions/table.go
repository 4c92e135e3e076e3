package proportions

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
)

// TwoByTwo holds the tests that two proportions are equal. ChiSquared is
// Pearson's, Yates's has the continuity correction min(½, |O−E|), NMinus1P is
// the p of (N−1)/N·ChiSquared, which is the product's default where every
// expected count is 1 or more, and FisherP otherwise. G is the likelihood ratio
// statistic, Phi is √(χ²/N). FisherOR is the conditional maximum-likelihood odds
// ratio with its exact limits, 0 or infinite at the ends of the support.
type TwoByTwo struct {
	ChiSquared, ChiSquaredP float64
	Yates, YatesP           float64
	NMinus1P                float64
	G                       float64
	FisherP                 float64
	FisherOR                float64
	FisherLimits            Interval
	Phi                     float64
	SmallestExpected        float64
}

// TestTwoByTwo compares two proportions.
//
//	χ² = Σ(O−E)²/E;   Fisher: Σ P(table) over the tables no likelier than this one
//
// Nobody or everybody with the event: ErrZeroVariance; other errors as
// RiskDifference. Checked against R's chisq.test and fisher.test. Campbell
// (2007), doi:10.1002/sim.2832; Fisher (1935), doi:10.2307/2342435.
func TestTwoByTwo(one, zero Count, level float64) (TwoByTwo, error) {
	if err := checkAll(level, one, zero); err != nil {
		return TwoByTwo{}, fmt.Errorf("proportions: 2 by 2 tests: %w", err)
	}
	events := one.Events + zero.Events
	if events == 0 || events == one.N+zero.N {
		return TwoByTwo{}, fmt.Errorf("proportions: 2 by 2 tests: nobody or everybody had the event, there is nothing to compare: %w", analytics.ErrZeroVariance)
	}
	o := [4]float64{float64(one.Events), float64(one.N - one.Events), float64(zero.Events), float64(zero.N - zero.Events)}
	n := o[0] + o[1] + o[2] + o[3]
	rows, cols := [2]float64{o[0] + o[1], o[2] + o[3]}, [2]float64{o[0] + o[2], o[1] + o[3]}
	t := TwoByTwo{SmallestExpected: math.Inf(1)}
	var yates float64
	for k := range o {
		e := rows[k/2] * cols[k%2] / n
		t.SmallestExpected = math.Min(t.SmallestExpected, e)
		d := math.Abs(o[k] - e)
		t.ChiSquared += d * d / e
		yates = math.Min(0.5, d) // the same for all four cells
		t.Yates += (d - yates) * (d - yates) / e
		if o[k] > 0 {
			t.G += 2 * o[k] * math.Log(o[k]/e)
		}
	}
	t.ChiSquaredP, t.YatesP = dist.ChiSquaredTail(t.ChiSquared, 1), dist.ChiSquaredTail(t.Yates, 1)
	t.NMinus1P = dist.ChiSquaredTail(t.ChiSquared*(n-1)/n, 1)
	t.Phi = math.Sqrt(t.ChiSquared / n)
	t.fisher(one, zero, level)
	return t, nil
}

// fisher fills in what follows from the noncentral hypergeometric law.
func (t *TwoByTwo) fisher(one, zero Count, level float64) {
	law := dist.Hypergeometric{Row1: one.N, Row2: zero.N, Column1: one.Events + zero.Events}
	x, tail := one.Events, (1-level)/2
	lo, hi := law.Support()
	t.FisherP = law.TwoSided(x)
	t.FisherOR, t.FisherLimits = math.Inf(1), Interval{0, math.Inf(1)}
	if x == lo {
		t.FisherOR = 0
	} else if x < hi {
		l, _ := law.LogOddsWhere(dist.Hypergeometric.Mean, float64(x))
		t.FisherOR = math.Exp(l)
	}
	if x > lo {
		l, _ := law.LogOddsWhere(func(h dist.Hypergeometric) float64 { return h.Upper(x) }, tail)
		t.FisherLimits.Low = math.Exp(l)
	}
	if x < hi {
		l, _ := law.LogOddsWhere(func(h dist.Hypergeometric) float64 { return -h.Lower(x) }, -tail)
		t.FisherLimits.High = math.Exp(l)
	}
}

// Contingency is Pearson's test of a table with its measures of association:
// CramersV is √(χ²/(N·(min(r,c)−1))), ContingencyC √(χ²/(χ²+N)).
type Contingency struct {
	ChiSquared, DF, P      float64
	CramersV, ContingencyC float64
}

// TestTable tests the independence of rows and columns of a table of counts;
// rows and columns without anybody are left out. No continuity correction.
//
//	rows of unequal length, a negative count   ErrInvalidParameter
//	fewer than two rows or columns left        ErrTooFewObservations
//
// Checked against R's chisq.test(correct = FALSE). Cramér (1946), Mathematical
// Methods of Statistics.
func TestTable(counts [][]int64) (Contingency, error) {
	rows := make([]float64, len(counts))
	var cols []float64
	var n float64
	for i, row := range counts {
		if cols == nil {
			cols = make([]float64, len(row))
		}
		if len(row) != len(cols) {
			return Contingency{}, fmt.Errorf("proportions: table: rows of unequal length: %w", analytics.ErrInvalidParameter)
		}
		for j, c := range row {
			if c < 0 {
				return Contingency{}, fmt.Errorf("proportions: table: a count of %d: %w", c, analytics.ErrInvalidParameter)
			}
			rows[i] += float64(c)
			cols[j] += float64(c)
			n += float64(c)
		}
	}
	r, c := filled(rows), filled(cols)
	if r < 2 || c < 2 {
		return Contingency{}, fmt.Errorf("proportions: table: %d rows and %d columns with people, need 2 of each: %w", r, c, analytics.ErrTooFewObservations)
	}
	var t Contingency
	for i, row := range counts {
		for j, o := range row {
			if e := rows[i] * cols[j] / n; e > 0 {
				d := float64(o) - e
				t.ChiSquared += d * d / e
			}
		}
	}
	t.DF = float64((r - 1) * (c - 1))
	t.P = dist.ChiSquaredTail(t.ChiSquared, t.DF)
	t.CramersV = math.Sqrt(t.ChiSquared / (n * float64(min(r, c)-1)))
	t.ContingencyC = math.Sqrt(t.ChiSquared / (t.ChiSquared + n))
	return t, nil
}

// filled counts the sums above zero.
func filled(sums []float64) int {
	n := 0
	for _, s := range sums {
		if s > 0 {
			n++
		}
	}
	return n
}

// Trend is the Cochran–Armitage test, one degree of freedom.
type Trend struct{ ChiSquared, P float64 }

// TestTrend tests that proportions rise or fall with a score
//
//	χ² = [Σxᵢ(sᵢ−s̄)]² / (p(1−p)·Σnᵢ(sᵢ−s̄)²)
//
// scores are as coded. Lengths that differ, scores not finite:
// ErrInvalidParameter; nobody or everybody with the event, or one score only:
// ErrZeroVariance; other errors as RiskDifference. Checked against R's
// prop.trend.test. Armitage (1955), doi:10.2307/3001775.
func TestTrend(counts []Count, scores []float64) (Trend, error) {
	if len(counts) != len(scores) {
		return Trend{}, fmt.Errorf("proportions: trend: %d counts with %d scores: %w", len(counts), len(scores), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("scores", scores); err != nil {
		return Trend{}, fmt.Errorf("proportions: trend: %w", err)
	}
	if err := checkAll(0.5, counts...); err != nil {
		return Trend{}, fmt.Errorf("proportions: trend: %w", err)
	}
	var x, n, mean, slope, spread float64
	for i, c := range counts {
		x += float64(c.Events)
		n += float64(c.N)
		mean += float64(c.N) * scores[i]
	}
	mean /= n
	p := x / n
	for i, c := range counts {
		d := scores[i] - mean
		slope += (float64(c.Events) - p*float64(c.N)) * d
		spread += float64(c.N) * d * d
	}
	if x == 0 || x == n || !(spread > 0) {
		return Trend{}, fmt.Errorf("proportions: trend: one score only, or nobody or everybody had the event: %w", analytics.ErrZeroVariance)
	}
	chi := slope * slope / (p * (1 - p) * spread)
	return Trend{ChiSquared: chi, P: dist.ChiSquaredTail(chi, 1)}, nil
}
