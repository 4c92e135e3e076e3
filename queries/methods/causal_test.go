package methods

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// armsTable is people of two arms and four treatments with a factor, gaps in
// every kind of column, and three imputations of the outcome one under the other.
func armsTable(t *testing.T) *design.Table {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 3))
	var b strings.Builder
	b.WriteString("y,b,tr,x,site,kind,.imp,gone\n")
	for i := range 360 {
		x := 10 + 3*r.NormFloat64()
		tr, event := 0, 0
		if r.Float64() < 1/(1+math.Exp(-(x-10)/4)) {
			tr = 1
		}
		y := 2*x - 4*float64(tr) + 5*r.NormFloat64()
		if y > 18 {
			event = 1
		}
		out, site := fmt.Sprintf("%.2f", y), string(rune('p'+r.IntN(3)))
		if i%17 == 4 {
			out = ""
		}
		if i == 30 {
			site = ""
		}
		fmt.Fprintf(&b, "%s,%d,%d,%.3f,%s,%s,%d,%d\n", out, event, tr, x, site, []string{"usual", "rest", "walk"}[r.IntN(3)], 1+i/120, i%2)
	}
	table, err := ParseTable(strings.NewReader(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// causalParams fill whatever a method of these families asks for.
var causalParams = map[string]any{
	"formula_ps": "tr ~ x + site", "formula_y": "~ x + site", "formula_r": "~ x + tr", "xnum": []any{"x", "site"}, "ref": "usual",
	"statistic": "median_plus_mean", "cols": []any{"y", "site"}, "formula": "y ~ tr + x + site", "term": "site", "mean_y": "y",
	"yn": "y", "trn": "tr", "missn": "gone", "deltas": []any{0.0, 5.0}, "formula_adj": "~ x",
}

func causalRequest(m Method, table *design.Table) Request {
	req := Request{Table: table, Roles: map[string]string{"y": "y", "tr": "tr", "a": "kind", "nc": "y"}, Params: map[string]any{}}
	for name, v := range causalParams {
		req.Params[name] = v
	}
	switch m.Name {
	case "ate_binary_gform_iptw_aiptw", "aipw_ate_single_outcome_model", "tmle_ate_binary":
		req.Roles["y"] = "b"
	}
	return req
}

// causalFamilies are those whose methods a table of two arms can fill.
var causalFamilies = []string{"causal", "bootstrap", "missing data"}

// TestCausalAnswersFitTheirSchemas runs every method of these families on a
// table with gaps, twice: the answers fit and are the same.
func TestCausalAnswersFitTheirSchemas(t *testing.T) {
	seen := 0
	for _, d := range List() {
		if !slices.Contains(causalFamilies, d.Family) {
			continue
		}
		seen++
		m, _ := Find(d.Method)
		table := armsTable(t)
		if d.Method == "mi_pool_scalar" {
			table = complete(t, table)
		}
		req := causalRequest(m, table)
		var raw [2][]byte
		for k := range raw {
			answer, err := Run(d.Method, req)
			if err != nil {
				t.Fatalf("%s: %v", d.Method, err)
			}
			if raw[k], err = json.Marshal(answer); err != nil {
				t.Fatalf("%s: %v", d.Method, err)
			}
		}
		validate(t, d.Method+" answer", d.Answer, raw[0])
		if string(raw[0]) != string(raw[1]) {
			t.Errorf("%s answers differently the second time", d.Method)
		}
	}
	if seen < 30 {
		t.Errorf("%d methods", seen)
	}
}

// complete keeps the rows without a gap.
func complete(t *testing.T, table *design.Table) *design.Table {
	t.Helper()
	f, err := ParseFilter(`[["y","notnull"],["site","notnull"]]`)
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.Apply(table)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestRowsWithGapsAreLeftOutOnce holds that a row missing the outcome or a
// covariate is left out of every model and counted, and that the estimate is that
// of the table without it.
func TestRowsWithGapsAreLeftOutOnce(t *testing.T) {
	table := armsTable(t)
	whole := complete(t, table)
	for _, name := range []string{"ipw_ate", "aipw_ate", "entropy_balancing_att", "matching_with_replacement_abadie_imbens"} {
		m, _ := Find(name)
		gappy, err := Run(name, causalRequest(m, table))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		clean, err := Run(name, causalRequest(m, whole))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		a, _ := gappy.Get("estimate")
		b, _ := clean.Get("estimate")
		if left, _ := gappy.Get("rows_left_out"); a != b || left != table.Rows()-whole.Rows() {
			t.Errorf("%s: %v with gaps, %v without; %v rows left out, want %d", name, a, b, left, table.Rows()-whole.Rows())
		}
	}
}

// TestMatchedRowsAreTheRequests holds that rows are numbered as in the table of
// the request, whatever was left out.
func TestMatchedRowsAreTheRequests(t *testing.T) {
	table := armsTable(t)
	m, _ := Find("nearest_neighbour_matching")
	a, err := Run(m.Name, causalRequest(m, table))
	if err != nil {
		t.Fatal(err)
	}
	tr, _ := table.Column("tr")
	y, _ := table.Column("y")
	for key, want := range map[string]float64{"treated_row": 1, "control_row": 0} {
		rows, _ := a.Get(key)
		for _, r := range rows.([]float64) {
			if i := int(r) - 1; tr.Values[i] != want || y.Missing(i) {
				t.Fatalf("%s has row %v", key, r)
			}
		}
	}
}

func TestCausalRefusals(t *testing.T) {
	run := func(method string, change func(req *Request)) error {
		m, _ := Find(method)
		req := causalRequest(m, armsTable(t))
		change(&req)
		_, err := Run(method, req)
		return err
	}
	for name, c := range map[string]struct {
		got, want error
	}{
		"treatment of many":     {run("ipw_ate", func(r *Request) { r.Roles["tr"] = "x" }), ErrRequest},
		"treatment in words":    {run("aipw_ate", func(r *Request) { r.Roles["tr"] = "kind" }), ErrRequest},
		"no such covariate":     {run("ipw_ate", func(r *Request) { r.Params["formula_ps"] = "~ nowhere" }), ErrRequest},
		"no formula":            {run("ipw_ate", func(r *Request) { r.Params["formula_ps"] = "x + site" }), analytics.ErrInvalidParameter},
		"covariate twice":       {run("ipw_ate", func(r *Request) { r.Params["formula_ps"] = "~ x + I(2*x)" }), analytics.ErrCollinear},
		"separated":             {run("ipw_ate", func(r *Request) { r.Params["formula_ps"] = "~ x + tr" }), analytics.ErrNotConverged},
		"another target":        {run("ipw_ate", func(r *Request) { r.Params["type"] = "att" }), ErrRequest},
		"balance of nothing":    {run("covariate_balance", func(r *Request) { r.Params["xnum"] = []any{"nowhere"} }), ErrRequest},
		"family":                {run("aipw_ate", func(r *Request) { r.Params["fam"] = "cauchy" }), ErrRequest},
		"not binary":            {run("tmle_ate_binary", func(r *Request) { r.Roles["y"] = "y" }), ErrRequest},
		"no such reference":     {run("multi_arm_ipw_aipw", func(r *Request) { r.Params["ref"] = "run" }), ErrRequest},
		"no pair":               {run("nearest_neighbour_matching", func(r *Request) { r.Params["caliper_sd"] = 0.0 }), analytics.ErrTooFewObservations},
		"caliper below zero":    {run("nearest_neighbour_matching", func(r *Request) { r.Params["caliper_sd"] = -1.0 }), analytics.ErrInvalidParameter},
		"nobody is missing":     {run("inverse_probability_of_response", func(r *Request) { r.Roles["y"] = "x" }), analytics.ErrTooFewObservations},
		"one group":             {run("bootstrap_ci", func(r *Request) { r.Params["statistic"] = "difference_in_means" }), ErrRequest},
		"half a replicate":      {run("bootstrap_ci", func(r *Request) { r.Params["R"] = 10.5 }), ErrRequest},
		"seed below zero":       {run("bootstrap_ci", func(r *Request) { r.Params["seed"] = -1.0 }), ErrRequest},
		"no imputation":         {run("mi_pool_regression", func(r *Request) { r.Params["imputation"] = "nowhere" }), ErrRequest},
		"one imputation":        {run("mi_pool_regression", func(r *Request) { r.Table = filtered(t, r.Table, `[[".imp","eq",1]]`) }), ErrRequest},
		"no such term":          {run("mi_multiparameter_wald_D1", func(r *Request) { r.Params["term"] = "x:tr" }), ErrRequest},
		"no such column":        {run("missing_pattern", func(r *Request) { r.Params["cols"] = []any{"nowhere"} }), ErrRequest},
		"column twice":          {run("missing_pattern", func(r *Request) { r.Params["cols"] = []any{"y", "y"} }), ErrRequest},
		"no table":              {run("missing_pattern", func(r *Request) { r.Table = nil }), ErrRequest},
		"shift of a text":       {run("delta_adjusted_mi", func(r *Request) { r.Params["yn"] = "kind" }), ErrRequest},
		"coefficient elsewhere": {run("delta_adjusted_mi", func(r *Request) { r.Params["formula"] = "y ~ x" }), ErrRequest},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func filtered(t *testing.T, table *design.Table, raw string) *design.Table {
	t.Helper()
	f, err := ParseFilter(raw)
	if err != nil {
		t.Fatal(err)
	}
	out, err := f.Apply(table)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestCausalMethodsSurviveOddTables runs every method of these families on small
// tables of constants, copies, huge and tiny numbers and empty arms: each answers
// with finite numbers or says why not.
func TestCausalMethodsSurviveOddTables(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	odd := []float64{0, 1, 1, 2, -1, 1e300, 1e-300, 1e9, math.NaN()}
	for range 150 {
		n := 1 + r.IntN(12)
		column := func(name string, from []float64) design.Column {
			c := design.Column{Name: name, Values: make([]float64, n)}
			for i := range c.Values {
				c.Values[i] = from[r.IntN(len(from))]
			}
			return c
		}
		factor := func(name string, levels ...string) design.Column {
			c := design.Column{Name: name, Codes: make([]int, n), Levels: levels}
			for i := range c.Codes {
				c.Codes[i] = r.IntN(len(levels)+1) - 1
			}
			return c
		}
		values := odd[:2+r.IntN(len(odd)-1)]
		table, err := design.NewTable(column("y", values), column("b", odd[:2]), column("tr", odd[:2]), column("x", values), factor("site", "p", "q"), factor("kind", "usual", "rest", "walk"), column(".imp", odd[1:4]), column("gone", odd[:2]))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range All() {
			if !slices.Contains(causalFamilies, m.Family) {
				continue
			}
			req := causalRequest(m, table)
			req.Params["R"] = 20.0
			answer, err := Run(m.Name, req)
			if err != nil {
				if !errors.Is(err, ErrRequest) && !errors.Is(err, analytics.ErrInvalidParameter) && !errors.Is(err, analytics.ErrTooFewObservations) &&
					!errors.Is(err, analytics.ErrZeroVariance) && !errors.Is(err, analytics.ErrNotConverged) && !errors.Is(err, analytics.ErrCollinear) {
					t.Errorf("%s: %v wraps no known error", m.Name, err)
				}
				continue
			}
			if _, err := json.Marshal(answer); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
	}
}
