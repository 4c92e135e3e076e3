package linear

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Cluster is what one cluster contributes: Gram is X_g′X_g and Score X_g′e_g,
// columns in the order of the fit's coefficients. Rows or moments give it.
type Cluster struct {
	Gram  Sym
	Score []float64
}

// CRKind is a cluster-robust covariance.
type CRKind int

// The covariances, with G clusters: CR0 has no correction, CR1 the factor
// G/(G−1), CR1S (Stata's) times (n−1)/(n−p) as well, CR2 is Bell and McCaffrey's,
// CR3 the leave-one-cluster-out one.
const (
	CR0 CRKind = iota
	CR1
	CR1S
	CR2
	CR3
)

// Clustered holds the clusters of a fit, ready for any covariance.
type Clustered struct {
	fit      *Fit
	clusters []Cluster
	root     *mat.TriDense // L, lower, with (X′X)⁻¹ = L·L′
}

// ByRows groups the rows by label, one label a row of the design.
func (o *Rows) ByRows(labels []int) (*Clustered, error) {
	if len(labels) != o.N {
		return nil, fmt.Errorf("linear: %d cluster labels for %d rows: %w", len(labels), o.N, analytics.ErrInvalidParameter)
	}
	place := map[int]int{}
	var clusters []Cluster
	for i, label := range labels {
		g, ok := place[label]
		if !ok {
			g = len(clusters)
			place[label] = g
			clusters = append(clusters, Cluster{Gram: NewSym(o.P), Score: make([]float64, o.P)})
		}
		x := o.Design.Row(i)
		clusters[g].Gram.AddOuter(x, 1)
		for j, v := range x {
			clusters[g].Score[j] += v * o.Residuals[i]
		}
	}
	return o.Fit.Cluster(clusters)
}

// ByMoments takes one matrix of moments a cluster, the terms x and y as in
// FromMoments. The score is X_g′y_g − X_g′X_g·b, so it keeps the digits that the
// sums have.
func (f *Fit) ByMoments(groups []moments.Matrix, y int, x []int) (*Clustered, error) {
	if len(x) != f.P {
		return nil, fmt.Errorf("linear: %d columns for %d coefficients: %w", len(x), f.P, analytics.ErrInvalidParameter)
	}
	var clusters []Cluster
	for _, m := range groups {
		if m.N == 0 {
			continue
		}
		c := Cluster{Gram: NewSym(f.P), Score: make([]float64, f.P)}
		for a, i := range x {
			for b, j := range x[:a+1] {
				c.Gram.Set(a, b, m.Sum(i, j))
			}
		}
		fitted := c.Gram.Times(f.Coef)
		for a, i := range x {
			c.Score[a] = m.Sum(i, y) - fitted[a]
		}
		clusters = append(clusters, c)
	}
	return f.Cluster(clusters)
}

// Bounds of clustered errors: CR2 takes the eigenvalues of a p×p matrix for each
// cluster, its degrees of freedom p matrices of that size at once.
const (
	maxClusterColumns = 300
	maxClusterWork    = 1e10 // clusters × p³
)

// Cluster prepares the clusters. Fewer than two: ErrTooFewObservations; more
// coefficients than 300, or clusters × coefficients³ above 10¹⁰:
// ErrInvalidParameter.
func (f *Fit) Cluster(clusters []Cluster) (*Clustered, error) {
	p := float64(f.P)
	if f.P > maxClusterColumns || float64(len(clusters))*p*p*p > maxClusterWork {
		return nil, fmt.Errorf("linear: %d coefficients and %d clusters are too many for clustered errors: %w", f.P, len(clusters), analytics.ErrInvalidParameter)
	}
	if len(clusters) < 2 {
		return nil, fmt.Errorf("linear: %d cluster, need 2: %w", len(clusters), analytics.ErrTooFewObservations)
	}
	root, ok := f.Inv.Root()
	if !ok {
		return nil, fmt.Errorf("linear: the covariance is not positive definite: drop terms that say nearly the same: %w", analytics.ErrCollinear)
	}
	return &Clustered{fit: f, clusters: clusters, root: root}, nil
}

// Count is the number of clusters.
func (c *Clustered) Count() int { return len(c.clusters) }

