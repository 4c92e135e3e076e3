package glm

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// people draws n rows of a treatment, an age and a severity with an outcome.
func people(n int, seed uint64, outcome func(r *rand.Rand, eta float64) float64) *design.Table {
	r := rand.New(rand.NewPCG(seed, 7))
	tr, age, sev, y := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range y {
		sev[i] = float64(r.IntN(5))
		age[i] = float64(20 + 10*r.IntN(6))
		if r.Float64() < 0.3+0.08*sev[i] {
			tr[i] = 1
		}
		y[i] = outcome(r, -1+0.7*tr[i]+0.01*(age[i]-40)-0.2*sev[i])
	}
	t, err := design.NewTable(design.Column{Name: "tr", Values: tr}, design.Column{Name: "age", Values: age}, design.Column{Name: "sev", Values: sev}, design.Column{Name: "y", Values: y})
	if err != nil {
		panic(err)
	}
	return t
}

func yesOrNo(r *rand.Rand, eta float64) float64 {
	if r.Float64() < 1/(1+math.Exp(-eta)) {
		return 1
	}
	return 0
}

func count(r *rand.Rand, eta float64) float64 {
	var k float64
	for limit, p := math.Exp(-math.Exp(eta+1)), r.Float64(); p > limit; p *= r.Float64() {
		k++
	}
	return k
}

func score(r *rand.Rand, eta float64) float64 { return math.Round(30 + 10*eta + 8*r.NormFloat64()) }

// TestRowsAreTheirCells holds that rows and the patterns they collapse to give
// the same numbers, to rounding.
func TestRowsAreTheirCells(t *testing.T) {
	for name, c := range map[string]struct {
		family  Family
		outcome func(*rand.Rand, float64) float64
	}{"gaussian": {Gaussian, score}, "binomial": {Binomial, yesOrNo}, "poisson": {Poisson, count}, "risk ratio": {Poisson, yesOrNo}} {
		rows := cells.FromRows(designOf(t, people(400, 1, c.outcome), "y ~ tr * sev + age"))
		joined, place := rows.Collapse()
		a, b := fitOf(t, rows, c.family, Options{}), fitOf(t, joined, c.family, Options{})
		compare(t, name+" coef", b.Coef, a.Coef, 1e-10)
		compare(t, name+" cov", b.Cov.Data, a.Cov.Data, 1e-10)
		compare(t, name+" HC0", b.HC0().Data, a.HC0().Data, 1e-10)
		la, _ := a.LogLik()
		lb, _ := b.LogLik()
		compare(t, name+" fit", []float64{b.Deviance, b.NullDeviance, lb, b.Pearson(), b.N}, []float64{a.Deviance, a.NullDeviance, la, a.Pearson(), a.N}, 1e-10)
		for i, p := range place {
			if !near(a.Fitted[i], b.Fitted[p], 1e-10) {
				t.Fatalf("%s: fitted %v by row, %v by pattern", name, a.Fitted[i], b.Fitted[p])
			}
		}
		if c.family != Binomial {
			continue
		}
		pa, errA := a.Performance()
		pb, errB := b.Performance()
		ha, errC := a.HosmerLemeshow()
		hb, errD := b.HosmerLemeshow()
		if errA != nil || errB != nil || errC != nil || errD != nil {
			t.Fatal(errA, errB, errC, errD)
		}
		compare(t, "performance", []float64{pb.CStatistic, pb.Brier, pb.Nagelkerke, hb.ChiSquared}, []float64{pa.CStatistic, pa.Brier, pa.Nagelkerke, ha.ChiSquared}, 1e-9)
	}
}

