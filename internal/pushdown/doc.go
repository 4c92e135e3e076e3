// Package pushdown holds what the store's readers return to what rows give: the
// golden data sets stand in tables of the engine, and each method that can do
// without people is run on the reduced form that a reader returns and on the
// rows of the file, through the same code of analytics.
//
// It has no code of its own and never judges a method: the golden cases do.
package pushdown
