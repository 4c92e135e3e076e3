package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
)

// refusedRow is a refused row that came at a moment.
func refusedRow(id uint64, at time.Time, delivery string, rules ...string) record.Refused {
	r := record.Refused{ID: id, ReceivedAt: at, Delivery: delivery, Line: 1, Format: "ndjson", Flags: []string{"flag"}, Sealed: []byte{0, 255, byte(id)}}
	for _, rule := range rules {
		r.Reasons = append(r.Reasons, record.Reason{Field: "field", Rule: rule})
	}
	return r
}

// heldBy are the gauges of what is held, by rule; the rows under the empty one.
func heldBy(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetName() {
			case "lumbar_quarantine_held_rows":
				out[""] = m.GetGauge().GetValue()
			case "lumbar_quarantine_held":
				if n := m.GetGauge().GetValue(); n != 0 {
					out[m.GetLabel()[0].GetValue()] = n
				}
			}
		}
	}
	return out
}

// TestQuarantineStates walks a refused row through all that can become of it:
// what a later delivery, the same delivery again, a retry and a person make of
// it, with the clock set back in between; and the gauges follow, also after the
// next start.
func TestQuarantineStates(t *testing.T) {
	ctx := context.Background()
	cfg := config(chtest.New(t))
	registry := prometheus.NewRegistry()
	cfg.Registerer = registry
	s, err := store.Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { s.Close() }()
	start := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	came := func(rows ...record.Refused) {
		t.Helper()
		if err := s.Writer().Quarantine(ctx, rows); err != nil {
			t.Fatal(err)
		}
	}
	read := func(id uint64) record.Quarantined {
		t.Helper()
		rows, err := s.Reader().QuarantineBodies(ctx, []uint64{id})
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		return rows[0]
	}
	becomes := func(state record.QuarantineState, rules ...string) {
		t.Helper()
		q := read(7)
		q.State = state
		for i := range rules {
			q.Reasons = []record.Reason{{Field: "field", Rule: rules[i]}}
		}
		if err := s.Writer().Settle(ctx, []record.Quarantined{q}); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what string, state record.QuarantineState, delivery string, gauges map[string]float64, rules ...string) {
		t.Helper()
		q := read(7)
		var have []string
		for _, why := range q.Reasons {
			have = append(have, why.Rule)
		}
		if q.State != state || q.Delivery != delivery || !slices.Equal(have, rules) || (len(q.Sealed) > 0) != (state == record.Held) {
			t.Errorf("%s: %s of delivery %s, %v, %d bytes; want %s of %s, %v", what, q.State, q.Delivery, have, len(q.Sealed), state, delivery, rules)
		}
		if got := heldBy(t, registry); fmt.Sprint(got) != fmt.Sprint(gauges) {
			t.Errorf("%s: gauges %v, want %v", what, got, gauges)
		}
	}
	other := map[string]float64{"": 1, "required": 1}
	both := map[string]float64{"": 2, "required": 2, "type": 1}
	first := refusedRow(7, start, "a", "required", "type", "type")
	came(refusedRow(8, start, "a", "required"), first)
	is("came", record.Held, "a", both, "required", "type", "type")
	came(first)
	becomes(record.Held, "encoding")
	is("refused again by a retry", record.Held, "a", map[string]float64{"": 2, "required": 1, "encoding": 1}, "encoding")
	came(first)
	is("the same delivery written again", record.Held, "a", map[string]float64{"": 2, "required": 1, "encoding": 1}, "encoding")
	becomes(record.Replayed)
	is("replayed", record.Replayed, "a", other, "encoding")
	came(first)
	is("the same delivery after that", record.Replayed, "a", other, "encoding")
	came(refusedRow(7, start.Add(-time.Hour), "b", "required", "type"))
	is("another delivery, by a clock that was set back", record.Held, "b", both, "required", "type")
	stale := read(7)
	came(refusedRow(7, start.Add(time.Hour), "c", "required", "type"))
	stale.State = record.Replayed
	if err := s.Writer().Settle(ctx, []record.Quarantined{stale}); err != nil {
		t.Fatal(err)
	}
	is("came again during a retry", record.Held, "c", both, "required", "type")
	becomes(record.Discarded)
	is("discarded", record.Discarded, "c", other, "required", "type")
	came(refusedRow(7, start.Add(2*time.Hour), "d", "required", "type"))
	is("discarded and refused for the same reasons", record.Discarded, "c", other, "required", "type")
	came(refusedRow(7, start.Add(3*time.Hour), "e", "required"))
	is("discarded and refused for other reasons", record.Held, "e", map[string]float64{"": 2, "required": 2}, "required")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	registry = prometheus.NewRegistry()
	cfg.Registerer = registry
	if s, err = store.Open(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	is("after the next start", record.Held, "e", map[string]float64{"": 2, "required": 2}, "required")
}

// TestQuarantineFilter: each field of a filter chooses, alone and together.
func TestQuarantineFilter(t *testing.T) {
	ctx := context.Background()
	s, err := store.Open(ctx, config(chtest.New(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	start := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC)
	rows := []record.Refused{
		refusedRow(1<<63+1, start, "a", "required"), refusedRow(2, start.Add(time.Hour), "b", "required", "type"),
		refusedRow(3, start.Add(2*time.Hour), "c", "not_accepted_here"), refusedRow(4, start.Add(3*time.Hour), "d", "o'clock\\"),
	}
	rows[1].Format = "csv"
	if err := s.Writer().Quarantine(ctx, rows); err != nil {
		t.Fatal(err)
	}
	done, err := s.Reader().QuarantineBodies(ctx, []uint64{3})
	if err != nil {
		t.Fatal(err)
	}
	done[0].State = record.Replayed
	if err := s.Writer().Settle(ctx, done); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		filter record.QuarantineFilter
		want   []uint64
	}{
		{record.QuarantineFilter{}, []uint64{2, 3, 4, 1<<63 + 1}},
		{record.QuarantineFilter{State: record.Held}, []uint64{2, 4, 1<<63 + 1}},
		{record.QuarantineFilter{State: record.Replayed}, []uint64{3}},
		{record.QuarantineFilter{Rule: "required"}, []uint64{2, 1<<63 + 1}},
		{record.QuarantineFilter{Rule: "o'clock\\"}, []uint64{4}},
		{record.QuarantineFilter{Rule: "required", Format: "csv"}, []uint64{2}},
		{record.QuarantineFilter{Without: "required"}, []uint64{3, 4}},
		{record.QuarantineFilter{Since: start.Add(time.Hour)}, []uint64{2, 3, 4}},
		{record.QuarantineFilter{IDs: []uint64{9, 1<<63 + 1, 3}}, []uint64{3, 1<<63 + 1}},
		{record.QuarantineFilter{IDs: []uint64{3}, State: record.Held}, nil},
	} {
		ids, err := s.Reader().QuarantineIDs(ctx, c.filter)
		if err != nil || !slices.Equal(ids, c.want) {
			t.Errorf("%+v: %v, %v; want %v", c.filter, ids, err, c.want)
		}
		list, err := s.Reader().Quarantine(ctx, c.filter, 2)
		if err != nil || len(list) != min(2, len(c.want)) {
			t.Errorf("%+v: %d rows are listed, %v", c.filter, len(list), err)
		}
		for i, q := range list {
			if len(q.Sealed) > 0 || len(q.Reasons) == 0 || i > 0 && q.ReceivedAt.After(list[i-1].ReceivedAt) {
				t.Errorf("%+v: row %d is %+v: want no body, reasons, and the latest first", c.filter, i, q)
			}
		}
		if n, _, err := s.Reader().QuarantineCounts(ctx, c.filter); err != nil || n != len(c.want) {
			t.Errorf("%+v: %d rows are counted, %v; want %d", c.filter, n, err, len(c.want))
		}
	}
	n, rules, err := s.Reader().QuarantineCounts(ctx, record.QuarantineFilter{})
	if err != nil || n != 4 || fmt.Sprint(rules) != `map[not_accepted_here:1 o'clock\:1 required:2 type:1]` {
		t.Errorf("%d rows, %v, %v", n, rules, err)
	}
}
