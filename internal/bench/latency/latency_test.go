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
	s, conn := fill(b, facts(b))
	random, people := rand.New(rand.NewPCG(1, 2)), known(b, conn)
	version := uint64(1000)
	var one time.Duration
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
		if size.answers == 1 {
			one = median
		}
		line := fmt.Sprintf("batch of %d answers: longest %.1f times the median, %.2f times that of one answer", size.answers, float64(took[len(took)-1])/float64(median), float64(median)/float64(one))
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

// BenchmarkDerive fills outcome from all facts of an import of one instrument,
// four answers an episode, and prints how many episodes a second.
func BenchmarkDerive(b *testing.B) {
	const promise = 130_000
	episodes := setting("LUMBAR_BENCH_EPISODES", 500_000)
	s, _ := fill(b, imported(episodes))
	for range 3 {
		start := time.Now()
		if err := s.Writer().Rebuild(context.Background()); err != nil {
			b.Fatal(err)
		}
		rate := float64(episodes) / time.Since(start).Seconds()
		fmt.Printf("outcome of %d episodes: ratio %.2f to the promised %d episodes a second\n", episodes, rate/promise, promise)
	}
	b.ReportMetric(0, "ns/op")
}

// fill makes a store of the facts that the statements make up, and lets the engine
// merge them.
func fill(b *testing.B, statements []string) (*store.Store, clickhouse.Conn) {
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
	for _, statement := range statements {
		if err := conn.Exec(context.Background(), statement+" SETTINGS async_insert = 0"); err != nil {
			b.Fatal(err)
		}
	}
	for _, table := range []string{"score", "episode"} {
		if err := conn.Exec(context.Background(), "OPTIMIZE TABLE "+table+" FINAL"); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Writer().Rebuild(context.Background()); err != nil {
		b.Fatal(err)
	}
	return s, conn
}

// imported are the statements of a programme's ODI over a year of each episode.
func imported(episodes int) []string {
	const patient = "reinterpretAsUInt128(sipHash128(e, 17))"
	return []string{
		fmt.Sprintf(`INSERT INTO episode (patient_id, episode_id, version, status, programme, referred_on, provider, region, sex, age, received_at)
SELECT %s, cityHash64(e, 1), 1, 'active', 'back-pain', toDate32('2020-10-01') + e %% 1500, concat('R', toString(e %% 150)), concat('Y', toString(e %% 8)), 'female', 20 + e %% 60, now64(3)
FROM (SELECT number AS e FROM numbers(%d))`, patient, episodes),
		fmt.Sprintf(`INSERT INTO score (patient_id, response_id, score, algorithm, value_set, version, status, programme, episode_id, answered_at, answered_on, received_at, reported_by, units, unit, n_answered, n_items)
SELECT %s, cityHash64(e, t, 2), 'odi', 'odi-1', '', 1, 'complete', 'back-pain', cityHash64(e, 1), toDateTime64(day, 3, 'UTC'), day, now64(3), 'patient', toInt32(36 * (e %% 50)), 18, 10, 10
FROM (SELECT intDiv(number, 4) AS e, number %% 4 AS t, toDate32('2020-10-01') + e %% 1500 + [0, 90, 180, 365][t + 1] AS day FROM numbers(%d))`, patient, 4*episodes),
	}
}

// facts are the statements of patients with an episode each: all instruments of
// the programme answered at baseline, and some again at six and twelve months.
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
