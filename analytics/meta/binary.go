package meta

import (
	"fmt"
	"math"

	"github.com/lumbar-health/lumbar/analytics"
)

// Measure is an effect of a two by two table.
type Measure string

// The measures: the logarithms of the ratios of risks and of odds, and the
// difference of risks.
const (
	RiskRatio      Measure = "RR"
	OddsRatio      Measure = "OR"
	RiskDifference Measure = "RD"
)

// TwoByTwo is one site: events among people in group 1 and in group 0.
type TwoByTwo struct {
	Events1, N1, Events0, N0 float64
}

func checkTables(tables []TwoByTwo) error {
	for i, t := range tables {
		for _, v := range []float64{t.Events1, t.N1, t.Events0, t.N0} {
			if !(v >= 0) || v > 1e12 || v != math.Trunc(v) {
				return fmt.Errorf("meta: table %d must hold counts: %w", i+1, analytics.ErrInvalidParameter)
			}
		}
		if t.Events1 > t.N1 || t.Events0 > t.N0 {
			return fmt.Errorf("meta: table %d has more events than people: %w", i+1, analytics.ErrInvalidParameter)
		}
		if t.N1 == 0 || t.N0 == 0 {
			return fmt.Errorf("meta: table %d has a group of nobody: leave the site out: %w", i+1, analytics.ErrTooFewObservations)
		}
	}
	if len(tables) < 2 {
		return fmt.Errorf("meta: %d tables, need 2: %w", len(tables), analytics.ErrTooFewObservations)
	}
	return nil
}

// hasZero says whether a cell is 0.
func (t TwoByTwo) hasZero() bool {
	return t.Events1 == 0 || t.Events0 == 0 || t.Events1 == t.N1 || t.Events0 == t.N0
}

// oneSided says whether nobody or everybody of the table had the event.
func (t TwoByTwo) oneSided() bool {
	return t.Events1+t.Events0 == 0 || t.Events1+t.Events0 == t.N1+t.N0
}

// effect is the measure with its sampling variance; a half is added to the cells
// of a table that has a 0.
func (t TwoByTwo) effect(m Measure) (y, v float64) {
	if t.hasZero() {
		t = TwoByTwo{t.Events1 + 0.5, t.N1 + 1, t.Events0 + 0.5, t.N0 + 1}
	}
	a, b, c, d := t.Events1, t.N1-t.Events1, t.Events0, t.N0-t.Events0
	switch m {
	case RiskRatio:
		return math.Log(a / t.N1 / (c / t.N0)), 1/a - 1/t.N1 + 1/c - 1/t.N0
	case OddsRatio:
		return math.Log(a * d / (b * c)), 1/a + 1/b + 1/c + 1/d
	}
	p1, p0 := a/t.N1, c/t.N0
	return p1 - p0, p1*(1-p1)/t.N1 + p0*(1-p0)/t.N0
}

// Effects returns each table's measure with its sampling variance, for pooling by
// inverse variance: a half is added to the cells of tables with a 0, to no others.
// Counts that do not fit: ErrInvalidParameter; under two tables or a group of
// nobody: ErrTooFewObservations. As metafor's escalc(add = 1/2, to = "only0").
func Effects(tables []TwoByTwo, m Measure) (yi, vi []float64, err error) {
	if err := checkTables(tables); err != nil {
		return nil, nil, err
	}
	if m != RiskRatio && m != OddsRatio && m != RiskDifference {
		return nil, nil, fmt.Errorf("meta: measure %q, have RR, OR and RD: %w", m, analytics.ErrInvalidParameter)
	}
	for _, t := range tables {
		y, v := t.effect(m)
		yi, vi = append(yi, y), append(vi, v)
	}
	return yi, vi, nil
}

// CommonEffect is an effect pooled from the counts, on the log scale for ratios. Q
// is the heterogeneity of the tables' own effects about it, over QK tables.
type CommonEffect struct {
	Value, StdErr, Q float64
	QK               int
}

