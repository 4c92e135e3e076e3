package ingest

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/record"
)

// The columns of this file are Arrow's memory layout without its builders, which
// look at every value for a null and take more time than all the rest of a
// batch.

// column is an Arrow column in the making. array hands the rows over and starts
// anew.
type column interface {
	array() arrow.Array
	release()
}

// table collects the columns of one table.
type table struct {
	alloc  memory.Allocator
	fields []arrow.Field
	cols   []column
	schema *arrow.Schema
	rows   int
}

func (t *table) add(name string, typ arrow.DataType, nullable bool, c column) {
	t.fields = append(t.fields, arrow.Field{Name: name, Type: typ, Nullable: nullable})
	t.cols = append(t.cols, c)
}

// record hands the rows over as one Arrow record, nil where there are none.
func (t *table) record() arrow.Record {
	if t.rows == 0 {
		return nil
	}
	if t.schema == nil {
		t.schema = arrow.NewSchema(t.fields, nil)
	}
	arrays := make([]arrow.Array, len(t.cols))
	for i, c := range t.cols {
		arrays[i] = c.array()
	}
	rec := array.NewRecord(t.schema, arrays, int64(t.rows))
	for _, a := range arrays {
		a.Release()
	}
	t.rows = 0
	return rec
}

func (t *table) release() {
	for _, c := range t.cols {
		c.release()
	}
	t.rows = 0
}

// timestamp is the type of every moment: milliseconds, UTC.
var timestamp = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}

func (t *table) uint64(name string) *numbers[uint64] {
	c := &numbers[uint64]{kind: uint64s(t.alloc)}
	t.add(name, c.typ, false, c)
	return c
}

func (t *table) uint32(name string) *numbers[uint32] {
	c := &numbers[uint32]{kind: kind[uint32]{t.alloc, arrow.PrimitiveTypes.Uint32, arrow.Uint32SizeBytes, arrow.Uint32Traits.CastFromBytes}}
	t.add(name, c.typ, false, c)
	return c
}

func (t *table) uint8(name string) *numbers[uint8] {
	c := &numbers[uint8]{kind: bytesOf(t.alloc, arrow.PrimitiveTypes.Uint8)}
	t.add(name, c.typ, false, c)
	return c
}

// enum is a column of Enum8 values.
func (t *table) enum(name string) *numbers[int8] {
	c := &numbers[int8]{kind: kind[int8]{t.alloc, arrow.PrimitiveTypes.Int8, 1, arrow.Int8Traits.CastFromBytes}}
	t.add(name, c.typ, false, c)
	return c
}

func (t *table) int32(name string) *nullable[int32] {
	c := newNullable(int32s(t.alloc, arrow.PrimitiveTypes.Int32))
	t.add(name, c.typ, true, c)
	return c
}

func (t *table) int64(name string) *numbers[int64] {
	c := &numbers[int64]{kind: int64s(t.alloc, arrow.PrimitiveTypes.Int64)}
	t.add(name, c.typ, false, c)
	return c
}

func (t *table) float(name string) *nullable[float64] {
	c := newNullable(kind[float64]{t.alloc, arrow.PrimitiveTypes.Float64, arrow.Float64SizeBytes, arrow.Float64Traits.CastFromBytes})
	t.add(name, c.typ, true, c)
	return c
}

func (t *table) date(name string, optional bool) dateColumn {
	c := dateColumn{newNullable(int32s(t.alloc, arrow.FixedWidthTypes.Date32)), optional}
	t.add(name, c.typ, optional, c)
	return c
}

func (t *table) timestamp(name string) *numbers[int64] {
	c := &numbers[int64]{kind: int64s(t.alloc, timestamp)}
	t.add(name, c.typ, false, c)
	return c
}

// text is a column of words that repeat.
func (t *table) text(name string) *textColumn {
	c := newTextColumn(t.alloc)
	t.add(name, c.typ, false, c)
	return c
}

// string is a column of text that does not repeat.
func (t *table) string(name string) *texts {
	c := newTexts(t.alloc)
	t.add(name, arrow.BinaryTypes.String, false, c)
	return c
}

// list is a column of lists of what the values hold.
func (t *table) list(name string, of arrow.DataType, holes bool, values counted) *list {
	c := newList(t.alloc, of, holes, values)
	t.add(name, c.typ, false, c)
	return c
}

// patient is a column of patients' keys.
func (t *table) patient(name string) patientColumn {
	c := patientColumn{&numbers[uint8]{kind: bytesOf(t.alloc, &arrow.FixedSizeBinaryType{ByteWidth: len(record.PatientID{})})}}
	t.add(name, c.typ, false, c)
	return c
}

// patientColumn holds keys as ClickHouse keeps a UInt128: little-endian.
type patientColumn struct{ *numbers[uint8] }

func (c patientColumn) add(id record.PatientID) {
	if len(c.rows)+len(id) > cap(c.rows) {
		c.grow(len(id))
	}
	for i := len(id) - 1; i >= 0; i-- {
		c.rows = append(c.rows, id[i])
	}
}

func (c patientColumn) array() arrow.Array {
	return c.made(len(c.rows)/len(record.PatientID{}), nil, 0)
}

// dateColumn holds days; the zero day is null where the column has nulls.
type dateColumn struct {
	*nullable[int32]
	optional bool
}

func (c dateColumn) add(d record.Date) {
	if d == 0 && c.optional {
		c.null()
		return
	}
	c.nullable.add(int32(d))
}
