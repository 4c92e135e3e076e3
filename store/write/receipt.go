package write

import (
	"context"
	"fmt"

	"github.com/lumbar-health/lumbar/store/read"
)

// Receipt says how one number was made.
type Receipt = read.Receipt

// AppendReceipt stores a receipt. Receipts are never changed.
func (w *Writer) AppendReceipt(ctx context.Context, r Receipt) error {
	exact := uint8(0)
	if r.Exact {
		exact = 1
	}
	err := w.conn.Exec(ctx, `INSERT INTO receipt (at, receipt_id, actor, question, parameters, data_version, code_version, registry_version, seed, disclosure_rule, exact, answer)
SETTINGS async_insert=0 VALUES (fromUnixTimestamp64Micro(toInt64(?)), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		r.At.UnixMicro(), r.ID, r.Actor, r.Question, r.Parameters, r.DataVersion, r.CodeVersion, r.RegistryVersion, r.Seed, r.DisclosureRule, exact, r.Answer)
	if err != nil {
		return fmt.Errorf("store: append to receipt: %w", err)
	}
	return nil
}
