package store_test

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// episodeKey names an episode.
type episodeKey struct {
	patient record.PatientID
	id      uint64
}

// scoreKey names a score of a response.
type scoreKey struct {
	patient                   record.PatientID
	response                  uint64
	name, algorithm, valueSet string
}

// responseKey names a response.
type responseKey struct {
	patient record.PatientID
	id      uint64
}

// reference derives outcome in plain Go, from the words of domain 2.1 and
// data-model section 3, for comparison with the SQL. A row is its columns as
// text; a missing value is absent.
func reference(f facts) map[episodeKey]map[string]string {
	episodes := map[episodeKey]record.Episode{}
	for _, e := range f.episodes {
		key := episodeKey{e.PatientID, e.ID}
		if old, ok := episodes[key]; !ok || e.Version > old.Version {
			episodes[key] = e
		}
	}
	scores := map[scoreKey]record.Score{}
	for _, s := range f.scores {
		key := scoreKey{s.PatientID, s.ResponseID, s.Name, s.Algorithm, s.ValueSet}
		if old, ok := scores[key]; !ok || s.Version > old.Version {
			scores[key] = s
		}
	}
	// Only what the current version of a response says is an answer.
	latest := map[responseKey]uint64{}
	for _, s := range scores {
		key := responseKey{s.PatientID, s.ResponseID}
		latest[key] = max(latest[key], s.Version)
	}
	maps.DeleteFunc(scores, func(_ scoreKey, s record.Score) bool {
		return s.Version < latest[responseKey{s.PatientID, s.ResponseID}]
	})
	rows := map[episodeKey]map[string]string{}
	for key, e := range episodes {
		if e.Status != record.EpisodeEnteredInError {
			rows[key] = episodeRow(e)
		}
	}
	winners := map[string]candidate{}
	for _, s := range scores {
		c, ok := slotOf(s, episodes)
		if !ok {
			continue
		}
		slot := fmt.Sprint(c.key, c.column)
		if best, taken := winners[slot]; !taken || c.before(best) {
			winners[slot] = c
		}
	}
	for _, c := range winners {
		row, live := rows[c.key]
		if !live {
			continue
		}
		row[c.column] = strconv.Itoa(int(c.score.Units))
		row[c.column+"_at"] = c.score.AnsweredOn.String()
		if c.predicted && c.score.Predicted != nil {
			row[c.column+"_predicted"] = fmt.Sprint(*c.score.Predicted)
		}
	}
	return rows
}

func episodeRow(e record.Episode) map[string]string {
	row := map[string]string{
		"programme": e.Programme, "fy": strconv.Itoa(e.ReferredOn.FinancialYear()), "referred_on": e.ReferredOn.String(),
		"age_band": cmp.Or(e.AgeBand, programme.AgeBandOf(e.Age)), "age": strconv.Itoa(int(e.Age)),
	}
	if e.FirstContactOn != 0 {
		row["wait_days"] = strconv.Itoa(int(e.FirstContactOn - e.ReferredOn))
	}
	if row["age_band"] == "" {
		delete(row, "age_band")
	}
	return row
}

// candidate is a score that could fill a cell of an episode.
type candidate struct {
	key       episodeKey
	column    string
	distance  int
	predicted bool
	score     record.Score
}

// before says whether c wins over d: nearer to the target day, then earlier,
// then of the smaller response id.
func (c candidate) before(d candidate) bool {
	return cmp.Or(cmp.Compare(c.distance, d.distance), c.score.AnsweredAt.Compare(d.score.AnsweredAt),
		cmp.Compare(c.score.ResponseID, d.score.ResponseID)) < 0
}

// slotOf finds the episode and the timepoint of a score.
func slotOf(s record.Score, episodes map[episodeKey]record.Episode) (candidate, bool) {
	if !s.HasUnits || s.ReportedBy != record.ByPatient {
		return candidate{}, false
	}
	key := episodeKey{s.PatientID, s.EpisodeID}
	if s.EpisodeID == 0 {
		key = latestReferral(s, episodes)
	}
	e, ok := episodes[key]
	if !ok {
		return candidate{}, false
	}
	p, ok := programme.Lookup(e.Programme)
	if !ok {
		return candidate{}, false
	}
	stem, ok := stemOf(s, p)
	if !ok {
		return candidate{}, false
	}
	t, distance, ok := timepoint(s, e, p)
	return candidate{
		key: key, column: stem + "_" + t, distance: distance, score: s,
		predicted: p.Expected == programme.ExpectedFromRecord && t != programme.Baseline,
	}, ok
}

// latestReferral is the patient's latest episode of the score's programme
// referred on or before the day answered; of one day's the larger id.
func latestReferral(s record.Score, episodes map[episodeKey]record.Episode) episodeKey {
	var best record.Episode
	for _, e := range episodes {
		if e.PatientID != s.PatientID || e.Programme != s.Programme || e.Status == record.EpisodeEnteredInError || e.ReferredOn > s.AnsweredOn {
			continue
		}
		if best.ID == 0 || cmp.Or(cmp.Compare(e.ReferredOn, best.ReferredOn), cmp.Compare(e.ID, best.ID)) > 0 {
			best = e
		}
	}
	return episodeKey{s.PatientID, best.ID}
}

func stemOf(s record.Score, p *programme.Programme) (string, bool) {
	for _, id := range p.Instruments {
		for _, declared := range instruments.ScoresOf(id) {
			if declared.Name == s.Name && declared.Algorithm == s.Algorithm && declared.ValueSet == s.ValueSet {
				return declared.Column(), true
			}
		}
	}
	return "", false
}

// timepoint is the one the sender stated, or else the one whose window the
// answer is in; of several the one whose target is nearest.
func timepoint(s record.Score, e record.Episode, p *programme.Programme) (key string, distance int, ok bool) {
	if s.Timepoint != "" {
		t, known := p.Timepoint(s.Timepoint)
		days, anchored := daysFrom(t, s, e)
		if !anchored {
			return t.Key, 0, known
		}
		return t.Key, abs(days), known
	}
	for _, t := range p.Timepoints {
		days, anchored := daysFrom(t, s, e)
		if !anchored || days < -t.Before || days > t.After {
			continue
		}
		if !ok || abs(days) < distance {
			key, distance, ok = t.Key, abs(days), true
		}
	}
	return key, distance, ok
}

// daysFrom is how many days after the timepoint's target the score was
// answered; false where the episode lacks the anchor.
func daysFrom(t programme.Timepoint, s record.Score, e record.Episode) (int, bool) {
	contact := e.FirstContactOn
	if contact == 0 {
		contact = e.ReferredOn
	}
	anchor := contact
	switch t.Anchor {
	case programme.AnchorStart:
		if e.TreatmentStart != 0 && e.TreatmentStart-contact <= 90 {
			anchor = e.TreatmentStart
		}
	case programme.AnchorDischarge:
		anchor = e.DischargedOn
	}
	return int(s.AnsweredOn-anchor) - t.Target, anchor != 0
}

func abs(n int) int { return max(n, -n) }
