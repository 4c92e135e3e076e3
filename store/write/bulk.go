package write

import (
	"context"
	"errors"
	"fmt"
)

// Bulk stores many batches and derives outcome once, at Commit.
type Bulk struct {
	w       *Writer
	number  uint64
	written int
	rows    int64
	pending touched
	// committed bulks take no more rows; closed ones nothing.
	committed, closed bool
}

var errBulkDone = errors.New("store: this bulk is already committed or closed: start another")

// Bulk starts a large import, whose rows become visible in outcome at Commit.
// Batches may be written beside it.
func (w *Writer) Bulk(ctx context.Context) (*Bulk, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	w.number++
	return &Bulk{w: w, number: w.number}, nil
}

// Write stores the batch's facts. On an error a retry of the same batch is
// harmless.
func (b *Bulk) Write(ctx context.Context, batch Batch) error {
	w := b.w
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.committed || b.closed {
		return errBulkDone
	}
	if err := w.beginAs(ctx, b.number, batch); err != nil {
		return err
	}
	b.written++
	b.rows += batch.rows()
	b.pending.add(batch)
	return w.insertFacts(ctx, fmt.Sprintf("%d.%d", b.number, b.written), batch)
}

// Commit derives outcome from what was written and makes it count in the data
// version. After an error it may be called again.
func (b *Bulk) Commit(ctx context.Context) error {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	if b.closed {
		return errBulkDone
	}
	b.handOver()
	return b.w.settle(ctx)
}

// Close ends the bulk, and gives it up where it was not committed: rows written
// stay, whole, and are derived with the next batch or at the next start.
func (b *Bulk) Close() error {
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.closed = true
	b.handOver()
	return nil
}

// handOver leaves what was written to the writer to settle.
func (b *Bulk) handOver() {
	if b.written == 0 {
		return
	}
	b.w.unsettled.merge(b.pending)
	b.w.open = append(b.w.open, begun{b.number, b.rows})
	b.pending, b.written, b.committed = touched{}, 0, true
}
