package disclosure

import (
	"math"
	"sync"

	"github.com/lumbar-health/lumbar/analytics/dist"
)

// Sampling is an estimate with what its interval is made of, so that the count
// as it is released can take the place of the exact one.
type Sampling struct {
	Value, StdErr float64
	N             int64 // people
	// DF are the degrees of freedom, 0 where the law is normal. FixedDF says
	// that they do not come from N: of clustered errors, the clusters less one.
	DF      float64
	FixedDF bool
	Level   float64 // coverage, such as 0.95
	// FixedLevel says that the level is the column's own, not chosen by whoever asks.
	FixedLevel bool
	// Tau2 is added to StdErr² and does not depend on N.
	Tau2 float64
}

// derived is a cell that is computed when the answer is released.
type derived struct {
	of   Sampling
	part func(Sampling) (float64, bool)
	side float64 // of a bound: −1 the lower end, 1 the upper
}

// anchor is the coverage from whose ends, as shown, those of others are made.
const anchor = 0.95

// Levels are the coverages at which intervals may be asked for. They are a
// closed list: ends at any level, one question each, would tell the exact mean
// and with it the exact count.
func Levels() []string { return []string{"0.8", "0.9", "0.95", "0.99", "0.998"} }

// Lower is the lower end of the interval of s, as a cell.
func Lower(s Sampling) any {
	return derived{s, func(s Sampling) (float64, bool) { h, ok := s.half(); return s.Value - h, ok }, -1}
}

// Upper is the upper end of the interval of s, as a cell.
func Upper(s Sampling) any {
	return derived{s, func(s Sampling) (float64, bool) { h, ok := s.half(); return s.Value + h, ok }, 1}
}

// StdErr is the standard error of s, as a cell.
func StdErr(s Sampling) any {
	return derived{s, func(s Sampling) (float64, bool) { return s.stdErr(), true }, 0}
}

// PValue is the two-sided p value of s against zero, as a cell.
func PValue(s Sampling) any {
	return derived{s, Sampling.pValue, 0}
}

// Interval is the exact interval; ok is false where there is none.
func (s Sampling) Interval() (lower, upper float64, ok bool) {
	h, ok := s.half()
	return s.Value - h, s.Value + h, ok
}

func (s Sampling) stdErr() float64 { return math.Sqrt(s.StdErr*s.StdErr + s.Tau2) }

func (s Sampling) half() (half float64, ok bool) {
	if !(s.Level > 0 && s.Level < 1) || s.DF < 0 {
		return 0, false
	}
	if s.DF == 0 {
		return dist.NormalCritical(s.Level) * s.stdErr(), true
	}
	return tCritical(s.Level, s.DF) * s.stdErr(), true
}

func (s Sampling) pValue() (float64, bool) {
	se := s.stdErr()
	switch {
	case !(se > 0):
		return 0, false
	case s.DF == 0:
		return math.Erfc(math.Abs(s.Value) / se / math.Sqrt2), true
	}
	return dist.TTwoSided(s.Value/se, s.DF), true
}

// released is the cell with the released count. A bound at a level that was
// chosen is made of the two ends at 95 % as shown: rounded ends at several
// levels would narrow mean and standard error down, and with them the count.
func (d derived) released(decimals int) (float64, bool) {
	s := d.of.released()
	if d.side == 0 || s.FixedLevel || s.Level == anchor {
		return d.part(s)
	}
	asked, ok := s.half()
	s.Level = anchor
	shown, ok2 := s.half()
	if !ok || !ok2 || !(shown > 0) {
		return d.part(d.of.released())
	}
	lower, upper := Round(s.Value-shown, decimals), Round(s.Value+shown, decimals)
	return (lower+upper)/2 + d.side*(upper-lower)/2*(asked/shown), true
}

// released puts the rounded count in place of the exact one.
func (s Sampling) released() Sampling {
	n, ok := Count(s.N)
	if !ok || n == 0 {
		return s
	}
	s.StdErr *= math.Sqrt(float64(s.N) / float64(n))
	if s.DF > 0 && !s.FixedDF {
		s.DF = math.Max(1, s.DF+float64(n-s.N))
	}
	s.N = n
	return s
}

// criticals keeps the critical values of t that were asked for: solving for one
// takes longer than all else that is done to a cell, and released counts give few
// different degrees of freedom.
var criticals = struct {
	sync.Mutex
	of map[[2]float64]float64
}{of: map[[2]float64]float64{}}

// maxCriticals bounds what is kept.
const maxCriticals = 10_000

func tCritical(level, df float64) float64 {
	key := [2]float64{level, df}
	criticals.Lock()
	t, ok := criticals.of[key]
	criticals.Unlock()
	if ok {
		return t
	}
	t = dist.TCritical(level, df)
	criticals.Lock()
	defer criticals.Unlock()
	if len(criticals.of) >= maxCriticals {
		clear(criticals.of)
	}
	criticals.of[key] = t
	return t
}
