package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/lumbar-health/lumbar/queries/api"
	"github.com/lumbar-health/lumbar/queries/catalogue"
	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/web"
)

// breaking is a store that fails after so many rows.
type breaking struct{ rows int }

func (breaking) List(context.Context, string, string) (read.List, bool, error) {
	return read.List{Version: 1, ReceivedAt: time.Now()}, true, nil
}

func (breaking) Organisations(context.Context) (*record.Organisations, read.List, error) {
	return record.NewOrganisations(nil), read.List{}, nil
}

func (breaking) DataVersion(context.Context) (uint64, error)             { return 1, nil }
func (breaking) Audit(context.Context, ...record.Access) error           { return nil }
func (breaking) AppendReceipt(ctx context.Context, _ read.Receipt) error { return ctx.Err() }

func (b breaking) Read(_ context.Context, _ read.Extract, each func(arrow.Record) error) error {
	build := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "patient_id", Type: &arrow.FixedSizeBinaryType{ByteWidth: 16}}, {Name: "episode_id", Type: arrow.PrimitiveTypes.Uint64},
	}, nil))
	defer build.Release()
	for i := range b.rows {
		build.Field(0).(*array.FixedSizeBinaryBuilder).Append(make([]byte, 16))
		build.Field(1).(*array.Uint64Builder).Append(uint64(i))
	}
	rec := build.NewRecord()
	defer rec.Release()
	if err := each(rec); err != nil {
		return err
	}
	return errors.New("the engine was lost: patient 9434765919")
}

// TestABrokenExtractIsNoAnswer: one that fails before its first byte is a problem
// document, one that fails later ends without its end; neither tells why.
func TestABrokenExtractIsNoAnswer(t *testing.T) {
	get := func(rows int, accept string) (status int, body string, err error) {
		b := breaking{rows}
		a := api.New(nil, nil, slog.New(slog.DiscardHandler)).WithStore(catalogue.NewOrganisations(b, time.Now),
			export.New(export.Config{Reader: b, Rows: b, Records: b}))
		admin := func(*http.Request) (web.Identity, bool) {
			return web.Identity{Name: "ann", Role: "administrator"}, true
		}
		server := httptest.NewServer(web.Router(a.Routes(), web.Identify(admin, "")))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		defer server.Close()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/v1/export/outcome?purpose=x", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Accept", accept)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return res.StatusCode, string(text), err
	}
	for _, f := range []export.Format{export.CSV, export.JSON} {
		status, body, err := get(3, f.MediaType())
		if err != nil || status != http.StatusInternalServerError || !strings.Contains(body, "log") {
			t.Errorf("%s of a few rows: %d %s, %v, want a problem", f, status, body, err)
		}
		if strings.Contains(body, "9434765919") || strings.Contains(body, "00000000") {
			t.Errorf("%s of a few rows tells %s", f, body)
		}
	}
	for _, f := range export.Formats() {
		rows := 20_000
		status, body, err := get(rows, export.Format(f).MediaType())
		if err == nil && status == http.StatusOK {
			t.Errorf("%s of many rows: %d bytes and no error", f, len(body))
		}
	}
}
