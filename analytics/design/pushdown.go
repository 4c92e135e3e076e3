package design

import (
	"math"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/moments"
)

// Terms returns the formula's columns as terms that the store can sum: products
// of columns, their whole powers and level indicators. levels gives for each
// factor column its levels in order, the first being the reference; a column
// without an entry is a number. known gives for each column of Curved how often
// each value occurs among the people asked about. The intercept is not among
// them: a moments.Matrix always has it.
//
// Names are those of Build. An expression that is not such a product (a sum, a
// logarithm) is ErrInvalidParameter: ask for patterns instead.
func (f Formula) Terms(levels map[string][]string, known map[string]Frequencies) ([]moments.Term, error) {
	s, err := f.Summed(levels, known)
	if err != nil {
		return nil, err
	}
	return s.Terms, nil
}

// Summed is a design whose rows are summed elsewhere: the Matrix has names, terms
// and columns as Build makes them, and no row. Terms are its columns but the
// intercept.
type Summed struct {
	*Matrix
	Terms []moments.Term
}

// Summed returns the design of Terms. Parameters and errors are those of Terms.
func (f Formula) Summed(levels map[string][]string, known map[string]Frequencies) (*Summed, error) {
	vars := make([][]moments.Term, len(f.variables))
	isFactor := make([]bool, len(f.variables))
	for i, v := range f.variables {
		terms, factor, err := pushVariable(v, levels, known)
		if err != nil {
			return nil, err
		}
		vars[i], isFactor[i] = terms, factor
	}
	codings := f.codings(func(i int) bool { return isFactor[i] })
	out := &Summed{Matrix: &Matrix{Labels: f.Labels(), Response: f.ResponseName(), sets: f.terms}}
	if f.intercept {
		out.Names, out.Assign = []string{moments.Intercept().Name}, []int{0}
	}
	for k, t := range f.terms {
		products := []moments.Term{{}}
		for i := range vars {
			if !t.has(i) {
				continue
			}
			own := vars[i]
			if isFactor[i] && codings[k][i] == contrasts {
				if len(own) < 2 {
					return nil, syntax("%s has one level: contrasts need two", f.variables[i].name)
				}
				own = own[1:]
			}
			products = multiplyTerms(products, own)
		}
		for _, p := range products {
			out.Terms, out.Names, out.Assign = append(out.Terms, p), append(out.Names, p.Name), append(out.Assign, k+1)
		}
	}
	out.P = len(out.Names)
	return out, nil
}

// At returns the design's rows for those of a table: what is summed, evaluated
// where it is wanted. A term of a column that the table has not, or has as the
// other kind: ErrInvalidParameter.
func (s *Summed) At(t *Table) (*Matrix, error) {
	m := *s.Matrix
	m.N = t.Rows()
	var columns [][]float64
	if len(s.Terms) < m.P {
		columns = append(columns, apply(make([]float64, m.N), func(float64) float64 { return 1 }))
	}
	for _, term := range s.Terms {
		values, err := t.term(term)
		if err != nil {
			return nil, err
		}
		columns = append(columns, values)
	}
	m.fill(columns)
	return &m, nil
}

// term evaluates a product over the rows.
func (t *Table) term(term moments.Term) ([]float64, error) {
	out := apply(make([]float64, t.rows), func(float64) float64 { return 1 })
	for _, f := range term.Factors {
		c, ok := t.Column(f.Column)
		if !ok || f.Level == nil && c.IsFactor() {
			return nil, syntax("there is no column %q of the kind that %s needs", f.Column, term.Name)
		}
		if f.Level != nil {
			c = AsFactor(c)
			at := slices.Index(c.Levels, *f.Level)
			for i, code := range c.Codes {
				if code != at || at < 0 {
					out[i] = 0
				}
			}
			continue
		}
		for i, v := range c.Values {
			if f.Curve != nil {
				out[i] *= f.Curve.At(v)
				continue
			}
			for range max(f.Power, 1) {
				out[i] *= v
			}
		}
	}
	return out, nil
}

// ResponseTerm returns the left-hand side as a term.
func (f Formula) ResponseTerm() (moments.Term, error) {
	if f.response == nil {
		return moments.Term{}, syntax("no response")
	}
	factors, err := pushProduct(f.response, nil, 1)
	return moments.Term{Name: f.ResponseName(), Factors: factors}, err
}

// pushVariable returns the columns of a variable: one, or one a level.
func pushVariable(v variable, levels map[string][]string, values map[string]Frequencies) (terms []moments.Term, factor bool, err error) {
	n := v.expr
	column, asFactor := n.text, false
	if n.op == "call" && (n.text == "factor" || n.text == "as.factor") {
		column, asFactor = n.args[0].text, true
	}
	known := levels[column]
	if asFactor && len(known) == 0 {
		return nil, false, syntax("the levels of %q are not known", column)
	}
	if asFactor || n.op == "name" && len(known) > 0 {
		for _, level := range known {
			terms = append(terms, moments.Term{Name: v.name + level, Factors: []moments.Factor{{Column: column, Level: &level}}})
		}
		return terms, true, nil
	}
	if n.isCurved() {
		terms, err = pushCurves(v, values)
		return terms, false, err
	}
	factors, err := pushProduct(n, nil, 1)
	return []moments.Term{{Name: v.name, Factors: factors}}, false, err
}

// pushProduct reads an expression as a product of whole powers of columns.
func pushProduct(n *node, factors []moments.Factor, power int) ([]moments.Factor, error) {
	switch {
	case n.op == "name":
		for i := range factors {
			if factors[i].Column == n.text {
				factors[i].Power += power
				return factors, nil
			}
		}
		return append(factors, moments.Factor{Column: n.text, Power: power}), nil
	case n.op == "(" || n.op == "call" && n.text == "I":
		return pushProduct(n.args[0], factors, power)
	case n.op == "*" && len(n.args) == 2:
		factors, err := pushProduct(n.args[0], factors, power)
		if err != nil {
			return nil, err
		}
		return pushProduct(n.args[1], factors, power)
	case n.op == "^" && n.args[1].op == "number":
		if k := n.args[1].num; k == math.Trunc(k) && k >= 1 && k <= 4 {
			return pushProduct(n.args[0], factors, power*int(k))
		}
	}
	return nil, syntax("%s is not a product of columns and cannot be summed in the store", n.deparse())
}

// multiplyTerms crosses two lists of terms, the first varying fastest.
func multiplyTerms(a, b []moments.Term) []moments.Term {
	var out []moments.Term
	for _, y := range b {
		for _, x := range a {
			if x.Name == "" {
				out = append(out, y)
				continue
			}
			factors := append(append([]moments.Factor(nil), x.Factors...), y.Factors...)
			out = append(out, moments.Term{Name: x.Name + ":" + y.Name, Factors: factors})
		}
	}
	return out
}
