package read

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/store/schema"
)

// Reader answers questions about outcome. It is safe for concurrent use.
type Reader struct {
	conn     driver.Conn
	streams  *streams
	current  current
	rowsRead atomic.Int64
	counter  prometheus.Counter
	seconds  *prometheus.HistogramVec
}

// New returns a reader of the catalogue's columns. The registerer may be nil.
func New(conn driver.Conn, catalogue *schema.Catalogue, registerer prometheus.Registerer) (*Reader, error) {
	r := &Reader{conn: conn, counter: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lumbar_store_rows_read_total",
		Help: "Rows that the engine returned to readers: groups and cells, never people.",
	})}
	r.current.catalogue.Store(catalogue)
	r.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "lumbar_store_query_seconds",
		Help:    "How long the engine takes for a reader's query, by what it asks.",
		Buckets: prometheus.ExponentialBuckets(0.002, 2, 14),
	}, []string{"query"})
	if registerer == nil {
		return r, nil
	}
	for _, c := range []prometheus.Collector{r.counter, r.seconds} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("store: register metrics: %w", err)
		}
	}
	return r, nil
}

// RowsRead returns how many rows the engine has returned to this reader.
func (r *Reader) RowsRead() int64 { return r.rowsRead.Load() }

// DataVersion returns the number of the last committed batch: a later answer
// of the same number is about the same data. It is 0 before the first one.
func (r *Reader) DataVersion(ctx context.Context) (uint64, error) {
	var version uint64
	err := r.query(ctx, "data version of batch", newStatement(r.catalogue()), "SELECT max(data_version) FROM batch", func(rows driver.Rows) error {
		return rows.Scan(&version)
	})
	return version, err
}

// query runs a statement and hands each of its rows to each. The name says in
// an error which table and question failed.
func (r *Reader) query(ctx context.Context, name string, s *statement, text string, each func(driver.Rows) error) error {
	defer prometheus.NewTimer(r.seconds.WithLabelValues(name)).ObserveDuration()
	leave, err := r.enter(s)
	if err != nil {
		return err
	}
	defer leave()
	rows, err := r.conn.Query(s.context(ctx), text)
	if err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	defer rows.Close()
	for rows.Next() {
		r.rowsRead.Add(1)
		r.counter.Inc()
		if err := each(rows); err != nil {
			return fmt.Errorf("store: %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("store: %s: %w", name, err)
	}
	return nil
}
