package grafana

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// healthQuery is what Grafana sends to see whether a data source lives.
const healthQuery = "1+1"

// instant is one value of an instant query, as the wire has it.
type instant struct {
	Metric map[string]string `json:"metric"`
	Value  point             `json:"value"`
}

// ranged is one series of a range query.
type ranged struct {
	Metric map[string]string `json:"metric"`
	Values []point           `json:"values"`
}

// point is a moment and a value: [seconds, "value"].
type point struct {
	at    float64
	value float64
}

// MarshalJSON writes the pair the way Prometheus does, the value as a string.
func (p point) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{p.at, strconv.FormatFloat(p.value, 'f', -1, 64)})
}

type queryData struct {
	ResultType string `json:"resultType"`
	Result     any    `json:"result"`
}

func isHealthQuery(query string) bool {
	return strings.ReplaceAll(strings.TrimSpace(query), " ", "") == healthQuery
}

func (h *handler) query(r *http.Request) (any, result, error) {
	at, err := moment(r.Form.Get("time"), "time", h.now())
	if err != nil {
		return nil, result{}, err
	}
	query := r.Form.Get("query")
	if isHealthQuery(query) {
		return queryData{"scalar", point{at, 2}}, result{}, nil
	}
	s, err := parseSelector(query)
	if err != nil {
		return nil, result{}, err
	}
	found, err := h.eval(r.Context(), s)
	if err != nil {
		return nil, result{}, err
	}
	vector := make([]instant, 0, len(found.samples))
	for _, x := range found.samples {
		vector = append(vector, instant{x.labels.Map(), point{at, x.value}})
	}
	return queryData{"vector", vector}, found, nil
}

// queryRange answers with one sample at the end of the range: an answer is of
// the data as they are, and no history is made up for it.
func (h *handler) queryRange(r *http.Request) (any, result, error) {
	start, end, step, err := h.timeRange(r)
	if err != nil {
		return nil, result{}, err
	}
	last := start + math.Floor((end-start)/step)*step
	query := r.Form.Get("query")
	if isHealthQuery(query) {
		return queryData{"matrix", []ranged{{map[string]string{}, []point{{last, 2}}}}}, result{}, nil
	}
	s, err := parseSelector(query)
	if err != nil {
		return nil, result{}, err
	}
	found, err := h.eval(r.Context(), s)
	if err != nil {
		return nil, result{}, err
	}
	matrix := make([]ranged, 0, len(found.samples))
	for _, x := range found.samples {
		matrix = append(matrix, ranged{x.labels.Map(), []point{{last, x.value}}})
	}
	if len(matrix) > 0 {
		found.infos = append(found.infos, "these values are of the data as they are now and stand at the end of the range; they have no history")
	}
	return queryData{"matrix", matrix}, found, nil
}

func (h *handler) timeRange(r *http.Request) (start, end, step float64, err error) {
	if start, err = required(r, "start"); err != nil {
		return 0, 0, 0, err
	}
	if end, err = required(r, "end"); err != nil {
		return 0, 0, 0, err
	}
	if step, err = duration(r.Form.Get("step")); err != nil {
		return 0, 0, 0, err
	}
	if end < start {
		return 0, 0, 0, &refusal{http.StatusBadRequest, "end lies before start"}
	}
	return start, end, step, nil
}

func required(r *http.Request, name string) (float64, error) {
	if r.Form.Get(name) == "" {
		return 0, &refusal{http.StatusBadRequest, name + " is missing: give seconds since 1970 or a time such as 2026-04-01T00:00:00Z"}
	}
	return moment(r.Form.Get(name), name, time.Time{})
}

// moment reads a time in seconds since 1970 or RFC 3339.
func moment(s, name string, absent time.Time) (float64, error) {
	if s == "" {
		return float64(absent.UnixMilli()) / 1000, nil
	}
	if v, err := strconv.ParseFloat(s, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
		return v, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return float64(t.UnixMilli()) / 1000, nil
	}
	return 0, &refusal{http.StatusBadRequest, name + " is no time: give seconds since 1970 or a time such as 2026-04-01T00:00:00Z"}
}

// duration reads a step in seconds or as 30s, 5m, 1h.
func duration(s string) (float64, error) {
	if v, err := strconv.ParseFloat(s, 64); err == nil && v > 0 && !math.IsInf(v, 0) {
		return v, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return d.Seconds(), nil
	}
	return 0, &refusal{http.StatusBadRequest, "step is no positive duration: give seconds or 30s, 5m, 1h"}
}

// series answers which series match, without their values.
func (h *handler) series(r *http.Request) (any, result, error) {
	matches := r.Form["match[]"]
	if len(matches) == 0 {
		return nil, result{}, &refusal{http.StatusBadRequest, "match[] is missing: name a metric, such as match[]=lumbar_patients"}
	}
	sets := []map[string]string{}
	var beside result
	for _, match := range matches {
		s, err := parseMatch(match)
		if err != nil {
			return nil, result{}, err
		}
		found, err := h.eval(r.Context(), s)
		if err != nil {
			return nil, result{}, err
		}
		for _, x := range found.samples {
			sets = append(sets, x.labels.Map())
		}
		beside.warnings = append(beside.warnings, found.warnings...)
	}
	kept, warned := limited(r, sets)
	beside.warnings = append(beside.warnings, warned...)
	return kept, beside, nil
}

// limited keeps the first so many of a list, where the request says how many.
func limited[T any](r *http.Request, list []T) (kept []T, warnings []string) {
	limit, err := strconv.Atoi(r.Form.Get("limit"))
	if err != nil || limit <= 0 || len(list) <= limit {
		return list, nil
	}
	return list[:limit], []string{"results truncated due to limit"}
}
