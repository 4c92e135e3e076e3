// Package multiplicity adjusts the p-values of several tests made at once.
//
// It never chooses the family of tests nor the error rate: the caller says which
// tests belong together, and reads family-wise or false-discovery control off
// the method's name.
package multiplicity
