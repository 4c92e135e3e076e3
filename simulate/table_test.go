package simulate

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	parquetfile "github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// readTable reads a file back, numbers as float64 and days as text.
func readTable(t *testing.T, path string, format Format) []map[string]any {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var rows []map[string]any
	if format == Parquet {
		pf, err := parquetfile.NewParquetReader(f)
		if err != nil {
			t.Fatal(err)
		}
		r, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		tbl, err := r.ReadTable(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer tbl.Release()
		reader := array.NewTableReader(tbl, 0)
		defer reader.Release()
		for reader.Next() {
			rows = appendRows(t, rows, reader.Record())
		}
		return rows
	}
	r, err := ipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range r.NumRecords() {
		rec, err := r.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		rows = appendRows(t, rows, rec)
	}
	return rows
}

func appendRows(t *testing.T, rows []map[string]any, rec arrow.Record) []map[string]any {
	t.Helper()
	for i := range int(rec.NumRows()) {
		row := map[string]any{}
		for j, f := range rec.Schema().Fields() {
			if c := rec.Column(j); c.IsValid(i) {
				row[f.Name] = cell(t, c, i)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

func cell(t *testing.T, column arrow.Array, i int) any {
	t.Helper()
	switch c := column.(type) {
	case *array.String:
		return strings.Clone(c.Value(i))
	case *array.Int64:
		return float64(c.Value(i))
	case *array.Float64:
		return c.Value(i)
	case *array.Date32:
		return c.Value(i).ToTime().Format(time.DateOnly)
	case *array.Timestamp:
		return c.Value(i).ToTime(arrow.Millisecond)
	case *array.List:
		from, to := c.ValueOffsets(i)
		codes := c.ListValues().(*array.Int16)
		list := []any{}
		for k := int(from); k < int(to); k++ {
			var code any
			if codes.IsValid(k) {
				code = float64(codes.Value(k))
			}
			list = append(list, code)
		}
		return list
	}
	t.Fatalf("a column of type %s", column.DataType())
	return nil
}
