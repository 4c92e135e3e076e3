package read

import (
	"context"
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/store/schema"
)

// RiskQuestion asks how many people had an event, and how many were last seen
// without one, at each time.
type RiskQuestion struct {
	Selection
	// Columns are covariates: each of their patterns has rows of its own.
	Columns []string
	// Time is a number and Status a category: what happened then. Who misses one
	// is left out.
	Time, Status string
	// Censored is the level of Status that is no event; empty: "0". All others
	// are causes.
	Censored string
	// Duration, where set, stands for Time and Status.
	Duration *Duration
	// Complete are further columns that a row must have.
	Complete []string
	// MaxCells bounds the rows; 0 is DefaultMaxCells.
	MaxCells int
}

// Risk is what happened by time, ascending within each pattern of the columns
// within each group. Sums of it from the last time back are the numbers at risk.
type Risk struct {
	Causes   []string
	Groups   []Span // in the order of their keys; one where nothing is grouped by
	Columns  []Column
	Time     []float64 // of a Duration, in days
	Events   [][]int64 // of each cause: one number a row
	Censored []int64
}

// Len returns the number of rows of all groups.
func (r *Risk) Len() int { return len(r.Time) }

// Risk returns the events by time: to the Kaplan–Meier curve, the log-rank test
// and Cox's model they are the people themselves. More than MaxCells patterns of
// columns, time and status are a *TooManyCellsError.
func (r *Reader) Risk(ctx context.Context, q RiskQuestion) (*Risk, error) {
	if q.Censored == "" {
		q.Censored = "0"
	}
	p, out, err := r.patterns(ctx, "risk table of "+r.catalogue().Table(), func() (*patterns, error) { return r.risk(ctx, q) })
	if err != nil {
		return nil, err
	}
	status := p.codings[len(p.codings)-1]
	if q.Duration != nil {
		return p.pivot(out, q.Duration.names(), func(code uint64) int { return int(code) - 2 }), nil
	}
	causes := slices.Clone(status.levels)
	none := slices.Index(causes, q.Censored)
	if none >= 0 {
		causes = slices.Delete(causes, none, none+1)
	}
	return p.pivot(out, causes, func(code uint64) int {
		switch at := int(code) - 1; {
		case at == none:
			return -1
		case none >= 0 && at > none:
			return at - 1
		default:
			return at
		}
	}), nil
}

// risk writes the question: the codings of groups and columns, then that of the
// time and that of the status.
func (r *Reader) risk(ctx context.Context, q RiskQuestion) (*patterns, error) {
	s := newStatement(r.catalogue())
	needed := append(append([]string{}, q.Complete...), q.Columns...)
	if q.Duration == nil {
		f, err := s.field(q.Time)
		if err != nil {
			return nil, err
		}
		status, err := s.field(q.Status)
		switch {
		case err != nil:
			return nil, err
		case f.isCategory():
			return nil, fmt.Errorf("store: the time %s is no number", q.Time)
		case status.key == "":
			return nil, fmt.Errorf("store: the status %s is a measurement: it must be a category", q.Status)
		}
		// Grouped by, a status is the text of its level, also where it is a number.
		sel := q.Selection
		sel.By = append(slices.Clone(sel.By), q.Status)
		p, err := r.newPatterns(ctx, s, sel, append(slices.Clone(q.Columns), q.Time), append(needed, q.Time, q.Status), q.MaxCells)
		if err != nil {
			return nil, err
		}
		p.by--
		at := p.codings[p.by]
		p.codings = append(slices.Delete(p.codings, p.by, p.by+1), at)
		return p, nil
	}
	p, err := r.newPatterns(ctx, s, q.Selection, q.Columns, needed, q.MaxCells)
	if err != nil {
		return nil, err
	}
	return p, p.during(*q.Duration)
}

// pivot joins the rows of one time that differ in their status only.
func (p *patterns) pivot(out *counted, causes []string, cause func(code uint64) int) *Risk {
	last := len(p.codings) - 1
	risk := &Risk{Causes: causes, Events: make([][]int64, len(causes))}
	var kept []int
	for i := range out.n {
		if i == 0 || !sameCodes(out.codes[:last], i-1, i) {
			kept = append(kept, i)
			risk.Censored = append(risk.Censored, 0)
			for k := range causes {
				risk.Events[k] = append(risk.Events[k], 0)
			}
		}
		row := len(kept) - 1
		if k := cause(out.codes[last][i]); k >= 0 {
			risk.Events[k][row] += out.n[i]
		} else {
			risk.Censored[row] += out.n[i]
		}
	}
	rows := &counted{codes: make([][]uint64, last), n: make([]int64, len(kept))}
	for c := range rows.codes {
		for _, i := range kept {
			rows.codes[c] = append(rows.codes[c], out.codes[c][i])
		}
	}
	shorter := *p
	shorter.codings = p.codings[:last]
	columns := shorter.columns(rows)
	risk.Groups, risk.Columns, risk.Time = shorter.spans(rows), columns[:len(columns)-1], columns[len(columns)-1].Numbers
	return risk
}

// days is a number of days as a field: it has no column.
func days(value string) field {
	return field{name: "time", kind: schema.Integer, value: value, present: "1", unit: 1, bound: lastDay - firstDay}
}
