package ingest

import (
	"context"
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
	} else if err := p.known.fillCorrections(ctx, p.writer); err != nil {
		return report, fmt.Errorf("ingest: look for corrected responses: %w", err)
	}
	run := importRun{pipeline: p, writer: writer, report: &report, size: src.Size, progress: progress, rejected: o.Rejected}
	return report, run.do(ctx, decoder, in)
}
