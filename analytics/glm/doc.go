// Package glm fits generalised linear models by maximum likelihood over
// covariate patterns (package cells): Gaussian, binomial, Poisson and negative
// binomial, multinomial and proportional odds, with model-based, robust and
// clustered errors, profile likelihood, Firth's penalty and standardisation.
//
// Each iteration is one pass over the patterns that keeps p×p sums; nothing of
// the size of the rows is decomposed. It never drops a collinear column, never
// reports the far end of a diverging iteration as an estimate, and never prints.
package glm
