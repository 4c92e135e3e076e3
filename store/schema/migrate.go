package schema

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one numbered file of statements. Each of its statements may run
// again without harm, for no engine runs DDL in a transaction.
type Migration struct {
	Version    uint32
	Name       string
	Statements []string
	checksum   string
}

// Migrations returns every migration, oldest first.
func Migrations() ([]Migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, fmt.Errorf("schema: list migrations: %w", err)
	}
	slices.Sort(names)
	var all []Migration
	for i, name := range names {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("schema: read %s: %w", name, err)
		}
		base := path.Base(name)
		number, _, _ := strings.Cut(base, "_")
		version, err := strconv.ParseUint(number, 10, 32)
		if err != nil || int(version) != i+1 {
			return nil, fmt.Errorf("schema: migration %s must be number %04d", base, i+1)
		}
		sum := sha256.Sum256(text)
		all = append(all, Migration{
			Version: uint32(version), Name: base,
			Statements: statements(string(text)), checksum: hex.EncodeToString(sum[:]),
		})
	}
	return all, nil
}

// statements splits a file at the semicolons that end a line.
func statements(text string) []string {
	var out []string
	for part := range strings.SplitSeq(text, ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

const createMigration = `CREATE TABLE IF NOT EXISTS migration (
  version UInt32,
  name String,
  checksum String,
  applied_at DateTime64(3,'UTC')
) ENGINE = MergeTree ORDER BY version SETTINGS non_replicated_deduplication_window=1000`

// Migrate brings the database up to this program's tables and returns the names
// of the migrations it ran. A database that a newer program wrote, or whose
// migrations differ from ours, is refused untouched.
func Migrate(ctx context.Context, conn driver.Conn, now time.Time) ([]string, error) {
	all, err := Migrations()
	if err != nil {
		return nil, err
	}
	if err := conn.Exec(ctx, createMigration); err != nil {
		return nil, fmt.Errorf("schema: create table migration: %w", err)
	}
	applied, err := appliedMigrations(ctx, conn)
	if err != nil {
		return nil, err
	}
	for version := range applied {
		if int(version) > len(all) {
			return nil, fmt.Errorf("schema: the database is at migration %d and this program knows %d: use the newer program that wrote it", version, len(all))
		}
	}
	var ran []string
	for _, m := range all {
		sum, done := applied[m.Version]
		if done && sum != m.checksum {
			return ran, fmt.Errorf("schema: migration %s differs from the one the database was made with: use the program that wrote it, or a fresh data directory", m.Name)
		}
		if done {
			continue
		}
		if err := m.run(ctx, conn, now); err != nil {
			return ran, err
		}
		ran = append(ran, m.Name)
	}
	return ran, nil
}

func (m Migration) run(ctx context.Context, conn driver.Conn, now time.Time) error {
	for i, statement := range m.Statements {
		if err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("schema: migration %s, statement %d: %w", m.Name, i+1, err)
		}
	}
	err := conn.Exec(ctx, "INSERT INTO migration (version, name, checksum, applied_at) SETTINGS async_insert=0 VALUES (?, ?, ?, ?)",
		m.Version, m.Name, m.checksum, now.UTC())
	if err != nil {
		return fmt.Errorf("schema: record migration %s: %w", m.Name, err)
	}
	return nil
}

func appliedMigrations(ctx context.Context, conn driver.Conn) (map[uint32]string, error) {
	rows, err := conn.Query(ctx, "SELECT version, checksum FROM migration")
	if err != nil {
		return nil, fmt.Errorf("schema: read table migration: %w", err)
	}
	defer rows.Close()
	applied := map[uint32]string{}
	for rows.Next() {
		var version uint32
		var sum string
		if err := rows.Scan(&version, &sum); err != nil {
			return nil, fmt.Errorf("schema: read table migration: %w", err)
		}
		applied[version] = sum
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("schema: read table migration: %w", err)
	}
	return applied, nil
}
