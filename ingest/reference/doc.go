// Package reference reads reference data: organisations, deprivation by small
// area, the list of national data opt-outs.
//
// It never stores anything, never keeps an NHS number, and never takes a part of
// a list whose other part it refused.
package reference
