package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/record"
)

// memory is what is current in each programme, asked once.
type memory struct {
	store Store
	known map[string]map[column]*instruments.Score
}

// score returns the definition of a score that is current in a programme, nil
// where it is not.
func (m *memory) score(programme string, c column) *instruments.Score {
	of, asked := m.known[programme]
	if !asked {
		of = map[column]*instruments.Score{}
		for _, s := range m.store.Scores(programme) {
			of[column{s.Name, s.Algorithm, s.ValueSet}] = s
		}
		m.known[programme] = of
	}
	return of[c]
}

// response shows a version of a response. Where it is gone, what was answered
// is not shown: of a response that was moved to another person it is that
// person's.
func (m *memory) response(v *record.Response, scores []record.Score, gone bool) ResponseVersion {
	out := ResponseVersion{
		ID: key(v.ID), Version: Version{key(v.Version), v.ReceivedAt.UTC(), responseWords[v.Status]}, Source: Source{v.Source, v.SourceID},
		Programme: v.Programme, Instrument: string(v.Instrument), InstrumentVersion: v.InstrumentVersion,
		AnsweredAt: moment(v.AnsweredAt, v.Precision), AnsweredOn: day(v.AnsweredOn), Precision: precisionWords[v.Precision],
		ReportedBy: reporterWords[v.ReportedBy], AdminMode: v.AdminMode, Mode: v.Mode, Language: v.Language, Provider: v.Provider,
		Flags: []string{}, Scores: []Score{},
	}
	d, err := instruments.Lookup(v.Instrument, v.InstrumentVersion)
	if err == nil {
		out.Title = d.Title
	}
	if gone || v.Status == record.EnteredInError {
		return out
	}
	out.Episode, out.SuppliedScore = named(v.EpisodeID), v.SuppliedScore
	if v.Timepoint != "" {
		out.Timepoint = &v.Timepoint
	}
	if err == nil {
		out.Completeness = completeness(d, v.Codes)
	}
	for _, s := range scores {
		for _, flag := range s.Flags {
			if !slices.Contains(out.Flags, flag) {
				out.Flags = append(out.Flags, flag)
			}
		}
	}
	out.Scores = m.scores(v, scores)
	return out
}

// completeness counts the questions that are not optional.
func completeness(d *instruments.Definition, codes []int16) *Completeness {
	var c Completeness
	for i := range d.Items {
		if d.Items[i].Optional {
			continue
		}
		c.Items++
		if i < len(codes) && codes[i] != instruments.Missing {
			c.Answered++
		}
	}
	return &c
}

// scores shows those scores of a response that are current in its programme;
// where none is, because nobody knows the programme or the algorithm any more,
// all that are stored. The main one comes first.
func (m *memory) scores(v *record.Response, stored []record.Score) []Score {
	some := slices.ContainsFunc(stored, func(s record.Score) bool { return m.score(v.Programme, columnOf(&s)) != nil })
	main, _ := m.store.CurrentScore(v.Programme, v.Instrument)
	out := []Score{}
	for i := range stored {
		s := &stored[i]
		def := m.score(v.Programme, columnOf(s))
		if some && def == nil {
			continue
		}
		shown := Score{
			Score: s.Name, Algorithm: s.Algorithm, ValueSet: s.ValueSet, Main: def != nil && def == main, Status: scoreWords[s.Status],
			Points: pointsOf(def, s), Unit: s.Unit, Band: s.Band, Answered: int(s.NAnswered), Items: int(s.NItems), Predicted: s.Predicted,
		}
		if s.HasUnits {
			shown.Units = &s.Units
		}
		if def != nil {
			shown.Label, shown.Direction = def.Label, def.Direction.String()
			shown.Min, shown.Max = &def.Min, &def.Max
		}
		out = append(out, shown)
	}
	slices.SortStableFunc(out, func(a, b Score) int {
		if a.Main != b.Main {
			if a.Main {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(a.Score, b.Score), strings.Compare(a.ValueSet, b.ValueSet), strings.Compare(a.Algorithm, b.Algorithm))
	})
	return out
}

// rules are the rules of a change in words, for those that the score defines.
func rules(s *instruments.Score) map[string]string {
	out := map[string]string{}
	say := func(part string, threshold *float64, words string) {
		if threshold != nil {
			out[part] = fmt.Sprintf(words, strconv.FormatFloat(*threshold, 'f', -1, 64))
		}
	}
	say("meets_abs", s.MIC, "better by at least %s points, the minimal important change")
	say("deteriorated", s.DetAbs, "worse by at least %s points")
	say("reliable_change", s.MDC, "changed by at least %s points, the measurement error of one person")
	say("recovered", s.RecoveredAtMost, "now at most %s points")
	say("recovered", s.CaseFrom, "%s points or more at baseline, and fewer now")
	out["meets_pct"] = fmt.Sprintf("better by at least %d %% of the baseline", instruments.PercentThreshold)
	switch s.Responder {
	case instruments.RespondByPercent:
		out["responder"] = out["meets_pct"]
	case instruments.RespondByAbsolute:
		out["responder"] = out["meets_abs"]
	case instruments.RespondByReliableChange:
		out["responder"] = "better by at least the measurement error of one person"
	}
	if s.Floor != nil && out["responder"] != "" {
		out["responder"] += fmt.Sprintf("; not judged where the baseline is below %s points", strconv.FormatFloat(*s.Floor, 'f', -1, 64))
	}
	return out
}
