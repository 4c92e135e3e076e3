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
// new cells leave of an older one, and what the older ones leave of a new one.
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
