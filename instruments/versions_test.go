package instruments

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func lookupVersion(t testing.TB, id ID, version string) *Definition {
	t.Helper()
	d, err := Lookup(id, version)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// One question on global change runs upwards, another downwards: the version
// says which, and one without a mapping is refused.
func TestGlobalChange(t *testing.T) {
	for _, c := range []struct {
		version   string
		direction Direction
		flags     []string
		want      []any // by code
	}{
		{"pgic-a", LowerBetter, []string{}, []any{3.0, 2.0, 1.0, 0.0, -1.0, -2.0, -3.0}},
		{"pgic-b", HigherBetter, []string{"no_worse_pole"}, []any{0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0}},
	} {
		d := lookupVersion(t, "pgic", c.version)
		for i, want := range c.want {
			r := d.Result(&Administration{Codes: []int16{int16(i + 1)}})
			if *r.Score != float64(i+1) || r.Part("global_change") != want || !slices.Equal(r.Flags, c.flags) {
				t.Errorf("%s %d = %v, %v, %v, want %v", c.version, i+1, *r.Score, r.Part("global_change"), r.Flags, want)
			}
		}
		if d.Primary().Direction != c.direction || d.Current != (c.version == "pgic-a") {
			t.Errorf("%s: %v, current %v", c.version, d.Primary().Direction, d.Current)
		}
		if r := d.Result(&Administration{Codes: []int16{8}}); r.Status != Invalid || len(r.Flags) != 0 || r.Part("global_change") != nil {
			t.Errorf("%s 8 = %+v", c.version, r)
		}
	}
	if _, err := Lookup("pgic", "pgic-c"); !errors.Is(err, ErrUnknownVersion) {
		t.Errorf("Lookup(pgic, pgic-c): %v", err)
	}
	lines, _ := linesOf(t, "pgic", `{"answers":[7],"instrument_version":"pgic-b"}`+"\n"+`{"answers":[7]}`+"\n"+`{"answers":[7],"instrument_version":"7 points"}`)
	for i, want := range []string{`"global_change":3`, `"global_change":-3`, `"status":"invalid","score":null`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("line %d = %s, want %s", i+1, lines[i], want)
		}
	}
	gpe := mustLookup(t, "gpe")
	for code := int16(-5); code <= 5; code++ {
		r := gpe.Result(&Administration{Codes: []int16{code}})
		if *r.Score != float64(code) || !slices.Equal(r.Flags, []string{"not_convertible"}) || len(r.Parts) != 0 {
			t.Errorf("GPE %d = %+v", code, r)
		}
	}
}

// The two wordings of the Friends and Family question count alike and are never
// one score: an algorithm of one is none of the other.
func TestFriendsAndFamily(t *testing.T) {
	algorithms := map[string]bool{}
	for _, version := range []string{"v1", "v2"} {
		d := lookupVersion(t, "fft", version)
		out := make([]Scored, 2)
		for code, want := range [][2]int32{1: {100, 0}, {100, 0}, {0, 0}, {0, 100}, {0, 100}, {0, 0}} {
			if code == 0 {
				continue
			}
			if err := d.Score(&Administration{Codes: []int16{int16(code)}}, out); err != nil || out[0].Units != want[0] || out[1].Units != want[1] || out[1].Status != Complete {
				t.Errorf("%s %d = %+v, %v, want %v", version, code, out, err, want)
			}
		}
		for _, s := range d.Scores {
			algorithms[s.Name+" "+s.Algorithm] = true
		}
	}
	if len(algorithms) != 4 {
		t.Errorf("algorithms %v are shared", algorithms)
	}
	for _, c := range []struct {
		counts             [6]int
		positive, negative float64
	}{
		{[6]int{50, 30, 10, 5, 3, 2}, 80, 8}, {[6]int{0, 0, 0, 0, 0, 7}, 0, 0}, {[6]int{0, 1, 0, 0, 0, 1}, 50, 0}, {[6]int{0, 0, 0, 1, 1, 0}, 0, 100},
	} {
		if p, n := FriendsAndFamilyShares(c.counts); p == nil || n == nil || *p != c.positive || *n != c.negative {
			t.Errorf("shares of %v = %v, %v, want %v, %v", c.counts, p, n, c.positive, c.negative)
		}
	}
	if p, n := FriendsAndFamilyShares([6]int{}); p != nil || n != nil {
		t.Errorf("shares of nobody = %v, %v", p, n)
	}
}

