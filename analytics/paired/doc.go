// Package paired compares two measurements of the same people.
//
// Change is second − first, raw. It never decides which direction is good.
package paired
