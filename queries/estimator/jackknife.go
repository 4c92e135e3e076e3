package estimator

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/effect"
)

// Sizes of the jackknife: so many groups of people, or clusters, are left out in
// turn, in a study of at most so many people. In a larger one the influence of
// each person says the same in one pass. The error of 200 groups is itself known
// to 5 %.
const (
	jackknifeGroups = 200
	MostJackknifed  = 3000
)

// jackknifed says whether the errors of a study are those of a jackknife: it must
// be small, and its patterns of people with one outcome each.
func jackknifed(s *effect.Study) bool {
	if s.N() > MostJackknifed || s.Clusters() > jackknifeGroups {
		return false
	}
	for i, n := range s.Count {
		if n != math.Trunc(n) || math.Abs(s.SumSq[i]*n-s.Sum[i]*s.Sum[i]) > 1e-9*s.SumSq[i]*n {
			return false
		}
	}
	return true
}

// Jackknife is the standard error of an estimate from leaving out each of G
// groups in turn,
//
//	√((G−1)/G · Σ (θ₍g₎ − θ)²)   with G−1 degrees of freedom,
//
// every model fitted anew. Groups (0 is 200) are of equal size, made by chance
// from a person's values and the seed whatever the order of the rows; with
// clusters each is a group. The influence of single people, which is the same in
// large studies, has errors too small where few people carry much weight: `make
// sim` shows both. Kott (2001), Journal of Official Statistics 17, 521–526.
//
// A pattern must be of people with one outcome. More than a tenth of the groups
// without an estimate: ErrNotConverged. The estimate is asked for from several
// goroutines; the answer does not depend on how many.
func Jackknife(s *effect.Study, value float64, groups int, seed uint64, estimate func(*effect.Study) (float64, error)) (stdErr, df float64, err error) {
	if groups == 0 {
		groups = jackknifeGroups
	}
	values, errs := without(leaveOut(s, groups, seed), estimate)
	var squares float64
	left, last := 0, error(nil)
	for g, err := range errs {
		if err != nil {
			last = err
			continue
		}
		left++
		squares += (values[g] - value) * (values[g] - value)
	}
	if n := len(errs); left < 2 || n-left > n/10 {
		return 0, 0, fmt.Errorf("jackknife: no estimate without some people: %v: %w", last, analytics.ErrNotConverged)
	}
	n := float64(left)
	return math.Sqrt(squares * (n - 1) / n), n - 1, nil
}

// without estimates from each study, as many at once as there are processors.
func without(studies []*effect.Study, estimate func(*effect.Study) (float64, error)) ([]float64, []error) {
	values, errs := make([]float64, len(studies)), make([]error, len(studies))
	next := make(chan int)
	var work sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		work.Go(func() {
			for g := range next {
				values[g], errs[g] = estimate(studies[g])
			}
		})
	}
	for g := range studies {
		next <- g
	}
	close(next)
	work.Wait()
	return values, errs
}

// leaveOut are the studies without each group.
func leaveOut(s *effect.Study, groups int, seed uint64) []*effect.Study {
	type member struct {
		key     uint64
		pattern int
	}
	var people []member
	seen := map[uint64]uint64{}
	for i, n := range s.Count {
		if s.Cluster != nil {
			if n > 0 {
				people = append(people, member{mixed(seed, uint64(s.Cluster[i])), i})
			}
			continue
		}
		own := valuesOf(s, i, seed)
		for range int(n) {
			people = append(people, member{mixed(own, seen[own]), i})
			seen[own]++
		}
	}
	slices.SortStableFunc(people, func(a, b member) int { return cmp.Compare(a.key, b.key) })
	count := min(groups, len(people))
	if s.Cluster != nil {
		count = s.Clusters()
	}
	out := make([]*effect.Study, count)
	for g := range out {
		without := *s
		without.Count, without.Sum, without.SumSq = slices.Clone(s.Count), slices.Clone(s.Sum), slices.Clone(s.SumSq)
		out[g] = &without
	}
	rank := -1
	for k, p := range people {
		if s.Cluster == nil || k == 0 || p.key != people[k-1].key {
			rank++
		}
		g, i := out[rank%count], p.pattern
		if s.Cluster != nil {
			g.Count[i], g.Sum[i], g.SumSq[i] = 0, 0, 0
			continue
		}
		n := s.Count[i]
		g.Count[i]--
		g.Sum[i], g.SumSq[i] = s.Sum[i]/n*g.Count[i], s.SumSq[i]/n*g.Count[i]
	}
	for _, g := range out {
		g.Cluster = nil
	}
	return out
}

// valuesOf hashes a person's arm, covariates and outcome. The outcome is rounded:
// a mean of equal outcomes need not be the outcome to the last bit.
func valuesOf(s *effect.Study, i int, seed uint64) uint64 {
	h := seed
	for _, x := range s.Score.Row(i) {
		h = mixed(h, math.Float64bits(x))
	}
	if s.Treated[i] {
		h = mixed(h, 1)
	}
	if s.Count[i] > 0 {
		h = mixed(h, uint64(int64(math.Round(s.Sum[i]/s.Count[i]*1e6))))
	}
	return h
}

// mixed hashes a pair of numbers.
func mixed(a, b uint64) uint64 {
	h := fnv.New64a()
	var text [16]byte
	binary.LittleEndian.PutUint64(text[:8], a)
	binary.LittleEndian.PutUint64(text[8:], b)
	h.Write(text[:])
	return h.Sum64()
}
