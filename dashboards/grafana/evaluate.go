package grafana

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/lumbar-health/lumbar/dashboards"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/web"
)

// result is the answer to one selector.
type result struct {
	samples  []sample
	warnings []string // what disclosure control withheld
	infos    []string // what is absent for another reason
}

// evaluator turns selectors into questions and answers into samples.
type evaluator struct {
	asker      dashboards.Asker
	programmes []dashboards.Programme
}

// eval answers a selector: each metric, programme and timepoint that it leaves
// open is asked for.
func (e evaluator) eval(ctx context.Context, s selector) (result, error) {
	var out result
	found := s.metrics()
	if len(found) == 0 {
		return out, &refusal{422, "no metric has that name: /grafana/prometheus/api/v1/metadata lists them"}
	}
	if !s.names(labels.MetricName) {
		return out, &refusal{422, "name a metric, such as lumbar_patients"}
	}
	for _, m := range found {
		for _, p := range e.programmes {
			for _, q := range plan(m, p, s) {
				if err := e.ask(ctx, m, p, q, s, &out); err != nil {
					return result{}, err
				}
			}
		}
	}
	sortSamples(out.samples)
	return out, nil
}

// planned is one question with the labels that its answer does not carry.
type planned struct {
	params map[string][]string
	by     []string
	fixed  map[string]string
}

// plan returns the questions that a selector asks of one programme; none where
// no series of the programme can match.
func plan(m Metric, p dashboards.Programme, s selector) []planned {
	if !s.allows(labelProgramme, p.ID) {
		return nil
	}
	params := map[string][]string{"programme": {p.ID}}
	fixed := map[string]string{labelProgramme: p.ID}
	for _, key := range dashboards.Keys(p.Instruments) {
		if procedure, _ := s.equals(dimProcedure); s.allows(labelInstrument, key) && p.Asks(key, procedure) {
			params["instrument"] = append(params["instrument"], key)
		}
	}
	if len(params["instrument"]) == 0 {
		return nil
	}
	by, ok := groups(m, p, s, params, fixed)
	if !ok || (m.Question == askCompare && len(p.Interventions) < 2) {
		return nil
	}
	params["by"] = by
	if len(by) == 0 {
		params["by"] = []string{"none"}
	}
	timepoints := []string{p.MainFollowUp}
	if s.names(labelTimepoint) {
		timepoints = dashboards.Keys(p.Timepoints)
	}
	var out []planned
	for _, t := range timepoints {
		if !s.allows(labelTimepoint, t) {
			continue
		}
		for _, adjusted := range m.ways() {
			if s.allows(labelAdjusted, adjusted) {
				out = append(out, variants(m, p, planned{params, by, fixed}, t, adjusted)...)
			}
		}
	}
	return out
}

// groups reads the dimensions to group by. It is not ok where the selector
// wants a dimension that the programme does not have.
func groups(m Metric, p dashboards.Programme, s selector, params map[string][]string, fixed map[string]string) (by []string, ok bool) {
	for _, name := range dimensionLabels(s) {
		if m.Question == askCompare && name == dimIntervention {
			continue // the contrast itself, not a grouping
		}
		if year, one := s.equals(dimYear); name == dimYear && one {
			params[dimYear] = []string{year}
			fixed[dimYear] = year
			continue
		}
		if p.Has(name) {
			by = append(by, name)
		} else if !s.allows(name, "") {
			return nil, false
		}
	}
	if m.Question == askCompare && len(by) == 0 && p.Has(dimRegion) {
		by = []string{dimRegion}
	}
	return by, true
}

// dimensionLabels are the labels of a selector that mean a grouping, sorted.
func dimensionLabels(s selector) []string {
	var names []string
	for _, m := range s {
		switch m.Name {
		case labels.MetricName, labelProgramme, labelInstrument, labelTimepoint, labelAdjusted, labelReference:
		default:
			if s.groupsBy(m.Name) {
				names = append(names, m.Name)
			}
		}
	}
	return uniqueSorted(names)
}

