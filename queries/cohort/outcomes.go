package cohort

import (
	"context"
	"fmt"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/moments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// Names of the questions, under which columns.yaml registers their columns.
const (
	Outcomes = "outcomes"
	Funnel   = "funnel"
	Compare  = "compare"
)

// Outcomes returns a row for each group and measure: who was eligible and who
// is modelled, scores before and after, the gain with its interval, who
// improved, and the case-mix adjusted gain with its flag.
//
// Modelled are the records with baseline, follow-up and an expected score. Gain
// is positive when people got better, whatever the instrument's direction.
func (s *Source) Outcomes(ctx context.Context, r Request) (*disclosure.Table, error) {
	t := &disclosure.Table{Question: Outcomes, By: r.By, Exact: true, Notes: r.notes()}
	if err := s.learnReferences(ctx, r); err != nil {
		return nil, err
	}
	for _, m := range r.Measures {
		ref, groups, told, err := s.read(ctx, r, m, t)
		if err != nil {
			return nil, err
		}
		for _, g := range groups {
			row := disclosure.Record{Key: shown(r.By, g.key), Scale: m.scale(), Of: told(g)}
			row.Cells = outcomeCells(r, m, g, ref)
			t.Rows = append(t.Rows, row)
		}
	}
	sortRows(t, r)
	return t, nil
}

// read does what outcomes and funnel share: the reference, the groups, their
// cohorts for the ledger, the notes. told says which cohorts a group's row tells of.
func (s *Source) read(ctx context.Context, r Request, m Measure, t *disclosure.Table) (*reference, []*group, func(*group) []disclosure.Of, error) {
	ref, err := s.reference(ctx, r.Programme, m)
	if err != nil {
		return nil, nil, nil, err
	}
	groups, err := s.groups(ctx, r, m, ref)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("cohort: %s: %w", m.FollowUp(), err)
	}
	for _, note := range ref.notes(m) {
		if !slices.Contains(t.Notes, note) {
			t.Notes = append(t.Notes, note)
		}
	}
	t.Exact = t.Exact && exact(ref.terms, groups)
	return ref, groups, s.tell(t, r, m, ref, groups), nil
}

// exact says whether every sum was one of whole units.
func exact(terms []moments.Term, groups []*group) bool {
	return !slices.ContainsFunc(groups, func(g *group) bool { return !wholeUnits(g.all, len(terms)) })
}

// wholeUnits says whether the sums of the first terms are of whole units.
func wholeUnits(m moments.Matrix, terms int) bool {
	for i := range terms {
		if m.N > 0 && !m.AllExact(i) {
			return false
		}
	}
	return true
}

// tell adds the cohorts of a measure to the table: the groups as modelled and
// as eligible. The reference of adjusted figures is none of them: it is never
// filtered, and no count is told with it.
func (s *Source) tell(t *disclosure.Table, r Request, m Measure, ref *reference, groups []*group) func(*group) []disclosure.Of {
	p := r.Programme
	modelledName := s.register(measureName(p, m, ref.complete), present(eligible(p, m), ref.complete))
	eligibleName := s.register(measureName(p, m, nil), eligible(p, m))

	modelled := cohorts(p, modelledName, r.By, r.Year)
	asked := cohorts(p, eligibleName, r.By, r.Year)
	modelled.Plain, asked.Plain = true, true
	for _, g := range groups {
		if g.all.N > 0 {
			modelled.Cells[cell(modelled, r.By, g.key, r.Year)] = g.all.N
		}
		asked.Cells[cell(asked, r.By, g.key, r.Year)] = g.eligible
	}
	at := len(t.Cohorts)
	t.Cohorts = append(t.Cohorts, modelled, asked)
	return func(g *group) []disclosure.Of {
		return []disclosure.Of{
			{Cohorts: at, Cell: cell(modelled, r.By, g.key, r.Year)},
			{Cohorts: at + 1, Cell: cell(asked, r.By, g.key, r.Year)},
		}
	}
}

func outcomeCells(r Request, m Measure, g *group, ref *reference) map[string]any {
	cells := textCells(r.Programme, m)
	cells["n_eligible"], cells["n_modelled"] = g.eligible, g.all.N
	if g.all.N == 0 {
		return cells
	}
	cells["mean_baseline"], _ = g.all.Mean(atBaseline)
	cells["mean_follow_up"], _ = g.all.Mean(atFollowUp)
	gain, sd, ok := g.gain(m, r.Level)
	cells["mean_gain"] = gain.Value
	if g.all.N > 1 {
		cells["std_dev"] = sd
	}
	if ok {
		cells["lower"], cells["upper"] = disclosure.Lower(gain), disclosure.Upper(gain)
	}
	cells["n_improved"], cells["n_unchanged"], cells["n_worse"] = g.improved, g.unchanged, g.worse
	if m.Score.Responder != "" {
		cells["n_responders"], cells["n_responder_base"] = g.responders, g.responderBase
	}
	if sd, ok := g.residualSD(ref); ok {
		cells["residual_sd"] = sd
	}
	if a, ok := g.adjust(m, ref); ok {
		cells["adjusted_gain"], cells["outlier"] = a.gain, string(a.outlier)
	}
	return cells
}

func textCells(p *programme.Programme, m Measure) map[string]any {
	return map[string]any{"programme": p.ID, "instrument": m.Name, "timepoint": m.Timepoint}
}

// sortRows puts a group's measures together, in the order in which they were asked.
func sortRows(t *disclosure.Table, r Request) {
	place := map[any]int{}
	for i, m := range r.Measures {
		place[m.Name] = i
	}
	slices.SortStableFunc(t.Rows, func(a, b disclosure.Record) int {
		if d := inOrder(texted(a.Key), texted(b.Key)); d != 0 {
			return d
		}
		return place[a.Cells["instrument"]] - place[b.Cells["instrument"]]
	})
}

// texted writes a row's key back as text.
func texted(key []any) []string {
	out := make([]string, len(key))
	for i, v := range key {
		if v != nil {
			out[i] = fmt.Sprint(v)
		}
	}
	return out
}
