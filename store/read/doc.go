// Package read turns a typed Selection into SQL and returns moments, cells,
// risk sets or columns.
//
// It never infers: no statistic, model or interval is computed in SQL.
package read
