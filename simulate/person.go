package simulate

import (
	"encoding/hex"
	"math"
	"math/bits"

	"github.com/lumbar-health/lumbar/record"
)

// person is one patient with one episode.
type person struct {
	address
	pseudonym string
	sex       int // index in sexes
	age       int
	ethnic    int
	risk      int
	// odi is the score of the baseline answers, in points.
	odi       float64
	radicular bool // pain goes down the leg
	skips     bool // leaves out the item that many leave out

	duration, work, comorbidities, bmi int
	priorSurgery, smoker, opioid       bool
	decileKnown                        bool

	arm       int
	reference float64 // expected ODI at 12 months under the reference
	answers   [10]int16
	calendar
}

// calendar is when what happened to a person.
type calendar struct {
	referred, contact, start, discharged record.Date
	anchor                               record.Date // day from which follow-ups count
}

// person makes one patient. What follows is drawn from the same stream, which
// is handed back.
func (g *Generator) person(index int) (*person, random) {
	r := newRandom(g.opts.Seed, streamPeople, uint64(index))
	p := &person{address: g.world.address(r), pseudonym: pseudonym(r), age: int(math.Round(r.normal(52, 16, 2.1)))}
	p.sex = r.choose(0.57, 0.43)
	p.ethnic = r.choose(82, 7, 3.5, 2, 2, 3.5)
	p.decileKnown = r.chance(0.985)
	p.radicular = r.chance(0.4)
	p.skips = r.chance(0.1)

	// How bad it is, and what goes with it: deprivation and distress.
	severity := r.NormFloat64()
	distress := 0.45*severity + 0.9*r.NormFloat64()
	level := min(max(meanODI+13*severity-0.9*float64(p.decile-5), 20), 80)
	p.answers = odiAnswers(r, level, p.gaps(r))
	p.odi = odiScore(p.answers[:])
	switch d := distress + 0.25*r.NormFloat64(); {
	case d > 0.55:
		p.risk = 2
	case d > -0.5:
		p.risk = 1
	}
	p.history(r)
	p.arm = treatment(r, p)
	p.reference = expected(p, &g.world)
	p.calendar = g.calendar(r, p.arm)
	return p, r
}

// history draws what bears on the outcome beside the reasons for treatment.
// None of it knows of the treatment.
func (p *person) history(r random) {
	deprived := float64(5-p.decile) / 5
	p.duration = r.choose(0.12, 0.2, 0.33, 0.35)
	p.priorSurgery = r.chance(0.09)
	p.comorbidities = min(bits.OnesCount64(r.Uint64()&r.Uint64()&0xff)*max(p.age-20, 10)/60, 12)
	p.bmi = r.whole(28.5+0.6*deprived, 5, 16, 55)
	p.smoker = r.chance(logistic(-1.6 + 0.6*deprived))
	p.opioid = r.chance(logistic(-1.5 + 0.03*(p.odi-meanODI) + 0.3*deprived))
	switch off := r.chance(logistic(-1.4 + 0.03*(p.odi-meanODI))); {
	case p.age >= 67:
		p.work = 2
	case off:
		p.work = 1
	case r.chance(0.18):
		p.work = 3
	}
}

// calendar draws the days of an episode. No discharge lies so near a follow-up
// that an answer could belong to both.
func (g *Generator) calendar(r random, arm int) calendar {
	c := calendar{referred: g.start + record.Date(r.IntN(referralDays))}
	c.referred += weekend(c.referred)
	c.contact = c.referred + record.Date(r.days(2, 13, 0.6, 60))
	c.contact += weekend(c.contact)
	c.start = c.contact + record.Date(r.days(1, arms[arm].wait, 0.4, 126))
	c.anchor = c.start
	c.discharged = c.start + record.Date(r.days(28, 40, 0.5, 120))
	if c.start-c.contact > anchorDays {
		c.anchor = c.contact
		c.discharged = c.contact + record.Date(240+r.IntN(40))
	}
	return c
}

// anchorDays is how long after first contact a treatment may begin and still be
// the day from which follow-ups count.
const anchorDays = 90

// weekend is how many days to add to come to a working day.
func weekend(d record.Date) record.Date {
	switch (d%7 + 7) % 7 { // 1 January 1970 was a Thursday
	case 2:
		return 2
	case 3:
		return 1
	}
	return 0
}

// pseudonym draws a patient's key, as hexadecimal digits.
func pseudonym(r random) string {
	var key record.PatientID
	for i := range key {
		key[i] = byte(r.Uint32())
	}
	return hex.EncodeToString(key[:])
}
