package write_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/wire"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/internal/ingeststore"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

// site is a store that answers are imported into and scored again in.
type site struct {
	t     testing.TB
	db    *chtest.DB
	store *store.Store
	conn  clickhouse.Conn
}

func moment() time.Time { return time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC) }

func newSite(t testing.TB) *site {
	db := chtest.New(t)
	s := &site{t: t, db: db, conn: db.Conn(t)}
	s.open(false)
	return s
}

// open opens the store again, as a process does after a crash: what was open
// before is left as it is.
func (s *site) open(rescoring bool) {
	s.t.Helper()
	if err := s.tryOpen(rescoring); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) tryOpen(rescoring bool) error {
	opened, err := store.Open(context.Background(), store.Config{
		Addr: s.db.Addr, HTTPAddr: s.db.HTTPAddr, Database: s.db.Database, User: s.db.User, Password: s.db.Password,
		Programmes: programme.All(), Clock: moment, Rescoring: rescoring, Log: slog.New(slog.NewTextHandler(s.t.Output(), nil)),
	})
	if err != nil {
		return err
	}
	s.store = opened
	s.t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return nil
}

// take imports lines of JSON, all of which must be stored.
func (s *site) take(lines ...string) {
	s.t.Helper()
	p := ingest.New(ingeststore.Writer(s.store.Writer()), ingest.Options{
		Setting: ingest.Setting{Programmes: programme.All(), Key: []byte("a key for tests only, 32 bytes .."), TestNumbers: true, Now: moment},
		Formats: []ingest.Format{wire.Format()},
	})
	text := []byte(strings.Join(lines, "\n"))
	report, err := p.Import(context.Background(), ingest.Source{Name: "answers.ndjson", Size: int64(len(text)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(text)), nil
	}}, ingest.ImportOptions{}, nil)
	if err != nil || report.Stored != len(lines) {
		s.t.Fatalf("import of %d lines: %+v, %v", len(lines), report, err)
	}
}

type scorer struct{ *ingest.Rescorer }

func (s scorer) Add(v *write.StoredResponse) (int, bool) {
	return s.Rescorer.Add(&v.Response, v.Final, v.Missing)
}

func (s *site) rescore(r schema.Request, dry bool) (write.Rescored, error) {
	return s.store.Writer().Rescore(context.Background(), r, write.RescoreOptions{DryRun: dry, Scorer: func(targets []*instruments.Score) write.Scorer {
		return scorer{ingest.NewRescorer(targets, nil)}
	}})
}

// number is a query's one number.
func (s *site) number(query string) uint64 {
	s.t.Helper()
	var n uint64
	if err := s.conn.QueryRow(context.Background(), "SELECT toUInt64(("+query+")) SETTINGS do_not_merge_across_partitions_select_final = 1").Scan(&n); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// rows are a query's rows as text, sorted.
func (s *site) rows(query string) []string {
	s.t.Helper()
	found, err := s.conn.Query(context.Background(), "SELECT toString(tuple(*)) AS row FROM ("+query+") ORDER BY row SETTINGS do_not_merge_across_partitions_select_final = 1")
	if err != nil {
		s.t.Fatal(err)
	}
	defer found.Close()
	var out []string
	for found.Next() {
		var row string
		if err := found.Scan(&row); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, row)
	}
	if err := found.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// clean holds outcome equal to a rebuild.
func (s *site) clean() {
	s.t.Helper()
	if n, err := s.store.Writer().RebuildCheck(context.Background()); err != nil || n != 0 {
		s.t.Errorf("rebuild check: %d cells, %v", n, err)
	}
}

// baseline is how many have an ODI at baseline, and its mean in points.
func (s *site) baseline() (n int64, mean float64, err error) {
	groups, err := s.store.Reader().Moments(context.Background(), read.Question{
		Selection: read.Selection{Programme: "back-pain"}, Terms: []moments.Term{moments.Intercept(), moments.Column("odi_baseline")},
	})
	if err != nil || len(groups) == 0 {
		return 0, 0, err
	}
	m := groups[0].Moments
	mean, ok := m.Mean(1)
	if !ok {
		return m.N, 0, errors.New("no mean")
	}
	return m.N, mean, nil
}

func person(i int) string { return fmt.Sprintf("%032x", uint64(i+1)*0x9e3779b97f4a7c15) }

func referral(i int, day string) string {
	return fmt.Sprintf(`{"kind":"episode","id":{"system":"urn:pas","value":"e%d"},"updated_at":"%sT12:00:00Z","patient":{"pseudonym":%q},"programme":"back-pain","episode":"e%d","referred_on":%q}`,
		i, max(day, "2025-05-01"), person(i), i, day)
}

func odi(id string, i int, status, day, answers string) string {
	return fmt.Sprintf(`{"id":{"system":"urn:forms","value":%q},"updated_at":"%sT12:00:00Z","patient":{"pseudonym":%q},"programme":"back-pain","instrument":"odi","status":%q,"answered_at":"%sT10:00:00Z","answers":[%s]}`,
		id, day, person(i), status, day, answers)
}

// answers are ten codes, of which up to three are missing.
func answers(seed int) string {
	codes := make([]string, 10)
	for i := range codes {
		codes[i] = fmt.Sprint((seed*7 + i*3 + seed*i) % 6)
	}
	for i := range seed % 4 {
		codes[(seed+3*i)%10] = "null"
	}
	return strings.Join(codes, ",")
}

// people are episodes with answers at baseline and a year later, some of them
// amended, withdrawn, unfinished, or with several boxes ticked.
func people(from, to int) []string {
	var lines []string
	for i := from; i < to; i++ {
		lines = append(lines, referral(i, "2025-04-01"), odi(fmt.Sprintf("b%d", i), i, "completed", "2025-04-02", answers(i)))
		if i%3 != 0 {
			lines = append(lines, odi(fmt.Sprintf("f%d", i), i, "completed", "2026-04-03", answers(i+5)))
		}
		switch i % 7 {
		case 1:
			lines = append(lines, odi(fmt.Sprintf("b%d", i), i, "amended", "2025-04-04", answers(i+11)))
		case 2:
			lines = append(lines, odi(fmt.Sprintf("f%d", i), i, "entered-in-error", "2026-04-05", answers(i+5)))
		case 3:
			lines = append(lines, odi(fmt.Sprintf("p%d", i), i, "in-progress", "2025-10-01", answers(i)))
		case 4:
			lines = append(lines, odi(fmt.Sprintf("t%d", i), i, "completed", "2025-10-01", "[1,3],2,2,3,0,1,4,5,0,[2,3]"))
		}
	}
	return lines
}
