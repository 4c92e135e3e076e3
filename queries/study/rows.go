package study

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/twosample"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// treatedTerm names the indicator of treatment in a design.
const treatedTerm = ".treated"

// formula is the outcome on treatment and the adjusted terms.
func (p *Protocol) formula() string {
	return p.Outcome.Column + " ~ " + strings.Join(append([]string{treatedTerm}, p.adjusted()...), " + ")
}

// propensityFormula is the adjusted terms alone.
func (p *Protocol) propensityFormula() string { return "~ " + strings.Join(p.adjusted(), " + ") }

// rows are people one by one, those with outcome and covariates.
type rows struct {
	protocol *Protocol
	table    *design.Table  // of those people
	matrix   *design.Matrix // outcome on treatment and terms
	baseline []float64      // nil where none is named
	clusters []int          // nil where the variance is not clustered
}

// rowsOf takes the complete rows of a table that has the treatment.
func (p *Protocol) rowsOf(t *design.Table) (*rows, error) {
	for _, name := range append([]string{p.Outcome.Column}, p.baselineColumn()...) {
		if c, ok := t.Column(name); !ok || c.IsFactor() {
			return nil, fmt.Errorf("study: the outcome needs a column %q of numbers", name)
		}
	}
	formula, err := design.Parse(p.formula())
	if err != nil {
		return nil, fmt.Errorf("study: covariates: %w", err)
	}
	if p.Variance.Kind == clusterVariance {
		if t, err = p.withCluster(t); err != nil {
			return nil, err
		}
	}
	r := &rows{protocol: p}
	if r.matrix, err = formula.Build(t); err != nil {
		return nil, fmt.Errorf("study: %w", err)
	}
	r.table = t.Select(r.matrix.Rows)
	for _, name := range p.baselineColumn() {
		c, _ := r.table.Column(name)
		r.baseline = c.Values
	}
	if p.Variance.Kind == clusterVariance {
		c, _ := r.table.Column(p.Cluster)
		r.clusters = design.AsFactor(c).Codes
	}
	return r, nil
}

// withCluster keeps the rows whose cluster is known.
func (p *Protocol) withCluster(t *design.Table) (*design.Table, error) {
	c, ok := t.Column(p.Cluster)
	if !ok {
		return nil, fmt.Errorf("study: cluster: the data has no column %q", p.Cluster)
	}
	var known []int
	for r := range t.Rows() {
		if !c.Missing(r) {
			known = append(known, r)
		}
	}
	return t.Select(known), nil
}

func (p *Protocol) baselineColumn() []string {
	if b := p.Outcome.Baseline; b != "" {
		return []string{b}
	}
	return nil
}

// arms splits outcome and baseline by the indicator of treatment.
func (r *rows) arms(context.Context) ([2]arm, error) {
	names := [2]string{r.protocol.treated(), r.protocol.control()}
	var out [2]arm
	for i, name := range names {
		group, err := twosample.FromRows(r.of(r.matrix.Y, i == 0))
		if errors.Is(err, analytics.ErrTooFewObservations) {
			return out, fmt.Errorf("study: fewer than two people of arm %q have outcome and covariates: %w", name, analytics.ErrTooFewObservations)
		}
		if err != nil {
			return out, fmt.Errorf("study: arm %q: %w", name, err)
		}
		out[i] = arm{name: name, outcome: group}
		if r.baseline != nil {
			b, err := twosample.FromRows(r.of(r.baseline, i == 0))
			if err != nil {
				return out, fmt.Errorf("study: arm %q: %w", name, err)
			}
			out[i].baseline = &b
		}
	}
	return out, nil
}

// treated says of each row whether it is of the treated arm.
func (r *rows) treated() []bool {
	at := r.matrix.Place(treatedTerm)
	out := make([]bool, r.matrix.N)
	for i := range out {
		out[i] = r.matrix.Row(i)[at] == 1
	}
	return out
}

// of picks the values of the treated, or of the controls.
func (r *rows) of(values []float64, treated bool) []float64 {
	var out []float64
	for i, t := range r.treated() {
		if t == treated {
			out = append(out, values[i])
		}
	}
	return out
}

