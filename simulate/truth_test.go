package simulate

import (
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// subject is one episode as an analyst sees it.
type subject struct {
	Episode
	baseline, outcome float64 // NaN where missing
}

// subjects derives the outcome table from the wire rows alone: the newest
// version of each response, completed or amended, given by the patient, scored,
// in the window of its timepoint, nearest to the target day.
func subjects(t *testing.T, g *Generator) []subject {
	t.Helper()
	p := programme.Default()
	odi, err := instruments.Lookup("odi", "")
	if err != nil {
		t.Fatal(err)
	}
	current := map[string]Response{}
	var order []string
	for r := range g.Responses() {
		if r.Instrument != "odi" {
			continue
		}
		if _, known := current[r.ID.Value]; !known {
			order = append(order, r.ID.Value)
		}
		current[r.ID.Value] = r // versions of a response come in order
	}
	byEpisode := map[string][]Response{}
	for _, id := range order {
		if r := current[id]; r.ReportedBy == "patient" && (r.Status == "completed" || r.Status == "amended") {
			byEpisode[r.Episode] = append(byEpisode[r.Episode], r)
		}
	}
	scored := make([]instruments.Scored, len(odi.Scores))
	slot := func(e Episode, key string) float64 {
		tp, _ := p.Timepoint(key)
		anchor := e.FirstContactOn
		if tp.Anchor == programme.AnchorStart && e.TreatmentStart-e.FirstContactOn <= 90 {
			anchor = e.TreatmentStart
		}
		best, value := math.MaxInt, math.NaN()
		for _, r := range byEpisode[e.Episode] {
			if err := odi.Score(&instruments.Administration{Codes: r.Answers}, scored); err != nil {
				t.Fatal(err)
			}
			day := int(record.DateOf(r.AnsweredAt)-anchor) - tp.Target
			if !scored[0].Known || day < -tp.Before || day > tp.After || max(day, -day) >= best {
				continue
			}
			best, value = max(day, -day), odi.Scores[0].Points(scored[0].Units)
		}
		return value
	}
	var list []subject
	for e := range g.Episodes() {
		list = append(list, subject{e, slot(e, "baseline"), slot(e, "12m")})
	}
	return list
}

// estimates returns the adjusted and the crude fit of one contrast; the
// coefficient of the treatment is the second.
func estimates(t *testing.T, people []subject, reference, treated string) (ancova, crude fit) {
	t.Helper()
	var wide, narrow [][]float64
	var y []float64
	is := func(b bool) float64 {
		if b {
			return 1
		}
		return 0
	}
	for _, s := range people {
		if s.Intervention != treated && s.Intervention != reference || math.IsNaN(s.baseline+s.outcome) || s.IMDDecile == 0 {
			continue
		}
		arm := is(s.Intervention == treated)
		row := []float64{1, arm, s.baseline, float64(s.Age), is(s.Sex == "male"), is(s.StarTBackRisk == "medium"), is(s.StarTBackRisk == "high")}
		for q := uint8(2); q <= 5; q++ {
			row = append(row, is((s.IMDDecile+1)/2 == q))
		}
		wide, narrow, y = append(wide, row), append(narrow, []float64{1, arm}), append(y, s.outcome)
	}
	ancova, err := leastSquares(wide, y)
	if err != nil {
		t.Fatal(err)
	}
	crude, err = leastSquares(narrow, y)
	if err != nil {
		t.Fatal(err)
	}
	return ancova, crude
}

// TestTwentySeeds holds that the truth can be found, and only by adjusting: over
// 20 seeds the 95 % interval of the analysis of covariance holds the true effect
// 17 times or more, that of the plain difference 5 times or less.
func TestTwentySeeds(t *testing.T) {
	const seeds, patients = 20, 2000
	var adjusted, plain [len(arms)]int
	for seed := range uint64(seeds) {
		g, err := New(Options{Patients: patients, Seed: seed + 1})
		if err != nil {
			t.Fatal(err)
		}
		truth, people := g.Truth(), subjects(t, g)
		for i, e := range truth.Effects {
			ancova, crude := estimates(t, people, truth.Reference, e.Intervention)
			if ancova.covers(1, e.Effect) {
				adjusted[i]++
			}
			if crude.covers(1, e.Effect) {
				plain[i]++
			}
		}
	}
	for i, a := range arms[1:] {
		if adjusted[i] < 17 || plain[i] > 5 {
			t.Errorf("%s: ancova holds the truth %d times of %d, want 17 or more; crude %d times, want 5 or less", a.key, adjusted[i], seeds, plain[i])
		}
	}
}
