package write

import (
	"context"
	"fmt"
)

// Agree returns what the database keeps under a name. Where it keeps nothing yet
// it keeps the value from now on.
func (w *Writer) Agree(ctx context.Context, name, value string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var kept string
	var n uint64
	if err := w.conn.QueryRow(ctx, "SELECT argMin(value, at), count() FROM installation WHERE name = ?", name).Scan(&kept, &n); err != nil {
		return "", fmt.Errorf("store: read table installation: %w", err)
	}
	if n > 0 {
		return kept, nil
	}
	err := w.conn.Exec(ctx, "INSERT INTO installation (name, value, at) SETTINGS async_insert=0 VALUES (?, ?, fromUnixTimestamp64Milli(toInt64(?)))", name, value, w.cfg.Clock().UnixMilli())
	if err != nil {
		return "", fmt.Errorf("store: keep %s: %w", name, err)
	}
	return value, nil
}
