package instruments

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func linesOf(t *testing.T, id ID, in string) (lines []string, bad int) {
	t.Helper()
	var out bytes.Buffer
	bad, err := ScoreLines(strings.NewReader(in), &out, mustLookup(t, id))
	if err != nil {
		t.Fatal(err)
	}
	if out.Len() == 0 {
		return nil, bad
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), bad
}

func TestScoreLines(t *testing.T) {
	const head = `{"instrument":"odi","instrument_version":"2.1a","algorithm_version":"odi-1",`
	const invalid = head + `"status":"invalid","score":null,"n":0,"n_items":10,"band":null,"flags":[],"raw":null,"reason":`
	in := []string{
		`[2,1,3,2,2,3,1,0,2,2]`,
		`[2,1,3,2,2,3,1,null,2,2]`,
		`[3,null,null,null,null,null,null,null,null,null]`,
		`[2,1,[3,1],2,2,3,1,0,2,2]`,
		`[2,1,3,2,2,3,1,0,2,6]`,
		`[2,1,3,2,2,3,1,0,2,"2"]`,
		`[2]`,
		`7`,
		`not json`,
		``,
		`{"answers":[2,1,3,2,2,3,1,0,2,2],"age":54}` + "\r",
	}
	want := []string{
		head + `"status":"complete","score":36,"n":10,"n_items":10,"band":"moderate","flags":[],"raw":18}`,
		head + `"status":"prorated","score":40,"n":9,"n_items":10,"band":"moderate","flags":[],"raw":18}`,
		head + `"status":"insufficient","score":null,"n":1,"n_items":10,"band":null,"flags":[],"raw":null,"reason":"too_few_answers"}`,
		head + `"status":"complete","score":36,"n":10,"n_items":10,"band":"moderate","flags":["multi_tick"],"raw":18}`,
		head + `"status":"invalid","score":null,"n":9,"n_items":10,"band":null,"flags":[],"raw":null,"reason":"code_out_of_range","item":"odi.10"}`,
		head + `"status":"invalid","score":null,"n":9,"n_items":10,"band":null,"flags":[],"raw":null,"reason":"code_not_integer","item":"odi.10"}`,
		head + `"status":"invalid","score":null,"n":1,"n_items":10,"band":null,"flags":[],"raw":null,"reason":"wrong_item_count"}`,
		invalid + `"not_answers"}`,
		invalid + `"not_json"}`,
		invalid + `"not_json"}`,
		head + `"status":"complete","score":36,"n":10,"n_items":10,"band":"moderate","flags":[],"raw":18}`,
	}
	for _, end := range []string{"", "\n"} {
		got, bad := linesOf(t, "odi", strings.Join(in, "\n")+end)
		if bad != 2 || len(got) != len(want) {
			t.Fatalf("%d lines, %d bad, want %d and 2", len(got), bad, len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("line %d, %s:\n got %s\nwant %s", i+1, in[i], got[i], want[i])
			}
		}
	}
	if got, bad := linesOf(t, "odi", ""); len(got) != 0 || bad != 0 {
		t.Errorf("no input gives %v, %d bad", got, bad)
	}
}

