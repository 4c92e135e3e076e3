package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
)

// Register returns the catalogue of the programmes under what is current, adds
// its columns to episode and outcome, and makes the definitions' algorithm and
// value set current where none is. A score for which another algorithm is
// current keeps it, and the log says so: only a re-score switches it.
//
// An algorithm or value set that is current and not among the definitions is an
// UnavailableError, unless a re-score is about to follow: its old rows then
// stay as they are, in the unit that they name.
func Register(ctx context.Context, conn driver.Conn, programmes []*programme.Programme, o Opening) (*Catalogue, error) {
	stored, err := readScoring(ctx, conn)
	if err != nil {
		return nil, err
	}
	c, err := newCatalogue(programmes, stored, nil)
	var unavailable *UnavailableError
	if errors.As(err, &unavailable) && o.Rescoring {
		c, err = catalogueOfFormer(ctx, conn, programmes, stored)
	}
	if err != nil {
		return nil, err
	}
	if err := addColumns(ctx, conn, "episode", c.covariates); err != nil {
		return nil, err
	}
	if err := Conform(ctx, conn, "outcome", c); err != nil {
		return nil, err
	}
	added := Scoring{}
	for key, choice := range c.Scoring() {
		if _, ok := stored[key]; !ok {
			added[key] = choice
		}
	}
	if err := Switch(ctx, conn, added, o.Now); err != nil {
		return nil, err
	}
	return c, c.followScored(ctx, conn, o)
}

// Opening is how a database is opened.
type Opening struct {
	Now time.Time
	Log *slog.Logger
	// Rescoring says that a re-score is about to follow.
	Rescoring bool
}

// catalogueOfFormer is a catalogue in which scores of algorithms that the
// program does not have stand beside its own.
func catalogueOfFormer(ctx context.Context, conn driver.Conn, programmes []*programme.Programme, stored Scoring) (*Catalogue, error) {
	former := map[instruments.ID][]*instruments.Score{}
	for _, p := range programmes {
		for _, id := range p.Instruments {
			all := append(scoresOf(id), former[id]...)
			for _, name := range namesOf(all) {
				choice, ok := stored[Name{p.ID, name}]
				if _, known := underAlgorithm(all, name, choice.Algorithm); known || !ok {
					continue
				}
				unit, err := storedUnit(ctx, conn, name, choice.Algorithm)
				if err != nil {
					return nil, err
				}
				for _, s := range instruments.ColumnsOf(id) {
					if s.Name == name && !s.NeedsPerson {
						old := *s
						old.Algorithm, old.Unit = choice.Algorithm, unit
						former[id] = append(former[id], &old)
					}
				}
			}
		}
	}
	return newCatalogue(programmes, stored, former)
}

// storedUnit is the unit of the rows of an algorithm, 0 where they have none.
func storedUnit(ctx context.Context, conn driver.Conn, name, algorithm string) (int64, error) {
	var unit uint32
	err := conn.QueryRow(ctx, "SELECT max(unit) FROM score WHERE score = ? AND algorithm = ?", name, algorithm).Scan(&unit)
	if err != nil {
		return 0, fmt.Errorf("schema: read the unit of score: %w", err)
	}
	return int64(unit), nil
}

// Conform gives a table of outcomes the catalogue's columns. A column whose
// score is now kept as another type begins anew: outcome is derived, and a
// derivation by another catalogue fills all of it again.
func Conform(ctx context.Context, conn driver.Conn, table string, c *Catalogue) error {
	have, err := TableColumns(ctx, conn, table)
	if err != nil {
		return err
	}
	var drop []string
	for _, col := range c.columns {
		if kind, known := have[col.Name]; known && kind != col.Type && col.Score != nil {
			drop = append(drop, "DROP COLUMN "+Quote(col.Name))
		}
	}
	if len(drop) > 0 {
		if err := conn.Exec(ctx, "ALTER TABLE "+table+" "+strings.Join(drop, ", ")); err != nil {
			return fmt.Errorf("schema: drop columns of %s: %w", table, err)
		}
	}
	return addColumns(ctx, conn, table, c.columns)
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

// Quote writes an identifier. Only names from the catalogue or from a constant
// come here; the backquotes are for those that start with a digit.
func Quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "") + "`" }

// Literal writes a text constant of a generated statement. Programmes and
// instruments are its only source; what a question brings is always bound.
func Literal(text string) string { return "'" + literals.Replace(text) + "'" }

var literals = strings.NewReplacer(`\`, `\\`, `'`, `\'`)
