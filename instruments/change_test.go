package instruments

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
)

func column(t testing.TB, name string) *Score {
	t.Helper()
	s, ok := ScoreByColumn(name)
	if !ok {
		t.Fatalf("no score %s", name)
	}
	return s
}

// changeText writes a change as one line without its reasons, n for null.
func changeText(c Change) string {
	word := func(b *bool) string {
		if b == nil {
			return "n"
		}
		return map[bool]string{true: "y", false: "-"}[*b]
	}
	return strings.Join([]string{word(c.MeetsAbsolute), word(c.MeetsPercent), word(c.Responder), word(c.Deteriorated), word(c.ReliableChange), word(c.Recovered)}, "")
}

func TestChange(t *testing.T) {
	null := math.NaN()
	for _, c := range []struct {
		column           string
		base, follow     float64
		improvement, pct float64
		// meets_abs, meets_pct, responder, deteriorated, reliable_change, recovered
		want    string
		reasons string
	}{
		{"nrs_back", 7, 5, 2, 200.0 / 7, "y---y-", `{}`},
		{"nrs_back", 6, 4, 2, 100.0 / 3, "yyy-y-", `{}`},
		{"nrs_back", 3, 2, 1, 100.0 / 3, "-yy---", `{}`},
		{"nrs_back", 0, 3, -3, null, "-nnyy-", `{"meets_pct":"baseline_zero","pct":"baseline_zero","responder":"baseline_below_floor"}`},
		{"nrs_back", 2, 0, 2, 100, "yyn-yy", `{"responder":"baseline_below_floor"}`},
		{"nrs_leg", 10, 7, 3, 30, "yyy-y-", `{}`},
		{"nrs_leg", 5, 7, -2, -40, "---yy-", `{}`},
		{"odi", 40, 30, 10, 25, "y----n", `{}`},
		{"odi", 40, 28, 12, 30, "yyy-yn", `{}`},
		{"odi", 36, 46, -10, -1000.0 / 36, "---y-n", `{}`},
		{"odi", 20, 14, 6, 30, "-yy--n", `{}`},
		{"odi", 8, 0, 8, 100, "-yn--n", `{"responder":"baseline_below_floor"}`},
		{"odi", 40, 40, 0, 0, "-----n", `{}`},
		{"odi", 1600.0 / 45, 1120.0 / 45, 480.0 / 45, 30, "yyy-yn", `{}`}, // exactly 30 % in ninths
		{"ohs", 20, 25, 5, 25, "y-y-nn", `{"reliable_change":"mdc_not_established"}`},
		{"oks", 25, 20, -5, -20, "---ynn", `{"reliable_change":"mdc_not_established"}`},
		{"eqvas", 50, 70, 20, 40, "nynnnn", `{"deteriorated":"mic_not_established","meets_abs":"mic_not_established","reliable_change":"mdc_not_established","responder":"mic_not_established"}`},
		{"eq5d3l_uk3l_mvh_a1", -0.2, 0.3, 0.5, 250, "yyn-nn", `{"reliable_change":"mdc_not_established","responder":"mic_not_established"}`},
	} {
		got := column(t, c.column).Change(&c.base, &c.follow)
		if got.Improvement == nil || math.Abs(*got.Improvement-c.improvement) > 1e-12 || math.Signbit(*got.Improvement) != (c.improvement < 0) {
			t.Errorf("%s %v to %v: improvement %v, want %v", c.column, c.base, c.follow, *got.Improvement, c.improvement)
		}
		if (got.Percent == nil) != math.IsNaN(c.pct) || got.Percent != nil && math.Abs(*got.Percent-c.pct) > 1e-9 {
			t.Errorf("%s %v to %v: pct %v, want %v", c.column, c.base, c.follow, got.Percent, c.pct)
		}
		if text := changeText(got); text != c.want {
			t.Errorf("%s %v to %v: %s, want %s", c.column, c.base, c.follow, text, c.want)
		}
		if reasons, _ := json.Marshal(got.Reasons); string(reasons) != c.reasons {
			t.Errorf("%s %v to %v: reasons %s, want %s", c.column, c.base, c.follow, reasons, c.reasons)
		}
	}
}

func TestChangeOfMissingScores(t *testing.T) {
	x, nan := 4.0, math.NaN()
	s := column(t, "nrs_back")
	for _, c := range []struct {
		base, follow *float64
		want         string
	}{
		{nil, &x, ReasonMissingBaseline}, {&x, nil, ReasonMissingFollowUp}, {nil, nil, ReasonMissingBaseline}, {&nan, &x, ReasonMissingBaseline}, {&x, &nan, ReasonMissingFollowUp},
	} {
		got := s.Change(c.base, c.follow)
		if got.Improvement != nil || got.Percent != nil || changeText(got) != "nnnnnn" || len(got.Reasons) != 8 {
			t.Errorf("Change(%v, %v) = %+v, want all null with 8 reasons", c.base, c.follow, got)
		}
		for part, reason := range got.Reasons {
			if reason != c.want {
				t.Errorf("Change(%v, %v): %s for %s, want %s", c.base, c.follow, part, reason, c.want)
			}
		}
	}
	if got := column(t, "odi").NoChange(ReasonVersionDiffers); len(got.Reasons) != 7 || got.Reasons["responder"] != ReasonVersionDiffers {
		t.Errorf("NoChange = %+v", got)
	}
}

// respondsInUnits is ResponderRule's text as a query would have it.
func respondsInUnits(r ResponderRule, b, f int64) *bool {
	gain := r.Sign * (f - b)
	switch {
	case r.Rule == "", r.HasFloor && b < r.FloorUnits, r.Rule == RespondByPercent && b == 0:
		return nil
	case r.Rule == RespondByPercent:
		return known(100*gain >= r.Percent*max(b, -b))
	}
	return known(gain >= r.ThresholdUnits)
}

// A query on whole units and Change on points judge every pair of possible
// scores alike.
func TestResponderRuleInUnitsAgrees(t *testing.T) {
	for _, d := range All() {
		for i, s := range d.Scores {
			if s.SameAs != "" {
				continue
			}
			rule := s.ResponderRule()
			if (rule.Rule == "") != (rule.Reason != "") {
				t.Errorf("%s: rule %q, reason %q", s.Column(), rule.Rule, rule.Reason)
			}
			if rule.Rule == "" {
				continue // nothing to agree on, and a million pairs of it
			}
			scores, _ := possible(t, d, i)
			for b := range scores {
				for f := range scores {
					base, follow := s.Points(b), s.Points(f)
					inPoints, inUnits := s.Change(&base, &follow).Responder, respondsInUnits(rule, int64(b), int64(f))
					if (inPoints == nil) != (inUnits == nil) || inPoints != nil && *inPoints != *inUnits {
						t.Fatalf("%s %v to %v: Change and ResponderRule differ", s.Column(), base, follow)
					}
				}
			}
		}
	}
}

func TestThresholdUnits(t *testing.T) {
	for _, c := range []struct {
		column string
		points float64
		want   int64
	}{{"odi", 10, 180}, {"odi", 10.5, 189}, {"odi", 10.51, 190}, {"eq5d3l_uk3l_mvh_a1", 0.074, 74}, {"ohs", 5, 275}, {"nrs_back", -0.5, 0}} {
		if got := column(t, c.column).ThresholdUnits(c.points); got != c.want {
			t.Errorf("%s: ThresholdUnits(%v) = %d, want %d", c.column, c.points, got, c.want)
		}
	}
}
