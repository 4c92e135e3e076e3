package write

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"database/sql"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/engine"
	"github.com/lumbar-health/lumbar/store/schema"
)

// Batch holds Arrow records in the columns of the tables of the same names; a
// nil record has no rows. The writer does not release them.
type Batch struct {
	Response, Score, Episode, Event, Patient arrow.Record
	// Touched are the patients whose outcome must be derived again, each once.
	Touched []record.PatientID
}

// Key is the identity of one version of a row.
type Key struct {
	Table     Table
	PatientID record.PatientID
	ID        uint64 // response, episode or event id; 0 for a patient
	Version   uint64
}

// Table is a table of facts.
type Table string

// Tables of facts.
const (
	Responses Table = "response"
	Episodes  Table = "episode"
	Events    Table = "event"
	Patients  Table = "patient"
)

const scores Table = "score"

// Config is what a Writer works with.
type Config struct {
	Conn driver.Conn
	// Witness is asked about what goes over HTTP; nil believes the engine.
	Witness *engine.Witness
	// Sessions hands out single connections. Those of Conn cannot be held: it
	// may give two statements in a row two connections.
	Sessions *sql.DB
	// HTTPAddr takes the Arrow streams.
	HTTPAddr, Database, User, Password string
	TLS                                *tls.Config
	Catalogue                          *schema.Catalogue
	// Readers follow a switch of what is current; nil where there are none.
	Readers Readers
	Log     *slog.Logger
	Clock   func() time.Time
	// Registerer takes the writer's metrics; nil: none.
	Registerer prometheus.Registerer
}

// Readers are those who read outcome by a catalogue. Switch gives them the next
// one while exchange puts its outcome in place; exchange says whether the new
// one is there, and whether that is known.
type Readers interface {
	Switch(next *schema.Catalogue, exchange func() (done, known bool))
}

// Writer stores facts and derives outcome. There is one to a database; its
// methods may be called from several goroutines and take turns.
type Writer struct {
	conn       driver.Conn
	run        string // in tokens: the number of a lost batch comes again with the next process
	http       *http.Client
	cfg        Config
	derivation derivation
	tables     map[Table]map[string]string // columns that can be written
	quarantine quarantine
	present    present

	mu          sync.Mutex // one batch, one derivation at a time
	number      uint64     // of the last batch begun
	dataVersion uint64     // of the last batch committed
	unsettled   touched    // stored facts whose outcome is not derived yet
	open        []begun    // the batches they came in
	since       *touched   // whom batches touch while a re-score fills outcome anew; nil: none does

	rescoring   atomic.Bool
	rescoreRows int64 // about how many responses a slice of a re-score holds
	// at lets a test act at the steps of a batch or a re-score, or end it there as
	// a crash would; nil in the program.
	at func(step string) error
}

// begun is a batch that is stored and not committed.
type begun struct {
	number uint64
	rows   int64
}

// New returns a writer whose outcome is up to date: a batch that a crash cut
// short is derived, and all of outcome where the programmes changed.
func New(ctx context.Context, cfg Config) (*Writer, error) {
	w := &Writer{
		conn: cfg.Conn, run: rand.Text(), cfg: cfg, derivation: newDerivation(cfg.Catalogue),
		http:   &http.Client{Transport: &http.Transport{TLSClientConfig: cfg.TLS, MaxIdleConnsPerHost: 4, DisableCompression: true}},
		tables: map[Table]map[string]string{}, rescoreRows: rescoreRows,
	}
	for _, table := range []Table{Responses, scores, Episodes, Events, Patients} {
		columns, err := schema.TableColumns(ctx, cfg.Conn, string(table))
		if err != nil {
			return nil, err
		}
		w.tables[table] = columns
	}
	if err := w.readPresent(ctx); err != nil {
		return nil, err
	}
	if err := w.fillMappings(ctx, cfg.Catalogue); err != nil {
		return nil, err
	}
	if err := w.recover(ctx); err != nil {
		return nil, err
	}
	return w, w.openQuarantine(ctx)
}

// Close releases the writer's HTTP connections; the pools belong to the store.
func (w *Writer) Close() { w.http.CloseIdleConnections() }

// Write stores a batch. When it returns nil the rows are durable and visible
// in outcome; on an error a retry of the same batch is harmless.
func (w *Writer) Write(ctx context.Context, b Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.settle(ctx); err != nil {
		return err
	}
	if b.rows() == 0 && len(b.Touched) == 0 {
		return nil
	}
	number, err := w.begin(ctx, b)
	if err != nil {
		return err
	}
	w.unsettled.add(b)
	w.present.note(b)
	if w.since != nil {
		w.since.add(b)
	}
	w.open = append(w.open, begun{number, b.rows()})
	if err := w.pause("batch begun"); err != nil {
		return err
	}
	// The engine goes on with an insert whose sender left. One that ends after
	// the next derivation would leave facts that outcome does not show.
	if err := w.insertFacts(context.WithoutCancel(ctx), strconv.FormatUint(number, 10), b); err != nil {
		return err
	}
	if err := w.pause("batch stored"); err != nil {
		return err
	}
	return w.settle(ctx)
}

// settle derives what is stored and not derived yet, and commits the batches
// it came with. After a failure everything stays for the next attempt.
func (w *Writer) settle(ctx context.Context) error {
	if len(w.open) == 0 {
		return nil
	}
	if err := w.derive(ctx, w.derivation, outcome, &w.unsettled); err != nil {
		return err
	}
	if err := w.pause("batch derived"); err != nil {
		return err
	}
	for len(w.open) > 0 {
		if err := w.commit(ctx, w.open[0].number, w.open[0].rows); err != nil {
			return err
		}
		w.open = w.open[1:]
	}
	w.unsettled = touched{}
	return nil
}

// begin records that a batch is on its way, before any of its rows is.
func (w *Writer) begin(ctx context.Context, b Batch) (uint64, error) {
	number := w.number + 1
	if err := w.beginAs(ctx, number, b); err != nil {
		return 0, err
	}
	w.number = number
	return number, nil
}

func (w *Writer) beginAs(ctx context.Context, number uint64, b Batch) error {
	at := b.earliest(w.cfg.Clock())
	return w.batchRow(ctx, number, "begun", at, b.rows(), 0)
}

// commit makes the batch count in the data version. It is the last step: the
// batch is in outcome.
func (w *Writer) commit(ctx context.Context, number uint64, rows int64) error {
	if err := w.batchRow(ctx, number, "committed", w.cfg.Clock(), rows, w.dataVersion+1); err != nil {
		return err
	}
	w.dataVersion++
	return nil
}

func (w *Writer) batchRow(ctx context.Context, number uint64, state string, at time.Time, rows int64, version uint64) error {
	err := w.conn.Exec(ctx, "INSERT INTO batch (number, state, at, rows, data_version) SETTINGS async_insert=0 VALUES (?, ?, fromUnixTimestamp64Milli(toInt64(?)), ?, ?)",
		number, state, at.UnixMilli(), uint64(rows), version)
	if err != nil {
		return fmt.Errorf("store: batch %d, %s: %w", number, state, err)
	}
	return nil
}
