package schema

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Register adds the catalogue's columns to episode and outcome, and makes each
// score's algorithm and value set current where none is. A score for which
// another algorithm is current keeps it, and the log says so: only a re-score
// switches it.
func (c *Catalogue) Register(ctx context.Context, conn driver.Conn, now time.Time, log *slog.Logger) error {
	if err := addColumns(ctx, conn, "episode", c.covariates); err != nil {
		return err
	}
	if err := addColumns(ctx, conn, "outcome", c.columns); err != nil {
		return err
	}
	return c.registerScoring(ctx, conn, now, log)
}

// TableColumns returns the columns of a table that can be written, with their
// types.
func TableColumns(ctx context.Context, conn driver.Conn, table string) (map[string]string, error) {
	rows, err := conn.Query(ctx, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = ? AND default_kind != 'MATERIALIZED'", table)
	if err != nil {
		return nil, fmt.Errorf("schema: columns of %s: %w", table, err)
	}
	defer rows.Close()
	columns := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, fmt.Errorf("schema: columns of %s: %w", table, err)
		}
		columns[name] = kind
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: columns of %s: %w", table, err)
	}
	return columns, nil
}

func addColumns(ctx context.Context, conn driver.Conn, table string, wanted []Column) error {
	have, err := TableColumns(ctx, conn, table)
	if err != nil {
		return err
	}
	var add []string
	for _, col := range wanted {
		kind, known := have[col.Name]
		if known && kind != col.Type {
			return fmt.Errorf("schema: column %s of %s is %s, and the programmes declare %s: give the covariate another name", col.Name, table, kind, col.Type)
		}
		if known {
			continue
		}
		codec := ""
		if col.Nullable {
			codec = " CODEC(ZSTD(1))"
		}
		add = append(add, "ADD COLUMN IF NOT EXISTS "+Quote(col.Name)+" "+col.Type+codec)
	}
	if len(add) == 0 {
		return nil
	}
	if err := conn.Exec(ctx, "ALTER TABLE "+table+" "+strings.Join(add, ", ")); err != nil {
		return fmt.Errorf("schema: add columns to %s: %w", table, err)
	}
	return nil
}

type scoringKey struct{ programme, column string }

func (c *Catalogue) registerScoring(ctx context.Context, conn driver.Conn, now time.Time, log *slog.Logger) error {
	current, err := c.readScoring(ctx, conn)
	if err != nil {
		return err
	}
	for _, p := range c.Programmes {
		for i := range p.Scores {
			s := &p.Scores[i]
			if row, ok := current[scoringKey{p.ID, s.Column}]; ok {
				if row != [2]string{s.Algorithm, s.ValueSet} {
					log.Warn("another algorithm is current than the one this program scores with; re-score to switch",
						"programme", p.ID, "score", s.Column, "current", row[0], "program", s.Algorithm)
				}
				s.Algorithm, s.ValueSet = row[0], row[1]
				continue
			}
			err := conn.Exec(ctx, "INSERT INTO scoring (programme, score, version, algorithm, value_set, switched_at) SETTINGS async_insert=0 VALUES (?, ?, ?, ?, ?, ?)",
				p.ID, s.Column, uint64(1), s.Algorithm, s.ValueSet, now.UTC())
			if err != nil {
				return fmt.Errorf("schema: make %s current for %s: %w", s.Algorithm, p.ID, err)
			}
		}
	}
	return nil
}

func (c *Catalogue) readScoring(ctx context.Context, conn driver.Conn) (map[scoringKey][2]string, error) {
	rows, err := conn.Query(ctx, "SELECT programme, score, algorithm, value_set FROM scoring FINAL")
	if err != nil {
		return nil, fmt.Errorf("schema: read table scoring: %w", err)
	}
	defer rows.Close()
	current := map[scoringKey][2]string{}
	for rows.Next() {
		var key scoringKey
		var row [2]string
		if err := rows.Scan(&key.programme, &key.column, &row[0], &row[1]); err != nil {
			return nil, fmt.Errorf("schema: read table scoring: %w", err)
		}
		current[key] = row
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: read table scoring: %w", err)
	}
	return current, nil
}

// Quote writes an identifier. Only names from the catalogue or from a constant
// come here; the backquotes are for those that start with a digit.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "") + "`" }

// Literal writes a text constant of a generated statement. Programmes and
// instruments are its only source; what a question brings is always bound.
func Literal(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) + "'"
}
