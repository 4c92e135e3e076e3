package queries_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/dist"
)

// select keeps the episodes that hold.
func where(rows []episode, holds func(episode) bool) []episode {
	return slices.Collect(func(yield func(episode) bool) {
		for _, e := range rows {
			if holds(e) && !yield(e) {
				return
			}
		}
	})
}

// groupBy splits episodes by dimensions, in the order of the answer.
func groupBy(rows []episode, by ...string) (keys []string, groups map[string][]episode) {
	groups = map[string][]episode{}
	for _, e := range rows {
		var key []string
		for _, d := range by {
			key = append(key, e.dimension(d))
		}
		groups[strings.Join(key, "/")] = append(groups[strings.Join(key, "/")], e)
	}
	return slices.Sorted(maps.Keys(groups)), groups
}

func meanSD(x []float64, lost int) (mean, sd float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		sd += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(sd / float64(len(x)-lost))
}

func numbers(rows []episode, column string) []float64 {
	out := make([]float64, len(rows))
	for i, e := range rows {
		out[i], _ = e.number(column)
	}
	return out
}

func less(a, b []float64, sign float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = sign * (a[i] - b[i])
	}
	return out
}

func TestOutcomesByTheRuleOfPublishedPredictions(t *testing.T) {
	d := open(t, hipsAndKnees(6000))
	a := d.ask(t, "outcomes", true, "programme", "nhs-proms", "instrument", "ohs", "by", "provider,procedure")
	hips := where(d.rows, func(e episode) bool { return strings.HasPrefix(e.text("procedure"), "hip") })
	modelled := func(e episode) bool { return e.has("ohs_baseline", "ohs_6m", "ohs_6m_predicted") }
	keys, groups := groupBy(hips, "provider", "procedure")
	if len(a.Rows) != len(keys) {
		t.Fatalf("%d rows, want %d", len(a.Rows), len(keys))
	}
	adjusted := 0
	for i, key := range keys {
		rows := groups[key]
		mine := where(rows, modelled)
		national := where(hips, func(e episode) bool { return modelled(e) && e.text("procedure") == rows[0].text("procedure") })
		residual := func(rows []episode) []float64 {
			return less(numbers(rows, "ohs_6m"), numbers(rows, "ohs_6m_predicted"), 1)
		}
		gain := less(numbers(mine, "ohs_6m"), numbers(mine, "ohs_baseline"), 1)
		mean, sd := meanSD(gain, 1)
		half := dist.TCritical(0.95, float64(len(gain)-1)) * sd / math.Sqrt(float64(len(gain)))
		a.same(i, "provider", rows[0]["provider"])
		a.same(i, "procedure", rows[0]["procedure"])
		a.same(i, "instrument", "ohs")
		a.same(i, "n_eligible", int64(len(rows)))
		a.same(i, "n_modelled", int64(len(mine)))
		before, _ := meanSD(numbers(mine, "ohs_baseline"), 1)
		a.near(i, "mean_baseline", before, 1e-12)
		a.near(i, "mean_gain", mean, 1e-12)
		a.near(i, "std_dev", sd, 1e-12)
		a.near(i, "lower", mean-half, 1e-10)
		a.near(i, "upper", mean+half, 1e-10)
		a.same(i, "n_improved", int64(len(where(mine, func(e episode) bool { return e["ohs_6m"].(float64) > e["ohs_baseline"].(float64) }))))
		a.same(i, "n_worse", int64(len(where(mine, func(e episode) bool { return e["ohs_6m"].(float64) < e["ohs_baseline"].(float64) }))))
		own, ownSD := meanSD(residual(mine), 1)
		all, allSD := meanSD(residual(national), 1)
		a.near(i, "residual_sd", ownSD, 1e-9)
		if len(mine) < 30 {
			a.near(i, "adjusted_gain", math.NaN(), 0)
			a.same(i, "outlier", nil)
			continue
		}
		adjusted++
		nationalGain, _ := meanSD(less(numbers(national, "ohs_6m"), numbers(national, "ohs_baseline"), 1), 1)
		a.near(i, "adjusted_gain", own-all+nationalGain, 1e-9)
		a.same(i, "outlier", outlierOf((own-all)/(allSD/math.Sqrt(float64(len(mine))))))
	}
	if adjusted == 0 || adjusted == len(keys) {
		t.Fatalf("%d of %d rows adjusted: the test needs both kinds", adjusted, len(keys))
	}
}

func outlierOf(z float64) string {
	side := "high"
	if z < 0 {
		side = "low"
	}
	switch {
	case math.Abs(z) > 3.090232:
		return "alarm_" + side
	case math.Abs(z) > 1.959964:
		return "alert_" + side
	}
	return "none"
}

