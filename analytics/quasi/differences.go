package quasi

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Cell is what one cluster contributes to one of the four cells of a difference in
// differences.
type Cell struct {
	Cluster       int
	Treated, Post bool
	linear.GroupSums
}

// CellsOfRows reduces rows to cells: value, cluster label, group and period of
// each. Lengths that differ: ErrInvalidParameter.
func CellsOfRows(y []float64, cluster []int, treated, post []bool) ([]Cell, error) {
	if len(cluster) != len(y) || len(treated) != len(y) || len(post) != len(y) {
		return nil, fmt.Errorf("quasi: %d values, %d clusters, %d groups, %d periods: %w", len(y), len(cluster), len(treated), len(post), analytics.ErrInvalidParameter)
	}
	if err := analytics.CheckFinite("values", y); err != nil {
		return nil, fmt.Errorf("quasi: %w", err)
	}
	type key struct {
		cluster       int
		treated, post bool
	}
	place := map[key]int{}
	var cells []Cell
	for i, v := range y {
		k := key{cluster[i], treated[i], post[i]}
		at, known := place[k]
		if !known {
			at = len(cells)
			place[k] = at
			cells = append(cells, Cell{Cluster: k.cluster, Treated: k.treated, Post: k.post})
		}
		c := &cells[at]
		c.N++
		d := v - c.Mean // Welford's update
		c.Mean += d / float64(c.N)
		c.SumSq += d * (v - c.Mean)
	}
	return cells, nil
}

// Differences is a difference in differences. Means has the untreated first, then
// the treated, each before and after. Classical and HC1 treat rows as independent,
// CR1S and CR2 clusters; PCR1S is referred to t with one less than the clusters,
// CR2 to its Satterthwaite degrees of freedom.
type Differences struct {
	Means                [2][2]float64
	Estimate             float64
	Classical, HC1, CR1S float64
	PCR1S                float64
	Clusters             int
	CR2                  analytics.Test
	N                    int
}

// TwoByTwo compares the change of the treated with that of the untreated
//
//	(ȳ₁₁ − ȳ₁₀) − (ȳ₀₁ − ȳ₀₀)
//
// which is the last coefficient of y = b₀ + b₁·treated + b₂·post + b₃·treated·post.
// Assumes that without the change both would have moved alike. Few clusters: read
// CR2.
//
//	one of the four cells empty, four rows or fewer, under 2 clusters   ErrTooFewObservations
//	no spread within cells, or between clusters     ErrZeroVariance
//
// Checked against R's lm, sandwich 3.0-2 and clubSandwich 0.5.8 to 1e-9. Bertrand,
// Duflo and Mullainathan (2004), doi:10.1162/003355304772839588; Pustejovsky and
// Tipton (2018), doi:10.1080/07350015.2016.1247004.
func TwoByTwo(cells []Cell) (Differences, error) {
	var total [4]linear.GroupSums
	for _, c := range cells {
		total[c.place()] = merged(total[c.place()], c.GroupSums)
	}
	fit, err := saturated(total)
	if err != nil {
		return Differences{}, err
	}
	d := Differences{Estimate: fit.Coef[3], N: fit.N}
	meat := linear.NewSym(4)
	for k, t := range total {
		d.Means[k>>1][k&1] = t.Mean
		meat.AddOuter(corner(k), t.SumSq)
	}
	hc1, err := fit.RobustFromMeat(meat.Data, linear.HC1)
	if err != nil {
		return d, err
	}
	d.Classical, d.HC1 = math.Sqrt(fit.Covariance().At(3, 3)), math.Sqrt(hc1.At(3, 3))
	clusters, err := fit.Cluster(clustersOf(cells, total))
	if err != nil {
		return d, err
	}
	return d, d.clustered(fit, clusters)
}

// clustered fills in what allows for clusters.
func (d *Differences) clustered(fit *linear.Fit, clusters *linear.Clustered) error {
	d.Clusters = clusters.Count()
	cr1s, err := clusters.Covariance(linear.CR1S)
	if err != nil {
		return err
	}
	test, err := fit.EstimateDF(3, cr1s, float64(d.Clusters-1), 0.95)
	if err != nil {
		return fmt.Errorf("quasi: %d clusters do not show how much clusters differ: %w", d.Clusters, err)
	}
	d.CR1S, d.PCR1S = test.StdErr, test.P
	cr2, err := clusters.Covariance(linear.CR2)
	if err != nil {
		return err
	}
	df, err := clusters.Satterthwaite()
	if err != nil {
		return err
	}
	d.CR2, err = fit.EstimateDF(3, cr2, df[3], 0.95)
	return err
}

// merged is the sums of two groups together (Chan, Golub and LeVeque 1983).
func merged(a, b linear.GroupSums) linear.GroupSums {
	n := a.N + b.N
	if n == 0 {
		return a
	}
	d, share := b.Mean-a.Mean, float64(b.N)/float64(n)
	return linear.GroupSums{N: n, Mean: a.Mean + d*share, SumSq: a.SumSq + b.SumSq + d*d*share*float64(a.N)}
}

