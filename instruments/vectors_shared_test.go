//go:build shared

package instruments

import (
	"encoding/json"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// vectorRunners are the groups of the specification's vectors that are this
// package's, each with what runs it.
var vectorRunners = map[string]func(t *testing.T, group string){
	"odi":        resultVectors("odi"),
	"rmdq":       resultVectors("rmdq24"),
	"startback":  resultVectors("startback9"),
	"startmsk":   resultVectors("startmsk10"),
	"mskhq":      resultVectors("mskhq"),
	"phq9":       resultVectors("phq9"),
	"gad7":       resultVectors("gad7"),
	"phq2_gad2":  resultVectors("phq2", "gad2"),
	"tsk11":      resultVectors("tsk11"),
	"pseq":       resultVectors("pseq"),
	"wpai":       resultVectors("wpai_shp"),
	"promis29":   tScoreVectors,
	"fft_v2":     friendsVectors,
	"change_nrs": changeVectors("nrs_back", "nrs_leg"),
	"change_odi": changeVectors("odi"),

	"change_mskhq":                  changeVectors("mskhq"),
	"ces_product_rule":              caudaVectors,
	"eq5d3l_uk_mvh_a1":              indexVectors("eq5d3l", "uk3l_mvh_a1"),
	"eq5d5l_uk_rowen2026":           indexVectors("eq5d5l", "uk5l_rowen2026"),
	"eq5d5l_eng_devlin2018":         indexVectors("eq5d5l", "eng5l_devlin2018"),
	"eq5d5l_vanhout2012_uk3l":       indexVectors("eq5d5l", "xw_vanhout2012_uk3l"),
	"eq5d_dsu_old_release_5l_to_3l": mappedVectors,
}

// readElsewhere are the groups of other packages, and the folder whose tests
// read them: they are not about a questionnaire.
var readElsewhere = map[string]string{
	"hes_count":       "queries/disclosure", // rounding of released counts
	"funnel_pr":       "queries/methods",    // provider profiling
	"funnel_mean":     "queries/methods",
	"casemix_ols":     "queries/methods",
	"spc_xmr":         "queries/methods",  // control charts
	"wilson95":        "queries/methods",  // intervals of proportions
	"nhs_number":      "ingest/reference", // identity of patients
	"imd_decile_2025": "ingest/reference", // reference data of places
}

// ownVectors is how many vectors the groups of this package hold together.
const ownVectors = 167

// Every group of the vectors is run here, or its reader is found.
func TestVectors(t *testing.T) {
	readers := vectorReaders(t)
	run := 0
	for group, cases := range vectorGroups(t) {
		runner, own := vectorRunners[group]
		folder, elsewhere := readElsewhere[group]
		switch {
		case own:
			run += len(cases)
			t.Run(group, func(t *testing.T) { runner(t, group) })
		case elsewhere:
			if !slices.Contains(readers[group], folder) {
				t.Errorf("group %s: no test in %s reads it, but %v", group, folder, readers[group])
			}
		default:
			t.Errorf("no runner reads group %s", group)
		}
	}
	if run != ownVectors {
		t.Errorf("%d vectors in the groups of this package, want %d", run, ownVectors)
	}
	for group := range vectorRunners {
		if _, ok := vectorGroups(t)[group]; !ok {
			t.Errorf("there is no group %s", group)
		}
	}
}

// vectorReaders finds the folders of other packages with a test that opens the
// vectors and names a group, by group.
func vectorReaders(t *testing.T) map[string][]string {
	t.Helper()
	readers := map[string][]string{}
	const root = ".."
	groups := vectorGroups(t)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "instruments"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "instrument-vectors.json") {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		for group := range groups {
			if strings.Contains(string(text), `"`+group+`"`) {
				readers[group] = append(readers[group], filepath.ToSlash(folder))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return readers
}

// printedAlike compares to the decimals that the vectors print.
func printedAlike(got, want *float64, decimals int) bool {
	if got == nil || want == nil {
		return got == nil && want == nil
	}
	scale := math.Pow10(decimals)
	return math.Round(*got*scale) == math.Round(*want*scale)
}

// decimals is how many of them a vector prints of a number, at least 4: one that
// prints fewer is exact.
func decimals(n json.Number) int {
	_, fraction, _ := strings.Cut(n.String(), ".")
	return max(4, len(fraction))
}

// resultVectors runs a group of answers under instruments that are scored
// alike: every key that a vector expects is in the result, and equal.
func resultVectors(ids ...ID) func(*testing.T, string) {
	return func(t *testing.T, group string) {
		for _, id := range ids {
			d := mustLookup(t, id)
			for _, c := range vectors[json.RawMessage, map[string]any](t, group) {
				a, err := d.ParseAdministration(c.Input)
				if err != nil {
					t.Fatal(err)
				}
				got := resultKeys(t, d.Result(a))
				for key, want := range c.Expect {
					if have, ok := got[key]; !ok || !sameValue(have, want) {
						t.Errorf("%s %s: %s = %v, want %v", id, c.Input, key, have, want)
					}
				}
			}
		}
	}
}

// resultKeys is a result as a consumer reads it.
func resultKeys(t *testing.T, r Result) map[string]any {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]any{}
	if err := decodeNumbers(text, &keys); err != nil {
		t.Fatal(err)
	}
	return keys
}

func sameValue(got, want any) bool {
	w, isNumber := want.(json.Number)
	if !isNumber {
		return got == want
	}
	g, isNumber := got.(json.Number)
	if !isNumber {
		return false
	}
	x, _ := g.Float64()
	y, _ := w.Float64()
	return printedAlike(&x, &y, decimals(w))
}
