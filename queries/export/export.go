package export

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/queries"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/receipt"
	"github.com/lumbar-health/lumbar/record"
	"github.com/lumbar-health/lumbar/store/read"
)

// Reader is what an extract asks of the store beside its rows.
type Reader interface {
	List(ctx context.Context, name, edition string) (l read.List, ok bool, err error)
	DataVersion(ctx context.Context) (uint64, error)
}

// Rows reads people's rows.
type Rows interface {
	Read(ctx context.Context, e read.Extract, each func(arrow.Record) error) error
}

// Records keeps what left the house.
type Records interface {
	Audit(ctx context.Context, lines ...record.Access) error
	AppendReceipt(ctx context.Context, r read.Receipt) error
}

// Config is what an Exporter works with.
type Config struct {
	Reader      Reader
	Rows        Rows
	Records     Records
	CodeVersion string
	Clock       func() time.Time // nil: the machine's
	Log         *slog.Logger     // nil: none
}

const (
	// MaxListAge is how old a list of opt-outs may be. The policy wants people's
	// choices checked when data are disclosed and lets the answer be kept for a
	// while; a choice is to be in force three weeks after it was made.
	MaxListAge = 21 * 24 * time.Hour
	// atOnce is how many extracts may be read at a time: each is a long scan.
	atOnce = 2
	// Pseudonymised stands in the receipt of an extract.
	Pseudonymised = "pseudonymised"
)

// Actions of the audit. An extract has the first line before its first row, and
// one of the others at its end.
const (
	ActionBegun  = "export"
	ActionDone   = "export done"
	ActionFailed = "export failed"
)

// Exporter makes extracts. It is safe for concurrent use.
type Exporter struct {
	cfg   Config
	slots chan struct{}
}

// New returns an exporter.
func New(cfg Config) *Exporter {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Exporter{cfg: cfg, slots: make(chan struct{}, atOnce)}
}

// OptOuts is the list by which an extract was filtered.
type OptOuts struct {
	ReceivedAt time.Time `json:"received_at"`
	People     uint64    `json:"people"` // on the list
}

// Summary says what an extract is.
type Summary struct {
	Table       string   `json:"table"`
	Programme   string   `json:"programme"`
	Purpose     string   `json:"purpose"`
	Format      Format   `json:"format"`
	Rows        int      `json:"rows"`
	OptOuts     *OptOuts `json:"opt_outs"` // nil where the basis says that they do not apply
	Basis       Basis    `json:"basis"`
	Undisclosed bool     `json:"undisclosed"`
	Notes       []string `json:"notes"`
	Receipt     string   `json:"receipt"`
}

// Extract is an extract that may be written: the audit knows of it.
type Extract struct {
	Summary Summary

	exporter *Exporter
	request  Request
	read     read.Extract
	keys     *keys
}

// Begin checks a request, finds the list of opt-outs that is in force now, and
// writes the audit. The extract must be closed. An error is a *queries.Error, or
// one of the context.
//
//	no list of opt-outs, or one that is too old   InsufficientData
//	as many extracts as may be at a time          Unavailable
func (e *Exporter) Begin(ctx context.Context, r Request) (x *Extract, err error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	select {
	case e.slots <- struct{}{}:
	default:
		return nil, &queries.Error{Kind: queries.Unavailable, Message: "other extracts are under way: ask again when they are done"}
	}
	defer func() {
		if err != nil {
			<-e.slots
			err = e.failed(ctx, r, err)
		}
	}()
	keys, err := newKeys(r.Undisclosed)
	if err != nil {
		return nil, err
	}
	x = &Extract{exporter: e, request: r, keys: keys, read: read.Extract{Table: r.Table, Programme: r.Programme, Full: r.Undisclosed, Order: keys.order}}
	x.Summary = Summary{Table: r.Table, Programme: r.Programme, Purpose: r.Purpose, Format: r.Format, Basis: r.Basis, Undisclosed: r.Undisclosed}
	if err := x.optOuts(ctx); err != nil {
		return nil, err
	}
	x.Summary.Notes = x.notes()
	if err := x.account(ctx); err != nil {
		return nil, err
	}
	return x, nil
}

// optOuts finds the people who are left out, unless a basis says that nobody is.
func (x *Extract) optOuts(ctx context.Context) error {
	if x.request.Basis != "" {
		return nil
	}
	l, ok, err := x.exporter.cfg.Reader.List(ctx, read.ListOptOuts, "")
	if err != nil {
		return err
	}
	insufficient := func(format string, args ...any) error {
		return &queries.Error{Kind: queries.InsufficientData, Message: fmt.Sprintf(format, args...) +
			": load the list of today (lumbar reference import opt-out FILE); where opt-outs do not apply to this use a command says why (lumbar export --opt-out-basis)"}
	}
	if !ok {
		return insufficient("no list of national data opt-outs was ever loaded, so nobody knows whose data may not be used")
	}
	if age := x.exporter.cfg.Clock().Sub(l.ReceivedAt); age > MaxListAge {
		return insufficient("the list of national data opt-outs was received %d days ago, and may be %d days old", int(age.Hours()/24), int(MaxListAge.Hours()/24))
	}
	x.read.OptOuts = &l
	x.Summary.OptOuts = &OptOuts{ReceivedAt: l.ReceivedAt.UTC(), People: l.Rows}
	return nil
}

