package write

import (
	"context"
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/record"
)

// Audit appends lines to the audit, all of them or none. They are never
// changed. What must not happen unseen waits for this to return nil.
func (w *Writer) Audit(ctx context.Context, lines ...record.Access) error {
	if len(lines) == 0 {
		return nil
	}
	values := make([]any, 0, 8*len(lines))
	for _, l := range lines {
		values = append(values, l.At.UnixMicro(), l.Actor, l.Role, l.Action, l.Purpose, l.Subject, uint64(l.Rows), l.Receipt)
	}
	row := ", (fromUnixTimestamp64Micro(toInt64(?)), generateUUIDv4(), ?, ?, ?, ?, ?, ?, ?)"
	err := w.conn.Exec(ctx, "INSERT INTO audit (at, audit_id, actor, role, action, purpose, subject, rows, receipt) SETTINGS async_insert=0 VALUES "+
		strings.Repeat(row, len(lines))[2:], values...)
	if err != nil {
		return fmt.Errorf("store: append to audit: %w", err)
	}
	return nil
}
