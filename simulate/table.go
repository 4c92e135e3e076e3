package simulate

import (
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// column is one column of the wire form of T: a name, a type and how a row's
// value is appended.
type column[T any] struct {
	arrow.Field
	add func(array.Builder, *T)
}

// table collects rows as Arrow records of at most batchRows rows.
type table[T any] struct {
	columns []column[T]
	builder *array.RecordBuilder
	rows    int
	write   func(arrow.Record) error
}

const batchRows = 1 << 15

func schemaOf[T any](columns []column[T]) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = c.Field
	}
	return arrow.NewSchema(fields, nil)
}

func newTable[T any](alloc memory.Allocator, columns []column[T], write func(arrow.Record) error) *table[T] {
	return &table[T]{columns: columns, builder: array.NewRecordBuilder(alloc, schemaOf(columns)), write: write}
}

func (t *table[T]) add(row *T) error {
	for i := range t.columns {
		t.columns[i].add(t.builder.Field(i), row)
	}
	if t.rows++; t.rows == batchRows {
		return t.flush()
	}
	return nil
}

// flush writes the rows collected so far.
func (t *table[T]) flush() error {
	if t.rows == 0 {
		return nil
	}
	t.rows = 0
	rec := t.builder.NewRecord()
	defer rec.Release()
	return t.write(rec)
}

func (t *table[T]) release() { t.builder.Release() }

// text is a column of text; empty is null.
func text[T any](name string, of func(*T) string) column[T] {
	return column[T]{arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}, func(b array.Builder, row *T) {
		if s := of(row); s != "" {
			b.(*array.StringBuilder).Append(s)
		} else {
			b.AppendNull()
		}
	}}
}

func number[T any](name string, of func(*T) *float64) column[T] {
	return column[T]{arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Float64, Nullable: true}, func(b array.Builder, row *T) {
		if v := of(row); v != nil {
			b.(*array.Float64Builder).Append(*v)
		} else {
			b.AppendNull()
		}
	}}
}

// whole is a column of whole numbers; the zero of a column that knows none is
// null.
func whole[T any](name string, zeroIsNull bool, of func(*T) int64) column[T] {
	return column[T]{arrow.Field{Name: name, Type: arrow.PrimitiveTypes.Int64, Nullable: true}, func(b array.Builder, row *T) {
		if v := of(row); v != 0 || !zeroIsNull {
			b.(*array.Int64Builder).Append(v)
		} else {
			b.AppendNull()
		}
	}}
}

// day is a column of days; the zero day is null.
func day[T any](name string, of func(*T) record.Date) column[T] {
	return column[T]{arrow.Field{Name: name, Type: arrow.FixedWidthTypes.Date32, Nullable: true}, func(b array.Builder, row *T) {
		if d := of(row); d != 0 {
			b.(*array.Date32Builder).Append(arrow.Date32(d))
		} else {
			b.AppendNull()
		}
	}}
}

// moment is a column of milliseconds in UTC; the zero time is null.
func moment[T any](name string, of func(*T) (ms int64, known bool)) column[T] {
	typ := &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}
	return column[T]{arrow.Field{Name: name, Type: typ, Nullable: true}, func(b array.Builder, row *T) {
		if ms, known := of(row); known {
			b.(*array.TimestampBuilder).Append(arrow.Timestamp(ms))
		} else {
			b.AppendNull()
		}
	}}
}

func answersColumn() column[Response] {
	return column[Response]{arrow.Field{Name: "answers", Type: arrow.ListOf(arrow.PrimitiveTypes.Int16)}, func(b array.Builder, row *Response) {
		list := b.(*array.ListBuilder)
		list.Append(true)
		values := list.ValueBuilder().(*array.Int16Builder)
		for _, code := range row.Answers {
			if code == instruments.Missing {
				values.AppendNull()
			} else {
				values.Append(code)
			}
		}
	}}
}

