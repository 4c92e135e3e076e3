package ingest

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	// maxSeen is how many rows of a source are remembered, in some two hundred
	// megabytes. A bulk with more is committed: the store knows them then.
	maxSeen = 16_000_000
	// maxCorrections is how many corrections wait for the end of their bulk.
	maxCorrections = 20_000
)

// importer stores the records of one large source, as a bulk and where it must
// be as several. One goroutine uses it.
type importer struct {
	*committer
	writer      Writer
	report      *Report
	dry         bool
	pending     Report // of the records that are in no batch under way yet
	rows        int    // of those
	under       *underWay
	bulk        Bulk
	asked       int          // of the records taken last, how many the store was asked for
	seen        fingerprints // of the rows of the bulk: the store does not show them yet
	corrections []Response
}

// underWay is a batch that is being sent while the next one is made.
type underWay struct {
	report Report
	done   chan error
}

func newImporter(p *Pipeline, w Writer, report *Report) *importer {
	_, dry := w.(dryRun)
	return &importer{committer: newCommitter(p), writer: w, report: report, dry: dry, pending: Report{Source: report.Source}}
}

// take sets the result of each record and puts the new ones into the batch. They
// count in the report once their batch is sent.
func (m *importer) take(ctx context.Context, records []*Record) error {
	received := m.p.Now()
	if err := m.know(ctx, records); err != nil {
		return err
	}
	if err := m.quarantine(ctx, m.writer, records, received); err != nil {
		return err
	}
	rows := 0
	for _, r := range records {
		rows += max(r.rows(), 1)
	}
	if m.rows+rows > m.p.rows {
		if err := m.send(ctx); err != nil {
			return err
		}
	}
	if err := m.fit(ctx); err != nil {
		return err
	}
	for _, r := range m.fresh {
		r.receivedAt(received)
		m.builder.add(r)
	}
	if !m.dry {
		m.p.known.stored(m.freshKeys())
		m.p.metrics.count(records)
	}
	for _, r := range records {
		m.pending.count(r)
		m.correct(r)
	}
	m.rows += rows
	return nil
}

// know sets the result of every record and collects the new ones. A record that
// came before in the source counts as a duplicate, and goes to the store all the
// same where that does not show it yet: its copies become one there, and no two
// rows can be lost for having one fingerprint.
func (m *importer) know(ctx context.Context, records []*Record) error {
	m.fresh, m.keys, m.owners = m.fresh[:0], m.keys[:0], m.owners[:0]
	var repeated []*Record
	var buf [16]Key
	for i, r := range records {
		keys := r.keys(buf[:0])
		if len(keys) == 0 && len(r.Reasons) == 0 {
			r.Reject("record", RuleRequired)
		}
		if len(r.Reasons) > 0 {
			r.Result = ResultRejected
			continue
		}
		r.Result = ResultStored
		if m.again(r, keys) {
			repeated = append(repeated, r)
		}
		if !m.p.known.new(&keys[0]) {
			m.keys, m.owners = append(m.keys, keys[0]), append(m.owners, i)
		}
	}
	m.asked = len(m.owners)
	if err := m.inStore(ctx, m.writer, records); err != nil {
		return err
	}
	for _, r := range records {
		if r.Result == ResultStored {
			m.fresh = append(m.fresh, r)
		}
	}
	for _, r := range repeated {
		r.Result = ResultDuplicate
	}
	return nil
}

// again reports whether all rows of the record came before in the bulk. A record
// without an identifier differs from all others of its source by its ordinal.
func (m *importer) again(r *Record, keys []Key) bool {
	if r.final() {
		return false
	}
	again := true
	for i := range keys { // each is noted, so none may be left out
		again = m.seen.add(keys[i].identity()) && again
	}
	return again
}

// fit makes room for the new episodes' covariates. The columns of a bulk do not
// change: where there are more than before, another one begins.
func (m *importer) fit(ctx context.Context) error {
	if !slices.ContainsFunc(m.fresh, func(r *Record) bool { return len(r.Episodes) > 0 }) {
		return nil
	}
	set := newCovariateSet(m.fresh)
	if e := m.builder.episode; e != nil {
		if set = e.set.union(set); len(set) == len(e.set) {
			return nil
		}
		if err := m.end(ctx); err != nil {
			return err
		}
		var buf [16]Key
		for _, r := range m.fresh { // noted before, and forgotten with the bulk
			m.again(r, r.keys(buf[:0]))
		}
	}
	m.builder.want(set)
	return nil
}

// send starts to send the batch, once the one before is with the engine.
func (m *importer) send(ctx context.Context) error {
	if err := m.await(); err != nil {
		return err
	}
	next := &underWay{report: m.pending, done: make(chan error, 1)}
	m.pending, m.rows = Report{Source: m.report.Source}, 0
	batch := m.builder.batch()
	if batch.Rows() == 0 {
		batch.Release()
		next.done <- nil
		m.under = next
		return nil
	}
	if m.bulk == nil {
		var err error
		if m.bulk, err = m.writer.Bulk(ctx); err != nil {
			batch.Release()
			return fmt.Errorf("ingest: start of a bulk: %w", err)
		}
	}
	bulk := m.bulk
	go func() { next.done <- m.put(ctx, bulk.Write, batch) }()
	m.under = next
	return nil
}

// put writes a batch and releases it.
func (m *importer) put(ctx context.Context, write func(context.Context, Batch) error, batch Batch) error {
	defer batch.Release()
	rows := batch.Rows()
	m.p.metrics.batch.Observe(float64(rows))
	start := time.Now()
	err := write(ctx, batch)
	m.p.metrics.insert.Observe(time.Since(start).Seconds())
	if err != nil {
		return fmt.Errorf("ingest: store a batch of %d rows: %w", rows, err)
	}
	return nil
}

// await waits for the batch under way and counts its records.
func (m *importer) await() error {
	if m.under == nil {
		return nil
	}
	err := <-m.under.done
	if err == nil {
		m.report.Add(m.under.report)
	}
	m.under = nil
	return err
}

// end sends what is left and commits the bulk: its rows are in outcome then, and
// what they correct elsewhere is withdrawn.
func (m *importer) end(ctx context.Context) error {
	if m.rows > 0 {
		if err := m.send(ctx); err != nil {
			return err
		}
	}
	if err := m.await(); err != nil {
		return err
	}
	m.seen.clear() // before the commit, which needs memory too
	if m.bulk != nil {
		if err := m.bulk.Commit(ctx); err != nil {
			return fmt.Errorf("ingest: end of a bulk: %w", err)
		}
		if err := m.bulk.Close(); err != nil {
			return fmt.Errorf("ingest: end of a bulk: %w", err)
		}
		m.bulk = nil
	}
	return m.withdraw(ctx)
}

// taken is how many records were taken, those on their way too.
func (m *importer) taken() int {
	n := m.report.Read + m.pending.Read
	if m.under != nil {
		n += m.under.report.Read
	}
	return n
}

// full reports whether the bulk must end though the source goes on.
func (m *importer) full() bool {
	return m.seen.len() >= maxSeen || len(m.corrections) >= maxCorrections
}

// close gives up what was not committed.
func (m *importer) close() {
	_ = m.await() // an error was returned, or there will be one
	if m.bulk != nil {
		_ = m.bulk.Close()
	}
	m.builder.release()
}
