package matching

import (
	"fmt"
	"math"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Order says which treated person chooses first.
type Order int

// The orders: the largest distance measure first, equal ones in row order; or
// row order.
const (
	LargestFirst Order = iota
	RowOrder
)

// ParseOrder reads largest or data; anything else is ErrInvalidParameter.
func ParseOrder(name string) (Order, error) {
	switch name {
	case "", "largest":
		return LargestFirst, nil
	case "data":
		return RowOrder, nil
	}
	return 0, fmt.Errorf("matching: order %q, have largest and data: %w", name, analytics.ErrInvalidParameter)
}

// Pair is a treated person and the control matched to it, by place.
type Pair struct{ Treated, Control int }

// Nearest matches each treated person one control without replacement: in the
// order given each takes the closest control not yet taken whose distance is at
// most caliper (+Inf for none), ties going to the lowest place. The pairs are
// in the order of the treated.
//
//	lengths that differ, a caliper below zero or NaN, NaN measures   ErrInvalidParameter
//	an arm without people                                            ErrTooFewObservations
//
// Takes n·log n time. The pairs are those of R's Matching::Match 4.10-8
// (replace = FALSE, ties = FALSE). Austin (2011), doi:10.1002/pst.433.
func Nearest(measure []float64, treated []bool, caliper float64, order Order) ([]Pair, error) {
	if !(caliper >= 0) {
		return nil, fmt.Errorf("matching: caliper %v, need 0 or more: %w", caliper, analytics.ErrInvalidParameter)
	}
	chooser, pool, err := split(measure, treated)
	if err != nil {
		return nil, err
	}
	if order == LargestFirst {
		sort.SliceStable(chooser, func(a, b int) bool { return measure[chooser[a]] > measure[chooser[b]] })
	}
	q := newQueues(measure, pool)
	var pairs []Pair
	for _, i := range chooser {
		if j, ok := q.take(measure[i], caliper); ok {
			pairs = append(pairs, Pair{i, j})
		}
	}
	sort.Slice(pairs, func(a, b int) bool { return pairs[a].Treated < pairs[b].Treated })
	return pairs, nil
}

// split lists the people of each arm by place.
func split(measure []float64, treated []bool) (chooser, pool []int, err error) {
	if len(measure) != len(treated) {
		return nil, nil, fmt.Errorf("matching: %d measures for %d people: %w", len(measure), len(treated), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("matching: measure", measure); err != nil {
		return nil, nil, err
	}
	for i, t := range treated {
		if t {
			chooser = append(chooser, i)
		} else {
			pool = append(pool, i)
		}
	}
	if len(chooser) == 0 || len(pool) == 0 {
		return nil, nil, fmt.Errorf("matching: %d treated and %d controls: %w", len(chooser), len(pool), analytics.ErrTooFewObservations)
	}
	return chooser, pool, nil
}

// queues holds the controls that are left: one queue a distinct value,
// ascending, and for each value the nearest one to either side that is not empty.
type queues struct {
	values      []float64
	members     [][]int // in row order
	left, right []int   // forests of pointers, paths halved on the way
}

func newQueues(measure []float64, pool []int) *queues {
	sorted := append([]int(nil), pool...)
	sort.SliceStable(sorted, func(a, b int) bool { return measure[sorted[a]] < measure[sorted[b]] })
	q := &queues{}
	for _, i := range sorted {
		if k := len(q.values) - 1; k >= 0 && q.values[k] == measure[i] {
			q.members[k] = append(q.members[k], i)
			continue
		}
		q.values, q.members = append(q.values, measure[i]), append(q.members, []int{i})
	}
	// Place k of the values is k+1 of the pointers; 0 and the last are walls.
	q.left, q.right = make([]int, len(q.values)+2), make([]int, len(q.values)+2)
	for k := range q.left {
		q.left[k], q.right[k] = k, k
	}
	return q
}

// follow returns the first place not empty along the pointers.
func follow(next []int, k int) int {
	for next[k] != k {
		next[k] = next[next[k]]
		k = next[k]
	}
	return k
}

// take removes and returns the control closest to x, the lowest place among
// those whose distance is the same.
func (q *queues) take(x, caliper float64) (place int, ok bool) {
	wall := len(q.values) + 1
	at := sort.SearchFloat64s(q.values, x) + 1
	best, place := math.Inf(1), -1
	chosen := 0
	consider := func(k int) bool {
		d := math.Abs(q.values[k-1] - x)
		if d > best {
			return false
		}
		if head := q.members[k-1][0]; d < best || head < place {
			best, place, chosen = d, head, k
		}
		return true
	}
	for k := follow(q.right, min(at, wall)); k < wall && consider(k); {
		k = follow(q.right, k+1)
	}
	for k := follow(q.left, at-1); k > 0 && consider(k); {
		k = follow(q.left, k-1)
	}
	if place < 0 || best > caliper {
		return 0, false
	}
	if q.members[chosen-1] = q.members[chosen-1][1:]; len(q.members[chosen-1]) == 0 {
		q.left[chosen], q.right[chosen] = chosen-1, chosen+1
	}
	return place, true
}

// PairedDifference is the mean of y(treated) − y(control) over pairs. StdErr is
// sd/√pairs, ClusterStdErr that of the regression on the treatment clustered by
// pair (CR1S). Both are nil for one pair.
type PairedDifference struct {
	Value                 float64
	StdErr, ClusterStdErr *float64
}

// Difference compares an outcome within pairs. No pair: ErrTooFewObservations.
func Difference(pairs []Pair, y []float64) (PairedDifference, error) {
	n := float64(len(pairs))
	if n == 0 {
		return PairedDifference{}, fmt.Errorf("matching: no pair: nobody has a control within the caliper; widen it: %w", analytics.ErrTooFewObservations)
	}
	var sum, squares float64
	for _, p := range pairs {
		sum += y[p.Treated] - y[p.Control]
	}
	out := PairedDifference{Value: sum / n}
	for _, p := range pairs {
		d := y[p.Treated] - y[p.Control] - out.Value
		squares += d * d
	}
	if n > 1 {
		se := math.Sqrt(squares / (n - 1) / n)
		cluster := se * math.Sqrt((2*n-1)/(2*n-2))
		out.StdErr, out.ClusterStdErr = &se, &cluster
	}
	return out, nil
}
