// Package twosample compares two independent groups.
//
// Differences are group 1 − group 0. It never decides which direction is good.
package twosample