// A group that spans procedures is held against each by its own share.
func TestOutcomesOfGroupsThatSpanStrata(t *testing.T) {
	d := open(t, hipsAndKnees(4000))
	a := d.ask(t, "outcomes", true, "programme", "nhs-proms", "instrument", "eqvas,ohs", "by", "provider")
	modelled := where(d.rows, func(e episode) bool { return e.has("eqvas_baseline", "eqvas_6m", "eqvas_6m_predicted") })
	residual := func(e episode) float64 { return e["eqvas_6m"].(float64) - e["eqvas_6m_predicted"].(float64) }
	gain := func(e episode) float64 { return e["eqvas_6m"].(float64) - e["eqvas_baseline"].(float64) }
	_, strata := groupBy(modelled, "procedure", "year")
	mean := func(rows []episode, of func(episode) float64) float64 {
		var s float64
		for _, e := range rows {
			s += of(e)
		}
		return s / float64(len(rows))
	}
	keys, groups := groupBy(modelled, "provider")
	for i, key := range keys {
		var want float64
		_, parts := groupBy(groups[key], "procedure", "year")
		for s, part := range parts {
			w := float64(len(part)) / float64(len(groups[key]))
			want += w * (mean(part, residual) - mean(strata[s], residual) + mean(strata[s], gain))
		}
		a.same(2*i, "instrument", "eqvas")
		a.near(2*i, "adjusted_gain", want, 1e-9)
		// the Oxford Hip Score is asked of people with a hip only
		a.same(2*i+1, "instrument", "ohs")
		a.same(2*i+1, "n_eligible", int64(len(where(d.rows, func(e episode) bool {
			return e.text("provider") == key && strings.HasPrefix(e.text("procedure"), "hip")
		}))))
	}
}

func TestOutcomesAreClusteredFromTenProvidersOn(t *testing.T) {
	d := open(t, backPain(2500))
	a := d.ask(t, "outcomes", true, "instrument", "odi", "by", "none", "level", "0.9")
	if len(a.Rows) != 1 {
		t.Fatalf("%d rows, want 1", len(a.Rows))
	}
	mine := where(d.rows, complete)
	gain := less(numbers(mine, "odi_12m"), numbers(mine, "odi_baseline"), -1)
	mean, _ := meanSD(gain, 1)
	sums := map[string]float64{}
	for i, e := range mine {
		sums[e.text("provider")] += gain[i] - mean
	}
	var ss float64
	for _, s := range sums {
		ss += s * s
	}
	g := float64(len(sums))
	half := dist.TCritical(0.9, g-1) * math.Sqrt(g/(g-1)*ss) / float64(len(mine))
	a.near(0, "mean_gain", mean, 1e-12)
	a.near(0, "lower", mean-half, 1e-10)
	a.near(0, "upper", mean+half, 1e-10)
	responders := where(mine, func(e episode) bool {
		return e["odi_baseline"].(float64) >= 10 && e["odi_baseline"].(float64)-e["odi_12m"].(float64) >= 0.3*e["odi_baseline"].(float64)-1e-9
	})
	a.same(0, "n_responders", int64(len(responders)))
}

// modelColumns are what a modelled record of the fixture's programme has.
var modelColumns = []string{"odi_baseline", "odi_12m", "age", "sex", "imd_decile", "startback_risk", "symptom_duration",
	"prior_surgery", "comorbidity_count", "bmi", "smoker", "opioid_use"}

func complete(e episode) bool { return e.has(modelColumns...) }

func TestOutcomesByOurOwnCaseMixModel(t *testing.T) {
	d := open(t, backPain(3000))
	mine := where(d.rows, complete)
	expected, coefficients := caseMixByRows(mine)
	var residuals []float64
	for i, e := range mine {
		residuals = append(residuals, e["odi_12m"].(float64)-expected[i])
	}
	index := map[string][]int{}
	strata := map[string][]int{}
	for i, e := range mine {
		key := e.text("provider")
		index[key] = append(index[key], i)
		strata[e.dimension("year")] = append(strata[e.dimension("year")], i)
	}
	var ss float64
	for _, v := range residuals {
		ss += v * v
	}
	sigma := math.Sqrt(ss / float64(len(mine)-coefficients))
	gain := less(numbers(mine, "odi_12m"), numbers(mine, "odi_baseline"), -1)
	at := func(x []float64, places []int) []float64 {
		var out []float64
		for _, i := range places {
			out = append(out, x[i])
		}
		return out
	}
	a := d.ask(t, "outcomes", true, "instrument", "odi", "by", "provider")
	for i, key := range slices.Sorted(maps.Keys(index)) {
		places := index[key]
		own, sd := meanSD(at(residuals, places), coefficients)
		var reference, referenceGain float64
		for _, s := range strata {
			var n float64
			for _, p := range s {
				if slices.Contains(places, p) {
					n++
				}
			}
			r, _ := meanSD(at(residuals, s), 1)
			g, _ := meanSD(at(gain, s), 1)
			reference += n / float64(len(places)) * r
			referenceGain += n / float64(len(places)) * g
		}
		a.same(i, "provider", key)
		a.same(i, "n_modelled", int64(len(places)))
		a.near(i, "residual_sd", sd, 1e-8)
		a.near(i, "adjusted_gain", -(own-reference)+referenceGain, 1e-8)
		a.same(i, "outlier", outlierOf(-(own-reference)/(sigma/math.Sqrt(float64(len(places))))))
	}
	whole := d.ask(t, "outcomes", true, "instrument", "odi", "by", "none")
	whole.near(0, "residual_sd", sigma, 1e-8)
	f := d.ask(t, "funnel", true, "instrument", "odi")
	checkFunnel(t, f, a)
}

