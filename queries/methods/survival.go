package methods

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/survival"
)

var (
	timeRole   = Role{Name: "time", Kind: Numeric, Help: "how long the person was followed, 0 or more in any unit"}
	statusRole = Role{Name: "status", Kind: Label, Help: "why follow-up ended"}
	causeRole  = Role{Name: "status", Kind: Numeric, Help: "why follow-up ended: 0 censored, 1 the event of interest, 2 or more a competing event"}
	groupRole  = Role{Name: "g", Kind: Label, Help: "the groups"}
	eventParam = Param{Name: "event", Kind: Level, Help: "the status that counts as the event; any other is censored"}
	timesParam = Param{Name: "times", Kind: NumberList, Help: "the times to report"}
	rhsParam   = Param{Name: "rhs", Kind: Text, Help: "the covariates as the right side of an R formula, such as arm + age"}
)

const (
	riskTable = "people by stratum, group, time and status"
	coxTable  = "people by stratum, group, covariate cell, time and status"
)

// kaplanMeier is the curves of the groups on three bands.
type kaplanMeier struct {
	groups         []string
	events, people []float64
	hazard         []float64
	points         map[survival.Band][]survival.Point
	medians        map[survival.Band][]survival.Crossing
	label          []string // group of each point
}

// block is what is reported of one band.
func (r kaplanMeier) block(band survival.Band) any {
	points, medians := r.points[band], r.medians[band]
	list := func(get func(survival.Point) float64) []float64 {
		out := make([]float64, len(points))
		for i, p := range points {
			out[i] = get(p)
		}
		return out
	}
	gaps := func(get func(survival.Point) *float64) []*float64 {
		out := make([]*float64, len(points))
		for i, p := range points {
			out[i] = get(p)
		}
		return out
	}
	byGroup := func(get func(survival.Crossing) *float64) Answer {
		var a Answer
		for g, c := range medians {
			if v := get(c); v != nil {
				a = append(a, Field{r.groups[g], *v})
			} else {
				a = append(a, Field{r.groups[g], nil})
			}
		}
		return a
	}
	return Answer{
		{"group", r.label},
		{"time", list(func(p survival.Point) float64 { return p.Time })},
		{"n_risk", list(func(p survival.Point) float64 { return p.AtRisk })},
		{"surv", list(func(p survival.Point) float64 { return p.Survival })},
		{"std_err", gaps(func(p survival.Point) *float64 { return p.StdErr })},
		{"low", gaps(func(p survival.Point) *float64 { return p.Lower })},
		{"high", gaps(func(p survival.Point) *float64 { return p.Upper })},
		{"median", byGroup(func(c survival.Crossing) *float64 { return c.Value })},
		{"median_low", byGroup(func(c survival.Crossing) *float64 { return c.Lower })},
		{"median_high", byGroup(func(c survival.Crossing) *float64 { return c.Upper })},
	}
}

var kaplanMeierKeys = []key[kaplanMeier]{
	value("log", Object, func(r kaplanMeier) any { return r.block(survival.Log) }),
	value("log-log", Object, func(r kaplanMeier) any { return r.block(survival.LogLog) }),
	value("plain", Object, func(r kaplanMeier) any { return r.block(survival.Plain) }),
	value("events", ByName, func(r kaplanMeier) any { return Named{r.groups, r.events} }),
	value("n", ByName, func(r kaplanMeier) any { return Named{r.groups, r.people} }),
	value("nelson_aalen_cumhaz", Numbers, func(r kaplanMeier) any { return r.hazard }),
}

// logRank is the tests of equal hazards.
type logRank struct{ plain, petoPeto, stratified *survival.LogRank }

func (r logRank) strata(get func(*survival.LogRank) float64) *float64 {
	if r.stratified == nil {
		return nil
	}
	v := get(r.stratified)
	return &v
}

var logRankKeys = []key[logRank]{
	value("observed", Numbers, func(r logRank) any { return r.plain.Observed }),
	value("expected", Numbers, func(r logRank) any { return r.plain.Expected }),
	scalar("chi2", func(r logRank) float64 { return r.plain.ChiSquared }),
	scalar("df", func(r logRank) float64 { return r.plain.DF }),
	scalar("p", func(r logRank) float64 { return r.plain.P }),
	scalar("peto_peto_chi2", func(r logRank) float64 { return r.petoPeto.ChiSquared }),
	scalar("peto_peto_p", func(r logRank) float64 { return r.petoPeto.P }),
	optional("stratified_chi2", func(r logRank) *float64 {
		return r.strata(func(l *survival.LogRank) float64 { return l.ChiSquared })
	}),
	optional("stratified_p", func(r logRank) *float64 { return r.strata(func(l *survival.LogRank) float64 { return l.P }) }),
}

