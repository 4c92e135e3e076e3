package read

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
)

// direct runs a statement that reads rows by their key, of facts or registers:
// not of outcome, so that it neither waits for a switch of what is current nor
// counts as rows of a question. The name says in an error what failed.
func (r *Reader) direct(ctx context.Context, name string, s *statement, text string, each func(driver.Rows) error) error {
	defer prometheus.NewTimer(r.seconds.WithLabelValues(name)).ObserveDuration()
	rows, err := r.conn.Query(s.context(ctx), text)
	if err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return fmt.Errorf("store: %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	return nil
}
