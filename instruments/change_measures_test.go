package instruments

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

// rulesOfChange writes what a score's definition says of change as one line:
// direction, MIC, deterioration, measurement error, floor, responder, recovery.
func rulesOfChange(s *Score) string {
	number := func(x *float64) string {
		if x == nil {
			return "–"
		}
		return fmt.Sprint(*x)
	}
	recovered := "–"
	switch {
	case s.RecoveredAtMost != nil:
		recovered = "≤ " + number(s.RecoveredAtMost)
	case s.CaseFrom != nil:
		recovered = "< " + number(s.CaseFrom)
	}
	responder := s.Responder
	if responder == "" {
		responder = s.ResponderReason
	}
	return strings.Join([]string{fmt.Sprintf("%+d", s.Direction), number(s.MIC), number(s.DetAbs), number(s.MDC), number(s.Floor), responder, recovered}, " | ")
}

// The rules of change of every measure, as the specification lists them.
func TestRulesOfChange(t *testing.T) {
	const none = " | – | – | – | – | mic_not_established | –"
	want := map[string]string{
		"nrs_back": "-1 | 2 | 2 | 2 | 3 | pct30 | ≤ 0",
		"nrs_leg":  "-1 | 2 | 2 | 2 | 3 | pct30 | ≤ 0",
		"odi":      "-1 | 10 | 10 | 10.5 | 10 | pct30 | –",
		"rmdq24":   "-1 | 5 | 5 | 5 | 4 | pct30 | ≤ 2",
		"phq9":     "-1 | 5 | 6 | 6 | – | reliable_change | < 10",
		"gad7":     "-1 | 4 | 4 | 4 | – | reliable_change | < 8",
		"mskhq":    "+1 | 6 | 6 | 9.9 | – | absolute | –",
		"pseq":     "+1 | 5.5 | – | 11.5 | – | absolute | –",
		"tsk11":    "-1 | 4 | – | – | – | absolute | –",
		"ohs":      "+1 | 5 | 5 | – | – | absolute | –",
		"oks":      "+1 | 5 | 5 | – | – | absolute | –",
		"eqvas":    "+1" + none,

		"eq5d3l_uk3l_mvh_a1":          "+1 | 0.074 | 0.1 | – | – | mic_not_established | –",
		"eq5d3l_dsu_eepru_2022_to_5l": "+1 | – | 0.1 | – | – | mic_not_established | –",
		"eq5d5l_uk5l_rowen2026":       "+1 | – | 0.1 | – | – | mic_not_established | –",
		"eq5d5l_eng5l_devlin2018":     "+1 | – | 0.1 | – | – | mic_not_established | –",
		"eq5d5l_xw_vanhout2012_uk3l":  "+1 | – | 0.1 | – | – | mic_not_established | –",
		"eq5d5l_dsu_eepru_2022_to_3l": "+1 | – | 0.1 | – | – | mic_not_established | –",

		"promis29_pf": "+1" + none, "promis29_soc": "+1" + none, "promis29_anx": "-1" + none, "promis29_dep": "-1" + none, "promis29_fat": "-1" + none,
		"promis29_sleep": "-1" + none, "promis29_pi": "-1" + none, "promis29_pain": "-1" + none,
		"wpai_shp_absenteeism": "-1 | 0.07 | – | – | – | mic_not_established | –", "wpai_shp_presenteeism": "-1 | 0.07 | – | – | – | mic_not_established | –",
		"wpai_shp_overall": "-1 | 0.07 | – | – | – | mic_not_established | –", "wpai_shp_activity": "-1 | 0.07 | – | – | – | mic_not_established | –",
		"startback9": "-1" + none, "startback9_subscale": "-1" + none, "startmsk10": "-1" + none, "phq2": "-1" + none, "gad2": "-1" + none,
		"gpe": "+1" + none, "pgic_global_change": "+1" + none, "fft": "+1" + none, "fft_negative": "-1" + none, "work_status_days_off": "-1" + none,
	}
	seen := map[string]bool{}
	for _, d := range All() {
		for _, s := range d.Scores {
			column := s.Column()
			if !s.Measured() || column == "pgic" {
				continue // which way it runs is the version's: TestGlobalChange
			}
			seen[column] = true
			if got := rulesOfChange(s); got != want[column] {
				t.Errorf("%s %s: %s: %s, want %s", d.ID, d.Version, column, got, want[column])
			}
		}
	}
	for column := range want {
		if !seen[column] {
			t.Errorf("no score %s", column)
		}
	}
}

