package design

import (
	"math"
)

// functions are those that may stand around a number within an expression.
var functions = map[string]func(float64) float64{
	"log": math.Log, "log2": math.Log2, "log10": math.Log10, "log1p": math.Log1p,
	"sqrt": math.Sqrt, "exp": math.Exp, "abs": math.Abs,
}

// choices take the larger or the smaller of two numbers.
var choices = map[string]func(a, b float64) float64{"pmax": math.Max, "pmin": math.Min}

// comparisons give TRUE or FALSE; within arithmetic 1 or 0.
var comparisons = map[string]func(a, b float64) bool{
	"<": func(a, b float64) bool { return a < b }, "<=": func(a, b float64) bool { return a <= b },
	">": func(a, b float64) bool { return a > b }, ">=": func(a, b float64) bool { return a >= b },
	"==": func(a, b float64) bool { return a == b }, "!=": func(a, b float64) bool { return a != b },
}

// isLogical says whether the variable is a comparison, which stands in a model
// as a factor of FALSE and TRUE.
func (n *node) isLogical() bool {
	for n.op == "(" || n.op == "call" && n.text == "I" {
		n = n.args[0]
	}
	return comparisons[n.op] != nil && len(n.args) == 2
}

// checkVariable refuses functions that the language does not have.
func checkVariable(n *node) error {
	if n.op == "name" {
		if n.text == "." {
			return syntax(". is not supported: name the columns")
		}
		return nil
	}
	switch n.text {
	case "I":
		if len(n.args) != 1 {
			return syntax("I() takes one expression")
		}
		return checkArithmetic(n.args[0])
	case "factor", "as.factor":
		if len(n.args) != 1 || n.args[0].op != "name" {
			return syntax("%s() takes one column", n.text)
		}
		return nil
	case "poly":
		return checkPoly(n)
	case "rcs":
		return checkSpline(n)
	}
	return checkArithmetic(n)
}

// checkArithmetic refuses what cannot be computed from numbers.
func checkArithmetic(n *node) error {
	switch n.op {
	case "number", "name":
		return nil
	case "call":
		switch {
		case functions[n.text] == nil && choices[n.text] == nil && n.text != "I":
			return syntax("function %s() is not supported", n.text)
		case choices[n.text] != nil && len(n.args) != 2:
			return syntax("%s() takes two expressions", n.text)
		case choices[n.text] == nil && len(n.args) != 1:
			return syntax("%s() takes one expression", n.text)
		}
	case "(", "+", "-", "*", "/", "^", "<", ">", "<=", ">=", "==", "!=":
	default:
		return syntax("%s is not supported within an expression", n.op)
	}
	for _, a := range n.args {
		if err := checkArithmetic(a); err != nil {
			return err
		}
	}
	return nil
}

// evaluate computes the node over every row; a missing value gives NaN.
func (t *Table) evaluate(n *node) ([]float64, error) {
	switch n.op {
	case "number":
		out := make([]float64, t.rows)
		for i := range out {
			out[i] = n.num
		}
		return out, nil
	case "name":
		return t.numeric(n.text)
	case "(":
		return t.evaluate(n.args[0])
	case "call":
		x, err := t.evaluate(n.args[0])
		if err != nil || n.text == "I" {
			return x, err
		}
		if f := functions[n.text]; f != nil {
			return apply(x, f), nil
		}
	}
	a, err := t.evaluate(n.args[0])
	if err != nil {
		return nil, err
	}
	if len(n.args) == 1 {
		if n.op == "-" {
			return apply(a, func(v float64) float64 { return -v }), nil
		}
		return a, nil
	}
	b, err := t.evaluate(n.args[1])
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(a))
	for i := range out {
		out[i] = operate(n, a[i], b[i])
	}
	return out, nil
}

// numeric returns a numeric column.
func (t *Table) numeric(name string) ([]float64, error) {
	c, ok := t.Column(name)
	if !ok {
		return nil, syntax("there is no column %q", name)
	}
	if c.IsFactor() {
		return nil, syntax("column %q holds text where a number is needed", name)
	}
	return c.Values, nil
}

func operate(n *node, a, b float64) float64 {
	if choose := choices[n.text]; n.op == "call" && choose != nil {
		return choose(a, b)
	}
	if compare := comparisons[n.op]; compare != nil {
		if compare(a, b) {
			return 1
		}
		return 0
	}
	switch n.op {
	case "+":
		return a + b
	case "-":
		return a - b
	case "*":
		return a * b
	case "/":
		return a / b
	}
	if b == 2 {
		return a * a
	}
	return math.Pow(a, b)
}

func apply(x []float64, f func(float64) float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}
