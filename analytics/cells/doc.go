// Package cells holds people grouped by equal covariates: for each pattern how
// many there are and the sums of their outcome and of its square.
//
// That is all that a generalised linear model, a propensity weight or an
// estimator built of the two needs, so the same code runs over rows (patterns of
// one) and over what the store groups. It never fits anything and never changes
// its input.
package cells
