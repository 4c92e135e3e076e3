package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// listenState is TCP_LISTEN in the kernel's tables.
const listenState = "0A"

func TestListensOnLoopbackOnly(t *testing.T) {
	e := startTest(t, Config{Dir: t.TempDir()})
	proc := fmt.Sprintf("/proc/%d", e.PID())
	sockets := map[string]bool{}
	files, err := filepath.Glob(proc + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && strings.HasPrefix(target, "socket:[") {
			sockets[strings.Trim(target, "socket:[]")] = true
		}
	}
	listening := 0
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(proc + "/net/" + table)
		if err != nil {
			continue // a kernel without IPv6
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || !sockets[fields[9]] || strings.HasPrefix(table, "tcp") && fields[3] != listenState {
				continue
			}
			listening++
			if host, _, _ := strings.Cut(fields[1], ":"); host != "0100007F" {
				t.Errorf("%s: listens on %s, want 127.0.0.1", table, fields[1])
			}
		}
	}
	if listening != 2 {
		t.Errorf("listens on %d ports, want the native and the HTTP one", listening)
	}
}
