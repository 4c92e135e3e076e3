package export_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/engine"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/write"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// diary writes down in which order things happened.
type diary struct {
	*write.Writer
	events []string
	fail   error
}

func (d *diary) Audit(ctx context.Context, lines ...record.Access) error {
	if d.fail != nil {
		return d.fail
	}
	for _, l := range lines {
		d.events = append(d.events, fmt.Sprintf("audit %s %d", l.Action, l.Rows))
	}
	return d.Writer.Audit(ctx, lines...)
}

// Write is the first byte that leaves.
func (d *diary) Write(b []byte) (int, error) {
	if len(d.events) == 0 || d.events[len(d.events)-1] != "bytes" {
		d.events = append(d.events, "bytes")
	}
	return len(b), nil
}

// site is a store of responses of a few people.
type site struct {
	*store.Store
	conn  engine.Conn
	diary *diary
	at    time.Time
}

const responses = `INSERT INTO response (patient_id, response_id, version, status, source_id, episode_id, programme, instrument, answered_at, answered_on, reported_by, codes, missing_reasons, predicted)
SELECT number + 1, 100 + r, 1, 'completed', 'theirs', 7, 'back-pain', 'odi', '2025-05-01 23:30:00', '2025-05-02', 'patient', [1, NULL, 5], ['', 'blank', ''], if(r = 1, 1.5, NULL)
FROM numbers(%d) AS n CROSS JOIN values('r UInt64', 1, 2) AS v`

