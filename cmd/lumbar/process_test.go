package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/knadh/koanf/v2"
)

// asProgram in the environment makes the test binary the program: TestMain then
// calls main.
const asProgram = "LUMBAR_TEST_AS_PROGRAM"

// patience ends a test that waits for something that does not come. No test
// passes or fails by how long something took.
const patience = 8 * time.Minute

// process is the program in a process of its own.
type process struct {
	cmd      *exec.Cmd
	out, err *transcript
	ended    chan struct{}
}

// transcript is what a process prints; others may read it meanwhile.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// command is the program as a command that has not started, with variables
// beside those of this process.
func command(t testing.TB, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(self, args...), out: &transcript{}, err: &transcript{}, ended: make(chan struct{})}
	p.cmd.Env = append(append(os.Environ(), asProgram+"=1"), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.err
	p.cmd.WaitDelay = 10 * time.Second
	return p
}

// start starts it; the test's end kills what is left of it.
func (p *process) start(t testing.TB) *process {
	t.Helper()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state tells
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// wait returns the exit code; -1 is that of a killed process.
func (p *process) wait(t testing.TB) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%v did not end\n%s%s", p.cmd.Args[1:], p.out, p.err)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop asks it to end, as a service manager does, and returns its exit code.
func (p *process) stop(t testing.TB) int {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	return p.wait(t)
}

// kill ends it at once, as kill -9 does.
func (p *process) kill(t testing.TB) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	p.wait(t)
}

// address waits until the program says where it serves.
func (p *process) address(t testing.TB) string {
	t.Helper()
	var at string
	eventually(t, "the program says where it serves", func() bool {
		select {
		case <-p.ended:
			t.Fatalf("%v ended: %s%s", p.cmd.Args[1:], p.out, p.err)
		default:
		}
		at = served.FindString(p.out.String())
		return at != "" && strings.Contains(p.out.String(), at+"\n")
	})
	return at
}

// eventually waits until something holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for begun := time.Now(); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begun) > patience {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// hold opens the installation in this process, so that commands attach to it
// and cost no start of an engine.
func (in installation) hold(t *testing.T) *house {
	t.Helper()
	k := koanf.New(".")
	for key, value := range settings {
		if err := k.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.Set("data", in.dir); err != nil {
		t.Fatal(err)
	}
	h, err := takeHouse(context.WithoutCancel(t.Context()), k, "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}
