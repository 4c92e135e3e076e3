package design

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/moments"
)

type rCase struct {
	Formula        string
	Names, Labels  []string
	Assign         []int
	Sums, Weighted []float64
	Y              []float64
}

// readR returns the table and cases of testdata/r/design.R.
func readR(t *testing.T) (*Table, []rCase) {
	t.Helper()
	raw, err := os.ReadFile("testdata/design.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var g struct {
		Numbers map[string][]float64
		Factors map[string][]string
		Cases   []rCase
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	var columns []Column
	for name, v := range g.Numbers {
		columns = append(columns, Column{Name: name, Values: v})
	}
	for name, v := range g.Factors {
		columns = append(columns, factor(name, v))
	}
	table, err := NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	return table, g.Cases
}

// factor makes a factor of texts, levels in bytewise order, "" missing.
func factor(name string, values []string) Column {
	c := Column{Name: name, Levels: []string{}}
	for _, v := range values {
		if v != "" && !slices.Contains(c.Levels, v) {
			c.Levels = append(c.Levels, v)
		}
	}
	slices.Sort(c.Levels)
	for _, v := range values {
		c.Codes = append(c.Codes, slices.Index(c.Levels, v))
	}
	return c
}

func TestBuildsWhatRBuilds(t *testing.T) {
	table, cases := readR(t)
	for _, c := range cases {
		f, err := Parse(c.Formula)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.Formula, err)
			continue
		}
		if got := f.Labels(); !slices.Equal(got, c.Labels) {
			t.Errorf("%s: labels %q, R has %q", c.Formula, got, c.Labels)
		}
		m, err := f.Build(table)
		if err != nil {
			t.Errorf("%s: %v", c.Formula, err)
			continue
		}
		if !slices.Equal(m.Names, c.Names) {
			t.Errorf("%s: columns %q, R has %q", c.Formula, m.Names, c.Names)
			continue
		}
		if !slices.Equal(m.Assign, c.Assign) {
			t.Errorf("%s: assign %v, R has %v", c.Formula, m.Assign, c.Assign)
		}
		for j := range m.Names {
			var sum, weighted float64
			for i, v := range m.Column(j) {
				sum += v
				weighted += float64(i+1) * v
			}
			if !close(sum, c.Sums[j]) || !close(weighted, c.Weighted[j]) {
				t.Errorf("%s: column %s sums to %v and %v, R's to %v and %v", c.Formula, m.Names[j], sum, weighted, c.Sums[j], c.Weighted[j])
			}
		}
		for i, y := range c.Y {
			if !close(m.Y[i], y) {
				t.Errorf("%s: response %d is %v, R's %v", c.Formula, i, m.Y[i], y)
			}
		}
	}
}

func close(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Max(1, math.Abs(b)) }

// TestTermsAreTheColumns holds that the pushed-down terms are the built columns.
func TestTermsAreTheColumns(t *testing.T) {
	table, cases := readR(t)
	levels := map[string][]string{"a": {"u", "v", "w"}, "b": {"p", "q"}}
	pushed := 0
	for _, c := range cases {
		f, err := Parse(c.Formula)
		if err != nil {
			t.Fatal(err)
		}
		known := levels
		if strings.Contains(c.Formula, "factor(k)") {
			known = map[string][]string{"a": levels["a"], "b": levels["b"], "k": {"1", "2", "3"}}
		}
		terms, err := f.Terms(known, nil)
		if err != nil {
			if !errors.Is(err, analytics.ErrInvalidParameter) {
				t.Errorf("%s: %v", c.Formula, err)
			}
			continue
		}
		pushed++
		m, err := f.Build(table)
		if err != nil {
			t.Fatal(err)
		}
		names := m.Names
		if f.HasIntercept() {
			names = names[1:]
		}
		for k, term := range terms {
			if term.Name != names[k] {
				t.Errorf("%s: term %q where the column is %q", c.Formula, term.Name, names[k])
				continue
			}
			want := m.Column(m.Place(term.Name))
			for i := range want {
				if got := evaluateTerm(t, table, term, i); !close(got, want[i]) {
					t.Fatalf("%s: %s row %d is %v, want %v", c.Formula, term.Name, i, got, want[i])
				}
			}
		}
	}
	if pushed < 30 {
		t.Errorf("%d formulas could be pushed down, want 30 or more", pushed)
	}
}

