// Package ksample compares several independent groups: analysis of variance,
// rank tests, spread, ordered alternatives, and all pairs or all against one
// with p-values for so many comparisons.
//
// It works on sizes, means and variances or on histograms, never on rows, and
// never picks the comparisons that look good.
package ksample
