package simulate

import "math"

// line is what is expected after the operation, given the score before it.
type line struct {
	n, x, y, xx, xy float64
}

func (l *line) add(x, y float64) {
	l.n++
	l.x += x
	l.y += y
	l.xx += x * x
	l.xy += x * y
}

// at returns the expected value; NaN where nothing is known.
func (l *line) at(x float64) float64 {
	if l.n == 0 || math.IsNaN(x) {
		return math.NaN()
	}
	slope := 0.0
	if spread := l.xx - l.x*l.x/l.n; l.n > 2 && spread > 1e-9 {
		slope = (l.xy - l.x*l.y/l.n) / spread
	}
	return l.y/l.n + slope*(x-l.x/l.n)
}

// predictions are the expected scores that come with each record: for primary
// and revision operations apart, the straight line through all records, so that
// the mean difference from it is zero over all of them.
type predictions [2][3]line

// scores returns index, scale and Oxford score; NaN where missing.
func (a *answered) scores() [3]float64 {
	scale := float64(a.scale)
	if a.scale == noScale {
		scale = math.NaN()
	}
	return [3]float64{a.index, scale, a.total}
}

func newPredictions(list []operation) *predictions {
	var m predictions
	for i := range list {
		p := &list[i]
		before, after := p.before.scores(), p.after.scores()
		for k := range before {
			if p.modelled() && !math.IsNaN(before[k]+after[k]) {
				m[flag(p.revision)][k].add(before[k], after[k])
			}
		}
	}
	return &m
}

// modelled reports whether the record has what a prediction needs beside the
// score before.
func (p *operation) modelled() bool { return p.context[1] != noCode && p.context[4] != noCode }

func (m *predictions) of(p *operation) [3]float64 {
	missing := math.NaN()
	out := [3]float64{missing, missing, missing}
	if !p.modelled() {
		return out
	}
	for k, x := range p.before.scores() {
		out[k] = m[flag(p.revision)][k].at(x)
	}
	return out
}
