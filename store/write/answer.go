package write

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/lumbar-health/lumbar/record"
)

// readBlock is how many rows travel at once.
const readBlock = 32_768

// eachRecord hands the blocks of a query over a table to each, which may keep
// them. What each says ends it.
func (w *Writer) eachRecord(ctx context.Context, table, query string, touched []record.PatientID, each func(arrow.Record) error) error {
	wrap := func(err error) error { return fmt.Errorf("store: read %s: %w", table, err) }
	body, err := w.get(ctx, query, touched)
	if err != nil {
		return wrap(err)
	}
	defer body.Close()
	end := &tailReader{from: body}
	in, err := ipc.NewReader(end)
	if err != nil {
		return wrap(err)
	}
	defer in.Release()
	for in.Next() {
		if err := each(in.Record()); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, io.EOF) {
		return wrap(err)
	}
	if !end.whole() {
		return wrap(errors.New("the engine broke the answer off: see its log"))
	}
	return nil
}

// tailReader remembers the last bytes that came: a stream that the engine gave
// up half way ends without its mark.
type tailReader struct {
	from io.Reader
	last []byte
}

// endOfStream ends every Arrow stream.
var endOfStream = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

func (t *tailReader) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	t.last = append(t.last, b[max(0, n-len(endOfStream)):n]...)
	t.last = append([]byte(nil), t.last[max(0, len(t.last)-len(endOfStream)):]...)
	return n, err
}

func (t *tailReader) whole() bool {
	_, _ = io.Copy(io.Discard, t) // what follows the last block; an error shows in its end
	return bytes.Equal(t.last, endOfStream)
}

// get asks for rows as an Arrow stream. A query may name the patients as table
// touched.
func (w *Writer) get(ctx context.Context, query string, touched []record.PatientID) (io.ReadCloser, error) {
	settings := url.Values{
		"database":                                {w.cfg.Database},
		"output_format_arrow_compression_method":  {"none"},
		"output_format_arrow_string_as_string":    {"1"},
		"max_block_size":                          {strconv.Itoa(readBlock)},
		"enable_shared_storage_snapshot_in_query": {"1"},
	}
	scheme := "http"
	if w.cfg.TLS != nil {
		scheme = "https"
	}
	query += " FORMAT ArrowStream"
	var body io.Reader = strings.NewReader(query)
	kind := "text/plain; charset=utf-8"
	if touched != nil {
		settings.Set("query", query)
		settings.Set("touched_structure", "patient_id UInt128")
		settings.Set("touched_format", "RowBinary")
		var err error
		if body, kind, err = external("touched", touched); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+w.cfg.HTTPAddr+"/?"+settings.Encode(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	req.Header.Set("X-ClickHouse-User", w.cfg.User)
	req.Header.Set("X-ClickHouse-Key", w.cfg.Password)
	resp, err := w.http.Do(req)
	if err != nil {
		var transport *url.Error
		if errors.As(err, &transport) {
			err = transport.Err
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		answer, err := io.ReadAll(io.LimitReader(resp.Body, 2000))
		if err != nil {
			return nil, err
		}
		return nil, refusal(resp.Header.Get("X-ClickHouse-Exception-Code"), bytes.TrimSpace(answer))
	}
	return resp.Body, nil
}

// external is the body of a request that brings a table of patients.
func external(name string, patients []record.PatientID) (io.Reader, string, error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile(name, name)
	if err != nil {
		return nil, "", err
	}
	rows := make([]byte, 0, 16*len(patients))
	for _, p := range patients {
		wire := Wire(p)
		rows = append(rows, wire[:]...)
	}
	if _, err := file.Write(rows); err != nil {
		return nil, "", err
	}
	return &body, form.FormDataContentType(), form.Close()
}
