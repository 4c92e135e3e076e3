package main

import (
	"testing"

	"github.com/lumbar-health/lumbar/internal/load"
)

// TestFaultVisibleUnderLoad: while others post, an answer of which the reply
// says that it can be read is in outcome and in its person's timeline at that
// moment.
func TestFaultVisibleUnderLoad(t *testing.T) {
	t.Parallel()
	const people = 200
	_, seed := seeded(t)
	v := newVictim(t)
	ledger := load.NewLedger(loadWorld("visible", seed))
	if _, err := load.Post(t.Context(), v.client, ledger, 2, load.Numbers(true, 0, people, 50)...); err != nil {
		t.Fatal(err)
	}
	store := v.store(t)
	report := finished(t, load.Start(t.Context(), v.client, load.Options{
		Plan: load.Deal(load.Singles(seed, 0, people*load.Slots)), Ledger: ledger, Workers: 32, Seed: seed, Visible: 50,
		Seen: func(p load.Parcel) error { return visibleNow(t, v, store, ledger.World, p.Numbers[0]) },
	}))
	if report.Visible.Count() == 0 || report.Unseen > 0 {
		t.Errorf("%d answers were said to be visible, %d were not in time", report.Visible.Count(), report.Unseen)
	}
	t.Logf("%s; visible %s; %s", v.balanced(t, ledger), &report.Visible, &report)
	v.end(t)
}
