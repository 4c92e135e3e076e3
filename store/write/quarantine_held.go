package write

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/record"
)

// quarantine is what the writer knows of the refused rows that are held. The
// numbers are counted once, when the database is opened, and kept with each
// change after that: to count at every scrape would cost more than it tells.
type quarantine struct {
	mu        sync.Mutex
	uncertain bool // an insert failed: some of its rows may be there
	byRule    *prometheus.GaugeVec
	rows      prometheus.Gauge
}

// openQuarantine counts what is held.
func (w *Writer) openQuarantine(ctx context.Context) error {
	q := &w.quarantine
	q.byRule = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lumbar_quarantine_held", Help: "Refused rows that nobody has looked at yet, by rule; a row counts under each rule that it breaks.",
	}, []string{"rule"})
	q.rows = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lumbar_quarantine_held_rows", Help: "Refused rows that nobody has looked at yet.",
	})
	if w.cfg.Registerer != nil {
		for _, c := range []prometheus.Collector{q.byRule, q.rows} {
			if err := w.cfg.Registerer.Register(c); err != nil {
				return fmt.Errorf("store: register metrics: %w", err)
			}
		}
	}
	return w.countHeld(ctx)
}

// countHeld counts all rows that are held.
func (w *Writer) countHeld(ctx context.Context) error {
	wrap := func(err error) error { return fmt.Errorf("store: count quarantine: %w", err) }
	q := &w.quarantine
	q.uncertain = true
	held := map[string]float64{}
	var all uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM quarantine FINAL WHERE state = 'held'").Scan(&all); err != nil {
		return wrap(err)
	}
	rows, err := w.conn.Query(ctx, "SELECT arrayJoin(arrayDistinct(reasons.rule)) AS rule, count() FROM quarantine FINAL WHERE state = 'held' GROUP BY rule")
	if err != nil {
		return wrap(err)
	}
	defer rows.Close()
	for rows.Next() {
		var rule string
		var n uint64
		if err := rows.Scan(&rule, &n); err != nil {
			return wrap(err)
		}
		held[rule] = float64(n)
	}
	if err := rows.Err(); err != nil {
		return wrap(err)
	}
	q.byRule.Reset()
	for rule, n := range held {
		q.byRule.WithLabelValues(rule).Set(n)
	}
	q.rows.Set(float64(all))
	q.uncertain = false
	return nil
}

// count adds a row to the numbers, or takes it away.
func (q *quarantine) count(row *record.Quarantined, by float64) {
	if row.State != record.Held {
		return
	}
	q.rows.Add(by)
	for i, why := range row.Reasons {
		if !slices.ContainsFunc(row.Reasons[:i], func(r record.Reason) bool { return r.Rule == why.Rule }) {
			q.byRule.WithLabelValues(why.Rule).Add(by)
		}
	}
}
