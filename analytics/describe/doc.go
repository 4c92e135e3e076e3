// Package describe summarises one sample: mean with its t interval, spread,
// quantiles, shape.
//
// It never drops a missing value: a NaN is an error, the caller filters first.
package describe
