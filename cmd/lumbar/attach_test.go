package main

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/study"
	"github.com/lumbar-health/lumbar/store/engine"
)

// aStudy is a protocol on the programme's data.
const aStudy = `study: cppp-v-core-therapy
treatment: {column: intervention, treated: cppp, control: core_therapy}
outcome: {column: odi_12m, baseline: odi_baseline, direction: lower_better}
covariates: [odi_baseline, age, factor(sex), factor(startback_risk)]
methods: [crude, ancova]
`

// TestAttachedCommandsGetTheOwnersAnswers holds that a command beside the owner
// of a data directory gets the owner's answers, byte by byte, and that a command
// after it, which owns the directory itself, gets them too.
func TestAttachedCommandsGetTheOwnersAnswers(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 300, 4)
	protocol := filepath.Join(t.TempDir(), "study.yaml")
	save(t, protocol, []byte(aStudy))
	questions := []queries.Question{
		{Name: "outcomes", Params: map[string][]string{"by": {"region"}}},
		{Name: "outcomes", Params: map[string][]string{"by": {"provider", "sex"}, "instrument": {"odi", "eq5d5l"}}, Undisclosed: true},
		{Name: "funnel", Params: map[string][]string{"by": {"provider"}}, Undisclosed: true},
		{Name: "compare", Params: map[string][]string{"by": {"region"}, "interventions": {"core_therapy", "cppp"}}, Undisclosed: true},
	}
	ask := func(first int) (answers []string) {
		for _, q := range questions[first:] {
			args := []string{"ask", q.Name, "--json"}
			for name, list := range q.Params {
				args = append(args, "--"+name, strings.Join(list, ","))
			}
			if q.Undisclosed {
				args = append(args, "--undisclosed")
			}
			answers = append(answers, in.mustRun(t, args...).out)
		}
		for _, flag := range []string{"--undisclosed=false", "--undisclosed"} {
			answers = append(answers, in.mustRun(t, "study", "run", "--json", flag, protocol).out)
		}
		return answers
	}
	owners := func(h *house) (answers []string) {
		for _, q := range questions {
			a, err := h.desk.Ask(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, encoded(t, a))
		}
		for _, undisclosed := range []bool{false, true} {
			p, err := study.Parse([]byte(aStudy))
			if err != nil {
				t.Fatal(err)
			}
			a, err := h.runStudy(t.Context(), p, undisclosed)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, encoded(t, a))
		}
		return answers
	}
	same := func(who string, got, want []string) {
		for i := range want {
			if strings.TrimSpace(got[i]) != strings.TrimSpace(want[i]) {
				t.Errorf("answer %d of %s:\n%s\nwant\n%s", i, who, got[i], want[i])
			}
		}
	}
	h := in.hold(t)
	if got := in.imported(t, 0, dir); got.Stored == 0 || got.Rejected != 0 {
		t.Fatalf("imported beside an owner: %+v", got.Report)
	}
	want := owners(h)
	same("a command beside the owner", ask(0), want)
	refused(t, in.run(t, "doctor"), 1, "stop the process that owns it first")
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	last := len(questions) - 1 // each of these starts an engine
	same("a command alone", ask(last), want[last:])
}

