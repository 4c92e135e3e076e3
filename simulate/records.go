package simulate

import (
	"context"
	"math"

	"github.com/lumbar-health/lumbar/instruments"
)

// Codes for missing values in the record format.
const (
	noCode  = 9
	noScale = 999
)

// answered is what a person answers before or after the operation.
type answered struct {
	health [5]int // levels 1 to 3
	scale  int    // EQ VAS
	oxford [12]int
	index  float64 // NaN where it could not be computed
	total  float64 // NaN likewise
}

// operation is one record: a person's hip or knee replacement. Its codes are
// those of the format.
type operation struct {
	trust, year, ageBand, gender int
	revision                     bool
	hidden                       bool    // age band and gender are suppressed
	context                      [5]int  // assisted, symptom period, previous surgery, living, disability
	comorbid                     [12]int // 1 or noCode
	before, after                answered
	contextAfter                 [4]int // assisted, by whom, living, disability
	verdict                      [8]int // satisfaction, success, complications
}

var recordAges = [...]string{"40 to 49", "50 to 59", "60 to 69", "70 to 79", "80 to 89", "90 to 120"}

// records draws the records of a joint and hides age and gender where fewer than
// six share provider, kind of operation, age band and gender.
func (g *Generator) records(ctx context.Context, which, n int) ([]operation, error) {
	index, err := newHealthIndex()
	if err != nil {
		return nil, err
	}
	type cell struct {
		trust, ageBand, gender int
		revision               bool
	}
	cells := map[cell]int{}
	cellOf := func(p *operation) cell { return cell{p.trust, p.ageBand, p.gender, p.revision} }
	list := make([]operation, n)
	for i := range list {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r := newRandom(g.opts.Seed, streamRecords, uint64(i*len(joints)+which))
		list[i] = g.record(r, &joints[which], index)
		cells[cellOf(&list[i])]++
	}
	for i := range list {
		list[i].hidden = cells[cellOf(&list[i])] < 6
	}
	return list, nil
}

func (g *Generator) record(r random, j *joint, index *healthIndex) operation {
	p := operation{
		trust: r.choose(g.world.weights[:]...), year: r.IntN(2), revision: r.chance(0.05),
		ageBand: r.choose(2, 10, 31, 40, 16, 1), gender: 1 + r.choose(0.41, 0.59),
	}
	p.context = [5]int{
		yesNo(r, 0.17), mostly(r, 1+r.choose(0.1, 0.6, 0.15, 0.15)), yesNo(r, 0.08),
		mostly(r, 1+r.choose(0.74, 0.245, 0.005, 0.01)), yesNo(r, 0.53),
	}
	for i := range p.comorbid {
		p.comorbid[i] = noCode
		if r.chance([12]float64{0.09, 0.4, 0.02, 0.05, 0.09, 0.11, 0.02, 0.01, 0.01, 0.05, 0.09, 0.74}[i]) {
			p.comorbid[i] = 1
		}
	}
	before := float64(r.whole(j.before, j.spread, 1, 44))
	gain := j.gain
	if p.revision {
		gain -= 6
	}
	after := r.between(min(before+gain-0.45*(before-j.before)-g.world.trusts[p.trust].Effect/4, 46), 7.5, 0, 48)
	p.before = oxfordAnswers(r, before, index)
	p.after = oxfordAnswers(r, math.Round(after), index)
	assisted := 1 + r.choose(0.06, 0.94)
	helper := noCode
	if assisted == 1 {
		helper = 1 + r.choose(0.75, 0.1, 0.04, 0.05, 0.03, 0.03)
	}
	p.contextAfter = [4]int{assisted, helper, p.context[3], yesNo(r, 0.3)}
	p.verdict = [8]int{
		mostly(r, r.whole(4.9-after/12.5, 0.6, 1, 5)), mostly(r, r.whole(3.6-after/15, 0.5, 1, 5)),
		yesNo(r, 0.1), yesNo(r, 0.05), yesNo(r, 0.09), yesNo(r, 0.12), yesNo(r, 0.03), yesNo(r, 0.08),
	}
	return p
}

// yesNo is 1 for the share of people, else 2, and sometimes missing.
func yesNo(r random, share float64) int { return mostly(r, 1+r.choose(share, 1-share)) }

// mostly is the code, or missing.
func mostly(r random, code int) int {
	if r.chance(0.02) {
		return noCode
	}
	return code
}

// oxfordAnswers draws all answers of one time that go with an Oxford score.
func oxfordAnswers(r random, score float64, index *healthIndex) answered {
	a := answered{index: math.NaN(), total: score}
	sum := int(score)
	for i := range a.oxford {
		a.oxford[i] = sum / len(a.oxford)
	}
	for _, i := range r.Perm(len(a.oxford))[:sum%len(a.oxford)] {
		a.oxford[i]++
	}
	for range 10 {
		from, to := r.IntN(len(a.oxford)), r.IntN(len(a.oxford))
		if from != to && a.oxford[from] > 0 && a.oxford[to] < 4 {
			a.oxford[from]--
			a.oxford[to]++
		}
	}
	if r.chance(0.012) { // more than two left out: no score
		for _, i := range r.Perm(len(a.oxford))[:3+r.IntN(10)] {
			a.oxford[i] = noCode
		}
		a.total = math.NaN()
	}
	bad := (48 - score) / 48
	for i, cut := range [5][2]float64{{0.25, 1.15}, {0.6, 1.2}, {0.3, 0.85}, {0.2, 0.72}, {0.65, 1.1}} {
		x := bad + 0.18*r.NormFloat64()
		a.health[i] = 1
		if x > cut[0] {
			a.health[i] = 2
		}
		if x > cut[1] {
			a.health[i] = 3
		}
		if r.chance(0.012) {
			a.health[i] = noCode
		}
	}
	a.index = index.of(a.health)
	if a.scale = r.whole(45+35*score/48, 16, 0, 100); r.chance(0.06) {
		a.scale = noScale
	}
	return a
}

// healthIndex is the index of each EQ-5D-3L profile under the default value set.
type healthIndex struct {
	definition *instruments.Definition
	scored     []instruments.Scored
	codes      [5]int16
}

func newHealthIndex() (*healthIndex, error) {
	d, err := instruments.Lookup("eq5d3l", "")
	if err != nil {
		return nil, err
	}
	return &healthIndex{definition: d, scored: make([]instruments.Scored, len(d.Scores))}, nil
}

// of returns the index, NaN where an answer is missing.
func (h *healthIndex) of(levels [5]int) float64 {
	for i, level := range levels {
		if level == noCode {
			return math.NaN()
		}
		h.codes[i] = int16(level)
	}
	if h.definition.Score(&instruments.Administration{Codes: h.codes[:]}, h.scored) != nil {
		return math.NaN()
	}
	for i, s := range h.definition.Scores {
		if s == h.definition.Primary() && h.scored[i].Known {
			return s.Points(h.scored[i].Units)
		}
	}
	return math.NaN()
}
