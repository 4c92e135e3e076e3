package http_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
)

// pains are n answers of as many people, one a line.
func pains(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(response(fmt.Sprint("r", i), fmt.Sprintf("%032x", i+1), "completed", fmt.Sprint(i%11)) + "\n")
	}
	return b.String()
}

// by sets how many rows close a batch of an import.
func (in *installation) by(rows int) {
	in.options.BatchRows, in.options.Metrics = rows, nil
	in.pipeline = ingest.New(in.writer, in.options)
}

// TestImportsTakeTurns: two imports of one file at once, each of many batches:
// every record is stored by one of them and a duplicate for the other.
func TestImportsTakeTurns(t *testing.T) {
	const n = 500
	in := install(t)
	in.by(40)
	var reports [2]ingest.Report
	var errs [2]error
	var both sync.WaitGroup
	for i := range reports {
		both.Go(func() {
			reports[i], errs[i] = in.pipeline.Import(context.Background(), text("answers.ndjson", []byte(pains(n))), ingest.ImportOptions{}, nil)
		})
	}
	both.Wait()
	for i, r := range reports {
		if errs[i] != nil || r.Read != n || r.Stored+r.Duplicate != n {
			t.Errorf("import %d: %d read, %d stored, %d duplicate, %v", i, r.Read, r.Stored, r.Duplicate, errs[i])
		}
	}
	if stored := reports[0].Stored + reports[1].Stored; stored != n {
		t.Errorf("%d records were stored by both together, want %d", stored, n)
	}
	if got := in.count("SELECT count() FROM response"); got != n {
		t.Errorf("%d responses, want %d", got, n)
	}
}

// TestWaitingForATurnEnds: an import that waits for another one ends with its
// context, and a dry run does not wait.
func TestWaitingForATurnEnds(t *testing.T) {
	in := install(t)
	in.by(10)
	ctx, leave := context.WithCancel(context.Background())
	writer := &hooked{Writer: in.writer}
	writer.bulk = func() {
		writer.bulk = nil
		if r := in.load(text("dry.ndjson", []byte(pains(30))), ingest.ImportOptions{DryRun: true}); r.Stored != 30 {
			t.Errorf("a dry run beside an import: %+v", r)
		}
		leave()
		if _, err := in.pipeline.Import(ctx, text("second.ndjson", []byte(pains(30))), ingest.ImportOptions{}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("an import that had to wait: %v", err)
		}
	}
	in.pipeline = ingest.New(writer, in.options)
	if r := in.load(text("first.ndjson", []byte(pains(30))), ingest.ImportOptions{}); r.Stored != 30 {
		t.Errorf("%+v", r)
	}
}

// hooked is a writer that does something before a step.
type hooked struct {
	ingest.Writer
	bulk  func()
	write func() error
}

func (h *hooked) Bulk(ctx context.Context) (ingest.Bulk, error) {
	if h.bulk != nil {
		h.bulk()
	}
	return h.Writer.Bulk(ctx)
}

func (h *hooked) Write(ctx context.Context, b ingest.Batch) error {
	if h.write != nil {
		if err := h.write(); err != nil {
			return err
		}
	}
	return h.Writer.Write(ctx, b)
}

// TestRepetitionsInOneSource: a file that holds each record several times is
// counted exactly, the first time and again, and each is stored once.
func TestRepetitionsInOneSource(t *testing.T) {
	const n, times = 300, 5
	in := install(t)
	in.by(70)
	file := text("answers.ndjson", []byte(strings.Repeat(pains(n), times)))
	for run, want := range []int{n, 0} {
		if r := in.load(file, ingest.ImportOptions{}); r.Read != n*times || r.Stored != want {
			t.Errorf("import %d: %d read, %d stored, %d duplicate; want %d stored", run+1, r.Read, r.Stored, r.Duplicate, want)
		}
		if got := in.count("SELECT count() FROM response FINAL"); got != n {
			t.Errorf("%d responses, want %d", got, n)
		}
		if got := in.count("SELECT count() FROM score FINAL"); got != n {
			t.Errorf("%d scores, want %d", got, n)
		}
	}
}

// TestProgrammesInOneBulk: episodes whose programmes have other covariates than
// those before them, in one source.
func TestProgrammesInOneBulk(t *testing.T) {
	in := install(t)
	in.by(3)
	var b strings.Builder
	episode := func(i int, programme, further string) {
		fmt.Fprintf(&b, `{"kind":"episode","patient":{"pseudonym":"%032x"},"programme":"%s","episode":"e%d","referred_on":"2026-01-01",%s}`+"\n", i+1, programme, i, further)
	}
	for i := range 20 {
		switch i / 5 {
		case 0, 2:
			episode(i, "back-pain", `"bmi":30`)
		case 1, 3:
			episode(i, "nhs-proms", `"procedure":"hip_primary","diabetes":1`)
		}
	}
	b.WriteString(pains(10))
	if r := in.load(text("both.ndjson", []byte(b.String())), ingest.ImportOptions{}); r.Stored != 30 {
		t.Errorf("%+v", r)
	}
	for query, want := range map[string]uint64{
		"SELECT count() FROM outcome FINAL WHERE live = 1 AND programme = 'back-pain' AND bmi = 30":     10,
		"SELECT count() FROM outcome FINAL WHERE live = 1 AND programme = 'nhs-proms' AND diabetes = 1": 10,
		"SELECT count() FROM episode": 20,
	} {
		if got := in.count(query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}

// TestCorrectionIsCompletedByTheNextImport: a bulk is stored and the withdrawal
// of what it corrects is not, for the disk is full. The same import again
// withdraws it.
func TestCorrectionIsCompletedByTheNextImport(t *testing.T) {
	in := install(t)
	in.by(2)
	full := errors.New("no space left")
	writer := &hooked{Writer: in.writer, write: func() error { return full }}
	lines := []string{
		`{"kind":"episode",` + referral("e1", ann)[1:], `{"kind":"episode",` + referral("e2", bob)[1:],
		response("r1", ann, "completed", "7"), response("r1", bob, "amended", "7"), response("r2", ann, "in-progress", "3"),
	}
	file := text("answers.ndjson", []byte(strings.Join(lines, "\n")))
	in.pipeline = ingest.New(writer, in.options)
	if r, err := in.pipeline.Import(context.Background(), file, ingest.ImportOptions{}, nil); !errors.Is(err, full) || r.Stored != len(lines) {
		t.Fatalf("%+v, %v; want the writer's error after all is stored", r, err)
	}
	writer.write = nil
	if r := in.load(file, ingest.ImportOptions{}); r.Duplicate != len(lines) {
		t.Errorf("%+v", r)
	}
	holds := "patient_id = reinterpretAsUInt128(reverse(unhex('" + bob + "')))"
	if all, his := in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND nrs_back_baseline = 7"), in.count("SELECT count() FROM outcome FINAL WHERE live = 1 AND nrs_back_baseline = 7 AND "+holds); all != 1 || his != 1 {
		t.Errorf("%d people have the answer, %d is the one of the correction", all, his)
	}
	if got := in.count("SELECT count() FROM response WHERE status = 'entered-in-error'"); got != 1 {
		t.Errorf("%d withdrawals, want 1", got)
	}
}
