package cohort

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/casemix"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/read"
)

var baselineWord = regexp.MustCompile(`\bbaseline\b`)

// rarely is the share of episodes below which a covariate is left out of the
// model: asking for it would leave too few complete records.
const rarely = 0.5

// caseMix returns the terms of the programme's case-mix model beside baseline,
// and the columns that a modelled record must have for them.
func (s *Source) caseMix(ctx context.Context, p *programme.Programme, m Measure) (terms []moments.Term, columns, left []string, err error) {
	a, err := s.covariates(ctx, p, m, p.CaseMix, eligible(p, m))
	return a.terms, a.columns, a.left, err
}

// adjustment is what a comparison adjusts for beside baseline.
type adjustment struct {
	terms   []moments.Term
	formula []string // the terms as they are written
	columns []string // that a record must have for them
	left    []string // columns that are left out, because too little is known of them
}

// beside is the one-sided formula of baseline and the terms.
func (a adjustment) beside(m Measure) string {
	return "~ " + strings.Join(append([]string{m.Baseline()}, a.formula...), " + ")
}

// covariates turns formula terms into columns that the store can sum. A column
// that is known of fewer than half the episodes, or has one level, is left out
// with its terms. Curves are fitted to the complete records among those asked.
func (s *Source) covariates(ctx context.Context, p *programme.Programme, m Measure, formula []string, among read.Predicate) (a adjustment, err error) {
	levels := map[string][]string{}
	for _, term := range formula {
		own, err := design.Parse("~ " + baselineWord.ReplaceAllString(term, m.Baseline()))
		if err != nil {
			return a, err
		}
		usable := true
		for _, c := range own.Columns() {
			if c == m.Baseline() {
				continue
			}
			known, err := s.known(ctx, p, c, IsFactor(p, term, c))
			if err != nil {
				return a, err
			}
			if known.share < rarely || known.levels != nil && len(known.levels) < 2 {
				usable = false
				a.left = union(a.left, c)
				break
			}
			levels[c] = known.levels
			if !slices.Contains(a.columns, c) {
				a.columns = append(a.columns, c)
			}
		}
		if usable {
			a.formula = append(a.formula, own.String()[2:])
		}
	}
	a.columns = slices.DeleteFunc(a.columns, func(c string) bool { return c == m.Baseline() })
	if len(a.formula) == 0 {
		return a, nil
	}
	all, err := design.Parse("~ " + strings.Join(a.formula, " + "))
	if err != nil {
		return a, err
	}
	known, err := Frequencies(ctx, s.reader, read.Selection{Programme: p.ID, Where: among}, append([]string{m.Baseline(), m.FollowUp()}, a.columns...), all)
	if err != nil {
		return a, err
	}
	a.terms, err = all.Terms(levels, known)
	return a, err
}

// histograms is what Frequencies asks of the store.
type histograms interface {
	Histogram(ctx context.Context, q read.HistogramQuestion) ([]read.Histogram, error)
}

// Frequencies reads how often each value of the columns within a formula's
// poly() and rcs() occurs among the complete people of a selection, which the
// curves are fitted to.
func Frequencies(ctx context.Context, r histograms, of read.Selection, complete []string, f design.Formula) (map[string]design.Frequencies, error) {
	known := map[string]design.Frequencies{}
	for _, column := range f.Curved() {
		found, err := r.Histogram(ctx, read.HistogramQuestion{Selection: of, Column: column, Complete: complete})
		if err != nil {
			return nil, err
		}
		var all design.Frequencies
		for _, h := range found {
			all.Values = h.Values
			for _, n := range h.Counts {
				all.Counts = append(all.Counts, float64(n))
			}
		}
		known[column] = all
	}
	return known, nil
}

// IsFactor says whether a term treats a column as a category.
func IsFactor(p *programme.Programme, term, column string) bool {
	if strings.Contains(term, "factor("+column+")") {
		return true
	}
	if c, ok := p.Covariate(column); ok {
		return c.Kind == programme.Category
	}
	d, ok := programme.LookupDimension(column)
	return ok && d.Kind != programme.KindInteger
}

