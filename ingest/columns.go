package ingest

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/record"
)

// column is an Arrow column in the making. NewArray hands the rows over and
// starts anew.
type column interface {
	growing
	NewArray() arrow.Array
	Release()
}

// growing is a column or the values of a list column.
type growing interface {
	Len() int
	Reserve(n int)
}

// table collects the columns of one table.
type table struct {
	alloc  memory.Allocator
	fields []arrow.Field
	cols   []column
	values []growing // of list columns
	sizes  []int     // of cols and values in the batch before
	rows   int
}

// begin counts a row. At the first one of a batch it makes room for as many
// as the batch before had: growing by doubling would copy each of them twice.
func (t *table) begin() {
	if t.rows == 0 {
		for i, n := range t.sizes {
			t.growing(i).Reserve(n)
		}
	}
	t.rows++
}

func (t *table) growing(i int) growing {
	if i < len(t.cols) {
		return t.cols[i]
	}
	return t.values[i-len(t.cols)]
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
	t.sizes = t.sizes[:0]
	for i := range len(t.cols) + len(t.values) {
		t.sizes = append(t.sizes, t.growing(i).Len())
	}
	arrays := make([]arrow.Array, len(t.cols))
	for i, c := range t.cols {
		arrays[i] = c.NewArray()
	}
	rec := array.NewRecord(arrow.NewSchema(t.fields, nil), arrays, int64(t.rows))
	for _, a := range arrays {
		a.Release()
	}
	t.rows = 0
	return rec
}

func (t *table) release() {
	for _, c := range t.cols {
		c.Release()
	}
}

// timestamp is the type of every moment: milliseconds, UTC.
var timestamp = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}

func (t *table) uint64(name string) *array.Uint64Builder {
	b := array.NewUint64Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Uint64, false, b)
	return b
}

func (t *table) uint32(name string) *array.Uint32Builder {
	b := array.NewUint32Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Uint32, false, b)
	return b
}

func (t *table) uint8(name string) *array.Uint8Builder {
	b := array.NewUint8Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Uint8, false, b)
	return b
}

// enum is a column of Enum8 values.
func (t *table) enum(name string) *array.Int8Builder {
	b := array.NewInt8Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Int8, false, b)
	return b
}

func (t *table) int32(name string) *array.Int32Builder {
	b := array.NewInt32Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Int32, true, b)
	return b
}

func (t *table) int64(name string) *array.Int64Builder {
	b := array.NewInt64Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Int64, false, b)
	return b
}

func (t *table) float(name string) nullableFloat {
	b := array.NewFloat64Builder(t.alloc)
	t.add(name, arrow.PrimitiveTypes.Float64, true, b)
	return nullableFloat{b}
}

func (t *table) date(name string, nullable bool) dateColumn {
	b := array.NewDate32Builder(t.alloc)
	t.add(name, arrow.FixedWidthTypes.Date32, nullable, b)
	return dateColumn{b, nullable}
}

func (t *table) timestamp(name string) *array.TimestampBuilder {
	b := array.NewTimestampBuilder(t.alloc, timestamp)
	t.add(name, timestamp, false, b)
	return b
}

// text is a column of words that repeat.
func (t *table) text(name string) *textColumn {
	c := newTextColumn(t.alloc)
	t.add(name, c.typ, false, c)
	return c
}

// string is a column of text that does not repeat.
func (t *table) string(name string) *array.StringBuilder {
	b := array.NewStringBuilder(t.alloc)
	t.add(name, arrow.BinaryTypes.String, false, b)
	return b
}

func (t *table) list(name string, of arrow.DataType, nullable bool) *array.ListBuilder {
	typ := arrow.ListOfField(arrow.Field{Name: "item", Type: of, Nullable: nullable})
	b := array.NewBuilder(t.alloc, typ).(*array.ListBuilder)
	t.add(name, typ, false, b)
	t.values = append(t.values, b.ValueBuilder())
	return b
}

// patient is a column of patients' keys as ClickHouse keeps a UInt128:
// little-endian.
func (t *table) patient(name string) patientColumn {
	typ := &arrow.FixedSizeBinaryType{ByteWidth: 16}
	b := array.NewFixedSizeBinaryBuilder(t.alloc, typ)
	t.add(name, typ, false, b)
	return patientColumn{b}
}

type patientColumn struct{ *array.FixedSizeBinaryBuilder }

func (c patientColumn) add(id record.PatientID) {
	var little [16]byte
	for i, b := range id {
		little[15-i] = b
	}
	c.Append(little[:])
}

type dateColumn struct {
	*array.Date32Builder
	nullable bool
}

// add appends the day; the zero day is null where the column has nulls.
func (c dateColumn) add(d record.Date) {
	if d == 0 && c.nullable {
		c.AppendNull()
		return
	}
	c.Append(arrow.Date32(d))
}

type nullableFloat struct{ *array.Float64Builder }

func (c nullableFloat) add(v *float64) {
	if v == nil {
		c.AppendNull()
		return
	}
	c.Append(*v)
}

// textColumn is a dictionary column. Neighbouring rows mostly repeat a word, so
// the last one is looked at before the table of words.
type textColumn struct {
	typ     *arrow.DictionaryType
	indices *array.Uint16Builder
	words   *array.StringBuilder
	places  map[string]uint16
	last    string
	at      uint16
}

func newTextColumn(alloc memory.Allocator) *textColumn {
	return &textColumn{
		typ:     &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint16, ValueType: arrow.BinaryTypes.String},
		indices: array.NewUint16Builder(alloc),
		words:   array.NewStringBuilder(alloc),
		places:  map[string]uint16{},
	}
}

// add appends a word. A batch has at most maxBatchRows rows, so the indices
// suffice.
func (c *textColumn) add(s string) {
	if s != c.last || len(c.places) == 0 {
		at, known := c.places[s]
		if !known {
			at = uint16(len(c.places))
			c.places[s] = at
			c.words.Append(s)
		}
		c.last, c.at = s, at
	}
	c.indices.Append(c.at)
}

// Len is the number of rows.
func (c *textColumn) Len() int { return c.indices.Len() }

// Reserve makes room for n further rows.
func (c *textColumn) Reserve(n int) { c.indices.Reserve(n) }

// NewArray hands the rows over and starts anew with an empty table of words.
func (c *textColumn) NewArray() arrow.Array {
	indices, words := c.indices.NewArray(), c.words.NewArray()
	defer indices.Release()
	defer words.Release()
	clear(c.places)
	c.last = ""
	return array.NewDictionaryArray(c.typ, indices, words)
}

// Release frees the column's memory.
func (c *textColumn) Release() {
	c.indices.Release()
	c.words.Release()
}
