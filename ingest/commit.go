package ingest

import (
	"context"
	"fmt"
	"time"

	"github.com/lumbar-health/lumbar/record"
)

// committer decides the fate of prepared records and writes those that are
// new. One goroutine uses it.
type committer struct {
	p       *Pipeline
	builder *builder
	keys    []Key
	owners  []int // for each key the place of its record
	fresh   []*Record
	past    *past
}

func newCommitter(p *Pipeline) *committer {
	return &committer{p: p, builder: newBuilder(p.alloc), past: newPast()}
}

func (c *committer) close() { c.builder.release() }

// commit stores those of the records that are neither refused nor stored
// already, through write, puts the refused ones into the quarantine and sets the
// result of each. On an error none of them is known to be stored, and a retry is
// harmless.
func (c *committer) commit(ctx context.Context, w Writer, write func(context.Context, Batch) error, records []*Record) error {
	received := c.p.Now()
	if err := c.sort(ctx, w, records); err != nil {
		return err
	}
	if err := c.quarantine(ctx, w, records, received); err != nil {
		return err
	}
	for _, r := range c.fresh {
		r.receivedAt(received)
	}
	if err := c.write(ctx, w, write); err != nil {
		return err
	}
	if _, dry := w.(dryRun); !dry {
		c.p.known.stored(c.freshKeys())
		c.p.metrics.count(records)
	}
	return nil
}

// freshKeys are the keys of all rows of the new records.
func (c *committer) freshKeys() []Key {
	c.keys = c.keys[:0]
	for _, r := range c.fresh {
		c.keys = r.keys(c.keys)
	}
	return c.keys
}

// write stores the new records, and withdraws what they correct elsewhere.
func (c *committer) write(ctx context.Context, w Writer, write func(context.Context, Batch) error) error {
	if len(c.fresh) == 0 {
		return nil
	}
	moved, err := c.moved(ctx, w)
	if err != nil {
		return err
	}
	return c.store(ctx, write, moved)
}

// quarantine keeps the refused records.
func (c *committer) quarantine(ctx context.Context, w Writer, records []*Record, received time.Time) error {
	rows := held(records)
	if len(rows) == 0 {
		return nil
	}
	for i := range rows {
		rows[i].ReceivedAt = received
	}
	return c.hold(ctx, w, rows)
}

func (c *committer) hold(ctx context.Context, w Writer, rows []record.Refused) error {
	if err := w.Quarantine(ctx, rows); err != nil {
		return fmt.Errorf("ingest: keep %d refused rows: %w", len(rows), err)
	}
	return nil
}

// sort sets the result of every record and collects the new ones. A record is
// a duplicate when all of its rows are stored. Its first row is asked for
// first: where that one is missing, the others need no look.
func (c *committer) sort(ctx context.Context, w Writer, records []*Record) error {
	c.fresh = c.fresh[:0]
	c.keys, c.owners = c.keys[:0], c.owners[:0]
	c.past.clear()
	var buf [16]Key
	for i, r := range records {
		keys := r.keys(buf[:0])
		switch {
		case len(r.Reasons) > 0:
			r.Result = ResultRejected
			continue
		case len(keys) == 0:
			r.Reject("record", RuleRequired)
			r.Result = ResultRejected
			continue
		}
		if c.again(r, keys) {
			r.Result = ResultDuplicate
			continue
		}
		r.Result = ResultStored
		c.keys, c.owners = append(c.keys, keys[0]), append(c.owners, i)
	}
	if err := c.inStore(ctx, w, records); err != nil {
		return err
	}
	for _, r := range records {
		if r.Result == ResultStored {
			c.fresh = append(c.fresh, r)
		}
	}
	return nil
}

// inStore makes those of the records a duplicate that are stored whole. The keys
// are their first ones.
func (c *committer) inStore(ctx context.Context, w Writer, records []*Record) error {
	if err := c.ask(ctx, w, records, func(r *Record) { r.Result = ResultDuplicate }); err != nil {
		return err
	}
	// Of the records whose first row is there, look at the others.
	candidates := c.owners
	c.keys, c.owners = nil, nil
	var buf [16]Key
	for _, i := range candidates {
		r := records[i]
		if r.Result != ResultDuplicate || r.rows() == 1 {
			continue
		}
		for _, k := range r.keys(buf[:0])[1:] {
			c.keys, c.owners = append(c.keys, k), append(c.owners, i)
		}
	}
	return c.askMissing(ctx, w, records)
}

// again reports whether all rows of the record came before in this batch.
func (c *committer) again(r *Record, keys []Key) bool {
	again := true
	for i := range keys { // each is noted, so none may be left out
		again = c.past.again(&keys[i]) && again
	}
	return again
}

// ask calls found for the record of each key that is stored.
func (c *committer) ask(ctx context.Context, w Writer, records []*Record, found func(*Record)) error {
	return c.existing(ctx, w, func(i int, there bool) {
		if there {
			found(records[i])
		}
	})
}

// askMissing makes a record new again where one of its keys is not stored.
func (c *committer) askMissing(ctx context.Context, w Writer, records []*Record) error {
	return c.existing(ctx, w, func(i int, there bool) {
		if !there {
			records[i].Result = ResultStored
		}
	})
}

