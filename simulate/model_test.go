package simulate

import (
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
)

// TestODIAnswersMeanTheLevel holds that rounding to whole codes does not move
// the mean score, with or without an item left out.
func TestODIAnswersMeanTheLevel(t *testing.T) {
	r := newRandom(1, streamWorld, 99)
	for _, missing := range [][10]bool{{}, {skippedItem: true}, {2: true, skippedItem: true}} {
		for _, level := range []float64{0, 1.3, 37.7, 50, 98.9, 100} {
			const n = 20000
			sum := 0.0
			for range n {
				codes := odiAnswers(r, level, missing)
				for i, c := range codes {
					if (c == instruments.Missing) != missing[i] || c != instruments.Missing && (c < 0 || c > 5) {
						t.Fatalf("codes %v", codes)
					}
				}
				sum += odiScore(codes[:])
			}
			// A score is at most 1.25 points from the level either way.
			if mean := sum / n; math.Abs(mean-level) > 4*1.25/math.Sqrt(n) {
				t.Errorf("mean score at level %v is %v", level, mean)
			}
		}
	}
}

// TestNoFloor holds that hardly anybody's expected score is so near 0 or 100
// that the effect of a treatment could not show in full.
func TestNoFloor(t *testing.T) {
	const patients = 50000
	g, err := New(Options{Patients: patients, Seed: 11})
	if err != nil {
		t.Fatal(err)
	}
	near := 0
	for i := range patients {
		p, _ := g.person(i)
		if y := p.reference + arms[p.arm].effect; y < 0 || y > 100 {
			t.Errorf("expected score %v", y)
		} else if y < 5 || y > 95 {
			near++
		}
	}
	if near > patients/500 {
		t.Errorf("%d of %d are within 5 points of an end", near, patients)
	}
}

// TestBetweenKeepsTheMean holds that the noise has no floor that would move the
// mean.
func TestBetweenKeepsTheMean(t *testing.T) {
	r := newRandom(1, streamWorld, 7)
	for _, mean := range []float64{0, 2, 30, 70, 99, 100} {
		const n = 20000
		sum := 0.0
		for range n {
			x := r.between(mean, 9.5, 0, 100)
			if x < 0 || x > 100 {
				t.Fatalf("between(%v) = %v", mean, x)
			}
			sum += x
		}
		if got := sum / n; math.Abs(got-mean) > 4*9.5/math.Sqrt(n) {
			t.Errorf("mean of between(%v) = %v", mean, got)
		}
	}
}

func TestWorld(t *testing.T) {
	w := newWorld(42)
	codes, outlying := map[string]bool{}, 0
	for _, p := range w.trusts {
		codes[p.Code] = true
		if p.Outlier {
			outlying++
			if math.Abs(p.Effect) < 5 {
				t.Errorf("outlier %s has an effect of %v", p.Code, p.Effect)
			}
		} else if math.Abs(p.Effect) > 3.6 {
			t.Errorf("%s is no outlier and has an effect of %v", p.Code, p.Effect)
		}
	}
	for _, r := range w.regions {
		codes[r.Code] = true
	}
	if len(codes) != trusts+regions || outlying != len(outliers) {
		t.Errorf("%d codes and %d outliers, want %d and %d", len(codes), outlying, trusts+regions, len(outliers))
	}
}
