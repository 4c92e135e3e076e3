package methods

import (
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dist"
	"github.com/lumbar-health/lumbar/analytics/survival"
)

// incidence is the cumulative incidence of every cause and group at the times,
// null after the end of a group's follow-up.
type incidence struct {
	curve         []string
	times         []float64
	est, variance [][]*float64
	tests         []survival.Gray
}

// gapped is a matrix without names that may hold null.
func gapped(values [][]*float64) Answer {
	return Answer{{"rows", nil}, {"cols", nil}, {"values", values}}
}

var incidenceKeys = []key[incidence]{
	value("curve", Names, func(r incidence) any { return r.curve }),
	value("times", Numbers, func(r incidence) any { return r.times }),
	value("est", Object, func(r incidence) any { return gapped(r.est) }),
	value("var_aalen", Object, func(r incidence) any { return gapped(r.variance) }),
	value("gray_test", Table, func(r incidence) any {
		m := Matrix{Cols: []string{"stat", "pv", "df"}}
		for _, t := range r.tests {
			m.Rows = append(m.Rows, causeName(t.Cause))
			m.Values = append(m.Values, []float64{t.ChiSquared, t.P, t.DF})
		}
		return m
	}),
}

// aalenJohansen is two causes' cumulative incidence with jackknife errors.
type aalenJohansen struct {
	group []string
	time  []float64
	p, se [2][]float64
}

var aalenJohansenKeys = []key[aalenJohansen]{
	value("group", Names, func(r aalenJohansen) any { return r.group }),
	value("time", Numbers, func(r aalenJohansen) any { return r.time }),
	value("p_event1", Numbers, func(r aalenJohansen) any { return r.p[0] }),
	value("p_event2", Numbers, func(r aalenJohansen) any { return r.p[1] }),
	value("se_event1", Numbers, func(r aalenJohansen) any { return r.se[0] }),
	value("se_event2", Numbers, func(r aalenJohansen) any { return r.se[1] }),
}

// fineGray is the subdistribution model by both programs' rules.
type fineGray struct {
	crr, breslow, efron *survival.Model
	tests               []analytics.Test
	robust              []float64
}

func (r fineGray) by(get func(analytics.Test) float64) []float64 {
	out := make([]float64, len(r.tests))
	for j, t := range r.tests {
		out[j] = get(t)
	}
	return out
}

var fineGrayKeys = []key[fineGray]{
	value("estimate", ByName, func(r fineGray) any { return Named{r.crr.Names, r.crr.Coef} }),
	value("se", Numbers, func(r fineGray) any { return r.by(func(t analytics.Test) float64 { return t.StdErr }) }),
	scalar("loglik", func(r fineGray) float64 { return r.crr.LogLik }),
	scalar("loglik_null", func(r fineGray) float64 { return r.crr.LogLikNull }),
	value("shr", ByName, func(r fineGray) any {
		return Named{r.crr.Names, r.by(func(t analytics.Test) float64 { return math.Exp(t.Value) })}
	}),
	value("p", ByName, func(r fineGray) any {
		return Named{r.crr.Names, r.by(func(t analytics.Test) float64 { return dist.NormalTwoSided(t.Statistic) })}
	}),
	value("finegray_coxph_breslow_estimate", ByName, func(r fineGray) any { return Named{r.breslow.Names, r.breslow.Coef} }),
	value("finegray_coxph_breslow_robust_se", ByName, func(r fineGray) any { return Named{r.breslow.Names, fullErrors(r.robust)} }),
	value("finegray_coxph_efron_estimate", ByName, func(r fineGray) any { return Named{r.efron.Names, r.efron.Coef} }),
}

var causeSpecificKeys = []key[[2]*survival.Model]{
	value("cause1", ByName, func(r [2]*survival.Model) any { return Named{r[0].Names, r[0].Coef} }),
	value("cause1_se", ByName, func(r [2]*survival.Model) any { return Named{r[0].Names, fullErrors(r[0].Cov)} }),
	value("cause2", ByName, func(r [2]*survival.Model) any { return Named{r[1].Names, r[1].Coef} }),
	value("cause2_se", ByName, func(r [2]*survival.Model) any { return Named{r[1].Names, fullErrors(r[1].Cov)} }),
}

