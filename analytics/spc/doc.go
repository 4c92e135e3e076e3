// Package spc draws control charts: single values with their moving ranges (XmR)
// by the rules of NHS England's Making Data Count, exponentially weighted means,
// cumulative sums, and charts of proportions and rates with Laney's correction.
//
// A chart says which points differ from the process as it was, never why. The
// package knows no dates: points come in order, and where periods are missing
// between two of them the caller says so. It never rebases limits by itself, and
// never decides which direction is good: the caller does.
package spc
