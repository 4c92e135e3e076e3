// Package mixed fits models of repeated or grouped outcomes: linear mixed models
// with a random intercept, or random intercept and slope (REML and ML, with
// Satterthwaite's or Kenward and Roger's degrees of freedom and the groups'
// predicted effects), MMRM with an unstructured covariance by REML, a logistic
// model with a random intercept (Laplace and adaptive quadrature), and the
// beta-binomial.
//
// The linear models need no rows but sums: a group's Z′Z, Z′X, Z′y and the
// totals, of a random intercept n, Σx and Σy; MMRM the cross-products between
// visits for each set of visits that people have. Rows are reduced to those first.
//
// A variance that the data put at zero is flagged as singular and not an error;
// no function reports the far end of a diverging iteration.
package mixed