// Work status is a code list that may be given by name.
func TestWorkStatus(t *testing.T) {
	d := mustLookup(t, "work_status")
	words := []string{"ft_normal", "pt_normal", "modified_duties", "sick_lt1m", "sick_1to6m", "sick_gt6m", "unemployed_health", "unemployed_other",
		"retired", "student", "carer", "other", "unknown"}
	if !slices.Equal(d.Items[0].Words, words) {
		t.Errorf("words %v", d.Items[0].Words)
	}
	for i, word := range words {
		for _, r := range []Result{d.Result(parse(t, d, `["`+word+`"]`)), d.Result(&Administration{Codes: []int16{int16(i + 1)}})} {
			if r.Status != Complete || r.Part("work_status") != word || *r.Band != word || r.Score != nil || r.Reason != ReasonCategory {
				t.Errorf("%s = %+v", word, r)
			}
		}
	}
	for _, c := range []struct {
		text    string
		status  Status
		word    any
		daysOff any
	}{
		{`["sick_lt1m",5,true]`, Complete, "sick_lt1m", 5.0},
		{`[1,0]`, Complete, "ft_normal", 0.0},
		{`[null,28,0]`, Insufficient, nil, 28.0},
		{`{"answers":{"work_status.1":"retired"}}`, Complete, "retired", nil},
		{`["on strike"]`, Invalid, nil, nil},
		{`["FT_NORMAL"]`, Invalid, nil, nil},
		{`[0]`, Invalid, nil, nil},
		{`[14]`, Invalid, nil, nil},
		{`[1,29]`, Invalid, nil, nil},
		{`[1,"sick_lt1m"]`, Invalid, nil, nil},
		{`[["ft_normal","student"],3]`, Insufficient, nil, 3.0}, // which of them is not said
	} {
		r := d.Result(parse(t, d, c.text))
		if r.Status != c.status || r.Part("work_status") != c.word || r.Part("days_off_due_to_back_last_4w") != c.daysOff {
			t.Errorf("%s = %+v, want %v, %v, %v", c.text, r, c.status, c.word, c.daysOff)
		}
	}
}

// A PROMIS-29 profile has seven T-scores, pain and no total; a domain with a
// missing answer has none of its own and takes none from the others.
func TestPROMIS29(t *testing.T) {
	d := mustLookup(t, "promis29")
	codes := append(codesOf(28, 3), 6)
	parts := map[string]any{"t_scores.PF": 36.7, "t_scores.ANX": 63.4, "t_scores.DEP": 62.2, "t_scores.FAT": 57.0, "t_scores.SLEEP": 54.3, "t_scores.SOC": 44.2, "t_scores.PI": 61.2, "pain": 6.0}
	check := func(status Status, answered int, reason string) {
		t.Helper()
		r := d.Result(&Administration{Codes: codes})
		if r.Status != status || r.Answered != answered || r.Items != 29 || r.Score != nil || r.Band != nil || r.Reason != reason {
			t.Errorf("%v = %+v, want %v", codes, r, status)
		}
		for key, want := range parts {
			if got := r.Part(key); got != want {
				t.Errorf("%v: %s = %v, want %v", codes, key, got, want)
			}
		}
	}
	check(Complete, 29, ReasonNoSingleScore)
	codes[5], parts["t_scores.ANX"] = Missing, nil
	check(Partial, 28, ReasonNoSingleScore)
	codes[28], parts["pain"] = Missing, nil
	check(Partial, 27, ReasonNoSingleScore)
	for at := 1; at < 28; at += 4 {
		codes[at] = Missing
	}
	for key := range parts {
		parts[key] = nil
	}
	check(Insufficient, 21, ReasonTooFewAnswers)
	codes = append(codesOf(28, 3), 11)
	check(Invalid, 28, RuleCodeOutOfRange)
	text := string(mustJSON(t, d.Result(&Administration{Codes: append(codesOf(28, 1), 0)})))
	if !strings.Contains(text, `"t_scores":{"PF":22.5,"ANX":40.3,"DEP":41,"FAT":33.7,"SLEEP":32,"SOC":27.5,"PI":41.6},"pain":0}`) {
		t.Errorf("a result is written %s", text)
	}
	// Bands run the other way where more is better.
	out := make([]Scored, len(d.Scores))
	for _, c := range []struct {
		column string
		code   int16
		want   string
	}{
		{"promis29_pf", 1, "severe"}, {"promis29_pf", 2, "moderate"}, {"promis29_pf", 4, "mild"}, {"promis29_pf", 5, "normal"}, {"promis29_soc", 1, "severe"},
		{"promis29_pi", 1, "normal"}, {"promis29_pi", 2, "mild"}, {"promis29_pi", 3, "moderate"}, {"promis29_pi", 5, "severe"}, {"promis29_anx", 5, "severe"},
	} {
		if err := d.Score(&Administration{Codes: append(codesOf(28, c.code), 0)}, out); err != nil || out[scoreAt(t, d, c.column)].Band != c.want {
			t.Errorf("%s of fours of %d = %+v, %v, want %s", c.column, c.code, out[scoreAt(t, d, c.column)], err, c.want)
		}
	}
}

