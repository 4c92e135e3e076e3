package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/sequential"
)

var boundaryKeys = []key[sequential.Boundaries]{
	value("critical_values", Numbers, func(r sequential.Boundaries) any { return r.Critical }),
	value("stage_levels", Numbers, func(r sequential.Boundaries) any { return r.Levels }),
	value("alpha_spent", Numbers, func(r sequential.Boundaries) any { return r.Spent }),
	scalar("inflation_factor_power_90", func(r sequential.Boundaries) float64 { return r.Inflation }),
	scalar("average_sample_number_H1", func(r sequential.Boundaries) float64 { return r.AverageSample }),
	value("stopped_by_look_H1", Numbers, func(r sequential.Boundaries) any { return r.StopByLook }),
}

// sequence is a confidence sequence at the sizes asked for.
type sequence struct {
	rho                                  float64
	t, mean, radius, fixed, lower, upper []float64
}

var sequenceKeys = []key[sequence]{
	scalar("rho_optimal_at_t_star", func(r sequence) float64 { return r.rho }),
	value("t", Numbers, func(r sequence) any { return r.t }),
	value("mean", Numbers, func(r sequence) any { return r.mean }),
	value("radius", Numbers, func(r sequence) any { return r.radius }),
	value("radius_rho_fixed", Numbers, func(r sequence) any { return r.fixed }),
	value("low", Numbers, func(r sequence) any { return r.lower }),
	value("high", Numbers, func(r sequence) any { return r.upper }),
}

// alwaysValid is the mixture test at the sizes asked for.
type alwaysValid struct{ lambda, p []float64 }

var alwaysValidKeys = []key[alwaysValid]{
	{Key{Name: "lambda_at", Shape: Numbers, Open: true}, func(r alwaysValid) any { return r.lambda }},
	value("p_always_valid_at", Numbers, func(r alwaysValid) any { return r.p }),
}

var observationParams = []Param{
	{Name: "x", Kind: NumberList, Help: "the observations in the order of time, such as differences from a target"},
	{Name: "sd", Kind: Number, Help: "the standard deviation of one observation, taken as known"},
	{Name: "t_eval", Kind: NumberList, Help: "after how many observations to look"},
}

