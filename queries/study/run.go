package study

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/analytics"
	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// Answer is what a study leaves behind.
type Answer struct {
	Study       string             `json:"study"`
	Receipt     string             `json:"receipt"`
	Attrition   *disclosure.Answer `json:"-"`
	Arms        *disclosure.Answer `json:"-"`
	Estimates   *disclosure.Answer `json:"-"`
	Balance     *disclosure.Answer `json:"-"`
	Missing     map[string]any     `json:"missing"`
	Diagnostics map[string]any     `json:"diagnostics"`
	Warnings    []string           `json:"warnings"`
}

// MarshalJSON writes the tables as lists of rows.
func (a *Answer) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Study       string          `json:"study"`
		Receipt     string          `json:"receipt"`
		Attrition   disclosure.Rows `json:"attrition"`
		Arms        disclosure.Rows `json:"arms"`
		Estimates   disclosure.Rows `json:"estimates"`
		Balance     disclosure.Rows `json:"balance"`
		Missing     map[string]any  `json:"missing"`
		Diagnostics map[string]any  `json:"diagnostics"`
		Warnings    []string        `json:"warnings"`
	}{a.Study, a.Receipt, a.Attrition.RowsOnly(), a.Arms.RowsOnly(), a.Estimates.RowsOnly(), a.Balance.RowsOnly(),
		a.Missing, a.Diagnostics, a.Warnings})
}

// What the words of domain 4.9 ask of a comparison.
const (
	warnAssociation = "The difference is associated with the treatment; unless treatment was allocated at random it need not be caused by it."
	displayArm      = 30  // fewer people in an arm are too few to compare, where no programme says
	smdTarget       = 0.1 // a larger standardised difference is worth a warning
)

// RunFile answers a protocol that names a file. The data is its author's own:
// nothing is suppressed. The receipt identifies protocol, file and code.
func RunFile(ctx context.Context, p *Protocol, codeVersion string) (*Answer, error) {
	if p.Data.File == "" {
		return nil, errors.New("study: the protocol names no data.file")
	}
	f, err := p.openFile()
	if err != nil {
		return nil, err
	}
	a, _, err := p.answer(ctx, f, audience{release: disclosure.Expose, exposed: true, fewest: displayArm})
	if err != nil {
		return nil, err
	}
	a.Receipt, err = p.fileReceipt(codeVersion)
	return a, err
}

// fileReceipt is a hash of protocol, file and code: whoever holds all three can
// derive it again.
func (p *Protocol) fileReceipt(codeVersion string) (string, error) {
	path := p.Data.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(p.dir, path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("study: data.file: %w", err)
	}
	protocol, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, part := range [][]byte{protocol, data, []byte(codeVersion)} {
		sum := sha256.Sum256(part)
		h.Write(sum[:])
	}
	return "file-" + hex.EncodeToString(h.Sum(nil)[:12]), nil
}

// audience is to whom an answer goes.
type audience struct {
	release func(*disclosure.Table) (*disclosure.Answer, error)
	exposed bool             // release withholds nothing: the data is the reader's own
	fewest  int64            // people of an arm, below which it is too few to compare
	scale   disclosure.Scale // of the outcome, where release rounds
}

// count is a count as the audience knows it: whatever is said because of it
// tells no more than it does.
func (to audience) count(n int64) int64 {
	if to.exposed {
		return n
	}
	released, _ := disclosure.Count(n)
	return released
}

// few says whether an arm has too few people to compare.
func (to audience) few(a arm) bool { return to.count(a.outcome.N) < to.fewest }

// withholds says whether the arms' estimates are not shown.
func (to audience) withholds(arms [2]arm) bool {
	return !to.exposed && (to.few(arms[0]) || to.few(arms[1]))
}

// answer puts the tables together; exact says whether every sum was exact.
func (p *Protocol) answer(ctx context.Context, s source, to audience) (a *Answer, exact bool, err error) {
	steps, err := s.attrition(ctx)
	if err != nil {
		return nil, false, err
	}
	arms, err := s.arms(ctx)
	if err != nil {
		return nil, false, err
	}
	a = &Answer{
		Study:       p.Study,
		Missing:     map[string]any{"method": p.Missing.Method},
		Diagnostics: map[string]any{},
		Warnings:    []string{warnAssociation},
	}
	differences, err := s.balance(ctx)
	if err != nil {
		return nil, false, err
	}
	p.warn(a, arms, differences, to)
	e := &estimation{Protocol: p, source: s, arms: arms, answer: a, to: to}
	estimates, err := e.records(ctx)
	if err != nil {
		return nil, false, err
	}
	smaller := min(arms[0].outcome.N, arms[1].outcome.N)
	for _, t := range []struct {
		into  **disclosure.Answer
		table *disclosure.Table
	}{
		{&a.Attrition, attritionTable(steps)},
		{&a.Arms, armsTable(arms, to.scale)},
		{&a.Estimates, &disclosure.Table{Question: "study_estimates", Rows: estimates}},
		{&a.Balance, balanceTable(differences, e.after, smaller, to)},
	} {
		if *t.into, err = to.release(t.table); err != nil {
			return nil, false, err
		}
	}
	return a, s.exact(), nil
}

