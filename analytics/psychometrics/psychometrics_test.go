package psychometrics

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

func near(got, want, tol float64) bool { return math.Abs(got-want) <= tol*math.Max(1, math.Abs(want)) }

func must(t interface{ Fatal(...any) }, x []float64) histogram.Histogram {
	h, err := histogram.FromRows(x)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

type golden struct {
	Agree []struct {
		A, B           []float64
		ICC, Low, High [6]float64
		CCC            [3]float64
		Pearson        [4]float64
		Spearman       [2]float64
	}
	Alpha []struct {
		X             [][]float64
		Raw, Std      float64
		Without, Rest []float64
		Feldt         [2]float64
	}
	Anchor []struct {
		Improved, Not               []float64
		AUC, R, SD                  float64
		Youden, Sens, Spec, TopLeft []float64
		Logistic                    [2]float64
	}
}

func readR(t *testing.T) golden {
	t.Helper()
	raw, err := os.ReadFile("testdata/psychometrics.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func compare(t *testing.T, where int, tol float64, pairs map[string][2]float64) {
	t.Helper()
	for name, p := range pairs {
		if !near(p[0], p[1], tol) {
			t.Errorf("case %d: %s = %v, R has %v", where, name, p[0], p[1])
		}
	}
}

func TestAgreementAgreesWithR(t *testing.T) {
	for i, c := range readR(t).Agree {
		p, err := PairsFromRows(c.A, c.B)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Agree(p, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Spearman(c.A, c.B)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][2]float64{
			"CCC": {a.CCC, c.CCC[0]}, "CCC low": {a.CCCLimits.Low, c.CCC[1]}, "CCC high": {a.CCCLimits.High, c.CCC[2]},
			"r": {a.Pearson, c.Pearson[0]}, "r low": {a.PearsonLimits.Low, c.Pearson[1]}, "r high": {a.PearsonLimits.High, c.Pearson[2]}, "r p": {*a.PearsonP, c.Pearson[3]},
			"Spearman": {s.Value, c.Spearman[0]}, "its p": {*s.P, c.Spearman[1]},
		}
		for k, icc := range a.ICC {
			want[icc.Name] = [2]float64{icc.Value, c.ICC[k]}
			want[icc.Name+" low"] = [2]float64{icc.Low, c.Low[k]}
			want[icc.Name+" high"] = [2]float64{icc.High, c.High[k]}
		}
		compare(t, i, 1e-9, want)
	}
}

func TestAlphaAgreesWithPsych(t *testing.T) {
	for i, c := range readR(t).Alpha {
		items, err := ItemsFromRows(c.X)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Cronbach(items, 0.95)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][2]float64{"alpha": {a.Alpha, c.Raw}, "standardised": {a.Standardised, c.Std}, "low": {a.Limits.Low, c.Feldt[0]}, "high": {a.Limits.High, c.Feldt[1]}}
		compare(t, i, 1e-11, want)
		for k := range c.X {
			if !near(*a.ItemRest[k], c.Rest[k], 1e-11) {
				t.Errorf("case %d item %d: item-rest %v, R has %v", i, k, *a.ItemRest[k], c.Rest[k])
			}
			if len(c.X) == 2 {
				if a.WithoutItem[k] != nil {
					t.Errorf("alpha of one item: %v", *a.WithoutItem[k])
				}
				continue
			}
			if !near(*a.WithoutItem[k], c.Without[k], 1e-11) {
				t.Errorf("case %d item %d: alpha without it %v, R has %v", i, k, *a.WithoutItem[k], c.Without[k])
			}
		}
	}
}

func TestAnchorAgreesWithPROC(t *testing.T) {
	for i, c := range readR(t).Anchor {
		a, err := MinimalChange(must(t, c.Improved), must(t, c.Not))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, i, 1e-9, map[string][2]float64{"auc": {a.Area, c.AUC}, "intercept": {a.Intercept, c.Logistic[0]}, "slope": {a.Slope, c.Logistic[1]}, "r": {a.Correlation, c.R}, "sd": {a.StdDev, c.SD}})
		var thresholds, corners []float64
		for k, cut := range a.Youden {
			thresholds = append(thresholds, cut.Threshold)
			if !near(cut.Sensitivity, c.Sens[k], 1e-14) || !near(cut.Specificity, c.Spec[k], 1e-14) {
				t.Errorf("case %d cut %v, R has %v %v", i, cut, c.Sens, c.Spec)
			}
		}
		for _, cut := range a.TopLeft {
			corners = append(corners, cut.Threshold)
		}
		if !slices.EqualFunc(thresholds, c.Youden, func(x, y float64) bool { return near(x, y, 1e-14) }) || !slices.EqualFunc(corners, c.TopLeft, func(x, y float64) bool { return near(x, y, 1e-14) }) {
			t.Errorf("case %d cuts %v %v, R has %v %v", i, thresholds, corners, c.Youden, c.TopLeft)
		}
	}
}

