package methods

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/glm"
	"github.com/lumbar-health/lumbar/analytics/linear"
)

// maxClasses bounds the classes of an outcome.
const maxClasses = 100

// classes is a formula's design with the classes of its outcome.
type classes struct {
	design *design.Matrix
	names  []string
	counts [][]float64 // one person a row, in the column of their class
}

var oddsKeys = []key[oddsResult]{
	value("beta", ByName, func(r oddsResult) any { return Named{r.fit.Names, r.fit.Beta} }),
	value("zeta", ByName, func(r oddsResult) any { return Named{r.cuts, r.fit.Zeta} }),
	value("se", ByName, func(r oddsResult) any { return errorsOf(r.names(), r.differenced) }),
	scalar("deviance", func(r oddsResult) float64 { return r.fit.Deviance }),
	value("se_information", ByName, func(r oddsResult) any { return errorsOf(r.names(), r.fit.Cov) }),
}

// oddsResult is a proportional odds model with the names of its cuts.
type oddsResult struct {
	fit         *glm.ProportionalOdds
	cuts        []string
	differenced linear.Sym
}

// names are those of the coefficients, then of the cuts.
func (r oddsResult) names() []string { return append(append([]string(nil), r.fit.Names...), r.cuts...) }

// multinomialResult is a multinomial model with the names of its classes.
type multinomialResult struct {
	fit   *glm.Multinomial
	names []string // of the classes but the first
}

// table lays one number a class and coefficient out.
func (r multinomialResult) table(get func(k, j int) float64) Matrix {
	m := Matrix{Rows: r.names, Cols: r.fit.Names}
	for k := range r.names {
		row := make([]float64, len(m.Cols))
		for j := range row {
			row[j] = get(k, j)
		}
		m.Values = append(m.Values, row)
	}
	return m
}

var multinomialKeys = []key[multinomialResult]{
	value("coef", Table, func(r multinomialResult) any {
		return r.table(func(k, j int) float64 { return r.fit.Coef[k][j] })
	}),
	value("se", Table, func(r multinomialResult) any {
		return r.table(func(k, j int) float64 { return r.fit.StdErr(k+1, j) })
	}),
	scalar("deviance", func(r multinomialResult) float64 { return r.fit.Deviance }),
}

// categoryMethods are the models of an outcome in classes.
func categoryMethods() []Method {
	params := append(append([]Param(nil), formulaParam...), Param{Name: "y", Kind: Text, Help: "the outcome in classes, the formula's left side"})
	return []Method{
		define(glmFamily, spec{name: "proportional_odds", params: params, page: Page{
			Title:     "Proportional odds regression",
			When:      "An ordered outcome of a few classes, such as global change.",
			Variant:   "Cumulative logit by Newton's method, classes in ascending order. se is from the score differenced in steps of 0.001, as polr prints it; se_information from the exact information: use that.",
			Assumes:   "The same odds ratio at every cut; independent people.",
			Formula:   "logit P(Y ≤ k) = ζ_k − x′β: a positive β goes with higher classes",
			Reference: "McCullagh (1980), doi:10.1111/j.2517-6161.1980.tb01109.x",
			Checked:   "R package MASS 7.3-58.2, polr",
			PushDown:  "people by covariate pattern and class",
		}}, oddsKeys, runProportionalOdds),
		define(glmFamily, spec{name: "multinomial_logit", params: params, page: Page{
			Title:     "Multinomial logit regression",
			When:      "An outcome in classes without order, or the choice among several treatments.",
			Variant:   "Every class against the first, by Newton's method; errors from the information.",
			Assumes:   "Independent people; log odds against the first class linear in the covariates.",
			Formula:   "log P(Y = k)/P(Y = first) = x′b_k",
			Reference: "Agresti (2013), Categorical Data Analysis, isbn:9780470463635",
			Checked:   "R package nnet 7.3-18",
			PushDown:  "people by covariate pattern and class",
		}}, multinomialKeys, func(in *Input) (r multinomialResult, err error) {
			c, err := classesOf(in)
			if err != nil {
				return r, err
			}
			r.names = c.names[1:]
			r.fit, err = glm.FitMultinomial(c.design, c.counts, glm.Options{})
			return r, err
		}),
	}
}

func runProportionalOdds(in *Input) (r oddsResult, err error) {
	c, err := classesOf(in)
	if err != nil {
		return r, err
	}
	for k := range c.names[1:] {
		r.cuts = append(r.cuts, c.names[k]+"|"+c.names[k+1])
	}
	if r.fit, err = glm.FitProportionalOdds(c.design.Without(map[int]bool{0: true}), c.counts, glm.Options{}); err != nil {
		return r, err
	}
	r.differenced, err = r.fit.Differenced()
	return r, err
}

// classesOf builds the design of param formula with the classes of param y,
// ascending, those that a used row has.
func classesOf(in *Input) (c classes, err error) {
	f, err := design.Parse(in.Text("formula", ""))
	if err != nil {
		return c, err
	}
	name := in.Text("y", "")
	column, ok := in.table.Column(name)
	if !ok || f.ResponseName() != name {
		return c, fmt.Errorf("param y must be the column left of the ~, not %q: %w", name, ErrRequest)
	}
	factor := design.AsFactor(column)
	codes := make([]float64, column.Len())
	for i, code := range factor.Codes {
		if codes[i] = float64(code); code < 0 {
			codes[i] = math.NaN()
		}
	}
	table, err := in.table.With(design.Column{Name: name, Values: codes})
	if err != nil {
		return c, err
	}
	if c.design, err = f.Build(table); err != nil {
		return c, err
	}
	in.leftOut += table.Rows() - c.design.N
	place := make([]int, len(factor.Levels))
	for _, code := range c.design.Y {
		place[int(code)]++
	}
	for k, n := range place {
		place[k] = len(c.names)
		if n > 0 {
			c.names = append(c.names, factor.Levels[k])
		}
	}
	if len(c.names) < 2 {
		return c, fmt.Errorf("%q has %d class, need 2 or more: %w", name, len(c.names), ErrRequest)
	}
	if len(c.names) > maxClasses {
		return c, fmt.Errorf("%q has %d classes, at most %d; join some: %w", name, len(c.names), maxClasses, ErrRequest)
	}
	for _, code := range c.design.Y {
		row := make([]float64, len(c.names))
		row[place[int(code)]] = 1
		c.counts = append(c.counts, row)
	}
	return c, nil
}
