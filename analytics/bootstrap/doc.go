// Package bootstrap resamples people, or cells of equal people, and makes
// intervals of the replicates: normal, percentile, basic and BCa.
//
// Each replicate has its own seed, so results are the same bit for bit whatever
// the number of threads. It never resamples what is not independent: give it
// whole clusters as units where people are clustered.
package bootstrap