// caseMixByRows fits the programme's model over rows, with an effect for every
// provider, and returns predictions without it that have the observed mean.
func caseMixByRows(rows []episode) (expected []float64, coefficients int) {
	slope := func(e episode) []float64 {
		b, age := e["odi_baseline"].(float64), e["age"].(float64)
		x := []float64{b, b * b, age, age * age}
		for _, level := range []string{"male"} {
			x = append(x, indicator(e.dimension("sex") == level))
		}
		for q := 2; q <= 5; q++ {
			x = append(x, indicator(e.dimension("imd_quintile") == fmt.Sprint(q)))
		}
		for _, level := range []string{"low", "medium"} { // reference high
			x = append(x, indicator(e.text("startback_risk") == level))
		}
		for _, level := range []string{"6w_12w", "3m_12m", "gt_12m"} {
			x = append(x, indicator(e.text("symptom_duration") == level))
		}
		for _, c := range []string{"prior_surgery", "comorbidity_count", "bmi", "smoker", "opioid_use"} {
			x = append(x, e[c].(float64))
		}
		return x
	}
	_, providers := groupBy(rows, "provider")
	p := len(slope(rows[0]))
	gram, right := make([][]float64, p), make([]float64, p)
	for i := range gram {
		gram[i] = make([]float64, p)
	}
	for _, members := range providers {
		mean, meanY := make([]float64, p), 0.0
		for _, e := range members {
			for i, v := range slope(e) {
				mean[i] += v / float64(len(members))
			}
			meanY += e["odi_12m"].(float64) / float64(len(members))
		}
		for _, e := range members {
			x := slope(e)
			for i := range x {
				for j := range x {
					gram[i][j] += (x[i] - mean[i]) * (x[j] - mean[j])
				}
				right[i] += (x[i] - mean[i]) * (e["odi_12m"].(float64) - meanY)
			}
		}
	}
	b := solve(gram, right)
	var shift float64
	for _, e := range rows {
		v := 0.0
		for i, x := range slope(e) {
			v += b[i] * x
		}
		expected = append(expected, v)
		shift += (e["odi_12m"].(float64) - v) / float64(len(rows))
	}
	for i := range expected {
		expected[i] += shift
	}
	return expected, p + 1
}

func indicator(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// solve is Gaussian elimination with pivoting on scaled rows.
func solve(a [][]float64, y []float64) []float64 {
	n := len(y)
	for k := range n {
		best := k
		for i := k; i < n; i++ {
			if math.Abs(a[i][k]) > math.Abs(a[best][k]) {
				best = i
			}
		}
		a[k], a[best], y[k], y[best] = a[best], a[k], y[best], y[k]
		for i := k + 1; i < n; i++ {
			f := a[i][k] / a[k][k]
			for j := k; j < n; j++ {
				a[i][j] -= f * a[k][j]
			}
			y[i] -= f * y[k]
		}
	}
	x := make([]float64, n)
	for i := n - 1; i >= 0; i-- {
		x[i] = y[i]
		for j := i + 1; j < n; j++ {
			x[i] -= a[i][j] * x[j]
		}
		x[i] /= a[i][i]
	}
	return x
}

// checkFunnel holds a funnel against the outcomes of the same groups.
func checkFunnel(t *testing.T, f, outcomes table) {
	t.Helper()
	if len(f.Rows) != len(outcomes.Rows) {
		t.Fatalf("%d units, want %d", len(f.Rows), len(outcomes.Rows))
	}
	var z []float64
	for i := range f.Rows {
		f.same(i, "n", outcomes.at(i, "n_modelled"))
		f.same(i, "value", outcomes.at(i, "adjusted_gain"))
		f.same(i, "outlier", outcomes.at(i, "outlier"))
		target, lower := f.at(i, "target").(float64), f.at(i, "lower_95").(float64)
		se := (target - lower) / dist.NormalCritical(0.95)
		f.near(i, "upper_95", target+dist.NormalCritical(0.95)*se, 1e-9)
		f.near(i, "lower_998", target-dist.NormalCritical(0.998)*se, 1e-9)
		z = append(z, (f.at(i, "value").(float64)-target)/se)
	}
	sorted := slices.Sorted(slices.Values(z))
	quantile := func(p float64) float64 {
		h := p * float64(len(sorted)-1)
		lo := int(h)
		return sorted[lo] + (h-float64(lo))*(sorted[min(lo+1, len(sorted)-1)]-sorted[lo])
	}
	var phi float64
	for _, v := range z {
		v = clamp(v, quantile(0.1), quantile(0.9))
		phi += v * v / float64(len(z))
	}
	f.near(0, "phi", phi, 1e-9)
}
