package queries

import (
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// trend reads a question by period.
func (r *reading) trend() cohort.TrendRequest {
	req := cohort.TrendRequest{Request: r.request()}
	if r.err == nil {
		req.Period = r.period(req)
	}
	return req
}

func (r *reading) period(req cohort.TrendRequest) cohort.Period {
	known := cohort.PeriodsOf(req.Programme)
	if len(known) == 0 {
		r.fail("%s: referrals of %s are not dated", r.spec.Name, req.Programme.ID)
		return ""
	}
	period := cohort.Period(r.one("period", string(known[0])))
	if !slices.Contains(known, period) {
		r.fail("period: referrals of %s are known by %s, not by %q", req.Programme.ID, join(known), period)
	}
	return period
}

// chart reads a control chart.
func (r *reading) chart() cohort.ChartRequest {
	req := cohort.ChartRequest{TrendRequest: r.trend()}
	if r.err != nil {
		return req
	}
	req.Chart = r.one("measure", cohort.MeanGain)
	if !slices.Contains(cohort.ChartMeasures(), req.Chart) {
		r.fail("measure: give one of %s", strings.Join(cohort.ChartMeasures(), ", "))
	}
	if req.Chart == cohort.ResponderRatio {
		req.Measures, req.Unruled = r.withResponders(req.Measures)
	}
	req.FixAfter = r.fixAfter()
	req.Target = r.target(req.Chart)
	return req
}

// withResponders keeps the measures that have a responder rule; one that was
// asked for by its name must.
func (r *reading) withResponders(all []cohort.Measure) (kept []cohort.Measure, unruled []string) {
	_, named := r.list("instrument")
	for _, m := range all {
		if m.Score.Responder != "" {
			kept = append(kept, m)
			continue
		}
		unruled = append(unruled, m.Name)
		if named {
			r.fail("measure: %s has no responder rule: chart its %s", m.Name, cohort.MeanGain)
		}
	}
	if len(kept) == 0 {
		r.fail("measure: no instrument of %s has a responder rule: chart %s", r.canonical["programme"][0], cohort.MeanGain)
	}
	return kept, unruled
}

// fixAfter is a number of periods, 0 where limits rest on all.
func (r *reading) fixAfter() int {
	text := r.one("fix_after", none)
	if text == none {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		r.fail("fix_after: give how many periods from the first limits rest on, a whole number from 2 on")
	}
	r.canonical["fix_after"] = []string{strconv.Itoa(n)}
	return n
}

// target is what assurance is about, nil where there is none.
func (r *reading) target(chart string) *float64 {
	text := r.one("target", none)
	if text == none {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		r.fail("target: give a number, such as 10 points of gain or a ratio of 0.5")
		return nil
	}
	if chart != cohort.MeanGain && (v < 0 || v > 1) {
		r.fail("target: %s is a ratio: give a number from 0 to 1", chart)
	}
	r.canonical["target"] = []string{strconv.FormatFloat(v, 'g', -1, 64)}
	return &v
}

// charts answers a control chart; limits that were to rest on more periods than
// there are is a mistake of whoever asks.
func charts(ctx context.Context, s *cohort.Source, req cohort.ChartRequest) (*disclosure.Table, error) {
	t, err := s.Charts(ctx, req)
	var beyond *cohort.RangeError
	if errors.As(err, &beyond) {
		return nil, invalid("%s", beyond.Error())
	}
	return t, err
}
