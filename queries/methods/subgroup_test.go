package methods

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestSubgroupsHeldAsNumbersAreAFactor holds that a subgroup of numbers has an
// effect of its own for each value, as one of texts has.
func TestSubgroupsHeldAsNumbersAreAFactor(t *testing.T) {
	const rows = "tr,fifth,text,y\n0,1,a,1\n1,1,a,4\n0,1,a,2\n1,1,a,6\n0,2,b,5\n1,2,b,1\n0,2,b,7\n1,2,b,2\n0,4,c,3\n1,4,c,9\n0,4,c,4\n1,4,c,8\n"
	answer := map[string]string{}
	for _, sub := range []string{"fifth", "text"} {
		table, err := ParseTable(strings.NewReader(rows), nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := Run("subgroup_effects", Request{Table: table, Params: map[string]any{"formula_int": "y ~ tr * " + sub, "sub": sub, "trt": "tr"}})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		answer[sub] = string(raw)
	}
	if want := strings.Replace(answer["text"], `["a","b","c"]`, `["1","2","4"]`, 1); answer["fifth"] != want {
		t.Errorf("got %s, want %s", answer["fifth"], want)
	}
}

// TestInflationOfFactorsHasBothNames holds that a term's inflation is found
// under the name that models with factors have it by.
func TestInflationOfFactorsHasBothNames(t *testing.T) {
	a, err := Run("vif", Request{Table: peopleTable(t), Params: map[string]any{"formula": "y ~ y0 + yi + arm"}})
	if err != nil {
		t.Fatal(err)
	}
	vif, _ := a.Get("vif")
	gvif, ok := a.Get("gvif")
	if !ok || len(gvif.(Named).Values) != 3 || gvif.(Named).Values[2] != vif.(Named).Values[2] {
		t.Errorf("gvif %v, vif %v", gvif, vif)
	}
}

// TestMinusZeroIsZero holds that −0 names no level of its own.
func TestMinusZeroIsZero(t *testing.T) {
	table, err := ParseTable(strings.NewReader("g,y\n-0,1\n0,2\n1,3\n1,5\n0,4\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := Run("anova_oneway", Request{Table: table, Roles: map[string]string{"y": "y", "g": "g"}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(a)
	if err != nil || !strings.Contains(string(raw), `"means":{"0":`) {
		t.Errorf("%s %v", raw, err)
	}
}