func newSite(t *testing.T, people int) *site {
	t.Helper()
	db := chtest.New(t)
	s, err := store.Open(t.Context(), store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password,
		Programmes: programme.All()[:1], Clock: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	out := &site{Store: s, conn: db.Conn(t), diary: &diary{Writer: s.Writer()}, at: now}
	if err := out.conn.Exec(t.Context(), fmt.Sprintf(responses, people)); err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *site) exporter() *export.Exporter {
	return export.New(export.Config{
		Reader: s.Reader(), Rows: s.Extracts(), Records: s.diary, CodeVersion: "test", Clock: func() time.Time { return s.at },
	})
}

// optOut loads a list of opt-outs.
func (s *site) optOut(t *testing.T, people ...byte) {
	t.Helper()
	list := []record.PatientID{{0: 255}}
	for _, p := range people {
		list = append(list, record.PatientID{15: p})
	}
	if _, err := s.References().OptOuts(t.Context(), list, write.Load{}); err != nil {
		t.Fatal(err)
	}
}

func request(f export.Format) export.Request {
	return export.Request{Table: "response", Purpose: "a test", Format: f, Actor: "ann", Role: "administrator"}
}

// made makes an extract.
func made(t *testing.T, e *export.Exporter, r export.Request) ([]byte, export.Summary) {
	t.Helper()
	x, err := e.Begin(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	var b bytes.Buffer
	if err := x.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), x.Summary
}

// TestFormatsAgree: every format holds the same rows under the same names, with
// what is missing missing; nobody who opted out, no moment, no identifier of the
// sender's.
func TestFormatsAgree(t *testing.T) {
	s := newSite(t, 5)
	s.optOut(t, 2, 4)
	e := s.exporter()
	want := map[string]string{
		"programme": "back-pain", "instrument": "odi", "status": "completed", "answered_on": "2025-05-02", "reported_by": "patient",
		"codes": "[1,null,5]", "ticks": "[]", "missing_reasons": `["","blank",""]`, "supplied_score": "", "provider": "",
	}
	for name, rowsOf := range map[export.Format]func(*testing.T, []byte) []map[string]string{
		export.CSV: csvRows, export.JSON: jsonRows, export.Arrow: arrowRows, export.Parquet: parquetRows,
	} {
		text, summary := made(t, e, request(name))
		rows := rowsOf(t, text)
		if len(rows) != 6 || summary.Rows != 6 {
			t.Fatalf("%s has %d rows and says %d, want two of each of three people", name, len(rows), summary.Rows)
		}
		people, episodes, ids, predicted := map[string]int{}, map[string]bool{}, map[string]bool{}, 0
		for _, row := range rows {
			for column, value := range want {
				if row[column] != value {
					t.Errorf("%s: %s = %q, want %q", name, column, row[column], value)
				}
			}
			if row["predicted"] == "1.5" {
				predicted++
			}
			people[row["patient_id"]]++
			episodes[row["episode_id"]], ids[row["response_id"]] = true, true
			for hidden := range row {
				if slices.Contains([]string{"source_id", "answered_at", "received_at", "version", "journal_seq", "sealed"}, hidden) {
					t.Errorf("%s shows %s", name, hidden)
				}
			}
		}
		if len(people) != 3 || len(episodes) != 3 || len(ids) != 6 || predicted != 3 {
			t.Errorf("%s: %d people, %d episodes, %d responses, %d predictions", name, len(people), len(episodes), len(ids), predicted)
		}
		for p, n := range people {
			if len(p) != 32 || n != 2 {
				t.Errorf("%s: %s has %d responses", name, p, n)
			}
		}
	}
}

func csvRows(t *testing.T, text []byte) (rows []map[string]string) {
	t.Helper()
	lines, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func jsonRows(t *testing.T, text []byte) []map[string]string {
	t.Helper()
	var doc struct {
		Rows    []map[string]any
		Notes   []string
		Receipt string
	}
	if err := json.Unmarshal(text, &doc); err != nil || len(doc.Notes) < 3 || doc.Receipt == "" {
		t.Fatalf("%v: %.200s", err, text)
	}
	return texts(t, doc.Rows)
}

// texts writes values as they stand in CSV.
func texts(t *testing.T, rows []map[string]any) (out []map[string]string) {
	t.Helper()
	for _, row := range rows {
		line := map[string]string{}
		for name, v := range row {
			switch v := v.(type) {
			case nil:
				line[name] = ""
			case string:
				line[name] = v
			default:
				text, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				line[name] = string(text)
			}
		}
		out = append(out, line)
	}
	return out
}

func recordRows(t *testing.T, rec arrow.Record) []map[string]string {
	t.Helper()
	text, err := rec.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	return texts(t, rows)
}

func arrowRows(t *testing.T, text []byte) (rows []map[string]string) {
	t.Helper()
	in, err := ipc.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	for in.Next() {
		rows = append(rows, recordRows(t, in.Record())...)
	}
	if _, ok := in.Schema().Metadata().GetValue("lumbar.receipt"); !ok || in.Err() != nil {
		t.Errorf("no receipt in %v, %v", in.Schema().Metadata(), in.Err())
	}
	if !bytes.HasSuffix(text, []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}) {
		t.Error("the stream has no end")
	}
	return rows
}

func parquetRows(t *testing.T, text []byte) (rows []map[string]string) {
	t.Helper()
	f, err := file.NewParquetReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: 100}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	records, err := r.GetRecordReader(t.Context(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer records.Release()
	for records.Next() {
		rows = append(rows, recordRows(t, records.Record())...)
	}
	return rows
}

// TestTwoExtractsCanNotBeJoined: neither by a name of a person or a row, nor by
// the order of the rows. Undisclosed ones can, and say so.
func TestTwoExtractsCanNotBeJoined(t *testing.T) {
	s := newSite(t, 40)
	s.optOut(t)
	e := s.exporter()
	names := func(r export.Request) (order []string, all map[string]bool) {
		text, _ := made(t, e, r)
		all = map[string]bool{}
		for _, row := range csvRows(t, text) {
			order = append(order, row["patient_id"])
			for _, key := range []string{"patient_id", "response_id", "episode_id"} {
				all[row[key]] = true
			}
		}
		return order, all
	}
	_, a := names(request(export.CSV))
	_, b := names(request(export.CSV))
	for name := range a {
		if b[name] {
			t.Fatalf("%s stands in two extracts", name)
		}
	}
	open := request(export.CSV)
	open.Undisclosed = true
	order, c := names(open)
	_, d := names(open)
	if !maps.Equal(c, d) || !c["00000000000000000000000000000001"] || !c[fmt.Sprintf("%016x", 101)] {
		t.Error("undisclosed extracts have other identifiers than the store")
	}
	if slices.IsSorted(order) {
		t.Error("the rows stand in the order of the store")
	}
	_, summary := made(t, e, open)
	if !strings.Contains(strings.Join(summary.Notes, " "), "can be joined") {
		t.Errorf("an undisclosed extract says %q", summary.Notes)
	}
}

// TestAuditComesFirst: the audit knows of an extract before its first byte
// leaves, and at the end how many rows left. Where it can not be written nothing
// leaves.
func TestAuditComesFirst(t *testing.T) {
	s := newSite(t, 3)
	s.optOut(t, 1)
	e := s.exporter()
	x, err := e.Begin(t.Context(), request(export.CSV))
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Write(t.Context(), s.diary); err != nil {
		t.Fatal(err)
	}
	x.Close()
	if got, want := strings.Join(s.diary.events, ", "), "audit export 0, bytes, audit export done 4"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	var stored uint64
	var actor, purpose, receipt string
	row := s.conn.QueryRow(t.Context(), "SELECT count(), any(actor), any(purpose), any(receipt) FROM audit WHERE subject = 'response' AND role = 'administrator'")
	if err := row.Scan(&stored, &actor, &purpose, &receipt); err != nil || stored != 2 || actor != "ann" || purpose != "a test" || receipt != x.Summary.Receipt {
		t.Errorf("%d lines of %s for %q, receipt %s, %v", stored, actor, purpose, receipt, err)
	}
	kept, err := s.Reader().Receipt(t.Context(), x.Summary.Receipt)
	if err != nil || kept.Question != "export" || kept.DisclosureRule != export.Pseudonymised || !strings.Contains(kept.Parameters, `"opt_outs_received_at"`) {
		t.Errorf("receipt %+v, %v", kept, err)
	}
	s.diary.fail = errors.New("the disk is full")
	if _, err := e.Begin(t.Context(), request(export.CSV)); !isKind(err, queries.Internal) {
		t.Errorf("without an audit: %v", err)
	}
	s.diary.fail = nil
	x, err = e.Begin(t.Context(), request(export.CSV))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if err := x.Write(t.Context(), broken{}); !isKind(err, queries.Internal) || s.diary.events[len(s.diary.events)-1] != "audit export failed 4" {
		t.Errorf("a reader that left: %v, %v", err, s.diary.events)
	}
}

// broken takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func isKind(err error, kind queries.Kind) bool {
	var known *queries.Error
	return errors.As(err, &known) && known.Kind == kind
}

// TestNoListNoExtract: without a list of opt-outs, or with an old one, nothing
// leaves, unless a basis says that they do not apply; that is recorded.
func TestNoListNoExtract(t *testing.T) {
	s := newSite(t, 3)
	e := s.exporter()
	refused := func(what string) {
		t.Helper()
		if _, err := e.Begin(t.Context(), request(export.CSV)); !isKind(err, queries.InsufficientData) || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want a refusal: %s", err, what)
		}
	}
	refused("was ever loaded")
	s.optOut(t, 1)
	s.at = now.Add(export.MaxListAge)
	if _, summary := made(t, e, request(export.CSV)); summary.Rows != 4 || summary.OptOuts == nil || summary.OptOuts.People != 2 {
		t.Errorf("with a list of three weeks: %+v", summary)
	}
	s.at = s.at.Add(time.Minute)
	refused("21 days ago")
	r := request(export.CSV)
	r.Basis = export.Consent
	if _, summary := made(t, e, r); summary.Rows != 6 || summary.OptOuts != nil || !strings.Contains(strings.Join(summary.Notes, " "), "are not left out, because of: consent") {
		t.Errorf("with consent: %+v", summary)
	}
	var n uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT count() FROM audit WHERE subject = 'response, opt-outs not applied: consent'").Scan(&n); err != nil || n != 2 {
		t.Errorf("%d lines of the audit name the basis, %v", n, err)
	}
}