func TestScoreLinesOfHealthStates(t *testing.T) {
	const head = `{"instrument":"eq5d3l","instrument_version":"1","algorithm_version":"eq5d3l-1",`
	for in, want := range map[string]string{
		`"21232"`:         head + `"status":"complete","score":0.088,"n":5,"n_items":5,"band":null,"flags":["dsu_not_loaded"],"profile":"21232","vas":null,"indices":{"uk3l_mvh_a1":0.088}}`,
		`[2,1,2,3,2,60]`:  head + `"status":"complete","score":0.088,"n":5,"n_items":5,"band":null,"flags":["dsu_not_loaded"],"profile":"21232","vas":60,"indices":{"uk3l_mvh_a1":0.088}}`,
		`[2,1,null,3,2]`:  head + `"status":"insufficient","score":null,"n":4,"n_items":5,"band":null,"flags":["dsu_not_loaded"],"profile":"21932","vas":null,"indices":{"uk3l_mvh_a1":null},"reason":"too_few_answers"}`,
		`"99999"`:         head + `"status":"insufficient","score":null,"n":0,"n_items":5,"band":null,"flags":["dsu_not_loaded"],"profile":"99999","vas":null,"indices":{"uk3l_mvh_a1":null},"reason":"too_few_answers"}`,
		`[2,1,2,3,2,101]`: head + `"status":"invalid","score":null,"n":5,"n_items":5,"band":null,"flags":["dsu_not_loaded"],"profile":null,"vas":null,"indices":{"uk3l_mvh_a1":null},"reason":"code_out_of_range","item":"eq5d3l.6"}`,
		`"2123"`:          head + `"status":"invalid","score":null,"n":0,"n_items":5,"band":null,"flags":["dsu_not_loaded"],"profile":null,"vas":null,"indices":{"uk3l_mvh_a1":null},"reason":"wrong_item_count"}`,
	} {
		if got, _ := linesOf(t, "eq5d3l", in); len(got) != 1 || got[0] != want {
			t.Errorf("%s:\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestScoreLinesOfPairs(t *testing.T) {
	for in, want := range map[string]struct {
		change string
		reason string
	}{
		`{"baseline":[7],"follow_up":[4]}`:                      {"yyy-y-", ""},
		`{"follow_up":{"answers":[0],"age":40},"baseline":[4]}`: {"yyy-yy", ""},
		`{"baseline":[11],"follow_up":[4]}`:                     {"nnnnnn", ReasonMissingBaseline},
		`{"baseline":null,"follow_up":[4]}`:                     {"nnnnnn", ReasonMissingBaseline},
		`{"baseline":[4]}`:                                      {"nnnnnn", ReasonMissingFollowUp},
		`{"baseline":[4],"follow_up":"4"}`:                      {"nnnnnn", ReasonMissingFollowUp},
	} {
		lines, bad := linesOf(t, "nrs_back", in)
		if len(lines) != 1 || bad != 0 {
			t.Fatalf("%s: %d lines, %d bad, want 1 and 0", in, len(lines), bad)
		}
		var got PairResult
		if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
			t.Fatal(err)
		}
		if changeText(got.Change) != want.change || got.Change.Reasons["responder"] != want.reason {
			t.Errorf("%s: change %s %v, want %s, %q", in, changeText(got.Change), got.Change.Reasons, want.change, want.reason)
		}
	}
	lines, _ := linesOf(t, "nrs_back", `{"baseline":[7],"follow_up":[4]}`)
	if !strings.Contains(lines[0], `"baseline":{"instrument":"nrs_back"`) || !strings.Contains(lines[0], `"follow_up":{"instrument":"nrs_back"`) {
		t.Errorf("both administrations are scored: %s", lines[0])
	}
}

func TestScoreLinesHoldsLongLines(t *testing.T) {
	long := "[" + strings.Repeat("1,", maxLine/2+10) + "1]"
	got, bad := linesOf(t, "nrs_leg", "[1]\n"+long+"\n[2]\n"+long)
	if len(got) != 4 || bad != 2 || !strings.Contains(got[1], ReasonLineTooLong) || !strings.Contains(got[2], `"score":2`) || !strings.Contains(got[3], ReasonLineTooLong) {
		t.Errorf("two long lines among four: %d results, %d bad", len(got), bad)
	}
	// Longer than the reader's buffer is not too long.
	got, bad = linesOf(t, "nrs_leg", strings.Repeat(" ", 100_000)+"[3]\n")
	if len(got) != 1 || bad != 0 || !strings.Contains(got[0], `"score":3`) {
		t.Errorf("a wide line: %v, %d bad", got, bad)
	}
}

// Whatever else is wrong with a response, what its answers say of safety stands.
func TestScoreLinesOfRefusedSafety(t *testing.T) {
	const answers = `{"answers":[0,0,0,0,0,0,0,0,3],`
	for in, reason := range map[string]string{
		answers + `"age":"54"}`:                           ReasonNotAnswers,
		answers + `"sex":1}`:                              ReasonNotAnswers,
		answers + `"supplied_score":1e400}`:               ReasonNotAnswers,
		answers + `"missing":{"odi.1":"blank"}}`:          ReasonNotAnswers,
		answers + `"instrument_version":"99"}`:            ReasonUnknownVersion,
		answers + `"instrument_version":9}`:               ReasonUnknownVersion,
		answers + `"instrument_version":"99","age":"54"}`: ReasonUnknownVersion,
	} {
		got, bad := linesOf(t, "phq9", in)
		if len(got) != 1 || bad != 0 || !strings.Contains(got[0], `"flags":["item9_positive"],"reason":"`+reason+`","item9":"positive"`) {
			t.Errorf("%s: %v, %d bad", in, got, bad)
		}
	}
	got, _ := linesOf(t, "ces", `{"answers":[1,0,0,0,0,0,0,2],"age":"54"}`)
	if len(got) != 1 || !strings.Contains(got[0], `"flags":["ces_p0"]`) {
		t.Errorf("cauda equina: %v", got)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestScoreLinesErrors(t *testing.T) {
	d := mustLookup(t, "nrs_back")
	var out bytes.Buffer
	broken := errors.New("broken")
	_, err := ScoreLines(io.MultiReader(strings.NewReader("[1]\n"), iotest.ErrReader(broken)), &out, d)
	if !errors.Is(err, broken) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("a reader that breaks after a line: %v, %q", err, out.String())
	}
	if _, err := ScoreLines(strings.NewReader("[1]\n"), brokenWriter{}, d); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a closed writer: %v", err)
	}
}

// What stands beside baseline and follow_up holds for both, unless one has its
// own.
func TestPairsInherit(t *testing.T) {
	d := mustLookup(t, "pgic")
	for line, want := range map[string][2]string{
		`{"baseline":[7],"follow_up":[1],"instrument_version":"pgic-b"}`:                                           {"pgic-b", "pgic-b"},
		`{"baseline":{"answers":[7],"instrument_version":"pgic-a"},"follow_up":[1],"instrument_version":"pgic-b"}`: {"pgic-a", "pgic-b"},
		`{"baseline":[7],"follow_up":[1]}`:                                                                         {"pgic-a", "pgic-a"},
	} {
		r, _ := d.scoreLine([]byte(line))
		p, ok := r.(PairResult)
		if !ok || p.Baseline.InstrumentVersion != want[0] || p.FollowUp.InstrumentVersion != want[1] {
			t.Errorf("%s = %+v, want versions %v", line, r, want)
		}
		if differs := p.Change.Reasons["improvement"] == ReasonVersionDiffers; differs != (want[0] != want[1]) {
			t.Errorf("%s: %v", line, p.Change.Reasons)
		}
	}
}

func TestSuppliedScores(t *testing.T) {
	for _, c := range []struct {
		id     ID
		line   string
		agrees bool
	}{
		{"tsk11", `{"answers":[3,2,3,2,3,2,3,2,3,2,null],"supplied_score":28}`, true},
		{"tsk11", `{"answers":[3,2,3,2,3,2,3,2,3,2,null],"supplied_score":27.5}`, true},
		{"tsk11", `{"answers":[3,2,3,2,3,2,3,2,3,2,null],"supplied_score":29}`, false},
		{"eq5d5l", `{"answers":"21232","supplied_score":0.81}`, true},
		{"eq5d5l", `{"answers":"21232","supplied_score":1}`, false},
		{"phq9", `{"answers":[1,1,1,1,1,1,1,1,1],"supplied_score":8}`, false},
		{"phq9", `{"answers":[null,null,null,1,1,1,1,1,1],"supplied_score":6}`, false},
		{"promis29", `{"answers":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,0],"supplied_score":50}`, true},
	} {
		r, _ := mustLookup(t, c.id).scoreLine([]byte(c.line))
		if got := !slices.Contains(r.(Result).Flags, FlagSuppliedDiffers); got != c.agrees {
			t.Errorf("%s %s: agrees %v, want %v", c.id, c.line, got, c.agrees)
		}
	}
}

// A tick list that was never handed in is no score of 0.
func TestTickListNotHandedIn(t *testing.T) {
	d := mustLookup(t, "rmdq24")
	for line, want := range map[string]Status{
		`{"answers":{},"admin_mode":"ticklist"}`:             Insufficient,
		`{"answers":[],"admin_mode":"ticklist"}`:             Invalid,
		`{"answers":{"rmdq24.3":1},"admin_mode":"ticklist"}`: Complete,
	} {
		if r, _ := d.scoreLine([]byte(line)); r.(Result).Status != want {
			t.Errorf("%s = %+v, want %v", line, r, want)
		}
	}
}
