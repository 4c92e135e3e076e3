package simulate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// TruthFile is the name of the file that says what is true of the others.
const TruthFile = "truth.json"

// Files returns the names of the files that Write makes, in its order.
func Files(f Format) []string {
	names := []string{episodesName + "." + string(f), responsesName + "." + string(f)}
	for i := range joints {
		names = append(names, joints[i].file)
	}
	return append(names, TruthFile)
}

const episodesName, responsesName = "episodes", "responses"

// Write writes a simulated programme into a folder, which is made where it is
// absent: responses and episodes in the format, hip and knee records as CSV, and
// truth.json, last. Files of these names are replaced; an error leaves no
// truth.json behind. Live options leave the answers held back out.
func Write(ctx context.Context, dir string, o Options) (Truth, error) {
	g, err := New(o)
	if err != nil {
		return Truth{}, err
	}
	return g.write(ctx, dir, memory.DefaultAllocator)
}

func (g *Generator) write(ctx context.Context, dir string, alloc memory.Allocator) (Truth, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Truth{}, fmt.Errorf("simulate: %w", err)
	}
	if err := os.Remove(filepath.Join(dir, TruthFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Truth{}, fmt.Errorf("simulate: %w", err)
	}
	c, err := g.writeTables(ctx, dir, alloc)
	if err != nil {
		return Truth{}, fmt.Errorf("simulate: %w", err)
	}
	truth := g.truth(&c)
	if truth.Records, err = g.writeRecords(ctx, dir); err != nil {
		return Truth{}, fmt.Errorf("simulate: %w", err)
	}
	text, err := json.MarshalIndent(truth, "", "  ")
	if err != nil {
		return Truth{}, fmt.Errorf("simulate: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, TruthFile), append(text, '\n'), 0o644); err != nil {
		return Truth{}, fmt.Errorf("simulate: %w", err)
	}
	return truth, nil
}

// writeTables writes episodes and responses in one pass over the people.
func (g *Generator) writeTables(ctx context.Context, dir string, alloc memory.Allocator) (c census, err error) {
	episodes, err := create(g, dir, episodesName, alloc, episodeColumns(g.programme))
	if err != nil {
		return c, err
	}
	defer episodes.close(&err)
	responses, err := create(g, dir, responsesName, alloc, responseColumns())
	if err != nil {
		return c, err
	}
	defer responses.close(&err)
	for i := range g.opts.Patients {
		if err := ctx.Err(); err != nil {
			return c, err
		}
		p, r := g.person(i)
		c.person(p)
		e := g.episode(p)
		if err := episodes.add(&e); err != nil {
			return c, err
		}
		d := g.responses(p, r)
		c.tally.add(d.Tally)
		for j := range d.rows {
			if g.held(d.rows[j]) {
				c.heldBack++
			} else if err := responses.add(&d.rows[j]); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// output is a table on its way into a file.
type output[T any] struct {
	*table[T]
	file *os.File
	end  func() error
}

func create[T any](g *Generator, dir, name string, alloc memory.Allocator, columns []column[T]) (*output[T], error) {
	file, err := os.Create(filepath.Join(dir, name+"."+string(g.opts.Format)))
	if err != nil {
		return nil, err
	}
	write, end, err := tableWriter(g.opts.Format, file, schemaOf(columns), alloc)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &output[T]{newTable(alloc, columns, write), file, end}, nil
}

// close writes what is left and closes the file; a first error stays.
func (o *output[T]) close(err *error) {
	defer o.release()
	if *err == nil {
		*err = o.flush()
	}
	if e := o.end(); *err == nil {
		*err = e
	}
	if e := o.file.Close(); *err == nil {
		*err = e
	}
}

// tableWriter starts a file of the format: how a record is written, and how the
// file is ended.
func tableWriter(f Format, file *os.File, schema *arrow.Schema, alloc memory.Allocator) (write func(arrow.Record) error, end func() error, err error) {
	if f == Parquet {
		buffered := bufio.NewWriterSize(struct{ io.Writer }{file}, 1<<20)
		props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd), parquet.WithAllocator(alloc))
		w, err := pqarrow.NewFileWriter(schema, buffered, props, pqarrow.NewArrowWriterProperties(pqarrow.WithAllocator(alloc)))
		if err != nil {
			return nil, nil, err
		}
		return w.Write, func() error { return errors.Join(w.Close(), buffered.Flush()) }, nil
	}
	return arrowWriter(file, schema, alloc)
}

// endOfStream ends the messages of an Arrow file before its table of contents,
// so that it can be read from front to back. The format asks for it and this
// version of the library leaves it out.
var endOfStream = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

func arrowWriter(file *os.File, schema *arrow.Schema, alloc memory.Allocator) (write func(arrow.Record) error, end func() error, err error) {
	w, err := ipc.NewFileWriter(file, ipc.WithSchema(schema), ipc.WithAllocator(alloc), ipc.WithZstd())
	if err != nil {
		return nil, nil, err
	}
	// The head of the file is written with the first record: write an empty one.
	builder := array.NewRecordBuilder(alloc, schema)
	defer builder.Release()
	none := builder.NewRecord()
	defer none.Release()
	if err := w.Write(none); err != nil {
		return nil, nil, err
	}
	return w.Write, func() error {
		_, err := file.Write(endOfStream)
		return errors.Join(err, w.Close())
	}, nil
}
