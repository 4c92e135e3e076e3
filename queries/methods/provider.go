package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/glm"
)

// standardised are providers' events against those expected of their patients.
type standardised struct {
	names    []string
	sums     []glm.GroupSums
	national float64
	exact    [][2]float64
	byar     [][2]float64
}

// units lists one number a provider.
func (s standardised) units(get func(glm.GroupSums) float64) []float64 {
	out := make([]float64, len(s.sums))
	for i, u := range s.sums {
		out[i] = get(u)
	}
	return out
}

// ofUnits is a key of one number a provider.
func ofUnits(name string, get func(glm.GroupSums) float64) key[standardised] {
	return value(name, Numbers, func(r standardised) any { return r.units(get) })
}

// ofLimits is a key of one side of an interval, over the expectation.
func ofLimits(name string, intervals func(standardised) [][2]float64, side int) key[standardised] {
	return value(name, Numbers, func(r standardised) any {
		out := make([]float64, len(r.sums))
		for i, u := range r.sums {
			out[i] = intervals(r)[i][side] / u.Expected
		}
		return out
	})
}

func exactOf(r standardised) [][2]float64 { return r.exact }
func byarOf(r standardised) [][2]float64  { return r.byar }

var standardisedKeys = []key[standardised]{
	value("provider", Names, func(r standardised) any { return r.names }),
	ofUnits("n", func(u glm.GroupSums) float64 { return u.N }),
	ofUnits("observed", func(u glm.GroupSums) float64 { return u.Observed }),
	ofUnits("expected", func(u glm.GroupSums) float64 { return u.Expected }),
	ofUnits("ratio", func(u glm.GroupSums) float64 { return u.Observed / u.Expected }),
	ofLimits("exact_low", exactOf, 0), ofLimits("exact_high", exactOf, 1),
	ofLimits("byar_low", byarOf, 0), ofLimits("byar_high", byarOf, 1),
	ofUnits("z_binomial", func(u glm.GroupSums) float64 { return (u.Observed - u.Expected) / math.Sqrt(u.Variance) }),
	ofUnits("z_poisson", func(u glm.GroupSums) float64 { return (u.Observed - u.Expected) / math.Sqrt(u.Expected) }),
	value("adjusted_rate", Numbers, func(r standardised) any {
		return r.units(func(u glm.GroupSums) float64 { return u.Observed / u.Expected * r.national })
	}),
	scalar("national_rate", func(r standardised) float64 { return r.national }),
	ofUnits("z_sqrt", func(u glm.GroupSums) float64 { return 2 * (math.Sqrt(u.Observed) - math.Sqrt(u.Expected)) }),
}

// ratioFunnels is the funnel of ratios on both scales.
type ratioFunnels struct {
	names    []string
	units    []funnel.Ratio
	log, cqc funnel.RatioFunnel
}

var ratioFunnelKeys = append([]key[ratioFunnels]{
	value("provider", Names, func(r ratioFunnels) any { return r.names }),
	value("observed", Numbers, func(r ratioFunnels) any {
		out := make([]float64, len(r.units))
		for i, u := range r.units {
			out[i] = u.Observed
		}
		return out
	}),
	value("expected", Numbers, func(r ratioFunnels) any {
		out := make([]float64, len(r.units))
		for i, u := range r.units {
			out[i] = u.Expected
		}
		return out
	}),
}, append(ratioKeys("shmi", func(r ratioFunnels) funnel.RatioFunnel { return r.log }),
	ratioKeys("cqc", func(r ratioFunnels) funnel.RatioFunnel { return r.cqc })...)...)

// ratioKeys are the keys of one scale.
func ratioKeys(name string, get func(ratioFunnels) funnel.RatioFunnel) []key[ratioFunnels] {
	return []key[ratioFunnels]{
		scalar(name+"_phi", func(r ratioFunnels) float64 { return get(r).Phi }),
		scalar(name+"_tau2", func(r ratioFunnels) float64 { return get(r).Tau2 }),
		value(name+"_z", Numbers, func(r ratioFunnels) any { return get(r).Z }),
		value(name+"_od_low_998", Numbers, func(r ratioFunnels) any { return get(r).Lower998 }),
		value(name+"_od_high_998", Numbers, func(r ratioFunnels) any { return get(r).Upper998 }),
	}
}

