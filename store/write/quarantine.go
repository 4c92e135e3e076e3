package write

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/record"
)

// Quarantine keeps refused rows, held until someone has looked at them. It
// takes no part in the batches: nothing is derived from these rows, and no
// answer changes with them. A row that comes again is one row, as it came last.
func (w *Writer) Quarantine(ctx context.Context, rows []record.Refused) error {
	if len(rows) == 0 {
		return nil
	}
	wrap := func(err error) error { return fmt.Errorf("store: insert into quarantine: %w", err) }
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0}))
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
		at := r.ReceivedAt.UTC()
		err := batch.Append(r.ID, uint64(at.UnixMilli()), "held", at, r.Delivery, uint64(r.Line), reasons, r.Flags, r.Format, string(r.Sealed))
		if err != nil {
			return wrap(err)
		}
	}
	if err := batch.Send(); err != nil {
		return wrap(err)
	}
	return nil
}
