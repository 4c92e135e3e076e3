package queries

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// prepared is a question that has been understood: its canonical parameters and
// how it is answered.
type prepared struct {
	name   string
	params map[string][]string
	run    func(context.Context, *cohort.Source) (*disclosure.Table, error)
}

func invalid(format string, args ...any) error {
	return &Error{Kind: InvalidArgument, Message: fmt.Sprintf(format, args...)}
}

// prepare checks a question and fills in its defaults, and what is current.
func prepare(name string, params map[string][]string, scores Scores) (*prepared, error) {
	spec, ok := Lookup(name)
	if !ok {
		var names []string
		for _, s := range Questions() {
			names = append(names, s.Name)
		}
		return nil, &Error{Kind: NotFound, Message: fmt.Sprintf("there is no question %q: ask %s", name, strings.Join(names, ", "))}
	}
	r := &reading{spec: spec, scores: scores, given: params, canonical: map[string][]string{}}
	if err := r.check(); err != nil {
		return nil, err
	}
	out := &prepared{name: name, params: r.canonical}
	switch name {
	case cohort.Outcomes:
		req := r.request()
		out.run = func(ctx context.Context, s *cohort.Source) (*disclosure.Table, error) { return s.Outcomes(ctx, req) }
	case cohort.Funnel:
		req := cohort.FunnelRequest{Request: r.request(), Overdispersed: r.flag("overdispersed")}
		out.run = func(ctx context.Context, s *cohort.Source) (*disclosure.Table, error) { return s.Funnel(ctx, req) }
	case cohort.Trend:
		req := r.trend()
		out.run = func(ctx context.Context, s *cohort.Source) (*disclosure.Table, error) { return s.Trend(ctx, req) }
	case cohort.SPC:
		req := r.chart()
		out.run = func(ctx context.Context, s *cohort.Source) (*disclosure.Table, error) { return charts(ctx, s, req) }
	case cohort.Compare:
		req := r.compare()
		out.run = func(ctx context.Context, s *cohort.Source) (*disclosure.Table, error) { return s.Compare(ctx, req) }
	}
	return out, r.err
}

// reading takes parameters one by one; the first mistake stays in err.
type reading struct {
	spec      Spec
	scores    Scores
	given     map[string][]string
	canonical map[string][]string
	err       error
}

func (r *reading) fail(format string, args ...any) {
	if r.err == nil {
		r.err = invalid(format, args...)
	}
}

// check refuses unknown parameters and several values where one is meant.
func (r *reading) check() error {
	for _, name := range sortedKeys(r.given) {
		p, ok := r.spec.Param(name)
		if !ok {
			var names []string
			for _, p := range r.spec.Params {
				names = append(names, p.Name)
			}
			return invalid("%s has no parameter %q: it has %s", r.spec.Name, name, strings.Join(names, ", "))
		}
		if p.Kind != ListParam && len(r.given[name]) > 1 {
			return invalid("%s: %s takes one value", r.spec.Name, name)
		}
	}
	return nil
}

// one is the value of a parameter, or the default where it is absent or empty.
func (r *reading) one(name, def string) string {
	v := def
	if list := r.given[name]; len(list) > 0 && strings.TrimSpace(list[0]) != "" {
		v = strings.TrimSpace(list[0])
	}
	r.canonical[name] = []string{v}
	return v
}

// list is the values of a parameter without empty and repeated ones; given is
// false where there are none.
func (r *reading) list(name string) (values []string, given bool) {
	for _, v := range r.given[name] {
		for _, part := range SplitList(v) {
			if part != "" && !slices.Contains(values, part) {
				values = append(values, part)
			}
		}
	}
	return values, len(values) > 0
}

// SplitList splits the text of a list parameter at the commas outside brackets,
// so that factor(a, b) stays whole, without the space around the values.
func SplitList(text string) []string {
	var out []string
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth = max(0, depth-1)
		case c == ',' && depth == 0:
			out = append(out, strings.TrimSpace(text[start:i]))
			start = i + 1
		}
	}
	return append(out, strings.TrimSpace(text[start:]))
}