// restrictedMeans is those of every group and the contrast of the first two.
type restrictedMeans struct {
	groups   []string
	means    []analytics.Estimate
	contrast survival.MeanContrast
}

var restrictedMeanKeys = []key[restrictedMeans]{
	value("by_group", Table, func(r restrictedMeans) any {
		m := Matrix{Rows: []string{"rmst", "se"}, Cols: r.groups, Values: make([][]float64, 2)}
		for _, e := range r.means {
			m.Values[0], m.Values[1] = append(m.Values[0], e.Value), append(m.Values[1], e.StdErr)
		}
		return m
	}),
	scalar("difference_2_minus_1", func(r restrictedMeans) float64 { return r.contrast.Difference.Value }),
	scalar("se", func(r restrictedMeans) float64 { return r.contrast.Difference.StdErr }),
	scalar("ci_low", func(r restrictedMeans) float64 { return r.contrast.Difference.Lower }),
	scalar("ci_high", func(r restrictedMeans) float64 { return r.contrast.Difference.Upper }),
	scalar("p", func(r restrictedMeans) float64 { return r.contrast.Difference.P }),
	scalar("ratio_2_over_1", func(r restrictedMeans) float64 { return r.contrast.Ratio }),
	scalar("se_log_ratio", func(r restrictedMeans) float64 { return r.contrast.StdErrLogRatio }),
}

func survivalMethods() []Method {
	return slices.Concat(curveMethods(), competingMethods(), coxMethods())
}

func curveMethods() []Method {
	return []Method{
		define("survival", spec{name: "kaplan_meier", roles: []Role{timeRole, statusRole, groupRole}, params: []Param{eventParam, timesParam}, page: Page{
			Title:     "Kaplan–Meier curves",
			When:      "What share is still waiting (for recovery, return to work, re-referral) after so many weeks, and how long does half of them take?",
			Variant:   "Greenwood's variance; limits on three bands: log (R's default), log-log (stays within 0 and 1) and plain: say which one you print. Median: first time at or below 0.5, the middle where S stays at 0.5; null where it is never reached. Nelson–Aalen hazard Σd/n beside it. Standard error and limits are null where S is 0.",
			Assumes:   "People censored have the outlook of those who stay; no competing event (else cumulative_incidence_gray).",
			Formula:   "S(t) = Π(1−d/n),  var log S = Σd/(n(n−d))",
			Reference: "Kaplan and Meier (1958), doi:10.1080/01621459.1958.10501452; Kalbfleisch and Prentice (2002), doi:10.1002/9781118032985",
			Checked:   "R package survival 3.5-3, survfit",
			PushDown:  riskTable,
		}}, kaplanMeierKeys, runKaplanMeier),
		define("survival", spec{name: "logrank", roles: []Role{timeRole, statusRole, groupRole, {Name: "st", Kind: Label, Optional: true, Help: "strata within which the groups are compared, such as the region"}}, params: []Param{eventParam}, page: Page{
			Title:     "Log-rank and Peto–Peto tests",
			When:      "Do the arms' times differ? Peto–Peto weighs early events more; stratified compares within regions.",
			Variant:   "Hypergeometric variance; Peto–Peto is rho 1, weighing by the pooled curve just before the event.",
			Assumes:   "Independent censoring; most powerful for hazards in a constant ratio.",
			Formula:   "ΣS(t−)^rho·(d_g−d·n_g/n), squared over its variance",
			Reference: "Harrington and Fleming (1982), doi:10.1093/biomet/69.3.553",
			Checked:   "R package survival 3.5-3, survdiff",
			PushDown:  riskTable,
		}}, logRankKeys, runLogRank),
		define("survival", spec{name: "rmst", roles: []Role{timeRole, statusRole, groupRole}, params: []Param{eventParam, {Name: "tau", Kind: Number, Help: "the horizon, in the unit of time"}}, page: Page{
			Title:     "Restricted mean survival time",
			When:      "How many weeks free of the event, up to a horizon? A difference that needs no constant hazard ratio.",
			Variant:   "Area under Kaplan–Meier to tau, the curve flat after its end; second level of g against the first.",
			Assumes:   "As kaplan_meier; a tau that both arms reach.",
			Formula:   "∫₀^τ S,  variance ΣA_j²d_j/(n_j(n_j−d_j))",
			Reference: "Uno et al. (2014), doi:10.1200/JCO.2014.55.2208",
			Checked:   "R package survival 3.5-3, survmean",
			PushDown:  riskTable,
		}}, restrictedMeanKeys, runRestrictedMean),
	}
}

