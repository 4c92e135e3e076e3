package estimator

import (
	"cmp"
	"encoding/binary"
	"fmt"
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

// shuffled puts people in an order that their values and a seed make, whatever
// the order they came in: in row order a tie between controls would go to
// whoever stands first, which the outcome may have decided.
func shuffled(s *effect.Study, y []float64, seed uint64) []int {
	keys := make([]uint64, len(y))
	for i := range keys {
		h := fnv.New64a()
		add := func(v uint64) {
			var b [8]byte
			binary.LittleEndian.PutUint64(b[:], v)
			h.Write(b[:])
		}
		add(seed)
		for _, x := range s.Score.Row(i) {
			add(math.Float64bits(x))
		}
		add(math.Float64bits(y[i]))
		keys[i] = h.Sum64()
	}
	order := make([]int, len(y))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[a], keys[b]) })
	return order
}

// Match pairs each treated person with the nearest control on the logit of the
// propensity score, one to one without replacement, the largest score first,
// within a caliper of 0.2 standard deviations, and compares the outcome within
// pairs. Among people of equal scores chance decides, by the seed. The errors take the pairs as clusters and the score as known. The study
// must be of people, one a pattern: else ErrInvalidParameter. No pair within the
// caliper, or one alone: ErrTooFewObservations.
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
	d, err := matching.Difference(pairs, y)
	if err != nil {
		return Result{}, err
	}
	if d.ClusterStdErr == nil {
		return Result{}, fmt.Errorf("matching: one pair lies within the caliper, need 2: %w", analytics.ErrTooFewObservations)
	}
	concordance, err := model.CStatistic()
	if err != nil {
		return Result{}, err
	}
	n := float64(len(pairs))
	r := Result{Estimand: ATT, DF: n - 1, Weight: make([]float64, s.Len())}
	both := propensity.CommonSupport(s, model.Score)
	r.Overlap = &Propensity{Lowest: 1, CommonLow: both.Low, CommonHigh: both.High, Concordance: concordance, MaxWeight: 1}
	for _, e := range model.Score {
		r.Overlap.Lowest, r.Overlap.Highest = math.Min(r.Overlap.Lowest, e), math.Max(r.Overlap.Highest, e)
	}
	for _, p := range pairs {
		r.Weight[p.Treated], r.Weight[p.Control] = 1, 1
		r.Mean1, r.Mean0 = r.Mean1+y[p.Treated]/n, r.Mean0+y[p.Control]/n
	}
	half := dist.TCritical(o.Level, r.DF) * *d.ClusterStdErr
	r.Estimate = analytics.Estimate{
		Value: d.Value, StdErr: *d.ClusterStdErr, Lower: d.Value - half, Upper: d.Value + half, Level: o.Level, N: 2 * len(pairs), Method: "matched pairs",
	}
	r.ESS1, r.ESS0 = n, n
	if treated := s.Size(true); n < treated {
		r.Warnings = append(r.Warnings, "some of the treated have no control within the caliper: the effect is about those who have")
	}
	return r, nil
}
