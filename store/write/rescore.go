package write

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/store/schema"
)

// Scorer turns stored responses into rows of score, as ingest does.
type Scorer interface {
	// Add scores a response and keeps the rows of its missing targets. It returns
	// how many, and false where the response can not be scored.
	Add(v *StoredResponse) (rows int, ok bool)
	// Scores hands the rows over, nil where there are none. The caller releases
	// them.
	Scores() arrow.Record
}

// RescoreProgress tells how far a re-score is.
type RescoreProgress struct {
	// Phase is scoring (of responses), deriving (of slices of outcome) or
	// switching.
	Phase string `json:"phase"`
	Done  int64  `json:"done"`
	Total int64  `json:"total"`
}

// Rescored is what a re-score did.
type Rescored struct {
	Instrument instruments.ID `json:"instrument"`
	Programmes []string       `json:"programmes"`
	DryRun     bool           `json:"dry_run,omitempty"`
	// Resumed says that an earlier run, cut short, was continued.
	Resumed bool `json:"resumed,omitempty"`
	// Responses counts the stored versions of responses that can have the scores,
	// Refused those that could not be scored.
	Responses int64 `json:"responses"`
	Refused   int64 `json:"refused"`
	// Scores counts the rows written (of a dry run: to be written), Episodes the
	// rows of outcome that were derived.
	Scores   int64 `json:"scores"`
	Episodes int64 `json:"episodes"`
	// Switched says that another algorithm or value set is current than before;
	// Current is what is now, and of a dry run Next what would be.
	Switched    bool             `json:"switched"`
	Current     []schema.Current `json:"current"`
	Next        []schema.Current `json:"next,omitempty"`
	DataVersion uint64           `json:"data_version"`
}

// RescoreOptions are how a re-score runs.
type RescoreOptions struct {
	// Scorer makes the one that scores for the targets.
	Scorer func(targets []*instruments.Score) Scorer
	DryRun bool // read and score, but write nothing
	// Progress is called from one goroutine; it may be nil.
	Progress func(RescoreProgress)
}

// ErrRescoring says that a re-score is under way already.
var ErrRescoring = errors.New("a re-score is under way: wait until it is done")

// Rescore gives every stored response the scores that the request names, beside
// those it has, and then makes them current: outcome is filled anew under them,
// and all readers follow at one moment. Batches may be written all the while. A
// run that was cut short goes on with the same request; rows that are there are
// not written again.
func (w *Writer) Rescore(ctx context.Context, r schema.Request, o RescoreOptions) (Rescored, error) {
	if !w.rescoring.CompareAndSwap(false, true) {
		return Rescored{}, ErrRescoring
	}
	defer w.rescoring.Store(false)
	if o.Progress == nil {
		o.Progress = func(RescoreProgress) {}
	}
	plan, err := w.Catalogue().Plan(r)
	if err != nil {
		return Rescored{}, err
	}
	run := rescore{w: w, plan: plan, o: o, report: Rescored{Instrument: r.Instrument, Programmes: plan.Programmes, DryRun: o.DryRun}}
	if o.DryRun {
		run.report.Next = plan.Next.Currents(r.Instrument)
	}
	err = run.do(ctx)
	run.report.DataVersion = w.version()
	current, listing := w.Current(ctx, r.Instrument)
	run.report.Current = current
	return run.report, errors.Join(err, listing)
}

// Current lists what is current for an instrument, or for all where it is empty.
func (w *Writer) Current(ctx context.Context, instrument instruments.ID) ([]schema.Current, error) {
	c := w.Catalogue()
	list := c.Currents(instrument)
	return list, c.FindMissing(ctx, w.conn, list)
}

// Catalogue returns the catalogue by which outcome is filled.
func (w *Writer) Catalogue() *schema.Catalogue {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.derivation.catalogue
}

func (w *Writer) version() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dataVersion
}

// rescore is one re-score.
type rescore struct {
	w    *Writer
	plan schema.Plan
	o    RescoreOptions
	job  *job
	// behind says that an earlier run, of this or another job, was cut short after
	// it wrote rows: outcome may lack them.
	behind bool
	report Rescored
}

func (r *rescore) do(ctx context.Context) error {
	var err error
	if r.report.Responses, err = r.w.countResponses(ctx, r.plan); err != nil {
		return err
	}
	if r.o.DryRun {
		return r.score(ctx, slicesOf(r.parts()))
	}
	complete, err := r.onlyValueSet(ctx)
	if err != nil {
		return err
	}
	if !complete {
		if r.behind, err = r.w.between(ctx); err != nil {
			return err
		}
		if r.job, err = r.w.openJob(ctx, r.plan, r.parts()); err != nil {
			return err
		}
		r.report.Resumed = len(r.job.done) > 0
		if err := r.score(ctx, slicesOf(r.job.slices)); err != nil {
			return err
		}
	}
	return r.follow(ctx)
}

