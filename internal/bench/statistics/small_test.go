package statistics

import (
	"encoding/csv"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/lumbar-health/lumbar/analytics/bootstrap"
	"github.com/lumbar-health/lumbar/analytics/design"
	"github.com/lumbar-health/lumbar/analytics/effect"
	"github.com/lumbar-health/lumbar/analytics/linear"
	"github.com/lumbar-health/lumbar/analytics/missing"
	"github.com/lumbar-health/lumbar/analytics/propensity"
)

// threads are those at which an answer must be the same to the bit.
var threads = []int{1, 2, 7}

// small are the jobs over the people of one study. A resample is drawn by
// chance, so that the peer's answer is another one within its own error: that of
// a standard error of 500 replicates is about 3 %.
func small(r *report, path string) {
	r.b.Helper()
	rows := readCSV(r.b, path)
	theirs, err := inR.ask(r.b, path, 0)
	if err != nil {
		r.b.Fatal(err)
	}
	boot := timed(r.b, false, func() values { return resampled(r.b, rows, 0) })
	impute := timed(r.b, false, func() values { return imputed(r.b, rows, 0) })
	for _, n := range threads {
		if !reflect.DeepEqual(resampled(r.b, rows, n), boot.values) || !reflect.DeepEqual(imputed(r.b, rows, n), impute.values) {
			r.b.Errorf("WRONG: %d threads change the answer of a resample", n)
		}
	}
	if job := "IPW bootstrap, 500 replicates of 3,600"; r.same(job, inR.name, boot.values, theirs["bootstrap"].values, map[string]float64{"estimate": 1e-7, "se": 0.15}) {
		r.within(job, boot, 0.5)
		r.beside(job, boot, inR.name, theirs["bootstrap"])
	}
	if job := "multiple imputation, m = 20 of 3,600"; r.same(job, inR.name, impute.values, theirs["imputation"].values, map[string]float64{"estimate": 0.03, "se": 0.15}) {
		r.within(job, impute, 0.5)
		r.beside(job, impute, inR.name, theirs["imputation"])
	}
}

// resampled bootstraps the weighted difference of means.
func resampled(b *testing.B, rows *design.Table, threads int) values {
	b.Helper()
	f, err := design.Parse("~ baseline + age + male + factor(imd) + risk")
	if err != nil {
		b.Fatal(err)
	}
	m, err := f.Build(rows)
	if err != nil {
		b.Fatal(err)
	}
	s, err := effect.FromRows(numbers(rows, "treated"), numbers(rows, "y"), m, nil)
	if err != nil {
		b.Fatal(err)
	}
	i, err := bootstrap.Weighted(s, propensity.ATE, 0.95, bootstrap.Options{Replicates: 500, Seed: 1, Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	return values{"estimate": i.Estimate, "se": i.StdErr}
}

// imputed fills the outcomes that a third did not report, whoever was worse more
// seldom, and pools the regression on treatment.
func imputed(b *testing.B, rows *design.Table, threads int) values {
	b.Helper()
	y := append([]float64{}, numbers(rows, "y")...)
	baseline := numbers(rows, "baseline")
	for i := range y {
		if i%3 == 0 && baseline[i] > 30 || i%7 == 0 {
			y[i] = math.NaN()
		}
	}
	variables := []missing.Variable{{Name: "y", Values: y, Method: missing.Normal}}
	for _, name := range []string{"treated", "baseline", "age", "male", "comorbidity", "back", "leg"} {
		variables = append(variables, missing.Variable{Name: name, Values: numbers(rows, name)})
	}
	out, err := missing.Impute(variables, missing.ImputeOptions{Imputations: 20, Seed: 1, Threads: threads})
	if err != nil {
		b.Fatal(err)
	}
	f, err := design.Parse("y ~ treated + baseline + age")
	if err != nil {
		b.Fatal(err)
	}
	pooled, err := out.Pool(func(k int) (float64, float64, error) {
		complete, err := design.NewTable(design.Column{Name: "y", Values: out.Column(k, 0)}, design.Column{Name: "treated", Values: numbers(rows, "treated")},
			design.Column{Name: "baseline", Values: baseline}, design.Column{Name: "age", Values: numbers(rows, "age")})
		if err != nil {
			return 0, 0, err
		}
		m, err := f.Build(complete)
		if err != nil {
			return 0, 0, err
		}
		fit, err := linear.OLS(m)
		if err != nil {
			return 0, 0, err
		}
		return fit.Coef[1], fit.Covariance().At(1, 1), nil
	}, float64(rows.Rows()-4), 0.95)
	if err != nil {
		b.Fatal(err)
	}
	return values{"estimate": pooled.Value, "se": pooled.StdErr}
}

func numbers(rows *design.Table, name string) []float64 {
	c, _ := rows.Column(name)
	return c.Values
}

// factor has the levels of its texts, sorted.
func factor(name string, texts []string) design.Column {
	c := design.Column{Name: name, Codes: make([]int, len(texts))}
	c.Levels = slices.Clone(texts)
	slices.Sort(c.Levels)
	c.Levels = slices.Compact(c.Levels)
	for i, text := range texts {
		c.Codes[i], _ = slices.BinarySearch(c.Levels, text)
	}
	return c
}

// readCSV reads the file that the peers read.
func readCSV(b *testing.B, path string) *design.Table {
	b.Helper()
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		b.Fatal(err)
	}
	var columns []design.Column
	for j, name := range records[0] {
		c := design.Column{Name: name, Values: make([]float64, len(records)-1)}
		texts := make([]string, len(records)-1)
		for i, record := range records[1:] {
			texts[i] = record[j]
			if v, err := strconv.ParseFloat(record[j], 64); err == nil {
				c.Values[i] = v
			} else {
				c.Levels = []string{}
			}
		}
		if c.Levels != nil {
			c = factor(name, texts)
		}
		columns = append(columns, c)
	}
	t, err := design.NewTable(columns...)
	if err != nil {
		b.Fatal(err)
	}
	return t
}
