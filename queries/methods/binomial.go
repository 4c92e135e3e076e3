package methods

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/funnel"
)

// binomialDispersion is the over-dispersion of proportions, on their own scale
// and on that of arcsine square roots.
type binomialDispersion struct {
	providers []string
	plain     funnel.Dispersion
	arcsine   funnel.Result
}

var binomialDispersionKeys = []key[binomialDispersion]{
	value("provider", Names, func(r binomialDispersion) any { return r.providers }),
	value("z", Numbers, func(r binomialDispersion) any { return r.plain.Z }),
	scalar("phi", func(r binomialDispersion) float64 { return r.plain.Phi }),
	scalar("tau2_additive", func(r binomialDispersion) float64 { return r.plain.Tau2 }),
	value("z_multiplicative", Numbers, func(r binomialDispersion) any { return r.plain.Multiplicative }),
	value("z_additive", Numbers, func(r binomialDispersion) any { return r.plain.Additive }),
	scalar("phi_arcsine", func(r binomialDispersion) float64 { return r.arcsine.Phi }),
	scalar("tau2_arcsine", func(r binomialDispersion) float64 { return r.arcsine.Tau2 }),
}

// exactFunnel is the exact limits over a grid of sizes.
type exactFunnel struct {
	target float64
	limits map[string][]float64
}

// sizes and expectations are the grids of the exact funnel.
var (
	sizes        = []float64{10, 25, 50, 100, 200, 400}
	expectations = []float64{1, 5, 10, 25, 100}
)

var exactKeys = func() []key[exactFunnel] {
	keys := []key[exactFunnel]{
		scalar("target", func(r exactFunnel) float64 { return r.target }),
		value("n_grid", Numbers, func(exactFunnel) any { return sizes }),
	}
	list := func(name string) {
		keys = append(keys, value(name, Numbers, func(r exactFunnel) any { return r.limits[name] }))
	}
	for _, name := range []string{"low_95", "high_95", "low_998", "high_998", "normal_low_95", "normal_high_95"} {
		list(name)
	}
	keys = append(keys, value("poisson_E_grid", Numbers, func(exactFunnel) any { return expectations }))
	list("poisson_low_95")
	list("poisson_high_998")
	return keys
}()

func binomialMethods() []Method {
	roles := append([]Role{{Name: "y", Kind: Numeric, Help: "the event, 1 or 0"}}, providerRole...)
	return []Method{
		define("provider profiling", spec{name: "funnel_binomial_overdispersion", roles: roles, page: Page{
			Title:     "Funnel with over-dispersion, proportions",
			When:      "Responder or response ratios by provider.",
			Variant:   "z of the proportion about the overall one, winsorised at 10 %; φ, additive τ² and multiplicative √φ; the arcsine scale, which FunnelPlotR uses, beside it.",
			Assumes:   "Most providers are in control.",
			Formula:   "z = (r/n−θ)/√(θ(1−θ)/n);  arcsine: y = asin√(r/n), s = 1/(2√n)",
			Reference: "Spiegelhalter (2005), doi:10.1136/qshc.2005.013755",
			Checked:   "golden/lib.R; FunnelPlotR's vector of domain 4.2",
			PushDown:  "events and n by provider",
		}}, binomialDispersionKeys, runBinomialDispersion),
		define("provider profiling", spec{name: "funnel_binomial_exact", roles: roles, page: Page{
			Title:     "Exact funnel limits",
			When:      "Limits for proportions and for observed to expected ratios of small counts.",
			Variant:   "Interpolated binomial and Poisson limits over a grid of sizes, normal ones beside them; slightly negative for tiny n, clip for drawing only.",
			Assumes:   "Independent events of the target's probability.",
			Formula:   "(r−α)/n,  α = (F(r)−p)/f(r)",
			Reference: "Spiegelhalter (2005), doi:10.1002/sim.1970, A.1.1",
			Checked:   "R 4.2.2, qbinom, qpois",
			PushDown:  "events and n by provider",
		}}, exactKeys, runExactFunnel),
	}
}

// countEvents adds up events and people by provider.
func countEvents(in *Input) ([]string, []funnel.Count, error) {
	labels := in.Labels("pr")
	counts := make([]funnel.Count, len(labels.Levels))
	outcome := in.Numbers("y")
	if err := binary("y", outcome); err != nil {
		return nil, nil, err
	}
	for i, y := range outcome {
		c := &counts[labels.Codes[i]]
		c.N++
		c.Events += int64(y)
	}
	return labels.Levels, counts, nil
}

// overall is the proportion of events in all providers together.
func overall(counts []funnel.Count) float64 {
	var events, n int64
	for _, c := range counts {
		events, n = events+c.Events, n+c.N
	}
	if n == 0 {
		return 0
	}
	return float64(events) / float64(n)
}

func runBinomialDispersion(in *Input) (binomialDispersion, error) {
	names, counts, err := countEvents(in)
	if err != nil {
		return binomialDispersion{}, err
	}
	theta := overall(counts)
	values, stdErrs := make([]float64, len(counts)), make([]float64, len(counts))
	for i, c := range counts {
		values[i], stdErrs[i] = float64(c.Events)/float64(c.N), math.Sqrt(theta*(1-theta)/float64(c.N))
	}
	r := binomialDispersion{providers: names}
	if r.plain, err = funnel.Overdispersion(values, stdErrs, theta, funnel.Winsorise); err != nil {
		return r, err
	}
	r.arcsine, err = funnel.Proportions(counts, funnel.Options{})
	return r, err
}

func runExactFunnel(in *Input) (exactFunnel, error) {
	_, counts, err := countEvents(in)
	if err != nil {
		return exactFunnel{}, err
	}
	r := exactFunnel{target: overall(counts), limits: map[string][]float64{}}
	for _, side := range []struct {
		name string
		p    float64
	}{{"low_95", 0.025}, {"high_95", 0.975}, {"low_998", 0.001}, {"high_998", 0.999}} {
		for _, n := range sizes {
			v, err := funnel.BinomialLimit(r.target, int64(n), side.p)
			if err != nil {
				return r, err
			}
			r.limits[side.name] = append(r.limits[side.name], v)
		}
		for _, e := range expectations {
			v, err := funnel.PoissonLimit(e, side.p)
			if err != nil {
				return r, err
			}
			r.limits["poisson_"+side.name] = append(r.limits["poisson_"+side.name], v)
		}
	}
	for _, n := range sizes {
		half := dist.NormalCritical(0.95) * math.Sqrt(r.target*(1-r.target)/n)
		r.limits["normal_low_95"] = append(r.limits["normal_low_95"], r.target-half)
		r.limits["normal_high_95"] = append(r.limits["normal_high_95"], r.target+half)
	}
	return r, nil
}
