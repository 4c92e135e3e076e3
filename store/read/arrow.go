package read

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	builders "github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// HTTP is where the engine sends rows as Arrow streams.
type HTTP struct {
	Addr, Database, User, Password string
	TLS                            *tls.Config // nil: plain connections
}

// streams reads Arrow streams of people's rows. They do not count among the rows
// that questions read.
type streams struct {
	at     HTTP
	client *http.Client
}

func newStreams(at HTTP) *streams {
	return &streams{at, &http.Client{Transport: &http.Transport{TLSClientConfig: at.TLS, MaxIdleConnsPerHost: 1, DisableCompression: true}}}
}

// settings of every stream. A reader may be slow, one that has gone ends its
// query, and a stream that was answered is of one snapshot.
var streamSettings = url.Values{
	"output_format_arrow_compression_method":            {"none"},
	"output_format_arrow_string_as_string":              {"1"},
	"output_format_arrow_low_cardinality_as_dictionary": {"0"},
	"enable_shared_storage_snapshot_in_query":           {"1"},
	"do_not_merge_across_partitions_select_final":       {"1"},
	"optimize_aggregation_in_order":                     {"1"},
	"cancel_http_readonly_queries_on_client_close":      {"1"},
	"http_send_timeout":                                 {"3600"},
	"max_execution_time":                                {"0"},
}

// read hands the records of a statement to each, in their order and in bounded
// memory. The first has no rows. A record is valid until the next.
func (h *streams) read(ctx context.Context, s *statement, text string, rows int, each func(arrow.Record) error) error {
	body, err := h.open(ctx, s, text, rows)
	if err != nil {
		return err
	}
	defer body.Close()
	end := &tail{from: body}
	in, err := ipc.NewReader(end)
	if err != nil {
		return end.broken(err)
	}
	defer in.Release()
	if err := eachEmpty(in.Schema(), each); err != nil {
		return err
	}
	for in.Next() {
		if err := each(in.Record()); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil && !errors.Is(err, io.EOF) {
		return end.broken(err)
	}
	if !end.whole() {
		return end.broken(nil)
	}
	return nil
}

func eachEmpty(of *arrow.Schema, each func(arrow.Record) error) error {
	b := builders.NewRecordBuilder(memory.DefaultAllocator, of)
	defer b.Release()
	none := b.NewRecord()
	defer none.Release()
	return each(none)
}

func (h *streams) open(ctx context.Context, s *statement, text string, rows int) (io.ReadCloser, error) {
	query := url.Values{"database": {h.at.Database}, "max_block_size": {fmt.Sprint(rows)}}
	for name, value := range streamSettings {
		query[name] = value
	}
	for name, value := range s.values {
		query.Set("param_"+name, value)
	}
	scheme := "http"
	if h.at.TLS != nil {
		scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+h.at.Addr+"/?"+query.Encode(), strings.NewReader(text+" FORMAT ArrowStream"))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-ClickHouse-User", h.at.User)
	req.Header.Set("X-ClickHouse-Key", h.at.Password)
	resp, err := h.client.Do(req)
	if err != nil {
		var transport *url.Error
		if errors.As(err, &transport) {
			err = transport.Err // the address holds the bound values
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 2000)) // what came is all there is to tell
		if bytes.Contains(answer, []byte(listReplaced)) {
			return nil, ErrListReplaced
		}
		if bytes.Contains(answer, []byte(outOfRange)) {
			return nil, errOutOfRange
		}
		return nil, fmt.Errorf("the engine refused the query (code %s): see its log", resp.Header.Get("X-ClickHouse-Exception-Code"))
	}
	return resp.Body, nil
}

// tail remembers the last bytes that came: a stream that the engine gave up half
// way ends without its mark.
type tail struct {
	from io.Reader
	last []byte
	err  error
}

// endOfStream ends every Arrow stream.
var endOfStream = []byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}

func (t *tail) Read(b []byte) (int, error) {
	n, err := t.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		t.err = err
	}
	keep := len(endOfStream)
	if n >= keep {
		t.last = append(t.last[:0], b[n-keep:n]...)
	} else {
		t.last = append(t.last, b[:n]...)
		t.last = t.last[max(0, len(t.last)-keep):]
	}
	return n, err
}

// whole reads on to the end and says whether it is one.
func (t *tail) whole() bool {
	_, err := io.Copy(io.Discard, t) // what follows the last block
	return err == nil && t.err == nil && bytes.Equal(t.last, endOfStream)
}

// broken is the error of a stream that did not end well.
func (t *tail) broken(err error) error {
	if t.err != nil {
		err = t.err
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("the engine broke the answer off: see its log: %w", err)
}
