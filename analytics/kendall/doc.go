// Package kendall measures how two columns rise together by their ranks alone.
//
// It never orders time or sites for the caller, and draws nothing from a p-value.
package kendall
