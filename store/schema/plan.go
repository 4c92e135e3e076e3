package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/lumbar-health/lumbar/instruments"
)

// Request asks for a re-score. What is empty follows the definitions: their
// algorithm, the value set that is current where it still can be, and every
// programme that has the instrument.
type Request struct {
	Instrument instruments.ID `json:"instrument"`
	Algorithm  string         `json:"algorithm,omitempty"`
	ValueSet   string         `json:"value_set,omitempty"`
	Programme  string         `json:"programme,omitempty"`
}

// Plan is a re-score as it will be done.
type Plan struct {
	Request
	// Programmes are those whose responses are scored.
	Programmes []string
	// Changes are the rows of scoring that become others; none where what is
	// wanted is current already.
	Changes Scoring
	// Targets are the scores that every response must have a row of before.
	Targets []*instruments.Score
	// Next is the catalogue once the changes are made.
	Next *Catalogue
}

// RequestError says what is wrong with a request, and what there is instead.
type RequestError struct {
	text string
	// OfState says that it is wrong only because of what is current.
	OfState bool
}

// Error says it in one line.
func (e *RequestError) Error() string { return e.text }

func refuse(format string, args ...any) error {
	return &RequestError{text: fmt.Sprintf(format, args...)}
}

// maxTargets is how many scores a mask of them has bits for.
const maxTargets = 63

// Plan says what a request comes to. An error that is a *RequestError lies in
// the request.
func (c *Catalogue) Plan(r Request) (Plan, error) {
	plan := Plan{Request: r, Changes: Scoring{}}
	if err := c.checkRequest(r); err != nil {
		return plan, err
	}
	all := scoresOf(r.Instrument)
	placed := r.ValueSet == ""
	for _, p := range c.of {
		if !slices.Contains(p.Instruments, r.Instrument) || r.Programme != "" && r.Programme != p.ID {
			continue
		}
		plan.Programmes = append(plan.Programmes, p.ID)
		for _, name := range namesOf(all) {
			now, ok := c.scoring[Name{p.ID, name}]
			if !ok {
				continue
			}
			next := nextChoice(all, r, name, now)
			placed = placed || next.ValueSet == r.ValueSet
			if next != now {
				plan.Changes[Name{p.ID, name}] = next
			}
			columns, _ := underAlgorithm(all, name, next.Algorithm)
			for _, s := range columns {
				if !s.NeedsPerson && !slices.Contains(plan.Targets, s) {
					plan.Targets = append(plan.Targets, s)
				}
			}
		}
	}
	if !placed {
		return plan, refuse("value set %s of %s is not there under that algorithm: choose another, or re-score without --algorithm", r.ValueSet, r.Instrument)
	}
	if len(plan.Targets) > maxTargets {
		return plan, fmt.Errorf("schema: %s has %d scores, a re-score takes %d", r.Instrument, len(plan.Targets), maxTargets)
	}
	if err := c.checkShared(plan); err != nil {
		return plan, err
	}
	var err error
	plan.Next, err = c.With(plan.Changes)
	return plan, err
}

// nextChoice is what a request makes current for a name.
func nextChoice(all []*instruments.Score, r Request, name string, now Choice) Choice {
	own, ok := ownChoice(r.Instrument, name)
	if !ok {
		return now
	}
	next := Choice{own.Algorithm, now.ValueSet}
	if r.Algorithm != "" {
		next.Algorithm = now.Algorithm
		if slices.Contains(algorithmsOf(all, name), r.Algorithm) {
			next.Algorithm = r.Algorithm
		}
	}
	columns, _ := underAlgorithm(all, name, next.Algorithm)
	has := func(valueSet string) bool {
		return slices.ContainsFunc(columns, func(s *instruments.Score) bool { return s.ValueSet == valueSet })
	}
	switch {
	case r.ValueSet != "" && has(r.ValueSet):
		next.ValueSet = r.ValueSet
	case has(now.ValueSet):
	case has(own.ValueSet):
		next.ValueSet = own.ValueSet
	case len(columns) > 0:
		next.ValueSet = columns[0].ValueSet
	}
	return next
}

