package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// maxWildClusters bounds the enumeration of 2^G sign vectors.
const maxWildClusters = 20

// Wild is a wild cluster bootstrap test of one coefficient.
type Wild struct {
	Estimate, T     float64 // T with CR1S errors
	Clusters, Draws int
	P               float64 // share of draws with |t*| ≥ |T|
	Quantile95      float64 // of |t*|, type 7
}

// WildBootstrap tests that a coefficient is zero by the wild cluster bootstrap-t
// with the null imposed and every one of the 2^G vectors of Rademacher weights,
// the data as they are among them:
//
//	y* = Xb₀ + w_g·e₀,   t* = b*/se*(CR1S),   p = share of |t*| ≥ |t| − 1e-10
//
// It is deterministic; the smallest p is 2/2^G, so that fewer than six clusters
// can not reach 0.05. Only sums by cluster are used. labels says the cluster of
// each row.
//
//	fewer than two clusters                          ErrTooFewObservations
//	more than 20 clusters, a coefficient that is not there   ErrInvalidParameter
//	a clustered error of zero                        ErrZeroVariance
//
// Agrees with golden/batteries_b.R to 1e-9. Cameron, Gelbach and Miller (2008),
// doi:10.1162/rest.90.3.414.
func (o *Rows) WildBootstrap(coef int, labels []int) (Wild, error) {
	if coef < 0 || coef >= o.P {
		return Wild{}, fmt.Errorf("linear: coefficient %d of %d: %w", coef, o.P, analytics.ErrInvalidParameter)
	}
	clusters, err := o.ByRows(labels)
	if err != nil {
		return Wild{}, err
	}
	groups := clusters.Count()
	if groups > maxWildClusters {
		return Wild{}, fmt.Errorf("linear: %d clusters make too many sign vectors, at most %d; use CR2: %w", groups, maxWildClusters, analytics.ErrInvalidParameter)
	}
	restricted, err := o.residualsWithout(coef)
	if err != nil {
		return Wild{}, err
	}
	w := Wild{Estimate: o.Coef[coef], Clusters: groups, Draws: 1 << groups}
	cr1s, err := clusters.Covariance(CR1S)
	if err != nil {
		return Wild{}, err
	}
	se := math.Sqrt(cr1s.At(coef, coef))
	if !(se > 1e-12*math.Abs(w.Estimate)) {
		return Wild{}, fmt.Errorf("linear: %s has a clustered error of zero: %w", o.Names[coef], analytics.ErrZeroVariance)
	}
	w.T = w.Estimate / se
	own, cross := o.wildSums(coef, labels, clusters, restricted)
	scale := float64(groups) / float64(groups-1) * float64(o.N-1) / float64(o.N-o.P)
	absolute := make([]float64, w.Draws)
	for draw := range absolute {
		t, ok := wildT(draw, own, cross, scale)
		if !ok {
			return Wild{}, fmt.Errorf("linear: a bootstrap draw has a clustered error of zero; there are too few clusters: %w", analytics.ErrZeroVariance)
		}
		absolute[draw] = t
		if t >= math.Abs(w.T)-1e-10 {
			w.P += 1 / float64(w.Draws)
		}
	}
	w.Quantile95, err = describe.Quantile(absolute, 0.95, describe.Type7)
	return w, err
}

// residualsWithout fits the model without a column.
func (o *Rows) residualsWithout(coef int) ([]float64, error) {
	m := o.Design
	if m.P == 1 {
		return m.Y, nil
	}
	r := &design.Matrix{N: m.N, P: m.P - 1, Y: m.Y, Response: m.Response, Rows: m.Rows, Labels: m.Labels}
	for j := range m.P {
		if j != coef {
			r.Names, r.Assign = append(r.Names, m.Names[j]), append(r.Assign, m.Assign[j])
		}
	}
	r.X = make([]float64, 0, m.N*r.P)
	for i := range m.N {
		for j, v := range m.Row(i) {
			if j != coef {
				r.X = append(r.X, v)
			}
		}
	}
	fit, err := OLS(r)
	if err != nil {
		return nil, err
	}
	return fit.Residuals, nil
}

// wildSums returns, with a the coefficient's row of (X′X)⁻¹ and u_g = X_g′e₀, the
// numbers own_g = a′u_g and cross_gh = a′S_g(X′X)⁻¹u_h: then the coefficient of a
// draw is Σ w_g·own_g and the score of a cluster along it w_g·own_g − Σ_h w_h·cross_gh.
func (o *Rows) wildSums(coef int, labels []int, clusters *Clustered, restricted []float64) (own []float64, cross [][]float64) {
	place := map[int]int{} // as ByRows numbers them
	groups := clusters.Count()
	u := make([][]float64, groups)
	for i, label := range labels {
		g, ok := place[label]
		if !ok {
			g = len(place)
			place[label] = g
			u[g] = make([]float64, o.P)
		}
		for j, v := range o.Design.Row(i) {
			u[g][j] += v * restricted[i]
		}
	}
	a := o.Inv.Row(coef)
	own, cross = make([]float64, groups), make([][]float64, groups)
	moved := make([][]float64, groups)
	for g := range u {
		moved[g] = o.Inv.Times(u[g])
		own[g] = moved[g][coef]
	}
	for g, c := range clusters.clusters {
		along := c.Gram.Times(a)
		cross[g] = make([]float64, groups)
		for h := range moved {
			for j, v := range along {
				cross[g][h] += v * moved[h][j]
			}
		}
	}
	return own, cross
}

// wildT is |t*| of one draw; bit g of it is the sign of cluster g.
func wildT(draw int, own []float64, cross [][]float64, scale float64) (t float64, ok bool) {
	sign := func(g int) float64 { return 1 - 2*float64(draw>>g&1) }
	var b, variance, size float64
	for g := range own {
		b += sign(g) * own[g]
		score := sign(g) * own[g]
		for h, v := range cross[g] {
			score -= sign(h) * v
		}
		variance += score * score
		size += own[g] * own[g]
	}
	if !(variance > 1e-24*size) {
		return 0, false
	}
	return math.Abs(b) / math.Sqrt(scale*variance), true
}
