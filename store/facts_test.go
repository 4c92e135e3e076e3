package store_test

import (
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/write"
)

// facts are rows as ingest holds them before they become a batch.
type facts struct {
	responses []record.Response
	scores    []record.Score
	episodes  []record.Episode
	// covariates names record.Episode.Covariates, in order; text ones end in "".
	covariates []covariate
}

type covariate struct {
	name string
	text bool
}

// column appends one value of a row to its builder.
type column[T any] struct {
	name  string
	kind  arrow.DataType
	write func(array.Builder, T)
}

var (
	wirePatient = &arrow.FixedSizeBinaryType{ByteWidth: 16}
	wireTime    = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}
	wireCodes   = arrow.ListOf(arrow.PrimitiveTypes.Int16)
)

func patient[T any](of func(T) record.PatientID) column[T] {
	return column[T]{"patient_id", wirePatient, func(b array.Builder, row T) {
		wire := write.Wire(of(row))
		b.(*array.FixedSizeBinaryBuilder).Append(wire[:])
	}}
}

func number[T any](name string, of func(T) uint64) column[T] {
	return column[T]{name, arrow.PrimitiveTypes.Uint64, func(b array.Builder, row T) { b.(*array.Uint64Builder).Append(of(row)) }}
}

func small[T any](name string, of func(T) uint8) column[T] {
	return column[T]{name, arrow.PrimitiveTypes.Uint8, func(b array.Builder, row T) { b.(*array.Uint8Builder).Append(of(row)) }}
}

func enum[T any](name string, of func(T) int8) column[T] {
	return column[T]{name, arrow.PrimitiveTypes.Int8, func(b array.Builder, row T) { b.(*array.Int8Builder).Append(of(row)) }}
}

func text[T any](name string, of func(T) string) column[T] {
	return column[T]{name, arrow.BinaryTypes.String, func(b array.Builder, row T) { b.(*array.StringBuilder).Append(of(row)) }}
}

func day[T any](name string, of func(T) record.Date) column[T] {
	return column[T]{name, arrow.FixedWidthTypes.Date32, func(b array.Builder, row T) { b.(*array.Date32Builder).Append(arrow.Date32(of(row))) }}
}

// dayOrNone writes the zero day as NULL.
func dayOrNone[T any](name string, of func(T) record.Date) column[T] {
	return column[T]{name, arrow.FixedWidthTypes.Date32, func(b array.Builder, row T) {
		if of(row) == 0 {
			b.AppendNull()
			return
		}
		b.(*array.Date32Builder).Append(arrow.Date32(of(row)))
	}}
}

func moment[T any](name string, of func(T) int64) column[T] {
	return column[T]{name, wireTime, func(b array.Builder, row T) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(of(row))) }}
}

func float[T any](name string, of func(T) *float64) column[T] {
	return column[T]{name, arrow.PrimitiveTypes.Float64, func(b array.Builder, row T) {
		if v := of(row); v != nil {
			b.(*array.Float64Builder).Append(*v)
			return
		}
		b.AppendNull()
	}}
}

func build[T any](mem memory.Allocator, rows []T, columns []column[T]) arrow.Record {
	if len(rows) == 0 {
		return nil
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.name, Type: c.kind, Nullable: true}
	}
	b := array.NewRecordBuilder(mem, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range rows {
		for i, c := range columns {
			c.write(b.Field(i), row)
		}
	}
	return b.NewRecord()
}

// batch builds the facts' records, and releases them when the test ends.
func (f facts) batch(t testing.TB) write.Batch {
	t.Helper()
	mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
	b := write.Batch{
		Response: build(mem, f.responses, responseColumns),
		Score:    build(mem, f.scores, scoreColumns),
		Episode:  build(mem, f.episodes, f.episodeColumns()),
		Touched:  f.touched(),
	}
	t.Cleanup(func() {
		for _, r := range []arrow.Record{b.Response, b.Score, b.Episode} {
			if r != nil {
				r.Release()
			}
		}
		mem.AssertSize(t, 0)
	})
	return b
}

