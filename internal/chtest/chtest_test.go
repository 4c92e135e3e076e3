package chtest_test

import (
	"context"
	"testing"

	"github.com/lumbar-health/lumbar/internal/chtest"
)

func TestMain(m *testing.M) { chtest.Main(m) }

func TestDatabasesAreApartAndEmpty(t *testing.T) {
	first, second := chtest.New(t), chtest.New(t)
	if first.Addr != second.Addr || first.Database == second.Database {
		t.Fatalf("two databases are %s/%s and %s/%s, want one engine and two databases",
			first.Addr, first.Database, second.Addr, second.Database)
	}
	ctx := context.Background()
	if err := first.Conn(t).Exec(ctx, "CREATE TABLE answer (n Int64) ENGINE = MergeTree ORDER BY n"); err != nil {
		t.Fatal(err)
	}
	for db, want := range map[*chtest.DB]uint64{first: 1, second: 0} {
		var tables uint64
		row := db.Conn(t).QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = currentDatabase()")
		if err := row.Scan(&tables); err != nil {
			t.Fatal(err)
		}
		if tables != want {
			t.Errorf("%s has %d tables, want %d", db.Database, tables, want)
		}
	}
}

func TestDatabaseIsDroppedWithItsTest(t *testing.T) {
	var name string
	t.Run("uses", func(t *testing.T) { name = chtest.New(t).Database })
	var left uint64
	row := chtest.New(t).Conn(t).QueryRow(context.Background(), "SELECT count() FROM system.databases WHERE name = ?", name)
	if err := row.Scan(&left); err != nil {
		t.Fatal(err)
	}
	if left != 0 {
		t.Errorf("%s is there after its test", name)
	}
}
