package study

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/design"
)

// fileSource answers a protocol from the rows of a file.
type fileSource struct {
	*rows
	steps []step
	all   *design.Table // of both arms, whether or not anything is missing
}

// openFile reads the file, applies the protocol's steps and builds the design.
func (p *Protocol) openFile() (*fileSource, error) {
	s, err := p.readSheet()
	if err != nil {
		return nil, err
	}
	f := &fileSource{}
	if s, f.steps, err = p.keepArms(s); err != nil {
		return nil, err
	}
	t, err := s.table()
	if err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	if f.all, err = p.withTreatment(s, t); err != nil {
		return nil, err
	}
	if f.rows, err = p.rowsOf(f.all); err != nil {
		return nil, err
	}
	f.steps = append(f.steps, step{"complete outcome and covariates", int64(f.matrix.N)})
	return f, nil
}

func (f *fileSource) attrition(context.Context) ([]step, error) { return f.steps, nil }

func (f *fileSource) exact() bool { return false }

func (f *fileSource) everybody(context.Context) (*design.Table, error) { return f.all, nil }

// keepArms keeps the rows of the two arms that are eligible, and counts.
func (p *Protocol) keepArms(s *sheet) (*sheet, []step, error) {
	steps := []step{{"all people", int64(len(s.rows))}}
	condition, err := p.eligible()
	if err != nil {
		return nil, nil, err
	}
	if condition != nil {
		keep, err := s.holds(condition)
		if err != nil {
			return nil, nil, err
		}
		s = s.filter(keep)
		steps = append(steps, step{"eligible: " + p.Eligibility, int64(len(s.rows))})
	}
	at, err := s.place(p.Treatment.Column)
	if err != nil {
		return nil, nil, err
	}
	s = s.filter(s.matching(func(line []string) bool { return !s.missing(line[at]) }))
	steps = append(steps, step{"treatment recorded", int64(len(s.rows))})
	arms := []string{p.treated(), p.control()}
	s = s.filter(s.matching(func(line []string) bool { return slices.Contains(arms, strings.TrimSpace(line[at])) }))
	steps = append(steps, step{"in one of the two arms", int64(len(s.rows))})
	for _, arm := range arms {
		if !slices.ContainsFunc(s.rows, func(line []string) bool { return strings.TrimSpace(line[at]) == arm }) {
			return nil, nil, fmt.Errorf("study: nobody is in the arm %q of column %q%s: check how the file writes it", arm, p.Treatment.Column, p.amongEligible())
		}
	}
	return s, steps, nil
}

// amongEligible says of whom, where the protocol restricts them.
func (p *Protocol) amongEligible() string {
	if p.Eligibility == "" {
		return ""
	}
	return " among those eligible"
}

func (s *sheet) matching(f func(line []string) bool) []bool {
	keep := make([]bool, len(s.rows))
	for i, line := range s.rows {
		keep[i] = f(line)
	}
	return keep
}

func (s *sheet) filter(keep []bool) *sheet {
	out := &sheet{names: s.names, na: s.na}
	for i, line := range s.rows {
		if keep[i] {
			out.rows = append(out.rows, line)
		}
	}
	return out
}

func (p *Protocol) withTreatment(s *sheet, t *design.Table) (*design.Table, error) {
	at, err := s.place(p.Treatment.Column)
	if err != nil {
		return nil, err
	}
	treated := make([]float64, len(s.rows))
	for i, line := range s.rows {
		if strings.TrimSpace(line[at]) == p.treated() {
			treated[i] = 1
		}
	}
	return t.With(design.Column{Name: treatedTerm, Values: treated})
}
