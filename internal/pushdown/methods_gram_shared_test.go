//go:build shared

package pushdown

import (
	"math"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/bayes"
	"github.com/lumbar-health/lumbar/analytics/casemix"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/meta"
	"github.com/lumbar-health/lumbar/analytics/mixed"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/quasi"
)

const (
	outcomes = "odi_12 ~ intervention + odi_0 + age + sex + imd + smoker + region"
	ancova   = "odi_12 ~ physio + odi_0 + age + male + phq9"
	gains    = "gain ~ odi_0 + age + male + phq9 + comorb + smoker + imd"
)

// fit is what is compared of a least-squares fit: also between the two ways to
// fit one, by QR of rows and from moments.
type fit struct {
	Coef, Model  []float64
	RSS, TSS, R2 float64
	N            int
	F            linear.FTest
}

func fitOf(f *linear.Fit, s *answers) {
	r2, _ := f.RSquared()
	overall, err := f.Overall()
	s.add(fit{f.Coef, cells2(f.Covariance(), f.P), f.RSS, f.TSS, r2, f.N, overall}, err)
}

// cells2 lists a symmetric matrix.
func cells2(m linear.Sym, n int) []float64 {
	var out []float64
	for i := range n {
		for j := range i + 1 {
			out = append(out, m.At(i, j))
		}
	}
	return out
}

func rowsOf(t *testing.T, d *dataset, conditions []where, formula string) *design.Matrix {
	t.Helper()
	f := parse(t, formula)
	return must(f.Build(d.table(t, d.rows(conditions, f.Columns()...), f.Columns())))(t)
}

func gramChecks() []check {
	// Least squares of rows is by QR; the store's is from moments.
	least := func(data string, conditions []where, formula string) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			p, _, y, x := all[data].gram(t, conditions, nil, formula)
			rows, store := answers{t: t}, answers{t: t}
			fitOf(must(linear.OLS(rowsOf(t, all[data], conditions, formula)))(t).Fit, &rows)
			fitOf(must(linear.FromMoments(p.store[0], y, x))(t), &store)
			return pair[any]{rows.all, store.all}
		}
	}
	exact := func(data string, conditions []where, formula string, f func(m moments.Matrix, y int, x []int, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			p, _, y, x := all[data].gram(t, conditions, nil, formula)
			return both(t, p, func(m []moments.Matrix, s *answers) { f(m[0], y, x, s) })
		}
	}
	return []check{
		{[]string{"ols"}, byGram, rounding, least("cohort", nil, outcomes)},
		{[]string{"ols"}, byGram, rounding, least("cohort20k", nil, "y ~ tr + factor(age_band) + male + factor(imd) + sev_band + I(sev_band^2) + region:male")},
		{[]string{"gram_matrix", "ancova"}, byGram, 0, exact("cohort", nil, outcomes, func(m moments.Matrix, y int, x []int, s *answers) {
			s.add(m, nil)
			f, err := linear.FromMoments(m, y, x)
			s.add(f, err)
			s.add(f.Estimate(1, f.Covariance(), 0.95))
			s.add(f.Likelihood())
		})},
		{[]string{"negative_control_outcome"}, byGram, rounding, least("cohort", []where{in("intervention", "surgery", "usual_care")}, "dental_visits ~ surgery + odi_0 + age + male + leg_pain + prior_surgery + smoker + imd + phq9 + comorb")},
		{[]string{"subgroup_interaction"}, byGram, rounding, least("cohort", arms, "odi_12 ~ physio * sex + odi_0")},
		{[]string{"bayes_linear_conjugate"}, byGram, 0, exact("cohort", arms, ancova, func(m moments.Matrix, y int, x []int, s *answers) {
			g, err := bayes.GramOfMoments(m, y, x)
			s.add(g, err)
			s.add(bayes.ConjugateLinear(g, bayes.LinearPrior{CoefSD: 10, Shape: 1, Rate: 100}))
		})},
		{[]string{"restricted_cubic_spline_4_knots"}, byGram, rounding, func(t *testing.T, all map[string]*dataset) pair[any] {
			d, regions := all["cohort"], []where{in("region", "R1", "R2"), {column: "odi_12"}}
			const formula = "odi_12 ~ rcs(odi_0, 4)"
			h := d.histograms(t, regions, nil, "odi_0").store[0]
			known := design.Frequencies{Values: h.Values}
			for _, n := range h.Counts {
				known.Counts = append(known.Counts, float64(n))
			}
			terms := must(parse(t, formula).Terms(nil, map[string]design.Frequencies{"odi_0": known}))(t)
			p := d.curved(t, regions, append(terms, moments.Column("odi_12")))
			rows, store := answers{t: t}, answers{t: t}
			fitOf(must(linear.OLS(rowsOf(t, d, regions, formula)))(t).Fit, &rows)
			fitOf(must(linear.FromMoments(p, 4, []int{0, 1, 2, 3}))(t), &store)
			return pair[any]{rows.all, store.all}
		}},
		{[]string{"iv_2sls"}, byGram, rounding, func(t *testing.T, all map[string]*dataset) pair[any] {
			d := all["iv"]
			const formula = "y ~ d + odi_0 + age | pref + pref2 + odi_0 + age"
			f := must(design.ParseInstrumented(formula))(t)
			terms := []moments.Term{moments.Column("d"), moments.Column("odi_0"), moments.Column("age"), moments.Column("pref"), moments.Column("pref2"), moments.Column("y")}
			p := d.moments(t, nil, []string{"provider"}, terms)
			rows, store := answers{t: t}, answers{t: t}
			model, instruments, err := f.Build(d.table(t, d.rows(nil), []string{"y", "d", "odi_0", "age", "pref", "pref2"}))
			if err != nil {
				t.Fatal(err)
			}
			labels, _ := patterns{table: d.table(t, d.rows(nil), []string{"provider"})}.codes(t, "provider")
			byRows := must(quasi.TwoStageRows(model, instruments))(t)
			instrumental(t, byRows.Instrumental, must(byRows.ByRows(labels))(t), &rows)
			ofMoments := must(quasi.TwoStage(must(moments.MergeAll(p.store))(t), 6, []int{0, 1, 2, 3}, []int{0, 4, 5, 2, 3}))(t)
			instrumental(t, ofMoments, must(ofMoments.ByMoments(p.store))(t), &store)
			return pair[any]{rows.all, store.all}
		}},
	}
}

