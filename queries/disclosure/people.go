package disclosure

import (
	"slices"
	"strings"
)

// People says who counts in a cohort: the episodes of some procedures, with a
// value in each of some columns.
type People struct {
	Asked []string // procedures; empty: all
	Needs []string // columns; empty: of whom nothing but the number is told
}

// String names the people: two sets of the same name are the same.
func (p People) String() string {
	return strings.Join(sorted(p.Needs), "+") + "|" + strings.Join(sorted(p.Asked), "+")
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// within says whether all of p are in q: no wider in procedures, no fewer columns.
func (p People) within(q People) bool {
	return (len(q.Asked) == 0 || len(p.Asked) > 0 && within(p.Asked, q.Asked)) && within(q.Needs, p.Needs)
}

// nested says whether cohorts of p and q are to be compared: one is within the
// other, and the same kind of thing is told of both. Of the eligible only
// rounded numbers are told, so that they are compared with eligible alone: a
// number less a number of those with a complete record is what rounding hides.
func (p People) nested(q People) bool {
	return (len(p.Needs) == 0) == (len(q.Needs) == 0) && (p.within(q) || q.within(p))
}