// variants completes a question for a timepoint and way of adjusting. compare
// takes one instrument at a time.
func variants(m Metric, p dashboards.Programme, base planned, timepoint, adjusted string) []planned {
	params := clone(base.params)
	if timepoint != "" {
		params["timepoint"] = []string{timepoint}
	}
	fixed := map[string]string{labelTimepoint: timepoint, labelAdjusted: adjusted}
	for name, value := range base.fixed {
		fixed[name] = value
	}
	if m.Question != askCompare {
		return []planned{{params, base.by, fixed}}
	}
	params["interventions"] = dashboards.Keys(p.Interventions)
	params["method"] = []string{"ancova"}
	if adjusted == adjustedNo {
		params["method"] = []string{"welch"}
	}
	var out []planned
	for _, instrument := range params["instrument"] {
		one := clone(params)
		one["instrument"] = []string{instrument}
		out = append(out, planned{one, base.by, fixed})
	}
	return out
}

func clone(params map[string][]string) map[string][]string {
	out := make(map[string][]string, len(params)+3)
	for name, values := range params {
		out[name] = slices.Clone(values)
	}
	return out
}

func (e evaluator) ask(ctx context.Context, m Metric, p dashboards.Programme, q planned, s selector, out *result) error {
	answer, err := e.asker.Ask(ctx, queries.Question{Name: m.Question, Params: q.params, Actor: web.Who(ctx).Name})
	var known *queries.Error
	if errors.As(err, &known) && known.Kind == queries.InsufficientData {
		out.infos = append(out.infos, m.Metric+": "+known.Message)
		return nil
	}
	if err != nil {
		return err
	}
	withheld, unknown := 0, 0
	for _, row := range answer.Rows {
		series := rowLabels(m, q, answer, row.Values)
		if !s.matches(series) {
			continue
		}
		value, ok := m.read(answer, row.Values)
		switch {
		case ok:
			out.samples = append(out.samples, sample{series, value})
		case slices.Contains(row.Suppressed, m.Name):
			withheld++
		default:
			unknown++
		}
	}
	if withheld > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("%s: %d of %s withheld because the numbers of people are small", m.Metric, withheld, p.ID))
	}
	if unknown > 0 {
		out.infos = append(out.infos, fmt.Sprintf("%s: %d of %s have too few records for this value", m.Metric, unknown, p.ID))
	}
	return nil
}

// rowLabels are the labels of one row's series.
func rowLabels(m Metric, q planned, answer *queries.Answer, values []any) labels.Labels {
	set := map[string]string{labels.MetricName: m.Metric}
	for name, value := range q.fixed {
		set[name] = value
	}
	own := append([]string{labelInstrument, labelTimepoint}, q.by...)
	for _, name := range own {
		set[name] = cmp.Or(labelText(answer, values, name), set[name])
	}
	if m.Question == askCompare {
		set[dimIntervention] = labelText(answer, values, "treated")
		set[labelReference] = labelText(answer, values, "control")
	}
	if set[labelInstrument] == "" && len(q.params["instrument"]) == 1 {
		set[labelInstrument] = q.params["instrument"][0]
	}
	for name, value := range set {
		if value == "" {
			delete(set, name)
		}
	}
	return labels.FromMap(set)
}

// labelText returns a cell as a label's value; empty where it is unknown.
func labelText(answer *queries.Answer, values []any, column string) string {
	i := answer.Index(column)
	if i < 0 {
		return ""
	}
	switch v := values[i].(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return number(v)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// read returns the metric's value in a row; not ok where it has none. A word
// is its place in the registry's list of words.
func (m Metric) read(answer *queries.Answer, values []any) (float64, bool) {
	i := answer.Index(m.Name)
	if i < 0 {
		return 0, false
	}
	switch v := values[i].(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case string:
		place := slices.Index(m.Words, v)
		return float64(place), place >= 0
	}
	return 0, false
}

// number writes a number as the wire and labels have it.
func number[N int | float64](v N) string { return strconv.FormatFloat(float64(v), 'g', -1, 64) }
