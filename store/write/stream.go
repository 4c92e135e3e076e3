package write

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/lumbar-health/lumbar/store/schema"
)

// stream is one INSERT … FORMAT ArrowStream under way.
type stream struct {
	table Table
	pipe  *io.PipeWriter
	out   *ipc.Writer
	done  chan error // the engine's verdict, once
}

// bulkSettings let the engine gather a large import into few parts, and leave
// it to merges to collapse exact copies.
var bulkSettings = url.Values{
	"min_insert_block_size_rows":  {"200000"},
	"min_insert_block_size_bytes": {"0"},
	"optimize_on_insert":          {"0"},
	"http_receive_timeout":        {"3600"},
}

// openStream starts an insert into the table of records of that schema. The
// token only saves the work of a retry that the transport made: rows are found
// equal by their keys.
func (w *Writer) openStream(ctx context.Context, table Table, of *arrow.Schema, token string, settings url.Values) (*stream, error) {
	columns := make([]string, of.NumFields())
	for i, field := range of.Fields() {
		if _, ok := w.tables[table][field.Name]; !ok {
			return nil, fmt.Errorf("store: insert into %s: the record has a column %q and the table has none", table, field.Name)
		}
		columns[i] = schema.Quote(field.Name)
	}
	all := url.Values{"insert_deduplication_token": {w.run + "/" + token}}
	maps.Copy(all, settings)
	return w.startStream(ctx, table, columns, of, all), nil
}

// startStream starts an insert into the quoted columns of a table.
func (w *Writer) startStream(ctx context.Context, table Table, columns []string, of *arrow.Schema, settings url.Values) *stream {
	query := url.Values{
		"database":          {w.cfg.Database},
		"query":             {"INSERT INTO " + string(table) + " (" + strings.Join(columns, ", ") + ") FORMAT ArrowStream"},
		"async_insert":      {"0"},
		"wait_end_of_query": {"1"},
	}
	maps.Copy(query, settings)
	body, pipe := io.Pipe()
	s := &stream{table: table, pipe: pipe, done: make(chan error, 1)}
	go func() {
		err := w.cfg.Witness.Of(ctx, func() error { return w.post(ctx, query, body) })
		// A sender that still writes must not wait for an engine that left.
		body.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		s.done <- err
	}()
	s.out = ipc.NewWriter(pipe, ipc.WithSchema(of))
	return s
}

// write sends one record.
func (s *stream) write(rec arrow.Record) error {
	if err := s.out.Write(rec); err != nil {
		return s.fail(err)
	}
	return nil
}

// close ends the stream and returns when the engine has stored its rows.
func (s *stream) close() error {
	if err := s.out.Close(); err != nil {
		return s.fail(err)
	}
	return s.fail(s.pipe.Close())
}

// fail breaks the stream off where there is an error of our side, and says
// what the engine said of it.
func (s *stream) fail(err error) error {
	if err != nil {
		s.pipe.CloseWithError(err)
	}
	verdict := <-s.done
	s.done <- verdict
	if verdict == nil {
		verdict = err
	}
	if verdict == nil {
		return nil
	}
	return fmt.Errorf("store: insert into %s: %w", s.table, verdict)
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
		var transport *url.Error
		if errors.As(err, &transport) {
			err = transport.Err // the address holds the whole statement
		}
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

// ErrRows says that the engine will never take these rows, whatever its state.
var ErrRows = errors.New("a value among the rows does not go into its column")

// ofRows are the engine's names of such errors.
var ofRows = []string{
	"VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", "ARGUMENT_OUT_OF_BOUND", "INCORRECT_DATA", "CANNOT_CONVERT_TYPE",
	"TOO_LARGE_STRING_SIZE", "TOO_LARGE_ARRAY_SIZE", "UNKNOWN_ELEMENT_OF_ENUM",
}

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
	err := fmt.Errorf("the engine refused the rows with %s (code %s): %s", name, code, advice)
	if slices.Contains(ofRows, name) {
		err = errors.Join(err, ErrRows)
	}
	return err
}
