// Package funnel draws control limits around a target for units of different
// size, with and without allowance for over-dispersion, and flags the units
// outside them.
//
// NHS outlier flags are made without the allowance; results carry both, named.
// It never ranks units and never decides which direction is good: a flag says
// low or high on the scale that was given.
package funnel
