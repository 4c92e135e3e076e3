package write

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/store/read"
)

// Loaded says what became of a list of reference data.
type Loaded struct {
	List       string    `json:"list"`
	Edition    string    `json:"edition,omitempty"`
	ReceivedAt time.Time `json:"received_at"`
	DryRun     bool      `json:"dry_run"`
	Rows       int       `json:"rows"` // of the list as it is now
	Added      int       `json:"added"`
	Changed    int       `json:"changed"`
	Removed    int       `json:"removed"`
	// People and Matched are, of an opt-out list, how many people the store has
	// and how many of them it names; nil where nothing was stored.
	People  *uint64 `json:"people,omitempty"`
	Matched *uint64 `json:"matched,omitempty"`
}

// same reports whether the list is the one that was there.
func (l *Loaded) same() bool { return l.Added+l.Changed+l.Removed == 0 }

// Load is how a list is to be loaded.
type Load struct {
	ReceivedAt time.Time // of the list; zero = now
	DryRun     bool      // compare with the current list, store nothing
}

// StateError says that a list is sound and can not be loaded as things stand.
type StateError struct{ Message string }

func (e *StateError) Error() string { return e.Message }

// References loads reference data. There is one to a database; its methods may
// be called from several goroutines and take turns.
//
// A list is stored whole under a version of its own, counted, and only then made
// current by one row. Who reads sees the former list or the new one; what a
// crash leaves behind is not read, and cleared by the next load. So is the list
// that a load replaces: until then it stays for those who are reading it.
type References struct {
	conn    driver.Conn
	readers *read.Reader
	clock   func() time.Time
	mu      sync.Mutex
}

// NewReferences returns the loader of a database.
func NewReferences(conn driver.Conn, readers *read.Reader, clock func() time.Time) *References {
	return &References{conn: conn, readers: readers, clock: clock}
}

// loading is one list on its way in.
type loading struct {
	table, edition string
	columns        string
	rows           int
	// append adds the i-th row to a batch of inserts, under the version.
	append func(batch driver.Batch, i int, version uint64) error
	// accept looks at the stored rows before they become current; nil accepts.
	accept func(ctx context.Context, version uint64, out *Loaded) error
}

// insertRows is how many rows go in with one insert.
const insertRows = 500_000

// store compares nothing: it puts the rows in and makes them current, or where
// the list is the one that is there notes that it was received again.
func (r *References) store(ctx context.Context, l loading, current read.List, out *Loaded) error {
	wrap := func(err error) error { return fmt.Errorf("store: load %s: %w", l.table, err) }
	if current.Version > 0 && out.same() {
		return r.register(ctx, l, current.Version, out)
	}
	version, err := r.clear(ctx, l.table)
	if err != nil {
		return wrap(err)
	}
	// An insert is one insert or none, also where whoever asked has left.
	inner := clickhouse.Context(context.WithoutCancel(ctx), clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0}))
	for from := 0; from < l.rows; from += insertRows {
		if err := r.insert(inner, l, from, min(from+insertRows, l.rows), version); err != nil {
			return wrap(err)
		}
	}
	var stored uint64
	if err := r.conn.QueryRow(inner, "SELECT count() FROM "+l.table+" WHERE version = ?", version).Scan(&stored); err != nil {
		return wrap(err)
	}
	if stored != uint64(l.rows) {
		return wrap(fmt.Errorf("the engine has %d of %d rows: load the list again, the former one is still in force", stored, l.rows))
	}
	if l.accept != nil {
		if err := l.accept(inner, version, out); err != nil {
			return err
		}
	}
	return r.register(inner, l, version, out)
}

func (r *References) insert(ctx context.Context, l loading, from, to int, version uint64) error {
	batch, err := r.conn.PrepareBatch(ctx, "INSERT INTO "+l.table+" ("+l.columns+")")
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }()
	for i := from; i < to; i++ {
		if err := l.append(batch, i, version); err != nil {
			return err
		}
	}
	return batch.Send()
}

// register makes a version current.
func (r *References) register(ctx context.Context, l loading, version uint64, out *Loaded) error {
	err := r.conn.Exec(ctx, `INSERT INTO reference_list (number, list, edition, version, received_at, loaded_at, rows) SETTINGS async_insert=0
SELECT max(number) + 1, ?, ?, ?, fromUnixTimestamp64Milli(toInt64(?)), fromUnixTimestamp64Milli(toInt64(?)), ? FROM reference_list`,
		l.table, l.edition, version, out.ReceivedAt.UnixMilli(), r.clock().UnixMilli(), uint64(l.rows))
	if err != nil {
		return fmt.Errorf("store: make the list of %s current: %w", l.table, err)
	}
	return nil
}

// clear drops the versions of a table that are not current: what an earlier load
// replaced, or left half way. It returns a version that no row has had.
func (r *References) clear(ctx context.Context, table string) (next uint64, err error) {
	kept := map[uint64]bool{}
	err = r.versions(ctx, "SELECT DISTINCT version FROM (SELECT version, edition, number FROM reference_list WHERE list = '"+table+
		"' ORDER BY edition, number DESC LIMIT 1 BY edition)", func(v uint64) { kept[v], next = true, max(next, v) })
	if err != nil {
		return 0, err
	}
	var stale []uint64
	err = r.versions(ctx, "SELECT DISTINCT version FROM "+table, func(v uint64) {
		if next = max(next, v); !kept[v] {
			stale = append(stale, v)
		}
	})
	if err != nil {
		return 0, err
	}
	var ever uint64
	if err := r.conn.QueryRow(ctx, "SELECT max(version) FROM reference_list WHERE list = ?", table).Scan(&ever); err != nil {
		return 0, err
	}
	for _, v := range stale {
		if err := r.conn.Exec(ctx, "ALTER TABLE "+table+" DROP PARTITION "+strconv.FormatUint(v, 10)); err != nil {
			return 0, err
		}
	}
	return max(next, ever) + 1, nil
}

func (r *References) versions(ctx context.Context, query string, each func(uint64)) error {
	rows, err := r.conn.Query(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var v uint64
		if err := rows.Scan(&v); err != nil {
			return err
		}
		each(v)
	}
	return rows.Err()
}

// begin is the first step of every load: what is current, and what the answer
// says so far.
func (r *References) begin(ctx context.Context, list, edition string, o Load) (read.List, Loaded, error) {
	out := Loaded{List: list, Edition: edition, ReceivedAt: o.ReceivedAt.UTC(), DryRun: o.DryRun}
	now := r.clock().UTC()
	if o.ReceivedAt.IsZero() {
		out.ReceivedAt = now
	}
	current, known, err := r.readers.List(ctx, list, edition)
	switch {
	case err != nil:
		return current, out, err
	case out.ReceivedAt.After(now):
		return current, out, &StateError{"the list is said to be received in the future: give the day on which it was"}
	case known && out.ReceivedAt.Before(current.ReceivedAt):
		return current, out, &StateError{fmt.Sprintf("the list that is in force was received later, on %s: load a newer one", current.ReceivedAt.Format(time.DateOnly))}
	}
	return current, out, nil
}
