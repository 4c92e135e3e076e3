package instruments

import "fmt"

// Direction says which way a score improves.
type Direction int8

// Directions of a score.
const (
	LowerBetter  Direction = -1
	HigherBetter Direction = +1
)

// Sign returns −1 or +1, the factor that makes a positive change an
// improvement: improvement = Sign · (follow-up − baseline).
func (d Direction) Sign() float64 { return float64(d) }

// String returns lower_better or higher_better.
func (d Direction) String() string {
	switch d {
	case LowerBetter:
		return "lower_better"
	case HigherBetter:
		return "higher_better"
	}
	return fmt.Sprintf("Direction(%d)", int8(d))
}

// MarshalText writes the word of String.
func (d Direction) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the word of String.
func (d *Direction) UnmarshalText(text []byte) error {
	for _, known := range []Direction{LowerBetter, HigherBetter} {
		if string(text) == known.String() {
			*d = known
			return nil
		}
	}
	return fmt.Errorf("direction: want lower_better or higher_better")
}

// Status says what became of one score. Its numbers are those of
// record.ScoreStatus and of the store's Enum8.
type Status uint8

// States of a score.
const (
	// Complete: every item that counts was answered.
	Complete Status = 1
	// Prorated: some were missing and the instrument's missing rule filled in.
	Prorated Status = 2
	// Partial: some parts of the result are there and others are not.
	Partial Status = 3
	// Insufficient: too few items were answered for a score.
	Insufficient Status = 4
	// Invalid: a code is out of range or no code, or the count of items is
	// wrong. Never clamped, never shifted, no score.
	Invalid Status = 5
)

var statusWords = [...]string{Complete: "complete", Prorated: "prorated", Partial: "partial", Insufficient: "insufficient", Invalid: "invalid"}

// String returns complete, prorated, partial, insufficient or invalid.
func (s Status) String() string {
	if s >= Complete && s <= Invalid {
		return statusWords[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// MarshalText writes the word of String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the word of String.
func (s *Status) UnmarshalText(text []byte) error {
	for known := Complete; known <= Invalid; known++ {
		if string(text) == known.String() {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("status: want complete, prorated, partial, insufficient or invalid")
}

// TickRule says which code counts where several boxes of one item were ticked.
type TickRule string

// Rules for several ticks. Which applies is the instrument's own convention.
const (
	HighestTick TickRule = "highest"
	LowestTick  TickRule = "lowest"
	// MissingTick treats an item with several different ticks as unanswered.
	MissingTick TickRule = "missing"
)

// Rules that a response can break, as CheckCodes and results name them.
const (
	RuleCodeOutOfRange = "code_out_of_range"
	RuleCodeNotInteger = "code_not_integer"
	RuleWrongItemCount = "wrong_item_count"
	// RuleSumOutOfRange: items that bound each other add up to too much.
	RuleSumOutOfRange = "sum_out_of_range"
	// RuleUnknownAdminMode: the instrument is not put in that way.
	RuleUnknownAdminMode = "unknown_admin_mode"
)

// Flags of a result. Safety flags stand in safety.go.
const (
	// FlagMultiTick: an item had several boxes ticked.
	FlagMultiTick = "multi_tick"
	// FlagSuppliedDiffers: the sender's own score is another than ours, which
	// stands.
	FlagSuppliedDiffers = "supplied_score_differs"
	// FlagDSUNotLoaded: the mapped indices are absent, as their tables are.
	FlagDSUNotLoaded = "dsu_not_loaded"
)

// Reasons why a result's score, or one of its indices, is null.
const (
	// ReasonTooFewAnswers: more items are missing than the missing rule allows.
	ReasonTooFewAnswers = "too_few_answers"
	// ReasonNoSingleScore: the instrument has several scores and no total.
	ReasonNoSingleScore = "no_single_score"
	// ReasonNotApplicable: the score does not apply to the person.
	ReasonNotApplicable = "not_applicable"
	// ReasonCategory: the instrument classifies, the class is in band.
	ReasonCategory = "category"
	// ReasonNeedsAgeSex: a mapped index needs an adult's age, and a sex that is
	// male or female.
	ReasonNeedsAgeSex = "needs_age_sex"
)

// thenPartial is the missing rule by which an incomplete response is partial.
const thenPartial = "partial"
