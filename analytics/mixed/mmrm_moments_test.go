package mixed

import (
	"errors"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// TestVisitsOfMomentsRefuse holds that sets of visits that are none are refused.
func TestVisitsOfMomentsRefuse(t *testing.T) {
	f, err := design.Parse("y ~ visit + visit:arm")
	if err != nil {
		t.Fatal(err)
	}
	levels := []string{"a", "b"}
	s, err := f.Summed(map[string][]string{"visit": levels}, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := PersonTermsOf(s, "visit", levels)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Terms) != 2 || p.Place[0][1] != -1 || p.Place[1][1] != 0 || p.Place[1][3] != 1 {
		t.Errorf("terms %v at %v", p.Terms, p.Place)
	}
	set := func(n int, visits ...int) Attended {
		return Attended{Visits: visits, Moments: moments.New(make([]moments.Term, n), make([]int64, n))}
	}
	for name, sets := range map[string][]Attended{
		"out of order":  {set(4, 1, 0)},
		"unknown visit": {set(3, 2)},
		"no visit":      {set(2)},
		"twice":         {set(3, 1), set(3, 1)},
		"other terms":   {set(7, 0, 1)},
	} {
		if _, err := VisitsFromMoments(p, sets); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := VisitsFromMoments(p, []Attended{set(4, 0, 1)}); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("nobody: %v", err)
	}
	number, err := f.Summed(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := PersonTermsOf(number, "visit", levels); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("a visit in numbers: %v", err)
	}
}