func competingMethods() []Method {
	return []Method{
		define("survival", spec{name: "cumulative_incidence_gray", roles: []Role{timeRole, causeRole, groupRole}, params: []Param{timesParam}, page: Page{
			Title:     "Cumulative incidence and Gray's test",
			When:      "What share recovers by so many weeks when re-referral or death can come first, and do arms differ?",
			Variant:   "Aalen–Johansen; variance with cmprsk's corrections for ties; Gray's test with rho 0 for each cause. Null after a group's last time. Our own: no kept library has it.",
			Assumes:   "Independent censoring.",
			Formula:   "F_k(t) = ΣS(s−)·d_k/n;  Gray: log-rank on n(1−F)/S",
			Reference: "Gray (1988), doi:10.1214/aos/1176350951; Aalen and Johansen (1978)",
			Checked:   "R package cmprsk 2.2-11, cuminc",
			PushDown:  riskTable,
		}}, incidenceKeys, runIncidence),
		define("survival", spec{name: "aalen_johansen", roles: []Role{timeRole, causeRole, groupRole}, params: []Param{timesParam}, page: Page{
			Title:     "Aalen–Johansen probabilities",
			When:      "As cumulative_incidence_gray, with the standard errors that survival's survfit prints.",
			Variant:   "Infinitesimal jackknife standard errors, in closed form over the risk table.",
			Assumes:   "Independent censoring.",
			Formula:   "F_k(t) = ΣS(s−)·d_k/n",
			Reference: "Aalen and Johansen (1978), Scandinavian Journal of Statistics 5:141",
			Checked:   "R package survival 3.5-3, survfit of a factor",
			PushDown:  riskTable,
		}}, aalenJohansenKeys, runAalenJohansen),
		define("survival", spec{name: "fine_gray", roles: []Role{timeRole, causeRole}, params: []Param{rhsParam}, page: Page{
			Title:     "Fine and Gray's model",
			When:      "How do covariates change the share that has event 1, competing events counted as not having it?",
			Variant:   "crr: Breslow ties, censoring curve just before t with everybody at risk, variance with the part due to estimating it. Beside it survival's finegray and coxph: those with an event at t leave the censoring risk set first; robust errors by person. One sorted pass an iteration, no expanded data.",
			Assumes:   "Proportional subdistribution hazards; censoring independent of the covariates.",
			Formula:   "weights G(t−)/G(T−) after a competing event",
			Reference: "Fine and Gray (1999), doi:10.1080/01621459.1999.10474144",
			Checked:   "R packages cmprsk 2.2-11 and survival 3.5-3",
			PushDown:  coxTable,
		}}, fineGrayKeys, runFineGray),
		define("survival", spec{name: "cause_specific_cox", roles: []Role{timeRole, causeRole}, params: []Param{rhsParam}, page: Page{
			Title:     "Cause-specific Cox models",
			When:      "Which covariates speed each event among those still without any? For causes; use fine_gray for predicted shares.",
			Variant:   "Efron ties; the other event counts as censored.",
			Assumes:   "Proportional cause-specific hazards.",
			Formula:   "h_k(t|x) = h_k0(t)·e^{x′b_k}",
			Reference: "Prentice et al. (1978), doi:10.2307/2530374",
			Checked:   "R package survival 3.5-3, coxph",
			PushDown:  coxTable,
		}}, causeSpecificKeys, func(in *Input) (r [2]*survival.Model, err error) {
			c, _, err := causes(in)
			if err != nil {
				return r, err
			}
			d, err := covariates(in, c)
			if err != nil {
				return r, err
			}
			for k := range r {
				if r[k], err = survival.Cox(d.cohort, k+1, survival.Options{}); err != nil {
					return r, err
				}
			}
			return r, nil
		}),
	}
}

func runIncidence(in *Input) (incidence, error) {
	c, n, err := causes(in)
	if err != nil {
		return incidence{}, err
	}
	g := in.Labels("g")
	t, err := survival.TableOf(c, g.Levels, g.Codes, n)
	if err != nil {
		return incidence{}, err
	}
	r := incidence{times: slices.Compact(ascending(in.List("times")))}
	for cause := 1; cause <= n; cause++ {
		if !slices.Contains(c.Cause, cause) {
			continue
		}
		for k, name := range t.Groups {
			curve, err := survival.CumulativeIncidence(t, k)
			if err != nil {
				return r, err
			}
			est, variance, err := incidenceAt(curve, cause, r.times)
			if err != nil {
				return r, err
			}
			r.curve = append(r.curve, name+" "+causeName(cause))
			r.est, r.variance = append(r.est, est), append(r.variance, variance)
		}
		test, err := survival.CompareIncidence(t, cause)
		if err != nil {
			return r, err
		}
		r.tests = append(r.tests, test)
	}
	return r, nil
}

// incidenceAt reads a curve at the times, nil after its end.
func incidenceAt(curve *survival.Incidence, cause int, times []float64) (est, variance []*float64, err error) {
	est, variance = make([]*float64, len(times)), make([]*float64, len(times))
	for i, at := range times {
		if at > curve.End() {
			continue
		}
		f, err := curve.At(cause, at)
		if err != nil {
			return nil, nil, err
		}
		v, err := curve.AalenVariance(cause, at)
		if err != nil {
			return nil, nil, err
		}
		est[i], variance[i] = &f, &v
	}
	return est, variance, nil
}

func runAalenJohansen(in *Input) (r aalenJohansen, err error) {
	c, n, err := causes(in)
	if err != nil {
		return r, err
	}
	g := in.Labels("g")
	t, err := survival.TableOf(c, g.Levels, g.Codes, n)
	if err != nil {
		return r, err
	}
	for k, name := range t.Groups {
		curve, err := survival.CumulativeIncidence(t, k)
		if err != nil {
			return r, err
		}
		for _, at := range ascending(in.List("times")) {
			r.group, r.time = append(r.group, name), append(r.time, at)
			for cause := range r.p {
				p, err := curve.At(cause+1, at)
				if err != nil {
					return r, err
				}
				se, err := curve.StdErr(cause+1, at)
				if err != nil {
					return r, err
				}
				r.p[cause], r.se[cause] = append(r.p[cause], p), append(r.se[cause], se)
			}
		}
	}
	return r, nil
}

func runFineGray(in *Input) (r fineGray, err error) {
	c, _, err := causes(in)
	if err != nil {
		return r, err
	}
	d, err := covariates(in, c)
	if err != nil {
		return r, err
	}
	if r.crr, err = survival.FineGray(d.cohort, 1, survival.WithEvents, survival.Options{}); err != nil {
		return r, err
	}
	cov, err := r.crr.CensoringCovariance()
	if err != nil {
		return r, err
	}
	for j := range r.crr.Coef {
		t, err := r.crr.Estimate(j, cov, 0.95)
		if err != nil {
			return r, err
		}
		r.tests = append(r.tests, t)
	}
	if r.breslow, err = survival.FineGray(d.cohort, 1, survival.AfterEvents, survival.Options{}); err != nil {
		return r, err
	}
	if r.robust, err = r.breslow.Robust(); err != nil {
		return r, err
	}
	r.efron, err = survival.FineGray(d.cohort, 1, survival.AfterEvents, survival.Options{Ties: survival.Efron})
	return r, err
}
