package instruments

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// FuzzScore reads anything as a response of every instrument: it never panics,
// and what it scores is in range, however it was written.
func FuzzScore(f *testing.F) {
	for _, seed := range []string{
		`[1,0,2,null,1,1,0,3,2,1]`, `[[1,3],2.0,2.5,"2",true,-1,1e9]`, `"21232"`, `"99999"`, `{"answers":[2,1,2,3,2,70],"age":54,"sex":"male"}`,
		`{"answers":{"odi.4":3}}`, `[3]`, `[-32768]`, `{"answers":"11111","admin_mode":"x"}`, `nonsense`, `[[[[`, `{"baseline":[1],"follow_up":[2]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, d := range All() {
			a, err := d.ParseAdministration(text)
			if err != nil {
				continue
			}
			out := make([]Scored, len(d.Scores))
			if err := d.Score(a, out); err != nil {
				t.Fatal(err)
			}
			_, _, ok := d.CheckCodes(a)
			for i, s := range d.Scores {
				if points := s.Points(out[i].Units); out[i].HasUnits && (points < s.Min || points > s.Max) {
					t.Errorf("%s of %q = %v, outside %v to %v", s.Column(), text, points, s.Min, s.Max)
				}
				if (out[i].Status == Invalid) == ok || out[i].Answered > out[i].Items {
					t.Errorf("%s of %q = %+v, codes in order: %v", s.Column(), text, out[i], ok)
				}
			}
			if result, err := json.Marshal(d.Result(a)); err != nil || !json.Valid(result) {
				t.Errorf("result of %q: %s, %v", text, result, err)
			}
		}
	})
}

// FuzzScoreLines gives exactly one JSON result for every line of anything.
func FuzzScoreLines(f *testing.F) {
	for _, seed := range []string{"", "\n", "[1]\n[2]", "x\r\n\r\n[3]\n", "\r", `{"baseline":[7],"follow_up":[4]}`, `{"baseline":null}`, `{"baseline":{},"follow_up":{"answers":3}}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := Lookup("nrs_back", "")
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		bad, err := ScoreLines(strings.NewReader(in), &out, d)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Count(in, "\n")
		if in != "" && !strings.HasSuffix(in, "\n") {
			want++
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if want == 0 {
			lines = nil
			if out.Len() != 0 {
				t.Fatalf("no line gives %q", out.String())
			}
		}
		if len(lines) != want && want > 0 || bad > want {
			t.Fatalf("%d lines give %d results, %d bad", want, len(lines), bad)
		}
		for _, line := range lines {
			if !json.Valid([]byte(line)) {
				t.Fatalf("not JSON: %s", line)
			}
		}
	})
}
