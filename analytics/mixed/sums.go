package mixed

import (
	"fmt"
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Sums is what a linear mixed model needs of its data: cross-products of
// covariates that are centred (where the model has an intercept) and divided
// by their spread, in total and for each group.
type Sums struct {
	Names  []string // of the fixed coefficients
	Random []string // of the random ones
	Groups []string
	N      int

	xx      dense.Matrix
	xy      []float64
	yy      float64
	groups  []groupSums
	centre  []float64 // of x; 0 without an intercept
	scale   []float64 // of x
	zScale  []float64
	meanY   float64
	centred bool
}

// groupSums are Z′Z, Z′X and Z′y of one group.
type groupSums struct {
	n      int
	zz, zx dense.Matrix
	zy     []float64
}

const collinear = 1e-11

// FromRows reduces rows to their sums: x the fixed design with its response, z
// the random one over the same rows, group the level of each row.
//
//	no response, or designs of different rows    ErrInvalidParameter
//	one group, no more rows than coefficients or than groups   ErrTooFewObservations
//	a column that is a combination of others     ErrCollinear, naming it
func FromRows(x, z *design.Matrix, group design.Column) (*Sums, error) {
	if x.Y == nil {
		return nil, fmt.Errorf("mixed: the formula has no response: %w", analytics.ErrInvalidParameter)
	}
	if z.N != x.N || len(group.Codes) != x.N {
		return nil, fmt.Errorf("mixed: fixed and random terms have different rows: %w", analytics.ErrInvalidParameter)
	}
	s := newSums(x.Names, z.Names, group.Levels, x.P > 0 && x.Assign[0] == 0)
	s.N = x.N
	s.standardise(x, z)
	row, zRow := make([]float64, x.P), make([]float64, z.P)
	for i := 0; i < x.N; i++ {
		k := group.Codes[i]
		if k < 0 || k >= len(s.groups) {
			return nil, fmt.Errorf("mixed: row %d has no group: %w", i+1, analytics.ErrInvalidParameter)
		}
		for j, v := range x.Row(i) {
			row[j] = (v - s.centre[j]) / s.scale[j]
		}
		for j, v := range z.Row(i) {
			zRow[j] = v / s.zScale[j]
		}
		y := x.Y[i] - s.meanY
		s.xx.AddOuter(1, row, row)
		for j, v := range row {
			s.xy[j] += v * y
		}
		s.yy += y * y
		g := &s.groups[k]
		g.n++
		g.zz.AddOuter(1, zRow, zRow)
		g.zx.AddOuter(1, zRow, row)
		for j, v := range zRow {
			g.zy[j] += v * y
		}
	}
	return s, s.check()
}

func newSums(names, random, groups []string, centred bool) *Sums {
	p, q := len(names), len(random)
	s := &Sums{Names: names, Random: random, Groups: groups, centred: centred, xx: dense.New(p, p), xy: make([]float64, p),
		groups: make([]groupSums, len(groups)), centre: make([]float64, p), scale: ones(p), zScale: ones(q)}
	for k := range s.groups {
		s.groups[k] = groupSums{zz: dense.New(q, q), zx: dense.New(q, p), zy: make([]float64, q)}
	}
	return s
}

func ones(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = 1
	}
	return out
}

// standardise finds centres and scales.
func (s *Sums) standardise(x, z *design.Matrix) {
	n := float64(x.N)
	if s.centred {
		for i := 0; i < x.N; i++ {
			for j, v := range x.Row(i) {
				s.centre[j] += v / n
			}
			s.meanY += x.Y[i] / n
		}
		s.centre[0] = 0
	}
	spread(s.scale, s.centre, x)
	spread(s.zScale, make([]float64, z.P), z)
}

// spread sets scale to the root mean square of the columns about centre; a
// column without any keeps 1, and is refused as collinear later.
func spread(scale, centre []float64, m *design.Matrix) {
	for j := range scale {
		var ss, size float64
		for i := 0; i < m.N; i++ {
			v := m.X[i*m.P+j]
			ss += (v - centre[j]) * (v - centre[j])
			size += v * v
		}
		if ss > 1e-20*size {
			scale[j] = math.Sqrt(ss / float64(m.N))
		}
	}
}

