package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/twosample"
	"github.com/lumbar-health/lumbar/store/read"
)

// treatedTerm names the indicator of treatment in a design.
const treatedTerm = ".treated"

// fileSource answers a protocol from the rows of a file.
type fileSource struct {
	protocol *Protocol
	steps    []step
	matrix   *design.Matrix // outcome on treatment and terms, complete cases
	baseline []float64      // of the rows of matrix; nil where none is named
}

// openFile reads the file, applies the protocol's steps and builds the design.
func (p *Protocol) openFile() (*fileSource, error) {
	s, err := p.readSheet()
	if err != nil {
		return nil, err
	}
	f := &fileSource{protocol: p}
	if s, err = f.keepArms(s); err != nil {
		return nil, err
	}
	t, err := s.table()
	if err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	if t, err = f.withTreatment(s, t); err != nil {
		return nil, err
	}
	formula, err := design.Parse(p.formula())
	if err != nil {
		return nil, fmt.Errorf("study: covariates: %w", err)
	}
	if f.matrix, err = formula.Build(t); err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	f.steps = append(f.steps, step{"complete outcome and covariates", int64(f.matrix.N)})
	return f, f.takeBaseline(t)
}

// formula is the outcome on treatment and the adjusted terms.
func (p *Protocol) formula() string {
	return p.Outcome.Column + " ~ " + strings.Join(append([]string{treatedTerm}, p.adjusted()...), " + ")
}

// keepArms keeps the rows of the two arms that are eligible, and counts.
func (f *fileSource) keepArms(s *sheet) (*sheet, error) {
	f.steps = []step{{"all people", int64(len(s.rows))}}
	condition, err := f.protocol.eligible()
	if err != nil {
		return nil, err
	}
	if condition != nil {
		keep, err := s.holds(condition)
		if err != nil {
			return nil, err
		}
		s = s.filter(keep)
		f.steps = append(f.steps, step{"eligible: " + f.protocol.Eligibility, int64(len(s.rows))})
	}
	at, err := s.place(f.protocol.Treatment.Column)
	if err != nil {
		return nil, err
	}
	s = s.filter(s.matching(func(line []string) bool { return !s.missing(line[at]) }))
	f.steps = append(f.steps, step{"treatment recorded", int64(len(s.rows))})
	arms := []string{f.protocol.treated(), f.protocol.control()}
	s = s.filter(s.matching(func(line []string) bool { return slices.Contains(arms, strings.TrimSpace(line[at])) }))
	f.steps = append(f.steps, step{"in one of the two arms", int64(len(s.rows))})
	if len(s.rows) == 0 {
		return nil, fmt.Errorf("study: nobody is in the arms %q and %q of column %q", arms[0], arms[1], f.protocol.Treatment.Column)
	}
	return s, nil
}

func (s *sheet) matching(f func(line []string) bool) []bool {
	keep := make([]bool, len(s.rows))
	for i, line := range s.rows {
		keep[i] = f(line)
	}
	return keep
}

func (s *sheet) filter(keep []bool) *sheet {
	out := &sheet{names: s.names, na: s.na}
	for i, line := range s.rows {
		if keep[i] {
			out.rows = append(out.rows, line)
		}
	}
	return out
}

func (f *fileSource) withTreatment(s *sheet, t *design.Table) (*design.Table, error) {
	at, err := s.place(f.protocol.Treatment.Column)
	if err != nil {
		return nil, err
	}
	treated := make([]float64, len(s.rows))
	for i, line := range s.rows {
		if strings.TrimSpace(line[at]) == f.protocol.treated() {
			treated[i] = 1
		}
	}
	for _, name := range append([]string{f.protocol.Outcome.Column}, f.baselineColumn()...) {
		if c, ok := t.Column(name); !ok || c.IsFactor() {
			return nil, fmt.Errorf("study: the outcome needs a column %q of numbers", name)
		}
	}
	return t.With(design.Column{Name: treatedTerm, Values: treated})
}

