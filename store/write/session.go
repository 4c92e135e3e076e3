package write

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/record"
)

// session is one connection held for the length of a check: the snapshot of its
// facts is temporary tables, which live in it.
type session struct{ conn *sql.Conn }

// inSession runs steps on one connection. Whatever the steps leave in it goes
// with it: a connection is not used again after an error.
func (w *Writer) inSession(ctx context.Context, steps func(session) error) error {
	conn, err := w.cfg.Sessions.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: connect for a check: %w", err)
	}
	err = steps(session{conn})
	if err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
	}
	if closed := conn.Close(); closed != nil && !errors.Is(closed, sql.ErrConnDone) {
		err = errors.Join(err, closed)
	}
	return err
}

// scope says whose outcome a derivation is about.
type scope struct {
	condition string
	patients  []record.PatientID // that the condition names; nil: it names none
}

// everyone is the scope of a derivation of all patients at once.
var everyone = scope{condition: "1"}

// scopeOf returns the scope of the patients, each named once.
func scopeOf(patients []record.PatientID) scope {
	return scope{condition: "patient_id IN (SELECT patient_id FROM touched)", patients: patients}
}

// checking carries the settings that go with every statement of a check.
func checking(ctx context.Context) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"do_not_merge_across_partitions_select_final": 1,
		"join_use_nulls": 1,
		// A wide statement is compiled for seconds, and run for less.
		"compile_expressions":           0,
		"compile_aggregate_expressions": 0,
		"compile_sort_description":      0,
	}))
}

var snapshotTables = []string{"derive_episode", "derive_score"}

// snapshot takes the current facts of the scope's patients into two temporary
// tables: every later step reads them there, so that an outcome and its version
// come from one state of the facts.
func (c session) snapshot(ctx context.Context, d derivation, s scope) error {
	for i, statement := range []string{d.episodes, d.scores} {
		if err := c.drop(ctx, snapshotTables[i]); err != nil {
			return err
		}
		if _, err := c.conn.ExecContext(checking(ctx), fmt.Sprintf(statement, s.condition)); err != nil {
			return fmt.Errorf("store: snapshot %s: %w", snapshotTables[i], err)
		}
	}
	return nil
}

// programmes asks whose episodes the snapshot holds.
func (c session) programmes(ctx context.Context) (found []string, err error) {
	err = c.conn.QueryRowContext(ctx, "SELECT groupUniqArray(toString(programme)) FROM derive_episode").Scan(&found)
	return found, err
}

// release frees the snapshot's memory.
func (c session) release(ctx context.Context) error {
	var err error
	for _, table := range snapshotTables {
		err = errors.Join(err, c.drop(ctx, table))
	}
	return err
}

func (c session) drop(ctx context.Context, table string) error {
	if _, err := c.conn.ExecContext(ctx, "DROP TEMPORARY TABLE IF EXISTS "+table); err != nil {
		return fmt.Errorf("store: drop %s: %w", table, err)
	}
	return nil
}
