package ingest

import (
	"context"
	"errors"
	"io"
	"slices"
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
	// Allocator is for Arrow memory; nil is one that uses it again.
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
	known   *known // rows that came before
	chunks  sync.Pool
	turn    chan struct{} // held by the import that stores
}

// New returns a pipeline into w.
func New(w Writer, o Options) *Pipeline {
	p := &Pipeline{Setting: o.Setting, formats: o.Formats, writer: w, alloc: o.Allocator, metrics: newMetrics(o.Metrics), known: newKnown(), turn: make(chan struct{}, 1)}
	if p.alloc == nil {
		p.alloc = new(pooled)
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
	// Rejected, where not nil, is told of every refused record once it is in the
	// quarantine, from one goroutine; the record is valid until it returns.
	Rejected func(*Record)
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
		writer = dryRun{p.writer}
	}
	run := importRun{pipeline: p, writer: writer, report: &report, size: src.Size, progress: progress, rejected: o.Rejected}
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
	rejected func(*Record) // may be nil
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
	// steps is how many may lie there.
	steps = 4
	// large is the size from which a source is taken to be more than a batch.
	large = 32 << 20
)

func (r *importRun) do(ctx context.Context, d Decoder, in *stream) error {
	ctx, cancel := context.WithCancel(ctx)
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
	for ; ; most = min(most, step) {
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
