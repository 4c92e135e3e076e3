//go:build shared

package pushdown

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// regression is one formula on one file.
type regression struct {
	data     string
	where    []where
	response string
	formula  string
	columns  []string
}

var (
	improved   = regression{"cohort", arms, "mcid10", "~ physio + odi_0 + age + male + smoker + imd", []string{"physio", "odi_0", "age", "male", "smoker", "imd"}}
	improved20 = regression{"cohort20k", nil, "mcid", "~ tr + factor(age_band) + male + factor(imd) + factor(sev_band)", []string{"tr", "age_band", "male", "imd", "sev_band"}}
	visits     = regression{"cohort", []where{in("region", "R1", "R2", "R3")}, "gp_visits_12", "~ intervention + phq9 + comorb", []string{"intervention", "phq9", "comorb"}}
)

func (r regression) with(columns ...string) regression {
	r.columns = append(slices.Clone(r.columns), columns...)
	return r
}

// on runs a method on the patterns of rows and of the store.
func (r regression) on(f func(t *testing.T, p patterns, s *answers)) run {
	return func(t *testing.T, all map[string]*dataset) pair[any] {
		t.Helper()
		return both(t, all[r.data].patterns(t, r.where, r.columns, r.response), func(p patterns, s *answers) { f(t, p, s) })
	}
}

// model is what is compared of a generalised linear model.
type model struct {
	Names                        []string
	Coef, Cov, HC0               []float64
	Deviance, NullDeviance, Chi2 float64
	N                            float64
}

func modelOf(m *glm.Model) model {
	return model{m.Names, m.Coef, cells2(m.Cov, m.P), cells2(m.HC0(), m.P), m.Deviance, m.NullDeviance, m.Pearson(), m.N}
}

// generalised fits a family to the cells.
func (r regression) generalised(family glm.Family, more func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers)) run {
	return r.on(func(t *testing.T, p patterns, s *answers) {
		c := p.cells(t, r.formula)
		m := must(glm.Fit(c, family, glm.Options{}))(t)
		s.add(modelOf(m), nil)
		if more != nil {
			more(t, p, c, m, s)
		}
	})
}

