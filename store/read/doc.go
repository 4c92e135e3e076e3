// Package read turns a typed Selection into SQL and returns moments, histograms,
// cells, risk tables or columns of people.
//
// What it returns are plain slices: queries makes of them the forms on which
// analytics works, since the store knows no family of statistics but moments.
// Cells, histograms and risk tables come as one row a distinct pattern, its
// columns side by side in one number (pattern.go), so that a nation's are
// grouped, sent and sorted as fast as one column is. NewFrame asks the same
// statements of any other table.
//
// It never infers: no statistic, model or interval is computed in SQL. What it
// returns is not disclosure controlled: a cell of one is a person, and stays
// inside the service.
package read
