package grafana

import (
	"context"
	"net/http"
	"runtime"
	"slices"

	"github.com/gorilla/mux"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/lumbar-health/lumbar/dashboards"
)

// protocolVersion is the version of the Prometheus API that is spoken; clients
// read it to know which parameters they may send.
const protocolVersion = "2.50.0"

// labelNames lists every label that a series may have. With match[], those of
// the series that match and the dimensions by which they may be grouped.
func (h *handler) labelNames(r *http.Request) (any, result, error) {
	selectors, err := matchParameters(r)
	if err != nil {
		return nil, result{}, err
	}
	names := []string{labels.MetricName, labelProgramme, labelInstrument, labelTimepoint, labelAdjusted, labelReference, dimIntervention}
	for _, p := range h.programmes {
		if len(selectors) == 0 || slices.ContainsFunc(selectors, func(s selector) bool { return s.allows(labelProgramme, p.ID) }) {
			names = append(names, p.Dimensions...)
		}
	}
	kept, warnings := limited(r, uniqueSorted(names))
	return kept, result{warnings: warnings}, nil
}

// labelValues lists the values of one label. Those that programmes declare are
// listed without a question; the values of other dimensions are read from the
// data, the label itself being a way to group by.
func (h *handler) labelValues(r *http.Request) (any, result, error) {
	selectors, err := matchParameters(r)
	if err != nil {
		return nil, result{}, err
	}
	if len(selectors) == 0 {
		selectors = []selector{{labels.MustNewMatcher(labels.MatchEqual, labels.MetricName, "lumbar_patients")}}
	}
	name := mux.Vars(r)["name"]
	values := []string{}
	var beside result
	for _, s := range selectors {
		found, warnings, err := h.valuesOf(r.Context(), name, s, len(r.Form["match[]"]) > 0)
		if err != nil {
			return nil, result{}, err
		}
		beside.warnings = append(beside.warnings, warnings...)
		for _, v := range found {
			if !slices.Contains(values, v) {
				values = append(values, v)
			}
		}
	}
	kept, warned := limited(r, values)
	beside.warnings = append(beside.warnings, warned...)
	return kept, beside, nil
}

func matchParameters(r *http.Request) ([]selector, error) {
	var out []selector
	for _, match := range r.Form["match[]"] {
		s, err := parseMatch(match)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (h *handler) valuesOf(ctx context.Context, name string, s selector, matched bool) (values, warnings []string, err error) {
	if name == labels.MetricName {
		for _, m := range Metrics() {
			if !matched || s.allows(labels.MetricName, m.Metric) {
				values = append(values, m.Metric)
			}
		}
		return values, nil, nil
	}
	if declared, ok := h.declared(name, s); ok {
		return declared, nil, nil
	}
	grouped := append(slices.Clone(s), labels.MustNewMatcher(labels.MatchNotEqual, name, ""))
	found, err := h.eval(ctx, grouped)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range found.samples {
		values = append(values, x.labels.Get(name))
	}
	return uniqueSorted(values), found.warnings, nil
}

// declared are the values of a label that programmes themselves list, of those
// that match; in the programmes' order, so that the main one comes first.
func (h *handler) declared(name string, s selector) (values []string, ok bool) {
	var list func(dashboards.Programme) []string
	switch name {
	case labelProgramme:
		list = func(p dashboards.Programme) []string { return []string{p.ID} }
	case labelInstrument:
		list = func(p dashboards.Programme) []string { return asked(p, s) }
	case labelTimepoint:
		list = func(p dashboards.Programme) []string { return dashboards.Keys(p.Timepoints) }
	case dimProcedure:
		list = func(p dashboards.Programme) []string { return dashboards.Keys(p.Procedures) }
	case dimIntervention:
		list = func(p dashboards.Programme) []string { return contrasts(p, s) }
	case labelReference:
		list = func(p dashboards.Programme) []string {
			return dashboards.Keys(p.Interventions)[:min(1, len(p.Interventions))]
		}
	case labelAdjusted:
		return []string{adjustedYes, adjustedNo}, true
	default:
		return nil, false
	}
	values = []string{}
	for _, p := range h.programmes {
		if !s.allows(labelProgramme, p.ID) {
			continue
		}
		for _, v := range list(p) {
			if s.allows(name, v) {
				values = append(values, v)
			}
		}
	}
	return values, true
}

// asked are the instruments of a programme, or of the procedure that is named.
func asked(p dashboards.Programme, s selector) []string {
	procedure, _ := s.equals(dimProcedure)
	var keys []string
	for _, key := range dashboards.Keys(p.Instruments) {
		if p.Asks(key, procedure) {
			keys = append(keys, key)
		}
	}
	return keys
}

// contrasts are a programme's interventions; in a comparison, those other than
// the reference.
func contrasts(p dashboards.Programme, s selector) []string {
	keys := dashboards.Keys(p.Interventions)
	for _, m := range s.metrics() {
		if m.Question != askCompare {
			return keys
		}
	}
	return keys[min(1, len(keys)):]
}

// metadataEntry tells of one metric.
type metadataEntry struct {
	Type string `json:"type"`
	Help string `json:"help"`
	Unit string `json:"unit"`
}

func (h *handler) metadata(r *http.Request) (any, result, error) {
	out := map[string][]metadataEntry{}
	only := r.Form.Get("metric")
	for _, m := range Metrics() {
		if only == "" || only == m.Metric {
			out[m.Metric] = []metadataEntry{{"gauge", m.help(), m.Unit}}
		}
	}
	return out, result{}, nil
}

func (h *handler) buildInfo(*http.Request) (any, result, error) {
	return map[string]string{
		"version": protocolVersion, "revision": "lumbar", "branch": "", "buildUser": "", "buildDate": "",
		"goVersion": runtime.Version(),
	}, result{}, nil
}
