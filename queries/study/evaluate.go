package study

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/store/read"
)

// holds says for each row of the sheet whether the condition holds. As in the
// store, a comparison with a missing value is false, and so is its negation.
func (s *sheet) holds(c read.Predicate) ([]bool, error) {
	truth, err := s.truth(c)
	if err != nil {
		return nil, err
	}
	out := make([]bool, len(truth))
	for i, t := range truth {
		out[i] = t == yes
	}
	return out, nil
}

// logic is a truth value of three: a comparison with nothing is neither.
type logic int8

const (
	no      logic = -1
	unknown logic = 0
	yes     logic = 1
)

func (s *sheet) truth(c read.Predicate) ([]logic, error) {
	switch c := c.(type) {
	case nil:
		return s.fold(nil, yes, nil)
	case read.And:
		return s.fold(c, yes, func(a, b logic) logic { return min(a, b) })
	case read.Or:
		return s.fold(c, no, func(a, b logic) logic { return max(a, b) })
	case read.Not:
		t, err := s.truth(c.Of)
		for i := range t {
			t[i] = -t[i]
		}
		return t, err
	case read.Compare:
		return s.compare(c)
	case read.Present:
		i, err := s.place(c.Column)
		if err != nil {
			return nil, err
		}
		return s.each(func(line []string) logic { return truthOf(!s.missing(line[i])) }), nil
	}
	return nil, fmt.Errorf("study: a condition of type %T", c)
}

func (s *sheet) fold(parts []read.Predicate, start logic, join func(a, b logic) logic) ([]logic, error) {
	out := s.each(func([]string) logic { return start })
	for _, p := range parts {
		t, err := s.truth(p)
		if err != nil {
			return nil, err
		}
		for i := range out {
			out[i] = join(out[i], t[i])
		}
	}
	return out, nil
}

func (s *sheet) each(f func(line []string) logic) []logic {
	out := make([]logic, len(s.rows))
	for i, line := range s.rows {
		out[i] = f(line)
	}
	return out
}

func truthOf(b bool) logic {
	if b {
		return yes
	}
	return no
}

func (s *sheet) compare(c read.Compare) ([]logic, error) {
	i, err := s.place(c.Column)
	if err != nil {
		return nil, err
	}
	texts := slices.ContainsFunc(c.Values, func(v read.Value) bool { return v.IsText })
	var bad error
	truth := s.each(func(line []string) logic {
		text := strings.TrimSpace(line[i])
		if s.missing(text) {
			return unknown
		}
		if texts {
			return compareText(c, text)
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			bad = fmt.Errorf("study: column %q holds texts: compare it with a text in quotes", c.Column)
		}
		return compareNumber(c, v)
	})
	return truth, bad
}

func compareNumber(c read.Compare, v float64) logic {
	return truthOf(slices.ContainsFunc(c.Values, func(w read.Value) bool { return ordered(c.Op, v-w.Number) }))
}

func compareText(c read.Compare, v string) logic {
	return truthOf(slices.ContainsFunc(c.Values, func(w read.Value) bool {
		text := w.Text
		if !w.IsText {
			text = strconv.FormatFloat(w.Number, 'g', -1, 64)
		}
		return ordered(c.Op, float64(strings.Compare(v, text)))
	}))
}

// ordered applies a comparison to the sign of a difference.
func ordered(op read.Op, d float64) bool {
	switch op {
	case read.Eq, read.In:
		return d == 0
	case read.Ne:
		return d != 0 && !math.IsNaN(d)
	case read.Lt:
		return d < 0
	case read.Le:
		return d <= 0
	case read.Gt:
		return d > 0
	}
	return d >= 0
}
