package instruments

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
	// Reason says why Score is null, Item (a key) where.
	Reason string `json:"reason,omitempty"`
	Item   string `json:"item,omitempty"`
}

// RawSum is the plain sum of the answered codes, of instruments whose score is
// a percentage of it. It is null where there is no score.
type RawSum struct {
	Raw *int64 `json:"raw"`
}

// HealthState is what EQ-5D has beside its default index: the profile, with 9
// for a missing answer, the VAS, and the index under each value set. All are
// null on an invalid response, the indices also on an incomplete profile.
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
		Status: own.Status, Score: primary.value(own), Answered: int(own.Answered), Items: int(own.Items), Flags: []string{},
	}
	if own.Band != "" {
		r.Band = &own.Band
	}
	for _, s := range scored {
		if s.MultiTick {
			r.Flags = []string{FlagMultiTick}
		}
	}
	switch own.Status {
	case Insufficient:
		r.Reason = ReasonTooFewAnswers
	case Invalid:
		item, rule, _ := d.CheckCodes(a)
		r.Reason = rule
		if item >= 0 {
			r.Item = d.Items[item].Key
		}
	}
	if primary.Rule == "percent_of_maximum" {
		r.RawSum = new(RawSum)
		if own.HasUnits {
			r.Raw = new(primary.rawSum(a))
		}
	}
	if d.Profile > 0 {
		r.HealthState = d.healthState(a, scored)
	}
	return r
}

func (s *Score) value(scored Scored) *float64 {
	if !scored.HasUnits {
		return nil
	}
	return new(s.Points(scored.Units))
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
		if s.SameAs != "" {
			h.VAS = s.value(scored[i])
		} else if s.ValueSet != "" {
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
