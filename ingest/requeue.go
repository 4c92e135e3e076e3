package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lumbar-health/lumbar/record"
)

// Quarantine is the store's shelf of refused rows, as a retry uses it.
type Quarantine interface {
	// QuarantineIDs returns the ids of the rows that fit the filter, in the
	// order in which they are stored.
	QuarantineIDs(ctx context.Context, f record.QuarantineFilter) ([]uint64, error)
	// QuarantineBodies returns rows with their sealed bodies, of consecutive ids.
	QuarantineBodies(ctx context.Context, ids []uint64) ([]record.Quarantined, error)
	// Settle writes back what became of rows. One that came again meanwhile
	// stays as it came.
	Settle(ctx context.Context, rows []record.Quarantined) error
}

// RequeueOptions say which refused rows are to be tried again, and how.
type RequeueOptions struct {
	// Filter chooses among the rows that are held.
	Filter record.QuarantineFilter
	// Mapping is the text of the mapping file for rows that came through one.
	Mapping []byte
	DryRun  bool // read, check and score, but change nothing
}

// What a retry says of a row that it could not try, beside the fates of a
// record.
const (
	// OutcomeNotKept: only the reasons were kept; the sender has to send it again.
	OutcomeNotKept = "not_kept"
	// OutcomeUnread: the body can not be read, as Advice says.
	OutcomeUnread = "unread"
)

// RequeueReport reconciles a retry: Read = Stored + Duplicate + Rejected +
// NotKept + Unread, counting refused rows. Of a dry run Stored are those that
// would be taken, new or not.
type RequeueReport struct {
	DryRun    bool           `json:"dry_run,omitempty"`
	Read      int            `json:"read"`
	Stored    int            `json:"stored"`
	Duplicate int            `json:"duplicate"`
	Rejected  int            `json:"rejected"` // still, and held
	NotKept   int            `json:"not_kept"`
	Unread    int            `json:"unread"`
	Rules     map[string]int `json:"rules,omitempty"` // of those still rejected, each rule once a row
	// Rows lists the first thousand that are still held.
	Rows []RequeuedRow `json:"rows,omitempty"`
}

// RequeuedRow is a row that is still held after a retry.
type RequeuedRow struct {
	ID      string   `json:"id"`
	Outcome string   `json:"outcome"` // rejected, not_kept or unread
	Reasons []Reason `json:"reasons,omitempty"`
	Advice  string   `json:"advice,omitempty"`
}

// A retry takes so many rows at once, or fewer whose bodies hold so many bytes.
const requeuePage = 500

// Requeue tries refused rows again: each is opened, read as its format's
// decoder reads it, checked, scored and submitted. Only when it is durable the
// quarantine has it as replayed; one that is refused again stays held, with its
// new reasons. It may be repeated and cut short anywhere: a row that was stored
// and not marked is a duplicate the next time.
//
// submit makes records durable and sets their results.
func (p *Pipeline) Requeue(ctx context.Context, q Quarantine, submit func(context.Context, []*Record) error, o RequeueOptions) (RequeueReport, error) {
	report := RequeueReport{DryRun: o.DryRun}
	o.Filter.State = record.Held
	ids, err := q.QuarantineIDs(ctx, o.Filter)
	if err != nil {
		return report, fmt.Errorf("ingest: look for refused rows: %w", err)
	}
	for page := range slices.Chunk(ids, requeuePage) {
		rows, err := q.QuarantineBodies(ctx, page)
		if err != nil {
			return report, fmt.Errorf("ingest: read refused rows: %w", err)
		}
		for len(rows) > 0 {
			n := 1
			for held := len(rows[0].Sealed); n < len(rows) && held < MaxHeld; n++ {
				held += len(rows[n].Sealed)
			}
			if err := p.requeue(ctx, q, submit, o, rows[:n], &report); err != nil {
				return report, err
			}
			rows = rows[n:]
		}
	}
	return report, nil
}

// requeue tries some rows again.
func (p *Pipeline) requeue(ctx context.Context, q Quarantine, submit func(context.Context, []*Record) error, o RequeueOptions, rows []record.Quarantined, report *RequeueReport) error {
	var settled, ready []record.Quarantined
	var records []*Record
	for i := range rows {
		row := rows[i]
		if row.State != record.Held {
			continue // somebody else was here meanwhile
		}
		report.Read++
		r, err := p.Reopen(&row, o.Mapping)
		switch {
		case errors.Is(err, errNotKept):
			report.NotKept++
			report.list(&row, RequeuedRow{Outcome: OutcomeNotKept, Reasons: row.Reasons, Advice: err.Error()})
		case err != nil:
			report.Unread++
			report.list(&row, RequeuedRow{Outcome: OutcomeUnread, Reasons: row.Reasons, Advice: err.Error()})
		case len(r.Reasons) > 0:
			report.rejected(&row, r)
			if again := r.refusedAs(&row); !slices.Equal(again.Reasons, row.Reasons) || !slices.Equal(again.Flags, row.Flags) {
				settled = append(settled, again)
			}
		default:
			row.State = record.Replayed
			ready, records = append(ready, row), append(records, r)
		}
	}
	if o.DryRun {
		report.Stored += len(records)
		return nil
	}
	if len(records) > 0 {
		if err := submit(ctx, records); err != nil {
			return fmt.Errorf("ingest: store records of the quarantine: %w", err)
		}
		for i, r := range records {
			switch r.Result {
			case ResultStored:
				report.Stored++
			case ResultDuplicate:
				report.Duplicate++
			default: // never: it has no reasons
				report.rejected(&ready[i], r)
				continue
			}
			settled = append(settled, ready[i])
		}
	}
	if err := q.Settle(ctx, settled); err != nil {
		return fmt.Errorf("ingest: mark rows of the quarantine: %w", err)
	}
	return nil
}

