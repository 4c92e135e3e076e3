// Package statistics measures the statistics that the project promises on ten
// million episodes, beside R, statsmodels and DuckDB on the same rows. A time is
// printed only where the numbers are the peer's. It has no code of its own beside
// the benchmark, and never asserts a time.
package statistics
