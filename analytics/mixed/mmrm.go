package mixed

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/dense"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// Visits is what MMRM needs of its data: for each set of visits that people
// have, how many have it and the cross-products between its visits.
type Visits struct {
	Names    []string // of the fixed coefficients
	Levels   []string // of the visits, in order
	N        int      // outcomes
	Subjects int

	patterns []pattern
	scale    []float64
	start    []float64 // variance of each visit's least-squares residuals
}

// pattern is a set of visits: xx[a][b] is Σ x_a x_b′, xy[a][b] Σ x_a y_b and
// yy(a,b) Σ y_a y_b over the people who have exactly that set.
type pattern struct {
	visits []int
	n      float64
	xx     [][]dense.Matrix
	xy     [][][]float64
	yy     dense.Matrix
}

// maxVisits bounds the covariance, of which every cell is a parameter.
const maxVisits = 20

// VisitsFromRows reduces rows to their cross-products: x the fixed design with
// its response, subject and visit the person and the visit of each row.
//
//	no response, a person with two rows of one visit    ErrInvalidParameter
//	one visit, more than 20, no more rows than coefficients, or no more people
//	than visits                                          ErrTooFewObservations
//	a column that is a combination of others             ErrCollinear, naming it
//	two visits that nobody has both of                   ErrTooFewObservations
func VisitsFromRows(x *design.Matrix, subject, visit design.Column) (*Visits, error) {
	if x.Y == nil || len(subject.Codes) != x.N || len(visit.Codes) != x.N {
		return nil, fmt.Errorf("mixed: MMRM: the formula has no response, or people and visits are of other rows: %w", analytics.ErrInvalidParameter)
	}
	v := &Visits{Names: x.Names, Levels: visit.Levels}
	if err := v.count(); err != nil {
		return nil, err
	}
	rows := make([][]int, len(subject.Levels)) // by person: the row of each visit
	for i, k := range subject.Codes {
		t := visit.Codes[i]
		if k < 0 || t < 0 {
			return nil, fmt.Errorf("mixed: MMRM: row %d has no person or no visit: %w", i+1, analytics.ErrInvalidParameter)
		}
		if rows[k] == nil {
			rows[k] = make([]int, len(v.Levels))
		}
		if rows[k][t] != 0 {
			return nil, fmt.Errorf("mixed: MMRM: row %d is a second one of the same person and visit: %w", i+1, analytics.ErrInvalidParameter)
		}
		rows[k][t] = i + 1
	}
	byKey := map[uint64]int{}
	for _, own := range rows {
		if own == nil {
			continue
		}
		v.add(x, own, byKey)
	}
	return v, v.admit()
}

// count refuses too few visits or too many.
func (v *Visits) count() error {
	if len(v.Levels) < 2 || len(v.Levels) > maxVisits {
		return fmt.Errorf("mixed: MMRM: %d visits, need 2 to %d: %w", len(v.Levels), maxVisits, analytics.ErrTooFewObservations)
	}
	return nil
}

// add puts a person's rows into the pattern of their visits.
func (v *Visits) add(x *design.Matrix, own []int, byKey map[uint64]int) {
	var key uint64
	var visits, rows []int
	for t, i := range own {
		if i > 0 {
			key |= 1 << t
			visits, rows = append(visits, t), append(rows, i-1)
		}
	}
	at, known := byKey[key]
	if !known {
		at = len(v.patterns)
		byKey[key] = at
		v.patterns = append(v.patterns, newPattern(visits, x.P))
	}
	p := &v.patterns[at]
	p.n++
	for a, i := range rows {
		for b, k := range rows {
			p.xx[a][b].AddOuter(1, x.Row(i), x.Row(k))
			for j, value := range x.Row(i) {
				p.xy[a][b][j] += value * x.Y[k]
			}
			p.yy.Add(a, b, x.Y[i]*x.Y[k])
		}
	}
}

func newPattern(visits []int, coefficients int) pattern {
	n := len(visits)
	p := pattern{visits: visits, yy: dense.New(n, n), xx: make([][]dense.Matrix, n), xy: make([][][]float64, n)}
	for a := range visits {
		p.xx[a], p.xy[a] = make([]dense.Matrix, n), make([][]float64, n)
		for b := range visits {
			p.xx[a][b], p.xy[a][b] = dense.New(coefficients, coefficients), make([]float64, coefficients)
		}
	}
	return p
}

// standardise counts people and outcomes, and divides the columns by their root
// mean square; a column of zeros keeps its scale, and is refused as collinear.
func (v *Visits) standardise() {
	v.scale = ones(len(v.Names))
	squares := make([]float64, len(v.Names))
	for _, p := range v.patterns {
		v.Subjects += int(p.n)
		v.N += int(p.n) * len(p.visits)
		for a := range p.visits {
			for j := range squares {
				squares[j] += p.xx[a][a].At(j, j)
			}
		}
	}
	for j, ss := range squares {
		if ss > 0 {
			v.scale[j] = math.Sqrt(ss / float64(v.N))
		}
	}
	for _, p := range v.patterns {
		for a := range p.visits {
			for b := range p.visits {
				for j, s := range v.scale {
					p.xy[a][b][j] /= s
					for k, u := range v.scale {
						p.xx[a][b].Set(j, k, p.xx[a][b].At(j, k)/(s*u))
					}
				}
			}
		}
	}
}

// admit refuses what has no fit, and finds where to start.
func (v *Visits) admit() error {
	v.standardise()
	t, columns := len(v.Levels), len(v.Names)
	if v.N <= len(v.Names) || v.Subjects <= t {
		return fmt.Errorf("mixed: MMRM: %d outcomes of %d people for %d coefficients and %d visits: %w", v.N, v.Subjects, len(v.Names), t, analytics.ErrTooFewObservations)
	}
	together := dense.New(t, t)
	gram, xy := dense.New(columns, columns), make([]float64, columns)
	for _, p := range v.patterns {
		for a, s := range p.visits {
			gram.AddScaled(1, p.xx[a][a])
			for j := range xy {
				xy[j] += p.xy[a][a][j]
			}
			for _, u := range p.visits {
				together.Add(s, u, p.n)
			}
		}
	}
	for i := 0; i < t; i++ {
		for j := 0; j < i; j++ {
			if together.At(i, j) < 2 {
				return fmt.Errorf("mixed: MMRM: fewer than two people have both visit %s and visit %s, so their covariance is unknown; leave one out: %w", v.Levels[j], v.Levels[i], analytics.ErrTooFewObservations)
			}
		}
	}
	f, at := gram.Cholesky(collinear)
	if at >= 0 {
		return linear.NewCollinear(at, v.Names[at], "is zero or a combination of those before it")
	}
	beta := f.Solve(xy)
	v.start = make([]float64, t)
	for _, p := range v.patterns {
		for a, s := range p.visits {
			v.start[s] += p.residual(a, beta) / together.At(s, s)
		}
	}
	for k, s := range v.start {
		if !(s > 0) || math.IsInf(s, 0) {
			return fmt.Errorf("mixed: MMRM: no spread at visit %s: %w", v.Levels[k], analytics.ErrZeroVariance)
		}
	}
	return nil
}

// residual is Σ(y − x′b)² at a visit of the pattern.
func (p pattern) residual(a int, b []float64) float64 {
	ss := p.yy.At(a, a)
	for j, v := range b {
		ss -= 2 * v * p.xy[a][a][j]
		for k, w := range b {
			ss += v * w * p.xx[a][a].At(j, k)
		}
	}
	if ss < 1e-14*p.yy.At(a, a) { // what rounding leaves of none
		return 0
	}
	return ss
}
