package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/internal/load"
)

// What is killed in a round.
const (
	killProgram = "program" // the engine leaves with it
	killEngine  = "engine"  // the program brings it back
	killBoth    = "both at once"
)

// TestFaultKills: with kill -9 of the program, of its engine or of both, at
// random points under load, every acknowledged answer is there exactly once.
// Clients send again what was not acknowledged, and some of what was.
func TestFaultKills(t *testing.T) {
	const (
		workers   = 64
		answers   = 1000 // acknowledged before the kill of a round
		meanwhile = 40   // requests begun after it
	)
	r, seed := seeded(t)
	v := newVictim(t)
	kinds := []string{killProgram, killEngine, killBoth}
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	var ledgers []*load.Ledger
	for round := range faultSize(t, faultRounds, 8) {
		ledger := load.NewLedger(loadWorld("kills", seed, round))
		ledgers = append(ledgers, ledger)
		plan := load.NewPlan(seed + uint64(round))
		l := load.Start(t.Context(), v.client, load.Options{
			Plan: plan, Ledger: ledger, Workers: workers, Seed: seed + uint64(round), Again: 5, Keyed: 30,
		})
		answered(t, l, answers+r.IntN(500))
		time.Sleep(time.Duration(r.IntN(250)) * time.Millisecond) // any step of a batch
		what := kinds[round%len(kinds)]
		flying, before := l.InFlight(), ledger.Answers()
		switch what {
		case killProgram:
			v.p.kill(t)
		case killEngine:
			v.signal(t, syscall.SIGKILL)
		default:
			v.killAll(t)
		}
		plan.StopAfter(meanwhile)
		if what != killEngine {
			if r.IntN(3) == 0 {
				what += ", and again while it started"
				v.startInVain(t, time.Duration(r.IntN(3000))*time.Millisecond)
			}
			v.start(t)
		}
		report := finished(t, l)
		b := v.balanced(t, ledger)
		t.Logf("round %d, kill -9 of %s with %d answers acknowledged and %d requests in flight: %s (%d sent again as no reply came, %d copies merged, statuses %v)",
			round+1, what, before, flying, b, report.Cut, b.Copies, report.Statuses)
		if before < answers || flying == 0 {
			t.Errorf("round %d: %d answers acknowledged and %d requests in flight at the kill, want %d and some", round+1, before, flying, answers)
		}
		if report.Unadvised > 0 {
			t.Errorf("round %d: %d refusals do not say when to try again", round+1, report.Unadvised)
		}
	}
	var all load.Balance
	for _, ledger := range ledgers {
		b := v.balanced(t, ledger)
		all.Acknowledged, all.Found, all.Doubled = all.Acknowledged+b.Acknowledged, all.Found+b.Found, all.Doubled+b.Doubled
	}
	t.Logf("all rounds: %s", all)
	v.end(t)
}
