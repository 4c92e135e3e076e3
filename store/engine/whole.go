package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// ErrNotWhole says that the engine failed to write a file. What it said of an
// insert meanwhile is worth nothing: the same is to be sent again.
var ErrNotWhole = errors.New("the engine could not write a file, as the disk is full or fails: free some space and send the same again; the engine starts anew by itself")

// watchInterval is between two looks at what an engine has failed to write. A
// merge that failed must be found while the engine keeps the parts it merged,
// which is eight minutes.
const watchInterval = time.Second

// errAnew says that nobody knows whether what was sent is there.
var errAnew = errors.New("the engine was started anew meanwhile: send the same again")

// errFull says that nothing was changed, for it might not fit.
var errFull = errors.New("the disk is full: free some space and try again")

// leastFree is what must be free, in bytes, before a table is altered. The engine
// looks for room before it writes rows, and not before it puts what it knows of a
// table in place of what it knew.
const leastFree = 8 << 20

// The embedded library was built to go on where a file can not be written: it
// counts the failure and keeps the part, which then lacks what did not go in.
// The count starts with the process.
const wholeQuery = `SELECT (SELECT min(free_space) FROM system.disks),
(SELECT sum(value) FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed')`

// whole returns ErrNotWhole where the engine's process has failed to write a
// file, and else what is free on its disk, in bytes.
func whole(ctx context.Context, conn driver.Conn) (free uint64, err error) {
	var failed uint64
	if err := conn.QueryRow(ctx, wholeQuery).Scan(&free, &failed); err != nil {
		return 0, fmt.Errorf("ask the engine whether its files are whole: %w", err)
	}
	if failed > 0 {
		return 0, ErrNotWhole
	}
	return free, nil
}

// Silent says whether the engine keeps silent about a file that it could not
// write. What is sent to it is stored when a Witness says so.
func (e *Engine) Silent() bool { return e.config.Kind == Embedded }

// Witness holds that what a silent engine was sent is whole on its disk. A nil
// one believes the engine.
type Witness struct {
	conn     driver.Conn
	restarts func() int
}

// NewWitness asks over connections of a pool, which stays the caller's. restarts
// is Engine.Restarts: it counts before the next process starts.
func NewWitness(conn driver.Conn, restarts func() int) *Witness { return &Witness{conn, restarts} }

// Of does what writes to the engine. It returns ErrNotWhole where the engine has
// failed to write a file, and an error where it is another process than before:
// then nobody knows.
func (w *Witness) Of(ctx context.Context, write func() error) error {
	if w == nil {
		return write()
	}
	before := w.restarts()
	if _, err := whole(ctx, w.conn); err != nil {
		return err
	}
	if err := write(); err != nil {
		return err
	}
	// The write is done: whether its sender leaves changes nothing about it.
	_, err := whole(context.WithoutCancel(ctx), w.conn)
	if err == nil && w.restarts() != before {
		err = errAnew
	}
	return err
}

// Conn is the pool with every statement and batch that it sends witnessed.
func (w *Witness) Conn() driver.Conn { return witnessed{w.conn, w} }

type witnessed struct {
	driver.Conn
	by *Witness
}

func (c witnessed) Exec(ctx context.Context, query string, args ...any) error {
	if strings.HasPrefix(query, "ALTER") {
		if free, err := whole(ctx, c.Conn); err != nil {
			return err
		} else if free < leastFree {
			return errFull
		}
	}
	return c.by.Of(ctx, func() error { return c.Conn.Exec(ctx, query, args...) })
}

func (c witnessed) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	b, err := c.Conn.PrepareBatch(ctx, query, opts...)
	if err != nil {
		return nil, err
	}
	return witnessedBatch{b, c.by, ctx}, nil
}

type witnessedBatch struct {
	driver.Batch
	by  *Witness
	ctx context.Context // of the batch, as the driver keeps it
}

func (b witnessedBatch) Send() error { return b.by.Of(b.ctx, b.Batch.Send) }

// watch ends a silent engine's process once it has failed to write a file. The
// next one looks at its files when it starts, sets parts aside that are not
// whole and takes those again from which they were merged.
func (e *Engine) watch(p *process) {
	options := e.Options()
	options.MaxOpenConns, options.DialTimeout = 1, 5*time.Second
	conn, err := clickhouse.Open(options)
	if err != nil {
		e.config.Log.Error("nobody watches what the engine fails to write", "error", err)
		return
	}
	defer conn.Close()
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-p.exited:
			return
		case <-e.stopping:
			return
		case <-tick.C:
		}
		ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
		_, err := whole(ctx, conn)
		done()
		if errors.Is(err, ErrNotWhole) {
			e.config.Log.Error("the engine is started anew, for it sets aside what is not whole", "error", err)
			p.kill()
			return
		}
	}
}