// encoded is what a command prints with --json.
func encoded(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	if err := writeJSON(&b, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestCommandsAtOnce holds that two commands that begin at once on a directory
// that is not there yet share it, and that both find what both stored.
func TestCommandsAtOnce(t *testing.T) {
	in, dir := installation{filepath.Join(t.TempDir(), "new", "folder")}, simulatedFiles(t, 60, 6)
	files, err := importPaths([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	for _, path := range files {
		wait.Go(func() {
			if got := in.imported(t, 0, path); got.Stored == 0 {
				t.Errorf("%s: %+v", path, got.Report)
			}
		})
	}
	wait.Wait()
	if got := in.imported(t, 0, dir); got.Stored != 0 {
		t.Errorf("%d records were stored twice", got.Stored)
	}
	in.sound(t)
}

// TestOwnerWaitsForAttached holds that an import without a server, when it is
// done, stays until a command that came meanwhile has left.
func TestOwnerWaitsForAttached(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 400, 7)
	owner := command(t, nil, "import", "--data", in.dir, dir).start(t)
	guest := in.attach(t, owner)
	eventually(t, "the import prints its report", func() bool { return strings.Contains(owner.out.String(), "all files") })
	if len(in.ask(t, "outcomes", "--by", "region").Rows) == 0 {
		t.Error("no answer from an owner that is done")
	}
	select {
	case <-owner.ended:
		t.Errorf("the owner has left before its guest: %s%s", owner.out, owner.err)
	default:
	}
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}
	if code := owner.wait(t); code != 0 {
		t.Errorf("exit %d: %s", code, owner.err)
	}
}

// attach attaches to an owner that is starting in another process.
func (in installation) attach(t *testing.T, owner *process) (guest *engine.Attachment) {
	t.Helper()
	eventually(t, "a guest is let in", func() bool {
		select {
		case <-owner.ended:
			t.Fatalf("the owner ended: %s%s", owner.out, owner.err)
		default:
		}
		var err error
		if guest, err = engine.Attach(t.Context(), in.dir); err != nil && !errors.Is(err, engine.ErrNoOwner) {
			t.Fatal(err)
		}
		return guest != nil
	})
	t.Cleanup(func() { _ = guest.Close() })
	return guest
}

// TestOwnerKilledWhileItImports holds that nothing is lost or counted twice
// where the owner of a data directory is killed in the middle of an import, its
// own or that of a command beside it: the same import completes it.
func TestOwnerKilledWhileItImports(t *testing.T) {
	in, dir := newInstallation(t), simulatedFiles(t, 1500, 8)
	served := command(t, nil, "serve", "--addr", "127.0.0.1:0", "--data", in.dir).start(t)
	guest := in.attach(t, served)
	beside := make(chan result)
	go func() { beside <- in.run(t, "import", filepath.Join(dir, "responses.arrow")) }()
	eventually(t, "the first rows are stored", func() bool { return stored(guest) })
	served.kill(t)
	if r := <-beside; r.code != 0 {
		refused(t, r, 1, "start the import again")
	}
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}

	alone := command(t, nil, "import", "--data", in.dir, dir).start(t)
	guest = in.attach(t, alone)
	eventually(t, "the first rows are stored", func() bool { return stored(guest) })
	alone.kill(t)
	if err := guest.Close(); err != nil {
		t.Fatal(err)
	}

	in.imported(t, 0, dir)
	h := in.hold(t)
	if again := in.imported(t, 0, dir); again.Stored != 0 || again.Duplicate != again.Read {
		t.Errorf("again: %+v", again.Report)
	}
	got := in.ask(t, "outcomes", "--by", "provider", "--undisclosed").Rows
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	in.sound(t)

	whole := newInstallation(t)
	whole.hold(t)
	whole.imported(t, 0, dir)
	want := whole.ask(t, "outcomes", "--by", "provider", "--undisclosed").Rows
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range want {
		if encoded(t, got[i]) != encoded(t, want[i]) {
			t.Fatalf("after the kills %s, undisturbed %s", encoded(t, got[i]), encoded(t, want[i]))
		}
	}
}

// stored says whether the owner's engine holds a response.
func stored(guest *engine.Attachment) bool {
	o := guest.Owner
	ask := url.URL{Scheme: "http", Host: o.HTTPAddr, User: url.UserPassword(o.User, o.Password),
		RawQuery: url.Values{"query": {"SELECT count() FROM " + o.Database + ".response"}}.Encode()}
	reply, err := http.Get(ask.String())
	if err != nil {
		return false
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	n, bad := strconv.Atoi(strings.TrimSpace(string(text)))
	return errors.Join(err, bad) == nil && n > 0
}
