package read

import (
	"context"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/record"
)

// Count returns the number of episodes of each group of the selection, in the
// order of the keys. A group without episodes is absent, but a selection that
// is not grouped has its one count, 0 included.
func (r *Reader) Count(ctx context.Context, sel Selection) ([]Count, error) {
	s := newStatement(r.catalogue())
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

// Coverage says how much is known of a column within a selection.
type Coverage struct {
	Present int64    // episodes that have a value
	Levels  []string // of a dimension or category: the values it takes, sorted
}

// Coverage returns the number of episodes of a selection that is not grouped,
// and what is known of each of the columns, in one scan.
func (r *Reader) Coverage(ctx context.Context, sel Selection, columns []string) (n int64, known []Coverage, err error) {
	if len(sel.By) > 0 {
		return 0, nil, fmt.Errorf("store: coverage is of a selection that is not grouped")
	}
	s := newStatement(r.catalogue())
	source, err := s.source(sel)
	if err != nil {
		return 0, nil, err
	}
	present, levels := make([]string, len(columns)), make([]string, len(columns))
	for i, name := range columns {
		f, err := s.field(name)
		if err != nil {
			return 0, nil, err
		}
		present[i] = "toInt64(countIf(" + f.present + "))"
		levels[i] = "CAST([], 'Array(String)')"
		if f.key != "" {
			levels[i] = "arraySort(groupUniqArrayIf(" + fmt.Sprintf(f.keyText, "("+f.key+")") + ", " + f.present + "))"
		}
	}
	text := "SELECT toInt64(count()), " + array(present, "Int64") + ", [" + strings.Join(levels, ", ") + "] " + source + settings
	if len(columns) == 0 {
		text = "SELECT toInt64(count()), CAST([], 'Array(Int64)'), CAST([], 'Array(Array(String))') " + source + settings
	}
	var counts []int64
	var values [][]string
	err = r.query(ctx, "coverage of outcome", s, text, func(rows driver.Rows) error { return rows.Scan(&n, &counts, &values) })
	for i := range counts {
		known = append(known, Coverage{Present: counts[i], Levels: values[i]})
	}
	return n, known, err
}

func dayOf(text string) (record.Date, error) {
	day, err := record.ParseDate(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a day written as 2026-04-01", text)
	}
	return day, nil
}
