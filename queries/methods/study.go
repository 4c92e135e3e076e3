package methods

import (
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// Params of the methods that compare a treated and a control arm.
var (
	scoreParam   = Param{Name: "formula_ps", Kind: Formula, Help: "the covariates of the propensity model as an R formula, such as ~ age + odi_baseline; what stands left of ~ is not read: the treatment is role tr"}
	outcomeParam = Param{Name: "formula_y", Kind: Formula, Help: "the covariates of the outcome model as a one-sided R formula, without the treatment"}
	familyParam  = Param{Name: "fam", Kind: Text, Optional: true, OneOf: []string{"gaussian", "binomial", "poisson"}, Help: "the outcome model: gaussian (linear, the default), binomial (logistic), poisson (log-linear)"}
	numericParam = Param{Name: "xnum", Kind: TextList, Help: "the covariates whose balance is reported; a factor counts as the place of its level"}
)

// twoArms is the study of an Input with the rows it was built of.
type twoArms struct {
	*effect.Study
	table *design.Table // the rows used, complete in everything asked
	rows  []int         // their places in the table before, from 0
	y     []float64
}

// study builds the study of the treatment, the outcome where the method has one,
// and the designs of the params named ("" for none), over the rows complete in
// all of them and in the columns besides.
func (in *Input) study(scoreFormula, outcomeFormula string, besides []string) (twoArms, error) {
	var s twoArms
	formulas := make([]design.Formula, 2)
	needed := append([]string(nil), besides...)
	for k, param := range []string{scoreFormula, outcomeFormula} {
		if param == "" {
			continue
		}
		f, err := rightHandSide(in.Text(param, ""))
		if err != nil {
			return s, fmt.Errorf("param %s: %w", param, err)
		}
		formulas[k] = f
		needed = append(needed, f.Columns()...)
	}
	if err := in.complete(&s, needed); err != nil {
		return s, err
	}
	matrices := make([]*design.Matrix, 2)
	for k, param := range []string{scoreFormula, outcomeFormula} {
		if param == "" {
			continue
		}
		m, err := formulas[k].Build(s.table)
		if err != nil {
			return s, fmt.Errorf("param %s: %w", param, err)
		}
		matrices[k] = m
	}
	treatment, ok := s.table.Column(in.roles["tr"])
	if !ok || treatment.IsFactor() {
		return s, errBinary("tr")
	}
	if err := binary("tr", treatment.Values); err != nil {
		return s, err
	}
	if y, has := s.table.Column(in.roles["y"]); has && in.method.role("y") {
		s.y = y.Values
	}
	var err error
	s.Study, err = effect.FromRows(treatment.Values, s.y, matrices[0], matrices[1])
	return s, err
}

// role says whether the method has a role of that name.
func (m Method) role(name string) bool {
	for _, r := range m.Roles {
		if r.Name == name {
			return true
		}
	}
	return false
}

// rightHandSide parses a formula without its response.
func rightHandSide(text string) (design.Formula, error) {
	if _, err := design.Parse(text); err != nil {
		return design.Formula{}, err
	}
	return design.Parse(text[strings.Index(text, "~"):])
}

// complete keeps the rows that have a value in every column named.
func (in *Input) complete(s *twoArms, names []string) error {
	var columns []design.Column
	for _, name := range names {
		c, ok := in.table.Column(name)
		if !ok {
			return fmt.Errorf("there is no column %q: %w", name, ErrRequest)
		}
		columns = append(columns, c)
	}
next:
	for r := range in.table.Rows() {
		for _, c := range columns {
			if c.Missing(r) {
				continue next
			}
		}
		s.rows = append(s.rows, r)
	}
	in.leftOut += in.table.Rows() - len(s.rows)
	s.table = in.table.Select(s.rows)
	return nil
}

// values returns a column as numbers, a factor as the places of its levels from 1.
func (s twoArms) values(name string) []float64 {
	c, _ := s.table.Column(name)
	if !c.IsFactor() {
		return c.Values
	}
	out := make([]float64, len(c.Codes))
	for i, k := range c.Codes {
		out[i] = float64(k + 1)
	}
	return out
}

// scored is a study with its propensity model.
func (in *Input) scored(besides []string) (twoArms, *propensity.Model, error) {
	s, err := in.study("formula_ps", "", besides)
	if err != nil {
		return s, nil, err
	}
	m, err := propensity.Fit(s.Study, propensity.Options{})
	return s, m, err
}

// warningsKey lists what a reader must know.
func warningsKey[R any](get func(R) []string) key[R] {
	return value("warnings", Names, func(r R) any {
		if w := get(r); w != nil {
			return w
		}
		return []string{}
	})
}

// binary refuses a role's values other than 0 and 1.
func binary(role string, values []float64) error {
	for _, v := range values {
		if v != 0 && v != 1 {
			return errBinary(role)
		}
	}
	return nil
}

func errBinary(role string) error {
	return fmt.Errorf("role %s: the column must be 1 or 0 in every row: %w", role, ErrRequest)
}
