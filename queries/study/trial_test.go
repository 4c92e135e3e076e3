//go:build shared

package study

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// golden is testdata/trial.golden.json, which testdata/r/trial.R writes.
type golden struct {
	Arms      map[string]map[string]float64
	Contrasts []struct {
		Control       int
		N             float64
		Crude, Ancova map[string]float64
	}
}

const trialProtocol = `
study: pain-reprocessing
data: {file: %q, wide: {id: id, time: time, values: [pain_avg, bpi_intensity, bpi_interference, odi, promis_dep, promis_anger, promis_anxiety, promis_sleep, panas_pa, panas_na, pcs, tsk11, sopa_emo, pgic, tx_satisfaction, alcohol, opioid, cannabis]}}
eligibility: is_patient = 1
treatment: {column: group, treated: 1, control: %d}
outcome: {column: pain_avg_2, baseline: pain_avg_1, direction: lower_better}
covariates: [pain_avg_1]
methods: [crude, ancova]
`

// TestBackPainTrialEqualsR runs the published trial and finds R's numbers.
func TestBackPainTrialEqualsR(t *testing.T) {
	shared := os.Getenv("LUMBAR_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	file, err := filepath.Abs(filepath.Join(shared, "data", "backpain", "ashar-2022-rct.csv"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/trial.golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var want golden
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for _, c := range want.Contrasts {
		p, err := Parse(fmt.Appendf(nil, trialProtocol, file, c.Control))
		if err != nil {
			t.Fatal(err)
		}
		a, err := RunFile(t.Context(), p, "test")
		if err != nil {
			t.Fatal(err)
		}
		for i, arm := range []string{"1", fmt.Sprint(c.Control)} {
			for column, v := range want.Arms[arm] {
				near(t, fmt.Sprintf("arm %s: %s", arm, column), a.Arms.Rows[i].Values[a.Arms.Index(column)], v)
			}
		}
		for i, expected := range []map[string]float64{c.Crude, c.Ancova} {
			for column, v := range expected {
				near(t, fmt.Sprintf("control %d, %s: %s", c.Control, p.Methods[i], column), a.Estimates.Rows[i].Values[a.Estimates.Index(column)], v)
			}
			near(t, "n", a.Estimates.Rows[i].Values[a.Estimates.Index("n")], c.N)
		}
	}
}

// near compares to 1e-9, the tolerance of a closed form against R's 17 digits.
func near(t *testing.T, what string, got any, want float64) {
	t.Helper()
	v, ok := got.(float64)
	if n, whole := got.(int64); whole {
		v, ok = float64(n), true
	}
	if !ok || math.Abs(v-want) > 1e-9*math.Abs(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