// TestGaussianIsLeastSquares compares with package linear: coefficients, HC0,
// CR0 and CR2, which for equal variances is Bell and McCaffrey's whichever root.
func TestGaussianIsLeastSquares(t *testing.T) {
	m := designOf(t, people(120, 3, score), "y ~ tr + age + sev")
	labels := make([]int, m.N)
	for i := range labels {
		labels[i] = (i * i) % 11
	}
	a, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	b := fitOf(t, cells.FromRows(m), Gaussian, Options{})
	compare(t, "coef", b.Coef, a.Coef, 1e-11)
	compare(t, "cov", b.Cov.Data, a.Covariance().Data, 1e-10)
	hc0, err := a.HC(linear.HC0)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "HC0", b.HC0().Data, hc0.Data, 1e-10)
	ca, errA := a.ByRows(labels)
	cb, errB := b.Cluster(labels)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for _, kind := range []linear.CRKind{linear.CR0, linear.CR1, linear.CR1S, linear.CR2} {
		va, errA := ca.Covariance(kind)
		vb, errB := cb.Covariance(kind)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		compare(t, "clustered", vb.Data, va.Data, 1e-9)
	}
}

// TestNearlyCollinearColumns compares with a QR decomposition of the rows where
// sums alone have few digits left.
func TestNearlyCollinearColumns(t *testing.T) {
	m := designOf(t, people(200, 47, score), "y ~ tr + age")
	r := rand.New(rand.NewPCG(4, 8))
	near := m.Column(2)
	for i := range near {
		near[i] += 1e-4 * r.NormFloat64()
	}
	m = m.Append("near", near)
	a, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	b := fitOf(t, cells.FromRows(m), Gaussian, Options{})
	for i := range m.P {
		if math.Abs(b.Coef[i]/a.Coef[i]-1) > 1e-7 || math.Abs(b.Cov.At(i, i)/a.Covariance().At(i, i)-1) > 1e-8 {
			t.Errorf("%s = %v, variance %v, by QR %v and %v", m.Names[i], b.Coef[i], b.Cov.At(i, i), a.Coef[i], a.Covariance().At(i, i))
		}
	}
}

// TestCR2WhereOneClusterOwnsAColumn holds that a column of one cluster alone is
// left out of the adjustment, as package linear leaves it out.
func TestCR2WhereOneClusterOwnsAColumn(t *testing.T) {
	m := designOf(t, people(90, 5, score), "y ~ tr + age")
	own, labels := make([]float64, m.N), make([]int, m.N)
	for i := range own {
		if labels[i] = i % 6; labels[i] == 2 {
			own[i] = 1
		}
	}
	m = m.Append("own", own)
	a, err := linear.OLS(m)
	if err != nil {
		t.Fatal(err)
	}
	ca, errA := a.ByRows(labels)
	cb, errB := fitOf(t, cells.FromRows(m), Gaussian, Options{}).Cluster(labels)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	va, errA := ca.Covariance(linear.CR2)
	vb, errB := cb.Covariance(linear.CR2)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for i := range m.P - 1 { // of the column of one cluster the variance is zero
		if !near(vb.At(i, i), va.At(i, i), 1e-8) {
			t.Errorf("CR2 of %s = %v, want %v", m.Names[i], vb.At(i, i), va.At(i, i))
		}
	}
}

// TestWeightsAreRepeats holds that a weight of 2 is the row twice.
func TestWeightsAreRepeats(t *testing.T) {
	m := designOf(t, people(150, 9, yesOrNo), "y ~ tr + age")
	weights := make([]float64, m.N)
	twice := *m
	twice.X, twice.Y = slices.Clone(m.X), slices.Clone(m.Y)
	for i := range weights {
		if weights[i] = 1; i%3 == 0 {
			weights[i] = 2
			twice.X, twice.Y = append(twice.X, m.Row(i)...), append(twice.Y, m.Y[i])
			twice.N++
		}
	}
	a, b := fitOf(t, cells.FromRows(m), Binomial, Options{Weights: weights}), fitOf(t, cells.FromRows(&twice), Binomial, Options{})
	compare(t, "coef", a.Coef, b.Coef, 1e-11)
	compare(t, "cov", a.Cov.Data, b.Cov.Data, 1e-11)
	compare(t, "deviance", []float64{a.Deviance, a.NullDeviance}, []float64{b.Deviance, b.NullDeviance}, 1e-11)
}

