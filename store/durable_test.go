package store_test

import (
	"context"
	"strings"
	"testing"
)

// TestEveryTableIsSynced: what a statement stored outlives a power cut, in every
// table there is, also in an outcome that a rebuild put in place. The settings
// come by a migration, so that databases made before have them too.
func TestEveryTableIsSynced(t *testing.T) {
	s, conn := open(t)
	put(t, s, answer(1))
	if err := s.Writer().Rebuild(context.Background()); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.Query(context.Background(), "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	tables := 0
	for rows.Next() {
		var name, engine string
		if err := rows.Scan(&name, &engine); err != nil {
			t.Fatal(err)
		}
		tables++
		for _, setting := range []string{"fsync_after_insert = 1", "fsync_part_directory = 1"} {
			if !strings.Contains(engine, setting) {
				t.Errorf("table %s is without %s", name, setting)
			}
		}
	}
	if err := rows.Err(); err != nil || tables < 10 {
		t.Errorf("%d tables, %v", tables, err)
	}
}
