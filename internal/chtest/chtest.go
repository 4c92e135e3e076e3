package chtest

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lumbar-health/lumbar/store/engine"
)

// memory bounds the engine of one test binary; several run at a time.
const memory = 3 << 30

// DB is one test's own, empty database.
type DB struct {
	// Addr is the engine's native TCP address, HTTPAddr that of its HTTP
	// interface, both host:port.
	Addr, HTTPAddr string
	// User and Password log in to it.
	User, Password string
	// Database is this test's.
	Database string
	// Engine is the engine shared by the test binary. Tests leave it running.
	Engine *engine.Engine
}

// shared is the test binary's engine, started by the first test that asks.
var shared struct {
	once    sync.Once
	engine  *engine.Engine
	dir     string
	err     error
	started atomic.Bool
	tests   atomic.Int64
}

// Main is what TestMain calls in a package that uses New:
//
//	func TestMain(m *testing.M) { chtest.Main(m) }
//
// It lets the test binary act as the engine's child, and closes the engine at
// the end.
func Main(m *testing.M) {
	engine.MaybeRunChild()
	code := m.Run()
	if shared.started.Load() {
		if err := shared.engine.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// New returns an empty database, dropped when the test ends. The test fails
// when there is no engine: it never goes without.
func New(t testing.TB) *DB {
	t.Helper()
	shared.once.Do(start)
	if shared.err != nil {
		t.Fatalf("chtest: %v", shared.err)
	}
	e := shared.engine
	db := &DB{
		Addr: e.Addr(), HTTPAddr: e.HTTPAddr(), User: e.User(), Password: e.Password(),
		Database: fmt.Sprintf("test_%d", shared.tests.Add(1)), Engine: e,
	}
	run(t, db, "CREATE DATABASE "+db.Database)
	t.Cleanup(func() { run(t, db, "DROP DATABASE "+db.Database+" SYNC") })
	return db
}

// start starts the shared engine.
func start() {
	shared.dir, shared.err = os.MkdirTemp("", "lumbar-test-")
	if shared.err != nil {
		return
	}
	shared.engine, shared.err = engine.Start(context.Background(), engine.Config{
		Kind: engine.Embedded, Dir: shared.dir, MemoryBytes: memory,
	})
	shared.started.Store(shared.err == nil)
}

// run executes a statement outside the test's database.
func run(t testing.TB, db *DB, statement string) {
	t.Helper()
	conn, err := db.Engine.Connect("")
	if err != nil {
		t.Fatalf("chtest: %v", err)
	}
	defer conn.Close()
	if err := conn.Exec(context.Background(), statement); err != nil {
		t.Errorf("chtest: %s: %v", statement, err)
	}
}

// Conn returns connections to this database, closed when the test ends.
func (db *DB) Conn(t testing.TB) engine.Conn {
	t.Helper()
	conn, err := db.Engine.Connect(db.Database)
	if err != nil {
		t.Fatalf("chtest: %v", err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}
