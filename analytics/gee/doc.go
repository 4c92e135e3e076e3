// Package gee fits generalised estimating equations: population-average
// regressions of people measured several times, with a working correlation and
// errors that hold when it is wrong.
//
// It never imputes: a visit that is missing is absent, which is valid when it is
// missing completely at random. It makes no correction for few people.
package gee
