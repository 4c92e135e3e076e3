package instruments

import (
	"encoding/json"
	"math"
	"slices"
)

// Definition is one version of one questionnaire: what is asked, in which
// codes, and how the answers become scores. It is read-only and safe for
// concurrent use.
type Definition struct {
	ID      ID     `yaml:"id" json:"id"`
	Version string `yaml:"version" json:"version"`
	// Current marks the version that an empty version means. Each ID has one.
	Current bool `yaml:"current" json:"current"`
	// VersionRequired says that a stored response must name its version: there
	// are forms in use whose codes mean something else.
	VersionRequired bool   `yaml:"version_required" json:"version_required,omitempty"`
	Title           string `yaml:"title" json:"title"`
	// Stratifier says that it tells risks apart and is no measure of outcome.
	Stratifier bool `yaml:"stratifier" json:"stratifier,omitempty"`
	// Algorithm names our way of scoring it, odi-1. It changes when a score of
	// the same answers would.
	Algorithm string    `yaml:"algorithm" json:"algorithm"`
	Direction Direction `yaml:"direction" json:"direction"`
	// Recall is the period that the answers are about, in our own words.
	Recall       string   `yaml:"recall" json:"recall,omitempty"`
	SeveralTicks TickRule `yaml:"several_ticks" json:"several_ticks"`
	// Profile is how many leading items may be written as the digits of one
	// string ("21232"), 0 where the instrument has no such form.
	Profile int `yaml:"profile" json:"profile,omitempty"`
	// Optional is how many trailing items may be absent.
	Optional int    `yaml:"-" json:"optional_items"`
	Items    []Item `yaml:"items" json:"items"`
	// Limits bound sums of items; a response beyond one is invalid.
	Limits []Limit `yaml:"limits" json:"limits,omitempty"`
	// AdminModes are the ways it may be put where they are scored differently,
	// the default first; empty where it does not matter.
	AdminModes []AdminMode `yaml:"admin_modes" json:"admin_modes,omitempty"`
	Scores     []*Score    `yaml:"scores" json:"scores"`
	// NoTotal says that the response has several scores and none of its own.
	NoTotal bool `yaml:"no_total" json:"no_total,omitempty"`
	// StatusFrom is all_scores where the response's status is that of all its
	// measured scores together; else it is that of its own score.
	StatusFrom string `yaml:"status_from" json:"status_from,omitempty"`
	// Safety are the rules that are evaluated whether or not there is a score.
	Safety []SafetyRule `yaml:"safety" json:"safety,omitempty"`
	// ResultFlags are flags of every result that is not invalid.
	ResultFlags []string `yaml:"result_flags" json:"result_flags,omitempty"`
	// DefaultValueSet is the value set whose score is the response's score.
	DefaultValueSet string   `yaml:"default_value_set" json:"default_value_set,omitempty"`
	Licence         string   `yaml:"licence" json:"licence"`
	Sources         []string `yaml:"sources" json:"sources"`
	Notes           []string `yaml:"notes" json:"notes,omitempty"`

	primary int // index in Scores
}

// Item is one question: a stable key, a topic in our own words and the codes
// it allows, Min to Max inclusive.
type Item struct {
	Key      string `yaml:"key" json:"key"`
	Label    string `yaml:"label" json:"label"`
	Min      int16  `yaml:"min" json:"min"`
	Max      int16  `yaml:"max" json:"max"`
	Optional bool   `yaml:"optional" json:"optional,omitempty"`
	// Hundredths says that answers may be fractional: Min and Max are whole
	// numbers and codes are in hundredths of them.
	Hundredths bool `yaml:"hundredths" json:"hundredths,omitempty"`
	// Words name the codes from Min on, where an answer may be given by name.
	Words []string `yaml:"words" json:"words,omitempty"`

	low, high int16 // the codes, Min and Max or their hundredths
}

