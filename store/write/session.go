package write

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/big"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/lumbar-health/lumbar/record"
)

// session is one connection held for the length of a derivation: the snapshot
// of its facts is temporary tables, which live in it.
type session struct{ conn *sql.Conn }

// inSession runs steps on one connection. Whatever the steps leave in it goes
// with it: a connection is not used again after an error.
func (w *Writer) inSession(ctx context.Context, steps func(session) error) error {
	conn, err := w.cfg.Sessions.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: connect for a derivation: %w", err)
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
	touched   *ext.Table // the patients that the condition names; nil: none
}

// everyone is the scope of a derivation of all patients at once.
var everyone = scope{condition: "1"}

// scopeOf returns the scope of the patients.
func scopeOf(patients []record.PatientID) (scope, error) {
	table, err := ext.NewTable("touched", ext.Column("patient_id", "UInt128"))
	if err != nil {
		return scope{}, fmt.Errorf("store: list touched patients: %w", err)
	}
	for _, p := range patients {
		if err := table.Append(new(big.Int).SetBytes(p[:])); err != nil {
			return scope{}, fmt.Errorf("store: list touched patients: %w", err)
		}
	}
	return scope{condition: "patient_id IN (SELECT patient_id FROM touched)", touched: table}, nil
}

// context carries the scope's patients and the settings that go with every
// statement of a derivation. A derivation repeated is no duplicate to be
// dropped: its rows must win over those of an older one of equal version.
func (s scope) context(ctx context.Context) context.Context {
	options := []clickhouse.QueryOption{clickhouse.WithSettings(clickhouse.Settings{
		"do_not_merge_across_partitions_select_final": 1,
		"join_use_nulls":                  1,
		"async_insert":                    0,
		"insert_deduplicate":              0,
		"max_partitions_per_insert_block": 0,
	})}
	if s.touched != nil {
		options = append(options, clickhouse.WithExternalTable(s.touched))
	}
	return clickhouse.Context(ctx, options...)
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
		if _, err := c.conn.ExecContext(s.context(ctx), fmt.Sprintf(statement, s.condition)); err != nil {
			return fmt.Errorf("store: snapshot %s: %w", snapshotTables[i], err)
		}
	}
	return nil
}

// contents asks what the snapshot holds.
func (c session) contents(ctx context.Context) (contents, error) {
	var programmes, scores []string
	if err := c.conn.QueryRowContext(ctx, snapshotContents).Scan(&programmes, &scores); err != nil {
		return contents{}, err
	}
	holds := contents{programmes: programmes, scores: map[string]bool{}}
	for _, key := range scores {
		holds.scores[key] = true
	}
	return holds, nil
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
