package read

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// HC is a kind of heteroscedasticity-consistent error, by MacKinnon and White
// (1985), doi:10.1016/0304-4076(85)90158-7.
type HC int

// Kinds of error. HC1 is HC0 times n/(n−p), which the caller applies.
const (
	HC0 HC = iota
	HC1
	HC2
	HC3
)

// Weighted asks for the residual-weighted square of one direction of a fitted
// linear model:
//
//	Σ w·(a'x)²,   w = e²/(1−h)ᵏ,   e = y − x'β,   h = x'Mx
//
// with k = 0 for HC0 and HC1, 1 for HC2 and 2 for HC3. With a a row of M it is
// the sandwich variance of that coefficient. The design x is the question's
// terms with the intercept in front; the rows are those that are complete in
// the terms, in Complete and in Outcome. By must be empty.
type Weighted struct {
	Question
	Outcome moments.Term // y
	Beta    []float64    // one for each term, the intercept first
	Bread   []float64    // M = (X'X)⁻¹, packed as moments.Cell; unused by HC0 and HC1
	Along   []float64    // a, one for each term
	Kind    HC
}

// ErrLeverage says that one row alone determines a coefficient: its leverage is
// within 1e-8 of 1, so that it has no HC2 or HC3 weight. Drop the term that only
// it has.
var ErrLeverage = errors.New("one row alone determines a coefficient")

// leastLeft is the least 1−h that has a weight: below it the residual is rounding.
const leastLeft = 1e-8

// Weighted returns Σ w·(a'x)² in points. The sum is of Float64s: two runs agree
// to about 1e-12, not to the bit. Errors: ErrLeverage, of HC2 and HC3.
func (r *Reader) Weighted(ctx context.Context, w Weighted) (float64, error) {
	s := newStatement(r.catalogue())
	text, err := s.weighted(w)
	if err != nil {
		return 0, err
	}
	var sum float64
	err = r.query(ctx, "weighted moments of outcome", s, text, func(rows driver.Rows) error { return rows.Scan(&sum) })
	if err == nil && (math.IsNaN(sum) || math.IsInf(sum, 0)) {
		err = fmt.Errorf("store: weighted moments of outcome: no %v weight: %w", w.Kind, ErrLeverage)
	}
	return sum, err
}

// String returns HC0 to HC3.
func (k HC) String() string { return "HC" + strconv.Itoa(int(k)) }

func (s *statement) weighted(w Weighted) (string, error) {
	rows, d, err := s.weightedRows(w)
	if err != nil {
		return "", err
	}
	if p := len(d.terms); len(w.Along) != p {
		return "", fmt.Errorf("store: weighted moments of %d terms with %d numbers of a direction", p, len(w.Along))
	}
	if err := finiteConstants(w.Along); err != nil {
		return "", err
	}
	return "SELECT sum(_w * " + squared(alongRow(w.Along), "_a") + ") FROM (" + rows + ")" + settings, nil
}

// weightedRows writes the rows of the model with their design _f0, _f1, … and
// their weight _w, and
// their flags where the design has some.
func (s *statement) weightedRows(w Weighted) (text string, d design, err error) {
	if len(w.By) > 0 {
		return "", d, fmt.Errorf("store: weighted moments are of one model: ask for each group by a condition")
	}
	w.Terms = append([]moments.Term{}, w.Terms...)
	if d, err = s.design(w.Question); err != nil {
		return "", d, err
	}
	y, needed, err := s.term(w.Outcome)
	if err != nil {
		return "", d, err
	}
	complete, err := s.complete(needed)
	if err != nil {
		return "", d, err
	}
	source, err := s.source(w.Selection)
	if err != nil {
		return "", d, err
	}
	p := len(d.terms)
	weight, err := w.weight(p)
	if err != nil {
		return "", d, err
	}
	names, values := make([]string, p, p+1), make([]string, p, p+1)
	for i, t := range d.terms {
		names[i] = "_f" + strconv.Itoa(i)
		values[i] = t.float + " AS " + names[i]
	}
	if f := flagsOf(d.terms); f != nil {
		names, values = append(names, "_flags"), append(values, f.column())
	}
	return "SELECT " + strings.Join(names, ", ") + ", " + weight + " AS _w FROM (SELECT " + y.float + " AS _y, " + strings.Join(values, ", ") + " " + source +
		" AND " + d.complete + " AND " + complete + ")", d, nil
}

// weight writes e²/(1−h)ᵏ over the design and the outcome _y. The leverage is
// a sum of squares, h = |L'x|² with M = LL', so that it can not come out negative.
func (w Weighted) weight(p int) (string, error) {
	k := map[HC]int{HC0: 0, HC1: 0, HC2: 1, HC3: 2}[w.Kind]
	if len(w.Beta) != p || k > 0 && len(w.Bread) != p*(p+1)/2 || w.Kind < HC0 || w.Kind > HC3 {
		return "", fmt.Errorf("store: weighted moments: %s of %d terms with %d coefficients and %d cells of the inverse", w.Kind, p, len(w.Beta), len(w.Bread))
	}
	if err := finiteConstants(w.Beta); err != nil {
		return "", err
	}
	residual := squared("_y - "+alongRow(w.Beta), "_e")
	if k == 0 {
		return residual, nil
	}
	l, err := cholesky(w.Bread, p)
	if err != nil {
		return "", err
	}
	squares := make([]string, p)
	for j := range p {
		column := make([]float64, p)
		for i := j; i < p; i++ {
			column[i] = l[moments.Cell(i, j)]
		}
		squares[j] = squared(alongRow(column), "_h"+strconv.Itoa(j))
	}
	// A row without a weight makes the sum infinite or not a number, which
	// Weighted reports.
	return fmt.Sprintf("if((1 - (%s) AS _left) < %g, inf, %s / pow(_left, %d))", strings.Join(squares, " + "), leastLeft, residual, k), nil
}

// squared writes a square by the number's alias: pow costs ten times as much.
func squared(number, alias string) string { return "((" + number + ") AS " + alias + ") * " + alias }

func finiteConstants(c []float64) error {
	for _, v := range c {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("store: weighted moments: a constant is not finite")
		}
	}
	return nil
}

// alongRow writes c'x over the design, where c is not 0. The constants are numbers that Go has
// computed, never a caller's text, so they stand in the statement itself: bound,
// they made its analysis take longer than its run.
func alongRow(c []float64) string {
	parts := []string{"toFloat64(0)"}
	for i, v := range c {
		if v != 0 {
			parts = append(parts, constant(v)+" * _f"+strconv.Itoa(i))
		}
	}
	return "(" + strings.Join(parts[min(1, len(parts)-1):], " + ") + ")"
}

// cholesky returns the lower triangle L of M = LL', packed as moments.Cell.
func cholesky(m []float64, p int) ([]float64, error) {
	l := make([]float64, len(m))
	for i := range p {
		for j := range i + 1 {
			sum := m[moments.Cell(i, j)]
			for k := range j {
				sum -= l[moments.Cell(i, k)] * l[moments.Cell(j, k)]
			}
			if i != j {
				l[moments.Cell(i, j)] = sum / l[moments.Cell(j, j)]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 0) {
				return nil, fmt.Errorf("store: weighted moments: the inverse of the design's products is not positive definite")
			}
			l[moments.Cell(i, i)] = math.Sqrt(sum)
		}
	}
	return l, nil
}
