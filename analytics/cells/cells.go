package cells

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// Cells is a table of covariate patterns, one a row of Design; a row of people
// is a pattern of one. Design.Y is not read.
type Cells struct {
	Design *design.Matrix
	Count  []float64 // people in the pattern; what is not whole is a weight
	Sum    []float64 // Σy over the pattern's people
	SumSq  []float64 // Σy²
	// YLogY is Σ y·log y and LogFactorial Σ log y!, which only the deviance and
	// the log-likelihood of counts need. Both may be nil: they are zero for
	// outcomes of 0 and 1, and unknown otherwise.
	YLogY, LogFactorial []float64
}

// FromRows returns the rows of a design as patterns of one person. A design
// without a response gives outcomes of zero: useful where only Count is read.
func FromRows(m *design.Matrix) Cells {
	c := Cells{
		Design: m,
		Count:  make([]float64, m.N), Sum: make([]float64, m.N), SumSq: make([]float64, m.N),
		YLogY: make([]float64, m.N), LogFactorial: make([]float64, m.N),
	}
	for i := range c.Count {
		c.Count[i] = 1
	}
	for i, y := range m.Y {
		c.Sum[i], c.SumSq[i] = y, y*y
		if y > 0 {
			c.YLogY[i] = y * math.Log(y)
			c.LogFactorial[i], _ = math.Lgamma(y + 1)
		}
	}
	return c
}

// N is the number of people, the sum of Count.
func (c Cells) N() float64 {
	var n float64
	for _, v := range c.Count {
		n += v
	}
	return n
}

// Len is the number of patterns.
func (c Cells) Len() int { return len(c.Count) }

// Check returns ErrInvalidParameter unless every slice has one value a pattern,
// counts are not negative and every number is finite.
func (c Cells) Check() error {
	if c.Design == nil || c.Design.P == 0 {
		return fmt.Errorf("cells: no column: %w", analytics.ErrInvalidParameter)
	}
	n := c.Design.N
	for _, s := range []struct {
		name     string
		values   []float64
		optional bool
	}{
		{"Count", c.Count, false}, {"Sum", c.Sum, false}, {"SumSq", c.SumSq, false},
		{"YLogY", c.YLogY, true}, {"LogFactorial", c.LogFactorial, true},
	} {
		if s.values == nil && s.optional {
			continue
		}
		if len(s.values) != n {
			return fmt.Errorf("cells: %s has %d values for %d patterns: %w", s.name, len(s.values), n, analytics.ErrInvalidParameter)
		}
		if err := analytics.CheckFinite("cells: "+s.name, s.values); err != nil {
			return err
		}
	}
	for i, v := range c.Count {
		if v < 0 {
			return fmt.Errorf("cells: pattern %d has a negative count: %w", i+1, analytics.ErrInvalidParameter)
		}
	}
	return analytics.CheckFinite("cells: covariates", c.Design.X)
}

// Binary says whether every outcome is 0 or 1: then Σy² = Σy in each pattern.
func (c Cells) Binary() bool {
	for i, s := range c.Sum {
		if s < 0 || s > c.Count[i] || c.SumSq[i] != s {
			return false
		}
	}
	return true
}

// Select returns the patterns at the places, in their order.
func (c Cells) Select(places []int) Cells {
	pick := func(v []float64) []float64 {
		if v == nil {
			return nil
		}
		out := make([]float64, len(places))
		for k, i := range places {
			out[k] = v[i]
		}
		return out
	}
	m := *c.Design
	m.N, m.X, m.Y, m.Rows = len(places), make([]float64, 0, len(places)*m.P), pick(m.Y), nil
	for _, i := range places {
		m.X = append(m.X, c.Design.Row(i)...)
		if c.Design.Rows != nil {
			m.Rows = append(m.Rows, c.Design.Rows[i])
		}
	}
	return Cells{Design: &m, Count: pick(c.Count), Sum: pick(c.Sum), SumSq: pick(c.SumSq), YLogY: pick(c.YLogY), LogFactorial: pick(c.LogFactorial)}
}

// Collapse joins patterns of equal covariates, in the order of their first, and
// says for each pattern given where it went. What it returns has no Design.Y.
func (c Cells) Collapse() (joined Cells, place []int) {
	place = make([]int, c.Len())
	seen := map[string]int{}
	var first []int
	key := make([]byte, 8*c.Design.P)
	for i := range place {
		for j, v := range c.Design.Row(i) {
			binary.LittleEndian.PutUint64(key[8*j:], math.Float64bits(v+0)) // +0: −0 is 0
		}
		at, ok := seen[string(key)]
		if !ok {
			at = len(first)
			seen[string(key)] = at
			first = append(first, i)
		}
		place[i] = at
	}
	joined = c.Select(first)
	joined.Design.Y, joined.Design.Rows = nil, nil
	add := func(to, from []float64) {
		if from == nil {
			return
		}
		clear(to)
		for i, v := range from {
			to[place[i]] += v
		}
	}
	add(joined.Count, c.Count)
	add(joined.Sum, c.Sum)
	add(joined.SumSq, c.SumSq)
	add(joined.YLogY, c.YLogY)
	add(joined.LogFactorial, c.LogFactorial)
	return joined, place
}
