// Package moments holds what the store reduces people to: counts, sums and
// cross-products of the columns of a design, exact wherever both columns count
// whole units.
//
// It never sees a row, and infers nothing.
package moments