// place numbers the cells: untreated before and after, treated before and after.
func (c Cell) place() int {
	k := 0
	if c.Treated {
		k = 2
	}
	if c.Post {
		k++
	}
	return k
}

// corner is the row of the design of a cell.
func corner(place int) []float64 {
	treated, post := float64(place>>1), float64(place&1)
	return []float64{1, treated, post, treated * post}
}

// saturated is the least-squares fit through the four means: (X′X)⁻¹ is the sum
// of w·w′/n over cells, w what a cell's mean counts in each coefficient.
func saturated(total [4]linear.GroupSums) (*linear.Fit, error) {
	names := [4]string{"the untreated before", "the untreated after", "the treated before", "the treated after"}
	weights := [4][]float64{{1, -1, -1, 1}, {0, 0, 1, -1}, {0, 1, 0, -1}, {0, 0, 0, 1}}
	f := &linear.Fit{Names: []string{"(Intercept)", "treated", "post", "treated:post"}, P: 4, Coef: make([]float64, 4), Inv: linear.NewSym(4), HasIntercept: true}
	for k, t := range total {
		if t.N == 0 {
			return nil, fmt.Errorf("quasi: nobody among %s: %w", names[k], analytics.ErrTooFewObservations)
		}
		f.N += int(t.N)
		f.RSS += t.SumSq
		for j, w := range weights[k] {
			f.Coef[j] += w * t.Mean
		}
		f.Inv.AddOuter(weights[k], 1/float64(t.N))
	}
	if f.N <= 4 {
		return nil, fmt.Errorf("quasi: %d rows for 4 means: %w", f.N, analytics.ErrTooFewObservations)
	}
	f.Sigma2 = f.RSS / float64(f.DF())
	if !(f.Sigma2 > 0) {
		return nil, fmt.Errorf("quasi: the outcome is the same within each arm and period, so its error is unknown: %w", analytics.ErrZeroVariance)
	}
	return f, nil
}

// clustersOf gives each cluster's cross-products and scores, in the order in which
// clusters first appear.
func clustersOf(cells []Cell, total [4]linear.GroupSums) []linear.Cluster {
	place := map[int]int{}
	var out []linear.Cluster
	for _, c := range cells {
		if c.N == 0 {
			continue
		}
		at, known := place[c.Cluster]
		if !known {
			at = len(out)
			place[c.Cluster] = at
			out = append(out, linear.Cluster{Gram: linear.NewSym(4), Score: make([]float64, 4)})
		}
		k := c.place()
		x, surplus := corner(k), float64(c.N)*(c.Mean-total[k].Mean)
		out[at].Gram.AddOuter(x, float64(c.N))
		for j, v := range x {
			out[at].Score[j] += v * surplus
		}
	}
	return out
}

// FixedEffects is one coefficient of a model with dummies for places and periods.
// CR1S counts every dummy as a coefficient, CR1 none; CR0 has no correction.
type FixedEffects struct {
	Estimate, Classical float64
	CR0, CR1, CR1S      float64
	Clusters, N         int
}

// TwoWay reads the coefficient at a place of a fit whose formula has the dummies,
// with errors by cluster: along is what each cluster adds to the coefficient's
// error, as Along or AlongMoments of the fit gives it, and the variance the sum of
// its squares.
// Assumes effects that are the same for every place and do not grow with time:
// with changes at different times and unequal effects it weights some of them
// negatively.
//
//	a place out of range        ErrInvalidParameter
//	one cluster                 ErrTooFewObservations
//	a standard error of zero    ErrZeroVariance
//
// Checked against R's lm and sandwich 3.0-2 to 1e-9. Bertrand, Duflo and
// Mullainathan (2004), doi:10.1162/003355304772839588; Goodman-Bacon (2021),
// doi:10.1016/j.jeconom.2021.03.014.
func TwoWay(o *linear.Fit, place int, along []float64) (FixedEffects, error) {
	if place < 0 || place >= o.P {
		return FixedEffects{}, fmt.Errorf("quasi: coefficient %d of %d: %w", place, o.P, analytics.ErrInvalidParameter)
	}
	if len(along) < 2 {
		return FixedEffects{}, fmt.Errorf("quasi: %d cluster, need 2: %w", len(along), analytics.ErrTooFewObservations)
	}
	count, n := float64(len(along)), float64(o.N)
	f := FixedEffects{Estimate: o.Coef[place], Classical: math.Sqrt(o.Sigma2 * o.Inv.At(place, place)), CR0: math.Sqrt(dense.Dot(along, along)), Clusters: len(along), N: o.N}
	if !(f.CR0 > 0) || !(f.Classical > 0) {
		return FixedEffects{}, fmt.Errorf("quasi: %s has a standard error of zero: %w", o.Names[place], analytics.ErrZeroVariance)
	}
	f.CR1 = f.CR0 * math.Sqrt(count/(count-1))
	f.CR1S = f.CR1 * math.Sqrt((n-1)/(n-float64(o.P)))
	return f, nil
}
