package http_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/ingest/wire"
)

// TestMovedResponseInAnyOrder: a response whose corrections name other patients
// counts once, under the newest of them, in whatever order its versions come, one
// by one or together, by import and by the journal.
func TestMovedResponseInAnyOrder(t *testing.T) {
	in := install(t)
	j, err := journal.Open(journal.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	intake := in.pipeline.NewIntake(j, ingest.IntakeOptions{})
	defer intake.Close()
	post := func(lines string) {
		t.Helper()
		mark, err := intake.Submit(t.Context(), decoded(t, in.pipeline, lines))
		if err != nil {
			t.Fatal(err)
		}
		if err := intake.Await(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
	}
	load := func(lines string) { in.load(text("versions", []byte(lines)), ingest.ImportOptions{}) }
	cases := 0
	for _, order := range [][]int{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}, {1, 2}, {2, 1}} {
		for way, send := range []func(string){post, load} {
			for _, together := range []bool{false, true} {
				cases++
				all, newest := "", 0
				for _, n := range order {
					newest = max(newest, n)
					line := fmt.Sprintf(`{"id":{"system":"moved","value":"%d"},"updated_at":"2026-04-0%dT10:00:00Z","patient":{"pseudonym":"%016x%016x"},"instrument":"nrs_back","answered_at":"2026-04-01","status":"%s","answers":[%d]}`+"\n",
						cases, n, cases, n, [...]string{1: "completed", 2: "amended", 3: "amended"}[n], n)
					if all += line; !together {
						send(line)
					}
				}
				if together {
					send(all)
				}
				live := in.count(fmt.Sprintf(`SELECT sum(codes[1]) * 10 + count() FROM (SELECT * FROM response WHERE source_id = '%d' ORDER BY version DESC LIMIT 1 BY patient_id) WHERE status != 'entered-in-error'`, cases))
				if want := uint64(newest*10 + 1); live != want {
					t.Errorf("order %v, by import: %t, together: %t: %d (version, then how many are live), want %d", order, way == 1, together, live, want)
				}
			}
		}
	}
}

// decoded reads lines as a request's records.
func decoded(t testing.TB, p *ingest.Pipeline, lines string) []*ingest.Record {
	t.Helper()
	d, err := wire.NewDecoder(ingest.Input{Reader: bufio.NewReader(strings.NewReader(lines)), Setting: p.Setting}, wire.KindResponse)
	if err != nil {
		t.Fatal(err)
	}
	source := p.Reader(d, wire.Name)
	var records []*ingest.Record
	for {
		r := new(ingest.Record)
		switch err := source.Next(r); {
		case errors.Is(err, io.EOF):
			return records
		case err != nil:
			t.Fatal(err)
		}
		records = append(records, r)
	}
}
