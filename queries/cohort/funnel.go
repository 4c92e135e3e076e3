package cohort

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lumbar-health/lumbar/analytics/funnel"
	"github.com/lumbar-health/lumbar/queries/disclosure"
)

// The coverages of the limits as everyone prints them: 1.959964 and 3.090232
// standard errors, two-sided.
const (
	level95  = 0.95
	level998 = 0.998
)

// FunnelRequest is Request with a choice of limits.
type FunnelRequest struct {
	Request
	// Overdispersed puts τ² into the limits. Flags come both ways in any case.
	Overdispersed bool
}

// Funnel returns the groups of Outcomes as units of a funnel plot: the adjusted
// gain, the mean gain of all records as target, limits around it, and flags
// without and with over-dispersion. Units of one funnel have the same measure
// and, where people are grouped by it, procedure; a unit under MinimumAdjusted
// records has neither value nor limits and does not count for φ and τ². Target
// and limits are disclosed where the unit has 8 records in each of its strata.
func (s *Source) Funnel(ctx context.Context, r FunnelRequest) (*disclosure.Table, error) {
	t := &disclosure.Table{Question: Funnel, By: r.By, Exact: true, Notes: r.notes()}
	if err := s.learnReferences(ctx, r.Request); err != nil {
		return nil, err
	}
	for _, m := range r.Measures {
		ref, groups, told, err := s.read(ctx, r.Request, m, t)
		if err != nil {
			return nil, err
		}
		panels := map[string][]*unit{}
		for _, g := range groups {
			u := &unit{group: g}
			u.adjusted, u.ok = g.adjust(m, ref)
			key := ""
			if at := slices.Index(r.By, dimProcedure); at >= 0 {
				key = g.key[at]
			}
			panels[key] = append(panels[key], u)
		}
		for key, units := range panels {
			if err := disperse(units); err != nil {
				return nil, fmt.Errorf("cohort: funnel of %s %s: %w", m.FollowUp(), key, err)
			}
			for _, u := range units {
				t.Rows = append(t.Rows, disclosure.Record{
					Key: shown(r.By, u.key), Scale: m.scale(), Of: told(u.group), Cells: u.cells(r, m),
				})
			}
		}
	}
	limits := "without over-dispersion"
	if r.Overdispersed {
		limits = "with additive over-dispersion (τ²)"
	}
	t.Notes = append(t.Notes, "Limits are "+limits+"; outlier is without, outlier_overdispersed with it.")
	sortRows(t, r.Request)
	return t, nil
}

// unit is one mark of a funnel.
type unit struct {
	*group
	adjusted  adjusted
	ok        bool // it has an adjusted gain
	phi, tau2 float64
	dispersed funnel.Flag
}

// disperse estimates the over-dispersion of one funnel. Values are taken about
// their own targets, which differ where units span strata in other proportions.
func disperse(units []*unit) error {
	var shown []funnel.Unit
	for _, u := range units {
		if u.ok {
			shown = append(shown, funnel.Unit{N: u.all.N, Value: u.adjusted.gain - u.adjusted.against.gain, StdErr: u.adjusted.stdErr})
		}
	}
	if len(shown) == 0 {
		return nil
	}
	f, err := funnel.Means(shown, 0, funnel.Options{})
	if err != nil {
		return err
	}
	next := 0
	for _, u := range units {
		u.phi, u.tau2 = f.Phi, f.Tau2
		if u.ok {
			u.dispersed = f.Units[next].OutlierOverdispersed
			next++
		}
	}
	return nil
}

// smallestStratum is the fewest modelled records that the unit has in any of its
// procedures and years. Target and limits mix the strata's known means by these
// counts, and so tell of them.
func (u *unit) smallestStratum() int64 {
	if len(u.weights) == 0 {
		return 0
	}
	return slices.Min(slices.Collect(maps.Values(u.weights)))
}

func (u *unit) cells(r FunnelRequest, m Measure) map[string]any {
	cells := textCells(r.Programme, m)
	cells["n"] = u.all.N
	cells["_n_smallest_stratum"] = u.smallestStratum()
	if u.adjusted.n > 0 {
		cells["target"] = u.adjusted.against.gain
	}
	if !u.ok {
		return cells
	}
	cells["value"] = u.adjusted.gain
	limits := disclosure.Sampling{Value: u.adjusted.against.gain, StdErr: u.adjusted.stdErr, N: u.all.N, Level: level95, FixedLevel: true}
	if r.Overdispersed {
		limits.Tau2 = u.tau2
	}
	cells["lower_95"], cells["upper_95"] = disclosure.Lower(limits), disclosure.Upper(limits)
	limits.Level = level998
	cells["lower_998"], cells["upper_998"] = disclosure.Lower(limits), disclosure.Upper(limits)
	cells["phi"], cells["tau2"] = u.phi, u.tau2
	cells["outlier"], cells["outlier_overdispersed"] = string(u.adjusted.outlier), string(u.dispersed)
	return cells
}
