package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/store/engine"
	"github.com/lumbar-health/lumbar/store/read"
	"github.com/lumbar-health/lumbar/store/schema"
	"github.com/lumbar-health/lumbar/store/write"
)

// Config says where the engine is and whose data it holds. The database exists
// already; an empty one is filled with tables.
type Config struct {
	Addr, HTTPAddr, Database, User, Password string
	TLS                                      *tls.Config // nil: plain connections
	Programmes                               []*programme.Programme
	Log                                      *slog.Logger
	Registerer                               prometheus.Registerer // nil: no metrics
	Clock                                    func() time.Time      // nil: the machine's
	// Restarts counts how often an engine was started anew that does not say that
	// a file could not be written, and so is asked; nil: the engine says it.
	Restarts func() int
	// Rescoring opens data whose current algorithm the program does not have: a
	// re-score is about to follow.
	Rescoring bool
}

// Store is an open database.
type Store struct {
	conn     driver.Conn
	sessions *sql.DB
	reader   *read.Reader
	writer   *write.Writer
	extracts *read.Extracts
	lists    *write.References
}

// Open connects, runs the migrations, adds the programmes' columns, and brings
// outcome up to date with what a crash or another version of the programmes
// left behind.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	// A mistake in the programmes is told before anything is touched.
	if _, err := schema.NewCatalogue(cfg.Programmes); err != nil {
		return nil, err
	}
	s := &Store{}
	if err := s.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

const connections = 8

func (s *Store) open(ctx context.Context, cfg Config) error {
	var err error
	if s.conn, err = clickhouse.Open(options(cfg)); err != nil {
		return fmt.Errorf("store: connect to %s: %w", cfg.Addr, err)
	}
	var witness *engine.Witness
	if cfg.Restarts != nil {
		witness = engine.NewWitness(s.conn, cfg.Restarts)
		s.conn = witness.Conn()
	}
	if err := s.Ping(ctx); err != nil {
		return err
	}
	catalogue, err := s.register(ctx, cfg)
	if err != nil {
		return err
	}
	if s.reader, err = read.New(s.conn, catalogue, cfg.Registerer); err != nil {
		return err
	}
	s.extracts = read.NewExtracts(s.reader, read.HTTP{Addr: cfg.HTTPAddr, Database: cfg.Database, User: cfg.User, Password: cfg.Password, TLS: cfg.TLS})
	s.lists = write.NewReferences(s.conn, s.reader, cfg.Clock)
	s.sessions = clickhouse.OpenDB(options(cfg))
	s.writer, err = write.New(ctx, write.Config{
		Conn: s.conn, Witness: witness, Sessions: s.sessions, HTTPAddr: cfg.HTTPAddr, Database: cfg.Database, User: cfg.User, Password: cfg.Password,
		TLS: cfg.TLS, Catalogue: catalogue, Readers: s.reader, Log: cfg.Log, Clock: cfg.Clock, Registerer: cfg.Registerer,
	})
	return err
}

// register migrates, and returns the catalogue of what is current.
func (s *Store) register(ctx context.Context, cfg Config) (*schema.Catalogue, error) {
	ran, err := schema.Migrate(ctx, s.conn, cfg.Clock())
	if err != nil {
		return nil, err
	}
	if len(ran) > 0 {
		cfg.Log.Info("migrated the database", "migrations", len(ran))
	}
	return schema.Register(ctx, s.conn, cfg.Programmes, schema.Opening{Now: cfg.Clock(), Log: cfg.Log, Rescoring: cfg.Rescoring})
}

func options(cfg Config) *clickhouse.Options {
	return &clickhouse.Options{
		Addr:         []string{cfg.Addr},
		Auth:         clickhouse.Auth{Database: cfg.Database, Username: cfg.User, Password: cfg.Password},
		TLS:          cfg.TLS,
		DialTimeout:  10 * time.Second,
		ReadTimeout:  30 * time.Minute, // a rebuild of a nation's outcome is one long answer
		MaxOpenConns: connections,
		MaxIdleConns: connections,
	}
}

// Ping says whether the engine answers.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.conn.Ping(ctx); err != nil {
		return fmt.Errorf("store: the engine does not answer: %w", err)
	}
	return nil
}

// Reader returns the reader of outcome.
func (s *Store) Reader() *read.Reader { return s.reader }

// Writer returns the one writer.
func (s *Store) Writer() *write.Writer { return s.writer }

// Extracts returns the reader of people's rows.
func (s *Store) Extracts() *read.Extracts { return s.extracts }

// References returns the loader of reference data.
func (s *Store) References() *write.References { return s.lists }

// Close closes the connections. What was written stays.
func (s *Store) Close() error {
	var err error
	if s.writer != nil {
		s.writer.Close()
	}
	if s.extracts != nil {
		s.extracts.Close()
	}
	if s.sessions != nil {
		err = errors.Join(err, s.sessions.Close())
	}
	if s.conn != nil {
		err = errors.Join(err, s.conn.Close())
	}
	if err != nil {
		return fmt.Errorf("store: close: %w", err)
	}
	return nil
}
