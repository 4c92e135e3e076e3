package write

import (
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// rules are what a branch's answers are placed by. slottedStages says the same in
// SQL: the check derives by that, so that each of the two proves the other.
type rules struct {
	branch
	cells []cell
	first map[string]int // the cell of a score's first timepoint, by scoreKey
	// indices are the mapped cells, by place, that a profile's cell gives a value.
	indices map[int][]int
}

func newRules(p branch) rules {
	r := rules{branch: p, cells: p.cells(), first: map[string]int{}, indices: map[int][]int{}}
	for i, c := range r.cells {
		if c.profile != 0 {
			r.indices[c.profile] = append(r.indices[c.profile], i)
		}
	}
	next := 1
	for _, s := range p.Scores {
		if s.Mapped() {
			continue
		}
		r.first[scoreKey(s)] = next
		next += len(p.Timepoints)
	}
	return r
}

// place finds the timepoint of an answer, from 1, and how many days it is from
// the target; 0 of none.
func (r *rules) place(e *episodeRow, answeredOn int32, stated string) (place int, distance int64) {
	const far = 1_000_000 // days: more than any window reaches
	contact := int64(e.referred)
	if e.hasContact {
		contact = int64(e.contact)
	}
	start := contact
	if e.hasStart && int64(e.start)-contact <= 90 {
		start = int64(e.start)
	}
	least := int64(far)
	for i, t := range r.Timepoints {
		days := int64(answeredOn) - contact
		switch t.Anchor {
		case programme.AnchorStart:
			days = int64(answeredOn) - start
		case programme.AnchorDischarge:
			days = far
			if e.hasDischarged {
				days = int64(answeredOn) - int64(e.discharged)
			}
		}
		days -= int64(t.Target)
		away := max(days, -days)
		if stated != "" {
			if t.Key != stated {
				continue
			}
			if days >= far/2 {
				away = 0
			}
			return i + 1, away
		}
		if days >= -int64(t.Before) && days <= int64(t.After) && away < least {
			place, distance, least = i+1, away, away
		}
	}
	return place, distance
}

// sexes are the words of tables of indices, by the store's codes.
var sexes = map[int8]string{int8(record.SexFemale): "female", int8(record.SexMale): "male"}

// wholeYears are those from one day to another, negative where it is earlier.
func wholeYears(from, to record.Date) int {
	if to < from {
		return -wholeYears(to, from)
	}
	a, b := from.Time(), to.Time()
	years := b.Year() - a.Year()
	if b.Month() < a.Month() || b.Month() == a.Month() && b.Day() < a.Day() {
		years--
	}
	return years
}
