package cohort

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
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
	return s.covariates(ctx, p, m, p.CaseMix)
}

// covariates turns formula terms into columns that the store can sum. A column
// that is known of fewer than half the episodes, or has one level, is left out
// with its terms.
func (s *Source) covariates(ctx context.Context, p *programme.Programme, m Measure, formula []string) (terms []moments.Term, columns, left []string, err error) {
	levels := map[string][]string{}
	var kept []string
	for _, term := range formula {
		own, err := design.Parse("~ " + baselineWord.ReplaceAllString(term, m.Baseline()))
		if err != nil {
			return nil, nil, nil, err
		}
		usable := true
		for _, c := range own.Columns() {
			if c == m.Baseline() {
				continue
			}
			known, err := s.known(ctx, p, c, IsFactor(p, term, c))
			if err != nil {
				return nil, nil, nil, err
			}
			if known.share < rarely || known.levels != nil && len(known.levels) < 2 {
				usable = false
				left = union(left, c)
				break
			}
			levels[c] = known.levels
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
		if usable {
			kept = append(kept, own.String()[2:])
		}
	}
	if len(kept) == 0 {
		return nil, nil, left, nil
	}
	all, err := design.Parse("~ " + strings.Join(kept, " + "))
	if err != nil {
		return nil, nil, nil, err
	}
	terms, err = all.Terms(levels)
	return terms, slices.DeleteFunc(columns, func(c string) bool { return c == m.Baseline() }), left, err
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

// leftOut is the note on columns and terms that are not in the model.
func leftOut(m Measure, names []string) []string {
	if len(names) == 0 {
		return nil
	}
	return []string{"Not in the model of " + m.Name + ", because too few people have a value or all have the same: " + strings.Join(names, ", ") + "."}
}

// fit estimates the case-mix model of one procedure from the moments of its
// providers (and years): slopes within providers, then the constant by which
// the expected scores have the mean of the observed ones, and
//
//	σ² = Σ(follow-up − expected)²/(n − p)
//
// with p the slopes and the constant. Expected scores are not capped at the
// ends of the scale: moments can not. A term that does not vary, or is a
// combination of others, is left out and named. No model (nil) is fitted to
// fewer records than twice its coefficients.
func fit(providers []moments.Matrix) (*expected, []string, error) {
	total, err := moments.MergeAll(providers)
	if err != nil {
		return nil, nil, err
	}
	pooled := withinProviders(providers, total)
	x, left, slopes := []int{0}, []string(nil), []float64{0}
	for i := atBaseline; i < len(total.Terms); i++ {
		if i == atFollowUp {
			continue
		}
		f, err := linear.FromMoments(pooled, atFollowUp, append(slices.Clone(x), i))
		switch {
		case errors.Is(err, analytics.ErrCollinear):
			left = append(left, total.Terms[i].Name)
		case errors.Is(err, analytics.ErrTooFewObservations):
			return nil, nil, nil
		case err != nil:
			return nil, nil, err
		default:
			x, slopes = append(x, i), f.Coef
		}
	}
	if total.N < 2*int64(len(x)) || len(x) == 1 {
		return nil, nil, nil
	}
	residual := make(combination, len(total.Terms))
	residual[atFollowUp] = 1
	for k, i := range x[1:] {
		residual[i] = -slopes[k+1]
	}
	constant, _ := residual.mean(total)
	residual[0] = -constant
	sigma, ok := residual.standardDeviation(total, len(x))
	if !ok || sigma == 0 {
		return nil, nil, nil
	}
	return &expected{residual: residual, lost: len(x), sigma: sigma}, left, nil
}

// withinProviders pools the cross-products about each provider's own means.
func withinProviders(providers []moments.Matrix, total moments.Matrix) moments.Matrix {
	pooled := moments.New(total.Terms, make([]int64, len(total.Terms)))
	pooled.N = total.N
	pooled.Float[0] = float64(total.N)
	for _, m := range providers {
		for i := 1; i < len(m.Terms); i++ {
			for j := 1; j <= i; j++ {
				pooled.Float[moments.Cell(i, j)] += m.Centred(i, j)
			}
		}
	}
	return pooled
}
