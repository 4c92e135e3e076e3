// Package sensitivity says how strong an unmeasured confounder would have to be
// to explain an effect away.
//
// It never corrects an estimate: an E-value is a statement about what is
// not known.
package sensitivity
