package rescore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// Episodes, each with an answer at this many timepoints.
const (
	episodes  = 250_000
	responses = 4 * episodes
)

type scorer struct{ *ingest.Rescorer }

func (s scorer) Add(v *write.StoredResponse) (int, bool) {
	return s.Rescorer.Add(&v.Response, v.Final, v.Missing)
}

// BenchmarkRescoreMillion scores a million stored ODI responses under a further
// algorithm, derives the 250,000 episodes anew and switches. The old scores are
// there, as ingest leaves them, in parts that merge meanwhile; in the second
// case so are three million scores of other instruments.
func BenchmarkRescoreMillion(b *testing.B) {
	b.Run("alone", func(b *testing.B) { million(b) })
	b.Run("with3MillionOthers", func(b *testing.B) { million(b, "nrs_back", "nrs_leg", "eqvas") })
}

func million(b *testing.B, others ...string) {
	for b.Loop() {
		b.StopTimer()
		db := chtest.New(b)
		definitiontest.Use(b, "")
		fill(b, db, others)
		definitiontest.Use(b, definitiontest.SecondODI(b, true))
		s := open(b, db)
		var r *ingest.Rescorer
		phases := map[string]time.Time{}
		b.StartTimer()
		begun := time.Now()
		report, err := s.Writer().Rescore(b.Context(), schema.Request{Instrument: "odi"}, write.RescoreOptions{
			Scorer: func(targets []*instruments.Score) write.Scorer {
				r = ingest.NewRescorer(targets, nil)
				return scorer{r}
			},
			Progress: func(p write.RescoreProgress) {
				if phases[p.Phase].IsZero() {
					phases[p.Phase] = time.Now()
				}
			},
		})
		took := time.Since(begun)
		b.StopTimer()
		if err != nil || report.Scores != responses || report.Episodes != episodes || !report.Switched {
			b.Fatalf("%+v, %v: want %d scores, %d episodes and a switch", report, err, responses, episodes)
		}
		if n, err := s.Writer().RebuildCheck(b.Context()); n != 0 || err != nil {
			b.Fatalf("%d cells differ from a rebuild: %v", n, err)
		}
		b.ReportMetric(took.Seconds(), "s/rescore")
		b.ReportMetric(phases["deriving"].Sub(begun).Seconds(), "s/score")
		b.ReportMetric(phases["switching"].Sub(phases["deriving"]).Seconds(), "s/derive")
		b.ReportMetric(0, "ns/op")
		r.Release()
		b.StartTimer()
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

// fill makes the tables and stores episodes, responses and their scores under
// the first algorithm, and other scores of the same moments.
func fill(b *testing.B, db *chtest.DB, others []string) {
	b.Helper()
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{db.Addr}, Auth: clickhouse.Auth{Database: db.Database, Username: db.User, Password: db.Password}, ReadTimeout: time.Hour,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if err := open(b, db).Close(); err != nil {
		b.Fatal(err)
	}
	const patient = "toUInt128(cityHash64(e, 17)) * toUInt128(4294967296) * toUInt128(4294967296) + cityHash64(e, 18)"
	statements := []string{
		fmt.Sprintf(`INSERT INTO episode (patient_id, episode_id, version, status, programme, referred_on, provider, region, sex, age, received_at)
SELECT %s, cityHash64(e, 1), 1, 'active', 'back-pain', makeDate(2023, 1, 1) + e %% 700, concat('R', toString(e %% 150)), concat('Y', toString(e %% 8)), 'female', 20 + e %% 60, now64(3)
FROM (SELECT number AS e FROM numbers(%d))`, patient, episodes),
		fmt.Sprintf(`INSERT INTO response (patient_id, response_id, version, status, source, source_id, episode_id, programme, instrument, instrument_version, provider,
  answered_at, answered_on, answered_precision, received_at, reported_by, codes)
SELECT %s, cityHash64(e, t, 2), 1, 'completed', 'bench', concat('r', toString(n)), cityHash64(e, 1), 'back-pain', 'odi', '2.1a', 'R0',
  toDateTime64(day, 3, 'UTC'), day, 'day', now64(3), 'patient', arrayMap(i -> toNullable(toInt16(cityHash64(n, i) %% 6)), range(10))
FROM (SELECT number AS n, intDiv(number, 4) AS e, number %% 4 AS t, makeDate(2023, 1, 1) + e %% 700 + [0, 90, 180, 365][t + 1] AS day FROM numbers(%d))`, patient, responses),
		`INSERT INTO score (patient_id, response_id, score, algorithm, value_set, version, status, programme, episode_id, answered_at, answered_on, received_at, reported_by, units, unit, n_answered, n_items)
SELECT patient_id, response_id, 'odi', 'odi-1', '', version, 'complete', programme, episode_id, answered_at, answered_on, received_at, reported_by,
  toInt32(36 * arraySum(arrayMap(c -> assumeNotNull(c), codes))), 18, 10, 10 FROM response`,
	}
	for i, name := range others {
		statements = append(statements, fmt.Sprintf(`INSERT INTO score (patient_id, response_id, score, algorithm, value_set, version, status, programme, episode_id, answered_at, answered_on, received_at, reported_by, units, unit, n_answered, n_items)
SELECT patient_id, cityHash64(response_id, %d), '%s', '%s-1', '', version, 'complete', programme, episode_id, answered_at, answered_on, received_at, reported_by,
  toInt32(response_id %% 11), 1, 1, 1 FROM response`, i, name, name))
	}
	for _, statement := range statements {
		if err := conn.Exec(context.Background(), statement+" SETTINGS async_insert = 0"); err != nil {
			b.Fatal(err)
		}
	}
	s := open(b, db)
	if err := s.Writer().Rebuild(context.Background()); err != nil {
		b.Fatal(err)
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
