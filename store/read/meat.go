package read

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Meat returns Σ w·xx' in points, packed as moments.Cell: what is between the
// breads of the sandwich of a fitted linear model, of all its coefficients at
// once. w is as Weighted has it; Along is not read. The sums are of Float64s: two
// runs agree to about 1e-12, not to the bit. Errors: ErrLeverage, of HC2 and HC3.
func (r *Reader) Meat(ctx context.Context, w Weighted) ([]float64, error) {
	s := newStatement(r.catalogue())
	text, err := s.meat(w)
	if err != nil {
		return nil, err
	}
	var meat []float64
	err = r.query(ctx, "weighted products of outcome", s, text, func(rows driver.Rows) error { return rows.Scan(&meat) })
	for _, sum := range meat {
		if err == nil && (math.IsNaN(sum) || math.IsInf(sum, 0)) {
			err = fmt.Errorf("store: weighted products of outcome: no %v weight: %w", w.Kind, ErrLeverage)
		}
	}
	return meat, err
}

// meat sums the products of each pair of terms. The weighted term is a column of
// its own, so that a product is one multiplication; by flags only those of
// measurements are made row by row.
func (s *statement) meat(w Weighted) (string, error) {
	rows, d, err := s.weightedRows(w)
	if err != nil {
		return "", err
	}
	f, g := flagsOf(d.terms), &grouped{names: map[string]string{}}
	names, sums := []string{"_w"}, []string{}
	for i, t := range d.terms {
		if f == nil || t.flag == "" {
			names = append(names, fmt.Sprintf("_f%[1]d, _w * _f%[1]d AS _g%[1]d", i))
		}
		for j := range i + 1 {
			if f == nil {
				sums = append(sums, weightedSum(i, j))
				continue
			}
			row, column, condition := f.without(i, j)
			sums = append(sums, g.sum(weightedSum(row, column), condition))
		}
	}
	if f != nil {
		names = append(names, "_flags")
	}
	from := "(SELECT " + strings.Join(names, ", ") + " FROM (" + rows + "))"
	if f != nil {
		from = g.from(from)
	}
	return "SELECT [" + strings.Join(sums, ", ") + "] FROM " + from + settings, nil
}

// weightedSum is Σ w·xᵢxⱼ over rows.
func weightedSum(i, j int) string { return fmt.Sprintf("sum(_g%d * _f%d)", i, j) }
