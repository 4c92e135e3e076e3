package bulk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/chtest"
)

func TestMain(m *testing.M) { chtest.Main(m) }

// program is the built binary, as a user runs it.
func program(b *testing.B) string {
	b.Helper()
	path := os.Getenv("LUMBAR_BIN")
	if path == "" {
		b.Fatal("LUMBAR_BIN must name the built binary: run make bench")
	}
	return path
}

// imported is one run of lumbar import.
type imported struct {
	Read, Stored, Duplicate, Rejected int
	took                              time.Duration // of the command, from its start to its end
	memory                            int           // MB, most of our process, without the engine's
}

// load imports a file into a data directory.
func load(b *testing.B, data, path string) imported {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program(b), "import", "--json", "--data", data, path)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	peak := watchMemory(cmd.Process.Pid)
	err := cmd.Wait()
	run := imported{took: time.Since(begin), memory: <-peak}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &run)
	}
	if err != nil {
		b.Fatalf("%s: %v\n%s", filepath.Base(path), err, errs.String())
	}
	return run
}

// all stops the benchmark where not every record was stored.
func (r imported) all(b *testing.B, want int) {
	b.Helper()
	if r.Read != want || r.Stored != want {
		b.Fatalf("%d read, %d stored, %d duplicate, %d rejected; want %d stored", r.Read, r.Stored, r.Duplicate, r.Rejected, want)
	}
}

// rate is the records a second of the whole command.
func (r imported) rate() float64 { return float64(r.Read) / r.took.Seconds() }

// watchMemory returns the highest resident memory of a process in MB once it
// has ended.
func watchMemory(pid int) <-chan int {
	peak := make(chan int, 1)
	go func() {
		highest := 0
		for {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			_, after, found := strings.Cut(string(text), "VmHWM:")
			if err != nil || !found { // it has ended
				peak <- highest / 1024
				return
			}
			if kB, err := strconv.Atoi(strings.Fields(after)[0]); err == nil {
				highest = max(highest, kB)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return peak
}

// folder is where a benchmark's files stand until its end.
func folder(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("", "lumbar-bulk-")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