// Covariance returns the covariance of the coefficients: (X′X)⁻¹·Σ v_gv_g′·(X′X)⁻¹
// with v_g the score as the kind adjusts it. Of CR2 the p×p form is used,
// R_g = (I − L′X_g′X_gL)^(−½), so that nothing of the size of a cluster is made.
// CR3 with a cluster that alone determines a coefficient: ErrZeroVariance.
// Checked against R's clubSandwich 0.5.8 to 1e-8. Pustejovsky and Tipton (2018),
// doi:10.1080/07350015.2016.1247004.
func (c *Clustered) Covariance(kind CRKind) (Sym, error) {
	f := c.fit
	meat := NewSym(f.P)
	for _, g := range c.clusters {
		v := g.Score
		if kind >= CR2 {
			var err error
			if v, err = c.adjust(g, kind); err != nil {
				return Sym{}, err
			}
		}
		meat.AddOuter(v, 1)
	}
	cov := f.Inv.Sandwich(meat)
	count, n := float64(len(c.clusters)), float64(f.N)
	switch kind {
	case CR1:
		return cov.Scale(count / (count - 1)), nil
	case CR1S:
		return cov.Scale(count / (count - 1) * (n - 1) / (n - float64(f.P))), nil
	}
	return cov, nil
}

// adjust returns L′⁻¹·R·L′·score with R the power −½ (CR2) or −1 (CR3) of
// I − L′X_g′X_gL.
func (c *Clustered) adjust(g Cluster, kind CRKind) ([]float64, error) {
	_, r, err := c.shrink(g, kind)
	if err != nil {
		return nil, err
	}
	var v, w mat.VecDense
	v.MulVec(c.root.T(), mat.NewVecDense(c.fit.P, g.Score))
	w.MulVec(r, &v)
	if err := v.SolveVec(c.root.T(), &w); err != nil {
		return nil, fmt.Errorf("linear: cluster scores: %v: %w", err, analytics.ErrCollinear)
	}
	return append([]float64(nil), v.RawVector().Data...), nil
}

// shrink returns T = L′X_g′X_gL and the power of I − T, by the eigenvalues;
// those under 1e-12 are left out of CR2, as clubSandwich does.
func (c *Clustered) shrink(g Cluster, kind CRKind) (t *mat.SymDense, r *mat.Dense, err error) {
	p := c.fit.P
	var half, full mat.Dense
	half.Mul(g.Gram.Dense(), c.root)
	full.Mul(c.root.T(), &half)
	t = mat.NewSymDense(p, nil)
	for i := 0; i < p; i++ {
		for j := 0; j <= i; j++ {
			t.SetSym(i, j, (full.At(i, j)+full.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(t, true) {
		return nil, nil, fmt.Errorf("linear: eigenvalues of a cluster: %w", analytics.ErrNotConverged)
	}
	var vectors, scaled mat.Dense
	eigen.VectorsTo(&vectors)
	scaled.CloneFrom(&vectors)
	for j, value := range eigen.Values(nil) {
		left, power := 1-value, 0.0
		switch {
		case left > 1e-12 && kind == CR3:
			power = 1 / left
		case left > 1e-12:
			power = 1 / math.Sqrt(left)
		case kind == CR3:
			return nil, nil, fmt.Errorf("linear: one cluster alone determines a coefficient, CR3 is undefined: %w", analytics.ErrZeroVariance)
		}
		for i := 0; i < p; i++ {
			scaled.Set(i, j, vectors.At(i, j)*power)
		}
	}
	r = &mat.Dense{}
	r.Mul(&scaled, vectors.T())
	return t, r, nil
}

// Satterthwaite returns the degrees of freedom of each coefficient's CR2
// variance under independent errors of equal variance: tr(P)²/‖P‖², P the
// covariance of the clusters' contributions.
func (c *Clustered) Satterthwaite() ([]float64, error) {
	p := c.fit.P
	trace, square := make([]float64, p), make([]float64, p)
	outer := make([]Sym, p)
	for k := range outer {
		outer[k] = NewSym(p)
	}
	for _, g := range c.clusters {
		t, r, err := c.shrink(g, CR2)
		if err != nil {
			return nil, err
		}
		var a, w mat.VecDense
		for k := 0; k < p; k++ {
			a.MulVec(r, mat.NewVecDense(p, row(c.root, k))) // R·L′c, c the k-th unit vector
			w.MulVec(t, &a)
			s, norm := mat.Dot(&a, &w), mat.Dot(&w, &w)
			trace[k] += s - norm
			square[k] += s*s - 2*s*norm
			outer[k].AddOuter(w.RawVector().Data, 1)
		}
	}
	df := make([]float64, p)
	for k := range df {
		for i := 0; i < p; i++ {
			for j := 0; j < p; j++ {
				square[k] += outer[k].At(i, j) * outer[k].At(i, j)
			}
		}
		if !(square[k] > 0) {
			return nil, fmt.Errorf("linear: no degrees of freedom for %s: %w", c.fit.Names[k], analytics.ErrZeroVariance)
		}
		df[k] = trace[k] * trace[k] / square[k]
	}
	return df, nil
}

// row copies row k of the triangle: L′ times the k-th unit vector.
func row(l *mat.TriDense, k int) []float64 {
	n, _ := l.Dims()
	out := make([]float64, n)
	for j := 0; j <= k; j++ {
		out[j] = l.At(k, j)
	}
	return out
}
