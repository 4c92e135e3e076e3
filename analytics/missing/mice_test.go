package missing_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/missing"
)

// pooledByMice is what mice found of one method of imputation.
type pooledByMice struct{ Mean, Coef, SE []float64 }

// TestImputationAgreesWithMice compares 400 imputations with 400 of mice, both
// random: estimates within four of their Monte Carlo errors, errors within 5 %,
// the variance between imputations within 25 %.
func TestImputationAgreesWithMice(t *testing.T) {
	raw, err := os.ReadFile("testdata/impute.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Y, W, X, Z []*float64
		Norm, PMM  pooledByMice
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		method missing.Method
		want   pooledByMice
	}{"norm": {missing.Normal, golden.Norm}, "pmm": {missing.PMM, golden.PMM}} {
		var v []missing.Variable
		for k, column := range [][]*float64{golden.Y, golden.W, golden.X, golden.Z} {
			variable := missing.Variable{Name: []string{"y", "w", "x", "z"}[k], Method: c.method}
			for _, x := range column {
				value := math.NaN()
				if x != nil {
					value = *x
				}
				variable.Values = append(variable.Values, value)
			}
			v = append(v, variable)
		}
		d, err := missing.Impute(v, missing.ImputeOptions{Imputations: 400, Seed: 1})
		if err != nil {
			t.Fatal(err)
		}
		n := float64(len(v[0].Values))
		mean, err := d.Pool(func(k int) (float64, float64, error) {
			m, sd, err := describe.MeanSD(d.Column(k, 0))
			return m, sd * sd / n, err
		}, n-1, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if limit := 4 * math.Sqrt(2*c.want.Mean[2]/400); math.Abs(mean.Value-c.want.Mean[0]) > limit || math.Abs(mean.Within/c.want.Mean[1]-1) > 0.03 || math.Abs(mean.Between/c.want.Mean[2]-1) > 0.25 {
			t.Errorf("%s: mean %v (within %v, between %v), mice %v", name, mean.Value, mean.Within, mean.Between, c.want.Mean)
		}
		for j, want := range c.want.Coef {
			got := coefficient(t, d, j)
			if math.Abs(got.Value-want) > 4*math.Sqrt(2*got.Between/400) || math.Abs(got.StdErr/c.want.SE[j]-1) > 0.06 {
				t.Errorf("%s: coefficient %d is %v (%v), mice %v (%v)", name, j, got.Value, got.StdErr, want, c.want.SE[j])
			}
		}
	}
}

// coefficient pools one coefficient of y on x, z and w.
func coefficient(t *testing.T, d *missing.Imputed, j int) missing.Pooled {
	t.Helper()
	f, err := design.Parse("y ~ x + z + w")
	if err != nil {
		t.Fatal(err)
	}
	p, err := d.Pool(func(k int) (float64, float64, error) {
		table, err := design.NewTable(design.Column{Name: "y", Values: d.Column(k, 0)}, design.Column{Name: "w", Values: d.Column(k, 1)}, design.Column{Name: "x", Values: d.Column(k, 2)}, design.Column{Name: "z", Values: d.Column(k, 3)})
		if err != nil {
			return 0, 0, err
		}
		m, err := f.Build(table)
		if err != nil {
			return 0, 0, err
		}
		fit, err := linear.OLS(m)
		if err != nil {
			return 0, 0, err
		}
		return fit.Coef[j], fit.Covariance().At(j, j), nil
	}, 246, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
