// Package nhsproms reads NHS England's record-level PROMs files of hip and
// knee replacement: one line is one person's answers before and after an
// operation, with the scores that NHS England computed and predicted.
//
// It never stores the file's own scores as ours, never takes a missing code
// for an answer, and never tells two equal lines apart by anything but their
// number.
package nhsproms
