// Package sequential looks at results as they come without spending more error
// than was allowed: group sequential boundaries for looks planned beforehand, and
// confidence sequences that hold at every moment.
//
// It never decides to stop: it says what a look may cost and whether a limit was
// crossed.
package sequential
