// Package quantreg fits regressions of quantiles by the simplex method of
// Barrodale and Roberts, exactly: a solution passes through as many points as it
// has coefficients.
//
// It never smooths and never assumes a spread of the residuals. Where several
// solutions are equally good it gives the vertex that the simplex reaches.
package quantreg
