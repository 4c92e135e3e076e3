package instruments

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Result is what scoring one administration says, in full precision. A score
// that can not be given is null, with the Reason.
type Result struct {
	Instrument        ID       `json:"instrument"`
	InstrumentVersion string   `json:"instrument_version"`
	AlgorithmVersion  string   `json:"algorithm_version"`
	Status            Status   `json:"status"`
	Score             *float64 `json:"score"`
	Answered          int      `json:"n"`
	Items             int      `json:"n_items"`
	Band              *string  `json:"band"`
	Flags             []string `json:"flags"`
	// What only some instruments have; nil leaves its keys out.
	*RawSum
	*HealthState
	// Parts are the further keys that the instrument's definition names: its
	// subscales, classes, screens and safety items, in the definition's order.
	Parts []Part `json:"-"`
	// Reason says why Score is null, Item (a key) where. needs_age_sex says it
	// of a mapped index.
	Reason string `json:"reason,omitempty"`
	Item   string `json:"item,omitempty"`
}

// Part is one further key of a result and its value: a number, a text, a truth
// value, null or an object of them. A key "group.name" stands in an object.
type Part struct {
	Key   string
	Value any
}

// Part returns the value of a key of the definition's own, nil where it is null
// or there is none.
func (r *Result) Part(key string) any {
	for _, p := range r.Parts {
		if p.Key == key {
			return p.Value
		}
	}
	return nil
}