// TestOffsetMovesTheIntercept holds that a constant offset is taken out again.
func TestOffsetMovesTheIntercept(t *testing.T) {
	data := cells.FromRows(designOf(t, people(200, 11, count), "y ~ tr + sev"))
	offset := make([]float64, data.Len())
	for i := range offset {
		offset[i] = 1.5
	}
	a, b := fitOf(t, data, Poisson, Options{}), fitOf(t, data, Poisson, Options{Offset: offset})
	want := slices.Clone(a.Coef)
	want[0] -= 1.5
	compare(t, "coef", b.Coef, want, 1e-10)
	compare(t, "null deviance", []float64{b.NullDeviance, b.Deviance}, []float64{a.NullDeviance, a.Deviance}, 1e-10)
}

// TestEquivariance draws data and holds: the other outcome turns the signs, a
// column's unit divides its coefficient, the order of rows does not matter, the
// inputs are not changed.
func TestEquivariance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		table := people(rapid.IntRange(80, 160).Draw(rt, "n"), rapid.Uint64().Draw(rt, "seed"), yesOrNo)
		m := designOf(t, table, "y ~ tr + age")
		a, err := Fit(cells.FromRows(m), Binomial, Options{})
		if err != nil {
			return // separated or without an outcome
		}
		turned := *m
		turned.X, turned.Y = nil, nil
		for i := m.N - 1; i >= 0; i-- {
			turned.X = append(turned.X, m.X[i*3], m.X[i*3+1], 1e3+m.X[i*3+2]/10)
			turned.Y = append(turned.Y, 1-m.Y[i])
		}
		before := slices.Clone(turned.X)
		b, err := Fit(cells.FromRows(&turned), Binomial, Options{})
		if err != nil {
			rt.Fatal(err)
		}
		if !near(b.Coef[1], -a.Coef[1], 1e-8) || !near(b.Coef[2], -10*a.Coef[2], 1e-8) || !near(b.Deviance, a.Deviance, 1e-9) || !slices.Equal(before, turned.X) {
			rt.Fatalf("coefficients %v and %v", a.Coef, b.Coef)
		}
		var sum float64
		for i := range a.Eta {
			sum += a.Score(i)
		}
		if math.Abs(sum) > 1e-8 {
			rt.Fatalf("the scores sum to %v", sum)
		}
	})
}

// TestTwoClasses holds that two classes are a logistic regression, whichever
// model of classes fits them.
func TestTwoClasses(t *testing.T) {
	m := designOf(t, people(300, 13, yesOrNo), "y ~ tr + age + sev")
	counts := make([][]float64, m.N)
	for i, y := range m.Y {
		counts[i] = []float64{1 - y, y}
	}
	a := fitOf(t, cells.FromRows(m), Binomial, Options{})
	b, err := FitMultinomial(m, counts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "multinomial", b.Coef[0], a.Coef, 1e-10)
	compare(t, "multinomial cov", b.Cov.Data, a.Cov.Data, 1e-10)
	o, err := FitProportionalOdds(m.Without(map[int]bool{0: true}), counts, Options{})
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "odds", append([]float64{-o.Zeta[0]}, o.Beta...), a.Coef, 1e-10)
	compare(t, "odds variance", []float64{o.Cov.At(0, 0), o.Cov.At(3, 3)}, []float64{a.Cov.At(1, 1), a.Cov.At(0, 0)}, 1e-9)
	for i := range m.N {
		if !near(b.Fitted[i][1], a.Fitted[i], 1e-10) {
			t.Fatalf("fitted %v, want %v", b.Fitted[i], a.Fitted[i])
		}
	}
}

