// Package analytics holds what every family of statistics shares: the form of
// an estimate and the errors that say why there is none.
//
// The families are the folders below, each importing only those before it:
//
//	moments    what the store returns: counts, sums, cross-products
//	dist       quantiles and tails of the normal, t, χ², F, binomial and Poisson laws
//	design     R formulas to columns, over rows or over moments
//	describe   one sample
//	twosample  two independent groups
//	paired     two measurements of the same people
//	linear     least squares, robust and clustered errors
//	meta       pooling of estimates
//	funnel     control limits and over-dispersion
//	casemix    case-mix adjusted provider results
//
// Nothing here reads a file, a clock, a database or a context, and nothing logs.
// No function panics on bad input or answers NaN in place of an error, and
// inputs are never modified.
package analytics
