package effect

import (
	"math"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/glm"
)

// Influence is how a person moves an estimate, linear in the outcome:
//
//	Const[i] + Slope[i]·y   for a person of pattern i with outcome y
//
// It is the estimate's influence function, mean zero at the estimate. Being
// linear in y its sums of squares need only n, Σy and Σy² of each pattern, so a
// standard error by M-estimation comes from cells.
type Influence struct {
	Const, Slope []float64
}

// NewInfluence returns one of zeros for n patterns.
func NewInfluence(n int) Influence {
	return Influence{make([]float64, n), make([]float64, n)}
}

// Plus returns a + c·b.
func (a Influence) Plus(b Influence, c float64) Influence {
	out := NewInfluence(len(a.Const))
	for i := range a.Const {
		out.Const[i] = a.Const[i] + c*b.Const[i]
		out.Slope[i] = a.Slope[i] + c*b.Slope[i]
	}
	return out
}

// Scale returns c·a.
func (a Influence) Scale(c float64) Influence {
	return NewInfluence(len(a.Const)).Plus(a, c)
}

// Variance is the variance of the estimate, Σ influence² / N², N the people of
// the study: the sandwich of the stacked estimating equations, no small-sample
// factor. With clusters the influences of one are added up before they are
// squared, times G/(G−1) for G clusters. Stefanski and Boos (2002),
// doi:10.1198/000313002753631330.
func (s *Study) Variance(a Influence) float64 {
	n := s.N()
	if s.Cluster != nil {
		return s.clustered(a) / (n * n)
	}
	var total float64
	for i, n := range s.Count {
		if n <= 0 {
			continue
		}
		mean := s.Sum[i] / n
		centre := a.Const[i] + a.Slope[i]*mean
		within := math.Max(s.SumSq[i]-s.Sum[i]*mean, 0)
		if n == 1 {
			within = 0
		}
		total += n*centre*centre + a.Slope[i]*a.Slope[i]*within
	}
	return total / (n * n)
}

// clustered is the sum of squares of the clusters' summed influences.
func (s *Study) clustered(a Influence) float64 {
	sums := map[int]float64{}
	var order []int
	for i, g := range s.Cluster {
		if s.Count[i] <= 0 {
			continue
		}
		if _, seen := sums[g]; !seen {
			order = append(order, g)
		}
		sums[g] += s.Count[i]*a.Const[i] + a.Slope[i]*s.Sum[i]
	}
	var total float64
	for _, g := range order {
		total += sums[g] * sums[g]
	}
	count := float64(len(order))
	return total * count / (count - 1)
}

// StdErr is the square root of Variance.
func (s *Study) StdErr(a Influence) float64 { return math.Sqrt(s.Variance(a)) }

// Residuals tells which response a nuisance model was fitted to: for a person of
// pattern i with outcome y its residual is Const[i] + Slope[i]·y.
type Residuals = Influence

// TreatmentResiduals are those of a propensity model, t − e.
func (s *Study) TreatmentResiduals(score []float64) Residuals {
	r := NewInfluence(s.Len())
	for i, t := range s.Treated {
		r.Const[i] = float64(arm(t)) - score[i]
	}
	return r
}

// OutcomeResiduals are those of an outcome model of the arms that `of` keeps,
// y − mu there and zero elsewhere.
func (s *Study) OutcomeResiduals(mu []float64, of func(treated bool) bool) Residuals {
	r := NewInfluence(s.Len())
	for i, t := range s.Treated {
		if of(t) {
			r.Const[i], r.Slope[i] = -mu[i], 1
		}
	}
	return r
}

// Correction is what estimating a nuisance model of canonical link adds to the
// influence on an estimate that is a mean over people:
//
//	(x′·(X′WX)⁻¹·D)·(residual),   D = Σ ∂ψ/∂β over the people
//
// unscaled is (X′WX)⁻¹ of the model and x its columns.
func Correction(x *design.Matrix, model *glm.Model, gradient []float64, r Residuals) Influence {
	direction := model.Unscaled.Times(gradient)
	out := NewInfluence(x.N)
	for i := range out.Const {
		var along float64
		for j, v := range x.Row(i) {
			along += v * direction[j]
		}
		out.Const[i], out.Slope[i] = along*r.Const[i], along*r.Slope[i]
	}
	return out
}

// Gradient is Σ f(i)·x over the patterns, f being already summed over people.
func Gradient(x *design.Matrix, f func(i int) float64) []float64 {
	out := make([]float64, x.P)
	for i := 0; i < x.N; i++ {
		c := f(i)
		if c == 0 {
			continue
		}
		for j, v := range x.Row(i) {
			out[j] += c * v
		}
	}
	return out
}