// Limit bounds the sum of some items, in whole numbers.
type Limit struct {
	Items     []string `yaml:"items" json:"items"`
	SumAtMost int64    `yaml:"sum_at_most" json:"sum_at_most"`

	index []int
	most  int64 // of the codes
}

// AdminMode is one way of putting a questionnaire.
type AdminMode struct {
	Name string `yaml:"name" json:"name"`
	// BlankIs is the code that an item without an answer counts as; nil where
	// it is missing. An item that was not asked is missing in every mode.
	BlankIs *int16 `yaml:"blank_is" json:"blank_is,omitempty"`
}

// Score is one number that an instrument yields, under one algorithm and,
// where there are several, one value set. Every number of it is in points but
// Unit, and those that are nil are not established.
type Score struct {
	// Name is the stem of the outcome's column: odi, eq5d5l, eqvas.
	Name string `yaml:"name" json:"name"`
	// SameAs names the instrument whose score this is, where another
	// questionnaire contains it (the VAS of EQ-5D). All fields come from there.
	SameAs     ID     `yaml:"same_as" json:"-"`
	Instrument ID     `yaml:"-" json:"instrument"`
	Algorithm  string `yaml:"algorithm" json:"algorithm"`
	ValueSet   string `yaml:"value_set" json:"value_set,omitempty"`
	// Superseded marks the algorithm that a further score of the same name and
	// value set replaces. It is still computed, so that data that was scored
	// under it stays whole until a re-score.
	Superseded bool `yaml:"superseded" json:"superseded,omitempty"`
	// Nominal says that units number a category, which Band names: they may be
	// counted and grouped by, and no mean of them means anything.
	Nominal bool `yaml:"nominal" json:"nominal,omitempty"`
	// Key is the key of the score in a Result beside score; dotted where it is
	// one of a group: total, t_scores.PF. Of a nominal score it has the band.
	Key        string     `yaml:"key" json:"key,omitempty"`
	Label      string     `yaml:"label" json:"label"`
	Direction  Direction  `yaml:"direction" json:"direction"`
	Rule       string     `yaml:"rule" json:"rule"`
	Parameters Parameters `yaml:"parameters" json:"parameters,omitzero"`
	// ItemKeys are the items it is made of; every item that is not optional
	// where the file names none.
	ItemKeys []string `yaml:"items" json:"items"`
	// Unit is how many units make one point: the least common multiple of the
	// denominators the score can have, so that units are whole. It is 0 where
	// there is no small one: the score is then a Float64.
	Unit int64   `yaml:"unit" json:"unit"`
	Min  float64 `yaml:"min" json:"min"`
	Max  float64 `yaml:"max" json:"max"`
	// Missing is how many of the items may be unanswered.
	Missing MissingRule `yaml:"missing" json:"missing"`
	Bands   []Band      `yaml:"bands" json:"bands,omitempty"`

	// BandKey is the key of the band in a Result, beside band.
	BandKey string `yaml:"band_key" json:"band_key,omitempty"`
	// PositiveFrom is the score from which a screen is positive, in points.
	PositiveFrom *float64 `yaml:"positive_from" json:"positive_from,omitempty"`

	// MIC is the minimal important change within a person, for the better.
	MIC *float64 `yaml:"mic" json:"mic"`
	// DetAbs is the change for the worse that counts as deterioration. It is
	// a number of its own: worsening is not improvement mirrored.
	DetAbs *float64 `yaml:"det_abs" json:"det_abs"`
	// MDC is the minimal detectable change, the measurement error at 95 %.
	MDC *float64 `yaml:"mdc" json:"mdc"`
	// Floor is the lowest baseline from which a responder can be judged.
	Floor *float64 `yaml:"floor" json:"floor"`
	// Responder is pct30, absolute, reliable_change, or empty where the
	// instrument has no rule, for ResponderReason.
	Responder       string `yaml:"responder" json:"responder,omitempty"`
	ResponderReason string `yaml:"responder_reason" json:"responder_reason,omitempty"`
	// RecoveredAtMost is the follow-up score that counts as recovered.
	RecoveredAtMost *float64 `yaml:"recovered_at_most" json:"recovered_at_most,omitempty"`
	// CaseFrom is the score from which a person is a case: recovered is who was
	// one before and is none after. It stands instead of RecoveredAtMost.
	CaseFrom *float64 `yaml:"case_from" json:"case_from,omitempty"`
	Sources  []string `yaml:"sources" json:"sources,omitempty"`
	// NeedsPerson says that the score is a function of age and sex as well,
	// through a table that is loaded and not built in.
	NeedsPerson bool `yaml:"-" json:"needs_person,omitempty"`
	// WithMapping says that the score is kept for such a table alone: without
	// one it is neither stored nor has a column.
	WithMapping bool `yaml:"with_mapping" json:"with_mapping,omitempty"`
	// ProfileScore names the nominal score whose units are the profile that
	// such a table maps.
	ProfileScore string `yaml:"-" json:"profile_score,omitempty"`

	index   []int // positions of its items in the definition
	need    int   // fewest answered items that give a score
	rule    rule
	loaded  bool // the table that it is kept for is loaded
	mapping *Mapping
	bands   []int32 // upper bounds of Bands in units
}

