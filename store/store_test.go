package store_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/internal/chtest"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var received = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// fewer are the built-in programmes with some of their instruments: the checks
// of a test repeat statements whose length is that of outcome's columns.
func fewer() []*programme.Programme {
	asked := []instruments.ID{"odi", "startback9", "nrs_back", "nrs_leg", "eq5d5l", "eqvas", "eq5d3l", "ohs", "oks"}
	var out []*programme.Programme
	for _, p := range programme.All() {
		narrow := *p
		narrow.Instruments = slices.DeleteFunc(slices.Clone(p.Instruments), func(id instruments.ID) bool { return !slices.Contains(asked, id) })
		out = append(out, &narrow)
	}
	return out
}

func config(db *chtest.DB) store.Config {
	return store.Config{
		Addr: db.Addr, HTTPAddr: db.HTTPAddr, Database: db.Database, User: db.User, Password: db.Password,
		Programmes: fewer(), Clock: func() time.Time { return received.Add(time.Minute) },
	}
}

// open returns a store on an empty database, and a plain connection to it.
func open(t testing.TB) (*store.Store, clickhouse.Conn) {
	t.Helper()
	db := chtest.New(t)
	return reopen(t, db), db.Conn(t)
}

func reopen(t testing.TB, db *chtest.DB) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), config(db))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func put(t testing.TB, s *store.Store, f facts) {
	t.Helper()
	if err := s.Writer().Write(context.Background(), f.batch(t)); err != nil {
		t.Fatal(err)
	}
}

func TestMigrationsRunTwice(t *testing.T) {
	db := chtest.New(t)
	conn := db.Conn(t)
	ctx := context.Background()
	all, err := schema.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		ran, err := schema.Migrate(ctx, conn, received)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if len(ran) != len(all) {
			t.Fatalf("round %d ran %d migrations, want every one of %d", round, len(ran), len(all))
		}
		if again, err := schema.Migrate(ctx, conn, received); err != nil || len(again) != 0 {
			t.Fatalf("a further run = %v, %v, want nothing to do", again, err)
		}
		if err := conn.Exec(ctx, "TRUNCATE TABLE migration"); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMigrateRefusesForeignDatabases(t *testing.T) {
	tests := map[string]string{
		"INSERT INTO migration VALUES (9999, 'x', 'x', now64(3))":                                 "newer program",
		"ALTER TABLE migration UPDATE checksum = 'x' WHERE version = 1 SETTINGS mutations_sync=1": "differs",
	}
	for statement, want := range tests {
		db := chtest.New(t)
		conn := db.Conn(t)
		ctx := context.Background()
		if _, err := schema.Migrate(ctx, conn, received); err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(ctx, config(db)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open = %v, want an error with %q", err, want)
		}
	}
}

// TestCatalogueIsTheTable holds the Go list of columns equal to the table.
func TestCatalogueIsTheTable(t *testing.T) {
	db := chtest.New(t)
	conn, cfg := db.Conn(t), config(db)
	cfg.Programmes = programme.All()
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	catalogue, err := schema.NewCatalogue(programme.All())
	if err != nil {
		t.Fatal(err)
	}
	table, err := schema.TableColumns(context.Background(), conn, "outcome")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range catalogue.Columns() {
		if table[c.Name] != c.Type {
			t.Errorf("column %s is %q in the table and %q in the catalogue", c.Name, table[c.Name], c.Type)
		}
		delete(table, c.Name)
	}
	for _, key := range []string{"patient_id", "episode_id", "version", "live"} {
		delete(table, key)
	}
	if len(table) > 0 {
		t.Errorf("columns the catalogue does not know: %v", table)
	}
}

// TestEveryColumnIsReserved holds the names that a covariate cannot take
// complete: they are the columns of a database without a programme.
func TestEveryColumnIsReserved(t *testing.T) {
	conn := chtest.New(t).Conn(t)
	ctx := context.Background()
	if _, err := schema.Migrate(ctx, conn, received); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"episode", "outcome"} {
		columns, err := schema.TableColumns(ctx, conn, table)
		if err != nil {
			t.Fatal(err)
		}
		for name := range columns {
			if !programme.Reserved(name) {
				t.Errorf("a covariate may be called %s, which is a column of %s", name, table)
			}
		}
	}
}

