package design

import (
	"math"

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
	var out []moments.Term
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
		out = append(out, products...)
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
	return nil, syntax("%s is not a product of columns and can not be summed in the store", n.deparse())
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
