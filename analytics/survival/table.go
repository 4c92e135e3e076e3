package survival

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/lumbar-health/lumbar/analytics"
)

// Count is how many people of a stratum and group left at a time for a cause
// (0 censored): one row of what the store returns. N may be a sum of weights.
type Count struct {
	Stratum, Group int
	Time           float64
	Cause          int
	N              float64
}

// Table is the risk table: for each stratum and group the times at which
// people left.
type Table struct {
	Groups []string
	Strata int
	Causes int
	cells  [][]history // [stratum][group]
}

// step is one time: Events by cause (place 0 is cause 1), Censored, and AtRisk
// just before.
type step struct {
	Time     float64
	Events   []float64
	Censored float64
	AtRisk   float64
}

// history is the steps of one group, times ascending.
type history []step

// total is the events of every cause.
func (s step) total() float64 {
	var d float64
	for _, v := range s.Events {
		d += v
	}
	return d
}

// NewTable builds the table of counts, in any order; counts of one stratum,
// group, time and cause add up. A group that nobody is in is allowed here and
// refused where it has no answer.
//
//	no counts                                   ErrTooFewObservations
//	a negative or missing time, count or code   ErrInvalidParameter
func NewTable(groups []string, strata, causes int, counts []Count) (*Table, error) {
	if causes < 1 || strata < 1 || len(groups) == 0 {
		return nil, fmt.Errorf("survival: a risk table needs a group, a stratum and a cause: %w", analytics.ErrInvalidParameter)
	}
	sorted := append([]Count(nil), counts...)
	for i, c := range sorted {
		switch {
		case c.Stratum < 0 || c.Stratum >= strata || c.Group < 0 || c.Group >= len(groups) || c.Cause < 0 || c.Cause > causes:
			return nil, fmt.Errorf("survival: row %d: stratum, group or cause is not one of those named: %w", i+1, analytics.ErrInvalidParameter)
		case !(c.Time >= 0) || math.IsInf(c.Time, 0):
			return nil, fmt.Errorf("survival: row %d: a time must be a number, 0 or more: %w", i+1, analytics.ErrInvalidParameter)
		case !(c.N >= 0) || math.IsInf(c.N, 0):
			return nil, fmt.Errorf("survival: row %d: a count or weight must be a number, 0 or more: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	slices.SortFunc(sorted, func(a, b Count) int { return cmp.Compare(a.Time, b.Time) })
	t := &Table{Groups: groups, Strata: strata, Causes: causes, cells: make([][]history, strata)}
	for s := range t.cells {
		t.cells[s] = make([]history, len(groups))
	}
	any := false
	for _, c := range sorted {
		if c.N > 0 {
			any = true
			t.add(c)
		}
	}
	if !any {
		return nil, fmt.Errorf("survival: nobody to follow: %w", analytics.ErrTooFewObservations)
	}
	for _, byGroup := range t.cells {
		for _, h := range byGroup {
			h.cumulate()
		}
	}
	return t, nil
}

// add puts a count at the end of its history.
func (t *Table) add(c Count) {
	h := t.cells[c.Stratum][c.Group]
	if len(h) == 0 || h[len(h)-1].Time != c.Time {
		h = append(h, step{Time: c.Time, Events: make([]float64, t.Causes)})
	}
	last := &h[len(h)-1]
	if c.Cause == 0 {
		last.Censored += c.N
	} else {
		last.Events[c.Cause-1] += c.N
	}
	t.cells[c.Stratum][c.Group] = h
}

// cumulate fills in the people at risk, from the last time down.
func (h history) cumulate() {
	var left float64
	for i := len(h) - 1; i >= 0; i-- {
		left += h[i].total() + h[i].Censored
		h[i].AtRisk = left
	}
}

// TableOf reduces a cohort to the table of its groups, one code a row; causes
// is the number of causes that there may be. Weights multiply counts.
func TableOf(c *Cohort, groups []string, codes []int, causes int) (*Table, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(codes) != c.Len() {
		return nil, fmt.Errorf("survival: %d group codes for %d rows: %w", len(codes), c.Len(), analytics.ErrInvalidParameter)
	}
	counts := make([]Count, c.Len())
	strata := 1
	for i := range counts {
		counts[i] = Count{Stratum: c.stratum(i), Group: codes[i], Time: c.Time[i], Cause: c.Cause[i], N: c.mass(i)}
		strata = max(strata, counts[i].Stratum+1)
	}
	return NewTable(groups, strata, causes, counts)
}

// group is the history of a group over all strata.
func (t *Table) group(g int) history {
	if t.Strata == 1 {
		return t.cells[0][g]
	}
	var all history
	for s := range t.cells {
		for _, st := range t.cells[s][g] {
			all = append(all, step{Time: st.Time, Events: append([]float64(nil), st.Events...), Censored: st.Censored})
		}
	}
	return all.merged()
}

// merged sorts steps by time and adds up those of one time; the steps' events
// are its own.
func (h history) merged() history {
	sort.SliceStable(h, func(i, j int) bool { return h[i].Time < h[j].Time })
	var out history
	for _, s := range h {
		if k := len(out) - 1; k >= 0 && out[k].Time == s.Time {
			for c, d := range s.Events {
				out[k].Events[c] += d
			}
			out[k].Censored += s.Censored
			continue
		}
		out = append(out, s)
	}
	out.cumulate()
	return out
}

// People is how many people, or what weight, the group begins with.
func (t *Table) People(group int) float64 {
	if h := t.group(group); len(h) > 0 {
		return h[0].AtRisk
	}
	return 0
}

// Events is the number of events of a cause in a group.
func (t *Table) Events(group, cause int) float64 {
	var d float64
	for _, s := range t.group(group) {
		d += s.Events[cause-1]
	}
	return d
}

// walk visits the times at which somebody of several histories left, ascending
// and each once: visit gets the time and, for each history, its step there (nil
// where nobody left) and its people at risk.
func walk(groups []history, visit func(time float64, at []*step, atRisk []float64)) {
	place := make([]int, len(groups))
	at := make([]*step, len(groups))
	risk := make([]float64, len(groups))
	for {
		next := math.Inf(1)
		for g, h := range groups {
			if place[g] < len(h) {
				next = math.Min(next, h[place[g]].Time)
			}
		}
		if math.IsInf(next, 1) {
			return
		}
		for g, h := range groups {
			at[g], risk[g] = nil, 0
			if place[g] == len(h) {
				continue
			}
			risk[g] = h[place[g]].AtRisk
			if h[place[g]].Time == next {
				at[g] = &h[place[g]]
				place[g]++
			}
		}
		visit(next, at, risk)
	}
}
