package write

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Bulk stores many batches and derives outcome once, at Commit. Rows travel in
// one stream a table, so that the engine cuts them into few large parts: a
// batch that Write took is stored for certain only after Commit.
type Bulk struct {
	w       *Writer
	ctx     context.Context // of the whole import: the streams outlive a Write
	number  uint64
	rows    int64
	written bool

	mu      sync.Mutex
	streams map[Table]*stream
	pending touched
	failed  error // a broken stream may have lost earlier batches too
	// committed bulks take no more rows; closed ones nothing.
	committed, closed bool
}

var errBulkDone = errors.New("store: this bulk is already committed or closed: start another")

// Bulk starts a large import, whose rows become visible in outcome at Commit.
// Batches may be written beside it. The import ends when ctx does.
func (w *Writer) Bulk(ctx context.Context) (*Bulk, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return nil, err
	}
	w.number++
	return &Bulk{w: w, ctx: ctx, number: w.number, streams: map[Table]*stream{}}, nil
}

// Write takes the batch's facts. After an error the bulk is lost and takes no
// more: another one of the same batches completes it.
func (b *Bulk) Write(ctx context.Context, batch Batch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.committed || b.closed {
		return errBulkDone
	}
	if b.failed != nil {
		return b.failed
	}
	if err := b.w.beginAs(ctx, b.number, batch); err != nil {
		return err
	}
	b.written = true
	b.rows += batch.rows()
	b.pending.add(batch)
	b.w.present.note(batch)
	for _, p := range batch.parts() {
		if p.record == nil || p.record.NumRows() == 0 {
			continue
		}
		if err := b.send(p); err != nil {
			b.failed = err
			return err
		}
	}
	return nil
}

// send puts the record into its table's stream, which the first one opens.
func (b *Bulk) send(p part) error {
	s := b.streams[p.table]
	if s == nil {
		var err error
		if s, err = b.w.openStream(b.ctx, p.table, p.record.Schema(), fmt.Sprintf("%d/%s", b.number, p.table), bulkSettings); err != nil {
			return err
		}
		b.streams[p.table] = s
	}
	return s.write(p.record)
}

// Commit waits until all rows are stored, derives outcome from them and makes
// the bulk count in the data version. After an error of the derivation it may
// be called again.
func (b *Bulk) Commit(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return errBulkDone
	}
	if err := b.finish(); err != nil {
		return err
	}
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.handOver()
	return b.w.settle(ctx)
}

// Close ends the bulk, and gives it up where it was not committed: rows stored
// stay, whole, and are derived with the next batch or at the next start.
func (b *Bulk) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	err := b.finish()
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	b.handOver()
	if errors.Is(err, context.Canceled) {
		return nil // who cancels knows that rows are missing
	}
	return err
}

// finish closes the streams, in the order in which a batch is stored, and
// returns what the engine says of them.
func (b *Bulk) finish() error {
	for _, p := range (Batch{}).parts() {
		if s := b.streams[p.table]; s != nil {
			delete(b.streams, p.table)
			if err := s.close(); err != nil && b.failed == nil {
				b.failed = err
			}
		}
	}
	return b.failed
}

// handOver leaves what was written to the writer to settle.
func (b *Bulk) handOver() {
	if !b.written {
		return
	}
	b.w.unsettled.merge(b.pending)
	if b.w.since != nil {
		b.w.since.merge(b.pending)
	}
	b.w.open = append(b.w.open, begun{b.number, b.rows})
	b.pending, b.written, b.committed = touched{}, false, true
}
