package disclosure

import (
	"cmp"
	"slices"
)

// finding gathers which cells of a question may not be told.
type finding struct {
	cells    map[string]int64 // of the question, and those of its shape told before
	told     map[string]int64 // told before: nothing is gained by withholding them
	withheld map[string]bool
}

// against compares with one older shape: the difference of two cells, what the
// new cells leave of an older one, what the older ones leave of a new one, and
// what cells that cover one of the other side hold beyond it.
// whole says that pairs lists every pair that shares people.
func (f *finding) against(old *shape, pairs []overlap, whole bool) {
	slices.SortFunc(pairs, func(a, b overlap) int {
		return cmp.Or(cmp.Compare(a.before, b.before), cmp.Compare(a.now, b.now))
	})
	for _, p := range pairs {
		if small(f.cells[p.now] + old.told[p.before] - 2*p.n) {
			f.withhold(p.now)
		}
	}
	if !whole {
		return
	}
	f.leftOfNew(old, pairs)
	f.leftOfOld(old, pairs)
	f.beyondNew(old, pairs)
	f.beyondOld(old, pairs)
}

func (f *finding) withhold(key string) bool {
	if _, known := f.told[key]; known || f.withheld[key] {
		return false
	}
	f.withheld[key] = true
	return true
}

// leftOfNew withholds a new cell of which older ones within it leave 1–7.
func (f *finding) leftOfNew(old *shape, pairs []overlap) {
	left := map[string]int64{}
	for _, p := range pairs {
		if p.n != old.told[p.before] {
			continue
		}
		if _, seen := left[p.now]; !seen {
			left[p.now] = f.cells[p.now]
		}
		left[p.now] -= p.n
	}
	for key, n := range left {
		if small(n) {
			f.withhold(key)
		}
	}
}

// leftOfOld withholds the smallest new cells within an older one until what
// the shown ones leave of it is none or at least 8.
func (f *finding) leftOfOld(old *shape, pairs []overlap) {
	for start := 0; start < len(pairs); {
		end := start
		for end < len(pairs) && pairs[end].before == pairs[start].before {
			end++
		}
		left := old.told[pairs[start].before]
		var parts []overlap
		for _, p := range pairs[start:end] {
			if p.n == f.cells[p.now] && !f.withheld[p.now] {
				parts = append(parts, p)
				left -= p.n
			}
		}
		slices.SortStableFunc(parts, func(a, b overlap) int { return cmp.Compare(a.n, b.n) })
		for _, p := range parts {
			if !small(left) {
				break
			}
			if f.withhold(p.now) {
				left += p.n
			}
		}
		start = end
	}
}

// beyondNew withholds a new cell that older ones cover with 1–7 others.
func (f *finding) beyondNew(old *shape, pairs []overlap) {
	covered, sum := map[string]int64{}, map[string]int64{}
	for _, p := range pairs {
		covered[p.now] += p.n
		sum[p.now] += old.told[p.before]
	}
	for key, n := range covered {
		if n == f.cells[key] && small(sum[key]-n) {
			f.withhold(key)
		}
	}
}

// beyondOld withholds the smallest of the new cells that cover an older one with
// 1–7 others: what remains covers it no longer.
func (f *finding) beyondOld(old *shape, pairs []overlap) {
	for start := 0; start < len(pairs); {
		end := start
		var covered, sum int64
		var parts []string
		for ; end < len(pairs) && pairs[end].before == pairs[start].before; end++ {
			if p := pairs[end]; !f.withheld[p.now] {
				covered, sum = covered+p.n, sum+f.cells[p.now]
				parts = append(parts, p.now)
			}
		}
		if covered == old.told[pairs[start].before] && small(sum-covered) {
			slices.SortStableFunc(parts, func(a, b string) int { return cmp.Compare(f.cells[a], f.cells[b]) })
			for _, part := range parts {
				if f.withhold(part) {
					break
				}
			}
		}
		start = end
	}
}