// parts is how many slices the responses are cut into.
func (r *rescore) parts() int {
	return int(min(r.report.Responses/r.w.rescoreRows+1, rescoreSlices))
}

// onlyValueSet says whether all scores are known to be there and just another
// value set is to stand for the instrument.
func (r *rescore) onlyValueSet(ctx context.Context) (bool, error) {
	if r.plan.ValueSet == "" {
		return false, nil
	}
	now := r.w.Catalogue().Scoring()
	for name, next := range r.plan.Changes {
		if next.Algorithm != now[name].Algorithm {
			return false, nil
		}
	}
	return r.plan.Complete(ctx, r.w.conn)
}

// score scores the slices one after the other; those that an earlier run
// finished only for what was received since they were begun.
func (r *rescore) score(ctx context.Context, scopes []scope) error {
	if len(r.plan.Targets) == 0 {
		return nil
	}
	scorer := r.o.Scorer(r.plan.Targets)
	order := (&job{slices: len(scopes)}).order()
	if r.job != nil {
		order = r.job.order()
	}
	r.o.Progress(RescoreProgress{"scoring", 0, r.report.Responses})
	for i, number := range order {
		var since time.Time
		if r.job != nil {
			since = r.job.done[number]
		}
		begun := r.w.cfg.Clock()
		n, err := r.slice(ctx, scorer, scopes[number-1].condition, since)
		if err != nil {
			return err
		}
		r.report.Scores += n
		if r.job != nil && since.IsZero() {
			if err := r.job.record(ctx, number, "scored", begun, n); err != nil {
				return err
			}
		}
		r.o.Progress(RescoreProgress{"scoring", r.report.Responses * int64(i+1) / int64(len(scopes)), r.report.Responses})
		if err := r.w.pause("scored"); err != nil {
			return err
		}
	}
	return nil
}

// sendRows is how many scores travel to the engine at once.
const sendRows = 50_000

// slice scores the responses of a range of patients and returns how many rows
// were missing.
func (r *rescore) slice(ctx context.Context, scorer Scorer, scope string, since time.Time) (rows int64, err error) {
	out := inflow{r: r, ctx: ctx}
	held := 0
	err = r.w.readResponses(ctx, responsesQuery(r.plan, scope, since), func(v *StoredResponse) error {
		n, ok := scorer.Add(v)
		if !ok {
			r.report.Refused++
		}
		rows += int64(n)
		if held += n; held < sendRows {
			return nil
		}
		held = 0
		return out.send(scorer.Scores())
	})
	if rec := scorer.Scores(); err == nil {
		err = out.send(rec)
	} else if rec != nil {
		rec.Release()
	}
	return rows, out.close(err)
}

// inflow is the stream of a slice's scores into the store, open from the first
// record on.
type inflow struct {
	r      *rescore
	ctx    context.Context
	stream *stream
}

func (o *inflow) send(rec arrow.Record) error {
	if rec == nil {
		return nil
	}
	defer rec.Release()
	if o.r.o.DryRun {
		return nil
	}
	if o.stream == nil {
		var err error
		// A token of its own: another run of the slice has other rows.
		if o.stream, err = o.r.w.openStream(o.ctx, scores, rec.Schema(), "rescore/"+rand.Text(), bulkSettings); err != nil {
			return err
		}
	}
	return o.stream.write(rec)
}

// close ends the stream, broken off where something failed before.
func (o *inflow) close(failed error) error {
	switch {
	case o.stream == nil:
		return failed
	case failed != nil:
		_ = o.stream.fail(failed) // what the engine says of it is the consequence
		return failed
	}
	return o.stream.close()
}

// follow makes the scores current and lets outcome follow.
func (r *rescore) follow(ctx context.Context) error {
	next := newDerivation(r.plan.Next)
	fill := r.behind || r.report.Scores > 0 || r.job != nil && r.job.scores > 0 || next.checksum != r.w.checksum()
	defer r.w.forget()
	if fill {
		if err := r.build(ctx, next); err != nil {
			return err
		}
	}
	r.o.Progress(RescoreProgress{"switching", 0, 1})
	if fill || len(r.plan.Changes) > 0 {
		if err := r.exchange(ctx, next, fill); err != nil {
			return fmt.Errorf("store: switch what is current: %w", err)
		}
		r.report.Switched = len(r.plan.Changes) > 0
	}
	// Only now: what is complete and not in outcome would be missed by nobody.
	if err := r.plan.Completed(ctx, r.w.conn); err != nil {
		return err
	}
	if r.job != nil {
		return r.job.record(ctx, 0, "switched", r.w.cfg.Clock(), 0)
	}
	return nil
}
