//go:build shared

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// scoreVector is one case of the specification's vectors, numbers as written.
type scoreVector struct{ Input, Expect any }

// scored is a line that `lumbar score` is given and what its result must have:
// keys, dotted where they are in an object.
type scored struct {
	line string
	want map[string]any
}

// vectorLine writes a vector as a line of `lumbar score`.
type vectorLine func(t *testing.T, v scoreVector) scored

// scoreVectorGroups are the groups that `lumbar score` can take, by instrument,
// all but fft_v2, whose cases are counts of answers.
var scoreVectorGroups = []struct {
	group, instrument string
	line              vectorLine
}{
	{"odi", "odi", asWritten},
	{"rmdq", "rmdq24", asWritten},
	{"startback", "startback9", asWritten},
	{"startmsk", "startmsk10", asWritten},
	{"mskhq", "mskhq", asWritten},
	{"phq9", "phq9", asWritten},
	{"gad7", "gad7", asWritten},
	{"phq2_gad2", "phq2", asWritten},
	{"phq2_gad2", "gad2", asWritten},
	{"tsk11", "tsk11", asWritten},
	{"pseq", "pseq", asWritten},
	{"wpai", "wpai_shp", asWritten},
	{"promis29", "promis29", domainOfFour},
	{"change_nrs", "nrs_back", changeOf(1, 1)},
	{"change_nrs", "nrs_leg", changeOf(1, 1)},
	{"change_odi", "odi", changeOf(10, 2)},
	{"change_mskhq", "mskhq", changeOf(14, 1)},
	{"eq5d3l_uk_mvh_a1", "eq5d3l", indexOf("uk3l_mvh_a1")},
	{"eq5d5l_uk_rowen2026", "eq5d5l", indexOf("uk5l_rowen2026")},
	{"eq5d5l_eng_devlin2018", "eq5d5l", indexOf("eng5l_devlin2018")},
	{"eq5d5l_vanhout2012_uk3l", "eq5d5l", indexOf("xw_vanhout2012_uk3l")},
	{"eq5d_dsu_old_release_5l_to_3l", "eq5d5l", mappedIndex},
	{"ces_product_rule", "ces", symptoms},
}

// Every vector of a questionnaire goes through the built binary, as anyone would
// use it: lines in, lines out.
func TestScoreVectorsThroughTheBinary(t *testing.T) {
	binary := buildProgram(t)
	taken := map[string]int{}
	for _, g := range scoreVectorGroups {
		t.Run(g.group+" as "+g.instrument, func(t *testing.T) {
			var cases []scored
			var in strings.Builder
			for _, v := range readVectors(t, g.group) {
				c := g.line(t, v)
				cases = append(cases, c)
				in.WriteString(c.line + "\n")
			}
			for i, result := range scoreLines(t, binary, g.instrument, in.String(), len(cases)) {
				for key, want := range cases[i].want {
					if got, ok := at(result, key); !ok || !equalAsPrinted(got, want) {
						t.Errorf("%s: %s = %v, want %v", cases[i].line, key, got, want)
					}
				}
			}
			taken[g.group] = len(cases)
		})
	}
	t.Run("fft_v2", func(t *testing.T) { taken["fft_v2"] = friendsThroughTheBinary(t, binary) })
	all := 0
	for _, n := range taken {
		all += n
	}
	if all != 167 {
		t.Errorf("%d vectors went through the binary, want 167", all)
	}
}

// buildProgram builds the program as it ships.
func buildProgram(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "lumbar")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// scoreLines runs `lumbar score` on lines and reads its results.
func scoreLines(t *testing.T, binary, instrument, in string, lines int) []map[string]any {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "score", "--instrument", instrument)
	cmd.Env = append(os.Environ(), "LUMBAR_INSTRUMENTS_DSU_DIR="+filepath.Join(sharedFolder(t), "data", "eq5d"))
	cmd.Stdin = strings.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lumbar score --instrument %s: %v", instrument, err)
	}
	var results []map[string]any
	for line := range strings.Lines(string(out)) {
		var result map[string]any
		if err := decodeAsWritten([]byte(line), &result); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		results = append(results, result)
	}
	if len(results) != lines {
		t.Fatalf("%d results of %d lines", len(results), lines)
	}
	return results
}

