package effect

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// TestQuantileIsThatOfPeople compares with the type-7 quantile of the people
// written out.
func TestQuantileIsThatOfPeople(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		s := &Study{}
		var values, people []float64
		for range 1 + r.IntN(20) {
			v, n := math.Floor(10*r.Float64()), float64(r.IntN(4))
			s.Treated, s.Count = append(s.Treated, true), append(s.Count, n)
			values = append(values, v)
			for range int(n) {
				people = append(people, v)
			}
		}
		for _, p := range []float64{0, 0.01, 0.2, 0.5, 0.99, 1} {
			want, errWant := describe.Quantile(people, p, describe.Type7)
			got, err := s.Quantile(values, p, nil)
			if (err == nil) != (errWant == nil) || math.Abs(got-want) > 1e-12 {
				t.Fatalf("quantile %v of %v = %v, %v, want %v, %v", p, people, got, err, want, errWant)
			}
		}
	}
	if _, err := (&Study{Count: []float64{1}}).Quantile([]float64{1}, 2, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("p = 2: %v", err)
	}
}

// TestVarianceOfCellsIsThatOfRows sums squares over a pattern's people.
func TestVarianceOfCellsIsThatOfRows(t *testing.T) {
	y := []float64{31, 42, 58, 40, 12}
	rows := &Study{Treated: []bool{true, true, true, false, false}, Count: []float64{1, 1, 1, 1, 1}, Sum: y, SumSq: make([]float64, 5)}
	for i, v := range y {
		rows.SumSq[i] = v * v
	}
	cells := &Study{Treated: []bool{true, false}, Count: []float64{3, 2}, Sum: []float64{131, 52}, SumSq: []float64{31*31 + 42*42 + 58*58, 40*40 + 12*12}}
	a := Influence{Const: []float64{-3, -3, -3, 7, 7}, Slope: []float64{0.5, 0.5, 0.5, -2, -2}}
	b := Influence{Const: []float64{-3, 7}, Slope: []float64{0.5, -2}}
	if got, want := cells.Variance(b), rows.Variance(a); math.Abs(got-want) > 1e-12*want {
		t.Errorf("cells %v, rows %v", got, want)
	}
	var direct float64
	for i, v := range y {
		f := a.Const[i] + a.Slope[i]*v
		direct += f * f / 25
	}
	if got := rows.Variance(a); math.Abs(got-direct) > 1e-12*direct {
		t.Errorf("variance %v, want %v", got, direct)
	}
}

// TestOnePersonAClusterIsNoCluster holds that clusters of one differ from none
// by the factor G/(G−1) alone.
func TestOnePersonAClusterIsNoCluster(t *testing.T) {
	s := &Study{Treated: []bool{true, true, false, false}, Count: []float64{1, 1, 1, 1}, Sum: []float64{1, 4, 2, 9}, SumSq: []float64{1, 16, 4, 81}}
	a := Influence{Const: []float64{1, -2, 0.5, 3}, Slope: []float64{0.1, 0.2, 0.3, 0.4}}
	plain := s.Variance(a)
	s.Cluster = []int{0, 1, 2, 3}
	if got, want := s.Variance(a), plain*4/3; math.Abs(got-want) > 1e-12*want {
		t.Errorf("clusters of one %v, want %v", got, want)
	}
}

func TestBadStudies(t *testing.T) {
	m := &design.Matrix{Names: []string{"x"}, N: 2, P: 1, X: []float64{1, math.NaN()}}
	good := func() *Study {
		return &Study{Treated: []bool{true, false}, Count: []float64{1, 1}, Sum: []float64{1, 2}, SumSq: []float64{1, 4}}
	}
	for name, c := range map[string]struct {
		change func(s *Study)
		want   error
	}{
		"lengths":         {func(s *Study) { s.Sum = s.Sum[:1] }, analytics.ErrInvalidParameter},
		"NaN":             {func(s *Study) { s.SumSq[0] = math.NaN() }, analytics.ErrInvalidParameter},
		"design":          {func(s *Study) { s.Score = m }, analytics.ErrInvalidParameter},
		"design's length": {func(s *Study) { s.Outcome = &design.Matrix{N: 1, P: 1, X: []float64{1}} }, analytics.ErrInvalidParameter},
		"count":           {func(s *Study) { s.Count[0] = -1 }, analytics.ErrInvalidParameter},
		"one arm":         {func(s *Study) { s.Treated[1] = true }, analytics.ErrTooFewObservations},
		"empty arm":       {func(s *Study) { s.Count[1] = 0 }, analytics.ErrTooFewObservations},
	} {
		s := good()
		c.change(s)
		if err := s.Check(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := good().Check(); err != nil {
		t.Error(err)
	}
	if _, err := FromRows([]float64{1, 0.5}, []float64{1, 2}, nil, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("treatment of 0.5: %v", err)
	}
	if _, err := FromRows([]float64{1, 0}, []float64{1}, nil, nil); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("one outcome of two: %v", err)
	}
	if _, err := FromRows([]float64{1, 1, 0, 0}, []float64{3, 3, 5, 5}, nil, nil); !errors.Is(err, analytics.ErrZeroVariance) {
		t.Errorf("an outcome that varies in neither arm: %v", err)
	}
	if _, err := FromRows([]float64{1, 1, 0, 0}, []float64{3, 4, 5, 5}, nil, nil); err != nil {
		t.Errorf("an outcome that varies in one arm: %v", err)
	}
	if _, err := good().ScoreCells(); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("no design: %v", err)
	}
	if _, err := good().NewResult("", 1, 0, 1, 1); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("level 1: %v", err)
	}
}
