package grafana

import (
	"strings"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// selector is what a query asks: matchers, by label.
type selector []*labels.Matcher

// refusal is a query that is not answered: bad syntax, or more than a selector.
type refusal struct {
	status int // 400 for what does not parse, 422 for what is not offered
	words  string
}

func (e *refusal) Error() string { return e.words }

// onlySelectors says why a query with more than a selector is refused.
const onlySelectors = "only a metric with label matchers is answered, such as lumbar_gain_mean{programme=\"…\",provider!=\"\"}: Lumbar groups and averages in its engine, with the right weights and disclosure control"

// parseSelector reads a query. Parentheses are passed over; everything else
// but a plain vector selector is refused.
func parseSelector(query string) (selector, error) {
	if strings.TrimSpace(query) == "" {
		return nil, &refusal{400, "the query is empty: send a metric with label matchers"}
	}
	expr, err := parser.ParseExpr(query)
	if err != nil {
		return nil, &refusal{400, "the query does not parse: " + err.Error()}
	}
	for {
		inner, ok := expr.(*parser.ParenExpr)
		if !ok {
			break
		}
		expr = inner.Expr
	}
	v, ok := expr.(*parser.VectorSelector)
	if !ok || v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0 {
		return nil, &refusal{422, onlySelectors}
	}
	return v.LabelMatchers, nil
}

// parseMatch reads a match[] parameter of the label and series routes.
func parseMatch(match string) (selector, error) {
	matchers, err := parser.ParseMetricSelector(match)
	if err != nil {
		return nil, &refusal{400, "match[] does not parse: " + err.Error()}
	}
	return matchers, nil
}

// allows says whether a label with that value passes all its matchers.
func (s selector) allows(name, value string) bool {
	for _, m := range s {
		if m.Name == name && !m.Matches(value) {
			return false
		}
	}
	return true
}

// matches says whether a series passes all matchers; an absent label is empty.
func (s selector) matches(series labels.Labels) bool {
	for _, m := range s {
		if !m.Matches(series.Get(m.Name)) {
			return false
		}
	}
	return true
}

// names says whether any matcher is about the label.
func (s selector) names(label string) bool {
	for _, m := range s {
		if m.Name == label {
			return true
		}
	}
	return false
}

// groupsBy says whether the selector asks for groups of a dimension: a matcher
// names it, other than by ="" (what is not grouped by it).
func (s selector) groupsBy(dimension string) bool {
	for _, m := range s {
		if m.Name == dimension && (m.Type != labels.MatchEqual || m.Value != "") {
			return true
		}
	}
	return false
}

// equals returns the value that the label must have, where a matcher says so.
func (s selector) equals(label string) (string, bool) {
	for _, m := range s {
		if m.Name == label && m.Type == labels.MatchEqual && m.Value != "" {
			return m.Value, true
		}
	}
	return "", false
}

// metrics returns the metrics whose name passes.
func (s selector) metrics() []Metric {
	var out []Metric
	for _, m := range Metrics() {
		if s.allows(labels.MetricName, m.Metric) {
			out = append(out, m)
		}
	}
	return out
}
