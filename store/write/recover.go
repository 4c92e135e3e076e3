package write

import (
	"context"
	"fmt"
	"time"
)

// recover reads where the database stands, derives what a crash left stored
// and not derived, and rebuilds outcome where the programmes derive it in
// another way than before.
func (w *Writer) recover(ctx context.Context) error {
	if err := w.conn.QueryRow(ctx, "SELECT max(number), max(data_version) FROM batch").Scan(&w.number, &w.dataVersion); err != nil {
		return fmt.Errorf("store: read table batch: %w", err)
	}
	if err := w.conn.Exec(ctx, "DROP TABLE IF EXISTS "+successor); err != nil {
		return fmt.Errorf("store: drop what a re-score left: %w", err)
	}
	open, since, err := w.unfinished(ctx)
	if err != nil {
		return err
	}
	done, err := w.followProgrammes(ctx)
	if err != nil {
		return err
	}
	if len(open) == 0 {
		return nil
	}
	if !done {
		if err := w.deriveReceived(ctx, since); err != nil {
			return err
		}
	}
	w.cfg.Log.Warn("derived what an interrupted batch had stored", "batches", len(open))
	for _, number := range open {
		if err := w.commit(ctx, number, 0); err != nil {
			return err
		}
	}
	return w.batchRow(ctx, w.number, "settled", w.cfg.Clock(), 0, 0)
}

// unfinished returns the batches that were begun and not committed, and the
// earliest moment at which one of their rows was received.
func (w *Writer) unfinished(ctx context.Context) (open []uint64, since time.Time, err error) {
	rows, err := w.conn.Query(ctx, `SELECT number, minIf(at, state = 'begun') FROM batch
WHERE number > (SELECT max(number) FROM batch WHERE state = 'settled')
GROUP BY number HAVING countIf(state = 'committed') = 0 ORDER BY number`)
	if err != nil {
		return nil, since, fmt.Errorf("store: read unfinished batches: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var number uint64
		var at time.Time
		if err := rows.Scan(&number, &at); err != nil {
			return nil, since, fmt.Errorf("store: read unfinished batches: %w", err)
		}
		if len(open) == 0 || at.Before(since) {
			since = at
		}
		open = append(open, number)
	}
	if err := rows.Err(); err != nil {
		return nil, since, fmt.Errorf("store: read unfinished batches: %w", err)
	}
	return open, since, nil
}

// deriveReceived derives every patient with a fact received since.
func (w *Writer) deriveReceived(ctx context.Context, since time.Time) error {
	received := fmt.Sprintf("received_at >= fromUnixTimestamp64Milli(toInt64(%d))", since.UnixMilli())
	patients := "SELECT DISTINCT patient_id FROM (SELECT patient_id FROM score WHERE " + received +
		" UNION ALL SELECT patient_id FROM episode WHERE " + received + ")"
	var n uint64
	if err := w.conn.QueryRow(ctx, "SELECT count() FROM ("+patients+")").Scan(&n); err != nil {
		return fmt.Errorf("store: count patients of unfinished batches: %w", err)
	}
	if n > listed {
		return w.deriveAll(ctx, w.derivation, outcome, true)
	}
	return w.deriveScopes(ctx, w.derivation, outcome, []scope{{condition: "patient_id IN (" + patients + ")"}}, true)
}

// followProgrammes rebuilds outcome where it was filled by another derivation:
// a window moved, an instrument joined, another algorithm became current.
func (w *Writer) followProgrammes(ctx context.Context) (done bool, err error) {
	var last string
	var facts uint64
	err = w.conn.QueryRow(ctx, "SELECT argMax(checksum, at), (SELECT count() FROM episode) FROM derivation").Scan(&last, &facts)
	if err != nil {
		return false, fmt.Errorf("store: read table derivation: %w", err)
	}
	if last == w.derivation.checksum {
		return false, nil
	}
	if facts > 0 {
		w.cfg.Log.Info("the programmes changed: rebuilding outcome")
		if err := w.rebuild(ctx); err != nil {
			return false, err
		}
	}
	return facts > 0, w.recordDerivation(ctx)
}

// recordDerivation notes by which derivation outcome is filled.
func (w *Writer) recordDerivation(ctx context.Context) error {
	// The last row counts, whatever the clock says.
	err := w.conn.Exec(ctx, "INSERT INTO derivation (at, checksum) SETTINGS async_insert=0 SELECT greatest(fromUnixTimestamp64Milli(toInt64(?)), max(at) + toIntervalMillisecond(1)), ? FROM derivation",
		w.cfg.Clock().UnixMilli(), w.derivation.checksum)
	if err != nil {
		return fmt.Errorf("store: record the derivation: %w", err)
	}
	return nil
}
