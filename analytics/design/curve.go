package design

import (
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Frequencies is how often each value of a column occurs, the values ascending.
type Frequencies struct {
	Values, Counts []float64
}

// frequencies counts values, each row standing for as many people as counts
// says; nil is one.
func frequencies(x, counts []float64) Frequencies {
	of := make(map[float64]float64)
	for i, v := range x {
		n := 1.0
		if counts != nil {
			n = counts[i]
		}
		of[v] += n
	}
	var f Frequencies
	for v, n := range of {
		if n > 0 {
			f.Values = append(f.Values, v)
		}
	}
	sort.Float64s(f.Values)
	for _, v := range f.Values {
		f.Counts = append(f.Counts, of[v])
	}
	return f
}

// quantile is the linear quantile (type 7) of everybody.
func (f Frequencies) quantile(p float64) float64 {
	var n float64
	for _, c := range f.Counts {
		n += c
	}
	at := (n - 1) * p
	low := math.Floor(at + 4*2.220446e-16)
	a, b := f.ordered(low), f.ordered(math.Min(low+1, n-1))
	if share := at - low; share > 0 && b > a {
		return a + share*(b-a)
	}
	return a
}

// ordered is the k-th value from 0.
func (f Frequencies) ordered(k float64) float64 {
	var below float64
	for i, c := range f.Counts {
		if below += c; below > k {
			return f.Values[i]
		}
	}
	return f.Values[len(f.Values)-1]
}

// isCurved says whether the variable is poly() or rcs(): columns that depend on
// how the values of everybody are distributed.
func (n *node) isCurved() bool { return n.op == "call" && (n.text == "poly" || n.text == "rcs") }

// Curved lists the columns within poly() and rcs(), each once.
func (f Formula) Curved() []string {
	var names []string
	seen := map[string]bool{}
	for _, v := range f.variables {
		if v.expr.isCurved() && !seen[v.expr.args[0].text] {
			seen[v.expr.args[0].text] = true
			names = append(names, v.expr.args[0].text)
		}
	}
	return names
}

func checkPoly(n *node) error {
	if len(n.args) != 2 || n.args[0].op != "name" || n.args[1].op != "number" {
		return syntax("poly() takes a column and a degree")
	}
	if d := n.args[1].num; d != math.Trunc(d) || d < 1 || d > 10 {
		return syntax("the degree of poly() must be 1 to 10")
	}
	return nil
}

// knotQuantiles are Harrell's, by the number of knots.
var knotQuantiles = map[int][]float64{
	3: {0.1, 0.5, 0.9},
	4: {0.05, 0.35, 0.65, 0.95},
	5: {0.05, 0.275, 0.5, 0.725, 0.95},
	6: {0.05, 0.23, 0.41, 0.59, 0.77, 0.95},
	7: {0.025, 0.1833, 0.3417, 0.5, 0.6583, 0.8167, 0.975},
}

func checkSpline(n *node) error {
	if len(n.args) != 2 || n.args[0].op != "name" {
		return syntax("rcs() takes a column and a number of knots, or c() of the knots")
	}
	if k := n.args[1]; k.op == "number" {
		if knotQuantiles[int(k.num)] == nil || k.num != math.Trunc(k.num) {
			return syntax("rcs() takes 3 to 7 knots")
		}
		return nil
	}
	_, err := n.args[1].constants()
	return err
}

// constants reads c() of numbers.
func (n *node) constants() ([]float64, error) {
	if n.op != "call" || n.text != "c" || len(n.args) < 3 {
		return nil, syntax("rcs() takes a column and a number of knots, or c() of three knots or more")
	}
	var out []float64
	for _, a := range n.args {
		sign := 1.0
		if a.op == "-" && len(a.args) == 1 {
			sign, a = -1, a.args[0]
		}
		if a.op != "number" {
			return nil, syntax("the knots of rcs() must be numbers")
		}
		out = append(out, sign*a.num)
	}
	return out, nil
}

// bases returns the columns of poly() or rcs() over x, fitted to everybody.
func (n *node) bases(x []float64, everybody Frequencies) ([]part, error) {
	var out []part
	if n.text == "poly" {
		p, err := orthogonal(everybody, int(n.args[1].num))
		for d, column := range p.columns(x) {
			out = append(out, part{suffix: strconv.Itoa(d + 1), values: column})
		}
		return out, err
	}
	knots, err := n.knots(everybody)
	if err != nil {
		return nil, err
	}
	columns, err := RestrictedCubicSpline(x, knots)
	for j, column := range columns {
		out = append(out, part{suffix: n.args[0].text + strings.Repeat("'", j), values: column})
	}
	return out, err
}

// knots are those of rcs(): as given, or at the quantiles of everybody.
func (n *node) knots(everybody Frequencies) ([]float64, error) {
	if n.args[1].op != "number" {
		return n.args[1].constants()
	}
	var out []float64
	for _, p := range knotQuantiles[int(n.args[1].num)] {
		out = append(out, everybody.quantile(p))
	}
	return out, nil
}

// pushCurves returns the same columns as terms that the store can evaluate.
func pushCurves(v variable, values map[string]Frequencies) ([]moments.Term, error) {
	n := v.expr
	column := n.args[0].text
	if fitted := n.text == "poly" || n.args[1].op == "number"; fitted && len(values[column].Values) == 0 {
		return nil, syntax("%s: the values of %q are not known", v.name, column)
	}
	term := func(suffix string, c moments.Curve) moments.Term {
		return moments.Term{Name: v.name + suffix, Factors: []moments.Factor{{Column: column, Curve: &c}}}
	}
	var out []moments.Term
	if n.text == "poly" {
		p, err := orthogonal(values[column], int(n.args[1].num))
		for d, c := range p.curves() {
			out = append(out, term(strconv.Itoa(d+1), c))
		}
		return out, err
	}
	knots, err := n.knots(values[column])
	if err != nil {
		return nil, err
	}
	if _, err := RestrictedCubicSpline(nil, knots); err != nil {
		return nil, err
	}
	out = append(out, moments.Term{Name: v.name + column, Factors: []moments.Factor{{Column: column, Power: 1}}})
	for j, c := range splineCurves(knots) {
		out = append(out, term(column+strings.Repeat("'", j+1), c))
	}
	return out, nil
}

// splineCurves are the bent columns of RestrictedCubicSpline.
func splineCurves(knots []float64) []moments.Curve {
	k := len(knots)
	first, last, before := knots[0], knots[k-1], knots[k-2]
	norm := (last - first) * (last - first)
	var out []moments.Curve
	for _, t := range knots[:k-2] {
		out = append(out, moments.Curve{
			Knots: []float64{t, before, last},
			Cubes: []float64{1 / norm, -(last - t) / (last - before) / norm, (before - t) / (last - before) / norm},
		})
	}
	return out
}

// polynomials are R's poly(): of unit length over everybody, orthogonal to the
// constant and to each other, by the recurrence
//
//	p_{d+1} = (x − alpha_d)·p_d − beta_d·p_{d−1}
type polynomials struct {
	centre              float64
	alpha, beta, length []float64
}

// orthogonal fits them. A degree that the distinct values cannot carry is
// ErrInvalidParameter.
func orthogonal(f Frequencies, degree int) (polynomials, error) {
	var p polynomials
	if degree >= len(f.Values) {
		return p, syntax("poly() of degree %d needs more than %d distinct values", degree, len(f.Values))
	}
	previous, current := make([]float64, len(f.Values)), make([]float64, len(f.Values))
	norm, before := 0.0, 1.0
	for i, n := range f.Counts {
		current[i] = 1
		norm += n
	}
	for d := range degree {
		alpha, beta := 0.0, 0.0
		for i, v := range f.Values {
			alpha += f.Counts[i] * v * current[i] * current[i]
		}
		alpha /= norm
		if d > 0 {
			beta = norm / before
		} else {
			p.centre = alpha
		}
		after := 0.0
		next := make([]float64, len(f.Values))
		for i, v := range f.Values {
			next[i] = (v-alpha)*current[i] - beta*previous[i]
			after += f.Counts[i] * next[i] * next[i]
		}
		previous, current, before, norm = current, next, norm, after
		p.alpha, p.beta, p.length = append(p.alpha, alpha), append(p.beta, beta), append(p.length, math.Sqrt(norm))
	}
	return p, nil
}

// columns evaluates them over x.
func (p polynomials) columns(x []float64) [][]float64 {
	previous, current := make([]float64, len(x)), apply(x, func(float64) float64 { return 1 })
	var out [][]float64
	for d, alpha := range p.alpha {
		next := make([]float64, len(x))
		for i, v := range x {
			next[i] = (v-alpha)*current[i] - p.beta[d]*previous[i]
		}
		previous, current = current, next
		out = append(out, apply(current, func(v float64) float64 { return v / p.length[d] }))
	}
	return out
}

// curves writes them as powers of x less the mean.
func (p polynomials) curves() []moments.Curve {
	previous, current := []float64{}, []float64{1}
	var out []moments.Curve
	for d, alpha := range p.alpha {
		next := make([]float64, len(current)+1)
		for j, c := range current {
			next[j+1] += c
			next[j] += (p.centre - alpha) * c
		}
		for j, c := range previous {
			next[j] -= p.beta[d] * c
		}
		previous, current = current, next
		out = append(out, moments.Curve{Centre: p.centre, Powers: apply(current, func(c float64) float64 { return c / p.length[d] })})
	}
	return out
}
