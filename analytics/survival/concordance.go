package survival

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Concordance is Harrell's C of a model: the share of comparable pairs in which
// the person with the earlier event has the higher linear predictor, ties in
// the predictor counting half. StdErr is the infinitesimal jackknife's.
type Concordance struct {
	Value, StdErr               float64
	Concordant, Discordant, Tie float64
}

// roundingTie is the relative difference below which linear predictors are equal.
const roundingTie = 1e-11

// Concordance computes it within strata in O(n log n): a pair is comparable
// when one has the event and the other is followed longer, or is censored at
// the same time. No comparable pair: ErrTooFewObservations; a model of FineGray:
// ErrInvalidParameter. Checked against R's
// survival::concordance 3.5-3. Harrell, Lee and Mark (1996),
// doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4.
func (m *Model) Concordance() (Concordance, error) {
	s := m.rows
	if s.later != nil {
		return Concordance{}, errCompeting("concordance")
	}
	eta := make([]float64, s.n)
	for k := range eta {
		eta[k] = s.eta(k, m.b)
	}
	ranks, distinct := ranked(eta)
	pairs := make([]pairs, s.n)
	for stratum := 0; stratum+1 < len(s.strata); stratum++ {
		asEvent(s, s.strata[stratum], s.strata[stratum+1], ranks, newFenwick(distinct), pairs)
	}
	var c Concordance
	for k, p := range pairs {
		c.Concordant += s.mass[k] * p.concordant
		c.Discordant += s.mass[k] * p.discordant
		c.Tie += s.mass[k] * p.tied
	}
	total := c.Concordant + c.Discordant + c.Tie
	if !(total > 0) {
		return c, fmt.Errorf("survival: concordance: no two people can be compared: %w", analytics.ErrTooFewObservations)
	}
	c.Value = (c.Concordant + c.Tie/2) / total
	for stratum := 0; stratum+1 < len(s.strata); stratum++ {
		asSurvivor(s, s.strata[stratum], s.strata[stratum+1], ranks, newFenwick(distinct), pairs)
	}
	var variance float64
	for k, p := range pairs {
		influence := m.cohort.weight(int(s.order[k])) * (p.concordant + p.tied/2 - c.Value*(p.concordant+p.tied+p.discordant)) / total
		variance += s.people[k] * influence * influence
	}
	c.StdErr = math.Sqrt(variance)
	return c, nil
}

// errCompeting says that a diagnostic is of Cox models only.
func errCompeting(what string) error {
	return fmt.Errorf("survival: %s is not defined here for Fine and Gray's model; fit Cox to the cause: %w", what, analytics.ErrInvalidParameter)
}

// pairs is the mass of those comparable with one person.
type pairs struct{ concordant, discordant, tied float64 }

// asEvent adds the pairs in which a place has the earlier event.
func asEvent(s *sorted, from, to int, ranks []int, later *fenwick, out []pairs) {
	for k := from; k < to; {
		end := k
		for ; end < to && s.time[end] == s.time[k]; end++ {
			if !s.event[end] {
				later.add(ranks[end], s.mass[end])
			}
		}
		for i := k; i < end; i++ {
			if s.event[i] {
				less, equal := later.below(ranks[i])
				out[i].concordant += less
				out[i].tied += equal
				out[i].discordant += later.total - less - equal
			}
		}
		for ; k < end; k++ {
			if s.event[k] {
				later.add(ranks[k], s.mass[k])
			}
		}
	}
}

// asSurvivor adds the pairs in which a place is the one followed longer.
func asSurvivor(s *sorted, from, to int, ranks []int, earlier *fenwick, out []pairs) {
	add := func(i int) {
		less, equal := earlier.below(ranks[i])
		out[i].discordant += less
		out[i].tied += equal
		out[i].concordant += earlier.total - less - equal
	}
	for k := to - 1; k >= from; {
		end := k
		for ; end >= from && s.time[end] == s.time[k]; end-- {
			if s.event[end] {
				add(end)
			}
		}
		for i := k; i > end; i-- {
			if s.event[i] {
				earlier.add(ranks[i], s.mass[i])
			}
		}
		for ; k > end; k-- {
			if !s.event[k] {
				add(k)
			}
		}
	}
}

// ranked gives every value its place among the distinct ones, those equal but
// for rounding sharing one.
func ranked(v []float64) (ranks []int, distinct int) {
	order := make([]int, len(v))
	for i := range order {
		order[i] = i
	}
	sort.Slice(order, func(a, b int) bool { return v[order[a]] < v[order[b]] })
	ranks = make([]int, len(v))
	for i, k := range order {
		if i == 0 || v[k]-v[order[i-1]] > roundingTie*math.Max(1, math.Abs(v[k])) {
			distinct++
		}
		ranks[k] = distinct - 1
	}
	return ranks, distinct
}

// fenwick sums masses by rank.
type fenwick struct {
	tree  []float64
	own   []float64
	total float64
}

func newFenwick(n int) *fenwick { return &fenwick{tree: make([]float64, n+1), own: make([]float64, n)} }

func (f *fenwick) add(rank int, v float64) {
	f.own[rank] += v
	f.total += v
	for i := rank + 1; i < len(f.tree); i += i & -i {
		f.tree[i] += v
	}
}

// below is the mass under a rank and that at it.
func (f *fenwick) below(rank int) (less, equal float64) {
	for i := rank; i > 0; i -= i & -i {
		less += f.tree[i]
	}
	return less, f.own[rank]
}
