// Package schema holds every table of the store: the numbered migrations that
// create them, and the columns that programmes add to episode and outcome.
//
// It never drops or rewrites a column of facts, and never reads or writes a fact.
package schema
