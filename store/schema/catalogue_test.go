package schema_test

import (
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/schema"
)

func TestCatalogueOfBuiltIns(t *testing.T) {
	c, err := schema.NewCatalogue(programme.All())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		kind  schema.Kind
		unit  int64
		bound int64
	}{
		{"odi_12m", schema.Integer, 18, 1800},
		{"eq5d5l_uk5l_rowen2026_12m", schema.Integer, 1000, 1000},
		{"odi_12m_at", schema.Date, 0, 0},
		{"age", schema.Integer, 1, 255},
		{"bmi", schema.Integer, 1, 80},
		{"symptom_duration", schema.Text, 0, 0},
		{"ohs_6m_predicted", schema.Float, 0, 0},
		{"odi_12m_improvement", schema.Integer, 18, 3600},
		{"odi_12m_pct", schema.Float, 0, 0},
		{"odi_12m_recovered", schema.Integer, 1, 1},
		{"odi_12m_recovered_reason", schema.Text, 0, 0},
		{"wpai_shp_overall_12m_improvement", schema.Float, 0, 0},
		{"startback9_risk_baseline", schema.Nominal, 1, 3},
	}
	for _, test := range tests {
		got, ok := c.Column(test.name)
		if !ok || got.Kind != test.kind || got.Unit != test.unit || got.Bound != test.bound {
			t.Errorf("column %s = %+v, %v, want kind %d, unit %d, bound %d", test.name, got, ok, test.kind, test.unit, test.bound)
		}
	}
	for _, absent := range []string{"odi_12m_predicted", "ohs_baseline_predicted", "ohs_12m", "patient_id", "live",
		"odi_baseline_responder", "odi_12m_at_pct", "odi_12m_pct_pct", "startback9_risk_12m_improvement"} {
		if _, ok := c.Column(absent); ok {
			t.Errorf("there is a column %s", absent)
		}
	}
}

// TestNamesAreColumns looks every name up, and counts the virtual ones.
func TestNamesAreColumns(t *testing.T) {
	c, err := schema.NewCatalogue(programme.All())
	if err != nil {
		t.Fatal(err)
	}
	virtual := 0
	for _, name := range c.Names() {
		col, ok := c.Column(name)
		if !ok || col.Name != name {
			t.Errorf("column %s = %+v, %v", name, col, ok)
		}
		if col.Change != nil {
			virtual++
		}
	}
	if virtual == 0 || virtual != len(c.Names())-len(c.Columns()) || virtual%(2*len(schema.ChangeParts())) != 0 {
		t.Errorf("%d virtual columns beside %d", virtual, len(c.Columns()))
	}
}

func TestCatalogueRefuses(t *testing.T) {
	with := func(id string, covariates ...programme.Covariate) *programme.Programme {
		return &programme.Programme{ID: id, Instruments: []instruments.ID{"odi"}, Timepoints: []programme.Timepoint{{Key: "baseline"}}, Covariates: covariates}
	}
	tests := []struct {
		programmes []*programme.Programme
		want       string
	}{
		{[]*programme.Programme{with("a", programme.Covariate{Name: "status", Kind: programme.Category})}, "is taken"},
		{[]*programme.Programme{with("a", programme.Covariate{Name: "sex", Kind: programme.Category})}, "is taken"},
		{[]*programme.Programme{with("a", programme.Covariate{Name: "live", Kind: programme.Integer})}, "is taken"},
		{[]*programme.Programme{with("a", programme.Covariate{Name: "source_id", Kind: programme.Category})}, "is taken"},
		{[]*programme.Programme{with("a", programme.Covariate{Name: "odi_baseline", Kind: programme.Integer})}, "another kind"},
		{[]*programme.Programme{{ID: "a", Instruments: []instruments.ID{"odi"}, Timepoints: []programme.Timepoint{{Key: "baseline"}, {Key: "12m"}},
			Covariates: []programme.Covariate{{Name: "odi_12m_pct", Kind: programme.Integer}}}}, "is taken"},
		{[]*programme.Programme{with("a", programme.Covariate{Name: "x`y", Kind: programme.Integer})}, "a name is letters"},
		{[]*programme.Programme{with("it's")}, "a name is letters"},
		{[]*programme.Programme{with("a", programme.Covariate{Name: "bmi", Kind: programme.Integer}), with("b", programme.Covariate{Name: "bmi", Kind: programme.Category})}, "another kind"},
	}
	for _, test := range tests {
		if _, err := schema.NewCatalogue(test.programmes); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("catalogue = %v, want an error with %q", err, test.want)
		}
	}
}

func TestSharedCovariateHasTheWiderBound(t *testing.T) {
	p := func(id string, low, high int32) *programme.Programme {
		return &programme.Programme{ID: id, Covariates: []programme.Covariate{{Name: "cost", Kind: programme.Integer, Min: low, Max: high}}}
	}
	c, err := schema.NewCatalogue([]*programme.Programme{p("a", 0, 10), p("b", -500, 3)})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := c.Column("cost"); got.Bound != 500 || len(c.Covariates()) != 1 {
		t.Errorf("cost = %+v in %d covariates, want bound 500 in one", got, len(c.Covariates()))
	}
}