// responseColumns are the columns of a file of responses.
func responseColumns() []column[Response] {
	type row = Response
	return []column[row]{
		text("kind", func(*row) string { return "response" }),
		text("id_system", func(r *row) string { return r.ID.System }),
		text("id_value", func(r *row) string { return r.ID.Value }),
		whole("source_version", false, func(r *row) int64 { return r.SourceVersion }),
		moment("updated_at", func(r *row) (int64, bool) { return r.UpdatedAt.UnixMilli(), !r.UpdatedAt.IsZero() }),
		text("programme", func(r *row) string { return r.Programme }),
		text("patient_pseudonym", func(r *row) string { return r.Patient.Pseudonym }),
		text("episode", func(r *row) string { return r.Episode }),
		text("instrument", func(r *row) string { return string(r.Instrument) }),
		text("instrument_version", func(r *row) string { return r.InstrumentVersion }),
		text("admin_mode", func(*row) string { return "" }),
		text("mode", func(r *row) string { return r.Mode }),
		text("language", func(r *row) string { return r.Language }),
		text("status", func(r *row) string { return r.Status }),
		moment("answered_at", func(r *row) (int64, bool) { return r.AnsweredAt.UnixMilli(), true }),
		text("reported_by", func(r *row) string { return r.ReportedBy }),
		text("provider", func(r *row) string { return r.Provider }),
		text("timepoint", func(*row) string { return "" }),
		answersColumn(),
		number("supplied_score", func(r *row) *float64 { return r.SuppliedScore }),
		number("predicted", func(*row) *float64 { return nil }),
	}
}

// episodeColumns are the columns of a file of episodes: the wire's and the
// covariates that the programme declares.
func episodeColumns(p *programme.Programme) []column[Episode] {
	type row = Episode
	columns := []column[row]{
		text("kind", func(*row) string { return "episode" }),
		text("id_system", func(e *row) string { return e.ID.System }),
		text("id_value", func(e *row) string { return e.ID.Value }),
		whole("source_version", false, func(*row) int64 { return 0 }),
		moment("updated_at", func(e *row) (int64, bool) { return e.UpdatedAt.UnixMilli(), true }),
		text("programme", func(e *row) string { return e.Programme }),
		text("patient_pseudonym", func(e *row) string { return e.Patient.Pseudonym }),
		text("episode", func(e *row) string { return e.Episode }),
		text("status", func(e *row) string { return e.Status }),
		day("referred_on", func(e *row) record.Date { return e.ReferredOn }),
		day("first_contact_on", func(e *row) record.Date { return e.FirstContactOn }),
		day("treatment_start", func(e *row) record.Date { return e.TreatmentStart }),
		day("discharged_on", func(e *row) record.Date { return e.DischargedOn }),
		text("intervention", func(e *row) string { return e.Intervention }),
		text("procedure", func(*row) string { return "" }),
		text("practice", func(e *row) string { return e.Practice }),
		text("site", func(e *row) string { return e.Site }),
		text("provider", func(e *row) string { return e.Provider }),
		text("icb", func(e *row) string { return e.ICB }),
		text("region", func(e *row) string { return e.Region }),
		text("sex", func(e *row) string { return e.Sex }),
		whole("age", true, func(e *row) int64 { return int64(e.Age) }),
		whole("imd_decile", true, func(e *row) int64 { return int64(e.IMDDecile) }),
		text("imd_version", func(e *row) string { return e.IMDVersion }),
		text("ethnic_group", func(e *row) string { return e.EthnicGroup }),
		text("startback_risk", func(e *row) string { return e.StarTBackRisk }),
	}
	for i, c := range p.Covariates {
		if c.Kind == programme.Category {
			columns = append(columns, text(c.Name, func(e *row) string { return e.Covariates[i].Text }))
		} else {
			columns = append(columns, whole(c.Name, false, func(e *row) int64 { return int64(e.Covariates[i].Int) }))
		}
	}
	return columns
}
