package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/prometheus/client_golang/prometheus"
)

// Options configure a Pipeline.
type Options struct {
	Setting
	Formats []Format
	// Metrics is where the counters are registered; nil keeps them unregistered.
	Metrics prometheus.Registerer
	// BatchRows closes a batch of an import; 0 is the most, 50,000.
	BatchRows int
	// Allocator is for Arrow memory; nil is Go's.
	Allocator memory.Allocator
}

// Pipeline takes records from decoders through validation and scoring into a
// Writer. It is safe for concurrent use.
type Pipeline struct {
	Setting
	formats []Format
	writer  Writer
	rows    int // that close a batch
	alloc   memory.Allocator
	metrics *metrics
	sealer  *sealer
	chunks  sync.Pool
}

// New returns a pipeline into w.
func New(w Writer, o Options) *Pipeline {
	p := &Pipeline{Setting: o.Setting, formats: o.Formats, writer: w, alloc: o.Allocator, metrics: newMetrics(o.Metrics)}
	if p.alloc == nil {
		p.alloc = memory.DefaultAllocator
	}
	if p.rows = o.BatchRows; p.rows <= 0 || p.rows > maxBatchRows {
		p.rows = maxBatchRows
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	var err error
	if p.sealer, err = newSealer(p.Key); err != nil {
		panic("ingest: no key for the quarantine can be derived: " + err.Error()) // impossible: any key has one
	}
	return p
}

// ImportOptions are those of one import.
type ImportOptions struct {
	Format string // empty = found from the content
	DryRun bool   // decode, validate and score, store nothing
	// Mapping is the text of a mapping file for a source whose columns have
	// names of their own; empty where there is none.
	Mapping []byte
}

// Progress tells how far an import is. Bytes are those of the source as stored.
type Progress struct {
	Bytes   int64 `json:"bytes"`
	Size    int64 `json:"size"` // 0 = unknown
	Records int   `json:"records"`
}

// Import reads a source to its end and stores its records. A refused record
// does not stop it. On an error the report holds what was stored before, whole
// batches; the same import again completes it. progress may be nil; it is
// called from one goroutine.
func (p *Pipeline) Import(ctx context.Context, src Source, o ImportOptions, progress func(Progress)) (Report, error) {
	report := Report{Source: src.Name, Format: o.Format, DryRun: o.DryRun}
	if len(o.Mapping) > 0 {
		var err error
		if o.Format, err = mapped(p.formats, o.Format); err != nil {
			return report, err
		}
	}
	if err := src.verify(); err != nil {
		return report, err
	}
	in, err := src.stream()
	if err != nil {
		return report, err
	}
	defer in.close()
	format, err := pick(p.formats, o.Format, src.Name, in.text)
	if err != nil {
		return report, err
	}
	report.Format = format.Name
	if err := src.check(format); err != nil {
		return report, err
	}
	decoder, err := format.Open(Input{
		Name: src.Name, Reader: in.text, At: in.at, Size: src.Size, Mapping: o.Mapping, Setting: p.Setting,
	})
	if err != nil {
		return report, err
	}
	if c, ok := decoder.(io.Closer); ok {
		defer c.Close()
	}
	writer := p.writer
	if o.DryRun {
		writer = dryRun{stored: p.writer}
	}
	run := importRun{pipeline: p, writer: writer, report: &report, size: src.Size, progress: progress}
	return report, run.do(ctx, decoder, in)
}

// importRun is one import: a goroutine decodes, validates and scores while
// the caller's one writes.
type importRun struct {
	pipeline *Pipeline
	writer   Writer
	report   *Report
	size     int64
	progress func(Progress)
}

// chunk is a batch's worth of records on the way from decoder to writer.
type chunk struct {
	records []*Record
	n       int
	bytes   int64
	end     bool
	err     error
}

func (r *importRun) do(ctx context.Context, d Decoder, in *stream) error {
	ctx, cancel := context.WithCancel(ctx)
	full, empty := make(chan *chunk), make(chan *chunk, 2)
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

// decode fills chunks until the source ends.
func (r *importRun) decode(ctx context.Context, source *Reader, in *stream, empty <-chan *chunk, full chan<- *chunk) {
	for {
		var c *chunk
		select {
		case c = <-empty:
		case <-ctx.Done():
			return
		}
		c.fill(source, r.pipeline.rows)
		if c.bytes = in.bytes.n; in.at != nil {
			c.bytes = max(c.bytes, source.offset())
		}
		select {
		case full <- c:
		case <-ctx.Done():
			return
		}
		if c.end || c.err != nil {
			return
		}
	}
}

// fill reads a batch's worth of records.
func (c *chunk) fill(source *Reader, most int) {
	c.n, c.end, c.err = 0, false, nil
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

// write stores chunks as they come: one alone at once, more as a bulk.
func (r *importRun) write(ctx context.Context, empty chan<- *chunk, full <-chan *chunk) error {
	w := newCommitter(r.pipeline, true)
	defer w.close()
	var bulk Bulk
	for {
		var c *chunk
		select {
		case c = <-full:
		case <-ctx.Done():
			return ctx.Err()
		}
		last := c.end || c.err != nil
		write := r.writer.Write
		if bulk == nil && !last {
			var err error
			if bulk, err = r.writer.Bulk(ctx); err != nil {
				return fmt.Errorf("ingest: start of a bulk: %w", err)
			}
			defer bulk.Close()
		}
		if bulk != nil {
			write = bulk.Write
		}
		records := c.records[:c.n]
		if err := w.commit(ctx, r.writer, write, records); err != nil {
			return err
		}
		for _, rec := range records {
			r.report.count(rec)
		}
		if r.progress != nil {
			r.progress(Progress{Bytes: c.bytes, Size: r.size, Records: r.report.Read})
		}
		if last {
			return r.finish(ctx, bulk, c.err)
		}
		empty <- c
	}
}

// finish commits what was written, even where the source broke off: its rows
// are whole, and the derived table must hold them.
func (r *importRun) finish(ctx context.Context, bulk Bulk, broken error) error {
	if bulk != nil {
		if err := bulk.Commit(ctx); err != nil {
			return errors.Join(broken, fmt.Errorf("ingest: end of a bulk: %w", err))
		}
	}
	return broken
}
