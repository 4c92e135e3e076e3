package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/knadh/koanf/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/lumbar-health/lumbar/ingest"
	ihttp "github.com/lumbar-health/lumbar/ingest/http"
	"github.com/lumbar-health/lumbar/ingest/journal"
	"github.com/lumbar-health/lumbar/instruments/wording"
	"github.com/lumbar-health/lumbar/internal/ingeststore"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/export"
	"github.com/lumbar-health/lumbar/store"
	"github.com/lumbar-health/lumbar/store/engine"
)

// house is an owned data directory with all that runs on it: engine, store,
// ingest and the desk that answers questions.
type house struct {
	dir        string
	log        *slog.Logger
	registry   *prometheus.Registry
	programmes []*programme.Programme
	key        []byte // of the pseudonyms; nil where none is configured
	taking     ihttp.Options
	wordings   *wording.Library
	owner      *engine.Owner
	engine     *engine.Engine
	store      *store.Store
	pipeline   *ingest.Pipeline
	journal    *journal.Journal
	intake     *ingest.Intake
	desk       *queries.Desk
	exporter   *export.Exporter
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
	if h.key, err = pseudonymKey(k); err != nil {
		return h, err
	}
	if h.taking, err = takingOptions(k); err != nil {
		return h, err
	}
	h.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if h.engine, err = engine.Start(ctx, engineConfig(k, owner.EngineDir(), log)); err != nil {
		return h, err
	}
	if err := h.openStore(ctx, options); err != nil {
		return h, err
	}
	if err := h.checkKey(ctx); err != nil {
		return h, err
	}
	if err := h.openJournal(k); err != nil {
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
	if e.Silent() {
		cfg.Restarts = e.Restarts
	}
	for _, set := range options {
		set(&cfg)
	}
	if h.store, err = store.Open(ctx, cfg); err != nil {
		return err
	}
	h.pipeline = ingest.New(ingeststore.Writer(h.store.Writer()), ingest.Options{
		Setting: ingest.Setting{Programmes: h.programmes, Key: h.key, Now: time.Now},
		Formats: importFormats(),
		Metrics: h.registry,
	})
	h.desk = queries.New(queries.Config{
		Reader: h.store.Reader(), Receipts: h.store.Writer(), CodeVersion: codeVersion(), Log: h.log,
	})
	h.exporter = export.New(export.Config{
		Reader: h.store.Reader(), Rows: h.store.Extracts(), Records: h.store.Writer(), CodeVersion: codeVersion(), Log: h.log,
	})
	return nil
}

// openJournal opens the journal and begins to drain what it holds.
func (h *house) openJournal(k *koanf.Koanf) (err error) {
	dir := k.String("journal.dir")
	if dir == "" {
		dir = filepath.Join(h.dir, "journal")
	}
	if h.journal, err = journal.Open(journal.Options{Dir: dir, MaxBytes: k.Int64("journal.max_bytes"), Log: h.log}); err != nil {
		return err
	}
	h.intake = h.pipeline.NewIntake(h.journal, ingest.IntakeOptions{Log: h.log})
	h.showVitals(k.Int64("journal.max_bytes"))
	return nil
}

// Close leaves the directory as another owner may take it: the endpoint first,
// then intake and journal, the store, the engine, the lock. place.Close lets attached commands
// finish before.
func (h *house) Close() error {
	var errs []error
	if h.endpoint != nil {
		errs = append(errs, h.endpoint.Close())
	}
	if h.intake != nil {
		errs = append(errs, h.intake.Close())
	}
	if h.journal != nil {
		errs = append(errs, h.journal.Close())
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
