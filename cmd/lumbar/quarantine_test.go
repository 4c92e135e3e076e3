package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
	"github.com/knadh/koanf/v2"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/simulate"
)

// Words of refused rows that may stand nowhere but sealed.
const (
	secretNumber   = "9434765919"
	secretProvider = "Dr-Nobody-Else"
)

// holdWith opens the installation in this process under some settings, with a
// log that can be read.
func (in installation) holdWith(t *testing.T, change map[string]any) (*house, *transcript) {
	t.Helper()
	k := koanf.New(".")
	for _, part := range []map[string]any{settings, {"data": in.dir}, change} {
		for key, value := range part {
			if err := k.Set(key, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	logged := &transcript{}
	h, err := takeHouse(context.WithoutCancel(t.Context()), k, "test", slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h, logged
}

// quarantined lists what the quarantine holds.
func (in installation) quarantined(t *testing.T, args ...string) quarantineListed {
	t.Helper()
	var list quarantineListed
	r := in.mustRun(t, append([]string{"quarantine", "list", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.out), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// retried tries rows of the quarantine again.
func (in installation) retried(t *testing.T, code int, args ...string) quarantineAnswer {
	t.Helper()
	r := in.run(t, append([]string{"quarantine", "retry", "--json"}, args...)...)
	var answer quarantineAnswer
	if err := json.Unmarshal([]byte(r.out), &answer); err != nil || r.code != code || answer.Retry == nil {
		t.Fatalf("retry %v: exit %d, %s%s", args, r.code, r.out, r.err)
	}
	q := answer.Retry
	if q.Read != q.Stored+q.Duplicate+q.Rejected+q.NotKept+q.Unread {
		t.Errorf("retry %v does not reconcile: %+v", args, q)
	}
	return answer
}

// sources writes a file of each format, one of whose rows is dated in the year
// 2031; the mapping is that of the last.
func sources(t *testing.T) (files map[string]string, mapping string) {
	t.Helper()
	dir := t.TempDir()
	files = map[string]string{}
	put := func(format, name string, text []byte) {
		files[format] = filepath.Join(dir, name)
		save(t, files[format], text)
	}
	columns := []string{"patient_nhs_number", "instrument", "answered_at", "provider", "item_1", "item_2"}
	rows := [][]string{
		{secretNumber, "nrs_back", "2031-02-01", secretProvider, "7", ""}, {secretNumber, "nrs_back", "2026-01-01", "RTR", "3", ""},
	}
	table := func(provider string) arrow.Record {
		var fields []arrow.Field
		for _, name := range columns {
			kind := arrow.DataType(arrow.BinaryTypes.String)
			if strings.HasPrefix(name, "item_") {
				kind = arrow.PrimitiveTypes.Int8
			}
			fields = append(fields, arrow.Field{Name: name, Type: kind, Nullable: true})
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
		for _, row := range rows {
			for i, cell := range row {
				switch f := b.Field(i).(type) {
				case *array.StringBuilder:
					if columns[i] == "provider" {
						cell += provider
					}
					f.Append(cell)
				case *array.Int8Builder:
					if cell == "" {
						f.AppendNull()
					} else {
						f.Append(int8(cell[0] - '0'))
					}
				}
			}
		}
		return b.NewRecord()
	}
	var b bytes.Buffer
	rec := table("-arrow")
	w := ipc.NewWriter(&b, ipc.WithSchema(rec.Schema()))
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	put("arrow", "rows.arrow", bytes.Clone(b.Bytes()))
	b.Reset()
	rec = table("-parquet")
	p, err := pqarrow.NewFileWriter(rec.Schema(), &b, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Write(rec), p.Close()); err != nil {
		t.Fatal(err)
	}
	put("parquet", "rows.parquet", b.Bytes())
	text := strings.Join(columns[:5], ",") + "\n"
	objects := ""
	for _, row := range rows {
		text += strings.Join(row[:5], ",") + "\n"
		objects += fmt.Sprintf(`{"patient":{"nhs_number":%q},"instrument":"nrs_back","answered_at":%q,"provider":"%s-ndjson","answers":[%s]}`+"\n", row[0], row[2], row[3], row[4])
	}
	put("csv", "rows.csv", []byte(text))
	put("ndjson", "rows.ndjson", []byte(objects))
	put("fhir", "bundle.json", []byte(`{"resourceType":"Bundle","type":"batch","entry":[{"fullUrl":"urn:uuid:p","resource":{"resourceType":"Patient","id":"`+secretProvider+
		`","identifier":[{"system":"https://fhir.nhs.uk/Id/nhs-number","value":"`+secretNumber+`"}]}},{"fullUrl":"urn:uuid:r","resource":{"resourceType":"QuestionnaireResponse",
		"questionnaire":"urn:lumbar:questionnaire:nrs_back","status":"completed","authored":"2031-02-01","subject":{"reference":"urn:uuid:p"},"item":[{"linkId":"nrs_back.1","answer":[{"valueInteger":7}]}]}}]}`))
	world := filepath.Join(dir, "world")
	if _, err := simulate.Write(t.Context(), world, simulate.Options{Patients: 8, Seed: 2}); err != nil {
		t.Fatal(err)
	}
	proms, err := os.ReadFile(filepath.Join(world, "hip-provider-simulated.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfterN(string(proms), "\n", 3)
	put("nhs-proms", "hip.csv", []byte(lines[0]+regexp.MustCompile(`20\d\d/\d\d`).ReplaceAllString(lines[1], "2030/31")+lines[2]))
	mapping = filepath.Join(dir, "clinic.yaml")
	save(t, mapping, []byte("mapping: clinic\nencoding: windows-1252\ndelimiter: ';'\nrows:\n  - fields:\n      patient_nhs_number: N\xc2\xb0\n      instrument: {value: nrs_back}\n"+
		"      answered_at: date\n      provider: {column: o\xc3\xb9, suffix: -mapped}\n    items:\n      - columns: [score]\n        codes: {1: 0, 8: 7, 4: 3}\n"))
	put("mapped", "clinic.csv", []byte("N\xb0;date;o\xf9;score\n"+secretNumber+";2031-02-01;"+secretProvider+";8\n"+secretNumber+";2026-01-01;RTR;4\n"))
	return files, mapping
}

// TestQuarantineRetryOfEveryFormat: a refused row of each format is listed
// without a word of what stood in it, stays held while it is wrong, and is
// stored once it is not; what it then is, is what its file would bring.
func TestQuarantineRetryOfEveryFormat(t *testing.T) {
	files, mapping := sources(t)
	in := newInstallation(t)
	h, logged := in.holdWith(t, map[string]any{"pseudonym.key": strings.Repeat("k", 64)})
	today, later := time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC), time.Date(2032, 9, 1, 9, 0, 0, 0, time.UTC)
	h.setClock(today)
	for format, file := range files {
		args := []string{file}
		if format == "mapped" {
			args = append(args, "--mapping", mapping)
		}
		if r := in.imported(t, 0, args...); r.Rejected != 1 || r.Rules[ingest.RuleInFuture] == 0 {
			t.Fatalf("%s: %+v", format, r.Report)
		}
	}
	n := len(files)
	list := in.quarantined(t)
	if list.Total != n || len(list.Rows) != n || list.Rules[ingest.RuleInFuture] != n {
		t.Fatalf("%+v, want %d rows", list, n)
	}
	if got := in.retried(t, 0, "--all").Retry; got.Rejected != n-1 || got.Unread != 1 || got.Rules[ingest.RuleInFuture] != n-1 {
		t.Errorf("before it is put right: %+v", got)
	}
	h.setClock(later)
	if got := in.retried(t, 0, "--rule", ingest.RuleInFuture, "--mapping", mapping, "--dry-run").Retry; got.Stored != n || !got.DryRun {
		t.Errorf("dry run: %+v", got)
	}
	if got := in.quarantined(t); got.Total != n {
		t.Errorf("after a dry run %d rows are held", got.Total)
	}
	plain := in.mustRun(t, "quarantine", "retry", "--all")
	if !strings.Contains(plain.out, fmt.Sprintf("%d refused rows tried again: %d stored, 0 duplicate, 0 rejected again, 0 not kept, 1 unread", n, n-1)) || !strings.Contains(plain.out, "--mapping") {
		t.Errorf("without the mapping: %s", plain.out)
	}
	if got := in.retried(t, 0, "--format", "csv", "--mapping", mapping).Retry; got.Stored != 1 || got.Read != 1 {
		t.Errorf("with the mapping: %+v", got)
	}
	if got := in.quarantined(t); got.Total != 0 {
		t.Errorf("in the end %+v are held", got)
	}
	done := in.quarantined(t, "--state", "replayed")
	if done.Total != n {
		t.Errorf("%d rows are replayed, want %d", done.Total, n)
	}
	if r := in.retried(t, 1, done.Rows[0].ID); len(r.NotHeld) != 1 || r.Retry.Read != 0 {
		t.Errorf("a row that is replayed, again: %+v", r)
	}
	for format, file := range files {
		args := []string{file}
		if format == "mapped" {
			args = append(args, "--mapping", mapping)
		}
		if r := in.imported(t, 0, args...); r.Duplicate != r.Read {
			t.Errorf("%s: the file after its retry: %+v, want all duplicate", format, r.Report)
		}
	}
	texts := []string{plain.out, plain.err, in.mustRun(t, "quarantine", "list", "--state", "all").out, encoded(t, list), encoded(t, done), logged.String()}
	pseudonym := record.Pseudonym(h.pipeline.Key, secretNumber)
	for _, secret := range []string{secretNumber, secretProvider, fmt.Sprintf("%x", pseudonym[:])} {
		for _, text := range texts {
			if strings.Contains(text, secret) {
				t.Errorf("%s stands in %s", secret, text)
			}
		}
	}
	if conn, err := h.engine.Connect(h.engine.Database()); err != nil {
		t.Error(err)
	} else {
		var bodies uint64
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM quarantine FINAL WHERE body_sealed != ''").Scan(&bodies); err != nil || bodies != 0 {
			t.Errorf("%d bodies are kept of rows that are stored, %v", bodies, err)
		}
		_ = conn.Close()
	}
}

// TestQuarantineRetryAfterUpgrade: rows of a version that the program did not
// know are taken once its definition is there, in a data directory that each
// command owns by itself; another key opens none.
func TestQuarantineRetryAfterUpgrade(t *testing.T) {
	in, dir := newInstallation(t), t.TempDir()
	t.Setenv("LUMBAR_PSEUDONYM_KEY", strings.Repeat("k", 64))
	file := filepath.Join(dir, "rows.ndjson")
	_, before, _ := person(1)
	row := before.with(wireRow{"instrument": "nrs_back", "instrument_version": "2040", "answers": []int{7}})
	save(t, file, []byte(encoded(t, row)+"\n"+encoded(t, row.with(wireRow{"id": wireRow{"system": "urn:test", "value": "other"}, "answers": []int{77}}))))
	in.imported(t, 0, file)
	if got := in.retried(t, 0, "--rule", ingest.RuleUnknownVersion).Retry; got.Rejected != 2 {
		t.Errorf("before the upgrade: %+v", got)
	}
	t.Run("another version of the product", func(t *testing.T) {
		definition, err := os.ReadFile(filepath.Join("..", "..", "instruments", "definitions", "nrs_back_24h.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		save(t, filepath.Join(folder, "nrs_back_2040.yaml"), bytes.ReplaceAll(bytes.ReplaceAll(definition, []byte("version: 24h"), []byte(`version: "2040"`)), []byte("nrs_back_24h-1"), []byte("nrs_back_2040-1")))
		definitionsFrom(t, folder)
		if got := in.retried(t, 0, "--all").Retry; got.Stored != 1 || got.Rejected != 1 || got.Rules[ingest.RuleCodeOutOfRange] != 1 {
			t.Errorf("after the upgrade: %+v", got)
		}
		list := in.quarantined(t)
		if list.Total != 1 || list.Rules[ingest.RuleCodeOutOfRange] != 1 || list.Rules[ingest.RuleUnknownVersion] != 0 {
			t.Errorf("held with its new reasons: %+v", list)
		}
		in.sound(t)
	})
}

// TestQuarantineKeys: another key opens nothing and says so; what was refused
// without a key has to be sent again.
func TestQuarantineKeys(t *testing.T) {
	_, before, _ := person(1)
	wrong := filepath.Join(t.TempDir(), "rows.ndjson")
	save(t, wrong, []byte(encoded(t, before.with(wireRow{"answers": []int{9}}))))
	in := newInstallation(t)
	h, _ := in.holdWith(t, map[string]any{"pseudonym.key": strings.Repeat("k", 64)})
	in.imported(t, 0, wrong)
	h.pipeline.Key = []byte(strings.Repeat("l", 64))
	if got := in.retried(t, 0, "--all").Retry; got.Unread != 1 || !strings.Contains(got.Rows[0].Advice, "set the key file that it was refused under") {
		t.Errorf("under another key: %+v", got)
	}
	in = newInstallation(t)
	in.holdWith(t, nil)
	in.imported(t, 0, wrong)
	if got := in.retried(t, 0, "--all").Retry; got.NotKept != 1 || !strings.Contains(got.Rows[0].Advice, "send it again") {
		t.Errorf("without a key: %+v", got)
	}
	if list := in.quarantined(t); !slices.Contains(list.Rows[0].Flags, ingest.FlagBodyNotKept) {
		t.Errorf("%+v", list)
	}
}

// TestQuarantineOfRoutes: a row without a kind is of the kind of the route that
// refused it; one of a kind that the route does not take is tried again only by
// name.
func TestQuarantineOfRoutes(t *testing.T) {
	in := newInstallation(t)
	h, _ := in.holdWith(t, map[string]any{"pseudonym.key": strings.Repeat("k", 64)})
	demo, _ := faceOf(t, h, true)
	h.setClock(time.Date(2023, 9, 1, 9, 0, 0, 0, time.UTC))
	episode, before, _ := person(1)
	future := wireRow{"patient": wireRow{"pseudonym": fmt.Sprintf("%032x", 2)}, "sex": "wrong"}
	posted(t, demo.URL+"/v1/episodes", episode, mediaJSON, http.StatusUnprocessableEntity, "rejected")
	posted(t, demo.URL+"/v1/patients", future, mediaJSON, http.StatusUnprocessableEntity, "rejected")
	posted(t, demo.URL+"/v1/responses", []wireRow{before, episode.with(wireRow{"kind": "episode", "episode": "other", "id": nil})}, mediaJSON, http.StatusUnprocessableEntity, "rejected", "rejected")
	h.setClock(time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC))
	if got := in.retried(t, 0, "--all").Retry; got.Read != 3 || got.Stored != 2 || got.Rules[ingest.RuleNotAllowed] != 1 {
		t.Errorf("--all: %+v", got)
	}
	one := h.timelineOf(t, demo.URL, fmt.Sprintf("%032x", 2), "")
	if len(one.Episodes) != 1 || len(one.Responses) != 1 || *one.Responses[0].Placed.Timepoint != "baseline" {
		t.Errorf("%+v", one)
	}
	if got := in.retried(t, 0, "--rule", ingest.RuleNotAcceptedHere).Retry; got.Stored != 1 {
		t.Errorf("by its rule: %+v", got)
	}
	r := in.mustRun(t, "quarantine", "discard", in.quarantined(t).Rows[0].ID, "--why", "a word that nobody meant")
	if r.out != "1 rows discarded\n" || in.quarantined(t).Total != 0 || in.quarantined(t, "--state", "discarded").Total != 1 {
		t.Errorf("discard: %s", r.out)
	}
	posted(t, demo.URL+"/v1/patients", future, mediaJSON, http.StatusUnprocessableEntity, "rejected")
	if list := in.quarantined(t); list.Total != 0 {
		t.Errorf("a discarded row that comes again for the same reason: %+v", list)
	}
	refused(t, in.run(t, "quarantine", "discard", strings.Repeat("0", 16), "--why", "x"), 1, "no row of that id is held")
}

// brokenShelf is a quarantine that can not be written.
type brokenShelf struct{ shelf }

func (brokenShelf) Settle(context.Context, []record.Quarantined) error {
	return errors.New("no space left")
}

// TestQuarantineRetryCutShort: between what is stored and what the quarantine
// says of it a crash does no harm, and neither does a store that takes nothing.
func TestQuarantineRetryCutShort(t *testing.T) {
	in := newInstallation(t)
	h, _ := in.holdWith(t, map[string]any{"pseudonym.key": strings.Repeat("k", 64)})
	h.setClock(time.Date(2023, 9, 1, 9, 0, 0, 0, time.UTC))
	file := filepath.Join(t.TempDir(), "rows.ndjson")
	var rows []string
	for n := range 1200 {
		_, before, _ := person(n)
		rows = append(rows, encoded(t, before))
	}
	save(t, file, []byte(strings.Join(rows, "\n")))
	if r := in.imported(t, 0, file); r.Rejected != len(rows) {
		t.Fatalf("%+v", r.Report)
	}
	h.setClock(time.Date(2026, 9, 1, 9, 0, 0, 0, time.UTC))
	full := errors.New("journal full")
	_, err := h.pipeline.Requeue(t.Context(), shelf{h.store}, func(context.Context, []*ingest.Record) error { return full }, ingest.RequeueOptions{})
	if !errors.Is(err, full) || in.quarantined(t).Total != len(rows) {
		t.Errorf("a journal that is full: %v, %d held", err, in.quarantined(t).Total)
	}
	submit := func(ctx context.Context, records []*ingest.Record) error {
		_, err := h.intake.Submit(ctx, records)
		return err
	}
	if _, err := h.pipeline.Requeue(t.Context(), brokenShelf{shelf{h.store}}, submit, ingest.RequeueOptions{}); err == nil || in.quarantined(t).Total != len(rows) {
		t.Errorf("a quarantine that is full: %v", err)
	}
	got := in.retried(t, 0, "--all").Retry
	if got.Read != len(rows) || got.Duplicate == 0 || got.Stored == 0 || got.Duplicate+got.Stored != len(rows) {
		t.Errorf("after that: %+v, want some of them duplicates", got)
	}
	if r := in.imported(t, 0, file); r.Duplicate != len(rows) {
		t.Errorf("the file after its retry: %+v", r.Report)
	}
	h.sound(t)
}

// TestQuarantineMistakes holds what is said to a mistake, before data are opened.
func TestQuarantineMistakes(t *testing.T) {
	in := newInstallation(t)
	t.Setenv("LUMBAR_OFFLINE", "1")
	t.Setenv("LUMBAR_CACHE", t.TempDir()) // no engine: it must not get that far
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"", []string{"list, retry"}},
		{"burn", []string{`no command "burn"`}},
		{"list --state lost", []string{"held, replayed, discarded or all"}},
		{"list --since yesterday", []string{"2026-04-01"}},
		{"list --limit 0", []string{"--limit"}},
		{"list x", []string{"unknown command"}},
		{"retry", []string{"--rule, --format or --all"}},
		{"retry --all --rule required", []string{"not several"}},
		{"retry 0123456789abcdef --all", []string{"not several"}},
		{"retry 12", []string{"16 digits"}},
		{"discard 0123456789abcdef", []string{"--why"}},
		{"discard --why x", []string{"arg"}},
	} {
		refused(t, in.run(t, append([]string{"quarantine"}, strings.Fields(c.args)...)...), 2, c.words...)
	}
}
