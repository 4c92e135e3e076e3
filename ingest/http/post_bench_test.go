package http_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/web"
)

type nullWriter struct{}

func (nullWriter) Existing(_ context.Context, k []ingest.Key) ([]bool, error) {
	return make([]bool, len(k)), nil
}
func (nullWriter) Recorded(_ context.Context, k []ingest.Key) ([]bool, error) {
	return make([]bool, len(k)), nil
}
func (nullWriter) Fingerprints(context.Context, func([]uint64) error) error { return nil }
func (nullWriter) Corrected(context.Context, func([]uint64) error) error    { return nil }
func (nullWriter) Holders(context.Context, []uint64) (map[uint64][]record.Holder, error) {
	return nil, nil
}
func (nullWriter) Write(context.Context, ingest.Batch) error          { return nil }
func (nullWriter) Quarantine(context.Context, []record.Refused) error { return nil }
func (nullWriter) Bulk(context.Context) (ingest.Bulk, error)          { return nil, nil }

func BenchmarkPost(b *testing.B) {
	p := ingest.New(nullWriter{}, ingest.Options{Setting: ingest.Setting{Programmes: programme.All(), Key: []byte("a key for tests only, 32 bytes ..")}})
	j, err := journal.Open(journal.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	in := p.NewIntake(j, ingest.IntakeOptions{})
	h, err := ihttp.NewRecords(p, in, ihttp.Options{Log: slog.New(slog.DiscardHandler), Spool: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	who := func(*http.Request) (web.Identity, bool) { return web.Identity{Name: "demo", Role: "demo"}, true }
	s := httptest.NewServer(web.Router(h.Routes(), web.Identify(who, "")))
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, MaxConnsPerHost: 64}}
	var n atomic.Int64
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for {
				i := n.Add(1)
				if i > int64(b.N) {
					return
				}
				body := fmt.Sprintf(`{"id":{"system":"urn:load","value":"r%d"},"programme":"back-pain","patient":{"pseudonym":"%032x"},"episode":"e%d","updated_at":"2026-04-01T09:30:00Z","instrument":"odi","instrument_version":"2.1a","status":"completed","answered_at":"2026-04-01T09:30:00+01:00","reported_by":"patient","provider":"RTR","answers":[1,0,2,null,1,1,0,3,2,1]}`, i, i, i)
				res, err := client.Post(s.URL+"/v1/responses", "application/json", bytes.NewReader([]byte(body)))
				if err != nil {
					b.Error(err)
					return
				}
				if res.StatusCode != 200 {
					t, _ := io.ReadAll(res.Body)
					b.Error(string(t))
					return
				}
				io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	wg.Wait()
	in.Close()
}
