// Package instruments holds the questionnaires as data, one YAML file each, and
// the small set of named rules that score them.
//
// It never stores a score, never rounds one except where the instrument's own
// rule does, and ships no questionnaire wording.
package instruments

// ID is an instrument's published short name: odi, eq5d5l, nrs_back.
type ID string

// Missing is the code of an item that was not answered.
const Missing int16 = -32768
