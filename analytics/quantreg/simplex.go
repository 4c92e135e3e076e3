package quantreg

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// tolerance is R's for a marginal cost or a pivot: machine epsilon^(2/3).
var tolerance = math.Pow(0x1p-52, 2.0/3)

// simplex is the condensed tableau of Barrodale and Roberts (CACM 478) with the
// cost tau of a residual above and 1 − tau of one below zero. Row i is the
// residual of a basic observation, columns the nonbasic variables, the last
// column the values. label says which variable stands where: 1…p a coefficient,
// p+i the residual of observation i; a negative label is its negative part.
type simplex struct {
	n, p    int
	tau     float64
	a       [][]float64 // n rows of p+1
	cost    []float64   // p+1 marginal costs
	row     []int       // labels of the rows
	column  []int       // labels of the columns
	from    int         // rows before it are coefficients
	ratio   []float64
	waiting []int
}

func newSimplex(m *design.Matrix, tau float64) *simplex {
	s := &simplex{
		n: m.N, p: m.P, tau: tau, a: make([][]float64, m.N), cost: make([]float64, m.P+1),
		row: make([]int, m.N), column: make([]int, m.P), ratio: make([]float64, m.N), waiting: make([]int, m.N),
	}
	for j := range s.column {
		s.column[j] = j + 1
	}
	for i := range s.a {
		s.a[i] = append(append(make([]float64, 0, m.P+1), m.Row(i)...), m.Y[i])
		s.row[i] = m.P + i + 1
		c := tau
		if m.Y[i] < 0 {
			negate(s.a[i])
			s.row[i], c = -s.row[i], 1-tau
		}
		for j, v := range s.a[i] {
			s.cost[j] += c * v
		}
	}
	return s
}

func negate(x []float64) {
	for i := range x {
		x[i] = -x[i]
	}
}

// solve runs both stages: first every coefficient enters, then residuals are
// exchanged until none gains.
func (s *simplex) solve(m *design.Matrix, interrupt func() error) error {
	limit := 50 * (s.n + s.p)
	for pivots := 0; pivots < limit; pivots++ {
		if interrupt != nil {
			if err := interrupt(); err != nil {
				return err
			}
		}
		entering := s.enter()
		if entering < 0 {
			return nil
		}
		leaving, ok := s.leave(entering)
		if !ok {
			if s.from < s.p {
				return fmt.Errorf("quantreg: column %s is a combination of others; drop it: %w", m.Names[abs(s.column[entering])-1], analytics.ErrCollinear)
			}
			return fmt.Errorf("quantreg: the simplex lost its digits; centre and scale the columns: %w", analytics.ErrNotConverged)
		}
		s.pivot(leaving, entering)
	}
	return fmt.Errorf("quantreg: no solution in %d steps; scale the columns or drop terms: %w", limit, analytics.ErrNotConverged)
}

// enter chooses the column of the greatest gain and turns it to the side of
// that gain; −1 when none gains.
func (s *simplex) enter() int {
	best, at := tolerance, -1
	if s.from < s.p {
		best = -1
	}
	for j, label := range s.column {
		gain := s.cost[j]
		switch {
		case s.from < s.p && abs(label) > s.p:
			continue
		case s.from < s.p:
			gain = math.Abs(gain)
		case gain < 0:
			gain = -gain - 1
		}
		if gain > best {
			best, at = gain, j
		}
	}
	if at >= 0 && s.cost[at] < 0 {
		for i := range s.a {
			s.a[i][at] = -s.a[i][at]
		}
		s.cost[at] = -s.cost[at]
		s.column[at] = -s.column[at]
		if s.from == s.p {
			s.cost[at]--
		}
	}
	return at
}

// leave walks along the column past residuals that change sign, as long as that
// gains, and returns the row at which to stop.
func (s *simplex) leave(in int) (out int, ok bool) {
	k := 0
	for i := s.from; i < s.n; i++ {
		if d := s.a[i][in]; d > tolerance {
			s.ratio[k], s.waiting[k] = s.a[i][s.p]/d, i
			k++
		}
	}
	for k > 0 {
		at := 0
		for j := 1; j < k; j++ {
			if s.ratio[j] < s.ratio[at] {
				at = j
			}
		}
		out = s.waiting[at]
		k--
		s.ratio[at], s.waiting[at] = s.ratio[k], s.waiting[k]
		if s.cost[in]-s.a[out][in] <= tolerance {
			return out, true
		}
		ok = true
		for j, v := range s.a[out] {
			s.cost[j] -= v
		}
		negate(s.a[out])
		s.row[out] = -s.row[out]
	}
	return out, false
}

// pivot exchanges row and column; in the first stage the row moves up among the
// coefficients.
func (s *simplex) pivot(out, in int) {
	p := s.a[out][in]
	pivotRow := s.a[out]
	for j := range pivotRow {
		if j != in {
			pivotRow[j] /= p
		}
	}
	update := func(r []float64) {
		d := r[in]
		if d == 0 {
			return
		}
		for j, v := range pivotRow {
			if j != in {
				r[j] -= d * v
			}
		}
		r[in] = -d / p
	}
	for i, r := range s.a {
		if i != out {
			update(r)
		}
	}
	update(s.cost)
	pivotRow[in] = 1 / p
	s.row[out], s.column[in] = s.column[in], s.row[out]
	if s.from < s.p {
		s.a[out], s.a[s.from] = s.a[s.from], s.a[out]
		s.row[out], s.row[s.from] = s.row[s.from], s.row[out]
		s.from++
	}
}

// basis lists the observations with a residual of zero.
func (s *simplex) basis() []int {
	out := make([]int, 0, s.p)
	for _, label := range s.column {
		out = append(out, abs(label)-s.p-1)
	}
	return out
}

func abs(v int) int {
	if v < 0 {
		return -v
	}
	return v
}
