package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/load"
	"github.com/lumbar-health/lumbar/store/engine"
)

// The fault tests run the program in a process of its own, with its engine in
// another, and post to it with package load. What they rely on: what was
// acknowledged is in the store exactly once when the journal has drained.
//
// Their size is that of make test; scripts/faults.sh sets the long one.
const (
	faultRounds     = "LUMBAR_FAULT_ROUNDS"     // of kills
	faultSeed       = "LUMBAR_FAULT_SEED"       // of what is random
	faultPause      = "LUMBAR_FAULT_PAUSE"      // for which the engine is stopped
	faultDuplicates = "LUMBAR_FAULT_DUPLICATES" // rows that are sent again
)

// faultSize reads a size from the environment.
func faultSize(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number of one or more", name)
	}
	return n
}

// seeded is the randomness of a fault test, printed so that it can be had again.
func seeded(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	seed := uint64(faultSize(t, faultSeed, rand.IntN(1_000_000)+1))
	t.Logf("%s=%d", faultSeed, seed)
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// victim is a program that is put under load and harmed.
type victim struct {
	in     installation
	env    []string
	p      *process
	client *load.Client
}

// newVictim starts a program, open and nearly empty, on a new data directory.
func newVictim(t testing.TB, env ...string) *victim {
	t.Helper()
	v := &victim{in: installation{t.TempDir()}, env: env}
	v.start(t)
	return v
}

// start starts the program, again where it ended, and tells the client where.
func (v *victim) start(t testing.TB) {
	t.Helper()
	v.p = v.demo(t).start(t)
	told(t, v.p)
	at := v.p.address(t)
	var err error
	if v.client == nil {
		v.client, err = load.Open(at)
	} else {
		err = v.client.Move(at)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// startInVain starts the program and kills it after so long, whatever it does
// by then.
func (v *victim) startInVain(t testing.TB, after time.Duration) {
	t.Helper()
	v.p = v.demo(t).start(t)
	select {
	case <-v.p.ended:
		t.Fatalf("the program ended by itself: %s%s", v.p.out, v.p.err)
	case <-time.After(after):
	}
	v.p.kill(t)
}

// told logs the end of what a process had to say, where its test fails.
func told(t testing.TB, p *process) {
	t.Cleanup(func() {
		if text := p.err.String(); t.Failed() {
			t.Logf("the last that the program said:\n%s", text[max(0, len(text)-8<<10):])
		}
	})
}

// demo is the program as a command that has not started.
func (v *victim) demo(t testing.TB) *process {
	t.Helper()
	p := command(t, append([]string{"LUMBAR_DATA=" + v.in.dir}, v.env...), "demo", "--patients", "1", "--addr", "127.0.0.1:0")
	if path := os.Getenv("LUMBAR_BIN"); path != "" { // the bench measures what users run
		p.cmd.Path, p.cmd.Args[0] = path, path
	}
	return p
}

// engine is the process of the engine; 0 where there is none just now.
func (v *victim) engine(t testing.TB) int {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		s := procStat(pid)
		if len(s) < 2 || s[0] == "Z" || s[1] != strconv.Itoa(v.p.cmd.Process.Pid) {
			continue
		}
		words, err := os.ReadFile(filepath.Join(name, "cmdline"))
		if err == nil && bytes.Contains(words, []byte("\x00"+engine.ChildCommand+"\x00")) {
			return pid
		}
	}
	return 0
}

// procStat are the fields of a process from its state on; none where it has
// ended.
func procStat(pid int) []string {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil
	}
	// pid (name) state parent …; the name may hold anything.
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// signal sends a signal to the engine alone; false where there is none.
func (v *victim) signal(t testing.TB, what syscall.Signal) bool {
	t.Helper()
	pid := v.engine(t)
	if pid == 0 {
		return false
	}
	if err := syscall.Kill(pid, what); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	return true
}

// killAll ends program and engine at once, a stopped engine too.
func (v *victim) killAll(t testing.TB) {
	t.Helper()
	pid := v.engine(t)
	v.p.kill(t)
	if pid != 0 {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
}

// drained waits until all that was acknowledged is in the store.
func (v *victim) drained(t testing.TB) {
	t.Helper()
	eventually(t, "the journal drains", func() bool {
		waiting, known, err := v.client.Metric(t.Context(), "lumbar_journal_entries")
		return err == nil && (!known || waiting == 0)
	})
}

// store is the engine of the program, past the program.
func (v *victim) store(t testing.TB) *load.Store {
	t.Helper()
	s, err := load.StoreOf(t.Context(), v.in.dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// balanced drains and holds that every acknowledged answer is there once.
func (v *victim) balanced(t testing.TB, l *load.Ledger) load.Balance {
	t.Helper()
	v.drained(t)
	b, err := v.store(t).Reconcile(t.Context(), l)
	if err == nil {
		err = b.Err()
	}
	if err != nil {
		t.Errorf("%v\n%s", err, v.p.err)
	}
	return b
}

// end stops the program as a service manager does and holds that outcome is
// what the facts make of it.
func (v *victim) end(t testing.TB) {
	t.Helper()
	if code := v.p.stop(t); code != 0 {
		t.Errorf("exit %d: %s", code, v.p.err)
	}
	p := command(t, v.env, "doctor", "--rebuild-check", "--json", "--data", v.in.dir).start(t)
	if code := p.wait(t); code != 0 || !strings.Contains(p.out.String(), `"differences":0`) {
		t.Errorf("doctor: exit %d, %s%s", code, p.out, p.err)
	}
}

// answered waits until a load has so many acknowledged answers.
func answered(t *testing.T, l *load.Load, answers int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d answers are acknowledged", answers), func() bool { return l.Answers() >= answers })
}

// finished waits until all of a load is acknowledged.
func finished(t *testing.T, l *load.Load) load.Report {
	t.Helper()
	type end struct {
		r   load.Report
		err error
	}
	ended := make(chan end, 1)
	go func() {
		r, err := l.Wait()
		ended <- end{r, err}
	}()
	select {
	case e := <-ended:
		if e.err != nil {
			t.Fatal(e.err)
		}
		return e.r
	case <-time.After(patience):
		t.Fatal("a load did not end")
		return load.Report{}
	}
}

// visibleNow returns an error where an answer that is said to be visible is not
// in outcome, or not in its person's timeline.
func visibleNow(t testing.TB, v *victim, store *load.Store, w load.World, n uint64) error {
	derived, err := store.InOutcome(t.Context(), w, n)
	if err != nil {
		return err
	}
	shown, err := v.client.InTimeline(t.Context(), w, n)
	if err == nil && !(derived && shown) {
		err = fmt.Errorf("answer %s was said to be visible: in outcome %v, in the timeline %v", load.AnswerName(n), derived, shown)
	}
	return err
}

// loadWorld is one of its own for each test and round.
func loadWorld(name string, part ...any) load.World {
	for _, p := range part {
		name += fmt.Sprintf("-%v", p)
	}
	return load.World{Name: name, Programme: "back-pain"}
}
