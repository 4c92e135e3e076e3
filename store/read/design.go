package read

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// exactBound is the largest magnitude of an exact term, in units: the product
// of two such terms fits Int64 with a bit to spare.
const exactBound = 1 << 31

// term is a column of a design as SQL over a complete row.
type term struct {
	name  string
	units string // Int64, of an exact term
	float string // Float64, in points
	unit  int64  // 0 unless exact
	bound int64  // of units
	// flag is a term of levels alone as UInt8, 0 or 1; empty for the others.
	flag string
}

// design is the terms of a question and the condition that a row is complete.
type design struct {
	terms    []term
	asked    []moments.Term
	complete string
}

// design writes the terms, with the intercept in front, and the completeness
// of the columns that they and the question need.
func (s *statement) design(q Question) (design, error) {
	var d design
	if len(q.Terms) == 0 || len(q.Terms[0].Factors) > 0 {
		d.asked = append(d.asked, moments.Intercept())
	}
	d.asked = append(d.asked, q.Terms...)
	needed := append([]string{}, q.Complete...)
	for i, t := range d.asked {
		if i > 0 && len(t.Factors) == 0 {
			return d, fmt.Errorf("store: term %s: only the first term can be the intercept", t.Name)
		}
		written, numeric, err := s.term(t)
		if err != nil {
			return d, err
		}
		d.terms = append(d.terms, written)
		needed = append(needed, numeric...)
	}
	var err error
	d.complete, err = s.complete(needed)
	return d, err
}

// complete is the condition that all the columns have a value.
func (s *statement) complete(columns []string) (string, error) {
	var conditions []string
	seen := map[string]bool{"1": true}
	for _, name := range columns {
		f, err := s.field(name)
		if err != nil {
			return "", err
		}
		if !seen[f.present] {
			seen[f.present] = true
			conditions = append(conditions, f.present)
		}
	}
	if len(conditions) == 0 {
		return "1", nil
	}
	return "(" + strings.Join(conditions, " AND ") + ")", nil
}

// term writes the product of a term's factors, and names the columns that must
// have a value for it. A product is exact when at most one factor is a column,
// not a power of it, and its column counts whole units.
func (s *statement) term(t moments.Term) (term, []string, error) {
	out := term{name: t.Name, unit: 1, bound: 1}
	var exact, float, flag, needed []string
	columns := 0
	for _, factor := range t.Factors {
		f, err := s.field(factor.Column)
		if err != nil {
			return out, nil, fmt.Errorf("term %s: %w", t.Name, err)
		}
		if factor.Level != nil {
			is := s.is(f, *factor.Level)
			exact, float, flag = append(exact, "toInt64("+is+")"), append(float, "toFloat64("+is+")"), append(flag, is)
			continue
		}
		if f.kind != schema.Integer && f.kind != schema.Float {
			return out, nil, fmt.Errorf("store: term %s: column %s is no number: give it a level", t.Name, f.name)
		}
		if factor.Power < 0 {
			return out, nil, fmt.Errorf("store: term %s: power %d of column %s: want 1 or more", t.Name, factor.Power, f.name)
		}
		needed = append(needed, f.name)
		columns++
		value := "assumeNotNull(" + f.value + ")"
		exact = append(exact, "toInt64("+value+")")
		if factor.Curve != nil {
			if err := finite(factor.Curve); err != nil {
				return out, nil, fmt.Errorf("term %s: %w", t.Name, err)
			}
			float = append(float, curve(points(value, f), *factor.Curve))
		} else {
			float = append(float, power(points(value, f), factor.Power))
		}
		out.unit, out.bound = out.unit*f.unit, out.bound*max(f.bound, 1)
		if factor.Power > 1 || factor.Curve != nil || f.kind == schema.Float || columns > 1 {
			out.unit = 0
		}
	}
	if out.bound >= exactBound {
		out.unit = 0
	}
	out.units, out.float = product(exact, "toInt64(1)"), product(float, "toFloat64(1)")
	if len(flag) > 0 && columns == 0 {
		out.flag = "toUInt8(" + strings.Join(flag, " AND ") + ")"
	}
	return out, needed, nil
}

// is writes that a column has a level, 0 where it is missing. A category is
// compared as it is stored and a whole number as a number: their texts, made row
// by row, cost more than all the sums of a model. A closed set takes a text of
// digits for a code, so that such a text is compared as a text.
func (s *statement) is(f field, level string) string {
	n, err := strconv.ParseInt(level, 10, 64)
	number := err == nil && strconv.FormatInt(n, 10) == level
	switch {
	case f.plain() && level != "", f.kind == schema.Enum && f.key != "" && err != nil && level != "unknown" && level != "":
		return "ifNull(" + f.key + " = " + s.text(level) + ", 0)"
	case f.kind == schema.Integer && f.keyText == integerText && number && n != 0:
		return "ifNull(" + f.key + " = " + level + ", 0)"
	}
	return "ifNull(toString(" + f.value + ") = " + s.text(level) + ", 0)"
}

// points is a stored value in points.
func points(value string, f field) string {
	if f.kind == schema.Integer && f.unit != 1 {
		return "(toFloat64(" + value + ") / " + strconv.FormatInt(f.unit, 10) + ")"
	}
	return "toFloat64(" + value + ")"
}

func power(x string, p int) string {
	factors := make([]string, max(p, 1))
	for i := range factors {
		factors[i] = x
	}
	return product(factors, x)
}

// curve writes a curve's value at x. Its constants are numbers that Go has
// computed, so they stand in the statement itself.
func curve(x string, c moments.Curve) string {
	text := "0"
	if n := len(c.Powers); n > 0 {
		text = constant(c.Powers[n-1])
		for j := n - 2; j >= 0; j-- {
			text = "(" + text + " * (" + x + " - " + constant(c.Centre) + ") + " + constant(c.Powers[j]) + ")"
		}
	}
	for k, knot := range c.Knots {
		text += " + " + constant(c.Cubes[k]) + " * pow(greatest(" + x + " - " + constant(knot) + ", 0), 3)"
	}
	return "toFloat64(" + text + ")"
}

func constant(v float64) string { return "(" + strconv.FormatFloat(v, 'e', -1, 64) + ")" }

// finite refuses a curve that is no function of finite numbers.
func finite(c *moments.Curve) error {
	for _, list := range [][]float64{{c.Centre}, c.Powers, c.Knots, c.Cubes} {
		for _, v := range list {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return errors.New("store: a constant of a curve is not finite")
			}
		}
	}
	if len(c.Knots) != len(c.Cubes) {
		return errors.New("store: a curve has a coefficient for each knot")
	}
	return nil
}

func product(factors []string, empty string) string {
	if len(factors) == 0 {
		return empty
	}
	return strings.Join(factors, " * ")
}
