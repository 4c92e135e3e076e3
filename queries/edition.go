package queries

import (
	"context"
	"fmt"
	"sync"

	"github.com/lumbar-health/lumbar/queries/cohort"
	"github.com/lumbar-health/lumbar/queries/disclosure"
	"github.com/lumbar-health/lumbar/queries/receipt"
)

// Bounds of one edition and one answer.
const (
	maxAnswers = 2000
	maxRows    = 100_000
)

// room holds the current edition.
type room struct {
	mu      sync.Mutex
	current *edition
}

// edition is everything that is remembered about one version of the data: the
// references, the cohorts that were told of, the answers given.
type edition struct {
	version uint64
	source  *cohort.Source
	ledger  *disclosure.Ledger

	mu      sync.Mutex
	written map[string]bool // receipts, those of earlier processes included
	answers map[string]*given
}

func (e *edition) isWritten(id string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.written[id]
}

func (e *edition) write(id string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.written[id] = true
}

// given is one answer, computed by the first who asks.
type given struct {
	once   sync.Once
	answer *Answer
	err    error
}

// enter returns the edition of the data as they are now. A new one learns from
// the receipts of its version what was told before this process began.
func (r *room) enter(ctx context.Context, d *Desk) (*edition, error) {
	version, err := d.cfg.Reader.DataVersion(ctx)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current != nil && r.current.version == version {
		return r.current, nil
	}
	e := &edition{
		version: version, source: cohort.NewSource(d.cfg.Reader), ledger: &disclosure.Ledger{},
		written: map[string]bool{}, answers: map[string]*given{},
	}
	if err := e.recall(ctx, d); err != nil {
		return nil, err
	}
	r.current = e
	return e, nil
}

// recall asks again, in their order, the questions that were answered about
// this version, so that the ledger knows their cohorts. One that is no longer
// understood is of another version of the code and is passed over.
func (e *edition) recall(ctx context.Context, d *Desk) error {
	receipts, err := d.cfg.Reader.Receipts(ctx, e.version)
	if err != nil {
		return err
	}
	for _, r := range receipts {
		if e.written[r.ID] {
			continue
		}
		e.written[r.ID] = true
		if _, isQuestion := Lookup(r.Question); !isQuestion || r.DisclosureRule == disclosure.NoRule {
			continue
		}
		params, err := receipt.Parse(r.Parameters)
		if err != nil {
			d.cfg.Log.WarnContext(ctx, "a receipt can not be recalled", "receipt", r.ID, "error", err)
			continue
		}
		delete(params, scoredBy)
		p, err := prepare(r.Question, params, d.cfg.Reader)
		if err != nil {
			d.cfg.Log.WarnContext(ctx, "a receipt can not be recalled", "receipt", r.ID, "error", err)
			continue
		}
		a, _, err := e.compute(ctx, p, false)
		if err != nil {
			return fmt.Errorf("recall receipt %s: %w", r.ID, err)
		}
		a.Receipt = r.ID
		g := &given{answer: a}
		g.once.Do(func() {})
		e.answers[r.ID] = g
	}
	return nil
}

// compute answers a question from the data.
func (e *edition) compute(ctx context.Context, p *prepared, undisclosed bool) (a *Answer, exact bool, err error) {
	t, err := p.run(ctx, e.source)
	if err != nil {
		return nil, false, err
	}
	if len(t.Rows) > maxRows {
		return nil, false, invalid("%s would have %d rows, at most %d: group by fewer dimensions, or name a year", p.name, len(t.Rows), maxRows)
	}
	if undisclosed {
		a, err = disclosure.Expose(t)
	} else {
		a, err = disclosure.Release(ctx, t, e.ledger, e.source.Overlaps)
	}
	return a, t.Exact, err
}

// once returns the answer of that id, computing it where nobody has. A failure
// is not kept.
func (e *edition) once(id string, compute func() (*Answer, error)) (*Answer, error) {
	e.mu.Lock()
	g, ok := e.answers[id]
	if !ok {
		if len(e.answers) >= maxAnswers {
			e.forget()
		}
		g = &given{}
		e.answers[id] = g
	}
	e.mu.Unlock()
	g.once.Do(func() { g.answer, g.err = compute() })
	if g.err != nil {
		e.mu.Lock()
		if e.answers[id] == g {
			delete(e.answers, id)
		}
		e.mu.Unlock()
		return nil, g.err
	}
	return g.answer, nil
}

// forget makes room for one answer. A forgotten one is computed again to the
// same: its cohorts stay in the ledger as told.
func (e *edition) forget() {
	for id := range e.answers {
		delete(e.answers, id)
		return
	}
}