// TestWrongRequests are told apart before anything is read, and leave room for
// the next.
func TestWrongRequests(t *testing.T) {
	s := newSite(t, 1)
	s.optOut(t)
	e := s.exporter()
	for what, c := range map[string]struct {
		change func(*export.Request)
		kind   queries.Kind
	}{
		"table":     {func(r *export.Request) { r.Table = "patient" }, queries.NotFound},
		"purpose":   {func(r *export.Request) { r.Purpose = " " }, queries.InvalidArgument},
		"control":   {func(r *export.Request) { r.Purpose = "a\nb" }, queries.InvalidArgument},
		"long":      {func(r *export.Request) { r.Purpose = strings.Repeat("x", 501) }, queries.InvalidArgument},
		"format":    {func(r *export.Request) { r.Format = "xlsx" }, queries.InvalidArgument},
		"basis":     {func(r *export.Request) { r.Basis = "because" }, queries.InvalidArgument},
		"programme": {func(r *export.Request) { r.Programme = "none" }, queries.NotFound},
	} {
		r := request(export.CSV)
		c.change(&r)
		x, err := e.Begin(t.Context(), r)
		if err == nil {
			err = x.Write(t.Context(), io.Discard)
			x.Close()
		}
		if !isKind(err, c.kind) {
			t.Errorf("%s: %v, want %s", what, err, c.kind)
		}
	}
	var busy []*export.Extract
	for range 2 {
		x, err := e.Begin(t.Context(), request(export.CSV))
		if err != nil {
			t.Fatal(err)
		}
		busy = append(busy, x)
	}
	if _, err := e.Begin(t.Context(), request(export.CSV)); !isKind(err, queries.Unavailable) {
		t.Errorf("a third at a time: %v", err)
	}
	for _, x := range busy {
		x.Close()
	}
	made(t, e, request(export.CSV))
}

// TestExtractsAreReadInParts: however many rows there are, few are held.
func TestExtractsAreReadInParts(t *testing.T) {
	s := newSite(t, 100_000)
	var most, rows int64
	err := s.Extracts().Read(t.Context(), read.Extract{Table: "response"}, func(rec arrow.Record) error {
		most, rows = max(most, rec.NumRows()), rows+rec.NumRows()
		return nil
	})
	if err != nil || rows != 200_000 || most > 32_768 {
		t.Errorf("%d rows, %d at a time, %v", rows, most, err)
	}
}
