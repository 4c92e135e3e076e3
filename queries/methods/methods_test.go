package methods

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/analytics/design"
)

// people is a small table with a missing value in every kind of column.
const people = `id,arm,site,y,y0,treated,event,yi,vi
1,a,p,3,9,1,1,0.4,0.05
2,b,p,5,8,0,0,0.1,0.08
3,a,q,4,9,1,0,0.9,0.11
4,b,q,8,7,0,1,-0.2,0.07
5,a,r,6,12,1,1,0.6,0.2
6,b,r,9,11,0,0,0.3,0.09
7,,r,7,10,1,1,0.5,0.1
8,a,s,2,13,1,0,0.2,0.06
9,b,s,,9,0,1,0.8,0.12
10,b,s,10,10,0,0,0.7,0.3
11,a,p,1,8,0,1,0.35,0.08
`

func peopleTable(t *testing.T) *design.Table {
	t.Helper()
	table, err := ParseTable(strings.NewReader(people), nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestEveryAnswerFitsItsSchema runs each method and validates its answer, roles
// and params against the schemas that --list prints.
func TestEveryAnswerFitsItsSchema(t *testing.T) {
	for _, d := range List() {
		m, _ := Find(d.Method)
		req := exampleRequest(m, exampleTable(t))
		answer, err := Run(d.Method, req)
		if err != nil {
			t.Errorf("%s: %v", d.Method, err)
			continue
		}
		raw, err := json.Marshal(answer)
		if err != nil {
			t.Errorf("%s: %v", d.Method, err)
			continue
		}
		validate(t, d.Method+" answer", d.Answer, raw)
		for what, pair := range map[string][2]any{"roles": {d.Roles, req.Roles}, "params": {d.Params, req.Params}} {
			raw, err := json.Marshal(pair[1])
			if err != nil {
				t.Fatal(err)
			}
			validate(t, d.Method+" "+what, pair[0].(Schema), raw)
		}
	}
}

// validate checks a document against a schema, itself checked against the
// meta-schema.
func validate(t *testing.T, what string, s Schema, document []byte) {
	t.Helper()
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("schema.json")
	if err != nil {
		t.Errorf("%s: not a JSON Schema: %v", what, err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(value); err != nil {
		t.Errorf("%s: %v\n%s", what, err, document)
	}
}

// TestRowsLeftOutAreCounted holds that a row without a value in a role is left
// out and said so.
func TestRowsLeftOutAreCounted(t *testing.T) {
	a, err := Run("describe", Request{Table: peopleTable(t), Roles: map[string]string{"y": "y"}})
	if err != nil {
		t.Fatal(err)
	}
	n, _ := a.Get("n")
	left, ok := a.Get("rows_left_out")
	if n != 10.0 || !ok || left != 1 {
		t.Errorf("n %v, left out %v", n, left)
	}
	a, err = Run("ols", Request{Table: peopleTable(t), Params: map[string]any{"formula": "y ~ arm"}})
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := a.Get("rows_left_out"); left != 2 {
		t.Errorf("ols left out %v rows, want 2", left)
	}
}

func TestRefusals(t *testing.T) {
	roles := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	groups := map[string]any{"level1": "a", "level0": "b"}
	for _, c := range []struct {
		name, method string
		req          Request
		want         error
	}{
		{"unknown method", "divine", Request{}, ErrUnknownMethod},
		{"no table", "describe", Request{Roles: roles("y", "y")}, ErrRequest},
		{"no role", "describe", Request{Table: peopleTable(t)}, ErrRequest},
		{"no such column", "describe", Request{Table: peopleTable(t), Roles: roles("y", "nowhere")}, ErrRequest},
		{"text as numbers", "describe", Request{Table: peopleTable(t), Roles: roles("y", "arm")}, ErrRequest},
		{"no param", "t_test_welch", Request{Table: peopleTable(t), Roles: roles("y", "y", "g", "arm")}, ErrRequest},
		{"no such level", "t_test_welch", Request{Table: peopleTable(t), Roles: roles("y", "y", "g", "arm"), Params: map[string]any{"level1": "z", "level0": "a"}}, ErrRequest},
		{"a number for a formula", "ols", Request{Table: peopleTable(t), Params: map[string]any{"formula": 3.0}}, ErrRequest},
		{"no table for a formula", "ols", Request{Params: map[string]any{"formula": "y ~ 1"}}, ErrRequest},
		{"side", "t_test_welch", Request{Table: peopleTable(t), Roles: roles("y", "y", "g", "arm"), Params: map[string]any{"level1": "a", "level0": "b", "alternative": "up"}}, ErrRequest},
		{"level of confidence", "t_test_welch", Request{Table: peopleTable(t), Roles: roles("y", "y", "g", "arm"), Params: map[string]any{"level1": "a", "level0": "b", "conf": 7.0}}, analytics.ErrInvalidParameter},
		{"one person", "t_test_welch", Request{Table: mustFilter(t, `[["id","in",1,2,4]]`), Roles: roles("y", "y", "g", "arm"), Params: groups}, analytics.ErrTooFewObservations},
		{"constant outcome", "ols_heteroskedasticity_robust", Request{Table: peopleTable(t), Params: map[string]any{"formula": "I(0*y + 0.1) ~ y0 + arm"}}, analytics.ErrZeroVariance},
		{"an outcome the columns determine", "subgroup_interaction", Request{Table: peopleTable(t), Params: map[string]any{"formula": "I(y0/3) ~ y0 + arm", "formula_int": "I(y0/3) ~ y0*arm"}}, analytics.ErrZeroVariance},
		{"no effect to have an error", "ipw_ate", Request{Table: peopleTable(t), Roles: roles("y", "treated", "tr", "treated"), Params: map[string]any{"formula_ps": "~ y0"}}, analytics.ErrZeroVariance},
		{"collinear", "ols", Request{Table: peopleTable(t), Params: map[string]any{"formula": "y ~ y0 + I(y0*2)"}}, analytics.ErrCollinear},
		{"no response", "gram_matrix", Request{Table: peopleTable(t), Params: map[string]any{"formula": "~ y0"}}, ErrRequest},
		{"one cluster", "ols_cluster_robust", Request{Table: mustFilter(t, `[["site","eq","p"]]`), Roles: roles("cl", "site"), Params: map[string]any{"formula": "y ~ 1"}}, analytics.ErrTooFewObservations},
		{"one provider", "case_mix_adjusted_health_gain", Request{Table: mustFilter(t, `[["site","eq","p"]]`), Roles: roles("pr", "site"), Params: map[string]any{"formula_cm": "y ~ 1"}}, analytics.ErrTooFewObservations},
		{"treatment of 2", "ancova", Request{Table: peopleTable(t), Roles: roles("y", "y", "tr", "y0"), Params: map[string]any{"formula_y": "~ treated"}}, ErrRequest},
		{"event of 5", "funnel_binomial_exact", Request{Table: peopleTable(t), Roles: roles("y", "y", "pr", "site")}, ErrRequest},
		{"values near overflow", "describe_mean_sd", Request{Table: extreme(t), Roles: roles("y", "y")}, analytics.ErrInvalidParameter},
		{"variance of 0", "meta_DL", Request{Table: peopleTable(t), Roles: roles("yi", "yi", "vi", "event")}, analytics.ErrInvalidParameter},
	} {
		if _, err := Run(c.method, c.req); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

// extreme is a table whose squares overflow.
func extreme(t *testing.T) *design.Table {
	t.Helper()
	table, err := ParseTable(strings.NewReader("y\n1e308\n-1e308\n1.5e308\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func mustFilter(t *testing.T, raw string) *design.Table {
	t.Helper()
	f, err := ParseFilter(raw)
	if err != nil {
		t.Fatal(err)
	}
	table, err := f.Apply(peopleTable(t))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestFilters(t *testing.T) {
	for raw, want := range map[string]int{
		``: 11, `[]`: 11, `[["y","notnull"]]`: 10, `[["arm","in","a"]]`: 5, `[["arm","in","a","b"]]`: 10, `[["arm","in",["a","b"]]]`: 10, `[["arm","ne","a"]]`: 5,
		`[["id","eq","1"]]`: 1, `[["id","eq",1.0]]`: 1, `[["y","le",4]]`: 4, `[["y","lt","4"]]`: 3, `[["y","ge",9]]`: 2, `[["y","gt",9]]`: 1,
		`[["arm","eq","a"],["y","gt",2]]`: 3, `[["arm","in","z"]]`: 0,
	} {
		if got := mustFilter(t, raw).Rows(); got != want {
			t.Errorf("%s keeps %d rows, want %d", raw, got, want)
		}
	}
	for _, raw := range []string{`[["y"]]`, `[["nowhere","notnull"]]`, `[["y","above",1]]`, `[["arm","lt",1]]`, `[["y","lt","x"]]`, `[["y","lt"]]`, `[["y","eq",1,2]]`} {
		f, err := ParseFilter(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Apply(peopleTable(t)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", raw, err)
		}
	}
	if _, err := ParseFilter("{"); !errors.Is(err, ErrRequest) {
		t.Errorf("not JSON: %v", err)
	}
}

func TestTables(t *testing.T) {
	table, err := ParseTable(strings.NewReader("\ufeffa,b,c\n1,x,\n,y,2\n"), Levels{"b": {"y", "x"}})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := table.Column("a")
	b, _ := table.Column("b")
	if a.IsFactor() || !math.IsNaN(a.Values[1]) || b.Codes[0] != 1 || b.Levels[0] != "y" {
		t.Errorf("%+v %+v", a, b)
	}
	for name, c := range map[string]struct {
		text   string
		levels Levels
	}{
		"empty":          {"", nil},
		"ragged":         {"a,b\n1\n", nil},
		"quotes":         {"a\n\"1\n", nil},
		"twice":          {"a,a\n1,2\n", nil},
		"unknown level":  {"a\nx\n", Levels{"a": {"y"}}},
		"level twice":    {"a\nx\n", Levels{"a": {"x", "x"}}},
		"levels nowhere": {"a\n1\n", Levels{"b": {"x"}}},
	} {
		if _, err := ParseTable(strings.NewReader(c.text), c.levels); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v, want ErrRequest", name, err)
		}
	}
}

func TestRequestBodies(t *testing.T) {
	req, err := ParseRequest(strings.NewReader(`{"columns":{"y":[1,2,null,4],"g":["a","b","a",null],"n":["1","2","3","4"],"f":[true,false,true,true]},
		"levels":{"g":["b","a"],"n":[2,1,3,4]},"filter":[["y","notnull"]],"roles":{"y":"y"},"params":{"conf":0.9}}`))
	if err != nil {
		t.Fatal(err)
	}
	g, _ := req.Table.Column("g")
	n, _ := req.Table.Column("n")
	f, _ := req.Table.Column("f")
	if req.Table.Rows() != 3 || g.Levels[0] != "b" || g.Codes[2] != -1 || n.Levels[0] != "2" || !f.IsFactor() || req.Roles["y"] != "y" || req.Params["conf"] != 0.9 {
		t.Errorf("%+v %+v %+v", req, g, n)
	}
	big := `{"columns":{"y":[` + strings.Repeat("1,", MaxCells) + `1]}}`
	for name, body := range map[string]string{
		"not JSON": "y", "unknown field": `{"tables":{}}`, "two documents": `{} {}`, "nested": `{"columns":{"y":[[1]]}}`, "lengths": `{"columns":{"y":[1],"x":[1,2]}}`,
		"too large": big, "unknown column": `{"columns":{"y":[1]},"filter":[["x","notnull"]]}`, "levels nowhere": `{"columns":{"y":[1]},"levels":{"x":["a"]}}`,
	} {
		if _, err := ParseRequest(strings.NewReader(body)); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %.200v, want ErrRequest", name, err)
		}
	}
}

func TestAnswersKeepOrderAndDigits(t *testing.T) {
	a := Answer{{"z", 0.1}, {"a", math.Inf(-1)}, {"n", Named{[]string{"b", "a"}, []float64{1, 1e-300}}}, {"l", []float64{math.Inf(1), 3}}, {"none", nil}, {"m", Matrix{Values: [][]float64{{1}}}}}
	raw, err := json.Marshal(a)
	want := `{"z":0.1,"a":"-Infinity","n":{"b":1,"a":1e-300},"l":["Infinity",3],"none":null,"m":{"rows":null,"cols":null,"values":[[1]]}}`
	if err != nil || string(raw) != want {
		t.Errorf("%s, %v, want %s", raw, err, want)
	}
}
