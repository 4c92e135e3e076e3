package design

import (
	"math/bits"
	"sort"
	"strings"
)

// maxVariables and maxTerms bound what a formula may grow to.
const (
	maxVariables = 64
	maxTerms     = 5000
)

// Formula is a parsed R formula.
type Formula struct {
	response  *node // nil when one-sided
	variables []variable
	terms     []termSet // by order of interaction, then as written
	intercept bool
	text      string
}

// variable is a named expression that terms multiply.
type variable struct {
	name string
	expr *node
}

// termSet is the set of variables of one term, by place.
type termSet uint64

// Parse reads an R formula such as "y ~ arm * sex + I(age^2)". What it does not
// understand is ErrInvalidParameter.
func Parse(text string) (Formula, error) {
	root, err := parseExpression(text)
	if err != nil {
		return Formula{}, err
	}
	if root.op != "~" {
		return Formula{}, syntax("no ~")
	}
	f := Formula{intercept: true, text: text}
	right := root.args[0]
	if len(root.args) == 2 {
		f.response, right = root.args[0], root.args[1]
		if err := checkArithmetic(f.response); err != nil {
			return Formula{}, err
		}
	}
	terms, err := f.expand(right)
	if err != nil {
		return Formula{}, err
	}
	for _, t := range terms {
		if t != 0 {
			f.terms = append(f.terms, t)
		}
	}
	sort.SliceStable(f.terms, func(i, j int) bool { return f.terms[i].order() < f.terms[j].order() })
	return f, nil
}

// String returns the formula as it was written.
func (f Formula) String() string { return f.text }

// HasResponse says whether a left-hand side was given.
func (f Formula) HasResponse() bool { return f.response != nil }

// ResponseName is the left-hand side as R prints it, "" when there is none.
func (f Formula) ResponseName() string {
	if f.response == nil {
		return ""
	}
	return f.response.deparse()
}

// HasIntercept says whether the model has a constant.
func (f Formula) HasIntercept() bool { return f.intercept }

// Labels names the terms in order, as R's term.labels.
func (f Formula) Labels() []string {
	labels := make([]string, len(f.terms))
	for i, t := range f.terms {
		labels[i] = f.label(t)
	}
	return labels
}

// Columns lists the table columns that the formula reads, each once, the
// response's first.
func (f Formula) Columns() []string {
	var names []string
	seen := map[string]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if n.op == "name" && !seen[n.text] {
			seen[n.text] = true
			names = append(names, n.text)
		}
		for _, a := range n.args {
			walk(a)
		}
	}
	if f.response != nil {
		walk(f.response)
	}
	for _, v := range f.variables {
		walk(v.expr)
	}
	return names
}

// Prepend returns the formula with another response and a variable added as its
// first term: R's update(f, response ~ variable + .).
func (f Formula) Prepend(response, name string) (Formula, error) {
	text := f.text[strings.Index(f.text, "~")+1:]
	return Parse("`" + response + "` ~ `" + name + "` + " + text)
}

func (f Formula) label(t termSet) string {
	var parts []string
	for i, v := range f.variables {
		if t.has(i) {
			parts = append(parts, v.name)
		}
	}
	return strings.Join(parts, ":")
}

func (t termSet) has(i int) bool { return t&(1<<i) != 0 }
func (t termSet) order() int     { return bits.OnesCount64(uint64(t)) }

// expand turns the right-hand side into its terms. The empty set stands for 1.
func (f *Formula) expand(n *node) ([]termSet, error) {
	switch n.op {
	case "number":
		return f.constant(n)
	case "name", "call", "<", ">", "<=", ">=", "==", "!=":
		i, err := f.variable(n)
		return []termSet{1 << i}, err
	case "(":
		return f.expand(n.args[0])
	case "+", "-":
		if len(n.args) == 1 {
			return f.combine(n.op, nil, n.args[0])
		}
	case "*", ":", "/":
	case "^":
		return f.power(n)
	default:
		return nil, syntax("%s is not supported here", n.op)
	}
	left, err := f.expand(n.args[0])
	if err != nil {
		return nil, err
	}
	return f.combine(n.op, left, n.args[1])
}

