package study

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/twosample"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// Reader is what a study asks of the store.
type Reader interface {
	Count(ctx context.Context, s read.Selection) ([]read.Count, error)
	Levels(ctx context.Context, s read.Selection, column string) ([]string, error)
	Moments(ctx context.Context, q read.Question) ([]read.Group, error)
	Weighted(ctx context.Context, w read.Weighted) (float64, error)
	Histogram(ctx context.Context, q read.HistogramQuestion) ([]read.Histogram, error)
	Cells(ctx context.Context, q read.CellQuestion) (*read.Cells, error)
	People(ctx context.Context, q read.PeopleQuestion) (*read.People, error)
}

// storeSource answers a protocol from moments of the outcome table.
type storeSource struct {
	protocol  *Protocol
	reader    Reader
	programme *programme.Programme
	eligible  read.Predicate
	arms_     [2]read.Predicate
	terms     []moments.Term // of the covariates
	columns   []string       // that a row must have
	groups    [2]moments.Matrix
	sumsExact bool
}

// openStore reads what the protocol needs: levels first, then the moments of
// both arms in one scan each.
func (p *Protocol) openStore(ctx context.Context, r Reader, of *programme.Programme) (*storeSource, error) {
	s := &storeSource{protocol: p, reader: r, programme: of}
	var err error
	if s.eligible, err = p.eligible(); err != nil {
		return nil, err
	}
	for i, v := range []any{p.Treatment.Treated, p.Treatment.Control} {
		s.arms_[i] = read.Compare{Column: p.Treatment.Column, Op: read.Eq, Values: []read.Value{valueOf(v)}}
	}
	if err := s.design(ctx); err != nil {
		return nil, err
	}
	s.sumsExact = true
	for i := range s.groups {
		groups, err := r.Moments(ctx, read.Question{
			Selection: s.selection(s.arms_[i]), Complete: s.columns,
			Terms: append(append([]moments.Term{moments.Column(p.Outcome.Column)}, s.terms...), s.besides()...),
		})
		if err != nil {
			return nil, err
		}
		if len(groups) == 0 || groups[0].Moments.N == 0 {
			return nil, fmt.Errorf("study: nobody of arm %q meets the eligibility and has outcome and covariates", []string{p.treated(), p.control()}[i])
		}
		s.groups[i] = groups[0].Moments
		s.sumsExact = s.sumsExact && groups[0].Moments.AllExact(places(len(groups[0].Moments.Terms))...)
	}
	return s, nil
}

