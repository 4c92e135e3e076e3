package queries

import (
	"slices"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/queries/cohort"
)

// Scores says which scores are current: under which algorithm outcome holds a
// column, and which of its value sets stands for an instrument.
type Scores interface {
	// CurrentScore is the score that stands for an instrument in a programme.
	CurrentScore(programme string, instrument instruments.ID) (*instruments.Score, bool)
	// ScoreOf is the score behind a column's stem.
	ScoreOf(column string) (*instruments.Score, bool)
}

// defined are the scores of the definitions, for a question that is not asked
// of any data yet.
type defined struct{}

func (defined) CurrentScore(_ string, id instruments.ID) (*instruments.Score, bool) {
	d, err := instruments.Lookup(id, "")
	if err != nil {
		return nil, false
	}
	return d.Primary(), true
}

func (defined) ScoreOf(column string) (*instruments.Score, bool) {
	for _, d := range instruments.All() {
		for _, s := range instruments.ColumnsOf(d.ID) {
			if s.Column() == column {
				return s, true
			}
		}
	}
	return nil, false
}

// scoredBy is the canonical parameter that says by which algorithm and value
// set each measure was scored. Nobody gives it: it is what was current.
const scoredBy = "scored_by"

// Named is something that a question can be asked of: an instrument by its own
// score, or one score of an instrument that has several.
type Named struct {
	Key, Label string
	Instrument instruments.ID
}

// Measurable returns what questions about a programme can be asked of, in the
// programme's order. An instrument that is only counted by is none of it.
func Measurable(p *programme.Programme) []Named {
	var all []Named
	for _, id := range p.Instruments {
		d, err := instruments.Lookup(id, "")
		if err != nil {
			continue
		}
		if !hasOwn(d) {
			for _, s := range instruments.ScoresOf(id) {
				all = append(all, Named{Key: s.Column(), Label: d.Title + ": " + s.Label, Instrument: id})
			}
		} else if d.Primary().Measured() {
			all = append(all, Named{Key: string(id), Label: d.Title, Instrument: id})
		}
	}
	return all
}

// hasOwn says whether one score stands for the instrument: it bears its name.
func hasOwn(d *instruments.Definition) bool { return d.Primary().Name == string(d.ID) }

// measures reads which scores a question is about. An instrument stands for its
// own score, under the value set that is current, and one that has several and
// none of its own for all of them.
func (r *reading) measures(p *programme.Programme, timepoint string) []cohort.Measure {
	param, _ := r.spec.Param("instrument")
	names, given := r.list("instrument")
	if param.Kind != ListParam && len(names) > 1 {
		r.fail("%s: instrument takes one value", r.spec.Name)
	}
	if !given {
		for _, n := range Measurable(p) {
			if len(p.Main) == 0 || slices.Contains(p.Main, n.Instrument) {
				names = append(names, n.Key)
			}
		}
		if param.Kind != ListParam {
			names = names[:min(len(names), 1)]
		}
	}
	r.canonical["instrument"] = names
	var list []cohort.Measure
	for _, name := range names {
		for _, m := range r.measuresOf(p, name) {
			if !slices.ContainsFunc(list, func(o cohort.Measure) bool { return o.Score == m.Score }) {
				m.Timepoint = timepoint
				list = append(list, m)
			}
		}
	}
	if param.Kind != ListParam && len(list) > 1 {
		r.fail("%s: instrument %s has several scores: name one of %s", r.spec.Name, names[0], measureNames(list))
	}
	for _, m := range list {
		by := m.Name + " " + m.Score.Algorithm
		if m.Score.ValueSet != "" {
			by += " " + m.Score.ValueSet
		}
		r.canonical[scoredBy] = append(r.canonical[scoredBy], by)
	}
	return list
}

// measuresOf are the scores that a name means: a score's own, or an instrument's.
func (r *reading) measuresOf(p *programme.Programme, name string) []cohort.Measure {
	s, isColumn := r.scores.ScoreOf(name)
	if isColumn && slices.Contains(p.Instruments, s.Instrument) {
		return r.measureOf(name, s)
	}
	if unloaded(name) {
		r.fail("%s is a mapped index whose tables are not loaded: set instruments.dsu_dir to their folder", name)
		return nil
	}
	id := instruments.ID(name)
	d, err := instruments.Lookup(id, "")
	if err != nil || !slices.Contains(p.Instruments, id) {
		r.fail("%s has no instrument %q: it has %s", p.ID, name, join(p.Instruments))
		return nil
	}
	if !hasOwn(d) {
		var list []cohort.Measure
		for _, part := range instruments.ScoresOf(id) {
			if s, ok := r.scores.ScoreOf(part.Column()); ok {
				list = append(list, cohort.Measure{Name: s.Column(), Score: s})
			}
		}
		if len(list) > 0 {
			return list
		}
	}
	if s, ok := r.scores.CurrentScore(p.ID, id); ok {
		return r.measureOf(name, s)
	}
	r.fail("%s has no score of %s: it is not among what this program scores", p.ID, name)
	return nil
}

// unloaded says whether the name is of a score that needs a table which is not
// there.
func unloaded(name string) bool {
	return slices.ContainsFunc(instruments.All(), func(d *instruments.Definition) bool {
		return slices.ContainsFunc(d.Scores, func(s *instruments.Score) bool { return s.Absent() && s.Column() == name })
	})
}

func (r *reading) measureOf(name string, s *instruments.Score) []cohort.Measure {
	if !s.Measured() {
		r.fail("%s is a category, of which no mean can be taken: count people by it, or name a score", name)
		return nil
	}
	return []cohort.Measure{{Name: name, Score: s}}
}

func measureNames(list []cohort.Measure) string {
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.Name
	}
	return strings.Join(names, ", ")
}