// TestFirthOfATable holds Firth's closed form: of a 2×2 table one half added to
// each cell; it stays finite where a cell is empty.
func TestFirthOfATable(t *testing.T) {
	for _, n := range [][4]float64{{3, 17, 9, 11}, {0, 20, 8, 12}} { // events and others, treated and not
		m := &design.Matrix{Names: []string{"(Intercept)", "tr"}, Assign: []int{0, 1}, N: 2, P: 2, X: []float64{1, 1, 1, 0}}
		data := cells.Cells{Design: m, Count: []float64{n[0] + n[1], n[2] + n[3]}, Sum: []float64{n[0], n[2]}, SumSq: []float64{n[0], n[2]}}
		f, err := Firth(data, Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := math.Log((n[0] + 0.5) / (n[1] + 0.5) / ((n[2] + 0.5) / (n[3] + 0.5)))
		if !near(f.Coef[1], want, 1e-9) {
			t.Errorf("Firth of %v = %v, want %v", n, f.Coef[1], want)
		}
	}
}

// TestMarginsOfATrial holds that without covariates g-computation gives the raw
// risks, M-estimation their unpooled standard error.
func TestMarginsOfATrial(t *testing.T) {
	m := designOf(t, people(250, 17, yesOrNo), "y ~ tr")
	var n, events [2]float64
	for i, y := range m.Y {
		n[int(m.X[2*i+1])]++
		events[int(m.X[2*i+1])] += y
	}
	model := fitOf(t, cells.FromRows(m), Binomial, Options{})
	set := func(v float64) *design.Matrix {
		d := *m
		d.X = slices.Clone(m.X)
		for i := range d.N {
			d.X[2*i+1] = v
		}
		return &d
	}
	r, err := model.Standardise(set(1), set(0), nil, model.Cov)
	if err != nil {
		t.Fatal(err)
	}
	p1, p0 := events[1]/n[1], events[0]/n[0]
	se := math.Sqrt(p1*(1-p1)/n[1] + p0*(1-p0)/n[0])
	compare(t, "margins", []float64{r.Treated, r.Control, r.Difference, r.StdErr, r.StdErrM, r.Ratio}, []float64{p1, p0, p1 - p0, se, se, p1 / p0}, 1e-9)
	again, err := model.Standardise(set(1), set(0), func(i int) bool { return m.X[2*i+1] == 1 }, model.Cov)
	if err != nil || !near(again.Difference, r.Difference, 1e-12) {
		t.Errorf("effect on the treated %v, want %v (%v)", again.Difference, r.Difference, err)
	}
}

// TestProfileLimits holds that at a limit the likelihood has fallen by half the
// χ² quantile.
func TestProfileLimits(t *testing.T) {
	m := designOf(t, people(150, 19, yesOrNo), "y ~ tr + age")
	data := cells.FromRows(m)
	model := fitOf(t, data, Binomial, Options{})
	low, high, err := model.ProfileInterval(1, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []float64{low, high} {
		offset := make([]float64, m.N)
		for i := range offset {
			offset[i] = b * m.Row(i)[1]
		}
		held := data
		held.Design = columns(m, []int{0, 2})
		if got := fitOf(t, held, Binomial, Options{Offset: offset}).Deviance - model.Deviance; !near(got, 3.841458820694124, 1e-7) {
			t.Errorf("at %v the deviance rises by %v, want 3.841459", b, got)
		}
	}
}

// TestNegativeBinomialIsAMaximum moves theta to both sides.
func TestNegativeBinomialIsAMaximum(t *testing.T) {
	table := people(400, 23, func(r *rand.Rand, eta float64) float64 { return count(r, eta+r.NormFloat64()) })
	m := designOf(t, table, "y ~ tr + sev")
	values, number := occurrencesOf(m.Y)
	f, err := FitNegativeBinomial(cells.FromRows(m), values, number, Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := occurrences{values, number}
	for _, share := range []float64{0.98, 1.02} {
		other := fitOf(t, cells.FromRows(m), NegativeBinomial(share*f.Theta), Options{})
		if got := h.finish(other, share*f.Theta).LogLikelihood; !(got < f.LogLikelihood) {
			t.Errorf("theta × %v has log-likelihood %v, at theta %v", share, got, f.LogLikelihood)
		}
	}
}

// TestByGroup holds that sums by group add up, and that a model with an
// intercept expects as many events as there were.
func TestByGroup(t *testing.T) {
	m := designOf(t, people(200, 29, yesOrNo), "y ~ tr + age")
	labels := make([]int, m.N)
	for i := range labels {
		labels[i] = i % 7
	}
	sums, err := fitOf(t, cells.FromRows(m), Binomial, Options{}).ByGroup(labels, 7)
	if err != nil {
		t.Fatal(err)
	}
	var n, observed, expected float64
	for _, s := range sums {
		n, observed, expected = n+s.N, observed+s.Observed, expected+s.Expected
	}
	if n != 200 || !near(observed, expected, 1e-10) {
		t.Errorf("%v people, %v events, %v expected", n, observed, expected)
	}
}
