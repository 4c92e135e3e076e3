package timeline

import (
	"cmp"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// startWithin is how many days after first contact a treatment may begin for its
// start to be the anchor of a follow-up.
const startWithin = 90

// schedule places answers in episodes and timepoints by the rule that fills
// outcome: the store does the same in bulk, and a test holds both together.
type schedule struct {
	programmes []*programme.Programme
	episodes   []*record.Episode // current versions
}

// programme returns the programme of that id, nil where it is not known.
func (s *schedule) programme(id string) *programme.Programme {
	for _, p := range s.programmes {
		if p.ID == id {
			return p
		}
	}
	return nil
}

// episodeOf is the episode that a response names, or else the latest of its
// programme that was referred on or before the day answered; nil where there is
// none.
func (s *schedule) episodeOf(v *record.Response) *record.Episode {
	var best *record.Episode
	for _, e := range s.episodes {
		switch {
		case v.EpisodeID != 0:
			if e.ID == v.EpisodeID {
				return e
			}
		case e.Programme != v.Programme || e.Status == record.EpisodeEnteredInError || e.ReferredOn > v.AnsweredOn:
		case best == nil || cmp.Or(cmp.Compare(e.ReferredOn, best.ReferredOn), cmp.Compare(e.ID, best.ID)) > 0:
			best = e
		}
	}
	return best
}

// spot is the timepoint of an answer.
type spot struct {
	timepoint programme.Timepoint
	target    record.Date // 0 where the anchor has no day
	days      int         // from the target to the answer
}

// distance orders answers to one timepoint: the nearest to the target counts.
func (s *spot) distance() int {
	if s.target == 0 {
		return 0
	}
	return max(s.days, -s.days)
}

// spotOf finds the timepoint of a response in its episode: as stated, or the one
// whose window the day is in, of several the one with the nearest target, then
// the earlier one.
func spotOf(p *programme.Programme, e *record.Episode, v *record.Response) (best spot, ok bool) {
	for _, t := range p.Timepoints {
		here := spot{timepoint: t}
		if anchor := anchorOf(t.Anchor, e); anchor != 0 {
			here.target = anchor + record.Date(t.Target)
			here.days = int(v.AnsweredOn - here.target)
		}
		if v.Timepoint != "" {
			if t.Key == v.Timepoint {
				return here, true
			}
			continue
		}
		if here.target == 0 || here.days < -t.Before || here.days > t.After {
			continue
		}
		if !ok || here.distance() < best.distance() {
			best, ok = here, true
		}
	}
	return best, ok
}

// anchorOf is the day of an episode that a timepoint counts from, 0 where there
// is none yet.
func anchorOf(a programme.Anchor, e *record.Episode) record.Date {
	contact := e.FirstContactOn
	if contact == 0 {
		contact = e.ReferredOn
	}
	switch {
	case a == programme.AnchorDischarge:
		return e.DischargedOn
	case a == programme.AnchorStart && e.TreatmentStart != 0 && e.TreatmentStart-contact <= startWithin:
		return e.TreatmentStart
	}
	return contact
}