func places(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// valueOf is a value of the protocol as written: a number stays a number.
func valueOf(v any) read.Value {
	text := asWritten(v)
	if _, isText := v.(string); isText {
		return read.Value{Text: text, IsText: true}
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return read.Value{Number: n}
	}
	return read.Value{Text: text, IsText: true}
}

func (s *storeSource) selection(more ...read.Predicate) read.Selection {
	where := read.And{}
	if s.eligible != nil {
		where = append(where, s.eligible)
	}
	return read.Selection{Programme: s.programme.ID, Where: append(where, more...)}
}

// design turns the covariates into terms; a factor has the levels of those
// analysed, the first by name being the reference.
func (s *storeSource) design(ctx context.Context) error {
	s.columns = []string{s.protocol.Outcome.Column}
	if b := s.protocol.Outcome.Baseline; b != "" {
		s.columns = append(s.columns, b)
	}
	if s.protocol.Variance.Kind == clusterVariance {
		s.columns = append(s.columns, s.protocol.Cluster)
	}
	adjusted := s.protocol.adjusted()
	if len(adjusted) == 0 {
		return nil
	}
	formula, err := design.Parse("~ " + strings.Join(adjusted, " + "))
	if err != nil {
		return fmt.Errorf("study: covariates: %w", err)
	}
	for _, c := range formula.Columns() {
		if !slices.Contains(s.columns, c) {
			s.columns = append(s.columns, c)
		}
	}
	analysed := read.And{read.Or{s.arms_[0], s.arms_[1]}}
	for _, c := range s.columns {
		analysed = append(analysed, read.Present{Column: c})
	}
	levels := map[string][]string{}
	for _, c := range formula.Columns() {
		if !s.isFactor(c) {
			continue
		}
		if levels[c], err = s.reader.Levels(ctx, s.selection(analysed), c); err != nil {
			return err
		}
		if len(levels[c]) == 0 {
			return fmt.Errorf("study: nobody of either arm meets the eligibility and has all of %s: check the eligibility, and that the data has these columns",
				strings.Join(s.columns, ", "))
		}
	}
	known, err := cohort.Frequencies(ctx, s.reader, s.selection(read.Or{s.arms_[0], s.arms_[1]}), s.columns, formula)
	if err != nil {
		return err
	}
	s.terms, err = formula.Terms(levels, known)
	if err != nil {
		return fmt.Errorf("study: covariates: %w", err)
	}
	return nil
}

// isFactor says whether the protocol's terms treat a column as a category.
func (s *storeSource) isFactor(column string) bool {
	return cohort.IsFactor(s.programme, strings.Join(s.protocol.adjusted(), " + "), column)
}

func (s *storeSource) attrition(ctx context.Context) ([]step, error) {
	all := read.Selection{Programme: s.programme.ID}
	either := read.Or{s.arms_[0], s.arms_[1]}
	analysed := read.And{either}
	for _, c := range s.columns {
		analysed = append(analysed, read.Present{Column: c})
	}
	questions := []struct {
		name string
		who  read.Selection
	}{{"all people", all}}
	if s.eligible != nil {
		questions = append(questions, struct {
			name string
			who  read.Selection
		}{"eligible: " + s.protocol.Eligibility, s.selection()})
	}
	for _, q := range []struct {
		name string
		who  read.Predicate
	}{
		{"treatment recorded", read.Present{Column: s.protocol.Treatment.Column}},
		{"in one of the two arms", either},
		{"complete outcome and covariates", analysed},
	} {
		questions = append(questions, struct {
			name string
			who  read.Selection
		}{q.name, s.selection(q.who)})
	}
	var steps []step
	for _, q := range questions {
		counts, err := s.reader.Count(ctx, q.who)
		if err != nil {
			return nil, err
		}
		n := int64(0)
		for _, c := range counts {
			n += c.N
		}
		steps = append(steps, step{q.name, n})
	}
	return steps, nil
}

// besides is the baseline where the model has it as a curve only: the arms tell
// its mean.
func (s *storeSource) besides() []moments.Term {
	b := s.protocol.Outcome.Baseline
	if b == "" || slices.ContainsFunc(s.terms, func(t moments.Term) bool { return t.Name == b }) {
		return nil
	}
	return []moments.Term{moments.Column(b)}
}

func (s *storeSource) exact() bool { return s.sumsExact }

// arms reads outcome and baseline from the moments of each arm; the outcome is
// term 1, after the intercept.
func (s *storeSource) arms(context.Context) ([2]arm, error) {
	var out [2]arm
	for i, name := range []string{s.protocol.treated(), s.protocol.control()} {
		group, err := twosample.FromMoments(s.groups[i], 1)
		if err != nil {
			return out, fmt.Errorf("study: arm %q: %w", name, err)
		}
		out[i] = arm{name: name, outcome: group}
		if at := s.groups[i].Index(s.protocol.Outcome.Baseline); s.protocol.Outcome.Baseline != "" && at > 0 {
			b, err := twosample.FromMoments(s.groups[i], at)
			if err != nil {
				return out, fmt.Errorf("study: arm %q: %w", name, err)
			}
			out[i].baseline = &b
		}
	}
	return out, nil
}

// ancova adds up both arms' moments with the indicator of treatment and fits;
// robust errors take a second scan for the residual-weighted products.
func (s *storeSource) ancova(ctx context.Context) (fitted, error) {
	joint, err := moments.WithIndicator(s.groups[1], s.groups[0], moments.Term{Name: treatedTerm})
	if err != nil {
		return fitted{}, err
	}
	x := []int{0}
	for i := 2; i < 2+len(s.terms); i++ {
		x = append(x, i)
	}
	x = append(x, len(joint.Terms)-1)
	fit, err := linear.FromMoments(joint, 1, x)
	if err != nil {
		return fitted{}, err
	}
	at := fit.Place(treatedTerm)
	if s.protocol.Variance.Kind == clusterVariance {
		return s.clustered(ctx, fit, at, x)
	}
	variance := fit.Covariance().At(at, at)
	if kind := s.protocol.Variance.Kind; kind != "model" {
		if variance, err = s.robust(ctx, fit, at, kind); err != nil {
			return fitted{}, err
		}
	}
	return treatmentOf(fit, variance, 0)
}

// robust is the sandwich variance of the coefficient at a place.
func (s *storeSource) robust(ctx context.Context, fit *linear.Fit, at int, kind string) (float64, error) {
	hc, err := linear.ParseHC(kind)
	if err != nil {
		return 0, err
	}
	indicator := moments.Indicator(s.protocol.Treatment.Column, s.protocol.treated())
	variance, err := s.reader.Weighted(ctx, read.Weighted{
		Question: read.Question{
			Selection: s.selection(read.Or{s.arms_[0], s.arms_[1]}), Complete: s.columns,
			Terms: append(slices.Clone(s.terms), indicator),
		},
		Outcome: moments.Column(s.protocol.Outcome.Column), Beta: fit.Coef, Bread: fit.Inv.Data, Along: fit.Inv.Row(at),
		Kind: map[linear.HCKind]read.HC{linear.HC0: read.HC0, linear.HC1: read.HC1, linear.HC2: read.HC2, linear.HC3: read.HC3}[hc],
	})
	if hc == linear.HC1 {
		variance *= linear.HC1.Weight(0, fit.N, fit.P)
	}
	return variance, err
}

func (s *storeSource) balance(context.Context) ([]difference, error) {
	var out []difference
	for i := 2; i < 2+len(s.terms); i++ {
		d := difference{term: s.groups[0].Terms[i].Name}
		one, err1 := twosample.FromMoments(s.groups[0], i)
		zero, err0 := twosample.FromMoments(s.groups[1], i)
		if err1 == nil && err0 == nil {
			d.Value, d.ok = standardised(one, zero)
			d.N = [2]int64{zero.N, one.N}
		}
		if ones, is := s.indicator(i); is {
			d.Indicator, d.Ones = true, ones
		}
		out = append(out, d)
	}
	return out, nil
}

// indicator counts the people of control and treated who have 1 in a column of
// 0 and 1, by which Σx = Σx².
func (s *storeSource) indicator(i int) (ones [2]int64, is bool) {
	for arm, g := range []moments.Matrix{s.groups[1], s.groups[0]} {
		if g.Sum(i, 0) != g.Sum(i, i) {
			return ones, false
		}
		ones[arm] = int64(math.Round(g.Sum(i, 0)))
	}
	return ones, true
}

// clustered reads the moments of each cluster, of both arms together.
func (s *storeSource) clustered(ctx context.Context, fit *linear.Fit, at int, x []int) (fitted, error) {
	by := s.selection(read.Or{s.arms_[0], s.arms_[1]})
	by.By = []string{s.protocol.Cluster}
	indicator := moments.Indicator(s.protocol.Treatment.Column, s.protocol.treated())
	groups, err := s.reader.Moments(ctx, read.Question{
		Selection: by, Complete: s.columns,
		Terms: append(append([]moments.Term{moments.Column(s.protocol.Outcome.Column)}, s.terms...), indicator),
	})
	if err != nil {
		return fitted{}, err
	}
	x[len(x)-1] = 2 + len(s.terms) // the indicator: here no baseline stands before it
	list := make([]moments.Matrix, len(groups))
	var treated, control int
	for i, g := range groups {
		list[i] = g.Moments
		ones := g.Moments.Sum(x[len(x)-1], 0)
		if ones > 0 {
			treated++
		}
		if ones < float64(g.Moments.N) {
			control++
		}
	}
	if err := s.protocol.enoughClusters(treated, control); err != nil {
		return fitted{}, err
	}
	clusters, err := fit.ByMoments(list, 1, x)
	if err != nil {
		return fitted{}, err
	}
	return clustered(fit, clusters, at)
}

// named are the columns that a method reads beside the outcome: treatment,
// covariates, baseline and cluster.
func (s *storeSource) named() []string {
	names := []string{s.protocol.Treatment.Column}
	for _, c := range s.columns {
		if c != s.protocol.Outcome.Column && !slices.Contains(names, c) {
			names = append(names, c)
		}
	}
	return names
}

// patterns reads the cells of both arms; those of a small study tell outcomes
// apart, as a jackknife needs.
func (s *storeSource) patterns(ctx context.Context) (estimator.Patterns, error) {
	var p estimator.Patterns
	columns := s.named()
	if s.groups[0].N+s.groups[1].N <= estimator.MostJackknifed {
		columns = append(columns, s.protocol.Outcome.Column)
	}
	c, err := s.reader.Cells(ctx, read.CellQuestion{
		Selection: s.selection(read.Or{s.arms_[0], s.arms_[1]}), Columns: columns, Response: s.protocol.Outcome.Column,
	})
	if err != nil {
		return p, err
	}
	if p.Table, err = s.table(c.Columns, c.Len()); err != nil {
		return p, err
	}
	treated, _ := p.Table.Column(treatedTerm)
	p.Sum, p.SumSq = c.Sum, c.SumSq
	for i, n := range c.Count {
		p.Count = append(p.Count, float64(n))
		p.Treated = append(p.Treated, treated.Values[i] == 1)
	}
	if s.protocol.Variance.Kind == clusterVariance {
		cluster, _ := p.Table.Column(s.protocol.Cluster)
		p.Cluster = design.AsFactor(cluster).Codes
	}
	return p, s.protocol.checkClusters(p.Treated, p.Cluster)
}

// everybody reads the people of both arms, in an order that the seed makes.
func (s *storeSource) everybody(ctx context.Context) (*design.Table, error) {
	names := append(s.named(), s.protocol.Outcome.Column)
	people, err := s.reader.People(ctx, read.PeopleQuestion{
		Selection: s.selection(read.Or{s.arms_[0], s.arms_[1]}), Columns: names, Missing: true, Key: [2]uint64{s.protocol.Seed, 1},
	})
	if err != nil {
		return nil, err
	}
	return s.table(people.Columns, people.N)
}

// table is columns as a file would have them, with the indicator of treatment.
func (s *storeSource) table(columns []read.Column, n int) (*design.Table, error) {
	out := make([]design.Column, len(columns), len(columns)+1)
	for i, c := range columns {
		out[i] = estimator.Column(c, 0, n, s.isFactor(c.Name))
	}
	treated := make([]float64, n)
	for i := range treated {
		if s.isTreated(columns[0], i) {
			treated[i] = 1
		}
	}
	return design.NewTable(append(out, design.Column{Name: treatedTerm, Values: treated})...)
}

// isTreated compares the treatment of a place with the protocol's, as written.
func (s *storeSource) isTreated(c read.Column, i int) bool {
	if c.Levels != nil {
		return c.Codes[i] >= 0 && c.Levels[c.Codes[i]] == s.protocol.treated()
	}
	v, err := strconv.ParseFloat(s.protocol.treated(), 64)
	return err == nil && c.Numbers[i] == v
}
