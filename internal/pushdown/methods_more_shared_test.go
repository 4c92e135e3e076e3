//go:build shared

package pushdown

import (
	"math"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/missing"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/store/read"
)

// moreChecks are of methods that ask the store twice, or once for several data
// sets in one table.
func moreChecks() []check {
	return []check{
		{[]string{"ols_heteroskedasticity_robust"}, byGram, rounding, robust("cohort", arms, ancova)},
		{[]string{"ols_heteroskedasticity_robust"}, byGram, rounding, robust("cohort20k", nil, "y ~ tr + factor(age_band) + male + factor(imd) + factor(sev_band)")},
		{[]string{"subgroup_effects"}, byGram, rounding, func(t *testing.T, all map[string]*dataset) pair[any] {
			const formula = "odi_12 ~ physio * sex + odi_0"
			p, _, y, x := all["cohort"].gram(t, arms, nil, formula)
			fits := pair[*linear.Fit]{must(linear.OLS(rowsOf(t, all["cohort"], arms, formula)))(t).Fit, must(linear.FromMoments(p.store[0], y, x))(t)}
			return both(t, fits, func(f *linear.Fit, s *answers) {
				for male := range 2 {
					weights := make([]float64, f.P)
					weights[f.Place("physio")], weights[f.Place("physio:sexM")] = 1, float64(male)
					s.add(f.Contrast(weights, f.Covariance(), 0.95))
				}
			})
		}},
		{[]string{"mi_pool_regression", "mi_pool_scalar", "mi_multiparameter_wald_D1"}, byGram, 0, func(t *testing.T, all map[string]*dataset) pair[any] {
			p, _, y, x := all["mi_long"].gram(t, nil, []string{".imp"}, "odi_12 ~ physio + odi_0 + age + male + phq9")
			return both(t, p, func(imputed []moments.Matrix, s *answers) {
				var estimates [][]float64
				var covariances []linear.Sym
				var values, variances []float64
				for _, m := range imputed {
					f := must(linear.FromMoments(m, y, x))(t)
					c := f.Covariance()
					values, variances = append(values, f.Coef[1]), append(variances, c.At(1, 1))
					two := linear.NewSym(2)
					for i := range 2 {
						for j := range i + 1 {
							two.Set(i, j, c.At(i+1, j+1))
						}
					}
					estimates, covariances = append(estimates, f.Coef[1:3]), append(covariances, two)
				}
				s.add(missing.Pool(values, variances, float64(imputed[0].N)-float64(len(x)), 0.95))
				s.add(missing.D1(estimates, covariances))
			})
		}},
		{[]string{"missing_pattern"}, byCells, 0, absences},
		{[]string{"delta_adjusted_mi"}, byGram, rounding, shifts},
	}
}

// robust compares the heteroscedasticity-consistent variances of all coefficients:
// of rows, and one scan of the store each, with the fit as constants.
func robust(data string, conditions []where, formula string) run {
	return func(t *testing.T, all map[string]*dataset) pair[any] {
		d := all[data]
		p, f, y, x := d.gram(t, conditions, nil, formula)
		o := must(linear.OLS(rowsOf(t, d, conditions, formula)))(t)
		fit := must(linear.FromMoments(p.store[0], y, x))(t)
		rows, store := answers{t: t}, answers{t: t}
		var bread []float64
		for i := range fit.P {
			for j := range i + 1 {
				bread = append(bread, fit.Inv.At(i, j))
			}
		}
		terms := p.store[0].Terms
		for j := range 2 {
			for kind, hc := range []linear.HCKind{linear.HC0, linear.HC1, linear.HC2, linear.HC3} {
				kind := read.HC(kind)
				v := counted(t, d, func(float64) int { return 1 }, func() (float64, error) {
					return d.reader.Weighted(t.Context(), read.Weighted{
						Question: read.Question{Selection: read.Selection{Where: d.predicate(conditions)}, Terms: terms[:len(x)], Complete: f.Columns()},
						Outcome:  terms[y], Beta: fit.Coef, Bread: bread, Along: fit.Inv.Row(j), Kind: kind,
					})
				})
				if kind == read.HC1 {
					v *= float64(fit.N) / float64(fit.DF())
				}
				store.add(v, nil)
				rows.add(must(o.HC(hc))(t).At(j, j), nil)
			}
		}
		return pair[any]{rows.all, store.all}
	}
}

// absences describes which of three outcomes are missing together.
func absences(t *testing.T, all map[string]*dataset) pair[any] {
	d, columns := all["cohort"], []string{"odi_3", "odi_12", "sex"}
	c := counted(t, d, (*read.Cells).Len, func() (*read.Cells, error) {
		return d.reader.Cells(t.Context(), read.CellQuestion{Columns: columns, Missing: true})
	})
	var people []int // the cell of each person
	for i, n := range c.Count {
		for range n {
			people = append(people, i)
		}
	}
	absent := pair[func(row, column int) bool]{
		func(row, column int) bool {
			v := d.column(columns[column])
			return v.texts[row] == "" || v.numbers != nil && math.IsNaN(v.numbers[row])
		},
		func(row, column int) bool {
			m := c.Columns[column].Missing
			return m != nil && m[people[row]]
		},
	}
	return both(t, absent, func(of func(row, column int) bool, s *answers) {
		out, err := missing.Describe(d.n, len(columns), of)
		s.add(out, err)
	})
}

// shifts are the fits of an imputed outcome with something added where it was
// imputed among the treated: of the rows themselves, and of the sums of the outcome
// and of that indicator.
func shifts(t *testing.T, all map[string]*dataset) pair[any] {
	const formula = "odi_12 ~ physio + odi_0 + age + male"
	d := all["mi_long"]
	imputed := moments.Term{Name: "imputed", Factors: []moments.Factor{{Column: "physio", Power: 1}, {Column: "odi_12_missing", Power: 1}}}
	terms := []moments.Term{moments.Column("physio"), moments.Column("odi_0"), moments.Column("age"), moments.Column("male"), moments.Column("odi_12"), imputed}
	keys, _ := d.groups(d.rows(nil), []string{".imp"})
	store := d.moments(t, nil, []string{".imp"}, terms).store
	rows, of := answers{t: t}, answers{t: t}
	for _, delta := range []float64{-10, 0, 2.5, 15} {
		var whole, summed [2][]float64
		for k := range keys {
			some := []where{in(".imp", strings.Trim(keys[k], "[]\""))}
			m := rowsOf(t, d, some, formula)
			for i, at := range d.rows(some) {
				if d.column("physio").numbers[at] == 1 && d.column("odi_12_missing").numbers[at] == 1 {
					m.Y[i] += delta
				}
			}
			direct := must(linear.OLS(m))(t)
			whole[0], whole[1] = append(whole[0], direct.Coef[1]), append(whole[1], direct.Covariance().At(1, 1))
			shifted := must(linear.ShiftingMoments(store[k], 5, 6, []int{0, 1, 2, 3, 4}))(t).At(delta)
			summed[0], summed[1] = append(summed[0], shifted.Coef[1]), append(summed[1], shifted.Covariance().At(1, 1))
		}
		rows.add(missing.Pool(whole[0], whole[1], float64(store[0].N)-5, 0.95))
		of.add(missing.Pool(summed[0], summed[1], float64(store[0].N)-5, 0.95))
	}
	return pair[any]{rows.all, of.all}
}
