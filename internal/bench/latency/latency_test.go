package latency_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// patients is how many the store knows, each with an episode of the last year.
var patients = setting("LUMBAR_BENCH_PATIENTS", 200_000)

func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// sizes are the batches that are measured: each answer is another patient's.
// The promise is an answer a patient of 2,000 a second, visible within a second:
// a batch that waits behind another one of half a second's answers must leave
// time for both.
var sizes = []struct {
	answers, rounds int
	promise         time.Duration
}{{1, 31, 120 * time.Millisecond}, {50, 21, 0}, {400, 15, 0}, {1000, 15, 450 * time.Millisecond}, {5000, 7, 0}}

// BenchmarkBatch writes batches of single answers of patients scattered over a
// year of referrals, and prints the median and the longest.
func BenchmarkBatch(b *testing.B) {
	s, conn := fill(b)
	random, people := rand.New(rand.NewPCG(1, 2)), known(b, conn)
	version := uint64(1000)
	for _, size := range sizes {
		took := make([]time.Duration, 0, size.rounds)
		for range size.rounds {
			version++
			batch := answers(random, people, size.answers, version)
			start := time.Now()
			if err := s.Writer().Write(context.Background(), batch); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
			batch.Response.Release()
			batch.Score.Release()
			time.Sleep(20 * time.Millisecond)
		}
		slices.Sort(took)
		median := took[len(took)/2]
		line := fmt.Sprintf("batch of %d answers: median %d ms, longest %d ms", size.answers, median.Milliseconds(), took[len(took)-1].Milliseconds())
		if size.promise > 0 {
			line += fmt.Sprintf(", ratio %.2f to the promise", float64(median)/float64(size.promise))
		}
		fmt.Println(line)
	}
	var wrong uint64
	err := conn.QueryRow(context.Background(), "SELECT count() FROM score WHERE version > 1000 AND response_id NOT IN (SELECT response_id FROM response)").Scan(&wrong)
	if err != nil || wrong > 0 {
		b.Fatalf("%d scores without their response, %v", wrong, err)
	}
	if n, err := s.Writer().RebuildCheck(b.Context()); n != 0 || err != nil {
		b.Fatalf("%d cells differ from a rebuild: %v", n, err)
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDerive fills outcome from all facts and prints episodes a second.
func BenchmarkDerive(b *testing.B) {
	s, _ := fill(b)
	for range 3 {
		start := time.Now()
		if err := s.Writer().Rebuild(context.Background()); err != nil {
			b.Fatal(err)
		}
		fmt.Printf("rebuilt at %.0f episodes a second\n", float64(patients)/time.Since(start).Seconds())
	}
	b.ReportMetric(0, "ns/op")
}

// fill stores the patients with an episode each and all instruments of the
// programme answered at baseline, most of them once more.
func fill(b *testing.B) (*store.Store, clickhouse.Conn) {
	b.Helper()
	db := chtest.New(b)
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{db.Addr}, Auth: clickhouse.Auth{Database: db.Database, Username: db.User, Password: db.Password}, ReadTimeout: time.Hour,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	s := open(b, db)
	for _, statement := range facts(b) {
		if err := conn.Exec(context.Background(), statement+" SETTINGS async_insert = 0"); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Writer().Rebuild(context.Background()); err != nil {
		b.Fatal(err)
	}
	return s, conn
}

// facts are the statements that make them up.
func facts(b testing.TB) []string {
	const patient = "reinterpretAsUInt128(sipHash128(e, 17))"
	return []string{
		fmt.Sprintf(`INSERT INTO episode (patient_id, episode_id, version, status, programme, referred_on, provider, region, sex, age, received_at)
SELECT %s, cityHash64(e, 1), 1, 'active', 'back-pain', toDate32('2024-10-01') + e %% 365, concat('R', toString(e %% 150)), concat('Y', toString(e %% 8)), 'female', 20 + e %% 60, now64(3)
FROM (SELECT number AS e FROM numbers(%d))`, patient, patients),
		fmt.Sprintf(`INSERT INTO score (patient_id, response_id, score, algorithm, value_set, version, status, programme, episode_id, answered_at, answered_on, received_at, reported_by, units, value, unit, n_answered, n_items)
SELECT %s, cityHash64(e, t, s.1), s.1, s.2, s.3, 1, 'complete', 'back-pain', 0, toDateTime64(day, 3, 'UTC'), day, now64(3), 'patient',
  if(s.4 = 1, NULL, toInt32(e %% 11)), if(s.4 = 1, e %% 11, NULL), 1, 1, 1
FROM (SELECT number AS e, toDate32('2024-10-01') + e %% 365 AS referred, arrayJoin([0, 1, 2, 3]) AS t, arrayJoin([%s]) AS s,
    referred + [0, 0, 182, 365][t + 1] AS day FROM numbers(%d))
WHERE t = 0 OR t > 1 AND cityHash64(e, t, s.1) %% 10 < 4`, patient, scores(b), patients),
		`INSERT INTO response (patient_id, response_id, version, status, source, source_id, programme, instrument, answered_at, answered_on, received_at, reported_by)
SELECT patient_id, response_id, version, 'completed', 'bench', toString(response_id), programme, score, answered_at, answered_on, received_at, reported_by FROM score WHERE score = 'odi'`,
	}
}

// scores lists those of the programme: name, algorithm, value set, whether it
// has no unit.
func scores(b testing.TB) string {
	b.Helper()
	c, err := schema.NewCatalogue(programme.All())
	if err != nil {
		b.Fatal(err)
	}
	var rows []string
	for _, p := range c.Programmes {
		for _, s := range p.Scores {
			if p.ID != "back-pain" || s.Mapped() {
				continue
			}
			float := 0
			if s.Float {
				float = 1
			}
			rows = append(rows, fmt.Sprintf("('%s', '%s', '%s', %d)", s.Name, s.Algorithm, s.ValueSet, float))
		}
	}
	return strings.Join(rows, ", ")
}

// known reads the patients of the store as they travel.
func known(b testing.TB, conn clickhouse.Conn) []record.PatientID {
	b.Helper()
	rows, err := conn.Query(context.Background(), "SELECT reinterpret(patient_id, 'FixedString(16)') FROM episode")
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var all []record.PatientID
	for rows.Next() {
		var wire string
		if err := rows.Scan(&wire); err != nil {
			b.Fatal(err)
		}
		var id record.PatientID
		copy(id[:], wire)
		all = append(all, write.Wire(id))
	}
	if err := rows.Err(); err != nil {
		b.Fatal(err)
	}
	return all
}

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

func open(b *testing.B, db *chtest.DB) *store.Store {
	b.Helper()
	s, err := store.Open(context.Background(), store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password, Programmes: programme.All(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}
