package timeline

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// build makes a timeline of what is stored of a person.
func build(h *record.History, patient record.PatientID, asOf time.Time, store Store, programmes []*programme.Programme) *Timeline {
	t := &Timeline{Pseudonym: hex.EncodeToString(patient[:]), Episodes: []Episode{}, Events: []Event{}, Responses: []Response{}}
	if !asOf.IsZero() {
		t.AsOf = new(asOf.UTC())
	}
	plan := schedule{programmes: programmes}
	for _, all := range versions(h.People, func(record.Person) uint64 { return 0 }, func(p record.Person) uint64 { return p.Version }) {
		current, earlier := split(all, personOf)
		t.Person = &Person{current, earlier}
	}
	for _, all := range versions(h.Episodes, func(e record.Episode) uint64 { return e.ID }, func(e record.Episode) uint64 { return e.Version }) {
		var e Episode
		e.EpisodeVersion, e.Earlier = split(all, plan.episode)
		t.Episodes = append(t.Episodes, e)
		plan.episodes = append(plan.episodes, &all[0])
	}
	for _, all := range versions(h.Events, func(e record.Event) uint64 { return e.ID }, func(e record.Event) uint64 { return e.Version }) {
		var e Event
		e.EventVersion, e.Earlier = split(all, eventOf)
		t.Events = append(t.Events, e)
	}
	t.Responses = responses(h, &plan, store)
	slices.SortStableFunc(t.Episodes, func(a, b Episode) int {
		return cmp.Or(compareDays(a.ReferredOn, b.ReferredOn), strings.Compare(a.ID, b.ID))
	})
	slices.SortStableFunc(t.Events, func(a, b Event) int {
		return cmp.Or(strings.Compare(a.HappenedAt, b.HappenedAt), strings.Compare(a.ID, b.ID))
	})
	return t
}

func compareDays(a, b *string) int {
	if a == nil || b == nil {
		return 0
	}
	return strings.Compare(*a, *b)
}

// versions gathers rows of one id, the highest version first.
func versions[T any](rows []T, id, version func(T) uint64) [][]T {
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b T) int {
		return cmp.Or(cmp.Compare(id(a), id(b)), cmp.Compare(version(b), version(a)))
	})
	var out [][]T
	for from := 0; from < len(sorted); {
		to := from + 1
		for to < len(sorted) && id(sorted[to]) == id(sorted[from]) {
			to++
		}
		out, from = append(out, sorted[from:to]), to
	}
	return out
}

// split shows the current version and those before it.
func split[T, V any](all []T, show func(T) V) (current V, earlier []V) {
	earlier = []V{}
	for _, v := range all[1:] {
		earlier = append(earlier, show(v))
	}
	return show(all[0]), earlier
}

func key(id uint64) string { return fmt.Sprintf("%016x", id) }

func day(d record.Date) *string {
	if d == 0 {
		return nil
	}
	return new(d.String())
}

// known is a decile or an age, nil where it is not known.
func known(n uint8) *uint8 {
	if n == 0 {
		return nil
	}
	return &n
}

// named is an id, nil where there is none.
func named(id uint64) *string {
	if id == 0 {
		return nil
	}
	return new(key(id))
}

// moment writes a moment as precise as it is known.
func moment(t time.Time, p record.Precision) string {
	switch p {
	case record.PrecisionDay:
		return t.UTC().Format(time.DateOnly)
	case record.PrecisionMonth:
		return t.UTC().Format("2006-01")
	case record.PrecisionYear:
		return t.UTC().Format("2006")
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func personOf(p record.Person) PersonVersion {
	v := PersonVersion{
		Version: Version{key(p.Version), p.ReceivedAt.UTC(), personWords[p.Status]},
		Sex:     sexWords[p.Sex], Ethnic: p.Ethnic, IMDDecile: known(p.IMDDecile), IMDVersion: p.IMDVersion,
	}
	if p.BirthMonth != 0 {
		v.BirthMonth = p.BirthMonth.Time().Format("2006-01")
	}
	return v
}

// episode shows a version of an episode.
func (s *schedule) episode(e record.Episode) EpisodeVersion {
	v := EpisodeVersion{
		ID: key(e.ID), Version: Version{key(e.Version), e.ReceivedAt.UTC(), episodeWords[e.Status]}, Source: Source{e.Source, e.SourceID},
		Programme: e.Programme, ReferredOn: day(e.ReferredOn), FirstContactOn: day(e.FirstContactOn), TreatmentStart: day(e.TreatmentStart), DischargedOn: day(e.DischargedOn),
		Intervention: e.Intervention, Procedure: e.Procedure, Practice: e.Practice, Site: e.Site, Provider: e.Provider, ICB: e.ICB, Region: e.Region,
		Sex: sexWords[e.Sex], Age: known(e.Age), AgeBand: cmp.Or(e.AgeBand, programme.AgeBandOf(e.Age)), IMDDecile: known(e.IMDDecile), IMDVersion: e.IMDVersion,
		EthnicGroup: e.EthnicGroup, StarTBackRisk: riskWords[e.StarTBackRisk], Covariates: map[string]any{},
	}
	if p := s.programme(e.Programme); p != nil {
		for i, c := range p.Covariates[:min(len(p.Covariates), len(e.Covariates))] {
			switch value := e.Covariates[i]; {
			case value.Absent:
			case c.Kind == programme.Category:
				v.Covariates[c.Name] = value.Text
			default:
				v.Covariates[c.Name] = value.Int
			}
		}
	}
	return v
}

func eventOf(e record.Event) EventVersion {
	v := EventVersion{
		ID: key(e.ID), Version: Version{key(e.Version), e.ReceivedAt.UTC(), eventWords[e.Status]}, Source: Source{e.Source, e.SourceID},
		Programme: e.Programme, Episode: named(e.EpisodeID), Type: e.Type, HappenedAt: moment(e.HappenedAt, record.PrecisionInstant), HappenedOn: day(e.HappenedOn),
		Organisation: e.Organisation, Intervention: e.Intervention,
	}
	if e.Code != "" {
		v.Code = &Code{e.CodeSystem, e.Code}
	}
	if e.CostPence != 0 {
		v.CostPence = &e.CostPence
	}
	return v
}
