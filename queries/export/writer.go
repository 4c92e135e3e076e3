package export

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Format is how an extract is written.
type Format string

// Formats of extracts.
const (
	CSV     Format = "csv"
	JSON    Format = "json"
	Arrow   Format = "arrow"
	Parquet Format = "parquet"
)

// Formats returns the formats in their order.
func Formats() []string { return []string{string(CSV), string(JSON), string(Arrow), string(Parquet)} }

// MediaType returns the format's media type.
func (f Format) MediaType() string {
	return map[Format]string{
		CSV: "text/csv; charset=utf-8", JSON: "application/json",
		Arrow: "application/vnd.apache.arrow.stream", Parquet: "application/vnd.apache.parquet",
	}[f]
}

// encoder writes records in one format.
type encoder interface {
	write(rec arrow.Record) error
	end() error
}

// writer gives the records of the store the extract's own keys and encodes them.
type writer struct {
	extract *Extract
	to      io.Writer
	schema  *arrow.Schema
	out     encoder
	rows    int
}

// record takes one record of the store.
func (w *writer) record(rec arrow.Record) error {
	if w.out == nil {
		if err := w.begin(rec.Schema()); err != nil {
			return err
		}
	}
	named, err := w.rename(rec)
	if err != nil {
		return err
	}
	defer named.Release()
	if named.NumRows() == 0 {
		return nil
	}
	w.rows += int(named.NumRows())
	return w.out.write(named)
}

// begin starts the format, once the columns are known.
func (w *writer) begin(stored *arrow.Schema) (err error) {
	fields := make([]arrow.Field, stored.NumFields())
	for i, f := range stored.Fields() {
		if isKey(f.Name) {
			f.Type, f.Nullable = arrow.BinaryTypes.String, true
		}
		f.Metadata = arrow.Metadata{}
		fields[i] = f
	}
	s := &w.extract.Summary
	about := arrow.NewMetadata([]string{"lumbar.receipt", "lumbar.notes"}, []string{s.Receipt, fmt.Sprintf("%q", s.Notes)})
	w.schema = arrow.NewSchema(fields, &about)
	switch s.Format {
	case CSV:
		w.out, err = newCSV(w.to, w.schema)
	case JSON:
		w.out, err = newJSON(w.to, w.schema, s)
	case Arrow:
		w.out, err = newArrow(w.to, w.schema)
	default:
		w.out, err = newParquet(w.to, w.schema)
	}
	return err
}

func isKey(name string) bool { return name == "patient_id" || kinds[name] != "" }

// rename returns the record with the extract's own keys.
func (w *writer) rename(rec arrow.Record) (arrow.Record, error) {
	people, ok := rec.Column(0).(*array.FixedSizeBinary)
	if !ok || rec.ColumnName(0) != "patient_id" {
		return nil, fmt.Errorf("export: the first column is %s of %s, want the patient", rec.ColumnName(0), rec.Column(0).DataType())
	}
	columns := make([]arrow.Array, rec.NumCols())
	made := make([]arrow.Array, 0, 4)
	defer func() {
		for _, m := range made {
			m.Release()
		}
	}()
	for i := range columns {
		name := rec.ColumnName(i)
		columns[i] = rec.Column(i)
		if !isKey(name) {
			continue
		}
		renamed, err := w.keyColumn(name, people, rec.Column(i))
		if err != nil {
			return nil, err
		}
		made = append(made, renamed)
		columns[i] = renamed
	}
	return array.NewRecord(w.schema, columns, rec.NumRows()), nil
}

func (w *writer) keyColumn(name string, people *array.FixedSizeBinary, column arrow.Array) (arrow.Array, error) {
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	ids, isID := column.(*array.Uint64)
	if name != "patient_id" && !isID {
		return nil, fmt.Errorf("export: column %s is %s, want a number", name, column.DataType())
	}
	for row := range people.Len() {
		switch {
		case name == "patient_id":
			b.Append(w.extract.keys.patient(people.Value(row)))
		case ids.IsNull(row):
			b.AppendNull()
		default:
			b.Append(w.extract.keys.row(kinds[name], people.Value(row), ids.Value(row)))
		}
	}
	return b.NewArray(), nil
}

// end ends the format. An extract without a row has its header all the same.
func (w *writer) end() error {
	if w.out == nil {
		return fmt.Errorf("export: the store sent no columns")
	}
	return w.out.end()
}