// evaluateTerm is what the store computes of a term for one row.
func evaluateTerm(t *testing.T, table *Table, term moments.Term, row int) float64 {
	t.Helper()
	v := 1.0
	for _, f := range term.Factors {
		c, ok := table.Column(f.Column)
		if !ok {
			t.Fatalf("no column %q", f.Column)
		}
		if f.Level == nil {
			v *= math.Pow(c.Values[row], float64(max(f.Power, 1)))
			continue
		}
		c = AsFactor(c)
		if c.Levels[c.Codes[row]] != *f.Level {
			v = 0
		}
	}
	return v
}

func TestMissingRowsAndEmptyLevelsAreLeftOut(t *testing.T) {
	table, err := NewTable(
		Column{Name: "y", Values: []float64{1, 2, math.NaN(), 4, 5}},
		factor("arm", []string{"a", "b", "c", "", "b"}),
		Column{Name: "unused", Values: []float64{math.NaN(), 1, 1, 1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse("y ~ arm")
	if err != nil {
		t.Fatal(err)
	}
	m, err := f.Build(table)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(m.Rows, []int{0, 1, 4}) || !slices.Equal(m.Names, []string{"(Intercept)", "armb"}) {
		t.Errorf("rows %v, columns %v, want rows 0 1 4 and no level c", m.Rows, m.Names)
	}
	if c, _ := table.Column("arm"); len(c.Levels) != 3 || c.Codes[2] != 2 {
		t.Error("Build changed the table")
	}
}

func TestRefusals(t *testing.T) {
	table, _ := readR(t)
	for _, text := range []string{
		"", "y", "y ~", "~", "y ~ x +", "y ~ (x", "y ~ x)", "y ~ x z", "y ~ 2", "y ~ x ^ 0.5", "y ~ (1 | a)", "y ~ .", "y ~ f(x)", "y ~ I(x", "y ~ `x",
		"y ~ factor(x + 1)", "y ~ poly(x, 0)", "y ~ poly(x, 99)", "y ~ x $ z", "y ~ I()", "y ~ a ~ b", "y ~ 'x'", "y ~ I(x:z)",
		"y ~ " + strings.Repeat("(", 500) + "x" + strings.Repeat(")", 500),
	} {
		if _, err := Parse(text); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("Parse(%.40q): %v, want ErrInvalidParameter", text, err)
		}
	}
	for _, text := range []string{"y ~ nowhere", "nowhere ~ x", "y ~ I(a + 1)", "a ~ x", "y ~ log(I(x - 1))", "y ~ poly(a, 2)"} {
		f, err := Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if _, err := f.Build(table); !errors.Is(err, analytics.ErrInvalidParameter) {
			t.Errorf("%s: %v, want ErrInvalidParameter", text, err)
		}
	}
}

// FuzzParse holds that no text makes the parser panic.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"y ~ x", "y ~ a*b - 1", "I(y^2) ~ poly(x,2):a", "~ `odd name` + factor(k)", "y ~ (a+b)^2/x", "-~^(:"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		formula, err := Parse(text)
		if err == nil {
			formula.Labels()
			_, _ = formula.Terms(map[string][]string{"a": {"1", "2"}}, nil)
		}
	})
}

// TestPolynomialsAreOrthonormal holds what poly() promises.
func TestPolynomialsAreOrthonormal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfNDistinct(rapid.IntRange(-50, 50), 6, 30, rapid.ID[int]).Draw(t, "x")
		x := make([]float64, len(counts))
		for i, c := range counts {
			x[i] = float64(c)
		}
		p, err := orthogonal(frequencies(x, nil), 3)
		if err != nil {
			t.Fatal(err)
		}
		columns := p.columns(x)
		for j, a := range columns {
			var total float64
			for i := range a {
				total += a[i]
			}
			if math.Abs(total) > 1e-9 {
				t.Fatalf("column %d sums to %v", j, total)
			}
			for k, b := range columns[:j+1] {
				var dot, want float64
				for i := range a {
					dot += a[i] * b[i]
				}
				if j == k {
					want = 1
				}
				if math.Abs(dot-want) > 1e-9 {
					t.Fatalf("columns %d and %d: product %v", j, k, dot)
				}
			}
		}
	})
}