// MissingRule says how many items may be missing. What then fills in for them
// is the score's Rule.
type MissingRule struct {
	AtMost int `yaml:"at_most" json:"at_most"`
	// Then is partial where a response with some answers and some missing is
	// partial, with a score or without; else it is prorated or insufficient.
	Then string `yaml:"then" json:"then,omitempty"`
}

// Band is a named range of a score: above the band before it, up to and with
// UpTo points. The last band has no UpTo.
type Band struct {
	Name string   `yaml:"name" json:"name"`
	UpTo *float64 `yaml:"up_to" json:"up_to,omitempty"`
}

// Primary returns the score that is the response's own: of several value sets
// the default one.
func (d *Definition) Primary() *Score { return d.Scores[d.primary] }

// ItemIndex returns the position of the item with that key.
func (d *Definition) ItemIndex(key string) (int, bool) {
	i := slices.IndexFunc(d.Items, func(it Item) bool { return it.Key == key })
	return i, i >= 0
}

// ItemLabelled returns the position of the item with that label. Decoders of
// files whose columns are named by topic map them with it: files and
// questionnaires disagree on the order of items.
func (d *Definition) ItemLabelled(label string) (int, bool) {
	i := slices.IndexFunc(d.Items, func(it Item) bool { return it.Label == label })
	return i, i >= 0
}

// Column returns the stem of the score's columns in the outcome table, to
// which a timepoint is added: odi, eq5d5l_uk5l_rowen2026, eqvas.
func (s *Score) Column() string {
	if s.ValueSet == "" {
		return s.Name
	}
	return s.Name + "_" + s.ValueSet
}

// Measured says whether the score is a number of points, of which means can
// be taken.
func (s *Score) Measured() bool { return !s.Nominal }

// Absent says that the score needs a table which is not loaded: there is none
// of it, and no column for it.
func (s *Score) Absent() bool {
	return s.NeedsPerson && s.mapping == nil || s.WithMapping && !s.loaded
}

// Points returns a stored count of units in the instrument's points.
func (s *Score) Points(units int32) float64 { return float64(units) / float64(s.Unit) }

// ThresholdUnits returns the smallest whole number of units that is at least
// points, so that x ≥ points and units(x) ≥ ThresholdUnits(points) agree.
func (s *Score) ThresholdUnits(points float64) int64 {
	return int64(math.Ceil(points*float64(s.Unit) - epsilon))
}

// MarshalJSON adds the column to the fields of the score.
func (s *Score) MarshalJSON() ([]byte, error) {
	type fields Score
	return json.Marshal(struct {
		Column string `json:"column"`
		*fields
	}{s.Column(), (*fields)(s)})
}