// Screens of two questions are positive from 3, and unknown where one is
// missing.
func TestScreens(t *testing.T) {
	for _, id := range []ID{"phq2", "gad2"} {
		d := mustLookup(t, id)
		answers := []int16{Missing, 0, 1, 2, 3}
		for _, a := range answers {
			for _, b := range answers {
				var want any
				if a != Missing && b != Missing {
					want = a+b >= 3
				}
				r := d.Result(&Administration{Codes: []int16{a, b}})
				if got := r.Part("positive"); got != want {
					t.Errorf("%s %d, %d: positive %v, want %v", id, a, b, got, want)
				}
			}
		}
	}
}

// A score over one period is another score than the same over another.
func TestRecallIsTheVersion(t *testing.T) {
	for _, id := range []ID{"nrs_back", "nrs_leg"} {
		algorithms := map[string]bool{}
		for _, version := range []string{"1week", "24h", "now"} {
			d := lookupVersion(t, id, version)
			algorithms[d.Primary().Algorithm] = true
			if r := d.Result(&Administration{Codes: []int16{7}}); *r.Score != 7 || *r.Band != "severe" || d.Recall == "" || d.Current != (version == "1week") {
				t.Errorf("%s %s: %+v", id, version, r)
			}
		}
		if len(algorithms) != 3 {
			t.Errorf("%s: recall periods share the algorithms %v", id, algorithms)
		}
	}
}

// The sender's own total is compared with ours, which stands.
func TestSuppliedScore(t *testing.T) {
	for _, c := range []struct {
		id      ID
		text    string
		differs bool
	}{
		{"odi", `{"answers":[2,1,3,2,2,3,1,null,2,2],"supplied_score":40}`, false},
		{"odi", `{"answers":[2,1,3,2,2,3,1,null,2,2],"supplied_score":36}`, true},
		{"odi", `{"answers":[2,2,2,2,2,2,2,null,1,1],"supplied_score":36}`, false}, // 35.5556, rounded
		{"odi", `{"answers":[2,2,2,2,2,2,2,null,1,1],"supplied_score":35.6}`, false},
		{"odi", `{"answers":[2,2,2,2,2,2,2,null,1,1],"supplied_score":35.5}`, true},
		{"odi", `{"answers":[3,null,null,null,null,null,null,null,null,null],"supplied_score":60}`, true},
		{"odi", `{"answers":[2,1,3,2,2,3,1,0,2,9],"supplied_score":36}`, true},
		{"odi", `{"answers":[2,1,3,2,2,3,1,0,2,2]}`, false},
		{"eq5d5l", `{"answers":"21232","supplied_score":0.812}`, false},
		{"eq5d5l", `{"answers":"21232","supplied_score":0.81}`, false},
		{"eq5d5l", `{"answers":"21232","supplied_score":0.654}`, true}, // another value set
		{"eq5d5l", `{"answers":"21111","supplied_score":1}`, true},
		{"phq9", `{"answers":[2,2,1,1,1,null,null,3,0],"supplied_score":13}`, false},
		{"phq9", `{"answers":[2,2,1,1,1,null,null,3,0],"supplied_score":10}`, true},
	} {
		d := mustLookup(t, c.id)
		r := d.Result(parse(t, d, c.text))
		if slices.Contains(r.Flags, FlagSuppliedDiffers) != c.differs {
			t.Errorf("%s %s: flags %v, want the difference flagged: %v", c.id, c.text, r.Flags, c.differs)
		}
	}
}
