package moments_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// columns are the fifteen of the question, with what fills them.
var columns = []struct{ name, sql string }{
	{"age", "toUInt8(18 + cityHash64(1, n) % 70)"},
	{"wait_days", "toInt32(cityHash64(2, n) % 120)"},
	{"bmi", "toInt32(18 + cityHash64(3, n) % 25)"},
	{"comorbidity_count", "toInt32(cityHash64(4, n) % 6)"},
	{"prior_surgery", "toInt32(cityHash64(5, n) % 2)"},
	{"odi_baseline", "toInt32(36 * (cityHash64(6, n) % 50))"},
	{"odi_12m", "if(cityHash64(7, n) % 10 < 6, toInt32(36 * (cityHash64(8, n) % 50)), NULL)"},
	{"nrs_back_baseline", "toInt32(cityHash64(9, n) % 11)"},
	{"nrs_back_12m", "toInt32(cityHash64(10, n) % 11)"},
	{"nrs_leg_baseline", "toInt32(cityHash64(11, n) % 11)"},
	{"nrs_leg_12m", "toInt32(cityHash64(12, n) % 11)"},
	{"eq5d5l_uk5l_rowen2026_baseline", "toInt32(cityHash64(13, n) % 1000)"},
	{"eq5d5l_uk5l_rowen2026_12m", "toInt32(cityHash64(14, n) % 1000)"},
	{"eqvas_baseline", "toInt32(cityHash64(15, n) % 101)"},
	{"eqvas_12m", "toInt32(cityHash64(16, n) % 101)"},
}

const (
	episodes = 10_000_000
	// Episodes are referred in these financial years.
	firstYear, years = 2015, 10
	rounds           = 7
)

// table is a store on a database of its own.
type table struct {
	name     string
	store    *store.Store
	conn     clickhouse.Conn
	database string
}

func newTable(b *testing.B, name string) table {
	b.Helper()
	db := chtest.New(b)
	s, err := store.Open(context.Background(), store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password, Programmes: programme.All(),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{db.Addr}, Auth: clickhouse.Auth{Database: db.Database, Username: db.User, Password: db.Password},
		ReadTimeout: time.Hour, // merging ten million rows is one answer
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return table{name, s, conn, db.Database}
}

// copyOf is a table of the same merged parts, in which the episodes that the
// condition names are replaced by equal ones of a later version.
func copyOf(b *testing.B, of table, name, condition string) table {
	b.Helper()
	t := newTable(b, name)
	for year := range years {
		run(b, t.conn, fmt.Sprintf("ALTER TABLE outcome ATTACH PARTITION %d FROM %s.outcome", firstYear+year, of.database))
	}
	fill(b, t.conn, "2", condition)
	return t
}

func run(b *testing.B, conn clickhouse.Conn, statement string) {
	b.Helper()
	if err := conn.Exec(context.Background(), statement); err != nil {
		b.Fatal(err)
	}
}

// fill writes the episodes that the condition names, in that version.
func fill(b *testing.B, conn clickhouse.Conn, version, condition string) {
	b.Helper()
	names, values := "", ""
	for _, c := range columns {
		names += ", " + c.name
		values += ", " + c.sql
	}
	run(b, conn, fmt.Sprintf(`INSERT INTO outcome (patient_id, episode_id, version, live, programme, fy, referred_on, region, provider, intervention%s)
SELECT toUInt128(cityHash64(n, 17)) * toUInt128(4294967296) * toUInt128(4294967296) + cityHash64(n, 18), n, %s, 1, 'back-pain', %d + n %% %d, makeDate(%d + n %% %d, 6, 1),
  concat('Y', toString(cityHash64(n, 19) %% 8)), concat('R', toString(cityHash64(n, 20) %% 150)), concat('i', toString(cityHash64(n, 21) %% 5))%s
FROM (SELECT number AS n FROM numbers(%d)) WHERE %s SETTINGS async_insert = 0, insert_deduplicate = 0`, names, version, firstYear, years, firstYear, years, values, episodes, condition))
}

// BenchmarkReplaced asks for the moments of fifteen columns by region and
// intervention over three tables in turn: without replaced rows, with 1 % of
// the rows replaced in the two latest years, where follow-up arrives, and with
// 1 % replaced over all years. A replaced row repeats its values, so that the
// answers must be the same to the last bit. It prints each table's best time.
func BenchmarkReplaced(b *testing.B) {
	plain := newTable(b, "none replaced")
	fill(b, plain.conn, "1", "1")
	run(b, plain.conn, "OPTIMIZE TABLE outcome FINAL")
	tables := []table{
		plain,
		copyOf(b, plain, "1 % replaced, in the two latest years", fmt.Sprintf("n %% %d >= %d AND cityHash64(22, n) %% 20 = 0", years, years-2)),
		copyOf(b, plain, "1 % replaced, in all years", "cityHash64(23, n) % 100 = 0"),
	}
	question := read.Question{Selection: read.Selection{Programme: "back-pain", By: []string{"region", "intervention"}}}
	for _, c := range columns {
		question.Terms, question.Complete = append(question.Terms, moments.Column(c.name)), append(question.Complete, c.name)
	}
	best := make([]time.Duration, len(tables))
	var first []read.Group
	for range rounds {
		for i, t := range tables {
			start := time.Now()
			groups, err := t.store.Reader().Moments(context.Background(), question)
			if err != nil {
				b.Fatal(err)
			}
			if took := time.Since(start); best[i] == 0 || took < best[i] {
				best[i] = took
			}
			if first == nil {
				first = groups
			}
			same(b, first, groups)
		}
	}
	for i, t := range tables {
		fmt.Printf("moments of %d columns over %d episodes, %s: %.2f s, ratio %.2f\n",
			len(columns), episodes, t.name, best[i].Seconds(), float64(best[i])/float64(best[0]))
	}
}

// same fails unless both answers are equal.
func same(b *testing.B, want, got []read.Group) {
	b.Helper()
	if len(want) != len(got) {
		b.Fatalf("%d groups, want %d", len(got), len(want))
	}
	for i := range want {
		if want[i].Eligible != got[i].Eligible || want[i].Moments.N != got[i].Moments.N || !slices.Equal(want[i].Moments.Exact, got[i].Moments.Exact) {
			b.Fatalf("group %v: replaced rows change the answer", got[i].Key)
		}
	}
}
