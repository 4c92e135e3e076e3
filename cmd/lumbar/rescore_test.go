package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/internal/definitiontest"
	"github.com/lumbar-health/lumbar/simulate"
	"github.com/lumbar-health/lumbar/store/write"
)

const definitionsVariable = "LUMBAR_INSTRUMENTS_DEFINITIONS_DIR"

// definitionsFrom lets every command of the test read a folder of definitions.
func definitionsFrom(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() { // after the variable has its former value again
		if err := useInstruments(""); err != nil {
			t.Error(err)
		}
	})
	t.Setenv(definitionsVariable, dir)
	if err := useInstruments(""); err != nil {
		t.Fatal(err)
	}
}

// rescored runs lumbar rescore, which must end well.
func (in installation) rescored(t *testing.T, args ...string) write.Rescored {
	t.Helper()
	var report write.Rescored
	r := in.mustRun(t, append([]string{"rescore", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.out), &report); err != nil {
		t.Fatalf("rescore %v: %s", args, r.out)
	}
	return report
}

// disability is what outcomes says of the ODI, by provider, in full precision.
func (in installation) disability(t *testing.T) string {
	t.Helper()
	return encoded(t, in.ask(t, "outcomes", "--instrument", "odi", "--by", "provider", "--undisclosed").Rows)
}

// TestRescoreCommand: an algorithm that came with a folder of definitions counts
// from the re-score on, and then data that were stored before read as if they
// had come after.
func TestRescoreCommand(t *testing.T) {
	files, folder := simulatedFiles(t, 300, 5), definitiontest.SecondODI(t, true)
	in := newInstallation(t)
	in.imported(t, 0, files)
	before := in.disability(t)
	definitionsFrom(t, folder)
	if in.disability(t) != before {
		t.Error("a definition changed an answer before a re-score")
	}
	if r := in.mustRun(t, "rescore"); !strings.Contains(r.out, "odi-2") || !strings.Contains(r.out, "uk3l_mvh_a1") {
		t.Errorf("the list says %s", r.out)
	}
	if r := runWith(t, "[null,null,1,1,1,1,1,1,1,1]", "score", "--instrument", "odi"); !strings.Contains(r.out, `"odi-2"`) || !strings.Contains(r.out, "insufficient") {
		t.Errorf("score says %s%s, want the folder's algorithm", r.out, r.err)
	}
	dry := in.rescored(t, "--instrument", "odi", "--dry-run")
	report := in.rescored(t, "--instrument", "odi")
	if report.Scores == 0 || report.Scores != dry.Scores || !report.Switched || dry.Switched {
		t.Errorf("dry run %+v, then %+v", dry, report)
	}
	in.sound(t)
	fresh := newInstallation(t)
	fresh.imported(t, 0, files)
	after := in.disability(t)
	if after == before || after != fresh.disability(t) {
		t.Error("after the re-score the answer is not that of data which came under the new algorithm")
	}
	back := in.rescored(t, "--instrument", "odi", "--algorithm", "odi-1")
	if back.Scores != 0 || !back.Switched || in.disability(t) != before {
		t.Errorf("back to the former algorithm: %+v; want the former answer and no row written", back)
	}
}

// TestRescoreRefuses holds what is said to a mistake, before data are opened.
func TestRescoreRefuses(t *testing.T) {
	in := newInstallation(t)
	t.Setenv("LUMBAR_OFFLINE", "1")
	t.Setenv("LUMBAR_CACHE", t.TempDir()) // no engine: it must not get that far
	for _, c := range []struct {
		args  []string
		words []string
	}{
		{[]string{"--instrument", "odi2"}, []string{`"odi2" is no instrument of any programme`, "odi"}},
		{[]string{"--instrument", "odi", "--algorithm", "odi-9"}, []string{`"odi-9" is no algorithm of odi`, "odi-1"}},
		{[]string{"--instrument", "odi", "--value-set", "x"}, []string{"odi has no value sets"}},
		{[]string{"--instrument", "eq5d5l", "--value-set", "x"}, []string{`"x" is no value set of eq5d5l`, "uk5l_rowen2026"}},
		{[]string{"--instrument", "odi", "--programme", "x"}, []string{`"x" is no programme`}},
		{[]string{"--algorithm", "odi-1"}, []string{"say which questionnaire with --instrument"}},
		{[]string{"odi"}, []string{"unknown command"}},
	} {
		refused(t, in.run(t, append([]string{"rescore"}, c.args...)...), 2, c.words...)
	}
	t.Setenv(definitionsVariable, filepath.Join(t.TempDir(), "none"))
	refused(t, in.run(t, "score", "--instrument", "odi"), 1, "instruments.definitions_dir")
}

// TestRescoreKilled kills a re-score and its engine in each of its phases. After
// each kill the data are sound, and in the end they are those of a whole run.
func TestRescoreKilled(t *testing.T) {
	files, folder := simulatedFiles(t, 1500, 6), definitiontest.SecondODI(t, true)
	in := newInstallation(t)
	in.imported(t, 0, files)
	before := in.disability(t)
	definitionsFrom(t, folder)
	for _, phase := range []string{"scoring, 0 of", "deriving", "switching"} {
		p := command(t, nil, "--data", in.dir, "rescore", "--instrument", "odi").start(t)
		eventually(t, "the re-score says "+phase, func() bool {
			select {
			case <-p.ended:
				return true
			default:
				return strings.Contains(p.err.String(), phase)
			}
		})
		p.kill(t)
		in.sound(t)
	}
	in.rescored(t, "--instrument", "odi")
	in.sound(t)
	fresh := newInstallation(t)
	fresh.imported(t, 0, files)
	if after := in.disability(t); after == before || after != fresh.disability(t) {
		t.Error("after kills and a last run the answer is not that of data which came under the new algorithm")
	}
}

// TestRescoreWhileAnswersArrive: an attached command re-scores while the owner
// takes answers and is asked. None is lost, and all follow the switch.
func TestRescoreWhileAnswersArrive(t *testing.T) {
	world := simulate.Options{Patients: 250, Seed: 12, Live: true}
	dir := filepath.Join(t.TempDir(), "world")
	if _, err := simulate.Write(t.Context(), dir, world); err != nil {
		t.Fatal(err)
	}
	g, err := simulate.New(world)
	if err != nil {
		t.Fatal(err)
	}
	var late []simulate.Response
	for r := range g.Trickle() {
		late = append(late, r)
	}
	files := []string{filepath.Join(dir, "episodes.arrow"), filepath.Join(dir, "responses.arrow")}
	post := func(url string, rows []simulate.Response, size int) {
		for len(rows) > 0 {
			n := min(size, len(rows))
			if got := sent(t, http.MethodPost, url+"/v1/responses", rows[:n], mediaJSON); got.status != http.StatusOK {
				t.Errorf("POST: %d %s", got.status, got.body)
			}
			rows = rows[n:]
		}
	}
	in := newInstallation(t)
	in.imported(t, 0, files...)
	definitionsFrom(t, definitiontest.SecondODI(t, true))
	h := in.hold(t)
	demo, _ := faceOf(t, h, true)
	done := make(chan struct{})
	go func() {
		defer close(done)
		post(demo.URL, late, 10)
	}()
	report := in.rescored(t, "--instrument", "odi")
	<-done
	if !report.Switched || report.Scores == 0 {
		t.Errorf("%+v: want a switch", report)
	}
	h.sound(t)
	fresh := newInstallation(t)
	other, _ := faceOf(t, fresh.hold(t), true)
	fresh.imported(t, 0, files...)
	post(other.URL, late, len(late))
	if in.disability(t) != fresh.disability(t) {
		t.Error("the answer is not that of data which came under the new algorithm")
	}
}
