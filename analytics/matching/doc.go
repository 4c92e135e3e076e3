// Package matching pairs treated people with the controls nearest to them on
// one number, usually their propensity: greedily without replacement, or with
// replacement and Abadie–Imbens errors.
//
// It needs people, not cells: which of several equal people is taken is part of
// the method. It works on sorted values, so that time grows as n·log n, and never
// keeps a table of distances.
package matching
