package timeline

import (
	"cmp"
	"slices"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// column names a score whatever its instrument: the stem of outcome's columns
// under one algorithm.
type column struct{ name, algorithm, valueSet string }

func columnOf(s *record.Score) column { return column{s.Name, s.Algorithm, s.ValueSet} }

// answer is a current response on its way into the timeline.
type answer struct {
	all     []record.Response // versions, the current one first
	scores  []record.Score    // of the current version
	episode *record.Episode
	spot    *spot
	shown   Response
}

// cell is a place in outcome: one score of an episode at a timepoint.
type cell struct {
	episode   uint64
	column    column
	timepoint string
}

// filling is the score that fills a cell.
type filling struct {
	answer *answer
	score  *record.Score
}

// responses shows every response with its scores, by the moment of its answers.
func responses(h *record.History, plan *schedule, store Store) []Response {
	type versionKey struct{ response, version uint64 }
	scores := map[versionKey][]record.Score{}
	for _, s := range h.Scores {
		k := versionKey{s.ResponseID, s.Version}
		scores[k] = append(scores[k], s)
	}
	current := memory{store: store, known: map[string]map[column]*instruments.Score{}}
	var answers []*answer
	for _, all := range versions(h.Responses, func(v record.Response) uint64 { return v.ID }, func(v record.Response) uint64 { return v.Version }) {
		a := &answer{all: all, scores: scores[versionKey{all[0].ID, all[0].Version}]}
		gone := all[0].Status == record.EnteredInError
		a.shown.ResponseVersion, a.shown.Earlier = split(all, func(v record.Response) ResponseVersion {
			return current.response(&v, scores[versionKey{v.ID, v.Version}], gone)
		})
		a.place(plan)
		answers = append(answers, a)
	}
	winners := fill(answers, &current)
	for _, a := range answers {
		a.compare(winners, &current)
	}
	slices.SortStableFunc(answers, func(a, b *answer) int {
		return cmp.Or(a.all[0].AnsweredAt.Compare(b.all[0].AnsweredAt), cmp.Compare(a.all[0].ID, b.all[0].ID))
	})
	out := make([]Response, len(answers))
	for i, a := range answers {
		out[i] = a.shown
	}
	return out
}

// place finds episode and timepoint of a response that was not withdrawn.
func (a *answer) place(plan *schedule) {
	v := &a.all[0]
	if v.Status == record.EnteredInError {
		return
	}
	if a.episode = plan.episodeOf(v); a.episode == nil {
		return
	}
	a.shown.Placed = &Placed{Episode: key(a.episode.ID), Stated: v.Timepoint != ""}
	p := plan.programme(a.episode.Programme)
	if p == nil {
		return
	}
	here, ok := spotOf(p, a.episode, v)
	if !ok {
		return
	}
	a.spot = &here
	shown := a.shown.Placed
	shown.Timepoint, shown.Label = &here.timepoint.Key, here.timepoint.Label
	if here.target != 0 {
		shown.OpensOn, shown.TargetOn, shown.ClosesOn = day(here.target-record.Date(here.timepoint.Before)), day(here.target), day(here.target+record.Date(here.timepoint.After))
		shown.Days = &here.days
	}
}

// fill finds the answer of each cell, as outcome has it: given by the patient, of
// several the nearest to the target, then the earlier, then of the smaller id.
func fill(answers []*answer, current *memory) map[cell]filling {
	winners := map[cell]filling{}
	for _, a := range answers {
		if a.spot == nil || a.all[0].ReportedBy != record.ByPatient {
			continue
		}
		for i := range a.scores {
			s := &a.scores[i]
			if !s.HasUnits && s.Value == nil || current.score(a.episode.Programme, columnOf(s)) == nil {
				continue
			}
			at := cell{a.episode.ID, columnOf(s), a.spot.timepoint.Key}
			if best, taken := winners[at]; !taken || a.before(best.answer) {
				winners[at] = filling{a, s}
			}
		}
	}
	for _, w := range winners {
		if w.answer.episode.Status != record.EpisodeEnteredInError {
			w.answer.shown.CountsInOutcome = true
		}
	}
	return winners
}

func (a *answer) before(b *answer) bool {
	return cmp.Or(cmp.Compare(a.spot.distance(), b.spot.distance()), a.all[0].AnsweredAt.Compare(b.all[0].AnsweredAt), cmp.Compare(a.all[0].ID, b.all[0].ID)) < 0
}

// compare adds the change since baseline to the scores of a response.
func (a *answer) compare(winners map[cell]filling, current *memory) {
	v := &a.all[0]
	if a.episode == nil || v.ReportedBy != record.ByPatient || v.Status != record.Completed && v.Status != record.Amended ||
		a.spot != nil && a.spot.timepoint.Key == programme.Baseline {
		return
	}
	for i := range a.shown.Scores {
		shown := &a.shown.Scores[i]
		name := column{shown.Score, shown.Algorithm, shown.ValueSet}
		s := current.score(a.episode.Programme, name)
		if s == nil || !s.Measured() {
			continue
		}
		base, found := winners[cell{a.episode.ID, name, programme.Baseline}]
		if !found {
			shown.Change = &Change{Change: s.NoChange(instruments.ReasonMissingBaseline), Rules: rules(s)}
			continue
		}
		from := &base.answer.all[0]
		if v.AnsweredAt.Before(from.AnsweredAt) {
			continue // what came before is not a follow-up
		}
		points := pointsOf(s, base.score)
		c := &Change{Baseline: &Baseline{Response: key(from.ID), AnsweredAt: moment(from.AnsweredAt, from.Precision), Points: *points}, Rules: rules(s)}
		if from.Instrument != v.Instrument || from.InstrumentVersion != v.InstrumentVersion {
			c.Change = s.NoChange(instruments.ReasonVersionDiffers)
		} else {
			c.Change = s.Change(points, shown.Points)
		}
		shown.Change = c
	}
}

// pointsOf is a stored score in points, nil where there is none.
func pointsOf(s *instruments.Score, stored *record.Score) *float64 {
	switch {
	case s != nil && !s.Measured():
		return nil
	case stored.HasUnits && stored.Unit > 0:
		return new(float64(stored.Units) / float64(stored.Unit))
	}
	return stored.Value
}
