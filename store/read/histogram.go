package read

import (
	"context"
	"fmt"
)

// HistogramQuestion asks how often each value of a number occurs.
type HistogramQuestion struct {
	Selection
	Column   string   // a number; who misses it is left out
	Complete []string // further columns that a row must have
	// MaxValues bounds the distinct values of all groups; 0 is DefaultMaxCells.
	MaxValues int
}

// Histogram is the distinct values of a number in one group, ascending, with
// how many people have each.
type Histogram struct {
	Key    []string // one value for each of By; "" where unknown
	Values []float64
	Counts []int64
}

// N returns the number of people.
func (h Histogram) N() int64 {
	var n int64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// Histogram returns the values of a column by group, in the order of the keys:
// to quantiles and rank tests it is the people themselves. A group in which nobody
// has a value is absent; a question without groups has one, which may be empty.
// More than MaxValues is a *TooManyCellsError.
func (r *Reader) Histogram(ctx context.Context, q HistogramQuestion) ([]Histogram, error) {
	name := "histogram of " + r.catalogue().Table()
	p, out, err := r.patterns(ctx, name, func() (*patterns, error) {
		s := newStatement(r.catalogue())
		f, err := s.field(q.Column)
		if err != nil {
			return nil, err
		}
		if f.isCategory() {
			return nil, fmt.Errorf("store: %s: %s is no number: count its levels", name, q.Column)
		}
		return r.newPatterns(ctx, s, q.Selection, []string{q.Column}, append([]string{q.Column}, q.Complete...), q.MaxValues)
	})
	if err != nil {
		return nil, err
	}
	values := p.columns(out)[0].Numbers
	var all []Histogram
	for _, g := range p.spans(out) {
		all = append(all, Histogram{Key: g.Key, Values: values[g.From:g.To], Counts: out.n[g.From:g.To]})
	}
	return all, nil
}
