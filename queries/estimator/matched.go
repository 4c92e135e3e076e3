package estimator

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/matching"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// caliper is how far apart a pair may be, in standard deviations of the logit of
// the propensity score (Austin 2011).
const caliper = 0.2

// Shuffle is an order of n people that their values, as write hashes them, and a
// seed make, whatever the order they came in: in row order chance would depend
// on how a file is sorted, and a tie go to whoever stands first, which the
// outcome may have decided.
func Shuffle(n int, seed uint64, write func(i int, h hash.Hash64)) []int {
	keys, order := make([]uint64, n), make([]int, n)
	for i := range keys {
		h := fnv.New64a()
		writeBits(h, seed)
		write(i, h)
		keys[i], order[i] = h.Sum64(), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	return order
}

// WriteNumber hashes a number, the same for every NaN.
func WriteNumber(h hash.Hash64, x float64) {
	if math.IsNaN(x) {
		x = math.NaN()
	}
	writeBits(h, math.Float64bits(x))
}

func writeBits(h hash.Hash64, v uint64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	h.Write(b[:])
}

// shuffled is the order of a study's people.
func shuffled(s *effect.Study, y []float64, seed uint64) []int {
	return Shuffle(len(y), seed, func(i int, h hash.Hash64) {
		for _, x := range s.Score.Row(i) {
			WriteNumber(h, x)
		}
		WriteNumber(h, y[i])
	})
}

// Match pairs each treated person with the nearest control on the logit of the
// propensity score, one to one without replacement, the largest score first,
// within a caliper of 0.2 standard deviations, and compares the arms of the pairs
// net of what their covariates still differ by, with errors that take the pairs as
// clusters and the score as known. Among people of equal scores chance decides, by the seed. The
// study must be of people, one a pattern: else ErrInvalidParameter. No more pairs
// within the caliper than covariates: ErrTooFewObservations.
func Match(s *effect.Study, y []float64, o Options) (Result, error) {
	for _, n := range s.Count {
		if n != 1 {
			return Result{}, fmt.Errorf("matching needs people one by one: %w", analytics.ErrInvalidParameter)
		}
	}
	if o.Level == 0 {
		o.Level = 0.95
	}
	order := shuffled(s, y, o.Seed)
	s = s.Select(order)
	model, err := propensity.Fit(s, propensity.Options{Level: o.Level, Interrupt: o.Interrupt})
	if err != nil {
		return Result{}, err
	}
	logit := make([]float64, len(model.Score))
	for i, e := range model.Score {
		logit[i] = math.Log(e / (1 - e))
	}
	_, spread, err := describe.MeanSD(logit)
	if err != nil {
		return Result{}, err
	}
	pairs, err := matching.Nearest(logit, s.Treated, caliper*spread, matching.LargestFirst)
	if err != nil {
		return Result{}, err
	}
	inOrder := make([]float64, len(y))
	for k, i := range order {
		inOrder[k] = y[i]
	}
	r, err := matched(s, model, pairs, inOrder, o)
	if err != nil {
		return Result{}, err
	}
	weight := make([]float64, len(y))
	for k, i := range order {
		weight[i] = r.Weight[k]
	}
	r.Weight = weight
	return r, nil
}

func matched(s *effect.Study, model *propensity.Model, pairs []matching.Pair, y []float64, o Options) (Result, error) {
	if len(pairs) == 0 {
		return Result{}, fmt.Errorf("matching: nobody has a control within the caliper: %w", analytics.ErrTooFewObservations)
	}
	d, err := matching.DifferenceAdjusted(pairs, y, s.Score)
	if err != nil {
		return Result{}, err
	}
	concordance, err := model.CStatistic()
	if err != nil {
		return Result{}, err
	}
	n := float64(len(pairs))
	r := Result{Estimand: ATT, DF: d.DF, Weight: make([]float64, s.Len())}
	both := propensity.CommonSupport(s, model.Score)
	r.Overlap = &Propensity{Lowest: 1, CommonLow: both.Low, CommonHigh: both.High, Concordance: concordance, MaxWeight: 1}
	for _, e := range model.Score {
		r.Overlap.Lowest, r.Overlap.Highest = math.Min(r.Overlap.Lowest, e), math.Max(r.Overlap.Highest, e)
	}
	for _, p := range pairs {
		r.Weight[p.Treated], r.Weight[p.Control] = 1, 1
		r.Mean1 += y[p.Treated] / n
	}
	r.Mean0 = r.Mean1 - d.Value
	half := dist.TCritical(o.Level, r.DF) * d.StdErr
	r.Estimate = analytics.Estimate{
		Value: d.Value, StdErr: d.StdErr, Lower: d.Value - half, Upper: d.Value + half, Level: o.Level, N: 2 * len(pairs), Method: "matched pairs",
	}
	r.ESS1, r.ESS0 = n, n
	if treated := s.Size(true); n < treated {
		r.Warnings = append(r.Warnings, "some of the treated have no control within the caliper: the effect is about those who have")
	}
	return r, nil
}