func attritionTable(steps []step) *disclosure.Table {
	t := &disclosure.Table{Question: "study_attrition"}
	for _, s := range steps {
		t.Rows = append(t.Rows, disclosure.Record{Cells: map[string]any{"step": s.name, "n": s.n}})
	}
	return t
}

func armsTable(arms [2]arm, scale disclosure.Scale) *disclosure.Table {
	t := &disclosure.Table{Question: "study_arms"}
	for _, a := range arms {
		cells := map[string]any{
			"arm": a.name, "n": a.outcome.N,
			"mean_follow_up": a.outcome.Mean, "std_dev": math.Sqrt(a.outcome.Variance),
		}
		if a.baseline != nil {
			cells["mean_baseline"] = a.baseline.Mean
		}
		t.Rows = append(t.Rows, disclosure.Record{Cells: cells, Scale: scale})
	}
	return t
}

func balanceTable(differences []difference, after map[string]float64, smaller int64, to audience) *disclosure.Table {
	t := &disclosure.Table{Question: "study_balance"}
	for _, d := range differences {
		cells := map[string]any{"term": d.term, "_n": smaller}
		if d.ok {
			cells["smd_before"] = disclosure.Difference(d.Imbalance)
		}
		_, shown := disclosure.ShownDifference([]disclosure.Imbalance{d.Imbalance})
		if smd, ok := after[d.term]; ok && (shown || to.exposed) {
			cells["smd_after"] = smd
		}
		t.Rows = append(t.Rows, disclosure.Record{Cells: cells})
	}
	return t
}

// advise adds what an author can do about a failed fit.
func advise(err error) error {
	switch {
	case errors.Is(err, analytics.ErrTooFewObservations):
		return fmt.Errorf("%w; loosen the eligibility or drop covariates", err)
	case errors.Is(err, analytics.ErrCollinear):
		return fmt.Errorf("%w; drop one of the covariates that determine each other", err)
	}
	return err
}

func (p *Protocol) warn(a *Answer, arms [2]arm, differences []difference, to audience) {
	for _, x := range arms {
		if to.few(x) {
			a.Warnings = append(a.Warnings, fmt.Sprintf("Arm %q has fewer than %d people: too few to compare.", x.name, to.fewest))
		}
	}
	if to.withholds(arms) {
		a.Warnings = append(a.Warnings, "The estimates are withheld for that reason.")
	}
	apart := slices.ContainsFunc(differences, func(d difference) bool { return d.ok && math.Abs(d.Value) >= smdTarget })
	if apart {
		a.Warnings = append(a.Warnings, fmt.Sprintf("The arms differ before treatment: a standardised difference is %.1f or more; see balance.", smdTarget))
	}
}

// RunStore answers a protocol from the programme's outcome table. exact says
// whether every sum was a sum of whole numbers.
func RunStore(ctx context.Context, p *Protocol, r Reader, of *programme.Programme, undisclosed bool) (a *Answer, exact bool, err error) {
	if p.Data.File != "" {
		return nil, false, errors.New("study: the protocol names a data.file: run it where the file is")
	}
	s, err := p.openStore(ctx, r, of)
	if err != nil {
		return nil, false, err
	}
	to := audience{release: disclosure.Expose, exposed: undisclosed, fewest: displayArm, scale: scaleOf(of, p.Outcome.Column)}
	if of.MinimumPerArm > 0 {
		to.fewest = int64(of.MinimumPerArm)
	}
	if !undisclosed {
		// A study names its own cohorts, which the ledger of dimension cells can not
		// compare; it runs at the data directory only, never over HTTP.
		to.release = func(t *disclosure.Table) (*disclosure.Answer, error) {
			return disclosure.Release(ctx, t, &disclosure.Ledger{}, nil)
		}
	}
	return p.answer(ctx, s, to)
}

// scaleOf is the range of the score that an outcome column of a programme has; of
// another column that of 0 to 100, whose means show one decimal.
func scaleOf(of *programme.Programme, column string) disclosure.Scale {
	scale, longest := disclosure.Scale{Max: 100}, 0
	for _, id := range of.Instruments {
		for _, s := range instruments.ScoresOf(id) {
			if strings.HasPrefix(column, s.Column()+"_") && len(s.Column()) > longest {
				scale, longest = disclosure.Scale{Min: s.Min, Max: s.Max}, len(s.Column())
			}
		}
	}
	return scale
}
