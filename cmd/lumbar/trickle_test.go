package main

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/lumbar-health/lumbar/simulate"
)

// TestTrickleInAnyOrder holds that answers that come one by one, late, out of
// order and twice leave the same outcome as answers in order, and that it equals
// a rebuild from the facts.
func TestTrickleInAnyOrder(t *testing.T) {
	world := simulate.Options{Patients: 250, Seed: 10, Live: true}
	dir := filepath.Join(t.TempDir(), "world")
	if _, err := simulate.Write(t.Context(), dir, world); err != nil {
		t.Fatal(err)
	}
	g, err := simulate.New(world)
	if err != nil {
		t.Fatal(err)
	}
	var late []simulate.Response
	for r := range g.Trickle() {
		late = append(late, r)
	}
	if len(late) < 100 {
		t.Fatalf("%d answers were held back", len(late))
	}
	live := func(rows []simulate.Response, size int) []row {
		in := newInstallation(t)
		h := in.hold(t)
		demo, _ := faceOf(t, h, true)
		in.imported(t, 0, filepath.Join(dir, "episodes.arrow"), filepath.Join(dir, "responses.arrow"))
		before := in.ask(t, "outcomes", "--by", "provider", "--undisclosed").Rows
		for len(rows) > 0 {
			n := min(size, len(rows))
			got := sent(t, http.MethodPost, demo.URL+"/v1/responses", rows[:n], mediaJSON)
			var reply struct{ Read, Rejected int }
			if err := json.Unmarshal(got.body, &reply); err != nil || got.status != http.StatusOK || reply.Read != n || reply.Rejected != 0 {
				t.Fatalf("POST: %d %s", got.status, got.body)
			}
			rows = rows[n:]
		}
		after := in.ask(t, "outcomes", "--by", "provider", "--undisclosed").Rows
		if encoded(t, before) == encoded(t, after) {
			t.Error("the answers that came have changed nothing")
		}
		h.sound(t)
		return after
	}
	want := live(late, len(late))
	shuffled := append(append([]simulate.Response(nil), late...), late[:len(late)/4]...)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	got := live(shuffled, 40)
	if encoded(t, got) != encoded(t, want) {
		t.Errorf("the order of arrival changes the outcome:\n%.2000s\nwant\n%.2000s", encoded(t, got), encoded(t, want))
	}
}
