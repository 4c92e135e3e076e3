package gee

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
)

// Structure is a working correlation between the rows of a cluster.
type Structure string

// The structures: none, one correlation for every pair, alpha^gap with the gap
// in places of the waves, one correlation for each pair of waves.
const (
	Independence Structure = "independence"
	Exchangeable Structure = "exchangeable"
	AR1          Structure = "ar1"
	Unstructured Structure = "unstructured"
)

// working is a structure with its estimate.
type working interface {
	// estimate takes Pearson residuals, one a row, and their scale.
	estimate(residuals []float64, scale float64) error
	// alpha lists the parameters.
	alpha() []float64
	// solve overwrites b, one row for each of a cluster's, with R⁻¹b.
	solve(rows []int, b [][]float64) error
}

// Bounds: every pair of a cluster's rows is taken, every pair of waves kept.
const (
	maxPairedRows = 2000
	maxWaves      = 200
)

// newWorking prepares a structure over the data; less is what the number of
// pairs is reduced by in the mean of products (Liang and Zeger's p).
func newWorking(d *Data, s Structure, less float64) (working, error) {
	if s != Independence && !(d.pairs()-less > 0) {
		return nil, fmt.Errorf("gee: no cluster has two rows, so there is no correlation to estimate; use independence: %w", analytics.ErrTooFewObservations)
	}
	if (s == AR1 || s == Unstructured) && d.largest > maxPairedRows {
		return nil, fmt.Errorf("gee: a cluster of %d rows, at most %d under the %s correlation; use exchangeable: %w", d.largest, maxPairedRows, s, analytics.ErrInvalidParameter)
	}
	if s == Unstructured && len(d.distinct) > maxWaves {
		return nil, fmt.Errorf("gee: %d waves, at most %d under the unstructured correlation; use ar1 or round the waves: %w", len(d.distinct), maxWaves, analytics.ErrInvalidParameter)
	}
	switch s {
	case Independence:
		return none{}, nil
	case Exchangeable:
		return &exchangeable{data: d, pairs: d.pairs() - less}, nil
	case AR1:
		return &autoregressive{data: d}, d.distinctWaves()
	case Unstructured:
		return &unstructured{data: d}, d.distinctWaves()
	}
	return nil, fmt.Errorf("gee: correlation %q, have independence, exchangeable, ar1 and unstructured: %w", s, analytics.ErrInvalidParameter)
}

type none struct{}

func (none) estimate([]float64, float64) error { return nil }
func (none) alpha() []float64                  { return nil }
func (none) solve([]int, [][]float64) error    { return nil }

// exchangeable has the mean of all products within clusters as correlation.
type exchangeable struct {
	data  *Data
	pairs float64
	rho   float64
}

func (e *exchangeable) alpha() []float64 { return []float64{e.rho} }

func (e *exchangeable) estimate(residuals []float64, scale float64) error {
	var total float64
	for _, rows := range e.data.clusters {
		var sum, squares float64
		for _, i := range rows {
			sum += residuals[i]
			squares += residuals[i] * residuals[i]
		}
		total += (sum*sum - squares) / 2
	}
	e.rho = total / e.pairs / scale
	if least := -1 / float64(e.data.largest-1); !(e.rho > least && e.rho < 1) {
		return notPositive(Exchangeable)
	}
	return nil
}

// solve uses R⁻¹ = (I − ρ/(1+(m−1)ρ)·11′)/(1−ρ).
func (e *exchangeable) solve(rows []int, b [][]float64) error {
	share := e.rho / (1 + float64(len(rows)-1)*e.rho)
	for j := range b[0] {
		var sum float64
		for k := range b {
			sum += b[k][j]
		}
		for k := range b {
			b[k][j] = (b[k][j] - share*sum) / (1 - e.rho)
		}
	}
	return nil
}

// notPositive says that an estimated correlation is none.
func notPositive(s Structure) error {
	return fmt.Errorf("gee: the estimated %s correlation is not positive definite; use another, such as independence: %w", s, analytics.ErrNotConverged)
}

// autoregressive has the correlation rho^gap.
type autoregressive struct {
	data *Data
	rho  float64
}

func (a *autoregressive) alpha() []float64 { return []float64{a.rho} }

// estimate solves Σ d·ρ^(d−1)·(r_j·r_k/scale − ρ^d) = 0 over all pairs within
// clusters, d their gap: least squares of the products, by Gauss and Newton with
// step halving.
func (a *autoregressive) estimate(residuals []float64, scale float64) error {
	sums := a.sums(residuals, scale)
	at := math.Max(-0.9, math.Min(a.rho, 0.9))
	if a.rho == 0 {
		at = 0.5
		if s, ok := sums[1]; ok {
			at = math.Max(-0.9, math.Min(s.product/s.pairs, 0.9))
		}
	}
	for range 200 {
		_, slope, curve := a.loss(sums, at)
		if !(curve > 0) {
			break
		}
		step := slope / curve
		old, _, _ := a.loss(sums, at)
		for share := 1.0; share > 1e-12; share /= 2 {
			next := at + share*step
			if v, _, _ := a.loss(sums, next); math.Abs(next) < 1 && v <= old+1e-14*math.Abs(old) {
				at = next
				break
			}
		}
		if math.Abs(step) < 1e-14 {
			break
		}
	}
	if a.rho = at; !(math.Abs(at) < 1) || math.IsNaN(at) {
		return notPositive(AR1)
	}
	return nil
}

