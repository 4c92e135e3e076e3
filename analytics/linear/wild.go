package linear

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/describe"
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
// can not reach 0.05. Only the clusters' sums are used: e₀ = e + X(b − b₀), and
// b − b₀ is along the coefficient's row of (X′X)⁻¹.
//
//	more than 20 clusters, a coefficient that is not there   ErrInvalidParameter
//	a clustered error of zero                        ErrZeroVariance
//
// Agrees with golden/batteries_b.R to 1e-9. Cameron, Gelbach and Miller (2008),
// doi:10.1162/rest.90.3.414.
func (c *Clustered) WildBootstrap(coef int) (Wild, error) {
	f := c.fit
	if coef < 0 || coef >= f.P {
		return Wild{}, fmt.Errorf("linear: coefficient %d of %d: %w", coef, f.P, analytics.ErrInvalidParameter)
	}
	groups := c.Count()
	if groups > maxWildClusters {
		return Wild{}, fmt.Errorf("linear: %d clusters make too many sign vectors, at most %d; use CR2: %w", groups, maxWildClusters, analytics.ErrInvalidParameter)
	}
	w := Wild{Estimate: f.Coef[coef], Clusters: groups, Draws: 1 << groups}
	cr1s, err := c.Covariance(CR1S)
	if err != nil {
		return Wild{}, err
	}
	se := math.Sqrt(cr1s.At(coef, coef))
	if !(se > 1e-12*math.Abs(w.Estimate)) {
		return Wild{}, fmt.Errorf("linear: %s has a clustered error of zero: %w", f.Names[coef], analytics.ErrZeroVariance)
	}
	w.T = w.Estimate / se
	own, cross := c.wildSums(coef)
	scale := float64(groups) / float64(groups-1) * float64(f.N-1) / float64(f.N-f.P)
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

// WildBootstrap is that of the clusters that labels say, one label a row. Fewer
// than two clusters: ErrTooFewObservations.
func (o *Rows) WildBootstrap(coef int, labels []int) (Wild, error) {
	clusters, err := o.ByRows(labels)
	if err != nil {
		return Wild{}, err
	}
	return clusters.WildBootstrap(coef)
}

// wildSums returns, with a the coefficient's row of (X′X)⁻¹ and u_g = X_g′e₀, the
// numbers own_g = a′u_g and cross_gh = a′S_g(X′X)⁻¹u_h: then the coefficient of a
// draw is Σ w_g·own_g and the score of a cluster along it w_g·own_g − Σ_h w_h·cross_gh.
func (c *Clustered) wildSums(coef int) (own []float64, cross [][]float64) {
	f, groups := c.fit, c.Count()
	a := f.Inv.Row(coef)
	away := f.Coef[coef] / a[coef] // b − b₀ = away·a
	own, cross = make([]float64, groups), make([][]float64, groups)
	along, moved := make([][]float64, groups), make([][]float64, groups)
	for g, cluster := range c.clusters {
		along[g] = cluster.Gram.Times(a)
		u := make([]float64, f.P)
		for j, v := range cluster.Score {
			u[j] = v + away*along[g][j]
		}
		moved[g] = f.Inv.Times(u)
		own[g] = moved[g][coef]
	}
	for g := range cross {
		cross[g] = make([]float64, groups)
		for h := range moved {
			for j, v := range along[g] {
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