// algorithmsOf lists the algorithms of a name, or of all.
func algorithmsOf(scores []*instruments.Score, name string) []string {
	var out []string
	for _, s := range scores {
		if (name == "" || s.Name == name) && !slices.Contains(out, s.Algorithm) {
			out = append(out, s.Algorithm)
		}
	}
	slices.Sort(out)
	return out
}

func (c *Catalogue) checkRequest(r Request) error {
	var known, programmes []string
	for _, p := range c.of {
		programmes = append(programmes, p.ID)
		for _, id := range p.Instruments {
			if (r.Programme == "" || r.Programme == p.ID) && !slices.Contains(known, string(id)) {
				known = append(known, string(id))
			}
		}
	}
	if r.Programme != "" && !slices.Contains(programmes, r.Programme) {
		return refuse("%q is no programme: give one of %s", r.Programme, strings.Join(programmes, ", "))
	}
	if slices.Sort(known); !slices.Contains(known, string(r.Instrument)) {
		where := "any programme"
		if r.Programme != "" {
			where = "programme " + r.Programme
		}
		return refuse("%q is no instrument of %s: give one of %s", string(r.Instrument), where, strings.Join(known, ", "))
	}
	all := scoresOf(r.Instrument)
	algorithms := algorithmsOf(all, "")
	if r.Algorithm != "" && !slices.Contains(algorithms, r.Algorithm) {
		return refuse("%q is no algorithm of %s: give one of %s", r.Algorithm, r.Instrument, strings.Join(algorithms, ", "))
	}
	var sets []string
	for _, s := range all {
		if s.ValueSet != "" && !slices.Contains(sets, s.ValueSet) {
			sets = append(sets, s.ValueSet)
		}
	}
	switch {
	case r.ValueSet == "" || slices.Contains(sets, r.ValueSet):
		return nil
	case len(sets) == 0:
		return refuse("%s has no value sets: leave it out", r.Instrument)
	}
	slices.Sort(sets)
	return refuse("%q is no value set of %s: give one of %s", r.ValueSet, r.Instrument, strings.Join(sets, ", "))
}

// checkShared refuses to leave two programmes under two algorithms of one
// score: they share its columns, and a column has one unit and one set of rules.
func (c *Catalogue) checkShared(plan Plan) error {
	for changed, next := range plan.Changes {
		for key, now := range c.scoring {
			if then, also := plan.Changes[key]; also {
				now = then
			}
			shares := slices.ContainsFunc(c.Programmes, func(p Programme) bool { return p.ID == key.Programme })
			if shares && key.Score == changed.Score && now.Algorithm != next.Algorithm {
				return &RequestError{OfState: true, text: fmt.Sprintf("programme %s shares the columns of %s and would stay under %s: re-score all programmes together, without naming one",
					key.Programme, key.Score, now.Algorithm)}
			}
		}
	}
	return nil
}

// Masks returns, for each version of an instrument whose responses have some of
// the targets, which ones: bit i is the plan's target i.
func (p Plan) Masks() map[*instruments.Definition]uint64 {
	masks := map[*instruments.Definition]uint64{}
	for _, d := range instruments.All() {
		for _, s := range d.Scores {
			for i, target := range p.Targets {
				if sameScore(s, target) {
					masks[d] |= 1 << i
				}
			}
		}
	}
	return masks
}

// Complete says whether every stored response has all of the targets already.
func (p Plan) Complete(ctx context.Context, conn driver.Conn) (bool, error) {
	complete, err := readScored(ctx, conn)
	if err != nil {
		return false, err
	}
	for _, id := range p.Programmes {
		for _, s := range p.Targets {
			if !complete[scoredKey{id, s.Name, s.Algorithm, s.ValueSet}] {
				return false, nil
			}
		}
	}
	return true, nil
}

// Completed notes that every stored response has all of the targets.
func (p Plan) Completed(ctx context.Context, conn driver.Conn) error {
	changes := map[scoredKey]bool{}
	for _, id := range p.Programmes {
		for _, s := range p.Targets {
			changes[scoredKey{id, s.Name, s.Algorithm, s.ValueSet}] = true
		}
	}
	return writeScored(ctx, conn, changes)
}
