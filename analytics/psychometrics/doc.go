// Package psychometrics says how good a questionnaire is: agreement of two
// measurements, internal consistency of items, and how large a change must be to
// matter to people.
//
// It works on means, variances and covariances, or on histograms. It never scores
// a questionnaire: instruments does.
package psychometrics
