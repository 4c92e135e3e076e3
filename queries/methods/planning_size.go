package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/power"
)

// meanSizes are the sizes and powers of a difference of means.
type meanSizes struct {
	size, power, strict, detectable, unequal, paired, ancova float64
}

var meanSizeKeys = []key[meanSizes]{
	scalar("n_per_group", func(r meanSizes) float64 { return r.size }),
	scalar("power_at_n", func(r meanSizes) float64 { return r.power }),
	scalar("power_at_n_strict", func(r meanSizes) float64 { return r.strict }),
	scalar("mdd_at_n", func(r meanSizes) float64 { return r.detectable }),
	scalar("unequal_power", func(r meanSizes) float64 { return r.unequal }),
	scalar("paired_n", func(r meanSizes) float64 { return r.paired }),
	scalar("ancova_n_per_group_approx", func(r meanSizes) float64 { return r.ancova }),
}

// proportionSizes are those of two proportions.
type proportionSizes struct{ size, power, h, arcsine, corrected float64 }

var proportionSizeKeys = []key[proportionSizes]{
	scalar("n_per_group", func(r proportionSizes) float64 { return r.size }),
	scalar("power_at_n", func(r proportionSizes) float64 { return r.power }),
	scalar("cohen_h", func(r proportionSizes) float64 { return r.h }),
	scalar("n_arcsine", func(r proportionSizes) float64 { return r.arcsine }),
	scalar("n_fleiss_cc", func(r proportionSizes) float64 { return r.corrected }),
}

// eventSizes are those of a log-rank test.
type eventSizes struct{ schoenfeld, freedman, total float64 }

var eventSizeKeys = []key[eventSizes]{
	scalar("events_schoenfeld", func(r eventSizes) float64 { return r.schoenfeld }),
	scalar("events_freedman", func(r eventSizes) float64 { return r.freedman }),
	scalar("n_total_given_event_prob", func(r eventSizes) float64 { return r.total }),
}

// clusterSizes are a design effect and the size it leads to.
type clusterSizes struct{ equal, unequal, inflated float64 }

var clusterSizeKeys = []key[clusterSizes]{
	scalar("deff_equal", func(r clusterSizes) float64 { return r.equal }),
	scalar("deff_unequal_cv", func(r clusterSizes) float64 { return r.unequal }),
	scalar("n_per_group_inflated", func(r clusterSizes) float64 { return r.inflated }),
}

// marginSizes are those of a non-inferiority study.
type marginSizes struct{ normal, total float64 }

var marginSizeKeys = []key[marginSizes]{
	scalar("n_per_group_z", func(r marginSizes) float64 { return r.normal }),
	scalar("rpact_n_total", func(r marginSizes) float64 { return r.total }),
}

var (
	deltaParam  = Param{Name: "delta", Kind: Number, Help: "the true difference of means, not 0"}
	spreadParam = Param{Name: "sd", Kind: Number, Help: "the standard deviation of one value"}
	powerParam  = Param{Name: "power", Kind: Number, Help: "the power to plan for, such as 0.9"}
	alphaParam  = Param{Name: "alpha", Kind: Number, Help: "the two-sided level, such as 0.05"}
	sizeParam   = Param{Name: "n", Kind: Number, Help: "people per group, to ask what they can see"}
)

const noPush = "none: a plan"

func sizeMethods() []Method { return append(comparisonSizes(), designSizes()...) }

func comparisonSizes() []Method {
	return []Method{
		define("power", spec{name: "power_t_two_sample", params: []Param{deltaParam, spreadParam, powerParam, alphaParam, sizeParam,
			{Name: "rho", Kind: Number, Help: "correlation of baseline and follow-up, between -1 and 1"}}, page: Page{
			Title:     "Size of a comparison of means",
			When:      "Before a study: how many people, or what can so many show?",
			Variant:   "Two-sided t test by the noncentral t law, sizes not rounded. power_at_n leaves out rejections of the wrong sign, strict counts them; unequal_power has n and 2n; paired_n has the differences' spread sd·√(2(1−ρ)); the ANCOVA size is n(1−ρ²).",
			Assumes:   "Normal values, one standard deviation.",
			Formula:   "power = P(T'(2n−2, √(n/2)·δ/σ) > t_{1−α/2})",
			Reference: "Cohen (1988), Statistical Power Analysis; Borm, Fransen and Lemmens (2007), doi:10.1016/j.jclinepi.2007.02.006",
			Checked:   "R 4.2.2, stats::power.t.test; R package pwr 1.3-0",
			PushDown:  noPush,
		}}, meanSizeKeys, runMeanSizes),
		define("power", spec{name: "power_two_proportions", params: []Param{
			{Name: "p1", Kind: Number, Help: "the proportion in one group"}, {Name: "p2", Kind: Number, Help: "the proportion in the other"}, powerParam, alphaParam, sizeParam}, page: Page{
			Title:     "Size of a comparison of proportions",
			When:      "As power_t_two_sample, for responders.",
			Variant:   "Two-sided normal test without continuity correction, in closed form; the arcsine size; Fleiss' continuity correction.",
			Assumes:   "Independent people.",
			Formula:   "n = (z_{α/2}√(2p̄q̄)+z_β√(p₁q₁+p₂q₂))²/(p₁−p₂)²",
			Reference: "Fleiss, Levin and Paik (2003), doi:10.1002/0471445428",
			Checked:   "R 4.2.2, stats::power.prop.test; R package pwr 1.3-0",
			PushDown:  noPush,
		}}, proportionSizeKeys, runProportionSizes),
		define("power", spec{name: "power_logrank_schoenfeld", params: []Param{
			{Name: "hr", Kind: Number, Help: "the hazard ratio"}, {Name: "pevent", Kind: Number, Help: "the share of people who have the event"}, powerParam, alphaParam}, page: Page{
			Title:     "Events for a log-rank test",
			When:      "Planning a comparison of times to recovery.",
			Variant:   "Schoenfeld's and Freedman's events of both groups together, equal groups, two-sided; people = Schoenfeld's events over the share with an event.",
			Assumes:   "Proportional hazards.",
			Formula:   "4(z_{α/2}+z_β)²/ln²HR",
			Reference: "Schoenfeld (1981), doi:10.1093/biomet/68.1.316; Freedman (1982), doi:10.1002/sim.4780010204",
			Checked:   "the formula in R 4.2.2",
			PushDown:  noPush,
		}}, eventSizeKeys, runEventSizes),
	}
}

