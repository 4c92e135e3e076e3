package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lumbar-health/lumbar/ingest"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/engine"
	"github.com/lumbar-health/lumbar/store/write"
)

// house is an owned data directory with all that runs on it: engine, store,
// ingest and the desk that answers questions.
type house struct {
	dir        string
	log        *slog.Logger
	registry   *prometheus.Registry
	programmes []*programme.Programme
	key        []byte // of the pseudonyms; nil where none is configured
	wordings   *wording.Library
	owner      *engine.Owner
	engine     *engine.Engine
	store      *store.Store
	pipeline   *ingest.Pipeline
	desk       *queries.Desk
	endpoint   *endpoint
}

// takeHouse takes the configured data directory and opens it. Where another
// process holds it the error wraps engine.ErrOwned.
func takeHouse(ctx context.Context, k *koanf.Koanf, command string, log *slog.Logger) (*house, error) {
	dir, err := dataDir(k)
	if err != nil {
		return nil, err
	}
	owner, err := engine.Acquire(dir, command)
	if err != nil {
		return nil, err
	}
	return openHouse(ctx, k, owner, log)
}

// openHouse starts the engine, migrates and opens the endpoint for attached
// commands. On an error the owner has been released.
func openHouse(ctx context.Context, k *koanf.Koanf, owner *engine.Owner, log *slog.Logger, options ...func(*store.Config)) (h *house, err error) {
	h = &house{owner: owner, dir: owner.Dir(), log: log, registry: prometheus.NewRegistry(), programmes: programme.All()}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
			h = nil
		}
	}()
	// Before the engine, which takes its time: a mistake here is soon told.
	if h.key, err = pseudonymKey(k.String("pseudonym.key_file")); err != nil {
		return h, err
	}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if h.engine, err = engine.Start(ctx, engineConfig(k, owner.EngineDir(), log)); err != nil {
		return h, err
	}
	if err := h.openStore(ctx, options); err != nil {
		return h, err
	}
	h.endpoint, err = openEndpoint(h)
	return h, err
}

func engineConfig(k *koanf.Koanf, dir string, log *slog.Logger) engine.Config {
	c := engine.Config{
		Dir: dir, Addr: k.String("clickhouse.addr"), HTTPAddr: k.String("clickhouse.http_addr"), Log: log,
		Fetch: engine.FetchOptions{Cache: k.String("cache"), Offline: k.Bool("offline"), Progress: os.Stderr},
	}
	if c.Addr != "" {
		c.User, c.Password, c.Database = k.String("clickhouse.user"), k.String("clickhouse.password"), k.String("clickhouse.database")
		if k.Bool("clickhouse.tls") {
			c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	}
	return c
}

func (h *house) openStore(ctx context.Context, options []func(*store.Config)) (err error) {
	e := h.engine
	cfg := store.Config{
		Addr: e.Addr(), HTTPAddr: e.HTTPAddr(), Database: e.Database(), User: e.User(), Password: e.Password(), TLS: e.TLS(),
		Programmes: h.programmes, Log: h.log, Registerer: h.registry,
	}
	for _, set := range options {
		set(&cfg)
	}
	if h.store, err = store.Open(ctx, cfg); err != nil {
		return err
	}
	h.pipeline = ingest.New(storeWriter{h.store.Writer()}, ingest.Options{
		Setting: ingest.Setting{Programmes: h.programmes, Key: h.key, Now: time.Now},
		Formats: importFormats(),
		Metrics: h.registry,
	})
	h.desk = queries.New(queries.Config{
		Reader: h.store.Reader(), Receipts: h.store.Writer(), CodeVersion: codeVersion(), Log: h.log,
	})
	return nil
}

// Close leaves the directory as another owner may take it: the endpoint first,
// then the store, the engine, the lock. place.Close lets attached commands
// finish before.
func (h *house) Close() error {
	var errs []error
	if h.endpoint != nil {
		errs = append(errs, h.endpoint.Close())
	}
	if h.store != nil {
		errs = append(errs, h.store.Close())
	}
	if h.engine != nil {
		errs = append(errs, h.engine.Close())
	}
	if h.owner != nil {
		errs = append(errs, h.owner.Release())
	}
	return errors.Join(errs...)
}

// waitForAttached lets commands that use this owner finish first.
func (h *house) waitForAttached(ctx context.Context) error {
	return h.owner.WaitForAttached(ctx)
}

// pseudonymKey reads the key that turns NHS numbers into pseudonyms.
func pseudonymKey(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("pseudonym.key_file: %w: give a file that you can read", err)
	}
	key = bytes.TrimRight(key, "\r\n") // an editor's line end is not part of it
	if len(key) < 32 {
		return nil, errors.New("pseudonym.key_file holds fewer than 32 bytes: make one with a random generator")
	}
	return key, nil
}

// newLogger writes to stderr in the configured form.
func newLogger(k *koanf.Koanf) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(k.String("log.level"))); err != nil {
		return nil, fmt.Errorf("log.level must be debug, info, warn or error")
	}
	options := &slog.HandlerOptions{Level: level}
	switch strings.ToLower(k.String("log.format")) {
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, options)), nil
	}
	return nil, errors.New("log.format must be text or json")
}

// storeWriter lets the store's writer be ingest's: the rooms may not import
// each other, so their types are alike and converted here.
type storeWriter struct{ w *write.Writer }

func (s storeWriter) Existing(ctx context.Context, keys []ingest.Key) ([]bool, error) {
	list := make([]write.Key, len(keys))
	for i, k := range keys {
		list[i] = write.Key{Table: write.Table(k.Table), PatientID: k.PatientID, ID: k.ID, Version: k.Version}
	}
	return s.w.Existing(ctx, list)
}

func (s storeWriter) Holders(ctx context.Context, responses []uint64) (map[uint64][]record.PatientID, error) {
	return s.w.Holders(ctx, responses)
}

func (s storeWriter) Quarantine(ctx context.Context, rows []record.Refused) error {
	return s.w.Quarantine(ctx, rows)
}

func (s storeWriter) Write(ctx context.Context, b ingest.Batch) error {
	return s.w.Write(ctx, write.Batch(b))
}

func (s storeWriter) Bulk(ctx context.Context) (ingest.Bulk, error) {
	b, err := s.w.Bulk(ctx)
	if err != nil {
		return nil, err
	}
	return storeBulk{b}, nil
}

type storeBulk struct{ b *write.Bulk }

func (s storeBulk) Write(ctx context.Context, b ingest.Batch) error {
	return s.b.Write(ctx, write.Batch(b))
}

func (s storeBulk) Commit(ctx context.Context) error { return s.b.Commit(ctx) }

func (s storeBulk) Close() error { return s.b.Close() }