func readVectors(t *testing.T, group string) []scoreVector {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(sharedFolder(t), "spec", "instrument-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string][]scoreVector
	if err := decodeAsWritten(text, &groups); err != nil || len(groups[group]) == 0 {
		t.Fatalf("group %s: %d cases, %v", group, len(groups[group]), err)
	}
	return groups[group]
}

func decodeAsWritten(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func lineOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func numberOf(t *testing.T, v any) float64 {
	t.Helper()
	x, err := v.(json.Number).Float64()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// asWritten takes the answers and every key of the expectation as they are.
func asWritten(t *testing.T, v scoreVector) scored {
	return scored{lineOf(t, v.Input), v.Expect.(map[string]any)}
}

// spread gives n codes that add up to sum.
func spread(n, sum int) []int {
	codes := make([]int, n)
	for i := range codes {
		codes[i] = (sum + i) / n
	}
	return codes
}

// domainOfFour gives the four items of a PROMIS-29 domain a raw sum.
func domainOfFour(t *testing.T, v scoreVector) scored {
	in := v.Input.([]any)
	domain := in[0].(string)
	answers := make([]any, 29)
	first := 4 * slices.Index([]string{"PF", "ANX", "DEP", "FAT", "SLEEP", "SOC", "PI"}, domain)
	for i, code := range spread(4, int(numberOf(t, in[1]))) {
		answers[first+i] = code
	}
	return scored{lineOf(t, answers), map[string]any{"t_scores." + domain: v.Expect}}
}

// changeOf gives two administrations that score what the vector says; a point of
// the sum of the items is worth some points of the score.
func changeOf(items, worth int) vectorLine {
	return func(t *testing.T, v scoreVector) scored {
		in, want := v.Input.([]any), map[string]any{}
		for key, x := range v.Expect.(map[string]any) {
			want["change."+key] = x
		}
		want["baseline.score"], want["follow_up.score"] = in[0], in[1]
		return scored{lineOf(t, map[string]any{
			"baseline": spread(items, int(numberOf(t, in[0]))/worth), "follow_up": spread(items, int(numberOf(t, in[1]))/worth),
		}), want}
	}
}

func indexOf(valueSet string) vectorLine {
	return func(t *testing.T, v scoreVector) scored {
		return scored{lineOf(t, v.Input), map[string]any{"indices." + valueSet: v.Expect, "status": "complete", "profile": v.Input}}
	}
}

// mappedIndex asks for a person at the lower end of the age band.
func mappedIndex(t *testing.T, v scoreVector) scored {
	in := v.Input.([]any)
	age, err := strconv.Atoi(in[2].(string)[:2])
	if err != nil {
		t.Fatal(err)
	}
	return scored{lineOf(t, map[string]any{"answers": in[0], "sex": in[1], "age": age}), map[string]any{"indices.dsu_eepru_2022_to_3l": v.Expect}}
}

// symptoms answers the cauda equina questions: yes to those named, nothing to
// the missing, no to the others.
func symptoms(t *testing.T, v scoreVector) scored {
	in, answers := v.Input.(map[string]any), map[string]any{}
	for i := 1; i <= 7; i++ {
		answers[fmt.Sprintf("ces%d", i)] = false
	}
	for _, key := range in["yes"].([]any) {
		answers[key.(string)] = true
	}
	missing, _ := in["missing"].([]any)
	for _, key := range missing {
		answers[key.(string)] = nil
	}
	answers["ces_onset"] = in["onset"]
	return scored{lineOf(t, map[string]any{"answers": answers}), map[string]any{"level": v.Expect}}
}

// friendsThroughTheBinary scores one line for each person counted; their mean is
// the share that is positive.
func friendsThroughTheBinary(t *testing.T, binary string) int {
	cases := readVectors(t, "fft_v2")
	for _, v := range cases {
		var in strings.Builder
		people := 0
		for i, n := range v.Input.([]any) {
			for range int(numberOf(t, n)) {
				fmt.Fprintf(&in, "[%d]\n", i+1)
				people++
			}
		}
		sum := 0.0
		for _, result := range scoreLines(t, binary, "fft", in.String(), people) {
			sum += numberOf(t, result["score"])
		}
		if want := numberOf(t, v.Expect.([]any)[0]); math.Abs(sum/float64(people)-want) > 1e-9 {
			t.Errorf("%v: %v %% positive, want %v", v.Input, sum/float64(people), want)
		}
	}
	return len(cases)
}

// at finds a key of a result, dotted where it is in an object.
func at(result map[string]any, key string) (any, bool) {
	group, name, grouped := strings.Cut(key, ".")
	if !grouped {
		value, ok := result[key]
		return value, ok
	}
	inner, _ := result[group].(map[string]any)
	value, ok := inner[name]
	return value, ok
}

// equalAsPrinted compares numbers to the decimals that the vector prints, at
// least two; all else exactly.
func equalAsPrinted(got, want any) bool {
	w, isNumber := want.(json.Number)
	if !isNumber {
		return got == want
	}
	g, isNumber := got.(json.Number)
	if !isNumber {
		return false
	}
	_, fraction, _ := strings.Cut(w.String(), ".")
	x, _ := g.Float64()
	y, _ := w.Float64()
	scale := math.Pow10(max(2, len(fraction)))
	return math.Round(x*scale) == math.Round(y*scale)
}
