package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/load"
)

// TestFaultEngineStopped: while the engine stands still answers are taken and
// acknowledged all the same, and they are in the store once it goes on.
func TestFaultEngineStopped(t *testing.T) {
	t.Parallel()
	_, seed := seeded(t)
	pause := 5 * time.Second
	if n := faultSize(t, faultPause, 5); n != 5 {
		pause = time.Duration(n) * time.Second
	}
	v := newVictim(t)
	ledger := load.NewLedger(loadWorld("stopped", seed))
	plan := load.NewPlan(seed)
	l := load.Start(t.Context(), v.client, load.Options{Plan: plan, Ledger: ledger, Workers: 32, Seed: seed, Pace: 200, Again: 5})
	answered(t, l, 500)
	if !v.signal(t, syscall.SIGSTOP) {
		t.Fatal("there is no engine to stop")
	}
	t.Cleanup(func() { v.signal(t, syscall.SIGCONT) })
	before, stopped := l.Answers(), time.Now()
	answered(t, l, before+500) // it can not have come from the engine
	time.Sleep(pause - time.Since(stopped))
	during := l.Answers() - before
	v.signal(t, syscall.SIGCONT)
	plan.StopAfter(0)
	report := finished(t, l)
	b := v.balanced(t, ledger)
	t.Logf("engine stopped for %s: %d answers acknowledged meanwhile; %s; %s", pause, during, b, &report)
	v.end(t)
}

// TestFaultEngineAway: the engine dies again and again, before it can take much.
// What is acknowledged meanwhile is in the store in the end.
func TestFaultEngineAway(t *testing.T) {
	t.Parallel()
	const deaths = 5
	r, seed := seeded(t)
	v := newVictim(t)
	ledger := load.NewLedger(loadWorld("away", seed))
	plan := load.NewPlan(seed)
	l := load.Start(t.Context(), v.client, load.Options{Plan: plan, Ledger: ledger, Workers: 16, Seed: seed, Pace: 100, Again: 5})
	for death := range deaths {
		answered(t, l, 200*(death+1))
		eventually(t, "there is an engine to kill", func() bool { return v.signal(t, syscall.SIGKILL) })
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
	}
	plan.StopAfter(0)
	report := finished(t, l)
	b := v.balanced(t, ledger)
	t.Logf("engine killed %d times: %s; %s", deaths, b, &report)
	v.end(t)
}
