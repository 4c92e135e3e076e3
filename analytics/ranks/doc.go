// Package ranks compares samples by the order of their values: Mann–Whitney,
// signed rank and Brunner–Munzel tests, the ROC area, Hodges–Lehmann estimates,
// Kolmogorov–Smirnov distance and exact conditional distributions.
//
// It works on histograms, so that the store can feed it, and never on a normal
// approximation where its name says exact. It never breaks a tie at random.
package ranks