// refusedAs is the row with the reasons and flags for which it is refused now.
func (r *Record) refusedAs(row *record.Quarantined) record.Quarantined {
	again := *row
	again.Reasons, again.Flags = slices.Clone(r.Reasons), slices.Clone(r.Flags)
	if slices.Contains(row.Flags, FlagMapped) {
		again.Flags = append(again.Flags, FlagMapped)
	}
	return again
}

func (r *RequeueReport) rejected(row *record.Quarantined, rec *Record) {
	r.Rejected++
	if r.Rules == nil {
		r.Rules = map[string]int{}
	}
	for i, why := range rec.Reasons {
		if !slices.ContainsFunc(rec.Reasons[:i], func(before Reason) bool { return before.Rule == why.Rule }) {
			r.Rules[why.Rule]++
		}
	}
	r.list(row, RequeuedRow{Outcome: string(ResultRejected), Reasons: rec.Reasons})
}

func (r *RequeueReport) list(row *record.Quarantined, line RequeuedRow) {
	if len(r.Rows) < maxRejections {
		line.ID = QuarantineID(row.ID)
		r.Rows = append(r.Rows, line)
	}
}

// QuarantineID writes the id of a refused row.
func QuarantineID(id uint64) string { return fmt.Sprintf("%016x", id) }

// errNotKept says that there is nothing to try again.
var errNotKept = errors.New("only the reasons were kept: let the sender send it again")

// Reopen opens a refused row and reads it as its format's decoder does. What is
// wrong with it is in the record's reasons. An error says that it can not be
// read, and what to do.
func (p *Pipeline) Reopen(row *record.Quarantined, mapping []byte) (*Record, error) {
	if len(row.Sealed) == 0 {
		return nil, errNotKept
	}
	body, err := OpenBody(p.Key, row.ID, row.Sealed)
	if err != nil {
		return nil, err
	}
	if row.Format == FormatJournal {
		return p.reopenJournal(body)
	}
	at := slices.IndexFunc(p.formats, func(f Format) bool { return f.Name == row.Format })
	if at < 0 {
		return nil, fmt.Errorf("this program does not read the format %q: use the one that refused the row", row.Format)
	}
	in := Input{
		Name: "the refused row " + QuarantineID(row.ID), Setting: p.Setting,
		Reader: bufio.NewReaderSize(bytes.NewReader(body), max(len(body)+1, headSize)),
	}
	if slices.Contains(row.Flags, FlagMapped) {
		if in.Mapping = mapping; len(mapping) == 0 {
			return nil, errors.New("it came through a mapping file: give that file with --mapping")
		}
	}
	return p.reopen(p.formats[at], in)
}

// reopen reads the one record of a source and prepares it.
func (p *Pipeline) reopen(f Format, in Input) (*Record, error) {
	open := f.Open
	if f.Reopen != nil {
		open = f.Reopen
	}
	d, err := open(in)
	if err != nil {
		return nil, err
	}
	if c, ok := d.(io.Closer); ok {
		defer c.Close()
	}
	r := new(Record)
	if err := d.Next(r); err != nil {
		return nil, fmt.Errorf("%s holds no record any more: %w", in.Name, err)
	}
	if err := d.Next(new(Record)); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s holds more than a record: let the sender send it again", in.Name)
	}
	if len(r.Reasons) == 0 {
		p.Prepare(r)
	}
	if len(r.Reasons) == 0 && r.rows() == 0 {
		r.Reject("record", RuleRequired)
	}
	return r, nil
}

// reopenJournal reads a record that was acknowledged before and that a later
// version of the product could not score.
func (p *Pipeline) reopenJournal(body []byte) (*Record, error) {
	var k kept
	if err := entryDecoding.NewDecoder(bytes.NewReader(body)).Decode(&k); err != nil {
		return nil, fmt.Errorf("the record of the journal can not be read: use the version of the product that refused it: %w", withoutValues(err))
	}
	r, err := p.restore(&k)
	if err != nil {
		return nil, err
	}
	r.refused = nil
	return r, nil
}
