package write

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/lumbar-health/lumbar/record"
)

// changesAMillisecond is the room between the versions of two receipts for what
// becomes of a refused row.
const changesAMillisecond = 256

// receiptVersion is the version of a refused row as it came. What becomes of it later
// has the versions after this one, so that the same delivery written again, as
// after a crash, changes nothing.
func receiptVersion(at time.Time) uint64 { return uint64(at.UnixMilli()) * changesAMillisecond }

// Quarantine keeps refused rows, held until someone has looked at them. It
// takes no part in the batches: nothing is derived from these rows, and no
// answer changes with them. A row that comes again is one row, as it came last:
// held again where it was replayed before, and where it was discarded only if
// it is refused for other reasons now. The same delivery may be written again.
func (w *Writer) Quarantine(ctx context.Context, rows []record.Refused) error {
	if len(rows) == 0 {
		return nil
	}
	q := &w.quarantine
	q.mu.Lock()
	defer q.mu.Unlock()
	ids := make([]uint64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	before, err := w.quarantined(ctx, ids)
	if err != nil {
		return err
	}
	next := make([]record.Quarantined, 0, len(rows))
	for i := range rows {
		old, known := before[rows[i].ID]
		if row, changed := refusedAgain(old, known, rows[i]); changed {
			next = append(next, row)
		}
	}
	return w.keepQuarantined(ctx, before, next)
}

// refusedAgain is what the quarantine holds of a row after it came; changed is
// false where that is what it holds already.
func refusedAgain(old record.Quarantined, known bool, came record.Refused) (row record.Quarantined, changed bool) {
	row = record.Quarantined{Refused: came, State: record.Held, Version: receiptVersion(came.ReceivedAt)}
	if !known {
		return row, true
	}
	sameDelivery := old.Delivery == came.Delivery && old.Line == came.Line && old.ReceivedAt.UnixMilli() == came.ReceivedAt.UnixMilli()
	if sameDelivery || old.State == record.Discarded && slices.Equal(old.Reasons, came.Reasons) {
		return old, false
	}
	row.Version = max(row.Version, old.Version+1) // the clock may have been set back
	return row, true
}

// Settle writes back what became of refused rows that were read. One that came
// again meanwhile stays as it came. Of a row that is no longer held the sealed
// body goes.
func (w *Writer) Settle(ctx context.Context, rows []record.Quarantined) error {
	if len(rows) == 0 {
		return nil
	}
	q := &w.quarantine
	q.mu.Lock()
	defer q.mu.Unlock()
	ids := make([]uint64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	now, err := w.quarantined(ctx, ids)
	if err != nil {
		return err
	}
	next := make([]record.Quarantined, 0, len(rows))
	for _, row := range rows {
		if current, there := now[row.ID]; !there || current.Version != row.Version {
			continue
		}
		row.Version++
		if row.State != record.Held {
			row.Sealed = nil
		}
		next = append(next, row)
	}
	return w.keepQuarantined(ctx, now, next)
}

// quarantined reads those of the rows that are there, without their bodies.
func (w *Writer) quarantined(ctx context.Context, ids []uint64) (map[uint64]record.Quarantined, error) {
	wrap := func(err error) error { return fmt.Errorf("store: read quarantine: %w", err) }
	asked, err := ext.NewTable("asked", ext.Column("id", "UInt64"))
	if err != nil {
		return nil, wrap(err)
	}
	for _, id := range ids {
		if err := asked.Append(id); err != nil {
			return nil, wrap(err)
		}
	}
	rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(asked)), `SELECT quarantine_id, version, toInt8(state), received_at, batch, line, reasons.field, reasons.rule
FROM quarantine FINAL WHERE quarantine_id IN (SELECT id FROM asked)`)
	if err != nil {
		return nil, wrap(err)
	}
	defer rows.Close()
	found := make(map[uint64]record.Quarantined, len(ids))
	for rows.Next() {
		var q record.Quarantined
		var state int8
		var line uint64
		var fields, rules []string
		if err := rows.Scan(&q.ID, &q.Version, &state, &q.ReceivedAt, &q.Delivery, &line, &fields, &rules); err != nil {
			return nil, wrap(err)
		}
		q.State, q.Line = record.QuarantineState(state), int(line)
		for i := range fields {
			q.Reasons = append(q.Reasons, record.Reason{Field: fields[i], Rule: rules[i]})
		}
		found[q.ID] = q
	}
	if err := rows.Err(); err != nil {
		return nil, wrap(err)
	}
	return found, nil
}

// keepQuarantined inserts rows of the quarantine, each once, and counts them.
func (w *Writer) keepQuarantined(ctx context.Context, before map[uint64]record.Quarantined, rows []record.Quarantined) error {
	if len(rows) == 0 {
		return nil
	}
	if err := w.insertQuarantined(ctx, rows); err != nil {
		w.quarantine.uncertain = true // some of them may be there
		return err
	}
	if w.quarantine.uncertain {
		if err := w.countHeld(ctx); err != nil {
			w.cfg.Log.Warn("the rows in quarantine could not be counted; the next change tries again", "error", err)
		}
		return nil
	}
	for i := range rows {
		if old, known := before[rows[i].ID]; known {
			w.quarantine.count(&old, -1)
		}
		w.quarantine.count(&rows[i], 1)
	}
	return nil
}

func (w *Writer) insertQuarantined(ctx context.Context, rows []record.Quarantined) error {
	wrap := func(err error) error { return fmt.Errorf("store: insert into quarantine: %w", err) }
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0, "insert_deduplication_token": anew()}))
	batch, err := w.conn.PrepareBatch(ctx, `INSERT INTO quarantine
(quarantine_id, version, state, received_at, batch, line, reasons, flags, source, body_sealed)`)
	if err != nil {
		return wrap(err)
	}
	defer batch.Close()
	for i := range rows {
		r := &rows[i]
		reasons := make([][]any, len(r.Reasons))
		for j, why := range r.Reasons {
			reasons[j] = []any{why.Field, why.Rule}
		}
		err := batch.Append(r.ID, r.Version, r.State.String(), r.ReceivedAt.UTC(), r.Delivery, uint64(r.Line), reasons, r.Flags, r.Format, string(r.Sealed))
		if err != nil {
			return wrap(err)
		}
	}
	if err := batch.Send(); err != nil {
		return wrap(err)
	}
	return nil
}
