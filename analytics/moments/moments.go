package moments

import (
	"math/big"
	"math/bits"
)

// Factor is one column within a term: the column itself raised to Power, or,
// with a Level, 1 where the column equals that level and 0 elsewhere, or, with a
// Curve, the curve's value at the column.
type Factor struct {
	Column string
	Level  *string
	Power  int // 0 counts as 1
	Curve  *Curve
}

// Term is a product of factors, one column of a design. A term without
// factors is the intercept.
type Term struct {
	Name    string
	Factors []Factor
}

// Intercept is the term that is 1 in every row.
func Intercept() Term { return Term{Name: "(Intercept)"} }

// Column is the term that is a numeric column itself.
func Column(name string) Term {
	return Term{Name: name, Factors: []Factor{{Column: name, Power: 1}}}
}

// Indicator is the term that is 1 where column equals level.
func Indicator(column, level string) Term {
	return Term{Name: column + level, Factors: []Factor{{Column: column, Level: &level}}}
}

// Matrix holds Σ xᵢxⱼ over n rows of p terms, of which term 0 is the intercept:
// n is cell (0,0) and Σ xᵢ cell (i,0). Cells are packed by row of the lower
// triangle: cell (i,j), j ≤ i, stands at i(i+1)/2 + j.
//
// A term with Unit > 0 counts whole units (points × Unit), and a cell of two
// such terms is an exact integer in Exact; every other cell is a Float64 sum in
// Float, of points. The zero of an unused half is ignored.
type Matrix struct {
	Terms []Term
	Units []int64
	N     int64
	Exact []Int128
	Float []float64
}

// New returns an empty matrix of the terms; terms[0] must be the intercept,
// whose unit is 1.
func New(terms []Term, units []int64) Matrix {
	cells := len(terms) * (len(terms) + 1) / 2
	return Matrix{Terms: terms, Units: units, Exact: make([]Int128, cells), Float: make([]float64, cells)}
}

// Cell is the place of (i,j) in the packed triangle.
func Cell(i, j int) int {
	if j > i {
		i, j = j, i
	}
	return i*(i+1)/2 + j
}

// IsExact says whether cell (i,j) is an exact integer.
func (m Matrix) IsExact(i, j int) bool { return m.Units[i] > 0 && m.Units[j] > 0 }

// Int128 is a signed 128-bit integer in two's complement: sums of products of
// 62-bit counts over any number of buckets and shards fit it.
type Int128 struct {
	Hi int64
	Lo uint64
}

// FromInt64 widens v.
func FromInt64(v int64) Int128 { return Int128{Hi: v >> 63, Lo: uint64(v)} }

// Add returns a + b.
func (a Int128) Add(b Int128) Int128 {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	hi, _ := bits.Add64(uint64(a.Hi), uint64(b.Hi), carry)
	return Int128{Hi: int64(hi), Lo: lo}
}

// Big returns the value as a big integer.
func (a Int128) Big() *big.Int {
	v := new(big.Int).Lsh(big.NewInt(a.Hi), 64)
	return v.Add(v, new(big.Int).SetUint64(a.Lo))
}
