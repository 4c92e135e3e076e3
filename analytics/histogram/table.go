package histogram

import "sort"

// Table is several samples side by side: Counts[g][i] people of sample g have
// Values[i], which ascend and of which each occurs in some sample.
type Table struct {
	Values []float64
	Counts [][]int64
}

// Align lays samples side by side over the values of all.
func Align(samples ...Histogram) Table {
	all := Merge(samples...)
	t := Table{Values: all.Values, Counts: make([][]int64, len(samples))}
	for g, s := range samples {
		t.Counts[g] = make([]int64, len(all.Values))
		for i, v := range s.Values {
			t.Counts[g][sort.SearchFloat64s(all.Values, v)] = s.Counts[i]
		}
	}
	return t
}

// Pooled returns the union of the samples.
func (t Table) Pooled() Histogram {
	h := Histogram{Values: t.Values, Counts: make([]int64, len(t.Values))}
	for _, counts := range t.Counts {
		for i, c := range counts {
			h.Counts[i] += c
		}
	}
	return h
}

// MidRanks returns the rank of each value, ties sharing their mean rank.
func (h Histogram) MidRanks() []float64 {
	out := make([]float64, len(h.Values))
	var below int64
	for i, c := range h.Counts {
		out[i] = float64(below) + float64(c+1)/2
		below += c
	}
	return out
}

// Ties returns Σ(t³ − t) over the tied groups, 0 where every value is single.
func (h Histogram) Ties() float64 {
	var s float64
	for _, c := range h.Counts {
		t := float64(c)
		s += t * (t - 1) * (t + 1)
	}
	return s
}
