//go:build shared

package pushdown

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/cells"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/histogram"
	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/analytics/survival"
	"github.com/lumbar-health/lumbar/queries/estimator"
	"github.com/lumbar-health/lumbar/store/read"
)

// pair is one reduced form made twice: of the file's rows, and by the store.
type pair[T any] struct{ rows, store T }

// counted asks a reader and holds that it read no more rows than its answer has.
func counted[T any](t *testing.T, d *dataset, most func(T) int, ask func() (T, error)) T {
	t.Helper()
	before := d.reader.RowsRead()
	answer, err := ask()
	if err != nil {
		t.Fatal(err)
	}
	if n := d.reader.RowsRead() - before; n > int64(most(answer)) {
		t.Errorf("the engine returned %d rows for an answer of %d", n, most(answer))
	}
	return answer
}

// groups are places by key, in the order of the keys.
func (d *dataset) groups(places []int, by []string) (keys []string, of map[string][]int) {
	of = map[string][]int{}
	for _, i := range places {
		k := d.key(i, by)
		if of[k] == nil {
			keys = append(keys, k)
		}
		of[k] = append(of[k], i)
	}
	slices.Sort(keys)
	return keys, of
}

// moments of some terms by group.
func (d *dataset) moments(t *testing.T, all []where, by []string, terms []moments.Term) pair[[]moments.Matrix] {
	t.Helper()
	groups := counted(t, d, func(g []read.Group) int { return len(g) }, func() ([]read.Group, error) {
		return d.reader.Moments(context.Background(), read.Question{Selection: read.Selection{Where: d.predicate(all), By: by}, Terms: terms})
	})
	var p pair[[]moments.Matrix]
	for _, g := range groups {
		p.store = append(p.store, g.Moments)
	}
	asked := append([]moments.Term{moments.Intercept()}, terms...)
	var needed []string
	for _, term := range terms {
		for _, f := range term.Factors {
			if f.Level == nil {
				needed = append(needed, f.Column)
			}
		}
	}
	keys, of := d.groups(d.rows(all, needed...), by)
	for _, k := range keys {
		var x []float64
		for _, i := range of[k] {
			for _, term := range asked {
				x = append(x, d.product(term, i))
			}
		}
		m, err := moments.FromRows(asked, groups[0].Moments.Units, x)
		if err != nil {
			t.Fatal(err)
		}
		p.rows = append(p.rows, m)
	}
	return p
}

// product is a term's value in a row.
func (d *dataset) product(term moments.Term, i int) float64 {
	x := 1.0
	for _, f := range term.Factors {
		v := d.column(f.Column)
		if f.Level != nil {
			if v.texts[i] != *f.Level {
				return 0
			}
			continue
		}
		for range max(f.Power, 1) {
			x *= v.numbers[i]
		}
	}
	return x
}

