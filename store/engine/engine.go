package engine

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrUnavailable is wrapped by every error that says ClickHouse cannot be
// started or reached.
var ErrUnavailable = errors.New("clickhouse is not available")

// State is how an engine is doing.
type State string

// The states of an engine.
const (
	// Starting is before the first answer.
	Starting State = "starting"
	// Ready answers.
	Ready State = "ready"
	// Restarting has died and is being brought back.
	Restarting State = "restarting"
	// Closed was closed by its owner.
	Closed State = "closed"
)

// startTimeout bounds how long a start may take; tables of years of data load
// within seconds, so this is a machine in trouble.
const startTimeout = 3 * time.Minute

// Engine is a ClickHouse that answers. It is safe for concurrent use.
type Engine struct {
	config   Config
	password string
	tcp      *port
	http     *port
	launch   func() (*process, error)

	mu       sync.Mutex
	state    State
	restarts int
	pid      int
	changed  chan struct{} // closed and replaced at each change of state
	stopping chan struct{}
	done     chan struct{} // closed when the supervisor has ended
}

// Start returns once ClickHouse answers and the database exists. An engine of
// our own is then supervised until Close: when it dies it comes back on the
// same addresses with the same password. Errors wrap ErrUnavailable and say
// what to do.
func Start(ctx context.Context, config Config) (*Engine, error) {
	e := &Engine{config: config.withDefaults(), state: Starting,
		changed: make(chan struct{}), stopping: make(chan struct{}), done: make(chan struct{})}
	if err := e.choose(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if e.config.Kind == Configured {
		close(e.done)
		if err := e.createDatabase(ctx); err != nil {
			return nil, fmt.Errorf("engine: configured server %s: %w: check clickhouse.addr, user, password and TLS (%w)",
				e.config.Addr, err, ErrUnavailable)
		}
		e.setState(Ready)
		return e, nil
	}
	if err := e.prepare(ctx); err != nil {
		return nil, err
	}
	running, err := e.firstStart(ctx)
	if err != nil {
		e.tcp.release()
		e.http.release()
		return nil, err
	}
	e.setState(Ready)
	go e.supervise(running)
	return e, nil
}

// choose settles the kind.
func (e *Engine) choose(ctx context.Context) error {
	c := &e.config
	if c.Kind == "" {
		c.Kind = Embedded
		if c.Addr != "" {
			c.Kind = Configured
		} else if _, err := findBinary(ctx); err == nil {
			c.Kind = Binary
		} else if !errors.Is(err, exec.ErrNotFound) {
			c.Log.Info("taking the embedded engine", "reason", err)
		}
	}
	switch c.Kind {
	case Configured:
		if c.Addr == "" {
			return fmt.Errorf("engine: a configured server needs clickhouse.addr (host:port): %w", ErrUnavailable)
		}
		if c.HTTPAddr == "" {
			c.HTTPAddr = defaultHTTPAddr(c.Addr, c.TLS)
		}
	case Binary, Embedded:
		if c.Dir == "" {
			return errors.New("engine: Config.Dir is empty: an engine of our own needs a folder")
		}
		dir, err := filepath.Abs(c.Dir)
		if err != nil {
			return fmt.Errorf("engine: folder of the engine: %w", err)
		}
		c.Dir = dir
	default:
		return fmt.Errorf("engine: unknown kind %q", c.Kind)
	}
	return nil
}

// defaultHTTPAddr is the first host's usual HTTP port.
func defaultHTTPAddr(addr string, secure *tls.Config) string {
	first, _, _ := strings.Cut(addr, ",")
	host, _, err := net.SplitHostPort(strings.TrimSpace(first))
	if err != nil {
		host = first
	}
	if secure != nil {
		return net.JoinHostPort(host, "8443")
	}
	return net.JoinHostPort(host, "8123")
}

// prepare finds what to run, reserves the ports and writes the configuration.
func (e *Engine) prepare(ctx context.Context) error {
	var program string
	var err error
	if e.config.Kind == Binary {
		program, err = findBinary(ctx)
	} else {
		program, err = Fetch(ctx, e.config.Fetch)
	}
	if err != nil {
		return fmt.Errorf("%w (%w)", err, ErrUnavailable)
	}
	e.password = newPassword()
	if e.tcp, err = reservePort(); err != nil {
		return err
	}
	if e.http, err = reservePort(); err != nil {
		e.tcp.release()
		return err
	}
	file, err := writeConfig(e.config.Kind, e.config.Dir, e.password, e.config.MemoryBytes, e.tcp.number, e.http.number)
	if err != nil {
		e.tcp.release()
		e.http.release()
		return err
	}
	e.launch = func() (*process, error) { return launch(e.config.Kind, program, file) }
	return nil
}

// createDatabase asks once: it returns an error when nothing answers.
func (e *Engine) createDatabase(ctx context.Context) error {
	options := e.Options()
	options.Auth.Database = "" // the user's default one, which exists
	if e.config.Kind == Configured {
		// Its user may be allowed to use the database but not to create it.
		use := e.Options()
		if err := once(ctx, use, "SELECT 1"); err == nil {
			return nil
		}
	}
	return once(ctx, options, "CREATE DATABASE IF NOT EXISTS "+quoteName(e.Database()))
}

// quoteName quotes an identifier.
func quoteName(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}

// Conn is a pool of native connections, as clickhouse-go gives it.
type Conn = driver.Conn

// Connect returns a pool of native connections to a database of this engine,
// the engine's own when empty. The caller closes it.
func (e *Engine) Connect(database string) (Conn, error) {
	options := e.Options()
	if database != "" {
		options.Auth.Database = database
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("engine: connect to %s: %w (%w)", e.Addr(), err, ErrUnavailable)
	}
	return conn, nil
}

// once runs a statement on a connection of its own.
func once(ctx context.Context, options *clickhouse.Options, statement string) error {
	options.MaxOpenConns, options.DialTimeout = 1, 5*time.Second
	conn, err := clickhouse.Open(options)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Exec(ctx, statement)
}

// Options returns fresh clickhouse-go options to reach this engine natively.
func (e *Engine) Options() *clickhouse.Options {
	var addrs []string
	for addr := range strings.SplitSeq(e.Addr(), ",") {
		addrs = append(addrs, strings.TrimSpace(addr))
	}
	return &clickhouse.Options{
		Addr: addrs, TLS: e.config.TLS,
		Auth: clickhouse.Auth{Database: e.Database(), Username: e.User(), Password: e.Password()},
	}
}

// Kind returns how this ClickHouse was come by.
func (e *Engine) Kind() Kind { return e.config.Kind }

// Addr returns the native TCP address (several, separated by commas, of a
// configured cluster). It does not change over restarts.
func (e *Engine) Addr() string {
	if e.config.Kind == Configured {
		return e.config.Addr
	}
	return e.tcp.addr()
}

// HTTPAddr returns the address of the HTTP interface. It does not change over
// restarts.
func (e *Engine) HTTPAddr() string {
	if e.config.Kind == Configured {
		return e.config.HTTPAddr
	}
	return e.http.addr()
}

// User returns the user to log in as.
func (e *Engine) User() string {
	if e.config.Kind == Configured {
		return e.config.User
	}
	return appUser
}

// Password returns that user's password: random for each Start of an engine of
// our own.
func (e *Engine) Password() string {
	if e.config.Kind == Configured {
		return e.config.Password
	}
	return e.password
}

// Database returns the database, which exists.
func (e *Engine) Database() string { return e.config.Database }

// TLS returns what both protocols of a configured server need, nil for none.
func (e *Engine) TLS() *tls.Config { return e.config.TLS }

// State returns how the engine is doing now.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// Restarts returns how often the engine has been brought back.
func (e *Engine) Restarts() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.restarts
}

// PID returns the process id of an engine of our own, 0 of a configured server.
func (e *Engine) PID() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pid
}

// Await returns nil once the engine is ready, or says why it will not be.
func (e *Engine) Await(ctx context.Context) error {
	for {
		e.mu.Lock()
		state, changed := e.state, e.changed
		e.mu.Unlock()
		switch state {
		case Ready:
			return nil
		case Closed:
			return fmt.Errorf("engine: closed: %w", ErrUnavailable)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("engine: %s: %w (%w)", state, ctx.Err(), ErrUnavailable)
		}
	}
}

// setState publishes a state; Closed is the last.
func (e *Engine) setState(state State) {
	e.mu.Lock()
	if e.state == Closed {
		e.mu.Unlock()
		return
	}
	e.state = state
	if state == Restarting {
		e.restarts++
	}
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
	e.config.OnState(state)
}