// followed is the cohort of the roles, with one cause: the param event.
func followed(in *Input) (*survival.Cohort, error) {
	status := in.Labels("status")
	event := text(in.params["event"])
	c := &survival.Cohort{Time: in.Numbers("time"), Cause: make([]int, len(status.Codes))}
	for i, k := range status.Codes {
		if sameValue(status.Levels[k], event) {
			c.Cause[i] = 1
		}
	}
	return c, checkTimes(c.Time)
}

func checkTimes(times []float64) error {
	for i, t := range times {
		if t < 0 || math.IsInf(t, 0) {
			return fmt.Errorf("role time: row %d is negative or not finite; times count from 0: %w", i+1, ErrRequest)
		}
	}
	return nil
}

// causes is the cohort of the roles with the status for a cause; n is the
// number of causes, at least two.
func causes(in *Input) (c *survival.Cohort, n int, err error) {
	status := in.Numbers("status")
	c = &survival.Cohort{Time: in.Numbers("time"), Cause: make([]int, len(status))}
	n = 2
	for i, v := range status {
		if v < 0 || v > 100 || v != math.Trunc(v) {
			return nil, 0, fmt.Errorf("role status: row %d is not a whole number from 0 (censored) to 100: %w", i+1, ErrRequest)
		}
		c.Cause[i] = int(v)
		n = max(n, c.Cause[i])
	}
	return c, n, checkTimes(c.Time)
}

// riskTableOf reduces the roles to the risk table of one event.
func riskTableOf(in *Input, strata string) (*survival.Table, error) {
	c, err := followed(in)
	if err != nil {
		return nil, err
	}
	if strata != "" {
		c.Stratum = in.Labels(strata).Codes
	}
	g := in.Labels("g")
	return survival.TableOf(c, g.Levels, g.Codes, 1)
}

func runKaplanMeier(in *Input) (kaplanMeier, error) {
	r := kaplanMeier{points: map[survival.Band][]survival.Point{}, medians: map[survival.Band][]survival.Crossing{}}
	t, err := riskTableOf(in, "")
	if err != nil {
		return r, err
	}
	times := ascending(in.List("times"))
	r.groups = t.Groups
	for g, name := range t.Groups {
		curve, err := survival.KaplanMeier(t, g, 1)
		if err != nil {
			return r, err
		}
		r.events, r.people = append(r.events, curve.Events), append(r.people, curve.People)
		for _, band := range []survival.Band{survival.Log, survival.LogLog, survival.Plain} {
			median, err := curve.Quantile(0.5, band, 0.95)
			if err != nil {
				return r, err
			}
			r.medians[band] = append(r.medians[band], median)
			for _, at := range times {
				p, err := curve.At(at, band, 0.95)
				if err != nil {
					return r, err
				}
				r.points[band] = append(r.points[band], p)
				if band == survival.Log {
					r.label, r.hazard = append(r.label, name), append(r.hazard, p.CumHazard)
				}
			}
		}
	}
	return r, nil
}

func ascending(times []float64) []float64 {
	out := slices.Clone(times)
	sort.Float64s(out)
	return out
}

func runLogRank(in *Input) (r logRank, err error) {
	t, err := riskTableOf(in, "")
	if err != nil {
		return r, err
	}
	compare := func(t *survival.Table, rho float64) (*survival.LogRank, error) {
		l, err := survival.Compare(t, 1, rho)
		return &l, err
	}
	if r.plain, err = compare(t, 0); err != nil {
		return r, err
	}
	if r.petoPeto, err = compare(t, 1); err != nil {
		return r, err
	}
	if in.Has("st") {
		if t, err = riskTableOf(in, "st"); err != nil {
			return r, err
		}
		r.stratified, err = compare(t, 0)
	}
	return r, err
}

func runRestrictedMean(in *Input) (r restrictedMeans, err error) {
	t, err := riskTableOf(in, "")
	if err != nil {
		return r, err
	}
	if len(t.Groups) < 2 {
		return r, fmt.Errorf("one group, need two to compare: %w", analytics.ErrTooFewObservations)
	}
	r.groups = t.Groups
	for g := range t.Groups {
		curve, err := survival.KaplanMeier(t, g, 1)
		if err != nil {
			return r, err
		}
		mean, err := curve.RestrictedMean(in.Number("tau", 0), 0.95)
		if err != nil {
			return r, err
		}
		r.means = append(r.means, mean)
	}
	r.contrast, err = survival.CompareMeans(r.means[0], r.means[1], 0.95)
	return r, err
}

// causeName is a cause as the status column writes it.
func causeName(cause int) string { return strconv.Itoa(cause) }