// gram is the moments of a formula's columns and its response, by group.
func (d *dataset) gram(t *testing.T, all []where, by []string, formula string) (p pair[[]moments.Matrix], f design.Formula, y int, x []int) {
	t.Helper()
	f = parse(t, formula)
	levels := map[string][]string{}
	for _, name := range f.Columns() {
		if v := d.column(name); v.numbers == nil || strings.Contains(formula, "factor("+name+")") {
			levels[name], _ = levelsOf(v, d.rows(all, f.Columns()...))
		}
		all = append(slices.Clone(all), where{column: name})
	}
	terms, err := f.Terms(levels, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := f.ResponseTerm()
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(terms) + 1 {
		x = append(x, i)
	}
	return d.moments(t, all, by, append(terms, response)), f, len(x), x
}

func parse(t *testing.T, formula string) design.Formula {
	t.Helper()
	f, err := design.Parse(formula)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// histograms of a column by group.
func (d *dataset) histograms(t *testing.T, all []where, by []string, column string) pair[[]histogram.Histogram] {
	t.Helper()
	found := counted(t, d, func(all []read.Histogram) (n int) {
		for _, h := range all {
			n += len(h.Values)
		}
		return n
	}, func() ([]read.Histogram, error) {
		return d.reader.Histogram(context.Background(), read.HistogramQuestion{Selection: read.Selection{Where: d.predicate(all), By: by}, Column: column})
	})
	var p pair[[]histogram.Histogram]
	for _, h := range found {
		p.store = append(p.store, must(histogram.New(h.Values, h.Counts))(t))
	}
	keys, of := d.groups(d.rows(all, column), by)
	for _, k := range keys {
		var x []float64
		for _, i := range of[k] {
			x = append(x, d.column(column).numbers[i])
		}
		p.rows = append(p.rows, must(histogram.FromRows(x))(t))
	}
	return p
}

// must hands a value on, and ends the test on an error.
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// patterns are the people of some columns, as rows and as the store's cells,
// with the sums of a response, which may be empty.
type patterns struct {
	table             *design.Table
	count, sum, sumSq []float64
}

func (d *dataset) patterns(t *testing.T, all []where, columns []string, response string) pair[patterns] {
	t.Helper()
	c := counted(t, d, (*read.Cells).Len, func() (*read.Cells, error) {
		return d.reader.Cells(context.Background(), read.CellQuestion{Selection: read.Selection{Where: d.predicate(all)}, Columns: columns, Response: response})
	})
	var p pair[patterns]
	n := c.Len()
	var own []design.Column
	for _, column := range c.Columns {
		own = append(own, fromStore(column, n))
	}
	p.store = patterns{table: must(design.NewTable(own...))(t), sum: c.Sum, sumSq: c.SumSq}
	for _, v := range c.Count {
		p.store.count = append(p.store.count, float64(v))
	}
	p.store.table = must(p.store.table.Counted(p.store.count))(t)
	needed := columns
	if response != "" {
		needed = append(slices.Clone(columns), response)
	} else {
		p.store.sum, p.store.sumSq = make([]float64, n), make([]float64, n)
	}
	places := d.rows(all, needed...)
	p.rows.table = d.table(t, places, columns)
	for _, i := range places {
		y := 0.0
		if response != "" {
			y = d.column(response).numbers[i]
		}
		p.rows.count, p.rows.sum, p.rows.sumSq = append(p.rows.count, 1), append(p.rows.sum, y), append(p.rows.sumSq, y*y)
	}
	return p
}

// cells of a one-sided formula.
func (p patterns) cells(t *testing.T, formula string) cells.Cells {
	t.Helper()
	m := must(parse(t, formula).Build(p.table))(t)
	return cells.Cells{Design: m, Count: p.count, Sum: p.sum, SumSq: p.sumSq}
}

// codes numbers the levels of a column.
func (p patterns) codes(t *testing.T, column string) (codes []int, levels []string) {
	t.Helper()
	c, ok := p.table.Column(column)
	if !ok {
		t.Fatalf("no column %s", column)
	}
	c = design.AsFactor(c)
	return c.Codes, c.Levels
}

// study of two arms, the treatment being 1 and 0.
func (p patterns) study(t *testing.T, treatment, formula string) *effect.Study {
	t.Helper()
	m := must(parse(t, formula).Build(p.table))(t)
	s := &effect.Study{Count: p.count, Sum: p.sum, SumSq: p.sumSq, Score: m, Outcome: m}
	arm, _ := p.table.Column(treatment)
	for _, v := range arm.Values {
		s.Treated = append(s.Treated, v == 1)
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}

// cohort of a one-sided formula without an intercept, with the codes of a group.
type cohort struct {
	*survival.Cohort
	groups []string
	codes  []int
}

// followed are people by time and status (0 censored), with covariates: rows, and
// the store's risk table a cause at a time.
func (d *dataset) followed(t *testing.T, all []where, time, status string, columns []string, formula, group, stratum string) pair[cohort] {
	t.Helper()
	r := counted(t, d, func(r *read.Risk) int { return r.Len() * (1 + len(r.Causes)) }, func() (*read.Risk, error) {
		return d.reader.Risk(context.Background(), read.RiskQuestion{Selection: read.Selection{Where: d.predicate(all)}, Columns: columns, Time: time, Status: status})
	})
	places := d.rows(all, append(slices.Clone(columns), time, status)...)
	rows := followers{table: d.table(t, places, columns)}
	for _, i := range places {
		rows.time, rows.count = append(rows.time, d.column(time).numbers[i]), append(rows.count, 1)
		rows.cause = append(rows.cause, int(d.column(status).numbers[i]))
	}
	var store followers
	var at []int
	for i := range r.Time {
		for k := range len(r.Causes) + 1 {
			n, cause := r.Censored[i], 0
			if k > 0 {
				n, cause = r.Events[k-1][i], must(strconv.Atoi(r.Causes[k-1]))(t)
			}
			if n > 0 {
				store.time, store.cause, store.count, at = append(store.time, r.Time[i]), append(store.cause, cause), append(store.count, float64(n)), append(at, i)
			}
		}
	}
	var own []design.Column
	for _, column := range r.Columns {
		own = append(own, fromStore(column, r.Len()))
	}
	store.table = must(design.NewTable(own...))(t).Select(at)
	return pair[cohort]{rows.cohort(t, formula, group, stratum), store.cohort(t, formula, group, stratum)}
}

type followers struct {
	table       *design.Table
	time, count []float64
	cause       []int
}

func (f followers) cohort(t *testing.T, formula, group, stratum string) cohort {
	t.Helper()
	m := must(parse(t, formula).Build(f.table))(t)
	c := cohort{Cohort: &survival.Cohort{Names: m.Names[1:], Time: f.time, Cause: f.cause, Count: f.count}}
	for i := range m.N {
		c.X = append(c.X, m.Row(i)[1:]...)
	}
	if stratum != "" {
		c.Stratum, _ = patterns{table: f.table}.codes(t, stratum)
	}
	c.codes, c.groups = patterns{table: f.table}.codes(t, group)
	return c
}

// people streams columns in the order of the file.
func (d *dataset) people(t *testing.T, all []where, columns []string) pair[*design.Table] {
	t.Helper()
	found, err := d.reader.People(context.Background(), read.PeopleQuestion{Selection: read.Selection{Where: d.predicate(all)}, Columns: columns, SortBy: []string{rowNumber}})
	if err != nil {
		t.Fatal(err)
	}
	var own []design.Column
	for _, column := range found.Columns {
		own = append(own, fromStore(column, found.N))
	}
	return pair[*design.Table]{d.table(t, d.rows(all, columns...), columns), must(design.NewTable(own...))(t)}
}

// curved is the store's moments of terms with curves, which only Float64s hold.
func (d *dataset) curved(t *testing.T, all []where, terms []moments.Term) moments.Matrix {
	t.Helper()
	groups := must(d.reader.Moments(context.Background(), read.Question{Selection: read.Selection{Where: d.predicate(all)}, Terms: terms}))(t)
	return groups[0].Moments
}

func fromStore(c read.Column, n int) design.Column { return estimator.Column(c, 0, n, false) }
