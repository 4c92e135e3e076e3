package cohort

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/store/read"
)

// SPC is the question, under which columns.yaml registers its columns.
const SPC = "spc"

// What a control chart can be drawn of; of each, higher is better.
const (
	MeanGain       = "mean_gain"
	ResponderRatio = "responder_ratio"
	ResponseRatio  = "response_ratio"
)

// ChartMeasures lists them.
func ChartMeasures() []string { return []string{MeanGain, ResponderRatio, ResponseRatio} }

// ChartRequest is TrendRequest with what is charted.
type ChartRequest struct {
	TrendRequest
	Chart string
	// FixAfter makes limits rest on the first so many periods of a series; 0: on all.
	FixAfter int
	Target   *float64
	// Unruled are instruments that are left out because they have no responder rule.
	Unruled []string
}

// RangeError says that limits were to be fixed after more periods than there are.
type RangeError struct{ FixAfter, Periods int }

func (e *RangeError) Error() string {
	return fmt.Sprintf("fix_after: there are %d periods, fewer than %d: give at most that many, or ask for shorter periods", e.Periods, e.FixAfter)
}

// Charts returns an XmR chart (Making Data Count) for each group and measure by
// period of referral: the mean gain of the modelled records, the share of them
// who respond, or the share of all episodes with a follow-up score. Mean, limits
// and signals are made of the values as they are released; a period without one is
// a gap, which no moving range and no run crosses.
func (s *Source) Charts(ctx context.Context, r ChartRequest) (*disclosure.Table, error) {
	t := &disclosure.Table{Question: SPC, By: r.By, Exact: true, Notes: r.notes()}
	if len(r.Unruled) > 0 {
		t.Notes = append(t.Notes, "Not charted, because they have no responder rule: "+strings.Join(r.Unruled, ", ")+".")
	}
	var all []series
	for i := range r.Measures {
		found, err := s.charted(ctx, r, i, t)
		if err != nil {
			return nil, err
		}
		t.Exact = t.Exact && wholeSeries(found)
		all = append(all, found...)
	}
	sortSeries(all)
	longest := 0
	var drawn []chart
	for _, one := range all {
		m, settled := r.Measures[one.measure], time.Time{}
		if r.Chart == ResponseRatio {
			var err error
			if settled, err = s.settled(ctx, r.Programme, m); err != nil {
				return nil, err
			}
		}
		c := chart{from: len(t.Rows)}
		for _, p := range one.periods {
			t.Rows = append(t.Rows, r.record(m, one, p))
			if settled.IsZero() || !r.Period.next(p.first).After(settled) {
				c.settled++
			}
		}
		c.to = len(t.Rows)
		drawn = append(drawn, c)
		longest = max(longest, len(one.periods))
	}
	if longest > 0 && r.FixAfter > longest {
		return nil, &RangeError{r.FixAfter, longest}
	}
	t.Derive = func(rows []disclosure.Shown) ([]map[string]any, []string, error) { return r.draw(drawn, rows) }
	return t, nil
}

// charted reads the series of one measure and tells the ledger of whom they are.
func (s *Source) charted(ctx context.Context, r ChartRequest, measure int, t *disclosure.Table) ([]series, error) {
	m, p := r.Measures[measure], r.Programme
	if r.Chart == ResponseRatio {
		everyone := s.register(measureName(p, m, nil), eligible(p, m))
		found, err := s.series(ctx, r.TrendRequest, measure, read.Question{
			Eligible: true, Selection: read.Selection{Programme: p.ID, Where: inYear(eligible(p, m), r.Year)},
			Terms: []moments.Term{moments.Intercept()}, Complete: []string{m.FollowUp()},
		}, false)
		if err != nil {
			return nil, err
		}
		// Of those who answered only a rounded number is told, as of those who improved.
		s.tellOf(t, r.TrendRequest, everyone, found, eligibleOf)
		return found, nil
	}
	q, people, err := s.modelledQuestion(ctx, r.TrendRequest, m, t)
	if err != nil {
		return nil, err
	}
	if r.Chart == ResponderRatio {
		q.Change = &read.Change{Baseline: m.Baseline(), FollowUp: m.FollowUp()}
	}
	found, err := s.series(ctx, r.TrendRequest, measure, q, false)
	if err != nil {
		return nil, err
	}
	s.tellOf(t, r.TrendRequest, people, found, modelledOf)
	return found, nil
}

// record is one period of a chart before it is drawn.
func (r ChartRequest) record(m Measure, one series, p span) disclosure.Record {
	cells := textCells(r.Programme, m)
	cells["measure"], cells["period"] = r.Chart, p.first.Format(time.DateOnly)
	scale := disclosure.Scale{Min: 0, Max: 1}
	switch r.Chart {
	case ResponderRatio:
		cells["n"], cells["value"] = p.responderBase, disclosure.Share(p.responders, p.responderBase)
	case ResponseRatio:
		cells["n"], cells["value"] = p.eligible, disclosure.Share(p.all.N, p.eligible)
	default:
		scale = m.scale()
		cells["n"] = p.all.N
		if p.all.N > 0 {
			cells["value"], _ = gainOf(m).Mean(p.all)
		}
	}
	return disclosure.Record{Key: shown(r.By, one.key), Scale: scale, Of: p.of, Cells: cells}
}

// answeredEnough is how many answers of one month of referral show that its
// follow-ups have begun to come.
const answeredEnough = 8

// settled is the day before which a period must have ended for hardly any
// follow-up of it to be still to come: the end of the last month of referral of
// which some have answered, less how much later than the first the last of a
// month may answer (the window, and the longest wait for treatment that is not
// yet a breach). Zero where referrals are not known by month.
func (s *Source) settled(ctx context.Context, p *programme.Programme, m Measure) (time.Time, error) {
	if !fills(p, string(Month)) {
		return time.Time{}, nil
	}
	return learn(s, "settled\x1f"+p.ID+"\x1f"+m.FollowUp(), func() (time.Time, error) {
		months, err := s.reader.Count(ctx, read.Selection{
			Programme: p.ID, Where: present(eligible(p, m), []string{m.FollowUp()}), By: []string{string(Month)},
		})
		if err != nil {
			return time.Time{}, fmt.Errorf("cohort: months answered of %s: %w", m.FollowUp(), err)
		}
		var end time.Time
		for _, month := range months {
			if first, ok := Month.first(month.Key[0]); ok && month.N >= answeredEnough && Month.next(first).After(end) {
				end = Month.next(first)
			}
		}
		at, _ := p.Timepoint(m.Timepoint)
		late := at.Before + at.After
		longest := 0
		for _, w := range p.Waits {
			longest = max(longest, w.Red)
		}
		return end.AddDate(0, 0, -late-longest), nil
	})
}