func (f facts) touched() []record.PatientID {
	var all []record.PatientID
	for _, r := range f.responses {
		all = append(all, r.PatientID)
	}
	for _, s := range f.scores {
		all = append(all, s.PatientID)
	}
	for _, e := range f.episodes {
		all = append(all, e.PatientID)
	}
	slices.SortFunc(all, func(a, b record.PatientID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(all)
}

var responseColumns = []column[record.Response]{
	patient(func(r record.Response) record.PatientID { return r.PatientID }),
	number("response_id", func(r record.Response) uint64 { return r.ID }),
	number("version", func(r record.Response) uint64 { return r.Version }),
	enum("status", func(r record.Response) int8 { return int8(r.Status) }),
	text("source", func(r record.Response) string { return r.Source }),
	text("source_id", func(r record.Response) string { return r.SourceID }),
	number("episode_id", func(r record.Response) uint64 { return r.EpisodeID }),
	text("programme", func(r record.Response) string { return r.Programme }),
	text("instrument", func(r record.Response) string { return string(r.Instrument) }),
	text("timepoint", func(r record.Response) string { return r.Timepoint }),
	moment("answered_at", func(r record.Response) int64 { return r.AnsweredAt.UnixMilli() }),
	day("answered_on", func(r record.Response) record.Date { return r.AnsweredOn }),
	enum("answered_precision", func(r record.Response) int8 { return int8(r.Precision) }),
	moment("received_at", func(r record.Response) int64 { return r.ReceivedAt.UnixMilli() }),
	enum("reported_by", func(r record.Response) int8 { return int8(r.ReportedBy) }),
	{"codes", wireCodes, func(b array.Builder, r record.Response) {
		list := b.(*array.ListBuilder)
		list.Append(true)
		for _, code := range r.Codes {
			if code == -32768 {
				list.ValueBuilder().AppendNull()
				continue
			}
			list.ValueBuilder().(*array.Int16Builder).Append(code)
		}
	}},
	{"ticks", arrow.ListOf(wireCodes), func(b array.Builder, r record.Response) {
		outer := b.(*array.ListBuilder)
		outer.Append(true)
		for _, ticks := range r.Ticks {
			inner := outer.ValueBuilder().(*array.ListBuilder)
			inner.Append(true)
			inner.ValueBuilder().(*array.Int16Builder).AppendValues(ticks, nil)
		}
	}},
	{"missing_reasons", arrow.ListOf(arrow.BinaryTypes.String), func(b array.Builder, r record.Response) {
		list := b.(*array.ListBuilder)
		list.Append(true)
		list.ValueBuilder().(*array.StringBuilder).AppendValues(r.MissingReasons, nil)
	}},
	float("supplied_score", func(r record.Response) *float64 { return r.SuppliedScore }),
	float("predicted", func(r record.Response) *float64 { return r.Predicted }),
}

var scoreColumns = []column[record.Score]{
	patient(func(s record.Score) record.PatientID { return s.PatientID }),
	number("response_id", func(s record.Score) uint64 { return s.ResponseID }),
	number("version", func(s record.Score) uint64 { return s.Version }),
	enum("status", func(s record.Score) int8 { return int8(s.Status) }),
	text("score", func(s record.Score) string { return s.Name }),
	text("algorithm", func(s record.Score) string { return s.Algorithm }),
	text("value_set", func(s record.Score) string { return s.ValueSet }),
	text("programme", func(s record.Score) string { return s.Programme }),
	number("episode_id", func(s record.Score) uint64 { return s.EpisodeID }),
	text("timepoint", func(s record.Score) string { return s.Timepoint }),
	moment("answered_at", func(s record.Score) int64 { return s.AnsweredAt.UnixMilli() }),
	day("answered_on", func(s record.Score) record.Date { return s.AnsweredOn }),
	moment("received_at", func(s record.Score) int64 { return s.ReceivedAt.UnixMilli() }),
	enum("reported_by", func(s record.Score) int8 { return int8(s.ReportedBy) }),
	{"units", arrow.PrimitiveTypes.Int32, func(b array.Builder, s record.Score) {
		if !s.HasUnits {
			b.AppendNull()
			return
		}
		b.(*array.Int32Builder).Append(s.Units)
	}},
	float("predicted", func(s record.Score) *float64 { return s.Predicted }),
	small("n_answered", func(s record.Score) uint8 { return s.NAnswered }),
}

func (f facts) episodeColumns() []column[record.Episode] {
	all := []column[record.Episode]{
		patient(func(e record.Episode) record.PatientID { return e.PatientID }),
		number("episode_id", func(e record.Episode) uint64 { return e.ID }),
		number("version", func(e record.Episode) uint64 { return e.Version }),
		enum("status", func(e record.Episode) int8 { return int8(e.Status) }),
		text("programme", func(e record.Episode) string { return e.Programme }),
		day("referred_on", func(e record.Episode) record.Date { return e.ReferredOn }),
		dayOrNone("first_contact_on", func(e record.Episode) record.Date { return e.FirstContactOn }),
		dayOrNone("treatment_start", func(e record.Episode) record.Date { return e.TreatmentStart }),
		dayOrNone("discharged_on", func(e record.Episode) record.Date { return e.DischargedOn }),
		text("intervention", func(e record.Episode) string { return e.Intervention }),
		text("provider", func(e record.Episode) string { return e.Provider }),
		text("region", func(e record.Episode) string { return e.Region }),
		enum("sex", func(e record.Episode) int8 { return int8(e.Sex) }),
		small("age", func(e record.Episode) uint8 { return e.Age }),
		text("age_band", func(e record.Episode) string { return e.AgeBand }),
		small("imd_decile", func(e record.Episode) uint8 { return e.IMDDecile }),
		enum("startback_risk", func(e record.Episode) int8 { return int8(e.StarTBackRisk) }),
		moment("received_at", func(e record.Episode) int64 { return e.ReceivedAt.UnixMilli() }),
	}
	for i, c := range f.covariates {
		if c.text {
			all = append(all, text(c.name, func(e record.Episode) string { return e.Covariates[i].Text }))
			continue
		}
		all = append(all, column[record.Episode]{c.name, arrow.PrimitiveTypes.Int32, func(b array.Builder, e record.Episode) {
			if e.Covariates[i].Absent {
				b.AppendNull()
				return
			}
			b.(*array.Int32Builder).Append(e.Covariates[i].Int)
		}})
	}
	return all
}