// Each measure around each of its thresholds. The letters are meets_abs,
// meets_pct, responder, deteriorated, reliable_change and recovered: y, - or n
// for null.
func TestChangeOfEveryMeasure(t *testing.T) {
	mdc := `"reliable_change":"mdc_not_established"`
	noMIC := `"deteriorated":"mic_not_established","meets_abs":"mic_not_established",` + mdc + `,"responder":"mic_not_established"`
	for _, c := range []struct {
		column       string
		base, follow float64
		want         string
		reasons      string
	}{
		{"rmdq24", 10, 7, "-yy---", ``}, // 30 % and not the MIC
		{"rmdq24", 20, 15, "y---y-", ``},
		{"rmdq24", 15, 10, "yyy-y-", ``},
		{"rmdq24", 4, 2, "-yy--y", ``},
		{"rmdq24", 3, 0, "-yn--y", `"responder":"baseline_below_floor"`},
		{"rmdq24", 0, 5, "-nnyy-", `"meets_pct":"baseline_zero","pct":"baseline_zero","responder":"baseline_below_floor"`},
		{"rmdq24", 240.0 / 22, 168.0 / 22, "-yy---", ``}, // exactly 30 % in elevenths
		{"rmdq24", 8, 13, "---yy-", ``},
		{"rmdq24", 8, 12, "------", ``},
		{"phq9", 15, 9, "yyy-yy", ``},
		{"phq9", 15, 10, "yy----", ``}, // five points: the MIC, and no reliable change
		{"phq9", 9, 3, "yyy-y-", ``},   // no case before
		{"phq9", 10, 9, "-----y", ``},  // no case after
		{"phq9", 4, 10, "---yy-", ``},
		{"phq9", 4, 9, "------", ``},
		{"phq9", 0, 6, "-n-yy-", `"meets_pct":"baseline_zero","pct":"baseline_zero"`},
		{"gad7", 8, 4, "yyy-yy", ``},
		{"gad7", 7, 3, "yyy-y-", ``},
		{"gad7", 11, 8, "------", ``},
		{"gad7", 8, 12, "---yy-", ``},
		{"mskhq", 28, 34, "y-y--n", ``},
		{"mskhq", 20, 26, "yyy--n", ``},
		{"mskhq", 20, 30, "yyy-yn", ``},
		{"mskhq", 30, 24, "---y-n", ``},
		{"mskhq", 30, 24.5, "-----n", ``},
		{"pseq", 20, 25.5, "y-yn-n", `"deteriorated":"mic_not_established"`},
		{"pseq", 20, 31.5, "yyynyn", `"deteriorated":"mic_not_established"`},
		{"pseq", 31.5, 20, "---nyn", `"deteriorated":"mic_not_established"`},
		{"pseq", 20, 25, "---n-n", `"deteriorated":"mic_not_established"`},
		{"tsk11", 30, 26, "y-ynnn", `"deteriorated":"mic_not_established",` + mdc},
		{"tsk11", 30, 27, "---nnn", `"deteriorated":"mic_not_established",` + mdc},
		{"tsk11", 26, 30, "---nnn", `"deteriorated":"mic_not_established",` + mdc},
		{"eqvas", 50, 70, "nynnnn", noMIC},
		{"eq5d5l_uk5l_rowen2026", 0.5, 0.4, "n-nynn", `"meets_abs":"mic_not_established",` + mdc + `,"responder":"mic_not_established"`},
		{"eq5d5l_uk5l_rowen2026", 0.5, 0.401, "n-n-nn", `"meets_abs":"mic_not_established",` + mdc + `,"responder":"mic_not_established"`},
		{"eq5d5l_xw_vanhout2012_uk3l", -0.2, -0.1, "nyn-nn", `"meets_abs":"mic_not_established",` + mdc + `,"responder":"mic_not_established"`},
		{"promis29_pf", 30, 40, "nynnnn", noMIC},
		{"promis29_pi", 60, 40, "nynnnn", noMIC},
		{"wpai_shp_overall", 0.6, 0.5, "y-nnnn", `"deteriorated":"mic_not_established",` + mdc + `,"responder":"mic_not_established"`},
		{"wpai_shp_overall", 0.6, 0.54, "--nnnn", `"deteriorated":"mic_not_established",` + mdc + `,"responder":"mic_not_established"`},
		{"wpai_shp_activity", 0, 0.5, "-nnnnn", `"deteriorated":"mic_not_established","meets_pct":"baseline_zero","pct":"baseline_zero",` + mdc + `,"responder":"mic_not_established"`},
		{"startback9", 6, 3, "nynnnn", noMIC},
		{"phq2", 4, 2, "nynnnn", noMIC},
	} {
		s := column(t, c.column)
		got := s.Change(&c.base, &c.follow)
		improvement := s.Direction.Sign() * (c.follow - c.base)
		if got.Improvement == nil || math.Abs(*got.Improvement-improvement) > 1e-12 {
			t.Errorf("%s %v to %v: improvement %v, want %v", c.column, c.base, c.follow, got.Improvement, improvement)
		}
		if text := changeText(got); text != c.want {
			t.Errorf("%s %v to %v: %s, want %s", c.column, c.base, c.follow, text, c.want)
		}
		if reasons, _ := json.Marshal(got.Reasons); string(reasons) != "{"+c.reasons+"}" {
			t.Errorf("%s %v to %v: reasons %s, want {%s}", c.column, c.base, c.follow, reasons, c.reasons)
		}
	}
}

