package glm

import (
	"fmt"

	"gonum.org/v1/gonum/mat"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Clusters holds a model's patterns by cluster, ready for any covariance.
type Clusters struct {
	model  *Model
	rows   [][]int // patterns of each cluster
	scores [][]float64
}

// Cluster groups the patterns by label, one label a pattern. A pattern must lie
// in one cluster, so cells that the store groups have the cluster in their key.
// Fewer than two clusters: ErrTooFewObservations; another number of labels:
// ErrInvalidParameter.
func (m *Model) Cluster(labels []int) (*Clusters, error) {
	if len(labels) != len(m.Eta) {
		return nil, fmt.Errorf("glm: %d cluster labels for %d patterns: %w", len(labels), len(m.Eta), analytics.ErrInvalidParameter)
	}
	c := &Clusters{model: m}
	place := map[int]int{}
	for i, label := range labels {
		if m.data.Count[i] <= 0 || m.opts.weight(i) <= 0 {
			continue
		}
		g, ok := place[label]
		if !ok {
			g = len(c.rows)
			place[label] = g
			c.rows, c.scores = append(c.rows, nil), append(c.scores, make([]float64, m.P))
		}
		c.rows[g] = append(c.rows[g], i)
		score := m.Score(i)
		for j, v := range m.data.Design.Row(i) {
			c.scores[g][j] += v * score
		}
	}
	if len(c.rows) < 2 {
		return nil, fmt.Errorf("glm: %d cluster, need 2; clustered errors of one cluster do not exist: %w", len(c.rows), analytics.ErrTooFewObservations)
	}
	return c, nil
}

// Count is the number of clusters.
func (c *Clusters) Count() int { return len(c.rows) }

// Scores returns each cluster's score, Σ (y−μ)μ′/V·x over its people.
func (c *Clusters) Scores() [][]float64 { return c.scores }

// Covariance returns the clustered covariance of the coefficients,
// A⁻¹·Σ v_gv_g′·A⁻¹ with A = X′WX. CR0 takes the cluster's score as v_g, CR1
// multiplies by G/(G−1), CR1S by (n−1)/(n−p) as well. CR2 is Bell and
// McCaffrey's with the design μ′x, the working weight 1/V and the target
// variance V, as R's clubSandwich 0.5.8 for a GLM. CR3 is not defined here:
// ErrInvalidParameter. Pustejovsky and Tipton (2018),
// doi:10.1080/07350015.2016.1247004.
func (c *Clusters) Covariance(kind linear.CRKind) (linear.Sym, error) {
	m := c.model
	meat := linear.NewSym(m.P)
	var root *mat.TriDense
	if kind == linear.CR2 {
		var ok bool
		if root, ok = m.Unscaled.Root(); !ok {
			return linear.Sym{}, fmt.Errorf("glm: the covariance is not positive definite: drop terms that say nearly the same: %w", analytics.ErrCollinear)
		}
	}
	for g, v := range c.scores {
		if kind == linear.CR2 {
			adjusted, err := c.adjust(c.rows[g], root)
			if err != nil {
				return linear.Sym{}, err
			}
			v = adjusted
		}
		meat.AddOuter(v, 1)
	}
	cov := m.Unscaled.Sandwich(meat)
	groups := float64(len(c.rows))
	switch kind {
	case linear.CR0, linear.CR2:
		return cov, nil
	case linear.CR1:
		return cov.Scale(groups / (groups - 1)), nil
	case linear.CR1S:
		return cov.Scale(groups / (groups - 1) * (m.N - 1) / (m.N - float64(m.P))), nil
	}
	return linear.Sym{}, fmt.Errorf("glm: clustered covariance %d, have CR0, CR1, CR1S and CR2: %w", kind, analytics.ErrInvalidParameter)
}