func (r *reading) flag(name string) bool {
	v, err := strconv.ParseBool(r.one(name, "false"))
	if err != nil {
		r.fail("%s: give true or false", name)
	}
	r.canonical[name] = []string{strconv.FormatBool(v)}
	return v
}

// request reads what outcomes, funnel and compare share.
func (r *reading) request() cohort.Request {
	req := cohort.Request{Level: 0.95}
	id := r.one("programme", programme.Default().ID)
	p, ok := programme.Lookup(id)
	if !ok {
		r.fail("there is no programme %q: there are %s", id, strings.Join(programmeIDs(), ", "))
		return req
	}
	req.Programme = p
	req.Measures = r.measures(p, r.timepoint(p))
	req.Year = r.year()
	req.By = r.by(p)
	if _, ok := r.spec.Param("level"); ok {
		req.Level = r.level()
	}
	return req
}

func (r *reading) timepoint(p *programme.Programme) string {
	key := r.one("timepoint", p.MainFollowUp)
	if _, ok := p.Timepoint(key); ok && key != programme.Baseline {
		return key
	}
	var keys []string
	for _, t := range p.Timepoints {
		if t.Key != programme.Baseline {
			keys = append(keys, t.Key)
		}
	}
	r.fail("%s has no follow-up %q: it has %s", p.ID, key, strings.Join(keys, ", "))
	return key
}

// year reads 2025 or 2025/26.
func (r *reading) year() int {
	text := r.one("year", "all")
	if text == "all" {
		return 0
	}
	first, second, slash := strings.Cut(text, "/")
	y, err := strconv.Atoi(first)
	if err != nil || y < 1990 || y > 2200 || slash && second != fmt.Sprintf("%02d", (y+1)%100) {
		r.fail("year: give the financial year of referral by its first year, such as 2025 for 2025/26")
	}
	r.canonical["year"] = []string{strconv.Itoa(y)}
	return y
}

func (r *reading) by(p *programme.Programme) []string {
	param, _ := r.spec.Param("by")
	dims, given := r.list("by")
	if !given {
		dims = nil
		if param.Default != none && slices.Contains(p.Dimensions, param.Default) {
			dims = []string{param.Default}
		}
	}
	if slices.Equal(dims, []string{none}) {
		dims = nil
	}
	if len(dims) > param.Most {
		r.fail("by: at most %d dimensions at a time", param.Most)
	}
	for _, d := range dims {
		if _, byPeriod := r.spec.Param("period"); byPeriod && slices.Contains(timeDimensions, d) {
			r.fail("by: %s groups people by period already: leave %s out, and choose the period", r.spec.Name, d)
		}
		if !slices.Contains(p.Dimensions, d) || r.spec.Name == cohort.Compare && d == "intervention" {
			r.fail("by: people of %s are grouped by %s, not by %q", p.ID, strings.Join(p.Dimensions, ", "), d)
		}
	}
	r.canonical["by"] = dims
	if dims == nil {
		r.canonical["by"] = []string{none}
	}
	return dims
}

func (r *reading) level() float64 {
	v, err := strconv.ParseFloat(r.one("level", "0.95"), 64)
	text := strconv.FormatFloat(v, 'g', -1, 64)
	if err != nil || !slices.Contains(disclosure.Levels(), text) {
		r.fail("level: give the coverage of intervals as one of %s", strings.Join(disclosure.Levels(), ", "))
	}
	r.canonical["level"] = []string{text}
	return v
}

func join[T ~string](list []T) string {
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Check says whether a question can be asked: its name is known and its
// parameters are in order. No data are read.
func Check(q Question) error {
	_, err := prepare(q.Name, q.Params, defined{})
	return err
}
