package cohort

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// Trend is the question, under which columns.yaml registers its columns.
const Trend = "trend"

// TrendRequest is Request by period of referral.
type TrendRequest struct {
	Request
	Period Period
}

// Trend returns the mean gain of the modelled records of each group and measure
// by period of referral, with its interval as in Outcomes. A series goes from its
// first period with a modelled record to its last; a period between them in which
// there is none has a row of nobody, without a mean.
func (s *Source) Trend(ctx context.Context, r TrendRequest) (*disclosure.Table, error) {
	t := &disclosure.Table{Question: Trend, By: r.By, Exact: true, Notes: r.notes()}
	var all []series
	for i, m := range r.Measures {
		q, people, err := s.modelledQuestion(ctx, r, m, t)
		if err != nil {
			return nil, err
		}
		found, err := s.series(ctx, r, i, q, true)
		if err != nil {
			return nil, err
		}
		t.Exact = t.Exact && wholeSeries(found)
		s.tellOf(t, r, people, found, modelledOf)
		all = append(all, found...)
	}
	sortSeries(all)
	for _, one := range all {
		m := r.Measures[one.measure]
		for _, p := range one.periods {
			cells := textCells(r.Programme, m)
			cells["period"], cells["n_modelled"] = p.first.Format(time.DateOnly), p.all.N
			if p.all.N > 0 {
				gain, _, ok := p.gain(m, r.Level)
				cells["mean_gain"] = gain.Value
				if ok {
					cells["lower"], cells["upper"] = disclosure.Lower(gain), disclosure.Upper(gain)
				}
			}
			t.Rows = append(t.Rows, disclosure.Record{Key: shown(r.By, one.key), Scale: m.scale(), Of: p.of, Cells: cells})
		}
	}
	t.Notes = append(t.Notes, "Periods are of referral. The last ones hold those who answered early: more follow-ups may come.")
	return t, nil
}

// series is one group and measure over time, from its first period to its last
// without one left out.
type series struct {
	key     []string
	measure int // place in the request
	periods []span
}

// span is one period of a series; its group is one of nobody where the store
// had none.
type span struct {
	first time.Time
	*group
	of []disclosure.Of
}

// dims are the groups and the period.
func (r TrendRequest) dims() []string { return union(r.By, string(r.Period)) }

// modelledQuestion asks for the scores of the modelled records, and says who they are.
func (s *Source) modelledQuestion(ctx context.Context, r TrendRequest, m Measure, t *disclosure.Table) (read.Question, disclosure.People, error) {
	_, complete, left, err := s.modelled(ctx, r.Programme, m)
	if err != nil {
		return read.Question{}, disclosure.People{}, fmt.Errorf("cohort: %s: %w", m.FollowUp(), err)
	}
	for _, note := range leftOut(m, left, nil) {
		if !slices.Contains(t.Notes, note) {
			t.Notes = append(t.Notes, note)
		}
	}
	people := s.register(measureName(r.Programme, m, complete), present(eligible(r.Programme, m), complete))
	return read.Question{
		Selection: read.Selection{Programme: r.Programme.ID, Where: inYear(eligible(r.Programme, m), r.Year)},
		Terms:     scores(m), Complete: complete,
	}, people, nil
}

// series reads the groups of a measure by period, in one scan. Intervals want the
// providers apart.
func (s *Source) series(ctx context.Context, r TrendRequest, measure int, q read.Question, clustered bool) ([]series, error) {
	m, dims := r.Measures[measure], r.dims()
	q.By = dims
	if clustered && fills(r.Programme, dimProvider) {
		q.By = union(dims, dimProvider)
	}
	found, err := s.reader.Moments(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("cohort: %s by %s: %w", m.FollowUp(), r.Period, err)
	}
	slices.SortFunc(found, func(a, b read.Group) int { return inOrder(a.Key, b.Key) })
	all := map[string]*group{}
	var list []*group
	for _, f := range found {
		key := pick(f.Key, q.By, dims)
		g := all[disclosure.CellKey(key)]
		if g == nil {
			g = newGroup(key)
			all[disclosure.CellKey(key)] = g
			list = append(list, g)
		}
		if err := g.sum(m, providerOf(q.By, f.Key), f); err != nil {
			return nil, err
		}
	}
	return r.unbroken(measure, list), nil
}

// unbroken puts groups that come in the order of their keys into series, and
// groups of nobody where a period has none.
func (r TrendRequest) unbroken(measure int, groups []*group) []series {
	var all []series
	at := slices.Index(r.dims(), string(r.Period))
	for _, g := range groups {
		first, ok := r.Period.first(g.key[at])
		if !ok {
			continue // nobody is without a day of referral
		}
		key := pick(g.key, r.dims(), r.By)
		if n := len(all); n == 0 || !slices.Equal(all[n-1].key, key) {
			all = append(all, series{key: key, measure: measure})
		}
		one := &all[len(all)-1]
		for n := len(one.periods); n > 0 && one.periods[n-1].first.Before(first); n = len(one.periods) {
			day := r.Period.next(one.periods[n-1].first)
			if !day.Before(first) {
				break
			}
			one.periods = append(one.periods, span{first: day, group: newGroup(nil)})
		}
		one.periods = append(one.periods, span{first: first, group: g})
	}
	return all
}

// wholeSeries says whether every sum of scores was one of whole units.
func wholeSeries(all []series) bool {
	for _, one := range all {
		for _, p := range one.periods {
			if !wholeUnits(p.all, len(p.all.Terms)) {
				return false
			}
		}
	}
	return true
}

// modelledOf and eligibleOf are the counts of a period that a cohort has.
func modelledOf(g *group) int64 { return g.all.N }
func eligibleOf(g *group) int64 { return g.eligible }

// tellOf adds the periods of all groups to the table's cohorts and says of each
// row that it tells of its cell.
func (s *Source) tellOf(t *disclosure.Table, r TrendRequest, people disclosure.People, all []series, count func(*group) int64) {
	told := cohorts(r.Programme, people, r.dims(), r.Year)
	told.Plain = true
	for _, one := range all {
		for i := range one.periods {
			p := &one.periods[i]
			if p.key == nil || count(p.group) == 0 {
				continue
			}
			c := cell(told, r.dims(), p.key, r.Year)
			told.Cells[c] = count(p.group)
			p.of = append(p.of, disclosure.Of{Cohorts: len(t.Cohorts), Cell: c})
		}
	}
	t.Cohorts = append(t.Cohorts, told)
}

// sortSeries puts a group's measures together, in the order in which they were asked.
func sortSeries(all []series) {
	slices.SortStableFunc(all, func(a, b series) int {
		return cmp.Or(inOrder(a.key, b.key), cmp.Compare(a.measure, b.measure))
	})
}
