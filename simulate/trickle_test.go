package simulate

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

func TestTrickleIsWhatALiveProgrammeHoldsBack(t *testing.T) {
	all, err := New(Options{Patients: 400, Seed: 5})
	if err != nil {
		t.Fatal(err)
	}
	live, err := New(Options{Patients: 400, Seed: 5, Live: true})
	if err != nil {
		t.Fatal(err)
	}
	text := func(r Response) string {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	count := map[string]int{}
	for r := range all.Responses() {
		count[text(r)]++
	}
	episodes := map[string]Episode{}
	for e := range live.Episodes() {
		episodes[e.Episode] = e
	}
	sent := 0
	for r := range live.Responses() {
		count[text(r)]--
		sent++
		if record.DateOf(r.AnsweredAt) >= live.until {
			t.Fatalf("Responses yields an answer of %s, which is held back", r.AnsweredAt)
		}
	}
	var before time.Time
	held := 0
	for r := range live.Trickle() {
		count[text(r)]--
		held++
		if _, known := episodes[r.Episode]; !known {
			t.Fatalf("a response of %s has no episode", r.AnsweredAt)
		}
		if r.sentAt().Before(before) {
			t.Fatalf("%s comes after %s", r.sentAt(), before)
		}
		before = r.sentAt()
	}
	for row, n := range count {
		if n != 0 {
			t.Fatalf("%d times too few: %s", n, row)
		}
	}
	if truth := live.Truth(); held < sent/20 || truth.HeldBack != int64(held) || truth.Responses.Rows != int64(sent+held) {
		t.Errorf("%d sent and %d held back, truth says %d of %d", sent, held, truth.HeldBack, truth.Responses.Rows)
	}
	for r := range all.Trickle() {
		t.Fatalf("a programme that is not live trickles %v", r)
	}
}

func TestLiveEpisodesEndBeforeTheTrickle(t *testing.T) {
	live, err := New(Options{Patients: 400, Seed: 5, Live: true})
	if err != nil {
		t.Fatal(err)
	}
	active := 0
	for e := range live.Episodes() {
		if e.Status == "active" {
			active++
		}
		if e.DischargedOn >= live.until || (e.Status == "active") != (e.DischargedOn == 0) || e.TreatmentStart >= live.until {
			t.Errorf("episode %s is %s, treated from %s, discharged %s", e.Episode, e.Status, e.TreatmentStart, e.DischargedOn)
		}
	}
	if active == 0 {
		t.Error("no episode is active")
	}
}

// TestWireForm holds the rows to the contract of POST /v1/responses.
func TestWireForm(t *testing.T) {
	g, err := New(Options{Patients: 60, Seed: 2})
	if err != nil {
		t.Fatal(err)
	}
	known := []string{
		"id", "source_version", "programme", "patient", "episode", "updated_at", "instrument", "instrument_version", "admin_mode", "mode",
		"language", "status", "answered_at", "reported_by", "provider", "timepoint", "answers", "missing", "supplied_score", "predicted",
	}
	statuses := []string{"completed", "amended", "in-progress", "stopped", "entered-in-error"}
	p := programme.Default()
	for r := range g.Responses() {
		m := wire(t, r)
		for name := range maps.Keys(m) {
			if !slices.Contains(known, name) {
				t.Fatalf("field %s is not of the wire", name)
			}
		}
		if id := m["id"].(map[string]any); id["system"] == "" || id["value"] == "" || len(m["patient"].(map[string]any)["pseudonym"].(string)) != 32 {
			t.Fatalf("id %v, patient %v", id, m["patient"])
		}
		if !slices.Contains(statuses, r.Status) || !p.Asks(r.Instrument, "") {
			t.Fatalf("status %s, instrument %s", r.Status, r.Instrument)
		}
		d, err := instruments.Lookup(r.Instrument, r.InstrumentVersion)
		if err != nil {
			t.Fatal(err)
		}
		if item, rule, ok := d.CheckCodes(&instruments.Administration{Codes: r.Answers}); !ok {
			t.Fatalf("%s item %d: %s in %v", r.Instrument, item, rule, r.Answers)
		}
	}
}

// TestEpisodesMeetTheProgramme holds that what is simulated is within what the
// programme's file declares, and that no date is out of order.
func TestEpisodesMeetTheProgramme(t *testing.T) {
	g, err := New(Options{Patients: 3000, Seed: 4})
	if err != nil {
		t.Fatal(err)
	}
	p := programme.Default()
	providers, regions := map[string]bool{}, map[string]bool{}
	for e := range g.Episodes() {
		providers[e.Provider], regions[e.Region] = true, true
		if _, known := p.Intervention(e.Intervention); !known {
			t.Fatalf("intervention %q", e.Intervention)
		}
		if e.ReferredOn < g.start || e.ReferredOn > e.FirstContactOn || e.FirstContactOn >= e.TreatmentStart || e.TreatmentStart >= e.DischargedOn {
			t.Fatalf("dates %s %s %s %s", e.ReferredOn, e.FirstContactOn, e.TreatmentStart, e.DischargedOn)
		}
		if day := e.ReferredOn.Time().Weekday(); day == time.Saturday || day == time.Sunday {
			t.Fatalf("referred on a %s", day)
		}
		if e.Age < 16 || e.Age > 95 || e.IMDDecile > 10 {
			t.Fatalf("age %d, decile %d", e.Age, e.IMDDecile)
		}
		for i, c := range p.Covariates {
			v := e.Covariates[i]
			if v.Absent || c.Kind == programme.Category && !slices.Contains(c.Levels, v.Text) || c.Kind == programme.Integer && (v.Int < c.Min || v.Int > c.Max) {
				t.Fatalf("covariate %s = %+v", c.Name, v)
			}
		}
	}
	if len(providers) != trusts || len(regions) != 8 {
		t.Errorf("%d providers and %d regions, want %d and 8", len(providers), len(regions), trusts)
	}
}
