package arrowfile

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/record"
)

// cell reads row i of a column into v; v is Null where there is none.
type cell func(i int, v *wire.Value)

// cells returns the reader of a column, nil where its type is none that a
// field can have. Widths of numbers do not matter, nor whether a text stands in
// a dictionary.
func cells(col arrow.Array) cell {
	read := reader(col)
	if read == nil {
		return nil
	}
	return func(i int, v *wire.Value) {
		*v = wire.Value{List: v.List[:0]}
		if !col.IsNull(i) {
			read(i, v)
		}
	}
}

func reader(col arrow.Array) cell {
	switch c := col.(type) {
	case *array.Null:
		return func(int, *wire.Value) {}
	case *array.String:
		return func(i int, v *wire.Value) { setText(v, c.Value(i)) }
	case *array.LargeString:
		return func(i int, v *wire.Value) { setText(v, c.Value(i)) }
	case *array.Dictionary:
		words := reader(c.Dictionary())
		if words == nil {
			return nil
		}
		return func(i int, v *wire.Value) {
			if at := c.GetValueIndex(i); at >= 0 && at < c.Dictionary().Len() && c.Dictionary().IsValid(at) {
				words(at, v)
			}
		}
	case *array.Boolean:
		return func(i int, v *wire.Value) {
			v.Kind = wire.Bool
			if c.Value(i) {
				v.Int = 1
			}
		}
	case *array.Float32:
		return func(i int, v *wire.Value) { v.SetNumber(float64(c.Value(i))) }
	case *array.Float64:
		return func(i int, v *wire.Value) { v.SetNumber(c.Value(i)) }
	}
	if read := times(col); read != nil {
		return read
	}
	if read := integers(col); read != nil {
		return func(i int, v *wire.Value) {
			n, ok := read(i)
			v.Kind, v.Int, v.Whole, v.Number = wire.Number, n, ok, float64(n)
		}
	}
	return lists(col)
}

// setText makes v a text; an empty one is absent, for not all writers of
// tables know nulls.
func setText(v *wire.Value, s string) {
	if s != "" {
		v.Kind, v.Text = wire.Text, s
	}
}

// integers returns a reader of whole numbers of any width, nil for others.
func integers(col arrow.Array) func(i int) (int64, bool) {
	switch c := col.(type) {
	case *array.Int8:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Int16:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Int32:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Int64:
		return func(i int) (int64, bool) { return c.Value(i), true }
	case *array.Uint8:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Uint16:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Uint32:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Uint64:
		return func(i int) (int64, bool) { return int64(c.Value(i)), c.Value(i) <= math.MaxInt64 }
	}
	return nil
}

// zoneless reports whether the type is a moment without a time zone, which is
// refused as in JSON: nobody knows which one was meant.
func zoneless(t arrow.DataType) bool {
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	stamp, ok := t.(*arrow.TimestampType)
	return ok && stamp.TimeZone == ""
}

// size is the bytes of a batch's columns, unpacked.
func size(batch arrow.Record) (n int64) {
	for _, col := range batch.Columns() {
		n += dataSize(col.Data())
	}
	return n
}

func dataSize(d arrow.ArrayData) (n int64) {
	for _, b := range d.Buffers() {
		if b != nil {
			n += int64(b.Len())
		}
	}
	for _, child := range d.Children() {
		n += dataSize(child)
	}
	return n
}

// times returns a reader of days and moments, nil for other types.
func times(col arrow.Array) cell {
	set := func(v *wire.Value, m wire.Moment) { v.Kind, v.At = wire.Instant, m }
	switch c := col.(type) {
	case *array.Timestamp:
		toTime, err := c.DataType().(*arrow.TimestampType).GetToTimeFunc()
		if err != nil {
			return nil
		}
		return func(i int, v *wire.Value) {
			set(v, wire.Moment{Time: toTime(c.Value(i)).UTC(), Precision: record.PrecisionInstant})
		}
	case *array.Date32:
		return func(i int, v *wire.Value) {
			set(v, wire.Moment{Time: c.Value(i).ToTime(), Precision: record.PrecisionDay})
		}
	case *array.Date64:
		return func(i int, v *wire.Value) {
			set(v, wire.Moment{Time: c.Value(i).ToTime(), Precision: record.PrecisionDay})
		}
	}
	return nil
}

// item returns the number of an item's column, item_1 …; 0 for other names.
func item(name string) int {
	digits, ok := strings.CutPrefix(name, "item_")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > maxItems || strconv.Itoa(n) != digits {
		return 0
	}
	return n
}

// typeError says that a column has a type that no field can have.
func typeError(name string, t arrow.DataType) string {
	return fmt.Sprintf("has the column %s of type %s", name, t)
}
