package engine

import (
	"context"
	"errors"
	"syscall"
	"testing"
)

// TestWitness: what was written to one process of a silent engine is believed,
// and not what another one than before answers for. That a failed write is seen
// too is tested on a full disk (cmd/lumbar, TestFaultFullDisk).
func TestWitness(t *testing.T) {
	e := startTest(t, Config{Dir: t.TempDir(), Kind: Embedded})
	if !e.Silent() || (&Engine{config: Config{Kind: Configured}}).Silent() {
		t.Error("the embedded engine alone keeps silent")
	}
	pool, err := e.Connect("")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	w := NewWitness(pool, e.Restarts)
	conn := w.Conn()
	for _, statement := range []string{
		"CREATE TABLE seen (n Int64) ENGINE = MergeTree ORDER BY n", "ALTER TABLE seen ADD COLUMN m Int64", "INSERT INTO seen VALUES (1, 2)",
	} {
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	batch, err := conn.PrepareBatch(t.Context(), "INSERT INTO seen")
	if err == nil {
		err = errors.Join(batch.Append(int64(3), int64(4)), batch.Send())
	}
	if err != nil {
		t.Fatal(err)
	}
	if got := e.value(t, "SELECT toString(sum(n + m)) FROM seen"); got != "10" {
		t.Errorf("the table holds %s, want 10", got)
	}

	// The sender leaves as soon as its write is done: that says nothing of it.
	ctx, leave := context.WithCancel(t.Context())
	if err := w.Of(ctx, func() error { leave(); return nil }); err != nil {
		t.Errorf("a sender that left: %v", err)
	}
	refused := errors.New("refused")
	if err := w.Of(t.Context(), func() error { return refused }); !errors.Is(err, refused) {
		t.Errorf("a write that failed: %v", err)
	}
	err = w.Of(t.Context(), func() error {
		if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		eventually(t, "the restart", func() bool { return e.Restarts() == 1 && e.State() == Ready })
		return nil
	})
	if err == nil {
		t.Error("a write was believed of which another process knows nothing")
	}
	if err := conn.Exec(t.Context(), "INSERT INTO seen VALUES (5, 6)"); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	var nobody *Witness
	if err := nobody.Of(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("no witness: %v", err)
	}
}