func cellChecks() []check {
	treated := func(of regression, treatment string) func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers) {
		return func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers) {
			set := func(v float64) *design.Matrix {
				values := make([]float64, c.Len())
				for i := range values {
					values[i] = v
				}
				return must(parse(t, of.formula).Build(must(p.table.With(design.Column{Name: treatment, Values: values}))(t)))(t)
			}
			everybody := func(int) bool { return true }
			s.add(m.Standardise(set(1), set(0), everybody, m.Cov))
			s.add(m.Standardise(set(1), set(0), everybody, m.HC0()))
		}
	}
	var all []check
	for _, r := range []struct {
		regression
		treatment, cluster string
	}{{improved, "physio", "provider"}, {improved20, "tr", "provider"}} {
		all = append(all,
			check{[]string{"logistic_regression", "hosmer_lemeshow"}, byCells, rounding, r.generalised(glm.Binomial, func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers) {
				s.add(m.Performance())
				s.add(m.CStatistic())
				s.add(m.HosmerLemeshow())
			})},
			check{[]string{"g_computation_binary", "g_computation_binary_robust"}, byCells, rounding, r.generalised(glm.Binomial, treated(r.regression, r.treatment))},
			check{[]string{"modified_poisson_rr"}, byCells, rounding, r.generalised(glm.Poisson, nil)},
			check{[]string{"linear_probability_hc"}, byCells, rounding, r.generalised(glm.Gaussian, nil)},
			check{[]string{"logistic_firth"}, byCells, rounding, r.on(func(t *testing.T, p patterns, s *answers) {
				m := must(glm.Firth(p.cells(t, r.formula), glm.Options{}))(t)
				s.add([][]float64{m.Coef, cells2(m.Cov, m.P)}, nil)
			})},
			check{[]string{"logistic_cluster_robust"}, byCells, rounding, r.with(r.cluster).generalised(glm.Binomial, func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers) {
				labels, _ := p.codes(t, r.cluster)
				of := must(m.Cluster(labels))(t)
				kinds := []linear.CRKind{linear.CR0, linear.CR1, linear.CR2}
				if r.data == "cohort20k" {
					kinds = kinds[:2] // the third takes long of rows
				}
				for _, kind := range kinds {
					s.add(cells2(must(of.Covariance(kind))(t), m.P), nil)
				}
			})},
			check{[]string{"indirect_standardisation", "funnel_standardised_ratio_overdispersion"}, byCells, rounding, r.with(r.cluster).generalised(glm.Binomial, func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers) {
				labels, names := p.codes(t, r.cluster)
				units, err := m.ByGroup(labels, len(names))
				s.add(units, err)
				var ratios []funnel.Ratio
				for _, u := range units {
					if u.Observed > 0 {
						ratios = append(ratios, funnel.Ratio{Observed: u.Observed, Expected: u.Expected})
					}
				}
				s.add(funnel.Ratios(ratios, funnel.LogRatio))
			})},
		)
	}
	return append(all,
		check{[]string{"logistic_profile_likelihood_ci"}, byCells, rounding, improved.generalised(glm.Binomial, func(t *testing.T, p patterns, c cells.Cells, m *glm.Model, s *answers) {
			low, high, err := m.ProfileInterval(1, 0.95)
			s.add([]float64{low, high}, err)
		})},
		// The deviance of counts needs Σ y·log y, so the count is a column too.
		check{[]string{"poisson_regression"}, byCells, rounding, visits.with("gp_visits_12").on(func(t *testing.T, p patterns, s *answers) {
			m := must(glm.Fit(p.counts(t, visits), glm.Poisson, glm.Options{}))(t)
			s.add(modelOf(m), nil)
			loglik, ok := m.LogLik()
			s.add([]any{loglik, ok}, nil)
		})},
		check{[]string{"negative_binomial"}, byCells, rounding, visits.with("gp_visits_12").on(func(t *testing.T, p patterns, s *answers) {
			c := p.counts(t, visits)
			counts := map[float64]float64{}
			y, _ := p.table.Column("gp_visits_12")
			for i, v := range y.Values {
				counts[v] += c.Count[i]
			}
			var values, people []float64
			for v := 0.0; v < 1000; v++ {
				if counts[v] > 0 {
					values, people = append(values, v), append(people, counts[v])
				}
			}
			m := must(glm.FitNegativeBinomial(c, values, people, glm.Options{}))(t)
			s.add([]any{m.Coef, m.Theta}, nil)
		})},
		check{[]string{"proportional_odds", "multinomial_logit"}, byCells, rounding, func(t *testing.T, all map[string]*dataset) pair[any] {
			r := regression{"cohort", arms, "", "~ physio + odi_0 + male", []string{"physio", "odi_0", "male", "groc_12"}}
			return r.on(func(t *testing.T, p patterns, s *answers) {
				codes, levels := p.codes(t, "groc_12")
				counts := make([][]float64, len(codes))
				for i, code := range codes {
					counts[i] = make([]float64, len(levels))
					counts[i][code] = p.count[i]
				}
				x := must(parse(t, r.formula).Build(p.table))(t)
				m := must(glm.FitMultinomial(x, counts, glm.Options{}))(t)
				s.add([]any{m.Coef, m.Deviance, m.StdErr(1, 1)}, nil)
				o := must(glm.FitProportionalOdds(x.Without(map[int]bool{0: true}), counts, glm.Options{}))(t)
				s.add([]any{o.Beta, o.Zeta, o.Deviance}, nil)
			})(t, all)
		}},
	)
}

// counts are the cells of a count that is a column of the patterns as well.
func (p patterns) counts(t *testing.T, r regression) cells.Cells {
	t.Helper()
	c := p.cells(t, r.formula)
	y, ok := p.table.Column(r.response)
	if !ok || strings.Contains(r.formula, r.response) {
		t.Fatal("the count is no column, or a covariate")
	}
	c.YLogY, c.LogFactorial = make([]float64, c.Len()), make([]float64, c.Len())
	for i, v := range y.Values {
		if v > 0 {
			c.YLogY[i] = c.Count[i] * v * math.Log(v)
			f, _ := math.Lgamma(v + 1)
			c.LogFactorial[i] = c.Count[i] * f
		}
	}
	return c
}
