// Package power plans the size of a study: people needed, power reached, the
// smallest effect that can be seen.
//
// It never rounds: sizes are real numbers, so that they can be multiplied by design
// effects; callers round up at the end.
package power