func sequentialMethods() []Method {
	kinds := []string{}
	for _, k := range sequential.Kinds() {
		kinds = append(kinds, string(k))
	}
	return []Method{
		define("sequential", spec{name: "group_sequential_boundaries", params: []Param{
			{Name: "rates", Kind: NumberList, Help: "the share of the information at each planned look, ascending to 1"},
			{Name: "alpha", Kind: Number, Help: "the one-sided level of all looks together, such as 0.025"},
			{Name: "ty", Kind: Text, OneOf: kinds, Help: "the kind of boundary: OF, P and WT have a fixed shape, the others spend alpha"},
			{Name: "gamma", Kind: Number, Optional: true, Help: "the shape of asKD (2 when absent) or asHSD (-4)"},
			{Name: "delta", Kind: Number, Optional: true, Help: "the shape of WT: 0 is OF, 0.5 is P (0.25 when absent)"},
		}, page: Page{
			Title:     "Group sequential boundaries",
			When:      "Planned looks at a trial or roll-out, with the error of all of them together held.",
			Variant:   "Upper one-sided limits on z, no stopping for futility. OF, P, WT: C·t^(Δ−½), Δ 0, 0.5 and 0.25. Spending: asOF 2−2Φ(z_{α/2}/√t), asP α·ln(1+(e−1)t), asKD α·t^γ, asHSD α(1−e^(−γt))/(1−e^(−γ)). Inflation and mean sample at 90 % power, against a single look. Recursive integration by Gauss–Legendre panels, written here: no kept library has it.",
			Assumes:   "A statistic with independent increments, as means, proportions and log-rank have; looks not chosen by what was seen.",
			Formula:   "P(Z₁<c₁, …, Z_k ≥ c_k) = α(t_k) − α(t_{k−1})",
			Reference: "Jennison and Turnbull (2000), doi:10.1201/9780367805326; Lan and DeMets (1983), doi:10.1093/biomet/70.3.659",
			Checked:   "R package rpact 3.3.4",
			PushDown:  "none: a plan; at a look, n, Σy, Σy² by arm up to its date",
		}}, boundaryKeys, func(in *Input) (sequential.Boundaries, error) {
			p := sequential.Plan{Kind: sequential.Kind(in.Text("ty", "")), Rates: in.List("rates"), Alpha: in.Number("alpha", 0), Power: 0.9,
				Delta: in.Number("delta", 0.25), Gamma: in.Number("gamma", 2)}
			if p.Kind == sequential.SpendHwangShih {
				p.Gamma = in.Number("gamma", -4)
			}
			return sequential.Compute(p)
		}),
		define("sequential", spec{name: "confidence_sequence_normal_mixture", params: append([]Param{
			{Name: "alpha", Kind: Number, Help: "1 less the cover, such as 0.05"},
			{Name: "t_star", Kind: Number, Help: "the size at which the sequence should be narrowest"},
			{Name: "rho_fixed", Kind: Number, Help: "a mixing parameter of one's own, beside the optimal one"},
		}, observationParams...), page: Page{
			Title:     "Confidence sequence of a mean",
			When:      "A dashboard that is looked at every day: an interval that holds at every look.",
			Variant:   "Two-sided normal mixture (Robbins); known standard deviation; ρ = √((−2lnα+ln(−2lnα)+1)/t*).",
			Assumes:   "Independent observations; with the running standard deviation the cover is asymptotic.",
			Formula:   "x̄_t ± σ√(2(tρ²+1)/(t²ρ²)·ln(√(tρ²+1)/α))",
			Reference: "Robbins (1970), doi:10.1214/aoms/1177696786; Howard et al. (2021), doi:10.1214/20-AOS1991; Waudby-Smith et al. (2021), arXiv:2103.06476",
			Checked:   "the formula in R 4.2.2",
			PushDown:  "n and Σy up to each date",
		}}, sequenceKeys, runSequence),
		define("sequential", spec{name: "msprt_always_valid_p", params: append([]Param{
			{Name: "tau2", Kind: Number, Help: "the variance of the effects thought likely"},
		}, observationParams...), page: Page{
			Title:     "Always-valid p-value",
			When:      "As the confidence sequence, as a test of a mean of 0.",
			Variant:   "Mixture sequential probability ratio test, effects N(0, τ²), known standard deviation; p is the least of 1/Λ so far.",
			Assumes:   "As confidence_sequence_normal_mixture.",
			Formula:   "Λ = √(V/(V+τ²))·exp(τ²x̄²/(2V(V+τ²))),  V = σ²/n",
			Reference: "Johari, Koomen, Pekelis and Walsh (2022), doi:10.1287/opre.2021.2135",
			Checked:   "the formula in R 4.2.2",
			PushDown:  "n and Σy up to each date",
		}}, alwaysValidKeys, runAlwaysValid),
	}
}

// looks reads t_eval as places in x.
func looks(in *Input) ([]int, error) {
	n := len(in.List("x"))
	var out []int
	for _, t := range in.List("t_eval") {
		if t != math.Trunc(t) || t < 1 || t > float64(n) {
			return nil, fmt.Errorf("param t_eval must hold whole numbers from 1 to the %d observations: %w", n, ErrRequest)
		}
		out = append(out, int(t))
	}
	return out, nil
}

func runSequence(in *Input) (r sequence, err error) {
	at, err := looks(in)
	if err != nil {
		return r, err
	}
	alpha, sd := in.Number("alpha", 0), in.Number("sd", 0)
	if r.rho, err = sequential.OptimalRho(in.Number("t_star", 0), alpha); err != nil {
		return r, err
	}
	means := sequential.RunningMeans(in.List("x"))
	for _, t := range at {
		radius, err := sequential.MixtureRadius(float64(t), sd, r.rho, alpha)
		if err != nil {
			return r, err
		}
		fixed, err := sequential.MixtureRadius(float64(t), sd, in.Number("rho_fixed", 0), alpha)
		if err != nil {
			return r, err
		}
		mean := means[t-1]
		r.t, r.mean, r.radius, r.fixed = append(r.t, float64(t)), append(r.mean, mean), append(r.radius, radius), append(r.fixed, fixed)
		r.lower, r.upper = append(r.lower, mean-radius), append(r.upper, mean+radius)
	}
	return r, nil
}

func runAlwaysValid(in *Input) (r alwaysValid, err error) {
	at, err := looks(in)
	if err != nil {
		return r, err
	}
	all, err := sequential.Follow(in.List("x"), in.Number("sd", 0), in.Number("tau2", 0))
	if err != nil {
		return r, err
	}
	for _, t := range at {
		r.lambda, r.p = append(r.lambda, math.Exp(all.LogRatio[t-1])), append(r.p, all.P[t-1])
	}
	return r, nil
}
