// Package timeseries asks of a monthly series whether it changed: interrupted time
// series with errors that allow for serial correlation, and trend tests by rank.
//
// It never aggregates people to months, fills gaps, or chooses the month of the
// interruption: the caller gives one value a period.
package timeseries
