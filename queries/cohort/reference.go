package cohort

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/lumbar-health/lumbar/analytics/casemix"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/read"
)

// Places of the terms that every question about outcomes sums; what follows
// them belongs to the expected score.
const (
	atBaseline = 1
	atFollowUp = 2
	atRest     = 3
)

// reference is what a group is held against: all modelled records of the
// programme, whatever the filter, by procedure and year, and how a record's
// follow-up is expected from what was known before.
type reference struct {
	terms    []moments.Term
	complete []string
	// expected is by procedure; one without has no adjusted figures.
	expected map[string]expected
	strata   map[string]stratum
	// left are columns of which too little is known, collinear terms that some
	// model could not estimate; unfitted says that some procedure has no model.
	left, collinear []string
	unfitted        bool
	// by and groups are what the store returned: everybody, so that a question
	// that groups by some of these dimensions needs no scan of its own.
	by     []string
	groups []read.Group
}

// expected is the model of one procedure.
type expected struct {
	residual moments.Combination // follow-up − expected
	lost     int                 // what a residual standard deviation's divisor loses
	sigma    float64             // of all residuals; 0 where each stratum has its own
}

func expectedBy(m casemix.Model) *expected {
	return &expected{residual: m.Residual, lost: m.Lost, sigma: m.Sigma}
}

// stratum is the reference of one procedure and year. gain is signed so that
// positive is better; bias is the mean of follow-up − expected, raw.
type stratum struct {
	n           int64
	gain, bias  float64
	sigma       float64
	hasExpected bool
}

func gainOf(m Measure) moments.Combination {
	return moments.Combination{atBaseline: -m.sign(), atFollowUp: m.sign()}
}

// reference returns the reference of a measure, computed once.
func (s *Source) reference(ctx context.Context, p *programme.Programme, m Measure) (*reference, error) {
	key := "reference\x1f" + p.ID + "\x1f" + m.FollowUp()
	return learn(s, key, func() (*reference, error) {
		r, err := s.newReference(ctx, p, m)
		if err != nil {
			return nil, fmt.Errorf("cohort: reference of %s: %w", m.FollowUp(), err)
		}
		return r, nil
	})
}

// learnReferences reads the references of all measures beside one another.
func (s *Source) learnReferences(ctx context.Context, r Request) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(atOnce)
	for _, m := range r.Measures {
		work.Go(func() error {
			_, err := s.reference(ctx, r.Programme, m)
			return err
		})
	}
	return work.Wait()
}

func (s *Source) newReference(ctx context.Context, p *programme.Programme, m Measure) (*reference, error) {
	terms, complete, left, err := s.modelled(ctx, p, m)
	if err != nil {
		return nil, err
	}
	r := &reference{
		terms: append(scores(m), terms...), complete: complete, left: left,
		expected: map[string]expected{}, strata: map[string]stratum{},
	}
	r.by = strata(p)
	for _, dim := range placesOfCare {
		if fills(p, dim) {
			r.by = append(r.by, dim)
		}
	}
	groups, err := s.reader.Moments(ctx, outcomeQuestion(p, m, r, eligible(p, m), r.by))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(groups, func(a, b read.Group) int { return inOrder(a.Key, b.Key) })
	r.groups = groups
	return r, r.fill(p, m, r.by, groups)
}

// scores are the terms that every question about outcomes sums: atBaseline and
// atFollowUp.
func scores(m Measure) []moments.Term {
	return []moments.Term{moments.Intercept(), moments.Column(m.Baseline()), moments.Column(m.FollowUp())}
}

// modelled returns the columns that a modelled record has, and the terms of its
// expected score beside baseline and follow-up. left are the columns of which too
// little is known.
func (s *Source) modelled(ctx context.Context, p *programme.Programme, m Measure) (terms []moments.Term, complete, left []string, err error) {
	complete = []string{m.Baseline(), m.FollowUp()}
	if p.Expected == programme.ExpectedFromRecord {
		return []moments.Term{moments.Column(m.Predicted())}, append(complete, m.Predicted()), nil, nil
	}
	terms, columns, left, err := s.caseMix(ctx, p, m)
	return terms, append(complete, columns...), left, err
}

// placesOfCare are nested in one another, so that grouping by all of them gives
// hardly more groups than by the smallest.
var placesOfCare = []string{dimProvider, "icb", "region"}