func TestRoundTrip(t *testing.T) {
	s, conn := open(t)
	ctx := context.Background()
	supplied := 0.25
	id := record.PatientID{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}
	put(t, s, facts{responses: []record.Response{{
		PatientID: id, ID: 1<<63 + 5, Version: 7, Status: record.Amended, Source: "fhir", SourceID: "a'\\\n€", EpisodeID: 3,
		Programme: "back-pain", Instrument: "odi", Timepoint: "12m", AnsweredAt: received, AnsweredOn: record.NewDate(1931, 2, 3),
		Precision: record.PrecisionDay, ReceivedAt: received, ReportedBy: record.ByProxy,
		Codes: []int16{1, -32768, 5}, Ticks: [][]int16{{}, {1, 2}}, MissingReasons: []string{"", "blank", ""}, SuppliedScore: &supplied,
	}, {
		PatientID: id, ID: 9, Version: 7, AnsweredAt: received, ReceivedAt: received, // its scores were lost in a crash
	}}, scores: []record.Score{{PatientID: id, ResponseID: 1<<63 + 5, Version: 7, AnsweredAt: received, ReceivedAt: received}}})
	var got struct {
		Patient, SourceID, Status, Precision, By, On, Codes, Ticks, Reasons string
		ID                                                                  uint64
		At                                                                  time.Time
		Supplied, Predicted                                                 *float64
	}
	row := conn.QueryRow(ctx, `SELECT leftPad(lower(hex(patient_id)), 32, '0'), response_id, toString(status), source_id, toString(answered_precision),
toString(reported_by), answered_at, toString(answered_on), toString(codes), toString(ticks), toString(missing_reasons), supplied_score, predicted FROM response
WHERE response_id != 9`)
	if err := row.Scan(&got.Patient, &got.ID, &got.Status, &got.SourceID, &got.Precision, &got.By, &got.At, &got.On, &got.Codes,
		&got.Ticks, &got.Reasons, &got.Supplied, &got.Predicted); err != nil {
		t.Fatal(err)
	}
	if got.Patient != "00112233445566778899aabbccddeeff" {
		t.Errorf("the engine prints the patient as %s, and record.PatientID as its bytes in order", got.Patient)
	}
	if got.ID != 1<<63+5 || got.Status != "amended" || got.SourceID != "a'\\\n€" || got.Precision != "day" || got.By != "proxy" ||
		!got.At.Equal(received) || got.On != "1931-02-03" || got.Codes != "[1,NULL,5]" || got.Ticks != "[[],[1,2]]" ||
		got.Reasons != "['','blank','']" || got.Supplied == nil || *got.Supplied != 0.25 || got.Predicted != nil {
		t.Errorf("the row came back as %+v", got)
	}
	keys := []write.Key{
		{Table: write.Responses, PatientID: id, ID: 1<<63 + 5, Version: 7},
		{Table: write.Responses, PatientID: id, ID: 1<<63 + 5, Version: 8},
		{Table: write.Episodes, PatientID: id, ID: 1<<63 + 5, Version: 7},
		{Table: write.Responses, PatientID: record.PatientID{1}, ID: 1<<63 + 5, Version: 7},
		{Table: write.Responses, PatientID: id, ID: 9, Version: 7},
	}
	existing, err := s.Writer().Existing(ctx, keys)
	if err != nil || !slices.Equal(existing, []bool{true, false, false, false, false}) {
		t.Errorf("existing = %v, %v", existing, err)
	}
	holders, err := s.Writer().Holders(ctx, []uint64{1<<63 + 5, 10})
	if err != nil || len(holders) != 1 || len(holders[1<<63+5]) != 1 || holders[1<<63+5][0].Patient != id {
		t.Errorf("holders = %v, %v", holders, err)
	}
}

func TestInsertNamesAnUnknownColumn(t *testing.T) {
	s, _ := open(t)
	f := facts{covariates: []covariate{{name: "shoe_size"}}, episodes: []record.Episode{{Covariates: make([]record.Covariate, 1)}}}
	err := s.Writer().Write(context.Background(), f.batch(t))
	if err == nil || !strings.Contains(err.Error(), "shoe_size") {
		t.Errorf("write = %v, want an error that names the column", err)
	}
}
