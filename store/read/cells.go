package read

import (
	"context"
	"fmt"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// CellQuestion asks for people grouped by equal covariates.
type CellQuestion struct {
	Selection
	// Columns are the covariates and the treatment: numbers and days by their
	// values, the others by their levels.
	Columns []string
	// Response is the column whose Σy and Σy² are asked; empty: none. It may
	// stand among the columns too.
	Response string
	// Unanswered also counts those who have every column but no response.
	Unanswered bool
	// Missing makes a missing value of a column a value of its own; else whoever
	// misses one is left out.
	Missing bool
	// Complete are further columns that a row must have.
	Complete []string
	// MaxCells bounds the patterns; 0 is DefaultMaxCells.
	MaxCells int
}

// Cells are the distinct patterns of some columns within each group, sorted by
// the columns' values, with what the people of each hold.
type Cells struct {
	Groups   []Span   // in the order of their keys; one where nothing is grouped by
	Columns  []Column // the patterns, in the order of the question
	Count    []int64  // people in the pattern
	Answered []int64  // those among them who have a response; nil without one
	Sum      []float64
	SumSq    []float64 // Σy and Σy² over those, in points; nil without a response
	// Exact says that the sums are of whole units, divided once: the same to the
	// bit whatever the order of the rows. Others agree to 1e-12.
	Exact bool
}

// Len returns the number of patterns of all groups.
func (c *Cells) Len() int { return len(c.Count) }

// Cells returns the distinct patterns of the question's columns, one group at a
// time: to a regression on these columns they are the people themselves (Wong et
// al. 2021, arXiv:2102.11297). What a question's answer would hold beyond
// MaxCells is never sent: a *TooManyCellsError says which columns to band.
func (r *Reader) Cells(ctx context.Context, q CellQuestion) (*Cells, error) {
	p, out, err := r.patterns(ctx, "cells of "+r.catalogue().Table(), func() (*patterns, error) { return r.cells(ctx, q) })
	if err != nil {
		return nil, err
	}
	return &Cells{
		Groups: p.spans(out), Columns: p.columns(out), Count: out.n, Answered: out.answered, Sum: out.sum, SumSq: out.sumSq,
		Exact: p.response == nil || p.response.unit > 0,
	}, nil
}

// cells writes the question.
func (r *Reader) cells(ctx context.Context, q CellQuestion) (*patterns, error) {
	s := newStatement(r.catalogue())
	needed := append([]string{}, q.Complete...)
	if !q.Missing {
		needed = append(needed, q.Columns...)
	}
	p, err := r.newPatterns(ctx, s, q.Selection, q.Columns, needed, q.MaxCells)
	if err != nil {
		return nil, err
	}
	p.missing = q.Missing
	if q.Response == "" {
		return p, nil
	}
	f, err := s.field(q.Response)
	if err != nil {
		return nil, err
	}
	if f.isCategory() {
		return nil, fmt.Errorf("store: the response %s is no number: ask for it as a column", q.Response)
	}
	response, _, err := s.term(moments.Column(q.Response))
	if err != nil {
		return nil, err
	}
	p.response = &response
	if q.Unanswered {
		p.answered = f.present
	} else {
		p.conditions = append(p.conditions, "("+f.present+")")
	}
	return p, nil
}

// newPatterns writes what questions about patterns share.
func (r *Reader) newPatterns(ctx context.Context, s *statement, sel Selection, columns, needed []string, most int) (*patterns, error) {
	source, err := s.source(sel)
	if err != nil {
		return nil, err
	}
	complete, err := s.complete(needed)
	if err != nil {
		return nil, err
	}
	codings, err := r.code(ctx, s, sel, columns)
	if err != nil {
		return nil, err
	}
	if most <= 0 {
		most = DefaultMaxCells
	}
	return &patterns{s: s, source: source, by: len(sel.By), codings: codings, conditions: []string{complete}, most: most}, nil
}
