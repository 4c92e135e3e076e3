package write_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/engine"
	"github.com/lumbar-health/lumbar/store/write"
)

// TestBatchOutlivesItsEngine kills the engine, or stops it for a while, at each
// step of a batch and repeats the batch on the same writer until it is taken, as
// the drain does. The facts are there once, outcome is right, and no error says
// whom it is about.
func TestBatchOutlivesItsEngine(t *testing.T) {
	ctx := context.Background()
	e, err := engine.Start(ctx, engine.Config{Kind: engine.Embedded, Dir: t.TempDir(), MemoryBytes: 2 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	s, err := store.Open(ctx, store.Config{
		Addr: e.Addr(), HTTPAddr: e.HTTPAddr(), Database: e.Database(), User: e.User(), Password: e.Password(), Programmes: programme.All(), Clock: moment,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := e.Connect(e.Database())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	people := 0
	for _, step := range []string{"batch begun", "batch stored", "rows derived", "batch derived"} {
		for _, fault := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
			b := oneAnswer(people)
			people++
			struck := false
			s.Writer().At(1000, func(at string) error {
				if at != step || struck {
					return nil
				}
				struck = true
				return strike(e, fault)
			})
			tries, err := untilWritten(ctx, s.Writer(), b)
			if err != nil || !struck {
				t.Fatalf("%s, %s: %v", step, fault, err)
			}
			if fault == syscall.SIGKILL && tries == 1 {
				t.Errorf("%s: written at once although the engine was killed", step)
			}
		}
	}
	s.Writer().At(1000, nil)
	if n, err := s.Writer().RebuildCheck(ctx); n != 0 || err != nil {
		t.Errorf("rebuild check: %d cells, %v", n, err)
	}
	for query, want := range map[string]int{
		"SELECT count() FROM response FINAL": people, "SELECT count() FROM score FINAL": people, "SELECT count() FROM episode FINAL": people,
		"SELECT count() FROM outcome FINAL WHERE live = 1 AND odi_baseline = 360": people,
		"SELECT uniqExact(number) FROM batch WHERE state = 'committed'":           int(number(t, conn, "SELECT uniqExact(number) FROM batch WHERE state = 'begun'")),
	} {
		if got := number(t, conn, query); got != uint64(want) {
			t.Errorf("%s = %d, want %d", query, got, want)
		}
	}
}

// strike sends the engine a signal; a stopped one goes on after two seconds.
func strike(e *engine.Engine, fault syscall.Signal) error {
	pid := e.PID()
	if fault == syscall.SIGSTOP {
		time.AfterFunc(2*time.Second, func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
	}
	return syscall.Kill(pid, fault)
}

// untilWritten repeats a batch until the writer takes it.
func untilWritten(ctx context.Context, w *write.Writer, b write.Batch) (tries int, err error) {
	for tries = 1; tries < 300; tries++ {
		if err = w.Write(ctx, b); err == nil {
			return tries, nil
		}
		for _, told := range []string{"secret", fmt.Sprintf("%x", b.Touched[0][:4])} {
			if strings.Contains(err.Error(), told) {
				return tries, fmt.Errorf("an error quotes a row: %w", err)
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	return tries, err
}

func number(t *testing.T, conn clickhouse.Conn, query string) uint64 {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(context.Background(), "SELECT toUInt64(("+query+"))").Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// oneAnswer is an episode with an ODI of 20 points at baseline.
func oneAnswer(i int) write.Batch {
	id := record.PatientID{0xa5, 0xc3, byte(i), 7}
	wire := write.Wire(id)
	at := moment().AddDate(0, -6, 0)
	day := arrow.Date32(record.DateOf(at))
	texts := func(pairs ...string) map[string]any {
		row := map[string]any{"patient_id": wire[:], "version": uint64(i + 1), "received_at": arrow.Timestamp(moment().UnixMilli()), "programme": "back-pain"}
		for i := 0; i < len(pairs); i += 2 {
			row[pairs[i]] = pairs[i+1]
		}
		return row
	}
	response := texts("instrument", "odi", "source", "secret", "source_id", "secret")
	score := texts("score", "odi", "algorithm", "odi-1")
	for _, row := range []map[string]any{response, score} {
		row["response_id"], row["answered_at"], row["answered_on"], row["reported_by"] = uint64(i+1), arrow.Timestamp(at.UnixMilli()), day, int8(record.ByPatient)
	}
	response["status"], score["status"], score["units"] = int8(record.Completed), int8(record.ScoreComplete), int32(360)
	episode := texts("source", "secret")
	episode["episode_id"], episode["status"], episode["referred_on"] = uint64(i+1), int8(record.EpisodeActive), day
	return write.Batch{Touched: []record.PatientID{id}, Response: oneRow(response), Score: oneRow(score), Episode: oneRow(episode)}
}

// oneRow is a record of one row.
func oneRow(values map[string]any) arrow.Record {
	var fields []arrow.Field
	var columns []arrow.Array
	add := func(name string, b array.Builder) {
		fields, columns = append(fields, arrow.Field{Name: name, Type: b.Type()}), append(columns, b.NewArray())
	}
	for name, value := range values {
		switch v := value.(type) {
		case []byte:
			b := array.NewFixedSizeBinaryBuilder(memory.DefaultAllocator, &arrow.FixedSizeBinaryType{ByteWidth: len(v)})
			b.Append(v)
			add(name, b)
		case string:
			b := array.NewStringBuilder(memory.DefaultAllocator)
			b.Append(v)
			add(name, b)
		case uint64:
			b := array.NewUint64Builder(memory.DefaultAllocator)
			b.Append(v)
			add(name, b)
		case int32:
			b := array.NewInt32Builder(memory.DefaultAllocator)
			b.Append(v)
			add(name, b)
		case int8:
			b := array.NewInt8Builder(memory.DefaultAllocator)
			b.Append(v)
			add(name, b)
		case arrow.Date32:
			b := array.NewDate32Builder(memory.DefaultAllocator)
			b.Append(v)
			add(name, b)
		case arrow.Timestamp:
			b := array.NewTimestampBuilder(memory.DefaultAllocator, &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"})
			b.Append(v)
			add(name, b)
		}
	}
	return array.NewRecord(arrow.NewSchema(fields, nil), columns, 1)
}