// outcomeQuestion asks for all that a row of outcomes is made of.
func outcomeQuestion(p *programme.Programme, m Measure, ref *reference, who read.Predicate, by []string) read.Question {
	return read.Question{
		Eligible: true, Selection: read.Selection{Programme: p.ID, Where: who, By: by},
		Terms: ref.terms, Complete: ref.complete, Change: &read.Change{Baseline: m.Baseline(), FollowUp: m.FollowUp()},
	}
}

// fill finds the models and sums the strata up.
func (r *reference) fill(p *programme.Programme, m Measure, by []string, groups []read.Group) error {
	perProcedure := map[string]map[string]moments.Matrix{} // and provider
	perStratum := map[string]moments.Matrix{}
	for _, g := range groups {
		if g.Moments.N == 0 {
			continue
		}
		key := stratumKey(p, by, g.Key)
		providers := perProcedure[procedureOf(key)]
		if providers == nil {
			providers = map[string]moments.Matrix{}
			perProcedure[procedureOf(key)] = providers
		}
		if err := mergeInto(providers, providerOf(by, g.Key), g.Moments); err != nil {
			return err
		}
		if err := mergeInto(perStratum, key, g.Moments); err != nil {
			return err
		}
	}
	for _, procedure := range slices.Sorted(maps.Keys(perProcedure)) {
		if p.Expected == programme.ExpectedFromRecord {
			r.expected[procedure] = *expectedBy(casemix.Published(atFollowUp, atRest))
			continue
		}
		var parts []moments.Matrix
		for _, provider := range slices.Sorted(maps.Keys(perProcedure[procedure])) {
			parts = append(parts, perProcedure[procedure][provider])
		}
		model, collinear, err := fit(parts)
		if err != nil {
			return err
		}
		r.collinear = union(r.collinear, collinear...)
		if model == nil {
			r.unfitted = true
			continue
		}
		r.expected[procedure] = *model
	}
	for key, matrix := range perStratum {
		r.strata[key] = r.stratum(m, procedureOf(key), matrix)
	}
	return nil
}

func (r *reference) stratum(m Measure, procedure string, matrix moments.Matrix) stratum {
	s := stratum{n: matrix.N}
	s.gain, _ = gainOf(m).Mean(matrix)
	e, ok := r.expected[procedure]
	if !ok {
		return s
	}
	s.bias, _ = e.residual.Mean(matrix)
	s.sigma, s.hasExpected = e.sigma, true
	if e.sigma == 0 {
		s.sigma, s.hasExpected = e.residual.StdDev(matrix, e.lost)
	}
	return s
}

// against is the reference of one group: that of its strata, each weighted by
// how many of the group are in it.
type against struct {
	n          int64 // records of the reference
	gain, bias float64
	sigma      float64
	adjusts    bool // every stratum has an expected score
}

func (r *reference) against(weights map[string]int64) against {
	a := against{adjusts: true}
	var total, variance float64
	for _, n := range weights {
		total += float64(n)
	}
	for _, key := range slices.Sorted(maps.Keys(weights)) {
		s, w := r.strata[key], float64(weights[key])/total
		a.n += s.n
		a.gain += w * s.gain
		a.bias += w * s.bias
		variance += w * s.sigma * s.sigma
		a.adjusts = a.adjusts && s.hasExpected
	}
	a.sigma = math.Sqrt(variance)
	return a
}

// stratumKey is procedure and year of a group's key.
func stratumKey(p *programme.Programme, by, key []string) string {
	values := pick(key, by, strata(p))
	if len(values) == 1 {
		values = []string{"", values[0]}
	}
	return strings.Join(values, "\x1f")
}

// providerOf is the provider of a group's key; "" where people are not grouped by it.
func providerOf(by, key []string) string {
	if at := slices.Index(by, dimProvider); at >= 0 {
		return key[at]
	}
	return ""
}

func procedureOf(key string) string { return key[:strings.Index(key, "\x1f")] }

func mergeInto(all map[string]moments.Matrix, key string, m moments.Matrix) error {
	have, ok := all[key]
	if !ok {
		all[key] = m
		return nil
	}
	sum, err := moments.Merge(have, m)
	if err != nil {
		return err
	}
	all[key] = sum
	return nil
}