// constant reads 1 or 0 standing as a term.
func (f *Formula) constant(n *node) ([]termSet, error) {
	switch n.num {
	case 0:
		f.intercept = false
		return nil, nil
	case 1:
		f.intercept = true
		return []termSet{0}, nil
	}
	return nil, syntax("the constant %s is not a term; write I(%s)", n.text, n.text)
}

// combine joins the terms on the left with the node on the right.
func (f *Formula) combine(op string, left []termSet, n *node) ([]termSet, error) {
	if op == "-" {
		return f.remove(left, n)
	}
	right, err := f.expand(n)
	if err != nil {
		return nil, err
	}
	switch op {
	case "+":
		return union(left, right)
	case ":":
		return cross(left, right)
	case "*":
		both, err := cross(left, right)
		if err != nil {
			return nil, err
		}
		sum, err := union(left, right)
		if err != nil {
			return nil, err
		}
		return union(sum, both)
	}
	var all termSet // a/b is a + a:b, with every variable of a
	for _, t := range left {
		all |= t
	}
	nested, err := cross([]termSet{all}, right)
	if err != nil {
		return nil, err
	}
	return union(left, nested)
}

// remove takes terms away; −1 takes the constant, −0 brings it back.
func (f *Formula) remove(left []termSet, n *node) ([]termSet, error) {
	if n.op == "number" {
		switch n.num {
		case 0, 1:
			f.intercept = n.num == 0
			return left, nil
		}
	}
	keep := f.intercept
	right, err := f.expand(n)
	if err != nil {
		return nil, err
	}
	f.intercept = keep
	gone := map[termSet]bool{}
	for _, t := range right {
		gone[t] = true
	}
	var out []termSet
	for _, t := range left {
		if !gone[t] {
			out = append(out, t)
		}
	}
	return out, nil
}

// power expands (a + b)^k to all interactions of up to k terms.
func (f *Formula) power(n *node) ([]termSet, error) {
	k := n.args[1]
	if k.op != "number" || k.num != float64(int(k.num)) || k.num < 1 || k.num > 10 {
		return nil, syntax("the power of terms must be a whole number from 1 to 10")
	}
	base, err := f.expand(n.args[0])
	if err != nil {
		return nil, err
	}
	out := base
	for i := 1; i < int(k.num); i++ {
		product, err := cross(out, base)
		if err != nil {
			return nil, err
		}
		if out, err = union(out, product); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// variable returns the place of an expression, adding it on first sight.
func (f *Formula) variable(n *node) (int, error) {
	if err := checkVariable(n); err != nil {
		return 0, err
	}
	name := n.deparse()
	for i, v := range f.variables {
		if v.name == name {
			return i, nil
		}
	}
	if len(f.variables) == maxVariables {
		return 0, syntax("more than %d variables", maxVariables)
	}
	f.variables = append(f.variables, variable{name: name, expr: n})
	return len(f.variables) - 1, nil
}

func union(a, b []termSet) ([]termSet, error) {
	seen := make(map[termSet]bool, len(a)+len(b))
	var out []termSet
	for _, t := range append(append([]termSet(nil), a...), b...) {
		if !seen[t] {
			seen[t] = true
			out = append(out, t)
		}
	}
	if len(out) > maxTerms {
		return nil, syntax("more than %d terms", maxTerms)
	}
	return out, nil
}

func cross(a, b []termSet) ([]termSet, error) {
	if len(a)*len(b) > maxTerms {
		return nil, syntax("more than %d terms", maxTerms)
	}
	var out []termSet
	for _, s := range a {
		for _, t := range b {
			out = append(out, s|t)
		}
	}
	return union(out, nil)
}
