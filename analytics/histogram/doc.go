// Package histogram holds samples as their distinct values with the number of
// people who have each: what `GROUP BY value` returns, and all that rank tests,
// quantiles, ROC curves and comparisons of variance need of a sample.
//
// It never bins: a value stands for itself, and two samples are merged without
// loss.
package histogram
