package write

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/schema"
)

// Wire returns the patient's key as it travels in Arrow: a fixed-size binary of
// 16 bytes that holds the engine's UInt128, least significant byte first.
// record.PatientID is written most significant byte first, as it is printed.
func Wire(id record.PatientID) [16]byte {
	for i, j := 0, len(id)-1; i < j; i, j = i+1, j-1 {
		id[i], id[j] = id[j], id[i]
	}
	return id
}

// insertFacts stores the batch's records one after the other.
func (w *Writer) insertFacts(ctx context.Context, batch string, b Batch) error {
	for _, p := range b.parts() {
		if p.record == nil || p.record.NumRows() == 0 {
			continue
		}
		if err := w.insert(ctx, p.table, p.record, batch+"/"+string(p.table)); err != nil {
			return err
		}
	}
	return nil
}

// insert streams one record into its table. The token only saves the work of a
// retry that the transport made: rows are found equal by their keys.
func (w *Writer) insert(ctx context.Context, table Table, rec arrow.Record, token string) error {
	columns := make([]string, rec.NumCols())
	for i, field := range rec.Schema().Fields() {
		if _, ok := w.tables[table][field.Name]; !ok {
			return fmt.Errorf("store: insert into %s: the record has a column %q and the table has none", table, field.Name)
		}
		columns[i] = schema.Quote(field.Name)
	}
	body, pipe := io.Pipe()
	go func() {
		pipe.CloseWithError(stream(pipe, rec))
	}()
	defer body.Close()
	query := url.Values{
		"database":                   {w.cfg.Database},
		"query":                      {"INSERT INTO " + string(table) + " (" + strings.Join(columns, ", ") + ") FORMAT ArrowStream"},
		"async_insert":               {"0"},
		"insert_deduplication_token": {token},
		"wait_end_of_query":          {"1"},
	}
	if err := w.post(ctx, query, body); err != nil {
		return fmt.Errorf("store: insert into %s: %w", table, err)
	}
	return nil
}

// stream writes the record as an Arrow stream.
func stream(to io.Writer, rec arrow.Record) error {
	out := ipc.NewWriter(to, ipc.WithSchema(rec.Schema()))
	if err := out.Write(rec); err != nil {
		return errors.Join(err, out.Close())
	}
	return out.Close()
}

func (w *Writer) post(ctx context.Context, query url.Values, body io.Reader) error {
	scheme := "http"
	if w.cfg.TLS != nil {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+w.cfg.HTTPAddr+"/?"+query.Encode(), body)
	if err != nil {
		return err
	}
	req.Header.Set("X-ClickHouse-User", w.cfg.User)
	req.Header.Set("X-ClickHouse-Key", w.cfg.Password)
	resp, err := w.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 2000))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || len(answer) > 0 {
		return refusal(resp.Header.Get("X-ClickHouse-Exception-Code"), answer)
	}
	return nil
}

// errorName is how the engine ends its error texts.
var errorName = regexp.MustCompile(`\(([A-Z][A-Z_]+)\)`)

// refusal names the engine's error without its text, which may quote a row.
func refusal(code string, answer []byte) error {
	name := "an unnamed error"
	if found := errorName.FindAllSubmatch(answer, -1); len(found) > 0 {
		name = string(found[len(found)-1][1])
	}
	advice := "see the engine's log"
	switch name {
	case "NOT_ENOUGH_SPACE":
		advice = "the disk is full: free some space and send the batch again"
	case "MEMORY_LIMIT_EXCEEDED":
		advice = "the engine is out of memory: send smaller batches"
	case "AUTHENTICATION_FAILED":
		advice = "check user and password"
	}
	return fmt.Errorf("the engine refused the rows with %s (code %s): %s", name, code, advice)
}

// earliest returns the earliest received_at of the batch's rows, or now.
func (b Batch) earliest(now time.Time) time.Time {
	first := now
	for _, p := range b.parts() {
		if p.record == nil {
			continue
		}
		for _, i := range p.record.Schema().FieldIndices("received_at") {
			kind, ok := p.record.Schema().Field(i).Type.(*arrow.TimestampType)
			times, isTimes := p.record.Column(i).(*array.Timestamp)
			if !ok || !isTimes {
				continue
			}
			for row := range times.Len() {
				if at := times.Value(row).ToTime(kind.Unit); times.IsValid(row) && at.Before(first) {
					first = at
				}
			}
		}
	}
	return first
}