func instrumental(t *testing.T, f *quasi.Instrumental, c *linear.Clustered, s *answers) {
	t.Helper()
	s.add(f.Coef, nil)
	s.add(cells2(f.Covariance(), len(f.Coef)), nil)
	s.add(cells2(must(c.Covariance(linear.CR1S))(t), len(f.Coef)), nil)
}

// profile is the funnel and the shrinkage of providers' residuals.
func profile(providers []moments.Matrix, model casemix.Model, s *answers) {
	var values, stdErrs, variances []float64
	for _, m := range providers {
		mean, _ := model.Residual.Mean(m)
		se := model.Sigma / math.Sqrt(float64(m.N))
		values, stdErrs, variances = append(values, mean), append(stdErrs, se), append(variances, se*se)
	}
	s.add(funnel.Overdispersion(values, stdErrs, 0, funnel.Winsorise))
	pooled, shrunken, err := meta.Shrink(values, variances, meta.Options{})
	s.add([]any{pooled, shrunken}, err)
}

// clustered compares a fit's cluster-robust errors.
func clustered(t *testing.T, f *linear.Fit, c *linear.Clustered, s *answers) {
	t.Helper()
	for _, kind := range []linear.CRKind{linear.CR0, linear.CR1, linear.CR1S, linear.CR2, linear.CR3} {
		s.add(cells2(must(c.Covariance(kind))(t), f.P), nil)
	}
	s.add(c.Satterthwaite())
}

