package glm

import (
	"fmt"

	"github.com/lumbar-health/lumbar/analytics"
)

// GroupSums is what a model says of a group of people, such as the patients of a
// provider: their number, the observed sum of outcomes, the expected one and its
// variance under the model's family (dispersion 1).
type GroupSums struct {
	N, Observed, Expected, Variance float64
}

// ByGroup sums the patterns by group, one group number a pattern, from 0 to
// groups−1; a pattern must lie in one group. Other numbers: ErrInvalidParameter.
func (m *Model) ByGroup(labels []int, groups int) ([]GroupSums, error) {
	if len(labels) != len(m.Eta) {
		return nil, fmt.Errorf("glm: %d group labels for %d patterns: %w", len(labels), len(m.Eta), analytics.ErrInvalidParameter)
	}
	out := make([]GroupSums, groups)
	for i, g := range labels {
		if g < 0 || g >= groups {
			return nil, fmt.Errorf("glm: group %d of %d: %w", g, groups, analytics.ErrInvalidParameter)
		}
		n := m.data.Count[i]
		out[g].N += n
		out[g].Observed += m.data.Sum[i]
		out[g].Expected += n * m.Fitted[i]
		out[g].Variance += n * m.Family.Variance(m.Fitted[i])
	}
	return out, nil
}
