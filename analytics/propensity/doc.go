// Package propensity models who was treated and weights people by it: scores,
// overlap, inverse-probability and overlap weights, trimming, and the weighted
// difference of means with errors that account for the estimated score.
//
// It never selects covariates, never hides that the arms do not overlap, and
// never fits an outcome (see doublyrobust).
package propensity
