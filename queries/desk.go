package queries

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/receipt"
	"github.com/lumbar-health/lumbar/store/read"
)

// Reader is what questions ask of the store.
type Reader interface {
	cohort.Reader
	Scores
	// Switches counts how often a re-score has changed what is current.
	Switches() uint64
	// DataVersion is the number of the last committed batch.
	DataVersion(ctx context.Context) (uint64, error)
	// Receipts are those of the answers given at a data version, oldest first.
	Receipts(ctx context.Context, dataVersion uint64) ([]read.Receipt, error)
	// Receipt is that of one answer; an error wraps read.ErrNoReceipt.
	Receipt(ctx context.Context, id string) (read.Receipt, error)
}

// Receipts keeps how answers were made.
type Receipts interface {
	AppendReceipt(ctx context.Context, r read.Receipt) error
}

// Config is what a Desk works with. Clock and Log have the usual defaults.
type Config struct {
	Reader      Reader
	Receipts    Receipts
	CodeVersion string
	Clock       func() time.Time
	Log         *slog.Logger
}

// attempts is how often a question is asked again because data landed meanwhile.
const attempts = 3

// Desk answers questions. It is safe for concurrent use; there should be one to
// a database, because the cohorts of all questions are compared with each other.
type Desk struct {
	cfg      Config
	registry string
	room     room
}

// New returns a desk.
func New(cfg Config) *Desk {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Desk{cfg: cfg, registry: registryVersion()}
}

// registryVersion identifies instruments, programmes and columns together.
func registryVersion() string {
	programmes, err := json.Marshal(programme.All())
	if err != nil {
		panic("queries: programmes can not be written as JSON: " + err.Error()) // impossible: plain fields
	}
	sum := sha256.Sum256([]byte(instruments.RegistryVersion() + "\x00" + disclosure.RegistryVersion() + "\x00" + string(programmes)))
	return hex.EncodeToString(sum[:8])
}

// Ask answers a question. The same question about the same version of the data
// has the same answer and the same receipt; callers share it and leave it as it
// is. An error is an *Error, but for one
// of the context.
func (d *Desk) Ask(ctx context.Context, q Question) (*Answer, error) {
	if err := Check(q); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		switches := d.cfg.Reader.Switches()
		p, err := prepare(q.Name, q.Params, d.cfg.Reader)
		if err != nil {
			return nil, err
		}
		e, a, fresh, err := d.try(ctx, p, q)
		if d.cfg.Reader.Switches() != switches && ctx.Err() == nil {
			try-- // its parts may be of two algorithms; a switch is rare
			continue
		}
		if errors.Is(err, context.Canceled) && ctx.Err() == nil && try < attempts {
			continue // somebody else asked the same first, and has gone away
		}
		if err != nil {
			return nil, d.failed(ctx, q, err)
		}
		if !fresh || try == attempts {
			return a, nil
		}
		after, err := d.cfg.Reader.DataVersion(ctx)
		if err != nil {
			return nil, d.failed(ctx, q, err)
		}
		if after == e.version {
			return a, nil
		}
	}
}

// try answers a question once, about the data as they are now.
func (d *Desk) try(ctx context.Context, p *prepared, q Question) (e *edition, a *Answer, fresh bool, err error) {
	if e, err = d.room.enter(ctx, d); err == nil {
		a, fresh, err = d.answer(ctx, e, p, q)
	}
	return e, a, fresh, err
}

// answer computes a question at one version of the data, which is fresh, or
// finds it answered.
func (d *Desk) answer(ctx context.Context, e *edition, p *prepared, q Question) (a *Answer, fresh bool, err error) {
	canonical, err := receipt.Canonical(p.params)
	if err != nil {
		return nil, false, err
	}
	rule := disclosure.Rule
	if q.Undisclosed {
		rule = disclosure.NoRule
	}
	id := receipt.Identity{
		Question: p.name, Parameters: canonical, DataVersion: e.version,
		CodeVersion: d.cfg.CodeVersion, RegistryVersion: d.registry, Ruleset: rule,
	}
	a, err = e.once(id.ID(), func() (*Answer, error) {
		fresh = true
		a, exact, err := e.compute(ctx, p, q.Undisclosed)
		if err != nil {
			return nil, err
		}
		a.Receipt = id.ID()
		text, err := json.Marshal(a)
		if err != nil {
			return nil, err
		}
		return a, d.keep(ctx, e, read.Receipt{
			At: d.cfg.Clock().UTC().Truncate(time.Microsecond), ID: a.Receipt, Actor: q.Actor, Question: p.name,
			Parameters: canonical, DataVersion: e.version, CodeVersion: d.cfg.CodeVersion, RegistryVersion: d.registry,
			DisclosureRule: rule, Exact: exact, Answer: string(text),
		})
	})
	return a, fresh, err
}

// keep writes a receipt, unless it has been written before.
func (d *Desk) keep(ctx context.Context, e *edition, r read.Receipt) error {
	if e.isWritten(r.ID) {
		return nil
	}
	if err := d.cfg.Receipts.AppendReceipt(ctx, r); err != nil {
		return err
	}
	e.write(r.ID)
	return nil
}

// Unreachable says whether the store could not be talked to, as against what it
// said.
func Unreachable(err error) bool {
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// failed turns an error into one that may be shown; what happened stays in the log.
func (d *Desk) failed(ctx context.Context, q Question, err error) error {
	var known *Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, disclosure.ErrLedgerFull):
		return &Error{Kind: Unavailable, Message: disclosure.ErrLedgerFull.Error()}
	}
	d.cfg.Log.ErrorContext(ctx, "question failed", "question", q.Name, "error", err)
	if errors.Is(err, read.ErrSwitched) {
		return &Error{Kind: Unavailable, Message: read.ErrSwitched.Error(), Err: err}
	}
	if Unreachable(err) {
		return &Error{Kind: Unavailable, Message: "the data can not be reached just now: ask again in a moment", Err: err}
	}
	return &Error{Kind: Internal, Message: "the question could not be answered; the log says why", Err: err}
}
