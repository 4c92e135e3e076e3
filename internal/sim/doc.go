// Package sim holds the long simulations behind `make sim`: that intervals cover
// and tests err as often as they say, on programmes whose truth is known. Its
// tests have the build tag sim and write the scoreboard docs/simulations.md.
//
// It never feeds an estimator: each gets the table that an analyst would make.
package sim