// patterns are the people, a pattern each.
func (r *rows) patterns(context.Context) (estimator.Patterns, error) {
	if err := r.protocol.checkClusters(r.treated(), r.clusters); err != nil {
		return estimator.Patterns{}, err
	}
	n := r.matrix.N
	p := estimator.Patterns{
		Table: r.table, Treated: r.treated(), Cluster: r.clusters,
		Count: make([]float64, n), Sum: r.matrix.Y, SumSq: make([]float64, n),
	}
	for i, y := range r.matrix.Y {
		p.Count[i], p.SumSq[i] = 1, y*y
	}
	return p, nil
}

func (r *rows) ancova(context.Context) (fitted, error) {
	fit, err := linear.OLS(r.matrix)
	if err != nil {
		return fitted{}, err
	}
	at := fit.Place(treatedTerm)
	switch kind := r.protocol.Variance.Kind; kind {
	case "model":
		return treatmentOf(fit.Fit, fit.Covariance().At(at, at), 0)
	case clusterVariance:
		if err := r.protocol.checkClusters(r.treated(), r.clusters); err != nil {
			return fitted{}, err
		}
		clusters, err := fit.ByRows(r.clusters)
		if err != nil {
			return fitted{}, err
		}
		return clustered(fit.Fit, clusters, at)
	default:
		hc, err := linear.ParseHC(kind)
		if err != nil {
			return fitted{}, err
		}
		cov, err := fit.HC(hc)
		if errors.Is(err, analytics.ErrZeroVariance) { // of HC, leverage alone
			return fitted{}, fmt.Errorf("study: %v: %w", hc, read.ErrLeverage)
		}
		if err != nil {
			return fitted{}, err
		}
		return treatmentOf(fit.Fit, cov.At(at, at), 0)
	}
}

// checkClusters counts the clusters of each arm; without clusters there is
// nothing to check.
func (p *Protocol) checkClusters(treated []bool, clusters []int) error {
	if clusters == nil {
		return nil
	}
	one, zero := map[int]bool{}, map[int]bool{}
	for i, t := range treated {
		if t {
			one[clusters[i]] = true
		} else {
			zero[clusters[i]] = true
		}
	}
	return p.enoughClusters(len(one), len(zero))
}

// enoughClusters refuses an arm that is one cluster, whose people could be alike
// because of the arm or of the cluster.
func (p *Protocol) enoughClusters(treated, control int) error {
	for i, n := range []int{treated, control} {
		if n < 2 {
			return fmt.Errorf("study: cluster: arm %q has one %s, need 2 in each: take variance.kind HC3, or a finer cluster", []string{p.treated(), p.control()}[i], p.Cluster)
		}
	}
	return nil
}

// clustered is the coefficient at a place with its CR2 variance and
// Satterthwaite's degrees of freedom.
func clustered(fit *linear.Fit, clusters *linear.Clustered, at int) (fitted, error) {
	cov, err := clusters.Covariance(linear.CR2)
	if err != nil {
		return fitted{}, err
	}
	df, err := clusters.Satterthwaite()
	if err != nil {
		return fitted{}, err
	}
	return treatmentOf(fit, cov.At(at, at), df[at])
}

// treatmentOf reads the coefficient of treatment from a fit; df 0 stands for
// the residual ones.
func treatmentOf(fit *linear.Fit, variance, df float64) (fitted, error) {
	if !(variance > 0) {
		return fitted{}, fmt.Errorf("study: the model leaves no residuals: %w", analytics.ErrZeroVariance)
	}
	r2, _ := fit.RSquared()
	out := fitted{
		estimate: fit.Coef[fit.Place(treatedTerm)], stdErr: math.Sqrt(variance),
		df: df, fixedDF: df > 0, n: int64(fit.N), rSquared: r2,
	}
	if df == 0 {
		out.df = float64(fit.DF())
	}
	return out, nil
}

func (r *rows) balance(context.Context) ([]difference, error) {
	var out []difference
	for j, name := range r.matrix.Names {
		if r.matrix.Assign[j] == 0 || name == treatedTerm {
			continue
		}
		column := r.matrix.Column(j)
		d := difference{term: name}
		one, err1 := twosample.FromRows(r.of(column, true))
		zero, err0 := twosample.FromRows(r.of(column, false))
		if err1 == nil && err0 == nil {
			d.Value, d.ok = standardised(one, zero)
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
