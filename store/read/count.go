package read

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/record"
)

// Count returns the number of episodes of each group of the selection, in the
// order of the keys. A group without episodes is absent, but a selection that
// is not grouped has its one count, 0 included.
func (r *Reader) Count(ctx context.Context, sel Selection) ([]Count, error) {
	s := newStatement(r.catalogue)
	source, err := s.source(sel)
	if err != nil {
		return nil, err
	}
	g, err := s.grouping(sel.By)
	if err != nil {
		return nil, err
	}
	text := "SELECT " + g.texts + " AS keys, toInt64(sum(_one)) AS _n FROM (SELECT " + g.columns("1 AS _one") + " " + source + ")" + g.by() + " ORDER BY keys" + settings
	var counts []Count
	err = r.query(ctx, "count outcome", s, text, func(rows driver.Rows) error {
		var c Count
		if err := rows.Scan(&c.Key, &c.N); err != nil {
			return err
		}
		counts = append(counts, c)
		return nil
	})
	return counts, err
}

// Levels returns the values that a dimension or category takes in the
// selection, sorted; missing is none of them.
func (r *Reader) Levels(ctx context.Context, sel Selection, column string) ([]string, error) {
	sel.By = []string{column}
	counts, err := r.Count(ctx, sel)
	if err != nil {
		return nil, err
	}
	var levels []string
	for _, c := range counts {
		if c.Key[0] != "" {
			levels = append(levels, c.Key[0])
		}
	}
	return levels, nil
}

func dayOf(text string) (record.Date, error) {
	day, err := record.ParseDate(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a day written as 2026-04-01", text)
	}
	return day, nil
}