// lag is the pairs of one gap with the sum of their products over the scale.
type lag struct{ pairs, product float64 }

// sums groups the pairs by gap.
func (a *autoregressive) sums(residuals []float64, scale float64) map[float64]lag {
	out := map[float64]lag{}
	for _, rows := range a.data.clusters {
		for k, i := range rows {
			for _, j := range rows[:k] {
				d := a.data.gap(i, j)
				l := out[d]
				l.pairs++
				l.product += residuals[i] * residuals[j] / scale
				out[d] = l
			}
		}
	}
	return out
}

// loss is Σ n(ρ^d)² − 2ρ^d·products up to a constant, half its slope downwards
// and Gauss–Newton's curvature. Gaps are taken in ascending order, so that the
// sums are the same each time.
func (a *autoregressive) loss(sums map[float64]lag, rho float64) (value, slope, curve float64) {
	for _, d := range ascending(sums) {
		l := sums[d]
		power, lower := math.Pow(rho, d), d*math.Pow(rho, d-1)
		value += l.pairs*power*power - 2*power*l.product
		slope += lower * (l.product - l.pairs*power)
		curve += l.pairs * lower * lower
	}
	return value, slope, curve
}

// solve uses that the correlation is Markov: with ρ_k the correlation of
// neighbours, R⁻¹ = W′W where row k of W is (x_k − ρ_k·x_{k−1})/√(1−ρ_k²).
func (a *autoregressive) solve(rows []int, b [][]float64) error {
	m := len(rows)
	rho, variance := make([]float64, m+1), make([]float64, m+1)
	for k := 1; k < m; k++ {
		rho[k] = math.Pow(a.rho, a.data.gap(rows[k], rows[k-1]))
		if variance[k] = 1 - rho[k]*rho[k]; !(variance[k] > 0) {
			return notPositive(AR1)
		}
	}
	variance[0] = 1
	white := make([]float64, m+1)
	for j := range b[0] {
		white[0] = b[0][j]
		for k := 1; k < m; k++ {
			white[k] = (b[k][j] - rho[k]*b[k-1][j]) / variance[k]
		}
		white[m] = 0
		for k := range m {
			b[k][j] = white[k] - rho[k+1]*white[k+1]
		}
	}
	return nil
}

// unstructured has one correlation for each pair of waves.
type unstructured struct {
	data  *Data
	rho   []float64 // upper triangle, row by row
	roots map[string]*mat.Cholesky
}

func (u *unstructured) alpha() []float64 { return u.rho }

// at is the place of the pair (i,j), i < j, in the upper triangle.
func (u *unstructured) at(i, j int) int {
	if i > j {
		i, j = j, i
	}
	return i*len(u.data.distinct) - i*(i+1)/2 + j - i - 1
}

func (u *unstructured) estimate(residuals []float64, scale float64) error {
	n := len(u.data.distinct)
	u.rho, u.roots = make([]float64, n*(n-1)/2), map[string]*mat.Cholesky{}
	pairs := make([]float64, len(u.rho))
	for _, rows := range u.data.clusters {
		for k, i := range rows {
			for _, j := range rows[:k] {
				at := u.at(u.data.place[i], u.data.place[j])
				u.rho[at] += residuals[i] * residuals[j] / scale
				pairs[at]++
			}
		}
	}
	for k := range u.rho {
		if pairs[k] == 0 {
			return fmt.Errorf("gee: no cluster has rows in two of the waves, so their correlation is unknown; use ar1 or exchangeable: %w", analytics.ErrTooFewObservations)
		}
		u.rho[k] /= pairs[k]
	}
	return nil
}

func (u *unstructured) solve(rows []int, b [][]float64) error {
	key := make([]byte, 0, 4*len(rows))
	for _, i := range rows {
		key = append(key, byte(u.data.place[i]), byte(u.data.place[i]>>8), byte(u.data.place[i]>>16), ' ')
	}
	chol, ok := u.roots[string(key)]
	if !ok {
		r := mat.NewSymDense(len(rows), nil)
		for k, i := range rows {
			r.SetSym(k, k, 1)
			for l, j := range rows[:k] {
				r.SetSym(k, l, u.rho[u.at(u.data.place[i], u.data.place[j])])
			}
		}
		chol = &mat.Cholesky{}
		if !chol.Factorize(r) {
			return notPositive(Unstructured)
		}
		u.roots[string(key)] = chol
	}
	wide := mat.NewDense(len(rows), len(b[0]), nil)
	for k, row := range b {
		wide.SetRow(k, row)
	}
	var solved mat.Dense
	if err := chol.SolveTo(&solved, wide); err != nil {
		return notPositive(Unstructured)
	}
	for k := range b {
		copy(b[k], solved.RawRowView(k))
	}
	return nil
}
