// Package estimator names the estimators of a comparison of two arms that study
// and cohort share, and turns people into what they run on: patterns of equal
// covariates, so that a file's rows and the store's cells take one path.
//
// It never chooses an estimator or a covariate, never suppresses and never
// reads: whoever asks brings the patterns and discloses the answer.
package estimator