func (c *committer) existing(ctx context.Context, w Writer, answer func(record int, there bool)) error {
	if len(c.keys) == 0 {
		return nil
	}
	there, err := w.Existing(ctx, c.keys)
	if err != nil {
		return fmt.Errorf("ingest: look for rows stored before: %w", err)
	}
	if len(there) != len(c.keys) {
		return fmt.Errorf("ingest: look for rows stored before: %d answers to %d keys", len(there), len(c.keys))
	}
	for i, yes := range there {
		answer(c.owners[i], yes)
	}
	return nil
}

// subjectMayChange reports whether an earlier version of the response may stand
// under another patient.
func (v *Response) subjectMayChange() bool {
	return !v.Final && (v.Status == record.Amended || v.Status == record.EnteredInError)
}

// mayMove reports whether other versions of the response may stand under another
// patient: it corrects one, or it comes late and one corrects it.
func (p *Pipeline) mayMove(v *Response) bool {
	if v.Final {
		return false
	}
	if v.subjectMayChange() {
		p.known.correct(v.ID)
		return true
	}
	return p.known.corrected(v.ID)
}

// moved finds the responses that stand under several patients, because a
// correction names another subject, whichever of them came first. The newest
// correction holds; each other one is withdrawn where it stands. The store is
// asked, and what came in this batch.
func (c *committer) moved(ctx context.Context, w Writer) ([]Response, error) {
	var candidates []*Response
	var ids []uint64
	for _, r := range c.fresh {
		for i := range r.Responses {
			if v := &r.Responses[i]; c.p.mayMove(v) {
				candidates, ids = append(candidates, v), append(ids, v.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	stored, err := w.Holders(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("ingest: look for earlier subjects: %w", err)
	}
	var out []Response
	for _, v := range candidates {
		older, overtaken := v.disputed(stored[v.ID])
		if overtaken && !c.past.corrected(v) { // else that one withdraws v
			out = append(out, v.withdrawnFrom(v.PatientID))
		}
		if !v.subjectMayChange() {
			continue
		}
		for _, patient := range c.past.holders(v, older) {
			// Where the batch is tried again the store has the newer one already.
			if patient != v.PatientID && !c.past.corrected(v, patient) {
				out = append(out, v.withdrawnFrom(patient))
			}
		}
	}
	return out, nil
}

// disputed looks at who holds the response. older are the other patients under
// whom v withdraws it, if v is a correction; overtaken says that a newer
// correction stands under another patient, and that v is the newest of its own.
func (v *Response) disputed(holders []record.Holder) (older []record.PatientID, overtaken bool) {
	superseded := v.Status == record.EnteredInError
	for _, h := range holders {
		switch {
		case h.Patient == v.PatientID:
			superseded = superseded || h.Version > v.Version
		case h.Version > v.Version && corrects(h.Version):
			// A withdrawal of the same moment may be one that v caused, or that was
			// caused for v's sake: the response is gone there already.
			later := record.VersionMoment(h.Version) > record.VersionMoment(v.Version)
			overtaken = overtaken || later || !withdraws(h.Version)
		default:
			older = append(older, h.Patient)
		}
	}
	return older, overtaken && !superseded
}

// withdrawnFrom returns the retraction of the response under the patient who
// had it before. It is made of the new version alone, so that a repetition
// makes the same row.
func (v *Response) withdrawnFrom(patient record.PatientID) Response {
	gone := *v
	gone.PatientID = patient
	gone.Status = record.EnteredInError
	gone.EpisodeID = 0
	gone.flags = nil
	gone.Version = v.withdrawal()
	return gone
}

// corrects reports whether a version of a response is an amendment or a
// withdrawal.
func corrects(version uint64) bool {
	return record.VersionRank(version) >= record.ResponseRank(record.Amended)
}

// withdraws reports whether a version of a response is a withdrawal.
func withdraws(version uint64) bool {
	return record.VersionRank(version) == record.ResponseRank(record.EnteredInError)
}

// withdrawal is the version of a withdrawal that v causes.
func (v *Response) withdrawal() uint64 {
	return record.WithRank(v.Version, record.ResponseRank(record.EnteredInError))
}

// store builds the batch of the new records and writes it.
func (c *committer) store(ctx context.Context, write func(context.Context, Batch) error, moved []Response) error {
	b := c.builder
	b.declare(c.fresh)
	for _, r := range c.fresh {
		b.add(r)
	}
	for i := range moved {
		b.addResponse(&moved[i])
	}
	batch := b.batch()
	defer batch.Release()
	c.p.metrics.batch.Observe(float64(batch.Rows()))
	start := time.Now()
	err := write(ctx, batch)
	c.p.metrics.insert.Observe(time.Since(start).Seconds())
	if err != nil {
		return fmt.Errorf("ingest: store a batch of %d rows: %w", batch.Rows(), err)
	}
	return nil
}

func (r *Record) receivedAt(t time.Time) {
	for i := range r.Responses {
		r.Responses[i].ReceivedAt = t
	}
	for i := range r.Episodes {
		r.Episodes[i].ReceivedAt = t
	}
	for i := range r.Events {
		r.Events[i].ReceivedAt = t
	}
	for i := range r.Patients {
		r.Patients[i].ReceivedAt = t
	}
}
