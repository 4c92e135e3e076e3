//go:build shared

package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/ingest"
)

func promsFiles(t testing.TB) []string {
	t.Helper()
	folder := filepath.Join(sharedFolder(t), "data", "nhs-proms")
	return []string{filepath.Join(folder, "hip-provider-2016-17.csv.gz"), filepath.Join(folder, "knee-provider-2016-17.csv.gz")}
}

// BenchmarkProgramImportPROMs imports both record files of 2016/17 into a new
// data directory with the built binary: seconds include the engine's start, the
// memory is of our process without the engine's.
func BenchmarkProgramImportPROMs(b *testing.B) {
	for b.Loop() {
		cmd := exec.CommandContext(b.Context(), program(b), slices.Concat([]string{"import", "--data", b.TempDir()}, promsFiles(b))...)
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		peak := watchMemory(cmd.Process.Pid)
		if err := cmd.Wait(); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(begin).Seconds(), "s/import")
		b.ReportMetric(float64(<-peak), "MB-resident")
		b.ReportMetric(0, "ns/op")
	}
}

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

// BenchmarkProgramOutcomesByProvider asks for outcomes by provider over the real
// records: the first answer of a data version, and the 95th percentile of those
// that follow.
func BenchmarkProgramOutcomesByProvider(b *testing.B) {
	h := openTestHouse(b)
	begin := time.Now()
	for _, path := range promsFiles(b) {
		if _, err := (localImporter{h.pipeline}).Import(b.Context(), path, ingest.ImportOptions{}, nil); err != nil {
			b.Fatal(err)
		}
	}
	imported := time.Since(begin).Seconds()
	server := serveOpen(b, h)
	ask := func(by string) float64 {
		begin := time.Now()
		res, err := http.Get(server.URL + "/v1/outcomes?programme=nhs-proms&by=" + by)
		if err != nil {
			b.Fatal(err)
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK {
			b.Fatal(res.Status, err)
		}
		return float64(time.Since(begin).Microseconds()) / 1000
	}
	for b.Loop() {
		b.ReportMetric(imported, "s-import-after-start")
		b.ReportMetric(ask("provider"), "ms-first")
		b.ReportMetric(ask("provider,procedure"), "ms-other-grouping")
		times := make([]float64, 200)
		for i := range times {
			times[i] = ask("provider")
		}
		slices.Sort(times)
		b.ReportMetric(times[190], "ms-p95")
		b.ReportMetric(0, "ns/op")
	}
}
