// Package quasi estimates effects where nobody was randomised but something else
// decided who was treated: an instrument, or a change that some places had and
// others had not.
//
// It never judges whether the instrument or the comparison places are sound; it
// gives the tests that the data allow. Changes over time in one series are in
// package timeseries.
package quasi
