package timeline

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lumbar-health/lumbar/instruments"
	"github.com/lumbar-health/lumbar/programme"
	"github.com/lumbar-health/lumbar/record"
)

// definitions is a store whose current scores are those of the definitions.
type definitions struct{ history *record.History }

func (d definitions) History(context.Context, record.PatientID, time.Time) (*record.History, error) {
	return d.history, nil
}

func (definitions) Scores(id string) []*instruments.Score {
	p, ok := programme.Lookup(id)
	if !ok {
		return nil
	}
	var list []*instruments.Score
	for _, instrument := range p.Instruments {
		list = append(list, instruments.ColumnsOf(instrument)...)
	}
	return list
}

func (d definitions) CurrentScore(id string, instrument instruments.ID) (*instruments.Score, bool) {
	def, err := instruments.Lookup(instrument, "")
	if err != nil {
		return nil, false
	}
	for _, s := range d.Scores(id) {
		if s.Name == def.Primary().Name && s.ValueSet == def.Primary().ValueSet {
			return s, true
		}
	}
	return nil, false
}

func on(text string) record.Date {
	d, err := record.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// answered is a response with its score in units.
func answered(id uint64, instrument instruments.ID, day string, units int32, change ...func(*record.Response, *record.Score)) (record.Response, record.Score) {
	d, err := instruments.Lookup(instrument, "")
	if err != nil {
		panic(err)
	}
	v := record.Response{
		ID: id, Version: 1, Status: record.Completed, Programme: "back-pain", Instrument: instrument, InstrumentVersion: d.Version,
		AnsweredAt: on(day).Time(), AnsweredOn: on(day), Precision: record.PrecisionDay, ReportedBy: record.ByPatient,
	}
	p := d.Primary()
	s := record.Score{ResponseID: id, Version: 1, Name: p.Name, Algorithm: p.Algorithm, ValueSet: p.ValueSet, Status: record.ScoreComplete, Units: units, HasUnits: true, Unit: uint32(p.Unit)}
	for _, c := range change {
		c(&v, &s)
	}
	return v, s
}

// history is an episode with answers.
func history(e record.Episode, pairs ...any) *record.History {
	h := &record.History{Episodes: []record.Episode{e}}
	for _, p := range pairs {
		switch p := p.(type) {
		case record.Response:
			h.Responses = append(h.Responses, p)
		case record.Score:
			h.Scores = append(h.Scores, p)
		}
	}
	return h
}

var referral = record.Episode{ID: 5, Version: 1, Status: record.EpisodeActive, Programme: "back-pain", ReferredOn: on("2025-01-01"), FirstContactOn: on("2025-01-10")}

func timelineOf(h *record.History) *Timeline {
	return build(h, record.PatientID{1}, time.Time{}, definitions{h}, programme.All())
}

// TestChangeSinceBaseline: a change is since the answer that counts at baseline,
// by the patient and in one version of the questionnaire, and says why where
// there is none.
func TestChangeSinceBaseline(t *testing.T) {
	b, bs := answered(1, "odi", "2025-01-12", 60*18)
	farther, fs := answered(2, "odi", "2025-01-16", 80*18)
	f, s := answered(3, "odi", "2026-01-10", 40*18)
	change := func(pairs ...any) *Change {
		h := history(referral, pairs...)
		responses := timelineOf(h).Responses
		last := responses[len(responses)-1]
		if len(last.Scores) != 1 {
			t.Fatalf("%+v", last)
		}
		return last.Scores[0].Change
	}
	if c := change(b, bs, farther, fs, f, s); c == nil || *c.Improvement != 20 || c.Baseline.Points != 60 || c.Baseline.Response != "0000000000000001" || c.Baseline.AnsweredAt != "2025-01-12" || !*c.Responder {
		t.Errorf("%+v", c)
	}
	if c := change(f, s); c == nil || c.Improvement != nil || c.Reasons["improvement"] != instruments.ReasonMissingBaseline || c.Baseline != nil || c.Rules["responder"] == "" {
		t.Errorf("without a baseline: %+v", c)
	}
	other, os := answered(1, "odi", "2025-01-12", 60*18, func(v *record.Response, _ *record.Score) { v.InstrumentVersion = "1.0" })
	if c := change(other, os, f, s); c == nil || c.Reasons["improvement"] != instruments.ReasonVersionDiffers {
		t.Errorf("of another version: %+v", c)
	}
	proxy, ps := answered(3, "odi", "2026-01-10", 40*18, func(v *record.Response, _ *record.Score) { v.ReportedBy = record.ByProxy })
	if c := change(b, bs, proxy, ps); c != nil {
		t.Errorf("by a proxy: %+v", c)
	}
	if c := change(b, bs); c != nil {
		t.Errorf("of the baseline: %+v", c)
	}
	void, vs := answered(3, "odi", "2026-01-10", 0, func(_ *record.Response, s *record.Score) { s.HasUnits, s.Status = false, record.ScoreInsufficient })
	if c := change(b, bs, void, vs); c == nil || c.Reasons["improvement"] != instruments.ReasonMissingFollowUp {
		t.Errorf("without a score: %+v", c)
	}
}

// TestWithdrawnShowsNothing: neither a withdrawn response nor a withdrawn version
// in the past of one that counts again shows what was answered.
func TestWithdrawnShowsNothing(t *testing.T) {
	first, fs := answered(1, "odi", "2025-01-12", 60*18)
	fs.Flags = []string{"flag"}
	second, third := first, first
	second.Version, second.Status = 2, record.EnteredInError
	gone := timelineOf(history(referral, first, fs, second)).Responses[0]
	if gone.Status != withdrawn || len(gone.Scores)+len(gone.Flags)+len(gone.Earlier[0].Scores)+len(gone.Earlier[0].Flags) > 0 || gone.Placed != nil {
		t.Errorf("withdrawn: %+v", gone)
	}
	third.Version, third.Status = 3, record.Amended
	ts := fs
	ts.Version = 3
	back := timelineOf(history(referral, first, fs, second, third, ts)).Responses[0]
	if len(back.Scores) != 1 || len(back.Earlier) != 2 || len(back.Earlier[0].Scores) != 0 || len(back.Earlier[1].Scores) != 1 || !back.CountsInOutcome {
		t.Errorf("back: %+v", back)
	}
}

// TestUnknownIsShown: what nobody knows any more, a programme, an instrument, an
// algorithm, is shown as it is stored.
func TestUnknownIsShown(t *testing.T) {
	v, s := answered(1, "odi", "2025-01-12", 60*18, func(v *record.Response, s *record.Score) {
		v.Instrument, v.InstrumentVersion, v.Programme, v.Timepoint, s.Algorithm, s.Name = "lost", "1", "lost", "later", "lost-1", "lost"
	})
	value := 0.25
	s.HasUnits, s.Unit, s.Value = false, 0, &value
	e := referral
	e.Programme = "lost"
	got := timelineOf(history(e, v, s)).Responses[0]
	if len(got.Scores) != 1 || *got.Scores[0].Points != 0.25 || got.Placed == nil || got.Placed.Timepoint != nil || !got.Placed.Stated || got.Completeness != nil || got.Scores[0].Min != nil {
		t.Errorf("%+v", got)
	}
	text, err := json.Marshal(timelineOf(&record.History{}))
	if err != nil || string(text) != `{"pseudonym":"01000000000000000000000000000000","as_of":null,"person":null,"episodes":[],"events":[],"responses":[]}` {
		t.Errorf("%s, %v", text, err)
	}
}

// TestDescribed: each description belongs to a field, and a change says in words
// what each instrument defines.
func TestDescribed(t *testing.T) {
	var names []string
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
				names = append(names, name)
				if t.Field(i).Type != reflect.TypeFor[time.Time]() {
					walk(t.Field(i).Type)
				}
			}
		}
	}
	walk(reflect.TypeFor[Timeline]())
	for name := range described {
		if !slices.Contains(names, name) {
			t.Errorf("%s is described and no field", name)
		}
	}
	for _, s := range instruments.ScoreColumns() {
		words := rules(s)
		if (words["responder"] != "") != (s.Responder != "") || (words["meets_abs"] != "") != (s.MIC != nil) || (words["recovered"] != "") != (s.RecoveredAtMost != nil || s.CaseFrom != nil) {
			t.Errorf("%s: %v", s.Column(), words)
		}
	}
}
