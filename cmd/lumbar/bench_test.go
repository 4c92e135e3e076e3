package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// program is the built binary that the benchmarks run, as a user runs it.
func program(b *testing.B) string {
	b.Helper()
	path := os.Getenv("LUMBAR_BIN")
	if path == "" {
		b.Fatal("LUMBAR_BIN must name the built binary: run make bench")
	}
	return path
}

var served = regexp.MustCompile(`http://[0-9.:]+`)

// BenchmarkProgramDemoToPage measures from the start of `lumbar demo` to the
// first page with data, with a warm cache.
func BenchmarkProgramDemoToPage(b *testing.B) {
	for b.Loop() {
		ctx, stop := context.WithTimeout(b.Context(), 3*time.Minute)
		cmd := exec.CommandContext(ctx, program(b), "demo", "--addr", "127.0.0.1:0")
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		out, err := cmd.StdoutPipe()
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		address := ""
		for s := bufio.NewScanner(out); address == "" && s.Scan(); {
			address = served.FindString(s.Text())
		}
		reply, err := http.Get(address + "/")
		if err != nil {
			b.Fatal(err)
		}
		reply.Body.Close()
		b.ReportMetric(time.Since(begin).Seconds(), "s/page")
		b.ReportMetric(0, "ns/op")
		stop()
		// The program was told to stop: its exit code says nothing more.
		_ = cmd.Wait()
	}
}