// FromMoments takes one matrix of moments a group: term y on the terms x (places,
// of which the intercept, place 0, must be the first), the terms z with random
// coefficients (of a random intercept place 0 alone). Errors as FromRows. It equals
// FromRows on the same rows.
func FromMoments(names []string, groups []moments.Matrix, y int, x, z []int) (*Sums, error) {
	if len(groups) == 0 || len(groups) != len(names) {
		return nil, fmt.Errorf("mixed: %d names for %d groups: %w", len(names), len(groups), analytics.ErrInvalidParameter)
	}
	if len(x) == 0 || x[0] != 0 {
		return nil, fmt.Errorf("mixed: the model of moments needs an intercept: %w", analytics.ErrInvalidParameter)
	}
	total, err := moments.MergeAll(groups)
	if err != nil {
		return nil, err
	}
	var labels []string
	for _, t := range slices.Concat(x, z, []int{y}) {
		if t < 0 || t >= len(total.Terms) {
			return nil, fmt.Errorf("mixed: no such term: %w", analytics.ErrInvalidParameter)
		}
		labels = append(labels, total.Terms[t].Name)
	}
	s := newSums(labels[:len(x)], labels[len(x):len(x)+len(z)], names, true)
	s.N = int(total.N)
	if s.N == 0 {
		return nil, fmt.Errorf("mixed: no rows: %w", analytics.ErrTooFewObservations)
	}
	s.meanY, _ = total.Mean(y)
	s.yy = total.Centred(y, y)
	n := float64(s.N)
	s.xx.Set(0, 0, n)
	for j, t := range x[1:] {
		s.centre[j+1], _ = total.Mean(t)
		if ss := total.Centred(t, t); ss > 0 {
			s.scale[j+1] = math.Sqrt(ss / n)
		}
	}
	for i, a := range x[1:] {
		for j, b := range x[1:] {
			s.xx.Set(i+1, j+1, total.Centred(a, b)/(s.scale[i+1]*s.scale[j+1]))
		}
		s.xy[i+1] = total.Centred(a, y) / s.scale[i+1]
	}
	for i, t := range z {
		if ss := total.Sum(t, t); ss > 0 {
			s.zScale[i] = math.Sqrt(ss / n)
		}
	}
	for k, m := range groups {
		s.groups[k].take(m, s, y, x, z)
	}
	return s, s.check()
}

// take reads a group's sums off its moments.
func (g *groupSums) take(m moments.Matrix, s *Sums, y int, x, z []int) {
	g.n = int(m.N)
	for i, a := range z {
		own := m.Sum(a, 0)
		for j, b := range z {
			g.zz.Set(i, j, m.Sum(a, b)/(s.zScale[i]*s.zScale[j]))
		}
		for j, b := range x {
			g.zx.Set(i, j, (m.Sum(a, b)-own*s.centre[j])/(s.zScale[i]*s.scale[j]))
		}
		g.zy[i] = (m.Sum(a, y) - own*s.meanY) / s.zScale[i]
	}
}

// check refuses what has no fit, and leaves out groups without rows.
func (s *Sums) check() error {
	if !finite(s.yy) || !finite(s.xx.Data...) {
		return fmt.Errorf("mixed: the values are too large: %w", analytics.ErrInvalidParameter)
	}
	if len(s.Names) == 0 || len(s.Random) == 0 {
		return fmt.Errorf("mixed: the model needs a fixed and a random term: %w", analytics.ErrInvalidParameter)
	}
	var names []string
	var groups []groupSums
	for k, g := range s.groups {
		if g.n > 0 {
			names, groups = append(names, s.Groups[k]), append(groups, g)
		}
	}
	s.Groups, s.groups = names, groups
	switch {
	case len(groups) < 2:
		return fmt.Errorf("mixed: %d group, need two: %w", len(groups), analytics.ErrTooFewObservations)
	case s.N <= len(s.Names):
		return fmt.Errorf("mixed: %d rows for %d coefficients: %w", s.N, len(s.Names), analytics.ErrTooFewObservations)
	case s.N <= len(groups)*len(s.Random):
		return fmt.Errorf("mixed: %d rows for %d random effects: their variance can not be told from the residual one: %w", s.N, len(groups)*len(s.Random), analytics.ErrTooFewObservations)
	}
	if _, j := s.xx.Cholesky(collinear); j >= 0 {
		return linear.NewCollinear(j, s.Names[j], "is zero, constant or a combination of those before it")
	}
	if !(s.yy > 1e-20*float64(s.N)*s.meanY*s.meanY) {
		return fmt.Errorf("mixed: every outcome is the same: %w", analytics.ErrZeroVariance)
	}
	return nil
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}

// toOwn brings a contrast of coefficients in their own units to the sums' ones.
func (s *Sums) toOwn(contrast []float64) []float64 {
	out := make([]float64, len(contrast))
	for j, c := range contrast {
		out[j] = c / s.scale[j]
	}
	if s.centred && contrast[0] != 0 {
		for j := 1; j < len(out); j++ {
			out[j] -= contrast[0] * s.centre[j] / s.scale[j]
		}
	}
	return out
}

// coefficients brings the sums' coefficients to their own units.
func (s *Sums) coefficients(b []float64) []float64 {
	out := make([]float64, len(b))
	for j, v := range b {
		out[j] = v / s.scale[j]
	}
	if s.centred {
		out[0] += s.meanY
		for j := 1; j < len(b); j++ {
			out[0] -= s.centre[j] * out[j]
		}
	}
	return out
}
