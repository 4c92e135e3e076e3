//go:build shared

package instruments

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// tScoreVectors gives four items codes that add up to the raw sum.
func tScoreVectors(t *testing.T, group string) {
	d := mustLookup(t, "promis29")
	for _, c := range vectors[[2]any, float64](t, group) {
		raw, err := c.Input[1].(json.Number).Int64()
		if err != nil {
			t.Fatal(err)
		}
		key := "t_scores." + c.Input[0].(string)
		s := d.Scores[slices.IndexFunc(d.Scores, func(s *Score) bool { return s.Key == key })]
		codes := codesOf(len(d.Items), Missing)
		for i, at := range s.index {
			codes[at] = int16((raw + int64(i)) / 4)
		}
		r := d.Result(&Administration{Codes: codes})
		if got := r.Part(key); got != c.Expect {
			t.Errorf("%s of a raw %d = %v, want %v", key, raw, got, c.Expect)
		}
		if r.Score != nil || r.Reason != ReasonNoSingleScore {
			t.Errorf("PROMIS-29 has a score %v, reason %q", r.Score, r.Reason)
		}
	}
}

// friendsVectors are counts of answers; the same shares follow from scoring each
// answer, under the wording of either time.
func friendsVectors(t *testing.T, group string) {
	for _, c := range vectors[[6]int, [2]float64](t, group) {
		positive, negative := FriendsAndFamilyShares(c.Input)
		if !printedAlike(positive, &c.Expect[0], 4) || !printedAlike(negative, &c.Expect[1], 4) {
			t.Errorf("%v = %v, %v, want %v", c.Input, positive, negative, c.Expect)
		}
		for _, version := range []string{"v1", "v2"} {
			d, err := Lookup("fft", version)
			if err != nil {
				t.Fatal(err)
			}
			sums, all, out := make([]float64, 2), 0, make([]Scored, 2)
			for i, n := range c.Input {
				if err := d.Score(&Administration{Codes: []int16{int16(i + 1)}}, out); err != nil {
					t.Fatal(err)
				}
				all += n
				for k := range sums {
					sums[k] += float64(n) * d.Scores[k].Points(out[k].Units)
				}
			}
			for k, want := range c.Expect {
				if got := sums[k] / float64(all); !printedAlike(&got, &want, 4) {
					t.Errorf("%s %v: mean of %s = %v, want %v", version, c.Input, d.Scores[k].Name, got, want)
				}
			}
		}
	}
}

// caudaVectors name the symptoms that are there and those without an answer;
// the other ones are not there.
func caudaVectors(t *testing.T, group string) {
	type input struct {
		Yes, Missing []string
		Onset        *float64
	}
	d := mustLookup(t, "ces")
	for _, c := range vectors[input, string](t, group) {
		answers := map[string]any{}
		for _, it := range d.Items[:caudaItems] {
			answers[it.Key] = slices.Contains(c.Input.Yes, it.Key)
		}
		for _, key := range c.Input.Missing {
			answers[key] = nil
		}
		answers["ces_onset"] = c.Input.Onset
		text, err := json.Marshal(map[string]any{"answers": answers})
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.ParseAdministration(text)
		if err != nil {
			t.Fatal(err)
		}
		flags := []string(nil)
		if c.Expect != "none" {
			flags = []string{FlagCES + strings.ToLower(c.Expect)}
		}
		r := d.Result(a)
		if got := r.Part("level"); got != c.Expect || !slices.Equal(d.Flags(a), flags) {
			t.Errorf("%+v = %v, %v, want %s", c.Input, got, d.Flags(a), c.Expect)
		}
	}
}

// changeVectors are pairs of scores, with the direction, MIC, per cent and
// deterioration that the definition must say.
func changeVectors(columns ...string) func(*testing.T, string) {
	type expect struct {
		Improvement  float64
		Pct          *float64
		MeetsAbs     *bool `json:"meets_abs"`
		MeetsPct     *bool `json:"meets_pct"`
		Deteriorated *bool
	}
	return func(t *testing.T, group string) {
		for _, name := range columns {
			s := column(t, name)
			for _, c := range vectors[[6]float64, expect](t, group) {
				if in := c.Input; in[2] != s.Direction.Sign() || in[3] != *s.MIC || in[4] != PercentThreshold || in[5] != *s.DetAbs {
					t.Errorf("%s: the definition says %v, %v, %v, %v", name, s.Direction.Sign(), *s.MIC, PercentThreshold, *s.DetAbs)
				}
				got := s.Change(&c.Input[0], &c.Input[1])
				want := Change{MeetsAbsolute: c.Expect.MeetsAbs, MeetsPercent: c.Expect.MeetsPct, Responder: got.Responder,
					Deteriorated: c.Expect.Deteriorated, ReliableChange: got.ReliableChange, Recovered: got.Recovered}
				if *got.Improvement != c.Expect.Improvement || !printedAlike(got.Percent, c.Expect.Pct, 2) || changeText(got) != changeText(want) {
					t.Errorf("%s %v = %+v, want %+v", name, c.Input, got, c.Expect)
				}
			}
		}
	}
}
