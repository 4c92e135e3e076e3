package read

import (
	"context"
	"fmt"
	"math"
	"strconv"

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

// Weighted asks for the middle of a sandwich estimator of a fitted linear model:
//
//	Σ w·xᵢ·xⱼ,   w = e²/(1−h)ᵏ,   e = y − x'β,   h = x'Mx
//
// with k = 0 for HC0 and HC1, 1 for HC2 and 2 for HC3. The design x is the
// question's terms with the intercept in front; the rows are those that are
// complete in the terms, in Complete and in Outcome. By must be empty.
type Weighted struct {
	Question
	Outcome moments.Term // y
	Beta    []float64    // one for each term, the intercept first
	Bread   []float64    // M = (X'X)⁻¹, packed as moments.Cell; unused by HC0 and HC1
	Kind    HC
}

// Weighted returns Σ w·xᵢ·xⱼ in points, packed as moments.Cell. The sums are
// of Float64s: two runs agree to about 1e-12, not to the bit. A row of leverage
// 1 has no HC2 or HC3 weight and is an error.
func (r *Reader) Weighted(ctx context.Context, w Weighted) ([]float64, error) {
	s := newStatement(r.catalogue)
	text, err := s.weighted(w)
	if err != nil {
		return nil, err
	}
	var sums []float64
	err = r.query(ctx, "weighted moments of outcome", s, text, func(rows driver.Rows) error { return rows.Scan(&sums) })
	if err != nil {
		return nil, err
	}
	for _, v := range sums {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("store: weighted moments of outcome: a row has leverage 1, which leaves no %v weight: drop the term that only it has", w.Kind)
		}
	}
	return sums, nil
}

// String returns HC0 to HC3.
func (k HC) String() string { return "HC" + strconv.Itoa(int(k)) }

func (s *statement) weighted(w Weighted) (string, error) {
	if len(w.By) > 0 {
		return "", fmt.Errorf("store: weighted moments are of one model: ask for each group by a condition")
	}
	w.Terms = append([]moments.Term{}, w.Terms...)
	d, err := s.design(w.Question)
	if err != nil {
		return "", err
	}
	y, needed, err := s.term(w.Outcome)
	if err != nil {
		return "", err
	}
	p := len(d.terms)
	k := map[HC]int{HC0: 0, HC1: 0, HC2: 1, HC3: 2}[w.Kind]
	if len(w.Beta) != p || k > 0 && len(w.Bread) != p*(p+1)/2 || w.Kind < HC0 || w.Kind > HC3 {
		return "", fmt.Errorf("store: weighted moments: %s of %d terms with %d coefficients and %d cells of the inverse", w.Kind, p, len(w.Beta), len(w.Bread))
	}
	complete, err := s.complete(needed)
	if err != nil {
		return "", err
	}
	source, err := s.source(w.Selection)
	if err != nil {
		return "", err
	}
	weight, err := s.weight(w, p, k)
	if err != nil {
		return "", err
	}
	row := y.float + " AS y"
	for i, t := range d.terms {
		row += ", " + t.float + " AS f" + strconv.Itoa(i)
	}
	var sums []string
	for i := range p {
		for j := range i + 1 {
			sums = append(sums, fmt.Sprintf("sum(w * f%d * f%d)", i, j))
		}
	}
	return "SELECT " + array(sums, "Float64") + " FROM (SELECT *, " + weight + " AS w FROM (SELECT " + row + " " + source +
		" AND " + d.complete + " AND " + complete + "))" + settings, nil
}

// weight writes e²/(1−h)ᵏ over f0 … and y.
func (s *statement) weight(w Weighted, p, k int) (string, error) {
	beta, err := s.numbers(w.Beta)
	if err != nil {
		return "", err
	}
	fitted := "0"
	for i := range p {
		fitted += fmt.Sprintf(" + %s[%d] * f%d", beta, i+1, i)
	}
	squared := "pow(y - (" + fitted + "), 2)"
	if k == 0 {
		return squared, nil
	}
	bread, err := s.numbers(w.Bread)
	if err != nil {
		return "", err
	}
	leverage := "0"
	for i := range p {
		for j := range i + 1 {
			factor := "2 * "
			if i == j {
				factor = ""
			}
			leverage += fmt.Sprintf(" + %s%s[%d] * f%d * f%d", factor, bread, moments.Cell(i, j)+1, i, j)
		}
	}
	return fmt.Sprintf("%s / pow(1 - (%s), %d)", squared, leverage, k), nil
}
