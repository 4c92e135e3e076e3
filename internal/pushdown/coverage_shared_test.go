//go:build shared

package pushdown

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// people are the golden methods that read people, whose columns the store
// streams: TestPeopleEqualRows holds that these are the file's.
var people = []string{
	// Which of several people is taken, or drawn, is part of the method.
	"nearest_neighbour_matching", "matching_with_replacement_abadie_imbens", "bootstrap_ci",
	// Samples without ties: a histogram is its people.
	"quantile_regression", "mann_whitney_exact_r_if_no_ties",
	// Residuals of people, or designs that only rows have.
	"heteroskedasticity_tests",
	"gee_gaussian", "gee_gaussian_liang_zeger", "gee_binomial", "gee_binomial_liang_zeger",
	"glmm_logistic_random_intercept", "ipw_cox_and_km",
	// A row a month.
	"its_segmented_newey_west", "its_gls_ar1", "mann_kendall_sen", "spc_xmr", "spc_xmr_unscreened", "spc_xmr_exact_constants", "spc_ewma_cusum", "spc_p_chart",
	// A row a study.
	"meta_FE", "meta_DL", "meta_REML", "meta_ML", "meta_PM", "meta_HE", "meta_SJ", "meta_HS", "meta_EB", "meta_DL_q_based", "meta_DL_hartung_knapp",
	"meta_REML_hartung_knapp", "meta_PM_hartung_knapp", "meta_tau2_confint", "meta_diagnostics", "meta_regression", "bayes_random_effects_meta", "meta_binary_measures",
}

// without are the golden methods that have no data, or a few numbers that other
// methods made.
var without = []string{
	"p_adjust", "group_sequential_boundaries", "confidence_sequence_normal_mixture", "msprt_always_valid_p", "power_t_two_sample", "power_two_proportions",
	"power_logrank_schoenfeld", "design_effect", "power_noninferiority_mean", "e_value_continuous", "bayes_normal_known_variance",
}

// TestEveryMethodIsCovered holds that each golden method is pushed down here, or
// is said to need its people.
func TestEveryMethodIsCovered(t *testing.T) {
	f, err := os.Open(filepath.Join(golden(t), "INDEX.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records := must(csv.NewReader(f).ReadAll())(t)
	covered := map[string][]string{}
	note := func(how string, methods ...string) {
		for _, m := range methods {
			covered[m] = append(covered[m], how)
		}
	}
	note("people", people...)
	note("no data", without...)
	for _, c := range checks() {
		for _, m := range c.methods {
			if !slices.Contains(covered[m], string(c.class)) {
				note(string(c.class), m)
			}
		}
	}
	place := slices.Index(records[0], "method")
	known := map[string]bool{}
	for _, r := range records[1:] {
		known[r[place]] = true
	}
	for m := range known {
		if len(covered[m]) == 0 {
			t.Errorf("%s: neither pushed down nor listed", m)
		}
	}
	for m, how := range covered {
		if !known[m] {
			t.Errorf("%s is no golden method", m)
		}
		if len(how) > 1 {
			t.Errorf("%s is listed as %s", m, strings.Join(how, " and "))
		}
	}
}

// TestPeopleEqualRows streams every golden file out of the engine: column by
// column what the file says, to the bit, so that any method gives the same.
func TestPeopleEqualRows(t *testing.T) {
	for name, d := range datasets(t) {
		var columns []string
		for _, v := range d.columns {
			if v.Name != rowNumber && !slices.Contains(v.texts, "") {
				columns = append(columns, v.Name)
			}
		}
		p := d.people(t, nil, columns)
		if p.rows.Rows() != d.n {
			t.Errorf("%s has %d rows, want %d", name, p.rows.Rows(), d.n)
		}
		same(t, p.rows.Columns(), p.store.Columns(), 0)
		for _, v := range d.columns {
			if slices.Contains(columns, v.Name) || v.Name == rowNumber {
				continue
			}
			some := d.people(t, nil, []string{v.Name})
			same(t, some.rows.Columns(), some.store.Columns(), 0)
			if n := some.rows.Rows(); n == 0 || n == d.n {
				t.Errorf("%s.%s has %d values of %d", name, v.Name, n, d.n)
			}
		}
	}
}