// MantelHaenszel pools a measure by the weights of Mantel and Haenszel, with the
// variance of Robins, Breslow and Greenland (odds), Greenland and Robins (risks)
// or Sato, Greenland and Robins (differences). No cell is corrected in pooling; Q
// has the corrected effects of Effects and leaves tables out in which nobody or
// everybody had the event.
//
//	no events on a side, so that the ratio is 0 or infinite   ErrZeroVariance
//
// Others as Effects. Agrees with metafor's rma.mh to 1e-9. Robins, Breslow and
// Greenland (1986), doi:10.2307/2531052; Greenland and Robins (1985),
// doi:10.2307/2530643; Sato, Greenland and Robins (1989), doi:10.2307/2531787.
func MantelHaenszel(tables []TwoByTwo, m Measure) (CommonEffect, error) {
	if _, _, err := Effects(tables, m); err != nil {
		return CommonEffect{}, err
	}
	var c CommonEffect
	switch m {
	case OddsRatio:
		c = commonOdds(tables)
	case RiskRatio:
		c = commonRisks(tables)
	default:
		c = commonDifference(tables)
	}
	if !(c.StdErr > 0) || math.IsInf(c.StdErr, 0) || math.IsInf(c.Value, 0) {
		return CommonEffect{}, fmt.Errorf("meta: too few events for a pooled %s: %w", m, analytics.ErrZeroVariance)
	}
	for _, t := range tables {
		if t.oneSided() {
			continue
		}
		y, v := t.effect(m)
		c.Q += (y - c.Value) * (y - c.Value) / v
		c.QK++
	}
	return c, nil
}

func commonOdds(tables []TwoByTwo) CommonEffect {
	var r, s, pr, mixed, qs float64
	for _, t := range tables {
		n := t.N1 + t.N0
		a, b, c, d := t.Events1, t.N1-t.Events1, t.Events0, t.N0-t.Events0
		ri, si, p, q := a*d/n, b*c/n, (a+d)/n, (b+c)/n
		r, s = r+ri, s+si
		pr, mixed, qs = pr+p*ri, mixed+p*si+q*ri, qs+q*si
	}
	return CommonEffect{Value: math.Log(r / s), StdErr: math.Sqrt((pr/(r*r) + mixed/(r*s) + qs/(s*s)) / 2)}
}

func commonRisks(tables []TwoByTwo) CommonEffect {
	var r, s, v float64
	for _, t := range tables {
		n := t.N1 + t.N0
		r += t.Events1 * t.N0 / n
		s += t.Events0 * t.N1 / n
		v += t.N1/n*t.N0/n*(t.Events1+t.Events0) - t.Events1*t.Events0/n
	}
	return CommonEffect{Value: math.Log(r / s), StdErr: math.Sqrt(v / (r * s))}
}

func commonDifference(tables []TwoByTwo) CommonEffect {
	var difference, weight, p, q float64
	for _, t := range tables {
		n := t.N1 + t.N0
		w1, w0 := t.N1/n, t.N0/n
		difference += t.Events1*w0 - t.Events0*w1
		weight += t.N1 * w0
		p += t.Events0*w1*w1 - t.Events1*w0*w0 + w1*w0*(t.N0-t.N1)/2
		q += (t.Events1*(t.N0-t.Events0) + t.Events0*(t.N1-t.Events1)) / n / 2
	}
	d := difference / weight
	return CommonEffect{Value: d, StdErr: math.Sqrt(d*p+q) / weight}
}

// Peto pools log odds ratios by observed less expected events over their
// hypergeometric variances. For rare events in groups of like size; biased for
// large effects. Tables in which nobody or everybody had the event say nothing
// and are left out; none left: ErrZeroVariance. Others as Effects. Yusuf et al.
// (1985), doi:10.1016/S0033-0620(85)80003-7; as metafor's rma.peto.
func Peto(tables []TwoByTwo) (CommonEffect, error) {
	if err := checkTables(tables); err != nil {
		return CommonEffect{}, err
	}
	var surplus, variance, squares float64
	var c CommonEffect
	for _, t := range tables {
		if t.oneSided() {
			continue
		}
		n, events := t.N1+t.N0, t.Events1+t.Events0
		difference := t.Events1 - events*t.N1/n
		v := events * t.N1 / n * (n - events) / n * t.N0 / (n - 1)
		surplus, variance, squares = surplus+difference, variance+v, squares+difference*difference/v
		c.QK++
	}
	if !(variance > 0) {
		return CommonEffect{}, fmt.Errorf("meta: no table has both people with and without the event: %w", analytics.ErrZeroVariance)
	}
	c.Value, c.StdErr = surplus/variance, 1/math.Sqrt(variance)
	c.Q = math.Max(squares-surplus*surplus/variance, 0)
	return c, nil
}
