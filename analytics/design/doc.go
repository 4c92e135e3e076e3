// Package design turns an R formula into columns: over the rows of a Table, or
// as moments terms that the store can sum without sending a row.
//
// It speaks the subset + - * : / ^ ( ) 0 1 I() factor() poly() rcs() log() log2()
// log10() log1p() sqrt() exp() abs() pmax() pmin() < <= > >= == != (a comparison of
// numbers is a factor of FALSE and TRUE) with treatment contrasts and R's rule for
// interactions whose main effect is absent; coefficient names are R's. Levels that
// no used row has are dropped, and so are rows with a missing value in a variable
// of the formula.
//
// It never fits anything and never changes the table.
package design