func (f *fileSource) baselineColumn() []string {
	if b := f.protocol.Outcome.Baseline; b != "" {
		return []string{b}
	}
	return nil
}

func (f *fileSource) takeBaseline(t *design.Table) error {
	for _, name := range f.baselineColumn() {
		c, _ := t.Column(name)
		for _, r := range f.matrix.Rows {
			f.baseline = append(f.baseline, c.Values[r])
		}
	}
	return nil
}

func (f *fileSource) attrition(context.Context) ([]step, error) { return f.steps, nil }

func (f *fileSource) exact() bool { return false }

// arms splits outcome and baseline by the indicator of treatment.
func (f *fileSource) arms(context.Context) ([2]arm, error) {
	names := [2]string{f.protocol.treated(), f.protocol.control()}
	var out [2]arm
	for i, name := range names {
		group, err := twosample.FromRows(f.of(f.matrix.Y, i == 0))
		if err != nil {
			return out, fmt.Errorf("study: arm %q: %w", name, err)
		}
		out[i] = arm{name: name, outcome: group}
		if f.baseline != nil {
			b, err := twosample.FromRows(f.of(f.baseline, i == 0))
			if err != nil {
				return out, fmt.Errorf("study: arm %q: %w", name, err)
			}
			out[i].baseline = &b
		}
	}
	return out, nil
}

// of picks the values of the treated, or of the controls.
func (f *fileSource) of(values []float64, treated bool) []float64 {
	at := f.matrix.Place(treatedTerm)
	var out []float64
	for i, v := range values {
		if (f.matrix.Row(i)[at] == 1) == treated {
			out = append(out, v)
		}
	}
	return out
}

func (f *fileSource) ancova(context.Context) (fitted, error) {
	rows, err := linear.OLS(f.matrix)
	if err != nil {
		return fitted{}, err
	}
	cov := rows.Covariance()
	if kind := f.protocol.Variance.Kind; kind != "model" {
		hc, err := linear.ParseHC(kind)
		if err != nil {
			return fitted{}, err
		}
		cov, err = rows.HC(hc)
		if errors.Is(err, analytics.ErrZeroVariance) { // of HC, leverage alone
			return fitted{}, fmt.Errorf("study: %v: %w", hc, read.ErrLeverage)
		}
		if err != nil {
			return fitted{}, err
		}
	}
	at := rows.Place(treatedTerm)
	return treatmentOf(rows.Fit, cov.At(at, at))
}

// treatmentOf reads the coefficient of treatment from a fit.
func treatmentOf(fit *linear.Fit, variance float64) (fitted, error) {
	if !(variance > 0) {
		return fitted{}, fmt.Errorf("study: the model leaves no residuals: %w", analytics.ErrZeroVariance)
	}
	r2, _ := fit.RSquared()
	return fitted{
		estimate: fit.Coef[fit.Place(treatedTerm)], stdErr: math.Sqrt(variance),
		df: float64(fit.DF()), n: int64(fit.N), rSquared: r2,
	}, nil
}

func (f *fileSource) balance(context.Context) ([]difference, error) {
	var out []difference
	for j, name := range f.matrix.Names {
		if f.matrix.Assign[j] == 0 || name == treatedTerm {
			continue
		}
		column := f.matrix.Column(j)
		d := difference{term: name}
		one, err1 := twosample.FromRows(f.of(column, true))
		zero, err0 := twosample.FromRows(f.of(column, false))
		if err1 == nil && err0 == nil {
			d.smd, d.ok = standardised(one, zero)
		}
		out = append(out, d)
	}
	return out, nil
}

func standardised(one, zero twosample.Group) (smd float64, ok bool) {
	scale := math.Sqrt((one.Variance + zero.Variance) / 2)
	if !(scale > 0) {
		return 0, false
	}
	return (one.Mean - zero.Mean) / scale, true
}
