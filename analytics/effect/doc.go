// Package effect holds what every comparison of a treated and a control arm
// shares: the study reduced to cells, the influence of a person on an estimate,
// and the form of a result with its warnings.
//
// A study is covariate patterns with their count, Σy and Σy², so rows of people
// (patterns of one) and cells that the store grouped take the same path.
//
// It estimates nothing by itself, never drops a person, and its warnings never
// hold a count of people: they may be shown where counts are suppressed.
package effect