func providerMethods() []Method {
	const pushed = cellSums + "; then observed and expected by provider"
	roles := append([]Role{{Name: "y", Kind: Numeric, Help: "the event, 1 or 0"}}, providerRole...)
	return []Method{
		define("provider profiling", spec{name: "indirect_standardisation", roles: roles, params: caseMixFormula, page: Page{
			Title:     "Indirect standardisation",
			When:      "Share of patients with an event by provider, as if all had the same patients.",
			Variant:   "Expected from a logistic case-mix model over everybody; ratio O/E with exact Poisson and Byar limits, 95 %; z under the binomial, the Poisson and the square-root scale. Adjusted rate = O/E × national rate. Providers of any size are given: callers suppress small ones.",
			Assumes:   "The case-mix model holds at every provider. Ratios of two providers are not comparable with each other, each is with the nation.",
			Formula:   "E_j = Σμ,  z = (O−E)/√Σμ(1−μ),  (O−E)/√E,  2(√O−√E)",
			Reference: "Breslow and Day (1987), Statistical Methods in Cancer Research II, isbn:9789283201823",
			Checked:   "R 4.2.2, stats::glm; golden/lib.R",
			PushDown:  pushed,
		}}, standardisedKeys, runStandardised),
		define("provider profiling", spec{name: "funnel_standardised_ratio_overdispersion", roles: roles, params: caseMixFormula, page: Page{
			Title:     "Funnel of standardised ratios with over-dispersion",
			When:      "Observed to expected ratios in a funnel, when providers are more spread than chance.",
			Variant:   "SHMI: log(O/E), z truncated by rank at 10 %; CQC: √(O/E), z winsorised at 10 % (type-7 quantiles), its limits squared back. Additive τ². Providers without an event are left out; E is not rounded. Of a CQC limit with 1 < z·s the lower one is 0 when drawn.",
			Assumes:   "Most providers are in control.",
			Formula:   "exp(±z√(1/E+τ²));  (1±z√(1/(4E)+τ²))²",
			Reference: "Spiegelhalter and others (2012), doi:10.1111/j.1467-985X.2011.01010.x",
			Checked:   "golden/lib.R, after FunnelPlotR",
			PushDown:  pushed,
		}}, ratioFunnelKeys, runRatioFunnels),
	}
}

// standardise fits the case-mix model and sums by provider. The events are those
// of role y.
func standardise(in *Input) (s standardised, err error) {
	m, err := withResponse(in, "formula_cm")
	if err != nil {
		return s, err
	}
	model, err := glm.Fit(cells.FromRows(m), glm.Binomial, glm.Options{})
	if err != nil {
		return s, err
	}
	labels := in.Labels("pr")
	codes := codesOf(labels, m)
	sums, err := model.ByGroup(codes, len(labels.Levels))
	if err != nil {
		return s, err
	}
	for g := range sums {
		sums[g].Observed = 0
	}
	y := in.Numbers("y")
	for i, row := range m.Rows {
		if y[row] != 0 && y[row] != 1 {
			return s, errBinary("y")
		}
		sums[codes[i]].Observed += y[row]
		s.national += y[row] / float64(m.N)
	}
	for g, u := range sums { // a provider whose rows the model could not use has none
		if u.N > 0 {
			s.names, s.sums = append(s.names, labels.Levels[g]), append(s.sums, u)
		}
	}
	if len(s.sums) < 2 {
		return s, fmt.Errorf("one provider, nothing to compare: %w", analytics.ErrTooFewObservations)
	}
	return s, nil
}

func runStandardised(in *Input) (standardised, error) {
	s, err := standardise(in)
	if err != nil {
		return s, err
	}
	for _, u := range s.sums {
		low, high, err := funnel.PoissonInterval(u.Observed, 0.95)
		if err != nil {
			return s, err
		}
		s.exact = append(s.exact, [2]float64{low, high})
		if low, high, err = funnel.ByarInterval(u.Observed, 0.95); err != nil {
			return s, err
		}
		s.byar = append(s.byar, [2]float64{low, high})
	}
	return s, nil
}

func runRatioFunnels(in *Input) (r ratioFunnels, err error) {
	s, err := standardise(in)
	if err != nil {
		return r, err
	}
	for i, u := range s.sums {
		if u.Observed > 0 {
			r.names, r.units = append(r.names, s.names[i]), append(r.units, funnel.Ratio{Observed: u.Observed, Expected: u.Expected})
		}
	}
	if r.log, err = funnel.Ratios(r.units, funnel.LogRatio); err != nil {
		return r, err
	}
	r.cqc, err = funnel.Ratios(r.units, funnel.RootRatio)
	return r, err
}
