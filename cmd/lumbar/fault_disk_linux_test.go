package main

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/load"
)

// TestFaultFullDisk: with journal and engine on a disk that is full, answers are
// refused with 503 and when to come again; none that was acknowledged is lost,
// though the embedded engine keeps silent about what it could not write; and
// once there is room they are taken again without a restart of the program. The
// disk fills at once and several times, to meet inserts and merges half way. It
// runs in a process with mounts of its own, to have a small disk.
func TestFaultFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getenv(ownMounts) == "" {
		withOwnMounts(t)
		return
	}
	_, seed := seeded(t)
	v := &victim{in: newInstallation(t)}
	// What is mounted here is nobody else's.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", v.in.dir, "tmpfs", 0, "size=96m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(v.in.dir, syscall.MNT_DETACH) })
	v.start(t)
	ledger := load.NewLedger(loadWorld("full", seed))
	plan := load.NewPlan(seed)
	l := load.Start(t.Context(), v.client, load.Options{Plan: plan, Ledger: ledger, Workers: 16, Seed: seed, Pace: 150, Again: 5})
	for range 3 {
		answered(t, l, l.Answers()+300)
		refused := l.Refused()
		release := keepFull(t, v.in.dir)
		eventually(t, "answers are refused", func() bool { return l.Refused() >= refused+50 })
		release()
	}
	answered(t, l, l.Answers()+300)
	plan.StopAfter(0)
	report := finished(t, l)
	b := v.balanced(t, ledger)
	t.Logf("disk full: %s; %s", b, &report)
	if report.Statuses[503] != l.Refused() || report.Unadvised > 0 || report.Cut > 0 {
		t.Errorf("%d refusals of which %d do not say when to come again; want 503 alone, all with Retry-After: %s", l.Refused(), report.Unadvised, &report)
	}
	v.end(t)
}

// keepFull takes all space of the disk of a folder, and what becomes free
// meanwhile, until released.
func keepFull(t *testing.T, dir string) (release func()) {
	t.Helper()
	name := filepath.Join(dir, "ballast")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		block := make([]byte, 1<<20)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
				block = block[:4096]
				time.Sleep(time.Millisecond)
			} else if err != nil {
				t.Error(err)
				return
			}
		}
	})
	return func() {
		close(stop)
		wait.Wait()
		if err := errors.Join(f.Close(), os.Remove(name)); err != nil {
			t.Error(err)
		}
	}
}