// notes are what a reader of the extract must know.
func (x *Extract) notes() []string {
	notes := []string{"One row a person's record: personal data. Numbers are in the instruments' points; a value that is missing is empty."}
	if x.request.Undisclosed {
		notes = append(notes, "Undisclosed: pseudonyms, identifiers and moments are those of the store, so that this extract can be joined with it and with others.")
	} else {
		notes = append(notes, "Pseudonyms and identifiers are made with a random key of this extract alone, which is not kept: two extracts can not be joined by them.")
	}
	if o := x.Summary.OptOuts; o != nil {
		return append(notes, "The whole records of people who opted out are left out, by the list received on "+o.ReceivedAt.Format(time.DateOnly)+".")
	}
	return append(notes, "People who opted out are not left out, because of: "+string(x.request.Basis)+".")
}

// account writes receipt and audit, before anything is read.
func (x *Extract) account(ctx context.Context) error {
	e := x.exporter
	version, err := e.cfg.Reader.DataVersion(ctx)
	if err != nil {
		return err
	}
	params := map[string][]string{
		"table": {x.request.Table}, "programme": {x.request.Programme}, "purpose": {x.request.Purpose}, "format": {string(x.request.Format)}, "basis": {string(x.request.Basis)},
	}
	if l := x.read.OptOuts; l != nil {
		params["opt_outs_received_at"], params["opt_outs_version"] = []string{l.ReceivedAt.UTC().Format(time.RFC3339)}, []string{fmt.Sprint(l.Version)}
	}
	canonical, err := receipt.Canonical(params)
	if err != nil {
		return err
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	x.Summary.Receipt = hex.EncodeToString(id[:])
	answer, err := json.Marshal(x.Summary)
	if err != nil {
		return err
	}
	rule := Pseudonymised
	if x.request.Undisclosed {
		rule = disclosure.NoRule
	}
	now := e.cfg.Clock().UTC().Truncate(time.Microsecond)
	err = e.cfg.Records.AppendReceipt(ctx, read.Receipt{
		At: now, ID: x.Summary.Receipt, Actor: x.request.Actor, Question: "export", Parameters: canonical, DataVersion: version,
		CodeVersion: e.cfg.CodeVersion, DisclosureRule: rule, Exact: true, Answer: string(answer),
	})
	if err != nil {
		return err
	}
	return e.cfg.Records.Audit(ctx, x.line(ActionBegun, 0))
}

// line is a line of the audit about the extract.
func (x *Extract) line(action string, rows int) record.Access {
	subject := x.request.Table
	if x.request.Programme != "" {
		subject += " of " + x.request.Programme
	}
	if x.request.Undisclosed {
		subject += ", undisclosed"
	}
	if x.request.Basis != "" {
		subject += ", opt-outs not applied: " + string(x.request.Basis)
	}
	return record.Access{
		At: x.exporter.cfg.Clock().UTC(), Actor: x.request.Actor, Role: x.request.Role, Action: action, Purpose: x.request.Purpose,
		Subject: subject, Rows: rows, Receipt: x.Summary.Receipt,
	}
}

// Write writes the extract. The first byte comes when the engine is ready to
// send: an error before that has written nothing. What a failed extract has
// written is not whole, and every format but CSV shows it.
func (x *Extract) Write(ctx context.Context, w io.Writer) error {
	out := &writer{extract: x, to: w}
	err := x.exporter.cfg.Rows.Read(ctx, x.read, out.record)
	if err == nil {
		err = out.end()
	}
	x.Summary.Rows = out.rows
	action := ActionDone
	if err != nil {
		action = ActionFailed
	}
	// What left has left, also where whoever asked is gone.
	kept := x.exporter.cfg.Records.Audit(context.WithoutCancel(ctx), x.line(action, out.rows))
	if kept != nil {
		x.exporter.cfg.Log.ErrorContext(ctx, "the end of an extract is not in the audit", "receipt", x.Summary.Receipt, "rows", out.rows, "error", kept)
	}
	if err != nil {
		return x.exporter.failed(ctx, x.request, err)
	}
	return nil
}

// Close lets another extract begin.
func (x *Extract) Close() { <-x.exporter.slots }

// failed turns an error into one that may be shown; what happened stays in the
// log.
func (e *Exporter) failed(ctx context.Context, r Request, err error) error {
	var known *queries.Error
	switch {
	case errors.As(err, &known):
		return known
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, read.ErrNoColumns):
		return &queries.Error{Kind: queries.NotFound, Message: "there is no programme of that name: /v1/programmes lists them"}
	}
	e.cfg.Log.ErrorContext(ctx, "extract failed", "table", r.Table, "error", err)
	for _, again := range []error{read.ErrListReplaced, read.ErrSwitched} {
		if errors.Is(err, again) {
			return &queries.Error{Kind: queries.Unavailable, Message: again.Error(), Err: err}
		}
	}
	if queries.Unreachable(err) {
		return &queries.Error{Kind: queries.Unavailable, Message: "the data can not be reached just now: ask again in a moment", Err: err}
	}
	return &queries.Error{Kind: queries.Internal, Message: "the extract could not be made; the log says why", Err: err}
}

// randomOrder is a key for the order of rows.
func randomOrder() (order [2]uint64) {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return [2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}
