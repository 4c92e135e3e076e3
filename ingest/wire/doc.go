// Package wire reads the project's own form of responses, episodes, events and
// patients: JSON objects, one, in an array or one a line. Its table of fields is
// also that of the tabular formats, whose columns have the same names, nested
// ones joined by "_".
//
// It never ignores a field that it does not know, never guesses a date or a
// zone, and never keeps an NHS number.
package wire
