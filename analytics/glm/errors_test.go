package glm

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// with returns the design with another outcome.
func with(m *design.Matrix, y func(i int) float64) cells.Cells {
	d := *m
	d.Y = make([]float64, m.N)
	for i := range d.Y {
		d.Y[i] = y(i)
	}
	return cells.FromRows(&d)
}

func TestFitErrors(t *testing.T) {
	m := designOf(t, people(60, 31, yesOrNo), "y ~ tr + age")
	good := cells.FromRows(m)
	ones := make([]float64, m.N)
	for i := range ones {
		ones[i] = 1
	}
	bad := slices.Clone(ones)
	bad[3] = -1
	zero := make([]float64, m.N)
	few := good.Select([]int{0, 1, 2})
	for name, c := range map[string]struct {
		data   cells.Cells
		family Family
		opts   Options
		want   error
	}{
		"everybody the same":         {with(m, func(int) float64 { return 1 }), Binomial, Options{}, analytics.ErrZeroVariance},
		"nobody":                     {with(m, func(int) float64 { return 0 }), Poisson, Options{}, analytics.ErrZeroVariance},
		"separation":                 {with(m, func(i int) float64 { return m.Row(i)[1] }), Binomial, Options{}, analytics.ErrNotConverged},
		"a group without a count":    {with(m, func(i int) float64 { return m.Row(i)[1] * float64(i%3) }), Poisson, Options{}, analytics.ErrNotConverged},
		"the same column twice":      {cells.FromRows(m.Append("again", m.Column(2))), Binomial, Options{}, analytics.ErrCollinear},
		"a constant column":          {cells.FromRows(m.Append("five", []float64(slices.Repeat([]float64{5}, m.N)))), Binomial, Options{}, analytics.ErrCollinear},
		"a column of zeros":          {cells.FromRows(m.Append("zero", zero)), Binomial, Options{}, analytics.ErrCollinear},
		"three people":               {few, Gaussian, Options{}, analytics.ErrTooFewObservations},
		"outcomes over 1":            {with(m, func(i int) float64 { return float64(i) }), Binomial, Options{}, analytics.ErrInvalidParameter},
		"a count below 0":            {with(m, func(int) float64 { return -1 }), Poisson, Options{}, analytics.ErrInvalidParameter},
		"a weight below 0":           {good, Binomial, Options{Weights: bad}, analytics.ErrInvalidParameter},
		"weights of zero":            {good, Binomial, Options{Weights: zero}, analytics.ErrTooFewObservations},
		"too few weights":            {good, Binomial, Options{Weights: ones[:2]}, analytics.ErrInvalidParameter},
		"an infinite offset":         {good, Binomial, Options{Offset: append([]float64{math.Inf(1)}, ones[1:]...)}, analytics.ErrInvalidParameter},
		"no design":                  {cells.Cells{}, Binomial, Options{}, analytics.ErrInvalidParameter},
		"theta of zero":              {good, NegativeBinomial(0), Options{}, analytics.ErrInvalidParameter},
		"too few iterations allowed": {good, Binomial, Options{MaxIterations: 1}, analytics.ErrNotConverged},
	} {
		if _, err := Fit(c.data, c.family, c.opts); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	_, err := Fit(with(m, func(i int) float64 { return m.Row(i)[1] }), Binomial, Options{})
	if err == nil || !strings.Contains(err.Error(), "logistic_firth") || !strings.Contains(err.Error(), "tr") {
		t.Errorf("separation names neither the column nor what to do: %v", err)
	}
	stop := errors.New("stop")
	if _, err := Fit(good, Binomial, Options{Interrupt: func() error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("interrupted: %v", err)
	}
}

func TestModelErrors(t *testing.T) {
	m := designOf(t, people(60, 37, yesOrNo), "y ~ tr + age")
	model := fitOf(t, cells.FromRows(m), Binomial, Options{})
	gauss := fitOf(t, cells.FromRows(m), Gaussian, Options{})
	clusters, err := model.Cluster(append(make([]int, 59), 1))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		want error
	}{
		"one cluster":       {second(model.Cluster(make([]int, 60))), analytics.ErrTooFewObservations},
		"labels missing":    {second(model.Cluster(nil)), analytics.ErrInvalidParameter},
		"CR3":               {second(clusters.Covariance(linear.CR3)), analytics.ErrInvalidParameter},
		"coefficient 9":     {second(model.Estimate(9, model.Cov, 0.95)), analytics.ErrInvalidParameter},
		"level 1":           {second(model.Estimate(0, model.Cov, 1)), analytics.ErrInvalidParameter},
		"error of zero":     {second(model.Estimate(0, linear.NewSym(3), 0.95)), analytics.ErrZeroVariance},
		"gaussian profile":  {third(gauss.ProfileInterval(1, 0.95)), analytics.ErrInvalidParameter},
		"gaussian C":        {second(gauss.CStatistic()), analytics.ErrInvalidParameter},
		"gaussian HL":       {second(gauss.HosmerLemeshow()), analytics.ErrInvalidParameter},
		"gaussian LR":       {second(gauss.LikelihoodRatio()), analytics.ErrInvalidParameter},
		"groups missing":    {second(model.ByGroup(nil, 2)), analytics.ErrInvalidParameter},
		"nobody to average": {second(model.Standardise(m, m, func(int) bool { return false }, model.Cov)), analytics.ErrTooFewObservations},
		"another design":    {second(model.Standardise(m.Without(map[int]bool{1: true}), m, nil, model.Cov)), analytics.ErrInvalidParameter},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	few := fitOf(t, cells.FromRows(m.Without(map[int]bool{2: true})), Binomial, Options{})
	if _, err := few.HosmerLemeshow(); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("Hosmer–Lemeshow of two fitted values: %v", err)
	}
}

func second[A any](_ A, err error) error        { return err }
func third[A, B any](_ A, _ B, err error) error { return err }

func TestClassErrors(t *testing.T) {
	m := designOf(t, people(60, 41, yesOrNo), "y ~ tr + age")
	counts := func(k func(i int) int, classes int) [][]float64 {
		out := make([][]float64, m.N)
		for i := range out {
			out[i] = make([]float64, classes)
			out[i][k(i)] = 1
		}
		return out
	}
	third := counts(func(i int) int { return i % 3 }, 3)
	for name, c := range map[string]struct {
		counts [][]float64
		opts   Options
		want   error
	}{
		"one class":      {counts(func(int) int { return 0 }, 1), Options{}, analytics.ErrInvalidParameter},
		"an empty class": {counts(func(i int) int { return i % 2 }, 3), Options{}, analytics.ErrTooFewObservations},
		"an offset":      {third, Options{Offset: make([]float64, 60)}, analytics.ErrInvalidParameter},
		"separation":     {counts(func(i int) int { return int(m.Row(i)[1]) }, 2), Options{}, analytics.ErrNotConverged},
		"too few counts": {third[:4], Options{}, analytics.ErrInvalidParameter},
	} {
		if _, err := FitMultinomial(m, c.counts, c.opts); !errors.Is(err, c.want) {
			t.Errorf("multinomial, %s: %v, want %v", name, err, c.want)
		}
		if _, err := FitProportionalOdds(m.Without(map[int]bool{0: true}), c.counts, c.opts); !errors.Is(err, c.want) {
			t.Errorf("proportional odds, %s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := FitProportionalOdds(m, third, Options{}); !errors.Is(err, analytics.ErrCollinear) {
		t.Errorf("proportional odds with an intercept: %v", err)
	}
}

func TestNegativeBinomialErrors(t *testing.T) {
	m := designOf(t, people(80, 43, count), "y ~ tr")
	even := with(m, func(i int) float64 { return float64(3 + i%2) })
	if _, err := FitNegativeBinomial(even, []float64{3, 4}, []float64{40, 40}, Options{}); !errors.Is(err, analytics.ErrNotConverged) {
		t.Errorf("counts of 3 and 4: %v", err)
	}
	half := with(m, func(int) float64 { return 0.5 })
	if _, err := FitNegativeBinomial(half, []float64{0.5}, []float64{80}, Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("counts of a half: %v", err)
	}
	if _, err := FitNegativeBinomial(even, []float64{3, 4}, []float64{10, 40}, Options{}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("occurrences of other people: %v", err)
	}
}