// knowledge is how much is known of a column.
type knowledge struct {
	share  float64  // of the episodes
	levels []string // of a category, those that occur, in order; the first is the reference
}

// known is what is known of a column. The columns of the programme's own model
// are read together, any other by itself.
func (s *Source) known(ctx context.Context, p *programme.Programme, column string, factor bool) (knowledge, error) {
	columns := caseMixColumns(p)
	if !slices.Contains(columns, column) {
		columns = []string{column}
	}
	all, err := learn(s, fmt.Sprintf("known\x1f%s\x1f%s", p.ID, strings.Join(columns, ",")), func() (map[string]knowledge, error) {
		n, known, err := s.reader.Coverage(ctx, read.Selection{Programme: p.ID}, columns)
		out := map[string]knowledge{}
		for i, c := range known {
			k := knowledge{levels: order(p, columns[i], c.Levels)}
			if n > 0 {
				k.share = float64(c.Present) / float64(n)
			}
			out[columns[i]] = k
		}
		return out, err
	})
	k := all[column]
	if !factor {
		k.levels = nil
	}
	return k, err
}

// caseMixColumns are the columns of the programme's own model but for baseline.
func caseMixColumns(p *programme.Programme) []string {
	var out []string
	for _, term := range p.CaseMix {
		f, err := design.Parse("~ " + term)
		if err != nil {
			continue // the programme's checks have refused it
		}
		for _, c := range f.Columns() {
			if c != programme.Baseline && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// order puts levels in the order that the programme declares, else by name.
func order(p *programme.Programme, column string, levels []string) []string {
	slices.SortFunc(levels, func(a, b string) int { return inOrder([]string{a}, []string{b}) })
	if c, ok := p.Covariate(column); ok && len(c.Levels) > 0 {
		slices.SortStableFunc(levels, func(a, b string) int { return slices.Index(c.Levels, a) - slices.Index(c.Levels, b) })
	}
	return levels
}

// leftOut are the notes on columns and terms that are not in the model: unknown
// are those of which too little is known, collinear those that the data can not
// tell from others.
func leftOut(m Measure, unknown, collinear []string) []string {
	var notes []string
	if len(unknown) > 0 {
		notes = append(notes, "Not in the model of "+m.Name+", because too few people have a value or all have the same: "+strings.Join(unknown, ", ")+".")
	}
	if len(collinear) > 0 {
		notes = append(notes, "Not in the model of "+m.Name+" everywhere, because the data do not tell them apart from the other terms: "+strings.Join(collinear, ", ")+".")
	}
	return notes
}

// notes are the words on the model of a reference.
func (r *reference) notes(m Measure) []string {
	notes := leftOut(m, r.left, r.collinear)
	if r.unfitted {
		of := m.Name
		if len(r.expected) > 0 {
			of += " for every procedure"
		}
		notes = append(notes, "No case-mix model of "+of+": too few records, or scores that do not vary; adjusted figures are missing there.")
	}
	return notes
}

// fit estimates the case-mix model of one procedure from the moments of its
// providers, and names the terms that could not be estimated. There is no model
// (nil) where there are too few records, or nothing varies.
func fit(providers []moments.Matrix) (*expected, []string, error) {
	x := []int{0, atBaseline}
	for i := atRest; i < len(providers[0].Terms); i++ {
		x = append(x, i)
	}
	model, dropped, err := casemix.Fit(providers, atFollowUp, x)
	switch {
	case errors.Is(err, analytics.ErrTooFewObservations), errors.Is(err, analytics.ErrCollinear), errors.Is(err, analytics.ErrZeroVariance):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	var names []string
	for _, i := range dropped {
		names = append(names, providers[0].Terms[i].Name)
	}
	return expectedBy(model), names, nil
}
