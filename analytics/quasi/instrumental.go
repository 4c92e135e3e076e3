package quasi

import (
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Instrumental is a fit by two-stage least squares. Of Fit, Inv is (X̂′X̂)⁻¹ with X̂
// the columns as the instruments predict them, RSS that of y − Xb, so that
// Covariance, Estimate, RobustFromMeat and Cluster are those of 2SLS.
type Instrumental struct {
	*linear.Fit
	// FirstStage tests, for each endogenous column, that the excluded instruments
	// do not predict it.
	FirstStage []FirstStage
	// WuHausman tests that least squares would do; nil where the instruments predict
	// the endogenous columns without error.
	WuHausman *linear.FTest
	// Sargan tests that instruments beyond those needed agree; nil without any.
	Sargan *linear.ChiTest

	y          int
	x, z       []int
	projection [][]float64 // one a column of x: its coefficients on z
}

// FirstStage is the test of one endogenous column.
type FirstStage struct {
	Name string
	linear.FTest
}

// TwoStage fits term y on the terms x with the instruments z, places in m.Terms. An
// exogenous term stands in both lists; those in x alone are endogenous, those in z
// alone the excluded instruments
//
//	X̂ = Z(Z′Z)⁻¹Z′X,   b = (X̂′X̂)⁻¹X̂′y,   σ² = |y − Xb|²/(n−p)
//
// Assumes instruments that move the outcome through the endogenous terms alone. With
// the intercept in both lists the sums are centred first, exactly where they count
// whole units.
//
//	no more rows than coefficients or instruments   ErrTooFewObservations
//	fewer instruments than coefficients, nothing endogenous, a place twice or out of range   ErrInvalidParameter
//	a column that is constant or a combination, instruments that do not predict   ErrCollinear
//
// Agrees with R's AER::ivreg to 1e-9, but for Sargan's test without an intercept,
// where its R² is about the mean and ours about 0. Wooldridge (2010), Econometric Analysis of
// Cross Section and Panel Data; Sargan (1958), doi:10.2307/1907619; Hausman (1978),
// doi:10.2307/1913827.
func TwoStage(m moments.Matrix, y int, x, z []int) (*Instrumental, error) {
	s, err := newStages(m, y, x, z)
	if err != nil {
		return nil, err
	}
	if err := s.first(); err != nil {
		return nil, err
	}
	return s.second()
}

// stages holds the cross-products while fitting. With centred sums the intercept is
// no column of xs and zs; zs has the exogenous columns first.
type stages struct {
	m       moments.Matrix
	y       int
	x, z    []int
	xs, zs  []int
	exogen  int // columns of zs that are in xs
	centred bool
	zz      dense.Scaled
	along   [][]float64 // effects of each column of xs on zs
	alongY  []float64
}

func newStages(m moments.Matrix, y int, x, z []int) (*stages, error) {
	for _, list := range [][]int{x, z} {
		seen := map[int]bool{y: true}
		for _, i := range list {
			if y < 0 || y >= len(m.Terms) || i < 0 || i >= len(m.Terms) || seen[i] {
				return nil, fmt.Errorf("quasi: column %d of %d is out of range, twice or the response: %w", i, len(m.Terms), analytics.ErrInvalidParameter)
			}
			seen[i] = true
		}
	}
	if len(z) < len(x) {
		return nil, fmt.Errorf("quasi: %d instruments for %d coefficients: need as many, exogenous terms counted in both: %w", len(z), len(x), analytics.ErrInvalidParameter)
	}
	if most := max(len(x), len(z)); m.N <= int64(most) {
		return nil, fmt.Errorf("quasi: %d rows for %d columns: %w", m.N, most, analytics.ErrTooFewObservations)
	}
	s := &stages{m: m, y: y, x: x, z: z, centred: slices.Contains(x, 0) && slices.Contains(z, 0)}
	for _, i := range x {
		if i != 0 || !s.centred {
			s.xs = append(s.xs, i)
		}
	}
	for _, own := range []bool{true, false} {
		for _, i := range z {
			if (i != 0 || !s.centred) && slices.Contains(x, i) == own {
				s.zs = append(s.zs, i)
			}
		}
		if own {
			s.exogen = len(s.zs)
		}
	}
	for _, i := range append(slices.Clone(s.xs), s.zs...) {
		if !(s.cross(i, i) > 1e-14*m.Sum(i, i)) {
			return nil, fmt.Errorf("quasi: column %s does not vary; drop it: %w", s.name(i), analytics.ErrCollinear)
		}
	}
	if s.exogen == len(s.xs) {
		return nil, fmt.Errorf("quasi: every term is its own instrument: use least squares: %w", analytics.ErrInvalidParameter)
	}
	return s, nil
}

// cross is the cross-product of two terms, about their means when centred.
func (s *stages) cross(i, j int) float64 {
	if s.centred {
		return s.m.Centred(i, j)
	}
	return s.m.Sum(i, j)
}

func (s *stages) name(i int) string { return s.m.Terms[i].Name }

// first projects every column on the instruments.
func (s *stages) first() (err error) {
	s.zz, err = factor(len(s.zs), func(i, j int) float64 { return s.cross(s.zs[i], s.zs[j]) }, func(i int) string { return s.name(s.zs[i]) })
	if err != nil {
		return err
	}
	for _, i := range s.xs {
		s.along = append(s.along, along(s.zz, len(s.zs), func(k int) float64 { return s.cross(s.zs[k], i) }))
	}
	s.alongY = along(s.zz, len(s.zs), func(k int) float64 { return s.cross(s.zs[k], s.y) })
	return nil
}

// second fits the response on the projected columns.
func (s *stages) second() (*Instrumental, error) {
	xx, err := factor(len(s.xs), func(i, j int) float64 { return dense.Dot(s.along[i], s.along[j]) }, func(i int) string { return s.name(s.xs[i]) })
	if err != nil {
		return nil, fmt.Errorf("as the instruments predict it, %w", err)
	}
	b := coefficients(xx, along(xx, len(s.xs), func(i int) float64 { return dense.Dot(s.along[i], s.alongY) }))
	rss := s.cross(s.y, s.y)
	for i, p := range s.xs {
		rss -= 2 * b[i] * s.cross(p, s.y)
		for j, q := range s.xs {
			rss += b[i] * b[j] * s.cross(p, q)
		}
	}
	f := &linear.Fit{N: int(s.m.N), P: len(s.x), RSS: max(rss, 0), TSS: s.cross(s.y, s.y), HasIntercept: s.centred}
	f.MeanY, _ = s.m.Mean(s.y)
	f.Sigma2 = f.RSS / float64(f.DF())
	s.assemble(f, b, linear.Sym{N: len(s.xs), Data: xx.Inverse()})
	iv := &Instrumental{Fit: f, y: s.y, x: s.x, z: s.z, projection: s.projection()}
	if err := s.firstStageTests(iv); err != nil {
		return nil, err
	}
	s.wuHausman(iv)
	s.sargan(iv, b)
	return iv, nil
}

// assemble puts the coefficients in the order of x and the intercept back.
func (s *stages) assemble(f *linear.Fit, b []float64, inverse linear.Sym) {
	f.Coef, f.Inv = make([]float64, len(s.x)), linear.NewSym(len(s.x))
	at := make([]int, len(s.x)) // place among xs, -1 for the intercept
	for a, i := range s.x {
		f.Names = append(f.Names, s.name(i))
		at[a] = slices.Index(s.xs, i)
	}
	mean := func(i int) float64 { v, _ := s.m.Mean(s.xs[i]); return v }
	shift := make([]float64, len(s.xs)) // inverse times the means
	for i := range shift {
		for j := range shift {
			shift[i] += inverse.At(i, j) * mean(j)
		}
	}
	for a, i := range at {
		if i < 0 {
			f.Coef[a] = f.MeanY
			whole := 1 / float64(s.m.N)
			for j := range s.xs {
				f.Coef[a] -= b[j] * mean(j)
				whole += mean(j) * shift[j]
			}
			f.Inv.Set(a, a, whole)
			continue
		}
		f.Coef[a] = b[i]
		for c, j := range at {
			if j < 0 {
				f.Inv.Set(a, c, -shift[i])
			} else {
				f.Inv.Set(a, c, inverse.At(i, j))
			}
		}
	}
}

// projection returns, for each column of x, its coefficients on the columns of z,
// the intercept's included.
func (s *stages) projection() [][]float64 {
	out := make([][]float64, len(s.x))
	for a, i := range s.x {
		out[a] = make([]float64, len(s.z))
		k := slices.Index(s.xs, i)
		if k < 0 {
			out[a][slices.Index(s.z, 0)] = 1
			continue
		}
		constant, _ := s.m.Mean(i)
		for c, v := range coefficients(s.zz, s.along[k]) {
			out[a][slices.Index(s.z, s.zs[c])] = v
			mean, _ := s.m.Mean(s.zs[c])
			constant -= v * mean
		}
		if s.centred {
			out[a][slices.Index(s.z, 0)] = constant
		}
	}
	return out
}

// ByMoments takes one matrix of moments a cluster, of the same terms as the fit:
// its score is X̂_g′(y_g − X_g·b). Errors as linear.Fit.Cluster.
func (iv *Instrumental) ByMoments(groups []moments.Matrix) (*linear.Clustered, error) {
	var clusters []linear.Cluster
	for _, m := range groups {
		if m.N == 0 {
			continue
		}
		zu := make([]float64, len(iv.z)) // Z_g′(y_g − X_g·b)
		for c, k := range iv.z {
			zu[c] = m.Sum(k, iv.y)
			for a, i := range iv.x {
				zu[c] -= iv.Coef[a] * m.Sum(k, i)
			}
		}
		g := linear.Cluster{Gram: linear.NewSym(iv.P), Score: make([]float64, iv.P)}
		for a, p := range iv.projection {
			g.Score[a] = dense.Dot(p, zu)
			for b, q := range iv.projection[:a+1] {
				var v float64
				for c, k := range iv.z {
					for d, l := range iv.z {
						v += p[c] * q[d] * m.Sum(k, l)
					}
				}
				g.Gram.Set(a, b, v)
			}
		}
		clusters = append(clusters, g)
	}
	return iv.Cluster(clusters)
}
