package ingest

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync/atomic"
)

// importRun is one import: a goroutine decodes, validates and scores while
// the caller's one writes.
type importRun struct {
	pipeline *Pipeline
	writer   Writer
	report   *Report
	size     int64
	progress func(Progress)
	rejected func(*Record) // may be nil
	step     atomic.Int64  // rows of the next chunk
}

// chunk is some records on the way from decoder to writer.
type chunk struct {
	records []*Record
	n       int
	bytes   int64
	end     bool
	err     error
}

const (
	// step is how many rows go from the decoder to the writer at a time, once
	// it is known that a source is large: what lies between them is memory.
	step = 4096
	// longStep is as many where most rows are stored already: the store answers
	// more questions at once in less time.
	longStep = 16_384
	// steps is how many may lie there.
	steps = 4
	// large is the size from which a source is taken to be more than a batch.
	large = 32 << 20
)

func (r *importRun) do(ctx context.Context, d Decoder, in *stream) error {
	ctx, cancel := context.WithCancel(ctx)
	r.step.Store(step)
	full, empty := make(chan *chunk), make(chan *chunk, steps)
	done := make(chan struct{})
	for range cap(empty) {
		c, ok := r.pipeline.chunks.Get().(*chunk)
		if !ok {
			c = new(chunk)
		}
		defer r.pipeline.chunks.Put(c)
		empty <- c
	}
	go func() {
		defer close(done)
		r.decode(ctx, r.pipeline.Reader(d, r.report.Format), in, empty, full)
	}()
	err := r.write(ctx, empty, full)
	cancel()
	<-done
	return err
}

// decode fills chunks until the source ends: a first one as large as a batch
// where that may be all, small ones then.
func (r *importRun) decode(ctx context.Context, source *Reader, in *stream, empty <-chan *chunk, full chan<- *chunk) {
	most := r.pipeline.rows
	if r.size >= large {
		most = min(most, step)
	}
	for ; ; most = min(r.pipeline.rows, int(r.step.Load())) {
		var c *chunk
		select {
		case c = <-empty:
		case <-ctx.Done():
			return
		}
		c.fill(source, most)
		if c.bytes = in.bytes.n; in.at != nil {
			c.bytes = max(c.bytes, source.offset())
		}
		select {
		case full <- c:
		case <-ctx.Done():
			return
		}
		if c.last() {
			return
		}
	}
}

// last reports whether nothing comes after it.
func (c *chunk) last() bool { return c.end || c.err != nil }

// fill reads a batch's worth of records.
func (c *chunk) fill(source *Reader, most int) {
	c.n, c.end, c.err = 0, false, nil
	if len(c.records) > most {
		c.records = slices.Clone(c.records[:most]) // a large one was the first
	}
	for rows, held := 0, 0; rows < most && held < maxHeld; c.n++ {
		if c.n == len(c.records) {
			c.records = append(c.records, new(Record))
		}
		rec := c.records[c.n]
		rec.Reset()
		if err := source.Next(rec); err != nil {
			c.end = errors.Is(err, io.EOF)
			if !c.end {
				c.err = err
			}
			return
		}
		// A refused record counts too, so that a chunk ends.
		rows += max(rec.rows(), 1)
		held += rec.Held()
	}
}

// write stores chunks as they come: one alone at once, more as a bulk. Imports
// take turns, so that what one has stored the next one knows.
func (r *importRun) write(ctx context.Context, empty chan<- *chunk, full <-chan *chunk) error {
	first, err := next(ctx, full)
	if err != nil {
		return err
	}
	if _, dry := r.writer.(dryRun); !dry {
		select {
		case r.pipeline.turn <- struct{}{}:
			defer func() { <-r.pipeline.turn }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if first.last() {
		return r.small(ctx, first)
	}
	m := newImporter(r.pipeline, r.writer, r.report)
	defer m.close()
	for c := first; ; {
		if err := m.take(ctx, c.records[:c.n]); err != nil {
			return err
		}
		r.tell(c.records[:c.n])
		r.step.Store(step)
		if 2*m.asked > c.n {
			r.step.Store(longStep)
		}
		if r.progress != nil {
			r.progress(Progress{Bytes: c.bytes, Size: r.size, Records: m.taken()})
		}
		if c.last() {
			// Even where the source broke off: its rows are whole, and the
			// derived table must hold them.
			return errors.Join(c.err, m.end(ctx))
		}
		if m.full() {
			if err := m.end(ctx); err != nil {
				return err
			}
		}
		empty <- c
		if c, err = next(ctx, full); err != nil {
			return err
		}
	}
}

func next(ctx context.Context, full <-chan *chunk) (*chunk, error) {
	select {
	case c := <-full:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// small stores a source that is one batch.
func (r *importRun) small(ctx context.Context, c *chunk) error {
	w := newCommitter(r.pipeline)
	defer w.close()
	records := c.records[:c.n]
	if err := w.commit(ctx, r.writer, r.writer.Write, records); err != nil {
		return err
	}
	for _, rec := range records {
		r.report.count(rec)
	}
	r.tell(records)
	if r.progress != nil {
		r.progress(Progress{Bytes: c.bytes, Size: r.size, Records: r.report.Read})
	}
	return c.err
}

// tell tells of the refused records, which are in the quarantine.
func (r *importRun) tell(records []*Record) {
	if r.rejected == nil {
		return
	}
	for _, rec := range records {
		if rec.Result == ResultRejected {
			r.rejected(rec)
		}
	}
}
