package survival

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
)

// repeatedRows writes a cohort of cells out as people.
func repeatedRows(c *Cohort, counts []float64) *Cohort {
	out := &Cohort{Names: c.Names}
	p := len(c.Names)
	for i := range c.Time {
		for k := 0.0; k < counts[i]; k++ {
			out.X = append(out.X, c.X[i*p:(i+1)*p]...)
			out.Time, out.Cause = append(out.Time, c.Time[i]), append(out.Cause, c.Cause[i])
		}
	}
	return out
}

func mustFit(t *testing.T, m *Model, err error) *Model {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestCellsAreTheirPeople holds that cells give what the rows that they stand for give.
func TestCellsAreTheirPeople(t *testing.T) {
	g := golden(t)
	cells := g.cohort()
	people := repeatedRows(cells, g.Data["k"])
	cells.Count = g.Data["k"]
	for name, fit := range map[string]func(*Cohort) (*Model, error){
		"efron":    func(c *Cohort) (*Model, error) { return Cox(c, 1, Options{}) },
		"breslow":  func(c *Cohort) (*Model, error) { return Cox(c, 2, Options{Ties: Breslow}) },
		"crr":      func(c *Cohort) (*Model, error) { return FineGray(c, 1, WithEvents, Options{}) },
		"finegray": func(c *Cohort) (*Model, error) { return FineGray(c, 1, AfterEvents, Options{Ties: Efron}) },
	} {
		m, err := fit(cells)
		a := mustFit(t, m, err)
		m, err = fit(people)
		b := mustFit(t, m, err)
		compare(t, name+" coef", a.Coef, b.Coef, 1e-10)
		compare(t, name+" cov", a.Cov, b.Cov, 1e-10)
		compare(t, name+" loglik", []float64{a.LogLik}, []float64{b.LogLik}, 1e-11)
		robust := func(m *Model) []float64 {
			cov, err := m.Robust()
			if name == "crr" {
				cov, err = m.CensoringCovariance()
			}
			if err != nil {
				t.Fatal(err)
			}
			return cov
		}
		compare(t, name+" robust", robust(a), robust(b), 1e-10)
	}
}

// TestSwapShiftAndScale holds what a change of units must do to a Cox model.
func TestSwapShiftAndScale(t *testing.T) {
	g := golden(t)
	c := g.cohort()
	before := append([]float64(nil), c.X...)
	m, err := Cox(c, 1, Options{})
	a := mustFit(t, m, err)
	changed := g.cohort()
	for i := range changed.Time {
		changed.X[2*i] = 1 - changed.X[2*i]                // arms swapped
		changed.X[2*i+1] = 1e5 + 12*changed.X[2*i+1]       // months, from another origin
		changed.Time[i] = math.Sqrt(changed.Time[i])*7 + 0 // any rising function of time
	}
	m, err = Cox(changed, 1, Options{})
	b := mustFit(t, m, err)
	compare(t, "coef", []float64{-b.Coef[0], 12 * b.Coef[1]}, a.Coef, 1e-9)
	compare(t, "loglik", []float64{b.LogLik, b.Score}, []float64{a.LogLik, a.Score}, 1e-9)
	if !reflect.DeepEqual(before, c.X) {
		t.Error("the cohort was changed")
	}
}

// TestOrderOfRowsAndThreadsDoNotMatter permutes rows: coefficients to rounding,
// and the same rows to the bit on any number of threads.
func TestOrderOfRowsAndThreadsDoNotMatter(t *testing.T) {
	c := nation(3000, true)
	m, err := Cox(c, 1, Options{})
	a := mustFit(t, m, err)
	order := rand.New(rand.NewPCG(9, 9)).Perm(c.Len())
	mixed := &Cohort{Names: c.Names}
	for _, i := range order {
		mixed.X = append(mixed.X, c.X[i*5:(i+1)*5]...)
		mixed.Time, mixed.Cause = append(mixed.Time, c.Time[i]), append(mixed.Cause, c.Cause[i])
	}
	m, err = Cox(mixed, 1, Options{})
	b := mustFit(t, m, err)
	compare(t, "coef", b.Coef, a.Coef, 1e-10)
	threads := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(threads)
	m, err = Cox(c, 1, Options{})
	if again := mustFit(t, m, err); !reflect.DeepEqual(again.Coef, a.Coef) || !reflect.DeepEqual(again.Cov, a.Cov) {
		t.Error("one thread gives other digits")
	}
}

// TestTwoGroupsScoreIsLogRank holds that, without ties, the score test of one
// indicator is the log-rank test, and without censoring the curve is the share left.
func TestTwoGroupsScoreIsLogRank(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	c := &Cohort{Names: []string{"arm"}}
	var arms []int
	for i := 0; i < 60; i++ {
		arm := r.IntN(2)
		arms = append(arms, arm)
		c.X, c.Time, c.Cause = append(c.X, float64(arm)), append(c.Time, r.Float64()), append(c.Cause, r.IntN(2))
	}
	m, err := Cox(c, 1, Options{})
	mustFit(t, m, err)
	table, err := TableOf(c, []string{"0", "1"}, arms, 1)
	if err != nil {
		t.Fatal(err)
	}
	l, err := Compare(table, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "score", []float64{m.Score}, []float64{l.ChiSquared}, 1e-9)
	for i := range c.Cause {
		c.Cause[i] = 1
	}
	if table, err = TableOf(c, []string{"all"}, make([]int, 60), 1); err != nil {
		t.Fatal(err)
	}
	curve, err := KaplanMeier(table, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for k, s := range curve.Survival {
		if want := float64(59-k) / 60; math.Abs(s-want) > 1e-12 {
			t.Fatalf("S after %d events is %v, want %v", k+1, s, want)
		}
	}
	mean, err := curve.RestrictedMean(2, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, v := range c.Time {
		sum += v / 60
	}
	compare(t, "mean", []float64{mean.Value}, []float64{sum}, 1e-12)
}

// TestIncidenceAddsUp holds that the causes and the event-free share sum to one,
// and that merged counts are the whole.
func TestIncidenceAddsUp(t *testing.T) {
	g := golden(t)
	for _, stratified := range []bool{false, true} {
		table := g.table(t, stratified, 2)
		for k := range table.Groups {
			c, err := CumulativeIncidence(table, k)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.Times {
				if total := c.Survival[i] + c.Probability[0][i] + c.Probability[1][i]; math.Abs(total-1) > 1e-12 {
					t.Fatalf("group %d: shares sum to %v", k, total)
				}
			}
		}
	}
	a, err := KaplanMeier(g.table(t, false, 2), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	b, err := KaplanMeier(g.table(t, true, 2), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "strata merged", b.Survival, a.Survival, 1e-13)
}

// TestMedians are by hand: S is 3/4, 1/2, 1/4 after 1, 2 and 5.
func TestMedians(t *testing.T) {
	counts := func(cause int, times ...float64) []Count {
		var out []Count
		for _, at := range times {
			out = append(out, Count{Time: at, Cause: cause, N: 1})
		}
		return out
	}
	for name, c := range map[string]struct {
		counts []Count
		want   *float64
	}{
		"flat at a half": {append(counts(1, 1, 2, 5), counts(0, 6)...), ptr(3.5)},
		"crossed":        {counts(1, 1, 2, 5), ptr(2)},
		"never reached":  {append(counts(1, 1), counts(0, 2, 2, 2)...), nil},
		"half at end":    {append(counts(1, 1), counts(0, 4)...), ptr(2.5)},
	} {
		table, err := NewTable([]string{"a"}, 1, 1, c.counts)
		if err != nil {
			t.Fatal(err)
		}
		curve, err := KaplanMeier(table, 0, 1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := curve.Quantile(0.5, LogLog, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got.Value, c.want) {
			t.Errorf("%s: median %v, want %v", name, show(got.Value), show(c.want))
		}
	}
}

func ptr(v float64) *float64 { return &v }

func show(v *float64) any {
	if v == nil {
		return nil
	}
	return *v
}

func TestRefusals(t *testing.T) {
	rows := func(x, time []float64, cause ...int) *Cohort {
		return &Cohort{Names: []string{"x"}, X: x, Time: time, Cause: cause}
	}
	six := []float64{1, 2, 3, 4, 5, 6}
	for name, c := range map[string]struct {
		cohort *Cohort
		want   error
		says   string
	}{
		"nobody":           {rows(nil, nil), analytics.ErrTooFewObservations, "no row to follow"},
		"all censored":     {rows(six, six, 0, 0, 0, 0, 0, 0), analytics.ErrTooFewObservations, "censored"},
		"other cause":      {rows(six, six, 2, 2, 0, 2, 2, 2), analytics.ErrTooFewObservations, "no event"},
		"constant":         {rows([]float64{3, 3, 3, 3, 3, 3}, six, 1, 1, 1, 1, 0, 1), analytics.ErrCollinear, "x"},
		"monotone":         {rows([]float64{0, 1, 0, 1, 0, 1}, six, 0, 1, 0, 1, 0, 1), analytics.ErrNotConverged, "infinity"},
		"monotone number":  {rows([]float64{6, 5, 4, 3, 2, 1}, six, 1, 1, 1, 1, 1, 1), analytics.ErrNotConverged, "infinity"},
		"negative time":    {rows(six, []float64{-1, 2, 3, 4, 5, 6}, 1, 1, 1, 1, 1, 1), analytics.ErrInvalidParameter, "time"},
		"missing x":        {rows([]float64{1, math.NaN(), 3, 4, 5, 6}, six, 1, 1, 1, 1, 1, 1), analytics.ErrInvalidParameter, "covariates"},
		"lengths":          {rows(six[:5], six, 1, 1, 1, 1, 1, 1), analytics.ErrInvalidParameter, "lengths"},
		"weightless":       {&Cohort{Names: []string{"x"}, X: six, Time: six, Cause: []int{1, 1, 1, 1, 1, 1}, Weight: make([]float64, 6)}, analytics.ErrTooFewObservations, ""},
		"part of a person": {&Cohort{Names: []string{"x"}, X: six, Time: six, Cause: []int{1, 1, 1, 1, 1, 1}, Count: []float64{.5, 1, 1, 1, 1, 1}}, analytics.ErrInvalidParameter, "whole"},
	} {
		_, err := Cox(c.cohort, 1, Options{})
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v with %q", name, err, c.want, c.says)
		}
		if _, err := FineGray(c.cohort, 1, WithEvents, Options{}); err == nil {
			t.Errorf("%s: Fine and Gray answered", name)
		}
	}
	competing, err := FineGray(golden(t).cohort(), 1, AfterEvents, Options{})
	mustFit(t, competing, err)
	if _, err := competing.Concordance(); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("concordance of Fine and Gray: %v", err)
	}
	if _, err := competing.TestProportionality([]string{"a", "b"}, []int{0, 1}); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("proportionality of Fine and Gray: %v", err)
	}
	if _, err := competing.CensoringCovariance(); !errors.Is(err, analytics.ErrInvalidParameter) {
		t.Errorf("censoring covariance by finegray's rule: %v", err)
	}
	stop := errors.New("stop")
	if _, err := Cox(nation(50, true), 1, Options{Interrupt: func() error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("interrupted: %v", err)
	}
	one := nation(50, true)
	one.Cluster = make([]int, 50)
	m, err := Cox(one, 1, Options{})
	mustFit(t, m, err)
	if _, err := m.Robust(); !errors.Is(err, analytics.ErrTooFewObservations) {
		t.Errorf("one cluster: %v", err)
	}
}

func TestTableRefusals(t *testing.T) {
	two := []string{"a", "b"}
	event := func(group int, at float64, cause int) Count { return Count{Group: group, Time: at, Cause: cause, N: 1} }
	for name, c := range map[string]struct {
		groups []string
		counts []Count
		want   error
	}{
		"one group":       {[]string{"a"}, []Count{event(0, 1, 1), event(0, 2, 1)}, analytics.ErrTooFewObservations},
		"an empty group":  {two, []Count{event(0, 1, 1), event(0, 2, 1)}, analytics.ErrTooFewObservations},
		"no events":       {two, []Count{event(0, 1, 0), event(1, 2, 0)}, analytics.ErrZeroVariance},
		"never together":  {two, []Count{event(0, 1, 0), event(1, 2, 1), event(1, 3, 1)}, analytics.ErrZeroVariance},
		"only at the end": {two, []Count{event(0, 1, 1), event(1, 1, 1)}, analytics.ErrZeroVariance},
	} {
		table, err := NewTable(c.groups, 1, 1, c.counts)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := Compare(table, 1, 0); !errors.Is(err, c.want) {
			t.Errorf("log-rank, %s: %v, want %v", name, err, c.want)
		}
		if _, err := CompareIncidence(table, 1); err == nil && name != "only at the end" {
			t.Errorf("Gray, %s: answered", name)
		}
	}
	for name, counts := range map[string][]Count{
		"nobody": nil, "negative": {{Time: -1, Cause: 1, N: 1}}, "no such group": {{Group: 2, Time: 1, N: 1}}, "no such cause": {{Cause: 2, Time: 1, N: 1}}, "NaN": {{Time: 1, Cause: 1, N: math.NaN()}},
	} {
		if _, err := NewTable(two, 1, 1, counts); err == nil {
			t.Errorf("%s: a table", name)
		}
	}
}