// TestMomentsAreTheRows holds that what the store sums gives the same answer.
func TestMomentsAreTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 30).Draw(t, "n")
		columns := make([][]float64, 3)
		var x []float64
		for range n {
			x = append(x, 1)
			for k := range columns {
				v := float64(rapid.IntRange(0, 5).Draw(t, "answer"))
				columns[k] = append(columns[k], v)
				x = append(x, v)
			}
		}
		m, err := moments.FromRows([]moments.Term{moments.Intercept(), moments.Column("a"), moments.Column("b"), moments.Column("c")}, []int64{1, 1, 1, 1}, x)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := ItemsFromRows(columns)
		if err != nil {
			t.Fatal(err)
		}
		sums, err := ItemsFromMoments(m, []int{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		a, errRows := Cronbach(rows, 0.95)
		b, errSums := Cronbach(sums, 0.95)
		if (errRows == nil) != (errSums == nil) || errRows == nil && !near(a.Alpha, b.Alpha, 1e-9) {
			t.Fatalf("alpha of rows %v %v, of sums %v %v", a.Alpha, errRows, b.Alpha, errSums)
		}
		p, err := PairsFromRows(columns[0], columns[1])
		if err != nil {
			t.Fatal(err)
		}
		q, err := PairsFromMoments(m, 1, 2)
		if err != nil {
			t.Fatal(err)
		}
		c, errRows := Agree(p, 0.95)
		d, errSums := Agree(q, 0.95)
		if (errRows == nil) != (errSums == nil) || errRows == nil && (!near(c.CCC, d.CCC, 1e-9) || !near(c.StdDev, d.StdDev, 1e-9)) {
			t.Fatalf("agreement of rows %+v %v, of sums %+v %v", c, errRows, d, errSums)
		}
	})
}

func TestSwapOfMeasurements(t *testing.T) {
	x, y := []float64{40, 42, 20, 66, 8, 30}, []float64{38, 44, 28, 60, 10, 40}
	p, _ := PairsFromRows(x, y)
	q, _ := PairsFromRows(y, x)
	a, err := Agree(p, 0.95)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Agree(q, 0.95)
	if err != nil || a.Bias != -b.Bias || !near(a.CCC, b.CCC, 1e-14) || !near(a.ICC[1].Value, b.ICC[1].Value, 1e-13) || !near(a.LimitsOfAgreement.Low, -b.LimitsOfAgreement.High, 1e-13) {
		t.Errorf("%+v swapped %+v %v", a, b, err)
	}
}

func TestUndefinedParts(t *testing.T) {
	p, _ := PairsFromRows([]float64{1, 2, 4}, []float64{1, 3, 4})
	if a, err := Agree(p, 0.95); err != nil || a.PearsonLimits != nil || a.PearsonP == nil {
		t.Errorf("three pairs: %+v %v", a, err)
	}
	if s, err := Spearman([]float64{1, 2, 3}, []float64{2, 5, 9}); err != nil || s.Value != 1 || s.P != nil {
		t.Errorf("ranks alike: %+v %v", s, err)
	}
	low := []float64{-3, -3, 0}
	if a, err := MinimalChange(must(t, low), must(t, []float64{1, 2, -4, 5})); err != nil || len(a.Youden) == 0 {
		t.Errorf("an anchor of the wrong sign: %+v %v", a, err)
	}
}

func TestErrors(t *testing.T) {
	pairs := func(a, b []float64) Pairs {
		p, err := PairsFromRows(a, b)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	x := []float64{1, 2, 4, 4}
	some, other := must(t, []float64{1, 2, 3}), must(t, []float64{7, 8, 9})
	items := func(columns ...[]float64) Items {
		i, err := ItemsFromRows(columns)
		if err != nil {
			t.Fatal(err)
		}
		return i
	}
	for name, c := range map[string]struct{ err, want error }{
		"pairs lengths":     {second(PairsFromRows(x, x[:2])), analytics.ErrInvalidParameter},
		"pairs one":         {second(PairsFromRows(x[:1], x[:1])), analytics.ErrTooFewObservations},
		"agree two":         {second(Agree(pairs(x[:2], x[1:3]), 0.95)), analytics.ErrTooFewObservations},
		"agree alike":       {second(Agree(pairs(x, x), 0.95)), analytics.ErrZeroVariance},
		"agree flat":        {second(Agree(pairs(x, []float64{2, 2, 2, 2}), 0.95)), analytics.ErrZeroVariance},
		"agree opposite":    {second(Agree(pairs(x, []float64{-1, -2, -4, -4}), 0.95)), analytics.ErrZeroVariance},
		"agree level":       {second(Agree(pairs(x, x), 0)), analytics.ErrInvalidParameter},
		"spearman flat":     {second(Spearman(x, []float64{1, 1, 1, 1})), analytics.ErrZeroVariance},
		"spearman NaN":      {second(Spearman(x, []float64{1, 1, math.NaN(), 1})), analytics.ErrInvalidParameter},
		"spearman lengths":  {second(Spearman(x, x[:3])), analytics.ErrInvalidParameter},
		"alpha one item":    {second(Cronbach(items(x), 0.95)), analytics.ErrTooFewObservations},
		"alpha flat item":   {second(Cronbach(items(x, []float64{3, 3, 3, 3}), 0.95)), analytics.ErrZeroVariance},
		"alpha opposite":    {second(Cronbach(items(x, []float64{-1, -2, -4, -4}), 0.95)), analytics.ErrZeroVariance},
		"alpha ragged":      {second(Cronbach(Items{N: 4, Covariance: [][]float64{{1, 0}, {1}}}, 0.95)), analytics.ErrInvalidParameter},
		"items lengths":     {second(ItemsFromRows([][]float64{x, x[:2]})), analytics.ErrInvalidParameter},
		"anchor one person": {second(MinimalChange(must(t, []float64{3}), some)), analytics.ErrTooFewObservations},
		"anchor flat":       {second(MinimalChange(must(t, []float64{2, 2}), must(t, []float64{2, 2}))), analytics.ErrZeroVariance},
		"anchor separated":  {second(MinimalChange(other, some)), analytics.ErrNotConverged},
		"anchor no slope":   {second(MinimalChange(some, some)), analytics.ErrZeroVariance},
	} {
		if !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }
