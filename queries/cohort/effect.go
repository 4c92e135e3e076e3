package cohort

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// cells are the people of a comparison as an estimator needs them, of all its
// groups.
type cells struct {
	columns          []read.Column // the intervention first, then covariates; last the provider, where it is known
	count, sum, sqrs []float64
	groups           map[string]read.Span // by CellKey
	byProvider       bool
}

// cells reads the patterns of the comparison in one scan: with the provider,
// which clustered errors need, unless there are then too many of them. Matching
// takes people one by one.
func (s *Source) cells(ctx context.Context, d *comparison) (*cells, error) {
	columns := []string{dimIntervention, d.measure.Baseline()}
	for _, c := range d.complete {
		if c != d.measure.FollowUp() && !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	of := read.Selection{Programme: d.Programme.ID, Where: d.among(d.Interventions), By: d.By}
	if d.Method == string(estimator.Matching) {
		return s.people(ctx, d, of, columns)
	}
	if d.size() <= mostToldApart {
		columns = append(columns, d.measure.FollowUp())
	}
	question := read.CellQuestion{Selection: of, Columns: columns, Response: d.measure.FollowUp()}
	if fills(d.Programme, dimProvider) {
		question.Columns = append(slices.Clone(columns), dimProvider)
		found, err := s.reader.Cells(ctx, question)
		if !errors.Is(err, read.ErrTooManyCells) {
			return newCells(found, true), err
		}
		question.Columns = columns
	}
	found, err := s.reader.Cells(ctx, question)
	return newCells(found, false), err
}

// mostToldApart is the largest question whose patterns tell outcomes apart, which
// the jackknife of a small group needs.
const mostToldApart = 500_000

// size is how many complete records the comparison has.
func (d *comparison) size() (n int64) {
	for _, arm := range d.arms {
		n += arm.Moments.N
	}
	return n
}

func newCells(found *read.Cells, byProvider bool) *cells {
	if found == nil {
		return nil
	}
	c := &cells{columns: found.Columns, sum: found.Sum, sqrs: found.SumSq, groups: map[string]read.Span{}, byProvider: byProvider}
	for _, n := range found.Count {
		c.count = append(c.count, float64(n))
	}
	for _, g := range found.Groups {
		c.groups[disclosure.CellKey(g.Key)] = g
	}
	return c
}

// people reads the people of the comparison as patterns of one, group by group.
func (s *Source) people(ctx context.Context, d *comparison, of read.Selection, columns []string) (*cells, error) {
	by := of.By
	of.By = nil
	names := append(append(slices.Clone(by), columns...), d.measure.FollowUp())
	found, err := s.reader.People(ctx, read.PeopleQuestion{Selection: of, Columns: names, Missing: true, Complete: append(slices.Clone(columns), d.measure.FollowUp()), SortBy: by})
	if err != nil {
		return nil, err
	}
	c := &cells{columns: found.Columns[len(by) : len(names)-1], groups: map[string]read.Span{}}
	for i, y := range found.Columns[len(names)-1].Numbers {
		c.count, c.sum, c.sqrs = append(c.count, 1), append(c.sum, y), append(c.sqrs, y*y)
		key := make([]string, len(by))
		for k := range by {
			key[k] = levelAt(found.Columns[k], i)
		}
		g, seen := c.groups[disclosure.CellKey(key)]
		if !seen {
			g = read.Span{Key: key, From: i}
		}
		g.To = i + 1
		c.groups[disclosure.CellKey(key)] = g
	}
	return c, nil
}

// levelAt is the level of a category at a place, "" where it is unknown.
func levelAt(c read.Column, i int) string {
	if c.Levels == nil || c.Codes[i] < 0 {
		return ""
	}
	return c.Levels[c.Codes[i]]
}

// effect estimates one contrast of a group.
func (d *comparison) effect(ctx context.Context, key []string, control, treated string) (disclosure.Sampling, error) {
	p, enough, err := d.twoArms(key, control, treated)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	s, left, err := p.Study(d.formula)
	if err != nil {
		return disclosure.Sampling{}, err
	}
	for _, name := range slices.Concat(left, p.Few(s.Score, smallCount)) {
		d.drop(name)
	}
	o := estimator.Options{Estimand: d.Estimand, Level: d.Level, Interrupt: ctx.Err}
	var r estimator.Result
	if d.Method == string(estimator.Matching) {
		r, err = estimator.Match(s, s.Sum, o)
	} else {
		r, err = estimator.Estimate(s, estimator.Method(d.Method), o)
	}
	if err != nil {
		return disclosure.Sampling{}, err
	}
	d.mark(func() {
		d.clustered, d.unclustered = d.clustered || enough, d.unclustered || !enough
		for _, w := range r.Warnings {
			d.caution(w)
		}
	})
	return disclosure.Sampling{Value: r.Value, StdErr: r.StdErr, N: int64(r.N), DF: r.DF, FixedDF: enough, Level: d.Level}, nil
}

// caution keeps a warning once, as a sentence.
func (d *comparison) caution(warning string) {
	text := "In a group: " + warning + "."
	if !slices.Contains(d.cautions, text) {
		d.cautions = append(d.cautions, text)
		slices.Sort(d.cautions)
	}
}

// twoArms are the patterns of two arms of a group. They are clustered by
// provider from clustersForRobust of them, two at least in each arm.
func (d *comparison) twoArms(key []string, control, treated string) (p estimator.Patterns, enough bool, err error) {
	c := d.patterns
	span := c.groups[disclosure.CellKey(key)]
	var places []int
	for i := span.From; i < span.To; i++ {
		switch levelAt(c.columns[0], i) {
		case treated, control:
			places = append(places, i-span.From)
		}
	}
	if len(places) == 0 {
		return p, false, analytics.ErrTooFewObservations
	}
	columns := make([]design.Column, 0, len(c.columns))
	for _, column := range c.columns {
		columns = append(columns, estimator.Column(column, span.From, span.To, IsFactor(d.Programme, d.formula, column.Name)))
	}
	whole, err := design.NewTable(columns...)
	if err != nil {
		return p, false, err
	}
	p.Table = whole.Select(places)
	providers := [2]map[int]bool{{}, {}}
	var labels []int
	if c.byProvider {
		provider, _ := p.Table.Column(dimProvider)
		labels = design.AsFactor(provider).Codes
	}
	for i, place := range places {
		at := span.From + place
		is := levelAt(c.columns[0], at) == treated
		p.Treated = append(p.Treated, is)
		p.Count, p.Sum, p.SumSq = append(p.Count, c.count[at]), append(p.Sum, c.sum[at]), append(p.SumSq, c.sqrs[at])
		if labels != nil {
			providers[arm(is)][labels[i]] = true
		}
	}
	all := maps.Clone(providers[0])
	maps.Copy(all, providers[1])
	if enough = len(all) >= clustersForRobust && min(len(providers[0]), len(providers[1])) >= 2; enough {
		p.Cluster = labels
	}
	return p, enough, nil
}

func arm(treated bool) int {
	if treated {
		return 1
	}
	return 0
}