func clusterChecks() []check {
	robust := func(data string, conditions []where, formula, cluster string) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			d := all[data]
			p, f, y, x := d.gram(t, conditions, []string{cluster}, formula)
			rows, store := answers{t: t}, answers{t: t}
			byRows := must(linear.OLS(rowsOf(t, d, conditions, formula)))(t)
			labels, _ := patterns{table: d.table(t, d.rows(conditions, f.Columns()...), []string{cluster})}.codes(t, cluster)
			clustered(t, byRows.Fit, must(byRows.ByRows(labels))(t), &rows)
			ofMoments := must(linear.FromMoments(must(moments.MergeAll(p.store))(t), y, x))(t)
			clustered(t, ofMoments, must(ofMoments.ByMoments(p.store, y, x))(t), &store)
			return pair[any]{rows.all, store.all}
		}
	}
	exact := func(data, cluster, formula string, f func(groups []moments.Matrix, y int, x []int, s *answers)) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			p, _, y, x := all[data].gram(t, nil, []string{cluster}, formula)
			return both(t, p, func(m []moments.Matrix, s *answers) { f(m, y, x, s) })
		}
	}
	intercept := func(data, cluster, formula string, reml bool) run {
		return func(t *testing.T, all map[string]*dataset) pair[any] {
			d := all[data]
			p, f, y, x := d.gram(t, nil, []string{cluster}, formula)
			m := rowsOf(t, d, nil, formula)
			ones := must(parse(t, "~ 1").Build(d.table(t, d.rows(nil, f.Columns()...), f.Columns())))(t)
			label := d.table(t, d.rows(nil, f.Columns()...), []string{cluster}).Columns()[0]
			return both(t, pair[*mixed.Sums]{must(mixed.FromRows(m, ones, design.AsFactor(label)))(t), must(mixed.FromMoments(make([]string, len(p.store)), p.store, y, x, []int{0}))(t)},
				func(sums *mixed.Sums, s *answers) {
					f, err := mixed.Fit(sums, reml, mixed.Options{})
					if err != nil {
						s.add(nil, err)
						return
					}
					loglik, aic, bic := f.LogLik()
					s.add([]float64{loglik, aic, bic, f.ICC()}, nil)
					s.add(f.Coef, nil)
				})
		}
	}
	return []check{
		{[]string{"ols_cluster_robust"}, byClusters, rounding, robust("cohort", nil, outcomes, "provider")},
		{[]string{"ols_cluster_robust"}, byClusters, rounding, robust("cohort20k", nil, "y ~ tr + factor(age_band) + male + factor(imd) + factor(sev_band)", "region")},
		{[]string{"did_2x2"}, byMoments, 0, func(t *testing.T, all map[string]*dataset) pair[any] {
			p := all["did_panel"].moments(t, nil, []string{"post", "treated", "unit"}, []moments.Term{moments.Column("y"), moments.Column("treated"), moments.Column("post"), moments.Column("unit")})
			return both(t, p, func(groups []moments.Matrix, s *answers) {
				var all []quasi.Cell
				for _, m := range groups {
					mean, _ := m.Mean(1)
					treated, _ := m.Mean(2)
					post, _ := m.Mean(3)
					unit, _ := m.Mean(4)
					all = append(all, quasi.Cell{Cluster: int(unit) - 1, Treated: treated == 1, Post: post == 1, GroupSums: linear.GroupSums{N: m.N, Mean: mean, SumSq: m.Centred(1, 1)}})
				}
				s.add(quasi.TwoByTwo(all))
			})
		}},
		{[]string{"case_mix_adjusted_health_gain", "funnel_overdispersion", "provider_shrinkage"}, byClusters, 0,
			exact("cohort", "provider", gains, func(m []moments.Matrix, y int, x []int, s *answers) {
				model, dropped, err := casemix.Fit(m, y, x)
				s.add(model, err)
				s.add(dropped, nil)
				profile(m, model, s)
			})},
		{[]string{"icc_oneway"}, byMoments, 0, exact("cohort20k", "provider", "y ~ tr", func(m []moments.Matrix, y int, _ []int, s *answers) {
			var groups []linear.GroupSums
			for _, of := range m {
				mean, _ := of.Mean(y)
				groups = append(groups, linear.GroupSums{N: of.N, Mean: mean, SumSq: of.Centred(y, y)})
			}
			s.add(linear.ICC(groups))
		})},
		{[]string{"lmm_random_intercept_reml"}, byClusters, rounding, intercept("longitudinal", "id", "odi ~ arm * week + odi_0", true)},
		{[]string{"lmm_random_intercept_ml", "provider_random_effect"}, byClusters, rounding, intercept("cohort", "provider", gains, false)},
	}
}
