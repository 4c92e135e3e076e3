package read

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/store/schema"
)

// predicate writes a condition. A comparison with a missing value is NULL, and
// AND, OR and NOT carry that through, so that neither it nor its negation keeps
// a row.
func (s *statement) predicate(p Predicate) (string, error) {
	switch p := p.(type) {
	case And:
		return s.join(p, " AND ", "1")
	case Or:
		return s.join(p, " OR ", "0")
	case Not:
		if p.Of == nil {
			return "", fmt.Errorf("store: a negation needs a condition")
		}
		inner, err := s.predicate(p.Of)
		return "(NOT " + inner + ")", err
	case Present:
		f, err := s.field(p.Column)
		return "(" + f.present + ")", err
	case Compare:
		return s.compare(p)
	}
	return "", fmt.Errorf("store: a condition of an unknown kind")
}

func (s *statement) join(parts []Predicate, with, empty string) (string, error) {
	if len(parts) == 0 {
		return empty, nil
	}
	written := make([]string, len(parts))
	for i, p := range parts {
		var err error
		if written[i], err = s.predicate(p); err != nil {
			return "", err
		}
	}
	return "(" + strings.Join(written, with) + ")", nil
}

// operators are the comparisons as SQL.
var operators = map[Op]string{Eq: "=", Ne: "!=", Lt: "<", Le: "<=", Gt: ">", Ge: ">=", In: "IN"}

func (s *statement) compare(c Compare) (string, error) {
	f, err := s.field(c.Column)
	if err != nil {
		return "", err
	}
	op, ok := operators[c.Op]
	if !ok {
		return "", fmt.Errorf("store: column %s: unknown comparison %q", c.Column, c.Op)
	}
	if c.Op != In && len(c.Values) != 1 || len(c.Values) == 0 {
		return "", fmt.Errorf("store: column %s: %s compares with one value, and in with at least one; %d given", c.Column, c.Op, len(c.Values))
	}
	ordered := f.kind != schema.Text && f.kind != schema.Enum || f.name == "month" || f.name == "quarter"
	if !ordered && c.Op != Eq && c.Op != Ne && c.Op != In {
		return "", fmt.Errorf("store: column %s holds codes: compare it by =, != or in", c.Column)
	}
	if c.Op == In && !ordered {
		return s.among(f, c)
	}
	alternatives := make([]string, len(c.Values))
	for i, v := range c.Values {
		bound, err := s.comparand(f, v)
		if err != nil {
			return "", err
		}
		if c.Op == In {
			op = "="
		}
		alternatives[i] = f.value + " " + op + " " + bound
	}
	return "(" + strings.Join(alternatives, " OR ") + ")", nil
}

// among writes in over codes as one array, however many they are.
func (s *statement) among(f field, c Compare) (string, error) {
	texts := make([]string, len(c.Values))
	for i, v := range c.Values {
		texts[i] = v.Text
		if !v.IsText {
			texts[i] = strconv.FormatFloat(v.Number, 'f', -1, 64)
		}
	}
	return "if(isNull(" + f.value + "), NULL, has(" + s.texts(texts) + ", assumeNotNull(" + f.value + ")))", nil
}

// comparand binds a value in the form in which the field is stored.
func (s *statement) comparand(f field, v Value) (string, error) {
	switch f.kind {
	case schema.Text, schema.Enum:
		if !v.IsText {
			return s.text(strconv.FormatFloat(v.Number, 'f', -1, 64)), nil
		}
		return s.text(v.Text), nil
	case schema.Date:
		if !v.IsText {
			return "", fmt.Errorf("store: column %s is a day: compare it with one written as 2026-04-01", f.name)
		}
		if _, err := dayOf(v.Text); err != nil {
			return "", fmt.Errorf("store: column %s: %w", f.name, err)
		}
		return s.bind("Date32", v.Text), nil
	}
	number := v.Number
	if v.IsText {
		parsed, err := strconv.ParseFloat(v.Text, 64)
		if err != nil {
			return "", fmt.Errorf("store: column %s is a number, and %q is none", f.name, v.Text)
		}
		number = parsed
	}
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return "", fmt.Errorf("store: column %s: a comparison needs a finite number", f.name)
	}
	if f.kind == schema.Integer {
		number = inUnits(number, f.unit)
	}
	return s.number(number), nil
}

// inUnits returns a number of points in units: the whole number of units where
// it is one but for the rounding of its decimals.
func inUnits(points float64, unit int64) float64 {
	units := points * float64(unit)
	if whole := math.Round(units); math.Abs(units-whole) < 1e-6 {
		return whole
	}
	return units
}
