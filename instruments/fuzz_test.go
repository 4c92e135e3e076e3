package instruments

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzScore reads anything as a response of every instrument, with tables of
// mapped indices and without: it never panics, what it scores is in range however
// it was written, and what it can not read of a safety question it says.
func FuzzScore(f *testing.F) {
	for _, seed := range []string{
		`[1,0,2,null,1,1,0,3,2,1]`, `[[1,3],2.0,2.5,"2",true,-1,1e9]`, `"21232"`, `"99999"`, `{"answers":[2,1,2,3,2,70],"age":54,"sex":"male"}`,
		`{"answers":{"odi.4":3}}`, `[3]`, `[-32768]`, `{"answers":"11111","admin_mode":"x"}`, `nonsense`, `[[[[`, `{"baseline":[1],"follow_up":[2]}`,
		`[0,0,0,0,0,0,0,0,[0,3]]`, `[1,1,1,1,0,0,0,0,null]`, `[10,1,1,1,1,1,1,0,0,0]`, `[true,7.5,0,32.25,5,6]`, `[1,168,168,168,10,10]`, `[-5]`, `["sick_lt1m",28,true]`,
		`[1,0,0,0,0,0,0,-1]`, `{"answers":{"ces2":true,"ces2_onset":1e9}}`, `{"answers":[1,null],"admin_mode":"ticklist","missing":{"rmdq24.2":"not_asked"},"supplied_score":1e300}`,
		`{"answers":[1],"instrument_version":"pgic-b","supplied_score":-0.5}`,
	} {
		f.Add([]byte(seed))
	}
	dir := f.TempDir()
	for name, text := range mappingTables() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	mapped, err := newRegistry(dir, definitionFiles)
	if err != nil {
		f.Fatal(err)
	}
	definitions := append(All(), mapped.definitions...)
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, d := range definitions {
			checkRawSafety(t, d, text)
			a, err := d.ParseAdministration(text)
			if err != nil {
				continue
			}
			checkScores(t, d, a, text)
			result, err := json.Marshal(d.Result(a))
			if err != nil || !json.Valid(result) {
				t.Errorf("result of %q: %s, %v", text, result, err)
			}
		}
	})
}

// checkScores holds what is true of the scores of any answers.
func checkScores(t *testing.T, d *Definition, a *Administration, text []byte) {
	t.Helper()
	out := make([]Scored, len(d.Scores))
	if err := d.Score(a, out); err != nil {
		t.Fatal(err)
	}
	_, _, ok := d.CheckCodes(a)
	for i, s := range d.Scores {
		if points := s.points(out[i]); out[i].Known && !(points >= s.Min && points <= s.Max) {
			t.Errorf("%s of %q = %v, outside %v to %v", s.Column(), text, points, s.Min, s.Max)
		}
		if (out[i].Status == Invalid) == ok || out[i].Answered > out[i].Items || out[i].Known && !ok || out[i].Status < Complete || out[i].Status > Invalid {
			t.Errorf("%s of %q = %+v, codes in order: %v", s.Column(), text, out[i], ok)
		}
	}
	for i := range d.Safety {
		if r := &d.Safety[i]; r.Rule == safetyItem && r.state(d, a) == itemNegative && !d.Items[r.item].allows(a.code(r.item)) {
			t.Errorf("%s of %q is negative without a code", r.Key, text)
		}
	}
}

// checkRawSafety holds that answers with safety questions are read, or said not
// to be, and that others raise nothing.
func checkRawSafety(t *testing.T, d *Definition, text []byte) {
	t.Helper()
	flags := SafetyFlags(d.ID, text)
	if len(d.Safety) == 0 && flags != nil || len(flags) > len(d.Safety) {
		t.Errorf("%s: %q raises %v", d.ID, text, flags)
	}
	if len(d.Safety) > 0 && !json.Valid(text) && len(flags) != 1 {
		t.Errorf("%s: %q raises %v, want one flag", d.ID, text, flags)
	}
}

// FuzzScoreLines gives exactly one JSON result for every line of anything, of
// every instrument.
func FuzzScoreLines(f *testing.F) {
	for _, seed := range []string{"", "\n", "[1]\n[2]", "x\r\n\r\n[3]\n", "\r", `{"baseline":[7],"follow_up":[4]}`, `{"baseline":null}`, `{"baseline":{},"follow_up":{"answers":3}}`} {
		for i := range All() {
			f.Add(seed, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, in string, which uint8) {
		d := All()[int(which)%len(All())]
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