func designSizes() []Method {
	return []Method{
		define("power", spec{name: "design_effect", params: []Param{deltaParam, spreadParam, powerParam, alphaParam,
			{Name: "m_cluster", Kind: Number, Help: "people per cluster"}, {Name: "icc", Kind: Number, Help: "the intraclass correlation"},
			{Name: "cv", Kind: Number, Help: "the coefficient of variation of the clusters' sizes"}}, page: Page{
			Title:     "Size of a cluster-randomised comparison",
			When:      "Whole practices or providers are allocated.",
			Variant:   "Design effect for equal and for unequal clusters; the inflated size is power_t_two_sample's times that for equal ones.",
			Assumes:   "One intraclass correlation for all clusters.",
			Formula:   "1+(m−1)·ICC;  1+((1+cv²)m−1)·ICC",
			Reference: "Eldridge, Ashby and Kerry (2006), doi:10.1093/ije/dyl129",
			Checked:   "the formula in R 4.2.2",
			PushDown:  noPush,
		}}, clusterSizeKeys, runClusterSizes),
		define("power", spec{name: "power_noninferiority_mean", params: []Param{spreadParam, powerParam, alphaParam,
			{Name: "margin", Kind: Number, Help: "the largest difference that is still not worse"}}, page: Page{
			Title:     "Size of a non-inferiority study",
			When:      "To show that a cheaper or lighter treatment is not worse by more than a margin.",
			Variant:   "One-sided test at alpha/2, no true difference: people per group by the normal law, both groups together by the noncentral t law.",
			Assumes:   "Normal values, one standard deviation.",
			Formula:   "2σ²(z_{α/2}+z_β)²/margin²",
			Reference: "Chow, Shao and Wang (2008), doi:10.1201/9781584889830",
			Checked:   "R package rpact 3.3.4",
			PushDown:  noPush,
		}}, marginSizeKeys, func(in *Input) (r marginSizes, err error) {
			p := power.NonInferiority{Margin: in.Number("margin", 0), StdDev: in.Number("sd", 0), Alpha: in.Number("alpha", 0) / 2}
			r.normal, r.total, err = p.SampleSize(in.Number("power", 0))
			return r, err
		}),
	}
}

func runMeanSizes(in *Input) (r meanSizes, err error) {
	rho, n, target := in.Number("rho", 0), in.Number("n", 0), in.Number("power", 0)
	if !(rho > -1 && rho < 1) {
		return r, fmt.Errorf("param rho must lie between -1 and 1: %w", ErrRequest)
	}
	p := power.T{Delta: in.Number("delta", 0), StdDev: in.Number("sd", 0), Alpha: in.Number("alpha", 0)}
	if r.size, err = p.SampleSize(target); err != nil {
		return r, err
	}
	if r.power, err = p.Power(n, false); err != nil {
		return r, err
	}
	if r.strict, err = p.Power(n, true); err != nil {
		return r, err
	}
	if r.detectable, err = p.Detectable(n, target); err != nil {
		return r, err
	}
	if r.unequal, err = p.Unequal(n, 2*n); err != nil {
		return r, err
	}
	r.ancova = r.size * (1 - rho*rho)
	p.Design, p.StdDev = power.Paired, p.StdDev*math.Sqrt(2*(1-rho))
	r.paired, err = p.SampleSize(target)
	return r, err
}

func runProportionSizes(in *Input) (r proportionSizes, err error) {
	p, target := power.Proportions{P1: in.Number("p1", 0), P2: in.Number("p2", 0), Alpha: in.Number("alpha", 0)}, in.Number("power", 0)
	r.h = p.CohenH()
	if r.size, err = p.SampleSize(target); err != nil {
		return r, err
	}
	if r.power, err = p.Power(in.Number("n", 0)); err != nil {
		return r, err
	}
	if r.arcsine, err = p.ArcsineSize(target); err != nil {
		return r, err
	}
	r.corrected, err = p.Corrected(target)
	return r, err
}

func runEventSizes(in *Input) (r eventSizes, err error) {
	share := in.Number("pevent", 0)
	if !(share > 0 && share <= 1) {
		return r, fmt.Errorf("param pevent must be above 0 and at most 1: %w", ErrRequest)
	}
	p := power.LogRank{HazardRatio: in.Number("hr", 0), Alpha: in.Number("alpha", 0)}
	r.schoenfeld, r.freedman, err = p.Events(in.Number("power", 0))
	r.total = r.schoenfeld / share
	return r, err
}

func runClusterSizes(in *Input) (r clusterSizes, err error) {
	if r.equal, r.unequal, err = power.DesignEffect(in.Number("m_cluster", 0), in.Number("icc", 0), in.Number("cv", 0)); err != nil {
		return r, err
	}
	p := power.T{Delta: in.Number("delta", 0), StdDev: in.Number("sd", 0), Alpha: in.Number("alpha", 0)}
	n, err := p.SampleSize(in.Number("power", 0))
	r.inflated = n * r.equal
	return r, err
}
