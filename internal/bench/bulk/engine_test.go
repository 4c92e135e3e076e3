package bulk_test

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/store/engine"
)

// stored is the engine on a data directory that no program holds.
type stored struct {
	engine *engine.Engine
	conn   engine.Conn
}

func open(b *testing.B, data string) *stored {
	b.Helper()
	owner, err := engine.Acquire(data, "benchmark")
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.Start(b.Context(), engine.Config{Kind: engine.Embedded, Dir: owner.EngineDir()})
	if err != nil {
		b.Fatal(err)
	}
	options := e.Options()
	options.ReadTimeout = time.Hour
	conn, err := clickhouse.Open(options)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = conn.Close()
		_ = e.Close()
		_ = owner.Release()
	})
	return &stored{e, conn}
}

func (s *stored) run(b *testing.B, statement string) {
	b.Helper()
	if err := s.conn.Exec(context.Background(), statement); err != nil {
		b.Fatal(err)
	}
}

func (s *stored) number(b *testing.B, query string) (x float64) {
	b.Helper()
	if err := s.conn.QueryRow(b.Context(), "SELECT toFloat64("+query+")").Scan(&x); err != nil {
		b.Fatal(err)
	}
	return x
}

// timepoints are those of the four answers.
var timepoints = [answersEach]string{"baseline", "discharge", "6m", "12m"}

// check stops the benchmark where the store does not hold the population: every
// answer once with its score, and their means at the four timepoints.
func (s *stored) check(b *testing.B, p population) {
	b.Helper()
	want := p.truth()
	for _, c := range []struct {
		what, query string
		want        float64
	}{
		{"responses", "(SELECT count() FROM response)", float64(want.responses)},
		{"different responses", "(SELECT uniqExact(patient_id, response_id) FROM response)", float64(want.responses)},
		{"scores", "(SELECT count() FROM score WHERE score = 'odi' AND units IS NOT NULL)", float64(want.responses)},
		{"episodes", "(SELECT count() FROM outcome FINAL WHERE live = 1)", float64(p.episodes)},
	} {
		if got := s.number(b, c.query); got != c.want {
			b.Fatalf("%s: %.0f, want %.0f", c.what, got, c.want)
		}
	}
	unit := s.number(b, "(SELECT any(unit) FROM score WHERE score = 'odi')")
	for n, timepoint := range timepoints {
		got := s.number(b, fmt.Sprintf("(SELECT avg(odi_%s) FROM outcome FINAL WHERE live = 1)", timepoint)) / unit
		if math.Abs(got-want.mean[n]) > 1e-9*want.mean[n] {
			b.Fatalf("mean at %s: %v, want %v", timepoint, got, want.mean[n])
		}
	}
}

// prepared exports the tables that an import fills as Arrow files and returns
// how long the engine takes to insert them, all at once, into empty tables of
// the same making. The rows stand in the order of their ids, which are hashes:
// as unsorted as those of a file. Of outcome the columns are exported that hold
// anything.
func (s *stored) prepared(b *testing.B, dir string) time.Duration {
	b.Helper()
	tables := map[string]string{"response": "response_id", "score": "response_id", "outcome": "episode_id"}
	for table, order := range tables {
		columns := s.filled(b, table)
		s.export(b, filepath.Join(dir, table+".arrow"), fmt.Sprintf(
			"SELECT %s FROM %s ORDER BY %s FORMAT ArrowStream SETTINGS output_format_arrow_low_cardinality_as_dictionary = 1", columns, table, order))
		s.run(b, "CREATE TABLE prepared_"+table+" AS "+table)
		tables[table] = columns
	}
	begin := time.Now()
	var all sync.WaitGroup
	for table, columns := range tables {
		all.Go(func() {
			s.insert(b, filepath.Join(dir, table+".arrow"), fmt.Sprintf("INSERT INTO prepared_%s (%s) FORMAT ArrowStream", table, columns))
		})
	}
	all.Wait()
	took := time.Since(begin)
	for table := range tables {
		if got, want := s.number(b, "(SELECT count() FROM prepared_"+table+")"), s.number(b, "(SELECT count() FROM "+table+")"); got != want {
			b.Fatalf("%.0f prepared rows of %s, want %.0f", got, table, want)
		}
		s.run(b, "DROP TABLE prepared_"+table+" SYNC")
	}
	return took
}

// filled are the columns of a table that hold anything but defaults.
func (s *stored) filled(b *testing.B, table string) string {
	b.Helper()
	rows, err := s.conn.Query(b.Context(), "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = $1 AND default_kind = '' ORDER BY position", table)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close()
	var names, counts []string
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			b.Fatal(err)
		}
		names = append(names, "`"+name+"`")
		counts = append(counts, fmt.Sprintf("countIf(isDistinctFrom(`%s`, defaultValueOfTypeName('%s')))", name, strings.ReplaceAll(typ, "'", `\'`)))
	}
	var held []uint64
	if err := s.conn.QueryRow(b.Context(), "SELECT ["+strings.Join(counts, ", ")+"] FROM "+table).Scan(&held); err != nil {
		b.Fatal(err)
	}
	var columns []string
	for i, n := range held {
		if n > 0 {
			columns = append(columns, names[i])
		}
	}
	return strings.Join(columns, ", ")
}

// bulkSettings are those with which the program inserts a bulk.
var bulkSettings = url.Values{
	"min_insert_block_size_rows": {"200000"}, "min_insert_block_size_bytes": {"0"}, "optimize_on_insert": {"0"},
	"async_insert": {"0"}, "wait_end_of_query": {"1"}, "http_receive_timeout": {"3600"},
}

func (s *stored) insert(b *testing.B, path, statement string) {
	f, err := os.Open(path)
	if err != nil {
		b.Error(err)
		return
	}
	defer f.Close()
	s.post(b, statement, bulkSettings, f, io.Discard)
}

func (s *stored) export(b *testing.B, path, query string) {
	b.Helper()
	file(b, path, func(w io.Writer) error {
		s.post(b, query, nil, nil, w)
		return nil
	})
}

func (s *stored) post(b *testing.B, statement string, settings url.Values, body io.Reader, out io.Writer) {
	query := url.Values{"database": {s.engine.Database()}, "query": {statement}}
	for name, value := range settings {
		query[name] = value
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://"+s.engine.HTTPAddr()+"/?"+query.Encode(), body)
	if err != nil {
		b.Error(err)
		return
	}
	req.Header.Set("X-ClickHouse-User", s.engine.User())
	req.Header.Set("X-ClickHouse-Key", s.engine.Password())
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		b.Errorf("%s: %s", resp.Status, text)
		return
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		b.Error(err)
	}
}
