// Package nation fills outcome with a simulated nation for benches: episodes
// whose treatment depends on what was known before it, and whose outcome depends
// on both, so that a crude comparison is wrong and an adjusted one is not.
//
// It never goes through ingest: a bench of questions starts from a full table.
package nation

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
)

// Effect is what treatment adds to the Oswestry score at twelve months, in
// points of 0 to 100, before the score is cut to its scale.
const Effect = -6

// FirstYear and Years: episodes are referred in these financial years, equally many in each.
const FirstYear, Years = 2015, 10

// Treated and Control are the two arms; every episode is in one of them.
const Treated, Control = "cppp", "core_therapy"

// variables are what the columns are made of: u is uniform on [0,1), z roughly
// standard normal, from hashes of the episode's number.
var variables = []struct{ name, sql string }{
	{"age_", "18 + toUInt8(floor(70 * (cityHash64(1, n) / 18446744073709551616)))"},
	{"risk_", "cityHash64(2, n) % 3"},
	{"z1", "(cityHash64(3, n) / 18446744073709551616 + cityHash64(4, n) / 18446744073709551616 + cityHash64(5, n) / 18446744073709551616 - 1.5) * 2"},
	{"z2", "(cityHash64(6, n) / 18446744073709551616 + cityHash64(7, n) / 18446744073709551616 + cityHash64(8, n) / 18446744073709551616 - 1.5) * 2"},
	{"raw_", "least(50, greatest(0, toInt32(round(20 + 7 * z1 + 3 * risk_ + 0.05 * (age_ - 50)))))"},
	{"treated_", "cityHash64(9, n) / 18446744073709551616 < 1 / (1 + exp(-(-0.4 + 0.06 * (raw_ - 20) + 0.4 * risk_ - 0.015 * (age_ - 50))))"},
	{"raw12_", "least(50, greatest(0, toInt32(round(3 + 0.6 * raw_ + 1.5 * risk_ + 0.04 * (age_ - 50) - 3 * treated_ + 5 * z2))))"},
	{"wait_", "toInt32(round(20 - 60 * log(1 - cityHash64(10, n) / 18446744073709551616) * (1 - 0.25 * treated_)))"},
	{"referred_", fmt.Sprintf("addDays(makeDate32(%d + n %% %d, 4, 1), cityHash64(11, n) %% 365)", FirstYear, Years)},
}

// columns are those of outcome that are filled. A score counts its own units:
// of the Oswestry score 18 a point, so that one box of its 50 is 36.
var columns = []struct{ name, sql string }{
	{"patient_id", "toUInt128(cityHash64(n, 17)) * toUInt128(4294967296) * toUInt128(4294967296) + cityHash64(n, 18)"},
	{"episode_id", "n"}, {"version", "1"}, {"live", "1"}, {"programme", "'back-pain'"},
	{"fy", fmt.Sprintf("%d + n %% %d", FirstYear, Years)},
	{"referred_on", "referred_"},
	{"region", "concat('Y', toString(cityHash64(n, 19) % 8))"},
	{"provider", "concat('R', toString(cityHash64(n, 20) % 150))"},
	{"intervention", fmt.Sprintf("if(treated_, '%s', '%s')", Treated, Control)},
	{"sex", "if(cityHash64(12, n) % 2 = 0, 'female', 'male')"},
	{"age", "age_"},
	{"imd_decile", "1 + cityHash64(13, n) % 10"},
	{"startback_risk", "['low', 'medium', 'high'][risk_ + 1]"},
	{"comorbidity_count", "toInt32(cityHash64(14, n) % 6)"},
	{"prior_surgery", "toInt32(cityHash64(15, n) % 10 = 0)"},
	{"wait_days", "if(wait_ < 365, wait_, NULL)"},
	// The days that outcome keeps are those of scores: an answer comes once the
	// wait is over, and another after a year, when nobody is watched any more.
	{"odi_12m_at", "if(wait_ < 365, addDays(referred_, wait_), NULL)"},
	{"nrs_back_12m_at", "addDays(referred_, 365)"},
	{"odi_baseline", "36 * raw_"},
	{"odi_12m", "36 * raw12_"},
	{"nrs_back_baseline", "toInt32(least(10, greatest(0, round(raw_ / 6 + z2 + 1))))"},
	{"nrs_leg_baseline", "toInt32(cityHash64(16, n) % 11)"},
}

// Nation is a store on a database of its own that holds the episodes.
type Nation struct {
	Store *store.Store
	Conn  clickhouse.Conn
	db    *chtest.DB
}

// measured is the programme with the instruments that are filled alone: an
// episode's other columns take minutes to write and are never read.
func measured() *programme.Programme {
	p := *programme.Default()
	p.Instruments = []instruments.ID{"odi", "nrs_back", "nrs_leg"}
	return &p
}

// Open fills a new database with that many episodes, merged.
func Open(b testing.TB, episodes int) *Nation {
	b.Helper()
	db := chtest.New(b)
	s, err := store.Open(context.Background(), store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password, Programmes: []*programme.Programme{measured()},
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
	out := &Nation{Store: s, Conn: conn, db: db}
	for year := range Years {
		out.run(b, fillText(episodes, year))
	}
	out.run(b, "OPTIMIZE TABLE outcome FINAL")
	return out
}

func (n *Nation) run(b testing.TB, statement string) {
	b.Helper()
	if err := n.Conn.Exec(context.Background(), statement); err != nil {
		b.Fatal(err)
	}
}

// fillText writes the episodes of one year: a statement for each keeps the engine
// within its memory.
func fillText(episodes, year int) string {
	var names, values, with []string
	for _, v := range variables {
		with = append(with, v.sql+" AS "+v.name)
	}
	for _, c := range columns {
		names, values = append(names, c.name), append(values, c.sql)
	}
	return "INSERT INTO outcome (" + strings.Join(names, ", ") + ") WITH " + strings.Join(with, ", ") + " SELECT " + strings.Join(values, ", ") +
		fmt.Sprintf(" FROM (SELECT number * %d + %d AS n FROM numbers(%d)) SETTINGS async_insert = 0", Years, year, episodes/Years)
}

// Export writes the answer of a statement to a file, in a format of the engine,
// for a peer to read.
func (n *Nation) Export(b testing.TB, statement, format, path string) {
	b.Helper()
	at := url.URL{Scheme: "http", Host: n.db.HTTPAddr, RawQuery: url.Values{"database": {n.db.Database}}.Encode()}
	req, err := http.NewRequest(http.MethodPost, at.String(), strings.NewReader(statement+" FORMAT "+format))
	if err != nil {
		b.Fatal(err)
	}
	req.SetBasicAuth(n.db.User, n.db.Password)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 2000))
		b.Fatalf("export: %s: %s", res.Status, text)
	}
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(f, res.Body); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}
