// Package dist gives tails and quantiles of the laws that tests refer to:
// normal, Student's t, χ², F, beta, binomial and Poisson; and of those that no
// kept library has: the noncentral t, the studentised range, the largest of
// several t, Fisher's noncentral hypergeometric and Kolmogorov's.
//
// Tails are computed as tails, never as one minus the other side, so that a p of
// 1e-200 keeps its digits: relative error under 1e-12 over degrees of freedom 1
// to 1e6 (the tests hold this against 50-digit arithmetic). The incomplete beta
// and gamma functions are our own: gonum v0.17 takes their leading factor from a
// difference of log-gammas, which leaves relative errors of 2e-10 at 10⁶ degrees
// of freedom and of 8e-7 near t = 0; ours use Loader's saddle-point form (2000,
// "Fast and accurate computation of binomial probabilities"), as R does.
//
// It checks nothing and never fails: callers reject NaN and degrees of freedom
// that are not positive beforehand.
package dist
