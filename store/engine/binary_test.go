package engine

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// putClickhouse puts a clickhouse of this version on PATH. As a server it is
// this test binary in the role of one, on the real engine.
func putClickhouse(t *testing.T, version string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cache, err := CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	script := `#!/bin/sh
if [ "$1" = --version ]; then echo "ClickHouse client version ` + version + ` (official build)."; exit; fi
export ` + roleVariable + `=server LUMBAR_ENGINE_TEST_CACHE='` + cache + `'
exec '` + self + `' "$@"
`
	must(t, os.WriteFile(filepath.Join(dir, "clickhouse"), []byte(script), 0o755))
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

func TestBinaryOnPathIsSupervisedToo(t *testing.T) {
	putClickhouse(t, "26.7.2.1")
	dir := t.TempDir()
	// Not startTest: the kind is to be found.
	e, err := Start(t.Context(), Config{Dir: dir, MemoryBytes: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Kind() != Binary {
		t.Fatalf("kind = %s, want binary", e.Kind())
	}
	e.exec(t, "CREATE TABLE answer (n Int64) ENGINE = MergeTree ORDER BY n", "INSERT INTO answer VALUES (7)")
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the restart", func() bool { return e.Restarts() == 1 && e.State() == Ready })
	if got := e.value(t, "SELECT toString(sum(n)) FROM answer"); got != "7" {
		t.Errorf("sum after the restart = %s, want 7", got)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "stopped")); err != nil {
		t.Errorf("Close did not let the server stop cleanly: %v", err)
	}
}

func TestFindBinary(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := findBinary(t.Context()); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("without a binary: %v, want ErrNotFound", err)
	}
	for version, fits := range map[string]bool{"26.7.2.1": true, "27.1.1.1": true, "26.6.9.9": false, "18.16.1": false, "unknown": false} {
		putClickhouse(t, version)
		path, err := findBinary(t.Context())
		if fits != (err == nil) {
			t.Errorf("version %s: %q, %v", version, path, err)
		}
		if !fits && !strings.Contains(err.Error(), "version") {
			t.Errorf("version %s: error %q does not say so", version, err)
		}
	}
}
