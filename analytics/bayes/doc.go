// Package bayes turns priors that are shown into posteriors: the chance that an
// effect passes a threshold, and how far data speak for or against none.
//
// It draws no random numbers (every posterior is exact or integrated) and hides
// no prior: each is an argument.
package bayes