// MarshalJSON writes the parts behind the common keys.
func (r Result) MarshalJSON() ([]byte, error) {
	type common Result
	text, err := json.Marshal(common(r))
	if err != nil || len(r.Parts) == 0 {
		return text, err
	}
	out := bytes.NewBuffer(bytes.TrimSuffix(text, []byte("}")))
	group := ""
	for _, p := range r.Parts {
		in, name, grouped := strings.Cut(p.Key, ".")
		if !grouped {
			in, name = "", p.Key
		}
		if group != "" && in != group {
			out.WriteByte('}')
		}
		if in == "" || in != group {
			out.WriteByte(',')
		}
		if in != "" && in != group {
			out.WriteString(`"` + in + `":{`)
		} else if in != "" {
			out.WriteByte(',')
		}
		group = in
		value, err := json.Marshal(p.Value)
		if err != nil {
			return nil, err
		}
		out.WriteString(`"` + name + `":`)
		out.Write(value)
	}
	if group != "" {
		out.WriteByte('}')
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// RawSum is the plain sum of the answered codes, of instruments whose score is
// a percentage of it. It is null where there is no score.
type RawSum struct {
	Raw *int64 `json:"raw"`
}

// HealthState is what EQ-5D has beside its default index: the profile, with 9
// for a missing answer, the VAS, and the index under each value set. All are
// null on an invalid response, the indices also on an incomplete profile. An
// index whose table is not loaded is absent.
type HealthState struct {
	Profile *string             `json:"profile"`
	VAS     *float64            `json:"vas"`
	Indices map[string]*float64 `json:"indices"`
}

// Result scores an administration and says all that a consumer may want of it.
func (d *Definition) Result(a *Administration) Result {
	scored := make([]Scored, len(d.Scores))
	_ = d.Score(a, scored) // its only error is the wrong room
	primary, own := d.Primary(), scored[d.primary]
	r := Result{
		Instrument: d.ID, InstrumentVersion: d.Version, AlgorithmVersion: primary.Algorithm,
		Status: own.Status, Answered: int(own.Answered), Items: int(own.Items), Flags: []string{},
	}
	if primary.Measured() && !d.NoTotal {
		r.Score = primary.value(own)
	}
	if own.Band != "" && !d.NoTotal {
		r.Band = &own.Band
	}
	if d.StatusFrom == statusFromAll {
		r.Status = d.statusOfAll(scored)
		r.Answered, r.Items = d.answered(a)
	}
	d.explain(&r, a, own)
	if primary.Rule == "percent_of_maximum" {
		r.RawSum = new(RawSum)
		if own.Known {
			r.Raw = new(primary.rawSum(a))
		}
	}
	if d.Profile > 0 {
		r.HealthState = d.healthState(a, scored)
	}
	d.flag(&r, a, scored)
	d.addParts(&r, a, scored)
	return r
}

// explain says why there is no score.
func (d *Definition) explain(r *Result, a *Administration, own Scored) {
	switch {
	case r.Status == Invalid:
		item, rule, _ := d.CheckCodes(a)
		r.Reason = rule
		if item >= 0 {
			r.Item = d.Items[item].Key
		}
	case r.Score != nil:
	case d.NoTotal && r.Status != Insufficient:
		r.Reason = ReasonNoSingleScore
	case own.Void:
		r.Reason = ReasonNotApplicable
	case own.Known:
		r.Reason = ReasonCategory
	default:
		r.Reason = ReasonTooFewAnswers
	}
}

// flag lists what a reader must know of the response beside its score.
func (d *Definition) flag(r *Result, a *Administration, scored []Scored) {
	if slices.ContainsFunc(a.Ticks, func(ticks []int16) bool { return len(ticks) > 1 }) {
		r.Flags = append(r.Flags, FlagMultiTick)
	}
	if r.Status != Invalid {
		r.Flags = append(r.Flags, d.ResultFlags...)
	}
	if a.Supplied != nil && !d.Agrees(scored, *a.Supplied) {
		r.Flags = append(r.Flags, FlagSuppliedDiffers)
	}
	for i, s := range d.Scores {
		switch {
		case !s.NeedsPerson:
		case s.mapping == nil:
			r.Flags = append(r.Flags, FlagDSUNotLoaded)
		case scored[i].Status == Insufficient && r.Score != nil:
			r.Reason = ReasonNeedsAgeSex
		}
	}
	r.Flags = append(r.Flags, d.Flags(a)...)
}

// addParts fills in the keys that the definition names.
func (d *Definition) addParts(r *Result, a *Administration, scored []Scored) {
	add := func(key string, value any) { r.Parts = append(r.Parts, Part{key, value}) }
	for i, s := range d.Scores {
		if s.Superseded {
			continue
		}
		if s.Key != "" && s.Nominal {
			add(s.Key, textOrNull(scored[i].Band))
		} else if s.Key != "" {
			add(s.Key, numberOrNull(s.value(scored[i])))
		}
		if s.BandKey != "" {
			add(s.BandKey, textOrNull(scored[i].Band))
		}
		if s.PositiveFrom != nil && scored[i].Known {
			add("positive", s.points(scored[i]) >= *s.PositiveFrom-epsilon)
		} else if s.PositiveFrom != nil {
			add("positive", nil)
		}
	}
	for i := range d.Safety {
		if rule := &d.Safety[i]; rule.Rule == safetyItem {
			add(rule.Key, rule.state(d, a))
		}
	}
}

func textOrNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func numberOrNull(x *float64) any {
	if x == nil {
		return nil
	}
	return *x
}

// statusFromAll is the StatusFrom of an instrument with several scores.
const statusFromAll = "all_scores"

// statusOfAll is complete where every score that applies is there, partial
// where some are.
func (d *Definition) statusOfAll(scored []Scored) Status {
	there, wanting := false, false
	for i, s := range d.Scores {
		switch {
		case !s.Measured() || s.Superseded || s.SameAs != "":
		case scored[i].Status == Invalid:
			return Invalid
		case scored[i].Known:
			there = true
		case !scored[i].Void:
			wanting = true
		}
	}
	switch {
	case !there:
		return Insufficient
	case wanting:
		return Partial
	}
	return Complete
}

// answered counts the items that are not optional, and those with an answer.
func (d *Definition) answered(a *Administration) (answered, items int) {
	for i, it := range d.Items {
		if it.Optional {
			continue
		}
		items++
		if it.allows(a.code(i)) {
			answered++
		}
	}
	return answered, items
}

// points returns a known score in points.
func (s *Score) points(scored Scored) float64 {
	if s.Unit == 0 {
		return scored.Value
	}
	return s.Points(scored.Units)
}

func (s *Score) value(scored Scored) *float64 {
	if !scored.Known {
		return nil
	}
	return new(s.points(scored))
}

func (s *Score) rawSum(a *Administration) int64 {
	var sum int64
	for _, at := range s.index {
		if code := a.Codes[at]; code != Missing {
			sum += int64(code)
		}
	}
	return sum
}

func (d *Definition) healthState(a *Administration, scored []Scored) *HealthState {
	h := &HealthState{Indices: map[string]*float64{}}
	for i, s := range d.Scores {
		switch {
		case s.SameAs != "":
			h.VAS = s.value(scored[i])
		case s.ValueSet != "" && !s.Superseded && !s.Absent():
			h.Indices[s.ValueSet] = s.value(scored[i])
		}
	}
	if scored[d.primary].Status == Invalid {
		return h
	}
	digits := make([]byte, d.Profile)
	for i := range digits {
		digits[i] = '0' + profileMissing
		if code := a.Codes[i]; code != Missing {
			digits[i] = '0' + byte(code)
		}
	}
	h.Profile = new(string(digits))
	return h
}

// invalid is the result of a response that could not be read at all.
func (d *Definition) invalid(reason string) Result {
	r := d.Result(&Administration{}) // no codes: the wrong number of them
	r.Reason = reason
	return r
}
