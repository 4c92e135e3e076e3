//go:build shared

package main

import (
	"compress/gzip"
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// published is one row of NHS Digital's provider table or flag table.
type published map[string]string

// TestNHSDigitalsOwnProviderTable holds that the record files in give NHS
// Digital's published table out: domain 4.1, the file's own prediction, no
// refit. Rows that the published table withholds, and providers whose records
// were withheld, can not be compared; 2,562 rows can, and 1,520 of them have an
// adjusted gain.
func TestNHSDigitalsOwnProviderTable(t *testing.T) {
	answer := importPROMs(t).ask(t, "outcomes", "--programme", "nhs-proms", "--by", "provider,procedure,year", "--undisclosed")
	ours := map[[3]string]row{}
	for _, r := range answer.Rows {
		ours[[3]string{r.text("provider"), r.text("procedure"), r.text("instrument")}] = r
	}
	compared, adjusted := 0, 0
	for _, p := range readPublished(t, "published-provider-results-2016-17.csv.gz") {
		key, ok := p.key("Organisation Code")
		got, have := ours[key]
		if !ok || p["Organisation Type"] != "Provider" || !have || slices.Contains([]string{"*", "-", "0"}, p["Modelled Records"]) {
			continue
		}
		if got.number(t, "year") != 2016 {
			t.Fatalf("%v: year %v", key, got["year"])
		}
		compared++
		checkRow(t, key, p, got)
		if p["Adjusted Average Health Gain"] == "-" || p["Adjusted Average Health Gain"] == "*" {
			if got["adjusted_gain"] != nil || got["outlier"] != nil {
				t.Errorf("%v: %v modelled records have an adjusted gain", key, got["n_modelled"])
			}
			continue
		}
		adjusted++
		checkAdjusted(t, key, p, got)
	}
	if compared != 2562 || adjusted != 1520 {
		t.Errorf("compared %d rows, %d adjusted; want 2562 and 1520", compared, adjusted)
	}
	checkFlags(t, ours)
}

func checkRow(t *testing.T, key [3]string, p published, got row) {
	t.Helper()
	for column, name := range map[string]string{"n_modelled": "Modelled Records", "n_improved": "Improved", "n_unchanged": "Same", "n_worse": "Worse"} {
		if want := p.number(t, name); got.number(t, column) != want {
			t.Errorf("%v: %s = %v, published %v", key, column, got[column], want)
		}
	}
	for column, name := range map[string]string{"mean_baseline": "Average Pre-Op Q Score", "mean_follow_up": "Average Post-Op Q Score", "mean_gain": "Health Gain"} {
		if want := p.number(t, name); math.Abs(got.number(t, column)-want) > halfUnit(p[name]) {
			t.Errorf("%v: %s = %v, published %v", key, column, got[column], want)
		}
	}
}

func checkAdjusted(t *testing.T, key [3]string, p published, got row) {
	t.Helper()
	// The files lack providers with fewer than six records, so England's means
	// differ a little: these are the tolerances.
	tolerance := map[string]float64{"eq5d3l": 1e-4, "ohs": 1e-3, "oks": 1e-3, "eqvas": 4e-3}[key[2]]
	if want := p.number(t, "Adjusted Average Health Gain"); math.Abs(got.number(t, "adjusted_gain")-want) > tolerance {
		t.Errorf("%v: adjusted_gain = %v, published %v", key, got["adjusted_gain"], want)
	}
	if want := p.number(t, "Standard Deviation"); math.Abs(got.number(t, "residual_sd")-want) > halfUnit(p["Standard Deviation"]) {
		t.Errorf("%v: residual_sd = %v, published %v", key, got["residual_sd"], want)
	}
}

// checkFlags compares the outlier flags of every row with 30 or more modelled
// records.
func checkFlags(t *testing.T, ours map[[3]string]row) {
	t.Helper()
	words := map[string]string{
		"Not an outlier": "none", "Positive outlier (95%)": "alert_high", "Negative outlier (95%)": "alert_low",
		"Positive outlier (99.8%)": "alarm_high", "Negative outlier (99.8%)": "alarm_low",
	}
	flags := 0
	for _, p := range readPublished(t, "published-outlier-flags-2016-17.csv.gz") {
		key, ok := p.key("OrgCode")
		got, have := ours[key]
		if !ok || !have || got.number(t, "n_modelled") < 30 {
			continue
		}
		flags++
		if want := words[p["Outlier_2016"]]; got["outlier"] != want {
			t.Errorf("%v: outlier = %v, published %q", key, got["outlier"], p["Outlier_2016"])
		}
	}
	if flags != 1520 {
		t.Errorf("compared %d flags, want 1520", flags)
	}
}

// key is provider, procedure and instrument in our words; false for the pooled
// rows, which NHS Digital pools differently.
func (p published) key(organisation string) ([3]string, bool) {
	procedures := map[string]string{
		"Hip Replacement Primary": "hip_primary", "Hip Replacement Revision": "hip_revision",
		"Knee Replacement Primary": "knee_primary", "Knee Replacement Revision": "knee_revision",
	}
	instruments := map[string]string{"EQ-5D Index": "eq5d3l", "EQ VAS": "eqvas", "Oxford Hip Score": "ohs", "Oxford Knee Score": "oks"}
	procedure, ok := procedures[p["Procedure"]]
	return [3]string{p[organisation], procedure, instruments[p["Measure"]]}, ok
}

func (p published) number(t *testing.T, column string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(p[column], 64)
	if err != nil {
		t.Fatalf("published %s: %v", column, err)
	}
	return v
}

// halfUnit is half a unit of the last digit printed.
func halfUnit(printed string) float64 {
	_, decimals, _ := strings.Cut(printed, ".")
	return 0.5*math.Pow10(-len(decimals)) + 1e-9
}

func readPublished(t *testing.T, name string) []published {
	t.Helper()
	f, err := os.Open(filepath.Join(sharedFolder(t), "data", "nhs-proms", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(z).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	header := lines[0]
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	rows := make([]published, 0, len(lines)-1)
	for _, line := range lines[1:] {
		p := published{}
		for i, v := range line {
			p[header[i]] = v
		}
		rows = append(rows, p)
	}
	return rows
}
