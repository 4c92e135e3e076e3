package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/lumbar-health/lumbar/ingest/arrowfile"
)

// batchRows is how many rows are read at once.
const batchRows = 8192

// readBuffer is what is read of a column at once, in bytes.
const readBuffer = 64 << 10

// maxBuffer is the largest page.
const maxBuffer = 256 << 20

// rows are the record batches of a file. The library's own reader of records
// starts goroutines, in which a panic on a damaged file would end the process:
// here columns are read one after the other.
type rows struct {
	file    *file.Reader
	alloc   *arrowfile.BoundedAllocator
	schema  *arrow.Schema
	columns []*pqarrow.ColumnReader
	record  arrow.Record
	read    int64
	err     error
}

// nestedError says that a column is nested.
type nestedError struct{ column string }

// Error names the column.
func (e *nestedError) Error() string { return "the column " + e.column + " is nested" }

func openRows(in *io.SectionReader, alloc memory.Allocator) (r *rows, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil && r != nil {
			r.Release()
			r = nil
		}
	}()
	if err := checkFooter(in, in.Size()); err != nil {
		return nil, err
	}
	// Its buffers are given back by the garbage collector, from any goroutine.
	props := parquet.NewReaderProperties(limited{memory.NewGoAllocator()})
	props.BufferedStreamEnabled, props.BufferSize = true, readBuffer
	r = &rows{alloc: arrowfile.Bounded(alloc)}
	if r.file, err = file.NewParquetReader(in, file.WithReadProps(props)); err != nil {
		return r, err
	}
	// The writer's own schema, if any, only adds dictionaries and zones to what
	// the columns say, and is a message with lengths of its own.
	r.file.MetaData().FileMetaData.KeyValueMetadata = nil
	reader, err := pqarrow.NewFileReader(r.file, pqarrow.ArrowReadProperties{BatchSize: batchRows}, r.alloc)
	if err != nil {
		return r, err
	}
	return r, r.open(reader)
}

// open opens every column over all row groups.
func (r *rows) open(reader *pqarrow.FileReader) error {
	groups := make([]int, r.file.NumRowGroups())
	for i := range groups {
		groups[i] = i
	}
	leaves := map[int]bool{}
	for i := range r.file.MetaData().Schema.NumColumns() {
		leaves[i] = true
	}
	fields := make([]arrow.Field, 0, len(reader.Manifest.Fields))
	for i := range reader.Manifest.Fields {
		f := &reader.Manifest.Fields[i]
		if !flat(f) {
			return &nestedError{f.Field.Name}
		}
		column, err := reader.GetFieldReader(context.Background(), i, leaves, groups)
		if err != nil {
			return err
		}
		r.columns = append(r.columns, column)
		fields = append(fields, *column.Field())
	}
	if len(fields) == 0 {
		return errors.New("no columns")
	}
	r.schema = arrow.NewSchema(fields, nil)
	return nil
}

// flat reports whether a column is plain or a list of plain values.
func flat(f *pqarrow.SchemaField) bool {
	switch len(f.Children) {
	case 0:
		return f.IsLeaf()
	case 1:
		_, list := f.Field.Type.(*arrow.ListType)
		return list && len(f.Children[0].Children) == 0 && f.Children[0].IsLeaf()
	}
	return false
}

// Schema returns the columns.
func (r *rows) Schema() *arrow.Schema { return r.schema }

// Record returns the batch that Next has read.
func (r *rows) Record() arrow.Record { return r.record }

// Err returns why Next read no further, nil at the end.
func (r *rows) Err() error { return r.err }

// Next reads the next batch.
func (r *rows) Next() bool {
	r.drop()
	if r.err != nil {
		return false
	}
	n := int64(-1)
	list := make([]arrow.Array, 0, len(r.columns))
	defer func() {
		for _, column := range list {
			column.Release()
		}
	}()
	for _, c := range r.columns {
		column, err := r.column(c)
		if err != nil {
			r.err = err
			return false
		}
		list = append(list, column)
		if n < 0 {
			n = int64(column.Len())
		}
		if int64(column.Len()) != n {
			r.err = errors.New("columns of different length")
			return false
		}
	}
	if n == 0 {
		if r.read != r.file.NumRows() {
			r.err = errors.New("fewer rows than the file states")
		}
		return false
	}
	r.read += n
	r.record = array.NewRecord(r.schema, list, n)
	return true
}

// column reads a batch's worth of a column as one array.
func (r *rows) column(c *pqarrow.ColumnReader) (arrow.Array, error) {
	chunked, err := c.NextBatch(batchRows)
	if err != nil {
		return nil, err
	}
	defer chunked.Release()
	switch chunks := chunked.Chunks(); len(chunks) {
	case 0:
		return array.MakeArrayOfNull(r.alloc, c.Field().Type, 0), nil
	case 1:
		chunks[0].Retain()
		return chunks[0], nil
	default:
		return array.Concatenate(chunks, r.alloc)
	}
}

func (r *rows) drop() {
	if r.record != nil {
		r.record.Release()
		r.record = nil
	}
}

// Release gives the memory back.
func (r *rows) Release() {
	r.drop()
	for _, c := range r.columns {
		c.Release()
	}
	r.columns = nil
	r.alloc.FreeAll() // what the library dropped where it panicked
}

// limited is an allocator that panics where a buffer is larger than any page.
type limited struct{ memory.Allocator }

// Allocate panics beyond the bound.
func (l limited) Allocate(size int) []byte {
	l.check(size)
	return l.Allocator.Allocate(size)
}

// Reallocate panics beyond the bound.
func (l limited) Reallocate(size int, b []byte) []byte {
	l.check(size)
	return l.Allocator.Reallocate(size, b)
}

func (limited) check(size int) {
	if size < 0 || size > maxBuffer {
		panic("a buffer larger than any page")
	}
}