// Two administrations on one line: each measure of an instrument has its
// change, and versions never mix.
func TestPairsOfEveryKind(t *testing.T) {
	type pair struct {
		Change  Change
		Changes map[string]Change
	}
	for _, c := range []struct {
		id      ID
		line    string
		change  string
		reason  string // of the responder
		further string
	}{
		{"phq9", `{"baseline":[2,2,2,2,2,2,1,1,1],"follow_up":[1,1,1,1,1,1,1,1,1]}`, "yyy-yy", "", ""},
		{"nrs_back", `{"baseline":{"answers":[7],"instrument_version":"now"},"follow_up":{"answers":[4],"instrument_version":"now"}}`, "yyy-y-", "", ""},
		{"nrs_back", `{"baseline":{"answers":[7],"instrument_version":"24h"},"follow_up":{"answers":[4]}}`, "nnnnnn", ReasonVersionDiffers, ""},
		{"nrs_back", `{"baseline":[7],"follow_up":{"answers":[4],"instrument_version":"now"}}`, "nnnnnn", ReasonVersionDiffers, ""},
		{"odi", `{"baseline":[2,2,2,2,2,2,2,2,2,2],"follow_up":[2,2,2,null,null,null,2,2,2,2]}`, "nnnnnn", ReasonMissingFollowUp, ""},
		{"odi", `{"baseline":[9,2,2,2,2,2,2,2,2,2],"follow_up":[2,2,2,2,2,2,2,2,2,2]}`, "nnnnnn", ReasonMissingBaseline, ""},
		{"startback9", `{"baseline":[1,1,1,1,1,1,1,1,4],"follow_up":[0,0,0,0,0,0,0,0,0]}`, "nynnnn", ReasonMICNotEstablished, "startback9_subscale"},
		{"promis29", `{"baseline":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,8],"follow_up":[2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,4]}`,
			"nnnnnn", ReasonNoSingleScore, "promis29_anx promis29_dep promis29_fat promis29_pain promis29_pf promis29_pi promis29_sleep promis29_soc"},
		{"eq5d5l", `{"baseline":"33333","follow_up":[2,2,2,2,2,80]}`, "n-n-nn", ReasonMICNotEstablished, "eq5d5l_eng5l_devlin2018 eq5d5l_xw_vanhout2012_uk3l eqvas"},
		{"work_status", `{"baseline":["sick_1to6m",20],"follow_up":["ft_normal",0]}`, "nnnnnn", ReasonNoSingleScore, "work_status_days_off"},
	} {
		lines, bad := linesOf(t, c.id, c.line)
		var got pair
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil || bad != 0 {
			t.Fatalf("%s: %v, %d bad", lines[0], err, bad)
		}
		further := strings.Join(slices.Sorted(maps.Keys(got.Changes)), " ")
		if changeText(got.Change) != c.change || got.Change.Reasons["responder"] != c.reason || further != c.further {
			t.Errorf("%s %s: %s %v, further %q, want %s, %q, %q", c.id, c.line, changeText(got.Change), got.Change.Reasons, further, c.change, c.reason, c.further)
		}
	}
	lines, _ := linesOf(t, "promis29", `{"baseline":[1,1,1,1],"follow_up":[2]}`)
	if strings.Contains(lines[0], `"score":0`) {
		t.Errorf("a response of the wrong length has a score: %s", lines[0])
	}
}
