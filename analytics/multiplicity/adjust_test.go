package multiplicity

import (
	"errors"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
)

// Values of R 4.2.2: p.adjust(c(.01,.02,.03,.04,.05), method).
func TestAgreesWithR(t *testing.T) {
	p := []float64{0.04, 0.01, 0.05, 0.02, 0.03}
	want := map[Method][]float64{
		Bonferroni: {0.2, 0.05, 0.25, 0.1, 0.15},
		Holm:       {0.09, 0.05, 0.09, 0.08, 0.09},
		Hochberg:   {0.05, 0.05, 0.05, 0.05, 0.05},
		Hommel:     {0.05, 0.05, 0.05, 0.05, 0.05},
		BH:         {0.05, 0.05, 0.05, 0.05, 0.05},
		BY:         {0.1141666666666667, 0.1141666666666667, 0.1141666666666667, 0.1141666666666667, 0.1141666666666667},
	}
	for _, m := range Methods() {
		got, err := Adjust(m, p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if math.Abs(got[i]-want[m][i]) > 1e-12 {
				t.Errorf("%s[%d] = %v, want %v", m, i, got[i], want[m][i])
			}
		}
	}
	if p[0] != 0.04 {
		t.Error("the p-values were modified")
	}
}

// simes is the adjusted level of the global test of a set.
func simes(set []float64) float64 {
	slices.Sort(set)
	v := math.Inf(1)
	for i, p := range set {
		v = math.Min(v, float64(len(set))*p/float64(i+1))
	}
	return v
}

// TestHommelIsClosedSimes compares with the definition over every subset.
func TestHommelIsClosedSimes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 7).Draw(r, "p")
		got, err := Adjust(Hommel, p)
		if err != nil {
			r.Fatal(err)
		}
		for i := range p {
			want := 0.0
			for set := 1; set < 1<<len(p); set++ {
				if set>>i&1 == 0 {
					continue
				}
				var members []float64
				for j := range p {
					if set>>j&1 == 1 {
						members = append(members, p[j])
					}
				}
				want = math.Max(want, simes(members))
			}
			if math.Abs(got[i]-want) > 1e-12 {
				r.Fatalf("Hommel of %v at %d = %v, closed testing gives %v", p, i, got[i], want)
			}
		}
	})
}

// TestOrderOfMethods holds what is known of the methods beside each other.
func TestOrderOfMethods(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 40).Draw(r, "p")
		adjusted := map[Method][]float64{}
		for _, m := range Methods() {
			a, err := Adjust(m, p)
			if err != nil {
				r.Fatal(err)
			}
			adjusted[m] = a
		}
		chain := []Method{Bonferroni, Holm, Hochberg, Hommel, BH}
		for i := range p {
			for k := 1; k < len(chain); k++ {
				if adjusted[chain[k]][i] > adjusted[chain[k-1]][i]+1e-12 {
					r.Fatalf("%s %v above %s %v", chain[k], adjusted[chain[k]][i], chain[k-1], adjusted[chain[k-1]][i])
				}
			}
			if adjusted[BH][i] < p[i]-1e-12 || adjusted[BY][i] < adjusted[BH][i]-1e-12 {
				r.Fatalf("p %v, BH %v, BY %v", p[i], adjusted[BH][i], adjusted[BY][i])
			}
		}
	})
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		method Method
		p      []float64
		want   error
	}{
		{Holm, nil, analytics.ErrTooFewObservations},
		{Holm, []float64{-0.1}, analytics.ErrInvalidParameter},
		{Holm, []float64{1.1}, analytics.ErrInvalidParameter},
		{Holm, []float64{math.NaN()}, analytics.ErrInvalidParameter},
		{"sidak", []float64{0.1}, analytics.ErrInvalidParameter},
		{Hommel, make([]float64, maxHommel+1), analytics.ErrInvalidParameter},
	} {
		if _, err := Adjust(c.method, c.p); !errors.Is(err, c.want) {
			t.Errorf("Adjust(%s, %d values) = %v, want %v", c.method, len(c.p), err, c.want)
		}
	}
}
