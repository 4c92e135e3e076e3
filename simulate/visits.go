package simulate

import (
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// diary is what one person sent, and a tally of it.
type diary struct {
	rows []Response
	Tally
}

// Tally counts rows of responses.
type Tally struct {
	Rows       int64 `json:"rows"`       // all of them
	Responses  int64 `json:"responses"`  // different responses
	Duplicates int64 `json:"duplicates"` // rows equal to an earlier one
	Amended    int64 `json:"amended"`    // responses sent again with a correction
	Retracted  int64 `json:"retracted"`  // responses withdrawn as entered in error
	Unfinished int64 `json:"unfinished"` // stopped or in progress
	ByProxy    int64 `json:"by_proxy"`   // given by somebody else than the patient
}

func (t *Tally) add(u Tally) {
	t.Rows += u.Rows
	t.Responses += u.Responses
	t.Duplicates += u.Duplicates
	t.Amended += u.Amended
	t.Retracted += u.Retracted
	t.Unfinished += u.Unfinished
	t.ByProxy += u.ByProxy
}

// visit is one occasion on which the pack is answered.
type visit struct {
	key   string // part of the identifier
	on    record.Date
	codes [10]int16
	by    string
}

// responses draws what a person sends. The stream is that of person.
func (g *Generator) responses(p *person, r random) *diary {
	d := &diary{rows: make([]Response, 0, 14)}
	if r.chance(0.97) {
		on := max(p.contact+record.Date(r.IntN(14)-9), p.referred)
		g.answer(d, p, r, visit{key: "baseline", on: on, codes: p.answers, by: "patient"})
	}
	y := p.reference + arms[p.arm].effect
	halfway := 0.3*p.odi + 0.7*y
	if r.chance(answers6(p)) {
		g.followUp(d, p, r, "6m", p.anchor+182, halfway)
	}
	if r.chance(answers12(p)) {
		g.followUp(d, p, r, "12m", p.anchor+365, y)
	}
	return d
}

// followUp answers the pack about the day; few answer too late to count, or
// twice.
func (g *Generator) followUp(d *diary, p *person, r random, key string, day record.Date, expected float64) {
	v := visit{key: key, on: day + record.Date(r.IntN(48)-12), by: "patient"}
	switch x := r.Float64(); {
	case x < 0.015:
		v.on = day + record.Date(62+r.IntN(25))
	case x < 0.035:
		v.by = "proxy"
	case x < 0.04:
		v.by = "clinician"
	}
	for range 2 {
		v.codes = odiAnswers(r, r.between(expected, 9.5, 0, 100), p.gaps(r))
		g.answer(d, p, r, v)
		if !r.chance(0.01) {
			return
		}
		v.key, v.on = key+"-again", v.on+record.Date(3+r.IntN(8))
	}
}

// answer sends the pack of one visit.
func (g *Generator) answer(d *diary, p *person, r random, v visit) {
	at := v.on.Time().Add(time.Duration(7*60+r.IntN(14*60)) * time.Minute).Add(time.Duration(r.IntN(60000)) * time.Millisecond)
	mode := [...]string{"app", "web", "telephone", "paper"}[r.choose(0.35, 0.45, 0.08, 0.12)]
	base, slope := 0.5, 0.03
	if p.radicular {
		base, slope = 2, 0.07
	}
	level := odiScore(v.codes[:])
	for i, id := range pack {
		var codes []int16
		switch id {
		case "odi":
			codes = v.codes[:]
		case "nrs_back":
			codes = painAnswer(r, 1.2, 0.085, level)
		case "nrs_leg":
			codes = painAnswer(r, base, slope, level)
		case "eq5d5l":
			codes = healthAnswers(r, p, level)
		}
		row := Response{
			ID: Identifier{system, p.pseudonym[:16] + "." + v.key + "." + string(id)}, Programme: g.programme.ID,
			Patient: Patient{p.pseudonym}, Episode: p.episodeID(), Instrument: id, InstrumentVersion: g.versions[id],
			Mode: mode, Language: "en", Status: "completed", AnsweredAt: at.Add(time.Duration(i) * 40 * time.Second),
			ReportedBy: v.by, Provider: g.world.trusts[p.trust].Code, Answers: codes,
		}
		if i > 0 && r.chance(0.02) {
			continue // left out
		}
		g.send(d, r, row)
	}
}

// send adds a response, mostly as one row.
func (g *Generator) send(d *diary, r random, row Response) {
	first := len(d.rows)
	switch x := r.Float64(); {
	case x < 0.01:
		slip := row
		slip.Answers = append(Answers(nil), row.Answers...)
		last := len(slip.Answers) - 1
		slip.Answers[last] = otherCode(slip.Answers[last])
		row.Status, row.SourceVersion = "amended", 1
		row.UpdatedAt = row.AnsweredAt.Add(time.Duration(1+r.IntN(72)) * time.Hour)
		d.rows = append(d.rows, slip, row)
		d.Amended++
	case x < 0.013:
		undone := row
		undone.Status, undone.SourceVersion = "entered-in-error", 1
		undone.UpdatedAt = row.AnsweredAt.Add(time.Duration(1+r.IntN(240)) * time.Hour)
		d.rows = append(d.rows, row, undone)
		d.Retracted++
	case x < 0.018 && len(row.Answers) > 1:
		row.Status = [...]string{"stopped", "in-progress"}[r.IntN(2)]
		row.Answers = append(Answers(nil), row.Answers...)
		for i := len(row.Answers) / 2; i < len(row.Answers); i++ {
			row.Answers[i] = instruments.Missing
		}
		d.rows = append(d.rows, row)
		d.Unfinished++
	case x < 0.026:
		d.rows = append(d.rows, row, row)
		d.Duplicates++
	default:
		if row.Instrument == "odi" && r.chance(0.1) {
			row.SuppliedScore = suppliedScore(row.Answers)
		}
		d.rows = append(d.rows, row)
	}
	if row.ReportedBy != "patient" {
		d.ByProxy++
	}
	d.Responses++
	d.Rows += int64(len(d.rows) - first)
}

// otherCode is a neighbour of a code, within every item's range.
func otherCode(code int16) int16 {
	switch code {
	case instruments.Missing:
		return 1
	case 1:
		return 2
	case 0:
		return 1
	}
	return code - 1
}

// suppliedScore is what a sender that scores complete forms itself would add.
func suppliedScore(codes []int16) *float64 {
	for _, c := range codes {
		if c == instruments.Missing {
			return nil
		}
	}
	return new(odiScore(codes))
}
