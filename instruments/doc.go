// Package instruments holds the questionnaires as data, one YAML file each, and
// the small set of named rules that score them.
//
// A Definition is looked up by ID and version, scores an Administration into
// integer units (Score.Unit to the point, so that sums over people are exact)
// and says what a change between two scores means (Score.Change). Adding a
// questionnaire is adding a file to definitions; only a new kind of arithmetic
// needs Go, as one entry of the rule table in rules.go.
//
// It never stores a score, never rounds one except where the instrument's own
// rule does, never guesses a version, never shifts or clamps a code, and ships
// no questionnaire wording: every label is a neutral topic of our own.
package instruments

// ID is an instrument's published short name: odi, eq5d5l, nrs_back.
type ID string

// Codes that stand for the want of a code. No item may allow them.
const (
	// Missing is the code of an item that was not answered.
	Missing int16 = -32768
	// Unreadable is the code of an item whose answer was no code at all: a
	// fraction, a text. It makes a response invalid, which Missing does not.
	Unreadable int16 = -32767
)
