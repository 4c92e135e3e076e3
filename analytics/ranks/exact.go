package ranks

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/histogram"
)

// ExactRanks is the exact conditional Mann–Whitney test: U of sample 1, Z the
// tie-corrected statistic, P the share of all splits of the people into groups
// of these sizes whose |Z| is as large or larger.
type ExactRanks struct {
	U, Z, P float64
	N1, N0  int64
}

// MannWhitneyExact compares two small samples by the exact distribution of the
// rank sum over all splits, ties at their mean rank. Assumes exchangeable people.
// Samples too large for it (some 300 people): ErrInvalidParameter; other errors
// as MannWhitney. Checked against R's coin 1.4-2, wilcox_test(distribution =
// "exact"). Streitberg and Röhmel (1986), Statistical Software Newsletter 12.
func MannWhitneyExact(one, zero histogram.Histogram) (ExactRanks, error) {
	w, err := MannWhitney(one, zero)
	if err != nil {
		return ExactRanks{}, err
	}
	t := histogram.Align(one, zero)
	pooled := t.Pooled()
	doubled := make([]int64, len(t.Values))
	for i, r := range pooled.MidRanks() {
		doubled[i] = int64(2 * r)
	}
	p, err := splitP(doubled, pooled.Counts, t.Counts)
	if err != nil {
		return ExactRanks{}, fmt.Errorf("ranks: exact mann-whitney: %w", err)
	}
	return ExactRanks{U: w.U, Z: w.Z, P: p, N1: w.N1, N0: w.N0}, nil
}

// splitP is the two-sided p of the sum of whole scores in the first of two
// groups, about its mean over all splits. It works on the smaller group, of
// which the deviation is the same.
func splitP(units, people []int64, groups [][]int64) (float64, error) {
	scores := wholeScores(units)
	small := groups[0]
	if total(groups[1]) < total(groups[0]) {
		small = groups[1]
	}
	var sum, all int64
	for i, s := range scores {
		sum += s * small[i]
		all += s * people[i]
	}
	size, n := total(small), total(people)
	law, err := newSubsetSums(scores, people, size)
	if err != nil {
		return 0, err
	}
	// The mean sum is size·all/n: compare n times as large sums in whole numbers.
	return law.outside(sum, size*all, n), nil
}

func total(counts []int64) int64 {
	var n int64
	for _, c := range counts {
		n += c
	}
	return n
}

// ExactShift is R's exact test and Hodges–Lehmann interval of two samples
// without ties; Achieved is the level that the interval covers.
type ExactShift struct {
	U, P, Estimate, Lower, Upper, Achieved float64
}

// MannWhitneyUntied compares two small samples without ties by the exact law of
// U, p twice the smaller tail; the interval goes from the Q-th smallest to the
// Q-th largest difference, Q the α/2 quantile of U.
//
//	ties between or within samples   ErrInvalidParameter (use MannWhitneyExact)
//
// Other errors as MannWhitneyExact. Checked against R's wilcox.test(exact = TRUE).
func MannWhitneyUntied(one, zero histogram.Histogram, level float64) (ExactShift, error) {
	if err := analytics.CheckLevel(level); err != nil {
		return ExactShift{}, fmt.Errorf("ranks: exact mann-whitney: %w", err)
	}
	if err := check(one, zero); err != nil {
		return ExactShift{}, fmt.Errorf("ranks: exact mann-whitney: %w", err)
	}
	t := histogram.Align(one, zero)
	pooled := t.Pooled()
	if pooled.Ties() > 0 {
		return ExactShift{}, fmt.Errorf("ranks: exact mann-whitney: there are ties; use mann_whitney_exact_conditional: %w", analytics.ErrInvalidParameter)
	}
	n1, n0 := one.N(), zero.N()
	ranks := make([]int64, len(t.Values))
	for i := range ranks {
		ranks[i] = int64(i)
	}
	law, err := newSubsetSums(ranks, pooled.Counts, n1)
	if err != nil {
		return ExactShift{}, fmt.Errorf("ranks: exact mann-whitney: %w", err)
	}
	// The smallest rank sum is U = 0.
	law.counts = law.counts[n1*(n1-1)/2:]
	u := int64(wins(t))
	r := ExactShift{U: float64(u), P: math.Min(2*law.upTo(min(u, n1*n0-u)), 1)}
	q := law.quantile((1 - level) / 2)
	r.Achieved = 1 - 2*law.upTo(max(q, 1)-1)
	q = max(q, 1)
	s := orderStatistics(differences(one, zero), n1*n0, float64(q), level, n1+n0, "")
	r.Estimate, r.Lower, r.Upper = s.Value, s.Lower, s.Upper
	return r, nil
}

// Permutation tests a difference of means by the splits of the people. Z is the
// sum of sample 1 standardised by its permutation mean and variance, PAsymptotic
// its normal p, PExact the share of splits that are as far out, nil where there
// are too many people.
type Permutation struct {
	Z, PAsymptotic float64
	PExact         *float64
}

// PermutationTest compares two means over all splits of the people
//
//	z = (Σy₁ − n₁ȳ)/√(n₁n₀/(N(N−1))·Σ(y−ȳ)²)
//
// two-sided. Assumes exchangeable people. Values that are whole numbers of
// 1e-6 or coarser take the shift algorithm, others up to 44 people a listing of
// both halves. Errors as MannWhitney. Checked against R's coin 1.4-2,
// oneway_test. Strasser and Weber (1999), Mathematical Methods of Statistics 8.
func PermutationTest(one, zero histogram.Histogram) (Permutation, error) {
	if err := check(one, zero); err != nil {
		return Permutation{}, fmt.Errorf("ranks: permutation test: %w", err)
	}
	t := histogram.Align(one, zero)
	pooled := t.Pooled()
	if len(pooled.Values) < 2 {
		return Permutation{}, fmt.Errorf("ranks: permutation test: every value is the same: %w", analytics.ErrZeroVariance)
	}
	n1, n0, n := float64(one.N()), float64(zero.N()), float64(pooled.N())
	off := offset(t, 0) - n1/n*(offset(t, 0)+offset(t, 1))
	r := Permutation{Z: off / math.Sqrt(n1*n0/(n*(n-1))*pooled.SumSquares())}
	r.PAsymptotic = dist.NormalTwoSided(r.Z)
	if units, ok := lattice(pooled); ok {
		if p, err := splitP(units, pooled.Counts, t.Counts); err == nil {
			r.PExact = &p
			return r, nil
		}
	}
	if pooled.N() <= halvesLimit {
		p := splitHalves(pooled, one.N(), off)
		r.PExact = &p
	}
	return r, nil
}

// offset adds up a sample's values less a value in their middle, so that a large
// common part of them costs no digits.
func offset(t histogram.Table, sample int) float64 {
	origin := t.Values[len(t.Values)/2]
	var sum float64
	for i, c := range t.Counts[sample] {
		sum += float64(c) * (t.Values[i] - origin)
	}
	return sum
}

// splitHalves is splitP for values on no lattice, off the observed distance of
// the first sample's sum from its mean; sums within 1e-9 of it count as ties.
func splitHalves(pooled histogram.Histogram, size int64, off float64) float64 {
	mean, _ := pooled.Mean()
	var values []float64
	for i, v := range pooled.Values {
		for range pooled.Counts[i] {
			values = append(values, v-mean)
		}
	}
	far := math.Abs(off)
	far -= 1e-9 * math.Max(far, math.Sqrt(pooled.SumSquares()))
	if far <= 0 {
		return 1
	}
	return halves(values, int(size), -far, far)
}
