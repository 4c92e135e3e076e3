package latency_test

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/write"
)

// field is a column of the answers.
type field struct {
	name  string
	build func(memory.Allocator, []record.PatientID) arrow.Array
}

func words(name, value string) field {
	return field{name, func(mem memory.Allocator, rows []record.PatientID) arrow.Array {
		a := array.NewStringBuilder(mem)
		defer a.Release()
		for range rows {
			a.Append(value)
		}
		return a.NewArray()
	}}
}

func wholes(name string, of func(i int) uint64) field {
	return field{name, func(mem memory.Allocator, rows []record.PatientID) arrow.Array {
		a := array.NewUint64Builder(mem)
		defer a.Release()
		for i := range rows {
			a.Append(of(i))
		}
		return a.NewArray()
	}}
}

func enum(name string, value int8) field {
	return field{name, func(mem memory.Allocator, rows []record.PatientID) arrow.Array {
		a := array.NewInt8Builder(mem)
		defer a.Release()
		for range rows {
			a.Append(value)
		}
		return a.NewArray()
	}}
}

func instants(name string, at time.Time) field {
	return field{name, func(mem memory.Allocator, rows []record.PatientID) arrow.Array {
		a := array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"})
		defer a.Release()
		for range rows {
			a.Append(arrow.Timestamp(at.UnixMilli()))
		}
		return a.NewArray()
	}}
}

func build(rows []record.PatientID, fields []field) arrow.Record {
	mem := memory.DefaultAllocator
	keys := array.NewFixedSizeBinaryBuilder(mem, &arrow.FixedSizeBinaryType{ByteWidth: 16})
	defer keys.Release()
	for _, id := range rows {
		wire := write.Wire(id)
		keys.Append(wire[:])
	}
	columns := []arrow.Array{keys.NewArray()}
	described := []arrow.Field{{Name: "patient_id", Type: columns[0].DataType()}}
	for _, f := range fields {
		column := f.build(mem, rows)
		columns = append(columns, column)
		described = append(described, arrow.Field{Name: f.name, Type: column.DataType()})
	}
	return array.NewRecord(arrow.NewSchema(described, nil), columns, int64(len(rows)))
}

// answers is a batch of one ODI at six months for each of n patients.
func answers(random *rand.Rand, all []record.PatientID, n int, version uint64) write.Batch {
	var rows []record.PatientID
	chosen := map[int]bool{}
	for len(rows) < n {
		if i := random.IntN(len(all)); !chosen[i] {
			chosen[i] = true
			rows = append(rows, all[i])
		}
	}
	now := time.Now()
	day := field{"answered_on", func(mem memory.Allocator, rows []record.PatientID) arrow.Array {
		a := array.NewDate32Builder(mem)
		defer a.Release()
		for range rows {
			a.Append(arrow.Date32(record.NewDate(2025, 9, 1)))
		}
		return a.NewArray()
	}}
	shared := []field{
		wholes("response_id", func(i int) uint64 { return version<<32 + uint64(i) }), wholes("version", func(int) uint64 { return version }),
		words("programme", "back-pain"), instants("answered_at", now), day, instants("received_at", now), enum("reported_by", int8(record.ByPatient)),
	}
	odi := instruments.ScoresOf("odi")[0]
	return write.Batch{
		Touched:  rows,
		Response: build(rows, append(slices.Clone(shared), enum("status", int8(record.Completed)), words("source", "bench"), words("source_id", "x"), words("instrument", "odi"))),
		Score: build(rows, append(slices.Clone(shared), enum("status", int8(record.ScoreComplete)), words("score", odi.Name), words("algorithm", odi.Algorithm),
			field{"units", func(mem memory.Allocator, rows []record.PatientID) arrow.Array {
				a := array.NewInt32Builder(mem)
				defer a.Release()
				for i := range rows {
					a.Append(int32(36 * (i % 50)))
				}
				return a.NewArray()
			}})),
	}
}
